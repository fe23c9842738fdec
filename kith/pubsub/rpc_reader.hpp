// RpcReader: RPCs from a stream, without their lengths. Memory grows with what has come, so that a
// length alone costs us nothing, and beyond a first piece it counts in a ReadingRoom, for which a
// stream waits; one that stops in the middle of an RPC loses its place in time. The stream and the
// room outlive it. Loop thread only.
#pragma once

#include <kith/base/budget.hpp>
#include <kith/port/event.hpp>
#include <kith/port/stream.hpp>
#include <kith/pubsub/limits.hpp>

namespace kith::pubsub {

struct ReadingRoom {
  explicit ReadingRoom(port::Clock& clock, std::uint64_t bytes = reading_bytes_max)
      : budget(bytes), freed(clock) {}
  Budget budget;
  port::Event freed;
};

class RpcReader {
 public:
  RpcReader(port::Stream& stream, ReadingRoom& room) noexcept : stream_(stream), room_(room) {}

  /// The next one. Errc::closed at a clean end, Errc::end_of_stream at one inside,
  /// Errc::limit_exceeded for one that is too long, Errc::timed_out for one that doesn't go on
  /// coming.
  Task<Buffer> next();

 private:
  Task<std::size_t> read_length();
  Task<void> fill(Instant deadline);
  Task<Buffer> read_parts(std::size_t length);
  Task<void> hold(std::size_t bytes, Reservation& held, Instant deadline);

  port::Stream& stream_;
  ReadingRoom& room_;
  Buffer held_;
};

}  // namespace kith::pubsub
