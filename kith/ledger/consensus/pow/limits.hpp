// What proof of work allows, and why.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace kith::ledger::pow_limits {

/// Times are whole seconds, each later than the last: a chain of a block a second could never be
/// seen to be ahead of its schedule, and so never get harder.
inline constexpr std::uint64_t target_spacing_s_min = 2;
/// A day: who wants blocks rarer than that wants no chain.
inline constexpr std::uint64_t target_spacing_s_max = 86'400;
/// Spacings in a half-life, where a genesis doesn't say: Bitcoin Cash's two days of ten minutes.
inline constexpr std::uint64_t spacings_in_half_life = 288;
inline constexpr std::uint64_t half_life_s_max = 366ULL * 86'400;

/// How far ahead of our clock a block may be: at least this, and at least half a spacing.
inline constexpr std::uint64_t future_s_min = 15;
/// A miner who lies as far ahead as may be makes its next block easier by 2^(1/8), at most.
inline constexpr std::uint64_t futures_in_half_life = 8;

/// RandomX's key is the hash of a block at a multiple of 2,048, from 64 blocks later on (Monero's
/// choice): nodes can make ready for it.
inline constexpr std::uint64_t randomx_key_blocks = 2'048;
inline constexpr std::uint64_t randomx_key_lag = 64;

/// Results of checked work that are kept, for the children of those blocks.
inline constexpr std::size_t remembered_works = 32;

/// Blocks that a fork choice looks at: at one each second, more than a day above what is settled.
inline constexpr std::size_t fork_choice_blocks_max = 100'000;

/// Blocks whose parent isn't known, of all peers and of one.
inline constexpr std::size_t orphans_max = 1'024;
inline constexpr std::size_t orphan_bytes_max = 64 << 20;
inline constexpr std::size_t orphans_of_peer_max = 64;
inline constexpr std::size_t orphan_bytes_of_peer_max = 16 << 20;
inline constexpr std::chrono::minutes orphan_lifetime{20};

static_assert(orphans_of_peer_max < orphans_max && orphan_bytes_of_peer_max < orphan_bytes_max);

}  // namespace kith::ledger::pow_limits
