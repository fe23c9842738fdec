// Machines that lose power, networks that fall apart, and all of it together.
#include <gtest/gtest.h>

#include <kith/sim/nemesis.hpp>

#include "swarm.hpp"

namespace kith::scenario {
namespace {

constexpr std::size_t chunk_bytes = 64 * 1024;

SwarmOptions small_swarm() {
  return {.peers = 12,
          .neighbours = 6,
          .file_bytes = 4 << 20,
          .peer = {.chunk_bytes = chunk_bytes},
          .begin_within = 2s};
}

/// Blocks that nobody has flushed are durable after so long: the store's sync_delay of a second,
/// and the time that the sync takes.
constexpr Duration durable_after = 2s;

std::uint64_t lose_power_midway(std::uint64_t seed) {
  Swarm swarm(seed, small_swarm());
  swarm.begins();
  swarm.all_fetch();
  Peer& victim = swarm.peer(swarm.draw(1).front());
  const double at = 0.2 + 0.6 * swarm.world().prng().unit();
  swarm.run_until([&] { return victim.progress() > at; });
  const std::uint64_t durable = victim.blocks_taken();
  swarm.run_until([&] { return victim.done(); }, durable_after);
  if (victim.done()) return swarm.world().trace_hash();
  victim.leaves(Leaving::power);
  swarm.run_until([] { return false; }, Duration(swarm.world().prng().below(30'000'000'000)));
  victim.returns();
  swarm.expect_all_done();
  // What was there isn't fetched again, and what had been there for long is there.
  EXPECT_GE(victim.blocks_found(), durable);
  EXPECT_EQ(victim.blocks_found() + victim.blocks_taken_now(), swarm.file_blocks());
  return swarm.world().trace_hash();
}

TEST(Faults, AFetchGoesOnAfterAPowerFailureWithWhatIsOnDisk) {
  run_seeds(1, 4, lose_power_midway);
}

std::uint64_t fall_apart_and_heal(std::uint64_t seed) {
  Swarm swarm(seed, small_swarm());
  swarm.begins();
  swarm.all_fetch();
  swarm.run_until([&] { return swarm.progress() > 0.3; });
  std::vector<sim::NodeId> with_seed = {swarm.peer(0).machine().id()};
  std::vector<sim::NodeId> without;
  for (std::size_t i = 1; i < swarm.size(); ++i) {
    auto& side = swarm.world().prng().chance(0.5) ? with_seed : without;
    side.push_back(swarm.peer(i).machine().id());
  }
  swarm.world().net().partition(with_seed, without);
  swarm.run_until([] { return false; },
                  Duration(swarm.world().prng().between(10'000'000'000, 180'000'000'000)));
  swarm.world().net().heal();
  swarm.expect_all_done();
  return swarm.world().trace_hash();
}

TEST(Faults, AllFinishAfterAPartitionHeals) {
  run_seeds(1, 4, fall_apart_and_heal);
}

std::uint64_t suffer(std::uint64_t seed) {
  Swarm swarm(seed, small_swarm());
  swarm.begins();
  std::vector<sim::NodeId> nodes;
  for (std::size_t i = 0; i < swarm.size(); ++i)
    nodes.push_back(swarm.peer(i).machine().id());
  sim::NemesisOptions options{.pause_max = 3s, .fault_max = 15s, .nodes_down_max = 2};
  auto peer_of = [&swarm](sim::Node& node) -> Peer& { return swarm.peer(node.id() - 1); };
  options.crash = [&peer_of](sim::Node& node, sim::Crash how) {
    peer_of(node).leaves(how == sim::Crash::power ? Leaving::power : Leaving::killed);
  };
  options.restart = [&peer_of](sim::Node& node) { peer_of(node).returns(); };
  sim::Nemesis nemesis(swarm.world(), nodes, std::move(options));
  nemesis.begin();
  swarm.all_fetch();
  swarm.run_until([] { return false; }, 1min);
  nemesis.stop();
  swarm.expect_all_done();
  if (testing::Test::HasFailure()) ADD_FAILURE() << nemesis.story();
  return swarm.world().trace_hash();
}

TEST(Faults, AllFinishAfterAMinuteOfEverything) {
  run_seeds(1, 4, suffer);
}

}  // namespace
}  // namespace kith::scenario
