// Whole nodes that find each other and content by the DHT.
#include <gtest/gtest.h>

#include "swarm.hpp"

namespace kith::scenario {
namespace {

constexpr std::size_t meeting_point = 1;

/// Everybody knows one peer and nobody else. It leaves before anybody wants anything.
SwarmOptions by_one_peer(bool dht) {
  return {.peers = 24,
          .meeting_point = meeting_point,
          .file_bytes = 1 << 20,
          .peer = {.chunk_bytes = 64 * 1024, .dht = dht}};
}

std::uint64_t it_leaves(std::uint64_t seed) {
  Swarm swarm(seed, by_one_peer(true));
  swarm.begins();
  swarm.run_until([] { return false; }, 2min);
  swarm.peer(meeting_point).leaves(Leaving::power);
  swarm.run_until([] { return false; }, 1min);
  swarm.all_fetch();
  swarm.expect_all_done();
  swarm.tell();
  return swarm.world().trace_hash();
}

TEST(Finding, OfPeersThatKnewOneAllFindTheFileWhenThatOneIsGone) {
  run_seeds(1, 2, it_leaves);
}

/// The test of the test.
std::uint64_t without_the_dht(std::uint64_t seed) {
  Swarm swarm(seed, by_one_peer(false));
  swarm.begins();
  swarm.peer(meeting_point).leaves(Leaving::power);
  swarm.run_until([] { return false; }, 1min);
  swarm.all_fetch();
  swarm.run_until([] { return false; }, 3min);
  EXPECT_EQ(swarm.progress(), 0);
  return swarm.world().trace_hash();
}

TEST(Finding, NobodyWouldWithoutTheDht) {
  run_seeds(1, 1, without_the_dht, false);
}

/// Who has the file was away when others looked for it, and what it had told of was told to peers
/// of which a third is gone.
std::uint64_t returns(std::uint64_t seed) {
  Swarm swarm(seed, by_one_peer(true));
  swarm.begins();
  swarm.run_until([] { return false; }, 2min);
  swarm.peer(0).leaves(Leaving::power);
  for (std::size_t index : swarm.draw(swarm.size() / 3))
    swarm.peer(index).leaves(Leaving::killed);
  swarm.run_until([] { return false; }, 1min);
  for (std::size_t i = 1; i < swarm.size(); ++i) {
    if (!swarm.peer(i).gone()) swarm.peer(i).fetches(swarm.root(), swarm.file());
  }
  swarm.run_until([] { return false; }, 1min);
  EXPECT_EQ(swarm.progress(), 0);
  swarm.peer(0).returns();
  swarm.expect_all_done();
  swarm.tell();
  return swarm.world().trace_hash();
}

TEST(Finding, AProviderThatReturnsIsFoundByThoseWhoWait) {
  run_seeds(1, 2, returns);
}

}  // namespace
}  // namespace kith::scenario
