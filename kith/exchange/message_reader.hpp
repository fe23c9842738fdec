// MessageReader: Bitswap messages from a stream, telling of bytes as they come: a block of 2 MiB
// may take longer on a slow link than an idle peer is given. Memory grows with what has come, so
// that a length alone costs us nothing, and counts in a MessageRoom from then until the next
// message is asked for. The stream and the room outlive it. Loop thread only.
#pragma once

#include <functional>

#include <kith/exchange/limits.hpp>
#include <kith/exchange/message_room.hpp>
#include <kith/port/clock.hpp>
#include <kith/port/stream.hpp>

namespace kith::exchange {

class MessageReader {
 public:
  /// `on_bytes` is called as parts of a message come that is large enough to hold blocks.
  MessageReader(port::Stream& stream, port::Clock& clock, MessageRoom& room,
                const multiformats::PeerId& peer, std::function<void(std::size_t)> on_bytes)
      : stream_(stream), clock_(clock), hold_(room, peer), on_bytes_(std::move(on_bytes)) {}

  /// The next message without its length. Errc::closed at a clean end, Errc::end_of_stream at an
  /// end inside, Errc::limit_exceeded for a longer message than allowed or without room,
  /// Errc::timed_out when a message stops coming for message_timeout, or comes more slowly than
  /// send_rate_min.
  Task<Buffer> next();

 private:
  Task<std::size_t> read_length();
  Task<void> fill(Instant deadline);

  port::Stream& stream_;
  port::Clock& clock_;
  MessageRoom::Hold hold_;
  std::function<void(std::size_t)> on_bytes_;
  Buffer held_;
};

}  // namespace kith::exchange
