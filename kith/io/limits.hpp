// Limits of io/, with why they are what they are.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>

namespace kith::io {

/// Jobs given to the worker pool and not done yet; whoever has one more waits for a place.
inline constexpr std::size_t work_jobs_max = 4096;

/// How long a listener without free file descriptors waits before it tries again.
inline constexpr Duration accept_pause = 100ms;

/// Connections taken from a listener in a row before other tasks get their turn.
inline constexpr std::size_t accepts_in_a_row_max = 32;

/// A connection that is silent this long is probed, this often, and given up after this many
/// unanswered probes. It only catches hosts that vanished; protocols have keep-alives of their own.
inline constexpr int keepalive_idle_seconds = 60;
inline constexpr int keepalive_interval_seconds = 15;
inline constexpr int keepalive_probes = 4;

/// What the kernel keeps of a connection's bytes before it sends them. More would be a queue that
/// nobody sees: control messages wait behind it, and a slow line looks fast until it is full.
inline constexpr int unsent_bytes_max = 256 * 1024;

/// A symlink's target, read whole.
inline constexpr std::size_t link_target_bytes_max = 64 * 1024;

/// Pieces handed to one pwritev.
inline constexpr std::size_t write_pieces_max = 64;
/// Memory through which a file's bulk goes past the page cache, once there was some.
inline constexpr std::size_t staging_bytes = 1024 * 1024;

/// What a socket for bulk keeps of datagrams that nobody has read yet: those of 60 ms at 500
/// Mbit/s.
inline constexpr int udp_receive_buffer_bytes = 4 * 1024 * 1024;

/// How often a lock's file may be removed in the moment between opening and locking it.
inline constexpr int lock_tries_max = 100;

/// Names asked for at a time; whoever has one more waits for a place.
inline constexpr std::size_t dns_queries_max = 32;
/// What is taken from one answer; the rest is dropped. A name has at most 253 bytes (RFC 1035).
inline constexpr std::size_t dns_addresses_max = 64;
inline constexpr std::size_t dns_texts_max = 64;
inline constexpr std::size_t dns_text_bytes_max = 1024;
inline constexpr std::size_t dns_name_bytes_max = 254;
/// The first try waits this long for a server, later ones longer; then the query has failed.
inline constexpr int dns_try_milliseconds = 2000;
inline constexpr int dns_tries = 3;
/// UDP answers that fit any path unfragmented (DNS flag day 2020); larger ones come by TCP.
inline constexpr int dns_udp_bytes_max = 1232;

/// Unsynced changes that a key-value store holds in memory before it writes them out in one go.
inline constexpr std::size_t held_changes_max = 4096;
inline constexpr std::size_t held_bytes_max = 1024 * 1024;

/// Snapshots of one key-value store at a time, and of these the ones kept for reuse when they end.
inline constexpr unsigned snapshots_max = 1024;
inline constexpr std::size_t snapshots_kept_max = 64;
static_assert(snapshots_kept_max <= snapshots_max);

}  // namespace kith::io
