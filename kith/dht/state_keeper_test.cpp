#include <gtest/gtest.h>

#include <kith/dht/state_keeper.hpp>
#include <kith/dht/test_network.hpp>
#include <kith/sim/testing.hpp>

namespace kith::dht {
namespace {

using namespace kith::dht::testing;

const std::string path = "/data/dht";

class AnyValidator final : public routing::Validator {
 public:
  Result<void> check_name(ByteView) const override { return {}; }
  Result<void> check(ByteView, ByteView, WallTime) const override { return {}; }
  bool better(ByteView, ByteView, ByteView) const override { return false; }
};

/// A node and its keeper, in one life of the machine.
struct Life {
  explicit Life(port::Env& env)
      : network(env, 7), node(network.add()), clock(env.clock), wall(env.wall) {
    network.validators.add("n", std::make_unique<AnyValidator>());
    node.start(network.validators, {});
    keeper = std::make_unique<StateKeeper>(env, node.dht(), path);
    keeper->load();
  }
  bool provides(std::uint64_t number) {
    return node.dht().provided().contains(content(number).bytes());
  }
  void provide(std::uint64_t number, Duration in = 1h) {
    node.dht().provided().set(content(number).bytes(), wall.now() + in);
  }
  Task<void> end() {
    co_await keeper->close_shielded();
    co_return co_await node.stop();
  }

  TestNetwork network;
  TestNode& node;
  port::Clock& clock;
  port::WallClock& wall;
  std::unique_ptr<StateKeeper> keeper;
};

SavedProvider record_of(std::uint64_t number, WallTime said_at) {
  return {to_bytes(content(number).bytes()),
          {peer_id(number), {address_in(5, 5)}, IpGroup{number}, said_at}};
}

TEST(StateKeeper, BringsBackWhatWasThere) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    port::Env& env = world.add_node().env();
    const WallTime now = env.wall.now();
    {
      Life life(env);
      life.node.dht().provided().set(content(1).bytes(), now + 5h);
      for (std::uint64_t i = 0; i < 2000; ++i)
        life.node.dht().restore(record_of(i, now));
      life.node.dht().restore(SavedValue{to_bytes("/n/x"), to_bytes("v"), env.wall.now()});
      TestNode& other = life.network.add();
      other.start(life.network.validators, {.server = true});
      life.node.meet(other);
      co_await life.end();
      co_await other.stop();
    }
    Life life(env);
    Dht& dht = life.node.dht();
    EXPECT_TRUE(life.provides(1));
    EXPECT_EQ(dht.provided().next()->at, now + 5h);
    EXPECT_EQ(dht.provider_records().size(), 2000u);
    Prng prng(1);
    const Bytes key = to_bytes(content(3).bytes());
    EXPECT_EQ(dht.provider_records().get(key, env.wall.now(), prng)[0], record_of(3, now).provider);
    EXPECT_EQ(dht.value_records().size(), 1u);
    TestNode& other = life.network.add();
    other.start(life.network.validators, {.server = true});
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 11min));
    EXPECT_TRUE(dht.table().contains(other.id())) << "asked, though nobody was met";
    co_await life.end();
    co_return co_await other.stop();
  });
}

TEST(StateKeeper, DropsWhatHasBecomeTooOld) {
  sim::run_test(2, [](sim::World& world) -> Task<void> {
    sim::Node& machine = world.add_node();
    {
      Life life(machine.env());
      const WallTime now = machine.env().wall.now();
      life.node.dht().restore(record_of(1, now));
      life.node.dht().restore(SavedValue{to_bytes("/n/x"), to_bytes("v"), now});
      co_await life.end();
    }
    machine.set_wall_skew(50h);
    Life life(machine.env());
    EXPECT_EQ(life.node.dht().provider_records().size(), 0u);
    EXPECT_EQ(life.node.dht().value_records().size(), 0u);
    co_return co_await life.end();
  });
}

/// What was provided before the last save is provided after the power has failed at any point of
/// what comes then, and what was dropped before it isn't.
Task<void> loses_power(sim::World& world, const std::uint64_t& operation) {
  sim::Node& machine = world.add_node();
  Life life(machine.env());
  for (std::uint64_t i = 0; i < 20; ++i)
    life.provide(i);
  KITH_CO_CHECK(co_await life.keeper->save());
  life.node.dht().stop_providing(content(0).bytes());
  life.provide(100);
  KITH_CO_CHECK(co_await life.keeper->save());
  machine.disk().faults().crash_at(machine.disk().faults().operations() + operation);
  for (std::uint64_t i = 101; i < 120; ++i) {
    life.provide(i);
    auto saved = co_await life.keeper->save();
    if (!saved) break;
  }
  co_await life.end();
  KITH_CO_REQUIRE(!machine.up());
  machine.restart();
  Life next(machine.env());
  EXPECT_FALSE(next.provides(0)) << operation;
  for (std::uint64_t i = 1; i < 20; ++i)
    EXPECT_TRUE(next.provides(i)) << operation << " " << i;
  EXPECT_TRUE(next.provides(100)) << operation;
  next.provide(200);
  KITH_CO_CHECK(co_await next.keeper->save());
  co_await next.end();
  Life last(machine.env());
  EXPECT_TRUE(last.provides(200) && last.provides(100)) << operation;
  co_return co_await last.end();
}

TEST(StateKeeper, KeepsWhatWasSavedWhenThePowerFails) {
  for (std::uint64_t operation = 1; operation < 40; ++operation) {
    sim::run_test(operation, loses_power, operation);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(StateKeeper, StartsWithADamagedFileAndSaysSo) {
  sim::run_test(4, [](sim::World& world) -> Task<void> {
    sim::Node& machine = world.add_node();
    {
      Life life(machine.env());
      life.provide(1);
      KITH_CO_CHECK(co_await life.keeper->save());
      life.provide(2);
      co_await life.end();
    }
    const std::uint8_t other = 0xff;
    KITH_CO_CHECK(machine.disk().damage(path + ".provided", 30, ByteView(&other, 1)));
    KITH_CO_CHECK(machine.disk().damage(path + ".records", 0, ByteView(&other, 1)));
    {
      Life life(machine.env());
      EXPECT_FALSE(life.provides(1));
      EXPECT_TRUE(life.provides(2)) << "what wasn't damaged";
      EXPECT_NE(machine.log().text().find(".provided is damaged: 1 records are read"),
                std::string::npos);
      co_await life.end();
    }
    Life life(machine.env());
    EXPECT_TRUE(life.provides(2));
    co_return co_await life.end();
  });
}

TEST(StateKeeper, KeepsTheOldFileWhileTheDiskIsFull) {
  sim::run_test(5, [](sim::World& world) -> Task<void> {
    sim::Node& machine = world.add_node();
    {
      Life life(machine.env());
      life.provide(1);
      KITH_CO_CHECK(co_await life.keeper->save());
      life.keeper->start();
      machine.disk().set_capacity(machine.disk().used_bytes());
      life.provide(2);
      KITH_CO_CHECK(co_await port::sleep_for(life.clock, 5min));
      EXPECT_NE(machine.log().text().find("could not be saved"), std::string::npos);
      {
        Life meanwhile(machine.env());
        EXPECT_TRUE(meanwhile.provides(1));
        EXPECT_FALSE(meanwhile.provides(2));
        co_await meanwhile.node.stop();
      }
      machine.disk().set_capacity(std::uint64_t{1} << 30);
      KITH_CO_CHECK(co_await port::sleep_for(life.clock, 2min));
      EXPECT_NE(machine.log().text().find("is saved again"), std::string::npos);
      Life later(machine.env());
      EXPECT_TRUE(later.provides(1) && later.provides(2));
      co_await later.node.stop();
      co_await life.end();
    }
    co_return Result<void>{};
  });
}

TEST(StateKeeper, WritesLittleForALittleChange) {
  sim::run_test(6, [](sim::World& world) -> Task<void> {
    sim::Node& machine = world.add_node();
    Life life(machine.env());
    for (std::uint64_t i = 0; i < 20'000; ++i)
      life.provide(i);
    KITH_CO_CHECK(co_await life.keeper->save());
    auto size_of = [&] { return machine.env().files.info(path + ".provided")->size_bytes; };
    const std::uint64_t before = size_of();
    life.provide(7, 2h);
    KITH_CO_CHECK(co_await life.keeper->save());
    EXPECT_GT(size_of(), before);
    EXPECT_LT(size_of(), before + 100);
    for (int round = 0; round < 5; ++round) {
      for (std::uint64_t i = 0; i < 20'000; ++i)
        life.provide(i, 3h);
      KITH_CO_CHECK(co_await life.keeper->save());
      EXPECT_LT(size_of(), 3 * before + state_slack_bytes) << "outdated ones go";
    }
    co_return co_await life.end();
  });
}

}  // namespace
}  // namespace kith::dht
