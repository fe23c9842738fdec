// aserti3-2d: the target of a block as a function of how far its chain is from its schedule
// (reference.cash/protocol/forks/2020-11-15-asert).
//
//   next target = anchor's target * 2^(behind / half-life)
//   behind      = time since the anchor - spacing * blocks since the anchor
//
// Each half-life by which a chain is behind its schedule doubles the target, each by which it is
// ahead halves it. Only the anchor and the parent count: there is nothing to sum up, and an error
// of rounding doesn't grow. 2^x is a cubic in whole numbers, so that all nodes have the same.
// Thread: any.
#pragma once

#include <cstdint>

#include <kith/ledger/consensus/pow/compact_target.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {

struct AsertParameters {
  std::uint64_t target_spacing_s = 10;  ///< from block to block; 1 to 2^32
  std::uint64_t half_life_s = 2880;     ///< at least 1
  U256 easiest_target;                  ///< what no target is above; not zero
};

/// A block that was as hard as it should have been when it should have been.
struct AsertAnchor {
  std::uint64_t number = 0;
  /// When it was due. The specification has its parent's time instead, a spacing less.
  std::uint64_t time_s = 0;
  U256 target;
};

/// Of the block after the one with this number and time. At least 1.
CompactTarget next_asert_target(const AsertParameters& parameters, const AsertAnchor& anchor,
                                std::uint64_t parent_number, std::uint64_t parent_time_s) noexcept;

}  // namespace kith::ledger
