// The limits of Bitswap, and why they are what they are.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>
#include <kith/ipld/block.hpp>
#include <kith/transfer/limits.hpp>

namespace kith::exchange {

/// A message without its length prefix (ipfs/specs src/bitswap-protocol.md, 1.0.0 protocol format).
inline constexpr std::size_t message_bytes_max = 4 * 1024 * 1024;

/// What a decoded message may hold. On the wire an entry can take 8 bytes and in memory about 64,
/// so a message without these limits could grow eightfold.
inline constexpr std::size_t message_wants_max = 65'536;
inline constexpr std::size_t message_presences_max = 65'536;
inline constexpr std::size_t message_blocks_max = 16'384;

/// Memory for a message starts with this and doubles as it fills, so that a length alone costs us
/// nothing.
inline constexpr std::size_t message_first_bytes = 256 * 1024;

// Server.

/// Wants that are remembered for one peer (boxo: MaxQueuedWantlistEntiresPerPeer).
inline constexpr std::size_t wants_per_peer_max = 1024;
/// HAVE and DONT_HAVE answers that wait for one peer; later ones are dropped.
inline constexpr std::size_t presences_per_peer_max = 4096;
/// A want-have for a block of at most this size is answered with the block (boxo:
/// DefaultWantHaveReplaceSize).
inline constexpr std::size_t have_replace_bytes_max = 1024;
/// Small blocks are packed into a reply up to this size; a larger block goes alone.
inline constexpr std::size_t reply_target_bytes = 64 * 1024;
/// Blocks taken from the store and not yet taken by a peer's stream: for one peer (one block is
/// always allowed) and for all.
inline constexpr std::uint64_t unsent_bytes_per_peer_max = 2 * 1024 * 1024;
inline constexpr std::uint64_t unsent_bytes_max = 64 * 1024 * 1024;
/// Of this, what is handed out at a time while more doesn't make us send faster (upload_pace.hpp).
inline constexpr std::uint64_t upload_window_bytes_min = 2 * 1024 * 1024;
/// And for one peer while others wait and half of the window is taken, though one block always.
inline constexpr std::uint64_t unsent_bytes_crowded = 512 * 1024;
/// A peer that has taken no part of a message for so long isn't counted in that window.
inline constexpr Duration slow_after = 5s;
/// Blocks of which we know how often we sent them lately, and a peer's wants that are looked
/// through for the one that was sent the least.
inline constexpr std::size_t sent_counts_max = 4096;
inline constexpr std::size_t least_sent_of = 64;

// Client.

/// Entries of one wantlist message of ours. Far below what others accept (boxo looks at 1024).
inline constexpr std::size_t wants_per_message_max = 512;
/// Cancelled wants that are remembered for one peer: a block that crosses our cancel is a
/// duplicate, not a fault.
inline constexpr std::size_t cancelled_remembered_max = 1024;
/// Blocks that came lately and whose late answers still tell who else holds a session's blocks.
inline constexpr std::size_t done_remembered_max = 256;
/// Blocks that we never asked this peer for: more than this many, or more bytes, and we disconnect.
/// A few are forgiven, since a peer may have kept a want of ours over a lost cancel.
inline constexpr std::size_t unasked_blocks_max = 8;
inline constexpr std::uint64_t unasked_bytes_max = 16 * 1024 * 1024;
/// So long a peer's faults are remembered after it has gone, and of so many peers.
inline constexpr Duration fault_memory = 1h;
inline constexpr std::size_t faults_remembered_max = 1024;

// Session.

/// Peers that served a transfer and left, remembered for whoever waits for the rest.
inline constexpr std::size_t left_peers_max = 8;

/// What a peer that served us is worth when connections are trimmed, and how fast that fades.
inline constexpr std::int32_t useful_peer_value = 16;
inline constexpr Duration useful_peer_half_life = 10min;

/// Inbound streams of one peer: Kubo opens one for each message.
inline constexpr std::size_t streams_per_peer_max = 128;
/// Memory for messages that come in parts or wait to be looked at, of one peer and of all. Kubo
/// sends up to eight at once, each with a block at least.
inline constexpr std::uint64_t incoming_bytes_per_peer_max = 32 * 1024 * 1024;
inline constexpr std::uint64_t incoming_bytes_max = 128 * 1024 * 1024;
/// Bytes of messages that are being hashed and stored, of all peers.
inline constexpr std::uint64_t processing_bytes_max = 64 * 1024 * 1024;
/// Blocks fetched ahead that are kept in memory until they are asked for; others are read from the
/// store.
inline constexpr std::uint64_t ahead_bytes_max = 32 * 1024 * 1024;
/// A shorter digest proves too little for bytes from strangers (as in boxo's verifcid).
inline constexpr std::size_t digest_bytes_min = 20;
inline constexpr Duration stream_open_timeout = 10s;
/// The peer's stream must take each part of a message within this time, and all of it at this rate
/// at least, with as long again: a thin link may carry a large block, and who takes it by drips
/// can't hold our memory for ever.
inline constexpr std::size_t send_part_bytes = 64 * 1024;
inline constexpr Duration send_timeout = 60s;
inline constexpr std::uint64_t send_rate_min = 8 * 1024;
/// When all the room is taken and others wait for some, the peer that has taken no part for longest
/// loses its replies, once that is this long. (One with a thin link may be hit; it asks again.)
inline constexpr Duration stalled_patience = 10s;
/// A stream of ours that has carried nothing for so long is closed: before Helia, which reads with
/// a time limit of 10 s, resets it.
inline constexpr Duration stream_idle_timeout = 5s;
/// A message that has begun may pause for so long.
inline constexpr Duration message_timeout = 30s;
/// After a failure to open a stream to a connected peer.
inline constexpr Duration reopen_delay = 2s;
inline constexpr int open_failures_max = 3;
/// A connected peer that took no stream, or no message, so many times is asked again after this.
inline constexpr Duration ask_again_after = 15s;

static_assert(ipld::block_bytes_max + reply_target_bytes < message_bytes_max,
              "a block must fit a message, with others before it");
static_assert(unsent_bytes_per_peer_max >= ipld::block_bytes_max);
static_assert(upload_window_bytes_min >= unsent_bytes_per_peer_max);
static_assert(processing_bytes_max >= message_bytes_max);
static_assert(transfer::progress_bytes_max >= message_bytes_max,
              "the longest message must have the time it takes");
static_assert(stalled_patience < send_timeout);
static_assert(send_part_bytes / send_rate_min <= send_timeout / 1s,
              "who keeps to the least rate must not fail by a part");

}  // namespace kith::exchange
