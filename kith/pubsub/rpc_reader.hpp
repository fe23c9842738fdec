// RpcReader: RPCs from a stream, without their lengths. Memory grows with what has come, so that a
// length alone costs us nothing, and beyond a first piece it counts in a ReadingRoom, for which a
// stream waits, which doesn't count as its fault; one that stops in the middle of an RPC loses its
// place in time. A peer has its share of the room, on however many streams. The stream and the room
// outlive it. Loop thread only.
#pragma once

#include <map>

#include <kith/base/budget.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/port/event.hpp>
#include <kith/port/stream.hpp>
#include <kith/pubsub/limits.hpp>

namespace kith::pubsub {

struct ReadingRoom {
  explicit ReadingRoom(port::Clock& clock, std::uint64_t bytes = reading_bytes_max)
      : budget(bytes), freed(clock) {}
  Budget budget;
  /// What each peer has of it, at most reading_bytes_per_peer_max.
  std::map<multiformats::PeerId, std::size_t> by_peer{};
  port::Event freed;
};

class RpcReader {
 public:
  RpcReader(port::Stream& stream, ReadingRoom& room, const multiformats::PeerId& peer) noexcept
      : stream_(stream), room_(room), peer_(peer) {}

  /// The next one. Errc::closed at a clean end, Errc::end_of_stream at one inside,
  /// Errc::limit_exceeded for one that is too long, Errc::timed_out for one that doesn't go on
  /// coming.
  Task<Buffer> next();

 private:
  Task<std::size_t> read_length();
  Task<void> fill(Instant deadline);
  Task<Buffer> read_parts(std::size_t length);
  Task<void> hold(std::size_t bytes, Reservation& held);
  void let_go(Reservation& held);

  port::Stream& stream_;
  ReadingRoom& room_;
  multiformats::PeerId peer_;
  Buffer held_;
};

}  // namespace kith::pubsub
