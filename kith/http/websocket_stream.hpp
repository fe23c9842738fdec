// WebSocketStream: binary WebSocket messages over some stream, as a flow of bytes; and the opening
// handshake that makes one, for both sides (websocket.hpp has what it means).
//
// A write is a message, or several of websocket_sent_message_bytes_max; what is read knows nothing
// of messages. Payload is unmasked where it was read. Nothing is kept in memory but the answer to
// the latest ping: pings before it go unanswered, as RFC 6455, section 5.5.3 allows. The reader
// sends pongs, or the writer behind its message if it is at work.
//
// WebSocket has no half-close. close_write() sends a close frame with code 1000; what the peer had
// sent before its answer can be read, then comes the end. A peer's close frame (1000, 1001, or no
// code) is the end too, is answered, and nothing can be written any more: Errc::closed. Other codes
// are WebSocketError::peer_complains. A peer that leaves between two messages without a close frame
// has ended all the same, as browsers do: what is carried has a goodbye of its own.
//
// A fault of the peer is a WebSocketError at the reader, and told in a close frame. A write that
// fails, or is cancelled, ends all writing: a part of a frame may have gone. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <kith/http/websocket.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/stream.hpp>

namespace kith::http {

class WebSocketStream final : public port::Stream {
 public:
  /// After the handshake. `received`: what was read beyond it.
  WebSocketStream(port::Env& env, port::StreamPtr inner, WebSocketRole role, Buffer received);

  Task<std::size_t> read_some(MutableBytes into, Instant deadline = never) override;
  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline = never) override;
  Task<void> write(ByteView bytes, Instant deadline = never) override;
  Task<void> write_all(std::span<const ByteView> pieces, Instant deadline = never) override;
  Task<void> close_write(Instant deadline = never) override;
  void reset() noexcept override { inner_->reset(); }

 private:
  class Turn;

  Task<MutableBytes> read_payload(MutableBytes room, Instant deadline);
  Result<MutableBytes> decode(MutableBytes received);
  Result<MutableBytes> ended();
  Task<void> wait_for_turn(Instant deadline);
  Task<void> write_message(std::span<const ByteView> pieces, std::size_t size, Instant deadline);
  Task<void> put(std::span<const ByteView> pieces, Instant deadline);
  Task<void> answer();
  Task<void> send_answers();
  Task<void> send_close(std::uint16_t code, Instant deadline);
  std::optional<WebSocketMask> next_mask();

  port::Env& env_;
  port::StreamPtr inner_;
  WebSocketRole role_;
  WebSocketReceiver receiver_;
  Buffer received_;  ///< read by somebody else, not looked at yet
  std::size_t read_bytes_ = websocket_read_bytes_min;
  std::optional<Error> read_failure_;

  bool writing_ = false;
  port::Event turn_;  ///< writing_ has become false
  std::optional<Error> write_failure_;
  std::optional<Bytes> pong_;               ///< due
  std::optional<std::uint16_t> close_due_;  ///< with this code, and not sent yet
  bool close_sent_ = false;
  bool inner_closed_ = false;
  Bytes masks_;
};

/// The client's handshake: what a request asks for, and `host` as its Host field has it. The stream
/// dies with a handshake that fails: HttpError, WebSocketError::bad_answer, Errc::end_of_stream,
/// timed_out.
Task<std::unique_ptr<WebSocketStream>> websocket_connect(port::Env& env, port::StreamPtr stream,
                                                         std::string host, std::string target,
                                                         Instant deadline);

/// Who comes in at a server.
struct WebSocketDoor {
  /// Whether this request may have its WebSocket; everybody's if it is empty.
  std::function<bool(const RequestHead& request)> allows{};
  /// Takes requests that ask for no WebSocket: a stream that begins with the request. Without it
  /// they are answered with status 426.
  std::function<void(port::StreamPtr stream)> plain{};
};

/// The server's handshake. `received`: what was read already. The stream dies with a handshake that
/// fails, after the client was told why: HttpError, WebSocketError, Errc::end_of_stream, timed_out.
/// WebSocketError::no_upgrade also if `door.plain` has taken it.
Task<std::unique_ptr<WebSocketStream>> websocket_accept(port::Env& env, port::StreamPtr stream,
                                                        Buffer received, WebSocketDoor door,
                                                        Instant deadline);

}  // namespace kith::http
