#include <gtest/gtest.h>

#include <kith/port/port.hpp>
#include <kith/sim/nemesis.hpp>
#include <kith/sim/testing.hpp>

namespace kith::sim {
namespace {

std::vector<NodeId> add_nodes(World& world, std::size_t count) {
  std::vector<NodeId> nodes;
  for (std::size_t i = 0; i < count; ++i)
    nodes.push_back(world.add_node().id());
  return nodes;
}

TEST(Nemesis, BringsEveryKindOfFaultAndTheSameForTheSameSeed) {
  std::string stories[2];
  for (std::string& story : stories) {
    World world(7);
    Nemesis nemesis(world, add_nodes(world, 5));
    nemesis.begin();
    world.run_for(10min);
    nemesis.stop();
    for (std::size_t kind = 0; kind < Nemesis::faults; ++kind)
      EXPECT_GT(nemesis.count(static_cast<Nemesis::Fault>(kind)), 0U) << kind;
    story = nemesis.story();
  }
  EXPECT_EQ(stories[0], stories[1]);
}

TEST(Nemesis, LeavesAWholeNetworkBehind) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World world(seed);
    std::vector<NodeId> nodes = add_nodes(world, 4);
    Nemesis nemesis(world, nodes, {.nodes_down_max = 2});
    nemesis.begin();
    world.run_for(1min);
    nemesis.stop();
    for (NodeId one : nodes) {
      EXPECT_TRUE(world.node(one - 1).up());
      for (NodeId other : nodes) {
        if (one >= other) continue;
        auto [near, far] = world.connect(world.node(one - 1), world.node(other - 1));
        auto talk = [](port::Stream& from, port::Stream& to) -> Task<void> {
          KITH_CO_CHECK(co_await port::write_message(from, as_bytes("hello")));
          port::BufferedReader reader(to);
          KITH_CO_TRY(Buffer got, co_await reader.read_message(100));
          EXPECT_EQ(as_text(got), "hello");
          co_return Result<void>{};
        };
        EXPECT_TRUE(world.run(talk(*near, *far), 10s).has_value()) << nemesis.story();
      }
    }
  }
}

TEST(Nemesis, KeepsNoMoreNodesDownThanItMay) {
  World world(3);
  std::size_t down = 0;
  std::size_t most = 0;
  NemesisOptions options{.pause_max = 2s, .nodes_down_max = 2};
  options.crash = [&](Node& node, Crash how) {
    most = std::max(most, ++down);
    node.kill(how);
  };
  options.restart = [&](Node& node) {
    --down;
    node.restart();
  };
  Nemesis nemesis(world, add_nodes(world, 8), std::move(options));
  nemesis.begin();
  world.run_for(10min);
  EXPECT_EQ(most, 2U);
  nemesis.stop();
  EXPECT_EQ(down, 0U);
}

}  // namespace
}  // namespace kith::sim
