// Many peers pull one file that starts on one of them.
#include <gtest/gtest.h>

#include <kith/sim/testing.hpp>

#include "swarm.hpp"

namespace kith::scenario {
namespace {

/// Some of those who fetch leave, each in its own way, while the file is on its way to them.
void some_leave(Swarm& swarm, double share) {
  swarm.run_until([&swarm] { return swarm.progress() > 0.4; });
  const auto count = static_cast<std::size_t>(share * static_cast<double>(swarm.size()));
  for (std::size_t leaver : swarm.draw(count)) {
    constexpr Leaving ways[] = {Leaving::politely, Leaving::killed, Leaving::power};
    swarm.peer(leaver).leaves(ways[swarm.world().prng().below(std::size(ways))]);
    swarm.run_until([] { return false; }, Duration(swarm.world().prng().below(200'000'000)));
  }
}

/// A file of few blocks leaves its first holder more often: there is little to exchange before all
/// is there.
std::uint64_t pull_one_file(std::uint64_t seed, const SwarmOptions& options, double copies_max) {
  Swarm swarm(seed, options);
  swarm.begins();
  swarm.all_fetch();
  some_leave(swarm, 0.2);
  swarm.expect_all_done();
  swarm.tell();
  EXPECT_LT(swarm.seed_copies(), copies_max);
  return swarm.world().trace_hash();
}

TEST(Swarming, TwentyNodesPullOneFileWhileSomeLeave) {
  run_seeds(1, 3, [](std::uint64_t seed) {
    return pull_one_file(seed, {.peers = 20, .neighbours = 8, .file_bytes = 2 << 20}, 8);
  });
}

TEST(Swarming, FortyNodesPullOneFileWhileSomeLeave) {
  run_seeds(1, 1, [](std::uint64_t seed) {
    return pull_one_file(seed, {.peers = 40, .file_bytes = 4 << 20}, 8);
  });
}

TEST(Swarming, TwoHundredNodesPullOneFileWhileAFifthLeaves) {
  // A run takes minutes: once is enough where few seeds are.
  const bool twice = sim::seed_factor() > 1;
  auto scenario = [](std::uint64_t seed) {
    return pull_one_file(seed, {.peers = 200, .file_bytes = 16 << 20}, 4);
  };
  run_seeds(1, 1, scenario, twice);
}

}  // namespace
}  // namespace kith::scenario
