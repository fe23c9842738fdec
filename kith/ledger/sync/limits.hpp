// The limits of how chains are fetched, and why they are what they are. Numbers that eth/68 has are
// eth/68's or geth's.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>
#include <kith/ledger/chain/block.hpp>

namespace kith::ledger {

// Messages.

inline constexpr std::size_t status_bytes_max = 256;
inline constexpr std::size_t new_head_bytes_max = 128;
inline constexpr std::size_t headers_request_bytes_max = 128;
inline constexpr std::size_t finality_request_bytes_max = 32;

/// Headers that a request may be answered with, whatever it asks for.
inline constexpr std::size_t headers_per_answer_max = 1024;
/// A header's encoding at most: with every field at its longest it has some 720 bytes.
inline constexpr std::size_t header_bytes_max = 1024;
/// Who answers adds no further header once the answer has so many bytes.
inline constexpr std::size_t headers_answer_soft_max = 512 * 1024;
inline constexpr std::size_t headers_answer_bytes_max = 2 << 20;
static_assert(headers_answer_soft_max + header_bytes_max + 64 < headers_answer_bytes_max);

/// Hashes of one request for bodies or receipts.
inline constexpr std::size_t hashes_per_request_max = 1024;
inline constexpr std::size_t hashes_request_bytes_max = hashes_per_request_max * 33 + 64;
/// Who answers adds no further block's body or receipts once the answer has so many bytes.
inline constexpr std::size_t blocks_answer_soft_max = 2 << 20;
/// So the last one may go beyond it, and no further.
inline constexpr std::size_t blocks_answer_bytes_max =
    blocks_answer_soft_max + block_bytes_max + 1024;
/// Transactions, or receipts, of one answer: its bytes may be a million empty items, each of which
/// would cost dozens of bytes here. The shortest real transaction has some 97 bytes, so no honest
/// answer has more.
inline constexpr std::size_t answer_transactions_max = 1 << 17;
static_assert(blocks_answer_bytes_max / 97 < answer_transactions_max);
/// Ommers and withdrawals of one body: two and sixteen are what the main chain's rules allow.
inline constexpr std::size_t body_ommers_max = 16;
inline constexpr std::size_t body_withdrawals_max = 4096;

/// A certificate of finality: the engine's largest takes a few KiB.
inline constexpr std::size_t certificate_bytes_max = 16 * 1024;
inline constexpr std::size_t finality_bytes_max = certificate_bytes_max + 64;

/// Of any of these messages, with the byte that numbers it.
inline constexpr std::size_t eth_message_bytes_max = blocks_answer_bytes_max + 1;
static_assert(headers_answer_bytes_max < eth_message_bytes_max);

// Server.

/// Blocks that aren't of the chain through which one request goes back, as geth has it: each costs
/// a look-up, and branches are short.
inline constexpr std::size_t side_steps_max = 128;

// BlockSync.

inline constexpr std::size_t sync_peers_max = 256;
/// Blocks that were refused, the latest.
inline constexpr std::size_t banned_blocks_max = 1024;
/// Blocks that were handed out, the latest: who led to each is known as long.
inline constexpr std::size_t delivered_blocks_max = 8192;
/// Requests of a peer that timed out and may be answered yet.
inline constexpr std::size_t late_requests_max = 32;
/// Peers that failed with a block and aren't asked for it for a while.
inline constexpr std::size_t failures_per_block_max = 16;
/// Faults that nobody has taken yet.
inline constexpr std::size_t sync_faults_max = 1024;

}  // namespace kith::ledger
