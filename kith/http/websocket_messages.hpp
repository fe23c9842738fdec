// WebSocketMessages: whole WebSocket messages over a connection whose handshake is over, as
// JSON-RPC is spoken (RFC 6455; websocket.hpp has its frames).
//
// Two tasks share it. One calls read() again and again; the other is run(), which alone writes:
// what was queued, answers to pings, a ping when nothing was said for a while, the close frame. It
// is the owner's to spawn and to join.
//
//   read()  a message of text or bytes in one piece, at most `message_bytes_max` of it
//   send()  queues text; false once more than `waiting_bytes_max` would wait. What then: the owner
//           knows whether the peer can miss a message
//
// The peer that takes nothing for `write_timeout`, or answers no ping within another
// `ping_interval`, is reset. Its close frame is answered, and is the end of reading; its fault is
// told to it in ours and is the error of read(). Loop thread only.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include <kith/http/websocket.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/stream.hpp>

namespace kith::http {

struct WebSocketMessagesLimits {
  std::size_t message_bytes_max = websocket_whole_message_bytes_max;
  std::size_t waiting_bytes_max = websocket_waiting_bytes_max;
  Duration write_timeout = websocket_write_timeout;
  Duration ping_interval = websocket_ping_interval;
};

class WebSocketMessages {
 public:
  /// `stream` outlives it.
  WebSocketMessages(port::Env& env, port::Stream& stream, WebSocketRole role,
                    const WebSocketMessagesLimits& limits);
  WebSocketMessages(const WebSocketMessages&) = delete;
  WebSocketMessages& operator=(const WebSocketMessages&) = delete;

  /// The next message; nothing once the peer has closed. WebSocketError for its faults;
  /// Errc::reset, cancelled.
  Task<std::optional<std::string>> read();

  /// False, and nothing is queued, if too much waits or the end has come.
  bool send(std::string text);
  std::size_t waiting_bytes() const noexcept { return waiting_bytes_; }
  /// Returns when less than `bytes` wait to be written; Errc::closed when nothing is written any
  /// more.
  Task<void> wait_for_room(std::size_t bytes);

  /// Queues a close frame behind what waits; nothing is queued behind it.
  void close(std::uint16_t code = websocket_close_normal);
  /// Writes until the close frame has gone (closing our side of the stream then) or the stream
  /// fails, which resets it.
  Task<void> run();

 private:
  struct Frame {
    WebSocketOpcode opcode;
    std::string payload;
  };

  Result<void> take(MutableBytes received);
  void queue(Frame frame);
  Task<void> write(Frame frame);
  Task<void> write_all();

  port::Env& env_;
  port::Stream& stream_;
  WebSocketRole role_;
  WebSocketMessagesLimits limits_;
  WebSocketReceiver receiver_;
  Bytes raw_;  ///< received, not looked at yet from raw_begin_ on
  std::size_t raw_begin_ = 0;
  std::string message_;
  bool message_ended_ = false;
  Instant heard_;

  std::deque<Frame> frames_;
  std::size_t waiting_bytes_ = 0;
  bool closing_ = false;  ///< the close frame is queued
  bool ended_ = false;    ///< nothing is written any more
  port::Event queued_;
  port::Event written_;
};

}  // namespace kith::http
