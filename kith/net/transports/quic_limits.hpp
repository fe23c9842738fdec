// Limits of QUIC.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>
#include <kith/port/net.hpp>

namespace kith::net {

/// The ids that we give, by which datagrams find their connection: too many to be guessed.
inline constexpr std::size_t quic_id_bytes = 8;
/// What RFC 9000 allows (section 17.2).
inline constexpr std::size_t quic_id_bytes_max = 20;
/// Of an Initial packet's datagram at least (RFC 9000, 14.1), so that our answer isn't larger.
inline constexpr std::size_t quic_initial_bytes_min = 1200;

/// Receive windows to begin with, which nothing is reserved for: what go-libp2p begins with.
inline constexpr std::uint64_t quic_stream_window_bytes = 512 * 1024;
inline constexpr std::uint64_t quic_connection_window_bytes = 768 * 1024;
/// How far a stream's may grow, as the budget allows; 16 MiB are 1 GB/s at 16 ms.
inline constexpr std::uint64_t quic_stream_window_bytes_max = std::uint64_t{16} << 20;
/// Counted for every stream, beside its data.
inline constexpr std::uint64_t quic_stream_overhead_bytes = 1024;
/// How long ago credit was last given if it was used up so fast that a larger window would help.
inline constexpr int quic_round_trips_before_growth = 4;

/// What a stream holds of what it has sent, or is to send, until the peer has acknowledged it: this
/// much, or twice the congestion window if that is more, up to the last. When all streams of a
/// connection together hold more than the third and than one stream may, each has the fourth.
inline constexpr std::size_t quic_send_bytes = 128 * 1024;
inline constexpr std::size_t quic_send_bytes_max = std::size_t{16} << 20;
inline constexpr std::size_t quic_send_bytes_together = 1024 * 1024;
inline constexpr std::size_t quic_send_bytes_each = 16 * 1024;
/// Blocks that are sent from and received into; the first ones of a stream are smaller.
inline constexpr std::size_t quic_block_bytes = 64 * 1024;
inline constexpr std::size_t quic_block_bytes_min = 4 * 1024;

/// Whatever the limits of a connection say.
inline constexpr std::size_t quic_streams_inbound_max = 65'536;

/// A stream whose owner has closed it and reads no more waits for the peer's end this long, and
/// drops this much of what still comes, before the peer is told to stop.
inline constexpr Duration quic_linger_time = 30s;
inline constexpr std::uint64_t quic_linger_bytes_max = 64 * 1024;

/// go-libp2p's.
inline constexpr Duration quic_idle_timeout = 30s;
inline constexpr Duration quic_keep_alive_interval = 15s;
/// A message of a peer's TLS handshake: its certificate is the longest, with some hundred bytes.
inline constexpr std::size_t quic_handshake_message_bytes_max = 16 * 1024;
/// Of a handshake for which the terms set no deadline.
inline constexpr Duration quic_handshake_timeout = 10s;
/// How long close() waits for the peer to acknowledge what is queued.
inline constexpr Duration quic_close_time = 1s;

/// What one connection sends before others have their turn: one system call's worth.
inline constexpr std::size_t quic_batch_bytes = port::udp_coalesced_bytes_max;
/// What goes out between two pauses on a way on which a batch takes less than a millisecond. Twice
/// this still fits into the receive buffer that Linux gives a socket.
inline constexpr std::size_t quic_burst_bytes = 2 * (quic_batch_bytes - 4 * 1024);
/// How exact timers are that don't pace what is sent (RFC 9002, 6.1.2).
inline constexpr Duration quic_timer_granularity = 1ms;
/// Batches that are received at a time.
inline constexpr std::size_t quic_receive_batches = 8;

/// Of one socket: strangers whose first datagram has come and whose handshake hasn't ended. From
/// the first number on they must show that they receive what is sent to their address (Retry), from
/// the second on they are dropped.
inline constexpr std::size_t quic_retry_from = 64;
inline constexpr std::size_t quic_half_open_max = 512;
/// Strangers whom nobody has accepted yet.
inline constexpr std::size_t quic_accept_backlog_max = 128;
/// Datagrams that are kept of a stranger until it is accepted.
inline constexpr std::size_t quic_early_datagrams_max = 4;
/// How long the token of a Retry is good.
inline constexpr Duration quic_retry_token_time = 10s;
/// Datagrams of a socket that belong to no connection (refusals, resets, goodbyes) and wait to be
/// sent; more are dropped.
inline constexpr std::size_t quic_replies_max = 256;
/// Stateless resets a second.
inline constexpr std::size_t quic_resets_per_second = 100;
/// Ended connections whose goodbye is repeated to a peer that hasn't heard it, and for how long.
inline constexpr std::size_t quic_goodbyes_max = 256;
inline constexpr Duration quic_goodbye_time = 3s;

/// Datagrams that punch a hole into a NAT, and how far apart they are. A peer that they get through
/// to takes longer ones for packets of a connection that it has lost, and answers with a reset.
inline constexpr std::size_t quic_punch_bytes = 40;
inline constexpr Duration quic_punch_interval_min = 10ms;
inline constexpr Duration quic_punch_interval_max = 200ms;

static_assert(quic_punch_interval_min < quic_punch_interval_max);
static_assert(quic_connection_window_bytes >= quic_stream_window_bytes);
static_assert(quic_send_bytes_each <= quic_send_bytes && quic_send_bytes <= quic_send_bytes_max);
static_assert(quic_retry_from < quic_half_open_max);
static_assert(quic_accept_backlog_max <= quic_half_open_max);
static_assert(quic_keep_alive_interval < quic_idle_timeout);
static_assert(quic_id_bytes <= quic_id_bytes_max);

}  // namespace kith::net
