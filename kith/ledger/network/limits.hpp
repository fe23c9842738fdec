// What a chain's part of a node takes of others, and keeps of them.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>

namespace kith::ledger {

/// Hashes of transactions of the latest blocks, which needn't be fetched any more.
inline constexpr std::size_t included_hashes_max = 65'536;
/// Hashes of new transactions that subscribers haven't been told of yet; further ones aren't told.
inline constexpr std::size_t pending_told_max = 16'384;

/// Peers of one chain that are talked to.
inline constexpr std::size_t chain_peers_max = 64;
/// Streams of one peer on which it asks, at a time.
inline constexpr std::uint64_t asking_streams_per_peer_max = 8;
inline constexpr std::uint64_t asking_streams_max = 128;
/// A request on such a stream comes within this time, or the stream ends.
inline constexpr Duration request_wait = 30s;
/// Answers that are made at a time, of all peers: each may read a hundred blocks.
inline constexpr std::size_t answers_at_once = 2;
/// From asking to the whole answer.
inline constexpr Duration answer_timeout = 20s;
/// Peers are told what is new no more often than this, so that many transactions are one message.
inline constexpr Duration news_interval = 10ms;
/// What a peer's faults add up to before it is let go; each counts some points.
inline constexpr int fault_points_max = 100;
inline constexpr int fault_points = 20;
/// Local transactions are on the medium at the latest after this.
inline constexpr Duration journal_sync_interval = 1s;
/// A miner begins anew with the transactions that have come, at the latest after this.
inline constexpr Duration mining_refresh_interval = 3s;
/// News for one peer that wait for its stream.
inline constexpr std::size_t news_waiting_max = 4;
inline constexpr Duration news_send_timeout = 20s;
/// A peer that broke the rules isn't talked to for so long.
inline constexpr Duration ban_time = 10min;
inline constexpr std::size_t bans_max = 1'024;

/// A block in gossip, with its proof; larger ones are told of and fetched.
inline constexpr std::size_t gossiped_block_bytes_max = 960 << 10;
/// Blocks of gossip that wait to be looked at.
inline constexpr std::size_t gossip_at_once_max = 8;

/// What waits for one validator's stream.
inline constexpr std::size_t bft_waiting_messages_max = 256;
inline constexpr std::size_t bft_waiting_bytes_max = std::size_t{18} << 20;
inline constexpr Duration bft_open_timeout = 5s;
inline constexpr Duration bft_send_timeout = 5s;
inline constexpr Duration bft_retry_delay = 500ms;
inline constexpr Duration bft_idle_time = 1min;

/// Blocks that are voted on and are fetched at a time, and how many before each come with it.
inline constexpr std::size_t wanted_blocks_max = 16;
inline constexpr std::uint64_t wanted_ancestors_max = 16;
inline constexpr Duration wanted_block_timeout = 5s;
/// Who is so many final blocks behind asks for proof of finality, so often.
inline constexpr std::uint64_t finality_slack = 1;
inline constexpr Duration finality_interval = 1s;

/// Of a genesis file.
inline constexpr std::size_t genesis_bytes_max = std::size_t{64} << 20;
/// Chains of one node.
inline constexpr std::size_t chains_max = 64;

}  // namespace kith::ledger
