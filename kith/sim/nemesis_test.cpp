#include <sstream>

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

/// When the way between its two nodes was cut, clogged or stalled, to the millisecond.
std::vector<Instant> times_of_hurts(const std::string& story) {
  std::vector<Instant> times;
  std::istringstream lines(story);
  for (std::string line; std::getline(lines, line);) {
    const auto at = std::chrono::duration<double>(std::stod(line));
    if (line.ends_with(" 1 of 2 cut off") || line.ends_with(" clogged") ||
        line.ends_with(" stalled")) {
      times.push_back(world_begin + std::chrono::duration_cast<Duration>(at));
    }
  }
  return times;
}

/// Whether a byte comes over a new connection between two nodes within 50 ms.
Result<bool> look(World& world) {
  auto [near, far] = world.connect(world.node(0), world.node(1));
  KITH_CHECK(world.run(near->write(as_bytes("?"))));
  Bytes into(1);
  auto got = world.run(far->read_some(into, world.now() + 50ms));
  near->reset();
  if (!got && !got.error().is(Errc::timed_out)) return std::unexpected(got.error());
  return got.has_value();
}

TEST(Nemesis, EndsEachFaultAloneWhenSeveralAreOnOneWay) {
  constexpr Duration lasts = 10s;
  World world(1);
  world.net().set_links({.latency = 1ms});
  Nemesis nemesis(world, add_nodes(world, 2),
                  {.fault_min = lasts, .fault_max = lasts, .nodes_down_max = 0});
  nemesis.begin();
  std::size_t open = 0;
  std::size_t hurt_twice = 0;
  while (world.now() < world_begin + 20min) {
    world.run_for(50ms);
    const Instant begun = world.now();
    const Result<bool> comes = look(world);
    const Instant ended = world.now();
    std::size_t whole = 0;
    std::size_t some = 0;
    for (Instant at : times_of_hurts(nemesis.story())) {
      if (at + 1ms < begun && at + lasts - 1ms > ended) ++whole;
      if (at - 1ms < ended && at + lasts + 1ms > begun) ++some;
    }
    if (!comes || (whole == 0 && some > 0)) continue;
    ASSERT_EQ(*comes, whole == 0) << nemesis.story();
    if (whole == 0) ++open;
    if (whole > 1) ++hurt_twice;
  }
  EXPECT_GT(open, 100U);
  EXPECT_GT(hurt_twice, 100U);
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
