// The limits of the pool and of its protocol, and why they are what they are. What an operator may
// want otherwise is in PoolOptions (pool_options.hpp); this is what strangers can make us hold.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>

namespace kith::ledger {

// The pool.

/// A transaction's encoding at most, as geth has it: larger ones cost too much to pass on.
inline constexpr std::size_t pool_transaction_bytes_max = 128 * 1024;
/// What the pool counts in: a transaction takes a slot for each begun 32 KiB.
inline constexpr std::size_t pool_slot_bytes = 32 * 1024;
/// Events that nobody has taken yet, of each kind.
inline constexpr std::size_t pool_events_max = 65'536;
/// How often the queue is looked through for what has become too old.
inline constexpr Duration pool_expiry_interval = 1min;

// The journal.

/// A journal's bytes at most: more than a pool of the usual size could hold.
inline constexpr std::size_t journal_bytes_max = std::size_t{256} << 20;
/// It is to be written anew once it has grown by that much and to twice its size.
inline constexpr std::size_t journal_growth_bytes = 1 << 20;

// On the wire (the numbers are those of eth/68 where it has one).

inline constexpr std::size_t announcement_hashes_max = 4096;
inline constexpr std::size_t announcement_bytes_max = 256 * 1024;
inline constexpr std::size_t request_hashes_max = 256;
inline constexpr std::size_t request_bytes_max = 16 * 1024;
/// Who answers adds no further transaction once the answer has so many bytes.
inline constexpr std::size_t reply_bytes_soft_max = 2 << 20;
/// So the last one may go beyond it, and no further.
inline constexpr std::size_t reply_bytes_max =
    reply_bytes_soft_max + pool_transaction_bytes_max + 1024;
/// One more for the kind.
inline constexpr std::size_t gossip_message_bytes_max = reply_bytes_max + 1;
static_assert(announcement_bytes_max < gossip_message_bytes_max);
static_assert(announcement_hashes_max * (33 + 1 + 4) < announcement_bytes_max);
static_assert(request_hashes_max * 33 + 16 < request_bytes_max);

// The fetcher and the announcer.

inline constexpr std::size_t gossip_peers_max = 512;
/// Announcements of one peer that are remembered, asked for or not; further ones are ignored.
inline constexpr std::size_t announcements_per_peer_max = 4096;
/// Of all peers, some 50 MB: where it isn't enough for all, each has its share.
inline constexpr std::size_t announcements_max = 131'072;
inline constexpr std::size_t announcements_share_min = 64;
static_assert(announcements_max / gossip_peers_max >= announcements_share_min);
/// Hashes that a peer may announce at once, and in a second from then on: all of a full pool, and
/// more than any chain includes.
inline constexpr std::uint64_t announce_burst = 16'384;
inline constexpr std::uint64_t announce_rate = 2'000;
/// What a message counts beside its hashes, so that many small ones aren't for nothing.
inline constexpr std::uint64_t announce_message_price = 16;
/// Hashes that the pool didn't want, so that they aren't fetched again, and as many older ones.
inline constexpr std::size_t refused_hashes_max = 16'384;
/// For so long, or twice that: what paid too little may pay enough then.
inline constexpr Duration refused_hashes_lifetime = 5min;
/// Hashes that a peer is known to know, and as many again that are about to be forgotten.
inline constexpr std::size_t known_hashes_max = 16'384;
/// Hashes that wait to be announced to a peer; further ones aren't told to it.
inline constexpr std::size_t announce_queue_max = 8192;

}  // namespace kith::ledger
