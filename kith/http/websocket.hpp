// WebSocket: messages over a connection that began as an HTTP request (RFC 6455). The pure part:
// what the opening handshake's heads say, and frames.
//
//   +-+-----+------+-+-------+-------------------+--------+---------+
//   |F|R R R|opcode|M|length | longer length     | mask   | payload |
//   |1|  3  |  4   |1|   7   | 0, 16 or 64 bits  | 0 or 32|         |   bits
//   +-+-----+------+-+-------+-------------------+--------+---------+
//
//   opcode 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong
//   message = data frame of F=0, continuations of F=0, a continuation of F=1; or one frame of F=1
//
// Payload is found in place and handed on as it comes: who reads a flow of bytes
// (WebSocketStream) asks nothing about where messages end, and takes binary ones alone; who reads
// messages (WebSocketMessages) takes both kinds. Refused: reserved bits (no extension is ever
// agreed on), unknown opcodes, a client's frame without mask and a server's with one, lengths that
// are longer than they need be, control frames in fragments or of more than 125 bytes,
// continuations of nothing, a message inside another one, and too many frames that bring no data.
// Not here: whether text is UTF-8 (its reader's to say), extensions (permessage-deflate),
// subprotocols. A close frame's reason is never shown and so not checked to be UTF-8.
// No I/O, no clock, no randomness; thread: any, one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/http/message.hpp>
#include <kith/http/websocket_limits.hpp>

namespace kith::http {

enum class WebSocketError {
  no_upgrade = 1,       ///< an HTTP request that asks for no WebSocket
  bad_request,          ///< asks for one, not as RFC 6455, section 4.2.1 has it
  unsupported_version,  ///< not 13
  not_allowed,          ///< refused by our own policy
  bad_answer,           ///< the server's answer isn't that of section 4.2.2
  reserved_bits,
  unknown_opcode,
  bad_mask,    ///< there where it mustn't be, or not there where it must
  bad_length,  ///< longer than it need be, or of more than 63 bits
  bad_control_frame,
  bad_close,         ///< half a code, or one that is never sent
  bad_continuation,  ///< of nothing, or missing
  text_message,
  message_too_large,
  flooded,        ///< too many frames without data
  peer_complains  ///< closed with a code that tells of a fault
};
const ErrorDomain& error_domain(WebSocketError) noexcept;

enum class WebSocketRole : std::uint8_t { client, server };
/// Which messages are taken.
enum class WebSocketKind : std::uint8_t { binary, any };

// The opening handshake.

/// The Sec-WebSocket-Key of 16 random bytes.
std::string websocket_key(const std::array<std::uint8_t, 16>& random);
/// The Sec-WebSocket-Accept that answers a key.
std::string websocket_accept(std::string_view key);

/// A client's request. `host`: with the port, unless that is the scheme's own.
RequestHead websocket_request(std::string host, std::string target, std::string key);
/// Whether a request asks for a WebSocket at all, well or badly.
bool asks_for_websocket(const RequestHead& head) noexcept;
/// What a server answers: the head of status 101. WebSocketError::no_upgrade, bad_request,
/// unsupported_version. Host and Origin are the caller's to judge: a page of any origin may open a
/// WebSocket to any server.
std::expected<ResponseHead, WebSocketError> answer_websocket(const RequestHead& request);
/// The head that tells a client why not; no body follows.
ResponseHead refuse_websocket(WebSocketError why);
/// Checks a server's answer to a request with `key`: WebSocketError::bad_answer.
std::expected<void, WebSocketError> check_websocket_answer(const ResponseHead& answer,
                                                           std::string_view key);

// Frames.

enum class WebSocketOpcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10,
};

/// Reasons of a close frame (section 7.4.1).
inline constexpr std::uint16_t websocket_close_normal = 1000;
inline constexpr std::uint16_t websocket_close_going_away = 1001;
inline constexpr std::uint16_t websocket_close_protocol_error = 1002;
inline constexpr std::uint16_t websocket_close_unsupported = 1003;
inline constexpr std::uint16_t websocket_close_policy = 1008;
inline constexpr std::uint16_t websocket_close_too_large = 1009;
/// Stands for a close frame that gave none; never sent.
inline constexpr std::uint16_t websocket_close_none = 1005;
/// Whether a close frame with this code tells of an end, and not of a fault.
bool websocket_closed_well(std::uint16_t code) noexcept;
/// What a peer is told of its fault.
std::uint16_t websocket_close_code(WebSocketError why) noexcept;

using WebSocketMask = std::array<std::uint8_t, 4>;

/// Masks or unmasks in place. `offset`: how many bytes of the payload stand before these.
void websocket_mask(MutableBytes bytes, const WebSocketMask& mask,
                    std::uint64_t offset = 0) noexcept;
/// The same from one place to another one that doesn't overlap; `to` is at least as long.
void websocket_mask_copy(MutableBytes to, ByteView from, const WebSocketMask& mask,
                         std::uint64_t offset = 0) noexcept;

/// What stands before a payload.
class WebSocketFrameHead {
 public:
  /// Clients mask, servers don't. `last`: of its message.
  WebSocketFrameHead(WebSocketOpcode opcode, std::uint64_t payload_bytes,
                     const std::optional<WebSocketMask>& mask, bool last = true) noexcept;
  ByteView bytes() const noexcept { return ByteView(storage_).first(size_); }

 private:
  std::array<std::uint8_t, websocket_head_bytes_max> storage_{};
  std::size_t size_ = 2;
};

/// A control frame as a whole; `payload` has at most websocket_control_bytes_max bytes (asserted).
Bytes websocket_control_frame(WebSocketOpcode opcode, ByteView payload,
                              const std::optional<WebSocketMask>& mask);
Bytes websocket_close_frame(std::uint16_t code, const std::optional<WebSocketMask>& mask);

/// Finds payload and control frames in what the peer sends.
class WebSocketReceiver {
 public:
  /// `role`: ours.
  explicit WebSocketReceiver(WebSocketRole role,
                             std::uint64_t message_bytes_max = websocket_message_bytes_max,
                             WebSocketKind kind = WebSocketKind::binary) noexcept
      : role_(role), kind_(kind), message_bytes_max_(message_bytes_max) {}

  struct Control {
    WebSocketOpcode opcode;
    ByteView payload;  ///< lives until next() is called again
  };
  struct Step {
    std::size_t taken = 0;      ///< of the input, payload included
    MutableBytes payload;       ///< the end of what was taken, unmasked; may be empty
    bool ends_message = false;  ///< with this payload
    std::optional<Control> control;
  };
  /// Takes bytes up to the first that are payload and those that follow them in the same frame, or
  /// to the end of a control frame or of a message without payload, or all. Call it again with the
  /// rest, but after an error. Behind a close frame everything is taken for nothing.
  std::expected<Step, WebSocketError> next(MutableBytes in, Instant now);

  /// The code of the peer's close frame, once that has come.
  std::optional<std::uint16_t> closed() const noexcept { return close_code_; }
  /// In the middle of a frame or a message, where no peer ends on purpose.
  bool inside_message() const noexcept {
    return head_size_ != 0 || payload_left_ != 0 || continued_;
  }

 private:
  std::expected<void, WebSocketError> check_start() const noexcept;
  std::expected<void, WebSocketError> read_head(Instant now) noexcept;
  std::expected<void, WebSocketError> count_idle(Instant now) noexcept;
  std::expected<void, WebSocketError> end_control() noexcept;
  std::size_t head_bytes() const noexcept;
  bool is_control() const noexcept { return static_cast<std::uint8_t>(opcode_) >= 8; }

  WebSocketRole role_;
  WebSocketKind kind_;
  std::uint64_t message_bytes_max_;

  std::array<std::uint8_t, websocket_head_bytes_max> head_{};
  std::size_t head_size_ = 0;  ///< of a head that isn't complete yet
  WebSocketOpcode opcode_ = WebSocketOpcode::continuation;
  WebSocketMask mask_{};
  std::uint64_t payload_left_ = 0;  ///< of the present frame
  std::uint64_t payload_offset_ = 0;
  bool continued_ = false;           ///< the present message has more frames to come
  std::uint64_t message_bytes_ = 0;  ///< announced so far

  std::array<std::uint8_t, websocket_control_bytes_max> control_{};
  std::size_t control_size_ = 0;
  std::optional<std::uint16_t> close_code_;

  std::size_t idle_frames_ = 0;
  Instant idle_since_{};
};

}  // namespace kith::http
