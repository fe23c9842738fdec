// Many peers pull one file that starts on one of them.
#include <cstdio>

#include <gtest/gtest.h>

#include "swarm.hpp"

namespace kith::scenario {
namespace {

/// Prints and records what a run took.
void tell(const Swarm& swarm) {
  testing::Test::RecordProperty("summary", swarm.summary());
  std::printf("    %s\n", swarm.summary().c_str());
}

TEST(Swarming, FortyNodesPullOneFile) {
  run_seeds(1, 1, [](std::uint64_t seed) {
    Swarm swarm(seed, {.peers = 40, .file_bytes = 4 << 20});
    swarm.begins();
    swarm.all_fetch();
    swarm.expect_all_done();
    tell(swarm);
    return swarm.world().trace_hash();
  });
}

}  // namespace
}  // namespace kith::scenario
