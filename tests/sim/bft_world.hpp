// Many engines of the `bft` chains (kith/ledger/consensus/bft) on a network that loses, delays,
// doubles and cuts, on machines that stop between any two actions, some of them owned by liars. A
// run is its seed.
//
// Phases: faults until so many views and faults have been; then all heals, and every honest
// validator must see new payloads final within a number of views.
//
// Liars hold less than a third of the stake; what they do is in Vice (bft_world.cpp).
#pragma once

#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include <kith/base/prng.hpp>
#include <kith/ledger/consensus/bft/engine.hpp>
#include <kith/ledger/consensus/bft/test_validators.hpp>

namespace kith::ledger::bft {

struct WorldOptions {
  std::uint64_t seed = 1;
  std::size_t validators = 4;
  View views = 50;
  unsigned faults = 5;
  bool liars = true;
  /// Planted: who stops forgets the last thing that its disk had promised to keep.
  bool forgets_last_record = false;
  /// Planted: what everyone takes for a quorum; 0 for the rule.
  std::uint64_t quorum = 0;
};

struct WorldResult {
  std::string violation;  ///< of safety or liveness; empty if there was none
  bool is_safety = false;
  View views = 0;
  View views_to_heal = 0;  ///< from the last fault's end until all honest ones had gone on
  unsigned faults = 0;
  unsigned restarts = 0;
  std::uint64_t events = 0;
  std::uint64_t trace = 0;  ///< a hash of all events
  ValidatorBits two_faced;  ///< voted against themselves while all was well
  ValidatorBits accused;
  TransitionCounts counts{};
};

/// One run.
WorldResult run_world(const WorldOptions& options);

}  // namespace kith::ledger::bft
