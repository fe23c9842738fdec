// What a chain's staking contract is told in its genesis, where it is, and in what it counts.
// Thread: any.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/ledger/consensus/bft/limits.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger::staking {

/// "stake", as far as hexadecimal digits go. Beyond the precompiled contracts (0x01 to 0x11, 0x100)
/// and the small numbers at which other chains put theirs; the system contracts of the forks have
/// addresses that look like chance, and nobody can have the key of this one or create a contract
/// at it.
inline constexpr Address staking_address{
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x05, 0x7a, 0x4e}};

/// Stakes and weights are counted in these, of 10^15 wei: a thousand of them are a coin.
inline constexpr std::uint64_t wei_per_unit = 1'000'000'000'000'000;
/// Of one operator. All that can be validators together stay within what a set may have.
inline constexpr std::uint64_t stake_max = bft::stake_sum_max / bft::validators_max;
/// Pending unbondings of an operator.
inline constexpr std::size_t unbondings_max = 8;
/// Shares are told in parts of so many.
inline constexpr std::uint32_t basis_points = 10'000;
/// What periods and epochs may be at most: sums with them have 64 bits.
inline constexpr std::uint64_t period_max = std::uint64_t{1} << 40;

struct StakingParameters {
  std::uint64_t minimum_stake = 1'000;                  ///< units
  std::uint64_t unbonding_seconds = 21 * 24 * 60 * 60;  ///< as Cosmos' chains have it
  std::uint64_t jail_seconds = 7 * 24 * 60 * 60;
  std::uint64_t epoch_blocks = 0;  ///< the chain's config.bft.epochLength: to be given
  /// What an offence costs of the stake, and of that what the reporter gets: basis points.
  std::uint32_t slash_basis_points = 500;
  std::uint32_t reward_basis_points = 1'000;
  std::uint32_t validators_max = bft::validators_max;
  /// For chains whose genesis states are the same otherwise.
  Hash salt{};

  friend bool operator==(const StakingParameters&, const StakingParameters&) = default;
};

}  // namespace kith::ledger::staking
