// Targets in four bytes, and what it takes to meet one.
//
//   31       24 23 22                      0
//   | exponent |s |       mantissa         |      target = mantissa * 256^(exponent - 3)
//
// Bitcoin's form ("nBits"): `s` is a sign that no target may have. A hash, read as a number with
// its first byte the highest, meets a target that it isn't above. The difficulty of a target is how
// many hashes it takes on average, 2^256 / (target + 1): what Ethereum's headers call difficulty,
// and what Bitcoin counts as a block's work. Thread: any.
#pragma once

#include <cstdint>
#include <optional>

#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {

struct CompactTarget {
  std::uint32_t bits = 0;

  /// The highest target of this form that isn't above `target`. Of zero: zero, which no hash meets.
  static CompactTarget at_most(const U256& target) noexcept;

  /// Nothing if it is negative, zero or above 2^256 - 1. Not every target has one form alone.
  std::optional<U256> target() const noexcept;

  friend bool operator==(const CompactTarget&, const CompactTarget&) = default;
};

/// 2^256 / (target + 1), rounded down: from 1 on; of the target 0 the largest number there is.
U256 difficulty_of_target(const U256& target) noexcept;

/// The highest target whose difficulty is at least `difficulty`; of 0 that of 1.
U256 target_of_difficulty(const U256& difficulty) noexcept;

}  // namespace kith::ledger
