// The limits of websocket*.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>

namespace kith::http {

/// RFC 6455, section 5.2: two bytes, a long length, a mask; and section 5.5: what a control frame
/// may carry.
inline constexpr std::size_t websocket_head_bytes_max = 14;
inline constexpr std::size_t websocket_control_bytes_max = 125;

/// Of one message that comes, all its fragments together. It is handed on as it comes, so this is
/// no memory; what sends more in one is no peer of ours (rust-libp2p's limit).
inline constexpr std::uint64_t websocket_message_bytes_max = std::uint64_t{256} << 20;
/// Of one message that we send. js-libp2p keeps a message whole before it looks at it.
inline constexpr std::size_t websocket_sent_message_bytes_max = 256 * 1024;
static_assert(websocket_sent_message_bytes_max <= websocket_message_bytes_max);

/// Frames that bring no data (pings, pongs, empty ones) within the interval. Honest peers send some
/// a minute.
inline constexpr std::size_t websocket_idle_frames_max = 200;
inline constexpr Duration websocket_idle_frames_interval = 10s;
/// By when the answer to a ping or a close must be taken: who doesn't listen may not ask.
inline constexpr Duration websocket_control_timeout = 10s;

/// Start line and fields of a request or an answer that opens a WebSocket. Browsers send cookies.
inline constexpr std::size_t websocket_handshake_bytes_max = 16 * 1024;
inline constexpr std::size_t websocket_handshake_fields_max = 64;

/// One read of bytes that are handed out without a copy.
inline constexpr std::size_t websocket_read_bytes_min = 2 * 1024;
inline constexpr std::size_t websocket_read_bytes_max = 64 * 1024;
static_assert(websocket_read_bytes_min > websocket_head_bytes_max + websocket_control_bytes_max);

/// WebSocketMessages: of one message that is kept whole, and of text that waits to be written.
inline constexpr std::size_t websocket_whole_message_bytes_max = 5 << 20;
inline constexpr std::size_t websocket_waiting_bytes_max = 16 << 20;
/// For each piece of a message that is written (geth's).
inline constexpr Duration websocket_write_timeout = 10s;
/// Silence after which the peer is asked whether it is there, and has as long to answer (geth's).
inline constexpr Duration websocket_ping_interval = 30s;

/// Masks that are drawn at a time.
inline constexpr std::size_t websocket_masks_drawn = 16;

}  // namespace kith::http
