// Limits of yamux.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>

namespace kith::net {

inline constexpr std::size_t yamux_header_bytes = 12;
/// Every stream's window to begin with; the specification's, not ours to choose.
inline constexpr std::uint32_t yamux_window_bytes_initial = 256 * 1024;
/// Data frames that we send: large enough that headers cost nothing and a receiver can hand the
/// payload on uncopied, small enough that a stream waits for at most this much of each other one.
/// With its header it fits one Noise message. (16 KiB, rust-yamux's choice, made noise_yamux 8 %
/// slower.)
inline constexpr std::size_t yamux_frame_payload_bytes_max = 65'500;
/// What is encrypted and written at a time. A short message waits behind one such batch.
inline constexpr std::size_t yamux_batch_bytes = 192 * 1024;

/// Inbound streams that nobody has accepted yet, and outbound ones that the peer hasn't
/// acknowledged (specification, "ACK backlog & backpressure").
inline constexpr std::size_t yamux_accept_backlog_max = 256;
inline constexpr std::size_t yamux_ack_backlog_max = 256;
/// Replies that wait because the peer doesn't read. Pings beyond are dropped, as go-yamux does;
/// streams that must be refused beyond are an attack.
inline constexpr std::size_t yamux_pongs_max = 32;
inline constexpr std::size_t yamux_resets_queued_max = 4096;

/// A stream whose owner has closed it and reads no more waits for the peer's end this long, and
/// drops this much of what still comes, before it is reset.
inline constexpr Duration yamux_linger_time = 30s;
inline constexpr std::size_t yamux_linger_bytes_max = 64 * 1024;

inline constexpr Duration yamux_ping_interval = 30s;
/// Without any byte for so long after a ping, the connection is dead.
inline constexpr Duration yamux_ping_timeout = 30s;
/// A batch that isn't taken for so long ends the connection.
inline constexpr Duration yamux_write_timeout = 60s;
/// How long close() waits for what is queued, and for the peer's end.
inline constexpr Duration yamux_close_time = 1s;

/// A received piece smaller than this part of the memory that it lies in is copied out of it, so
/// that memory held is at most this many times the bytes that windows count.
inline constexpr std::size_t yamux_slab_share = 2;
/// Copied pieces are collected in blocks of this size.
inline constexpr std::size_t yamux_block_bytes = 4 * 1024;

/// Set by the swarm.
struct YamuxLimits {
  std::size_t streams_inbound_max = 1024;
  /// How far a stream's receive window may grow.
  std::uint32_t window_bytes_max = 16 * 1024 * 1024;
  /// What all streams of a connection may hold and promise together, and each by itself.
  std::uint64_t memory_bytes_max = std::uint64_t{64} << 20;
  std::uint64_t stream_memory_bytes_max = UINT64_MAX;
};

static_assert(yamux_frame_payload_bytes_max + yamux_header_bytes <= yamux_batch_bytes);
static_assert(yamux_frame_payload_bytes_max <= yamux_window_bytes_initial);
static_assert(yamux_accept_backlog_max < yamux_resets_queued_max);

}  // namespace kith::net
