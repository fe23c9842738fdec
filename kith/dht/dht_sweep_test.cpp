#include <gtest/gtest.h>

#include <kith/dht/test_network.hpp>
#include <kith/sim/testing.hpp>

namespace kith::dht {
namespace {

using namespace kith::dht::testing;

constexpr Duration interval = 20h;

/// As sim::run_test, for days.
void run_days(std::uint64_t seed, sim::TestBody body) {
  sim::World world(seed);
  Result<void> outcome = world.run(body(world), 10 * 24h);
  if (!outcome) ADD_FAILURE() << "the test's task returned: " << outcome.error().message();
  world.finish();
}

Bytes key_of(std::uint64_t number) {
  return to_bytes(content(number).bytes());
}

/// A node that only provides, beside `count` that serve.
TestNode& provider_among(TestNetwork& network, std::size_t count) {
  network.grow(count, {.server = true, .refresh_interval = 24h});
  TestNode& node = network.add();
  node.start(network.validators, {.refresh_interval = 24h, .reprovide_interval = interval});
  node.meet(network.node(0));
  return node;
}

std::size_t with_record(TestNetwork& network, const Bytes& key, const PeerId& of) {
  std::size_t count = 0;
  for (const PeerId& peer : network.nearest(key, bucket_size)) {
    const ProviderRecords& records = network.find(peer)->dht().provider_records();
    Prng prng(1);
    auto found = records.get(key, network.env().wall.now(), prng);
    count += std::ranges::find(found, of, &Provider::peer) != found.end() ? 1 : 0;
  }
  return count;
}

TEST(DhtSweep, CostsAnOrderOfMagnitudeFewerRequestsThanKeyByKey) {
  run_days(1, [](sim::World& world) -> Task<void> {
    port::Env& env = world.add_node().env();
    TestNetwork network(env, 7);
    TestNode& node = provider_among(network, 500);
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 10min));
    constexpr std::uint64_t alone = 20;
    std::uint64_t before = node.asked();
    for (std::uint64_t i = 0; i < alone; ++i)
      KITH_CO_CHECK(co_await node.dht().provide(content(i), env.clock.now() + 1min));
    const std::uint64_t each = (node.asked() - before) / alone;
    EXPECT_GE(each, 30u);
    constexpr std::uint64_t many = 10'000;
    before = node.asked();
    for (std::uint64_t i = 1000; i < 1000 + many; ++i)
      node.dht().provide_later(content(i));
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 1h));
    // The turn of some that were told of alone has come, too.
    EXPECT_GE(node.dht().stats().keys_told, many + alone);
    EXPECT_LE(node.dht().stats().keys_told, many + 2 * alone);
    EXPECT_EQ(node.dht().stats().keys_untold, 0u);
    EXPECT_GE(node.dht().stats().regions_swept, 8u);
    const std::uint64_t swept = node.asked() - before;
    EXPECT_LT(10 * swept, each * many) << swept << " requests, " << each << " each otherwise";
    // Not one request a key.
    EXPECT_LT(swept, many);
    // And they are where they are looked for.
    std::size_t found = 0;
    for (std::uint64_t i = 0; i < 100; ++i)
      found += with_record(network, key_of(1000 + 97 * i), node.id());
    EXPECT_GE(found, 100 * (bucket_size - 1));
    co_return co_await network.stop_all();
  });
}

TEST(DhtSweep, SpreadsItsRegionsOverTheInterval) {
  run_days(2, [](sim::World& world) -> Task<void> {
    port::Env& env = world.add_node().env();
    TestNetwork network(env, 7);
    TestNode& node = provider_among(network, 300);
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 10min));
    for (std::uint64_t i = 0; i < 500; ++i)
      node.dht().provide_later(content(i));
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 1h));
    const std::uint64_t first = node.dht().stats().regions_swept;
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, interval));
    std::vector<std::uint64_t> in_quarter;
    for (int quarter = 0; quarter < 4; ++quarter) {
      const std::uint64_t before = node.dht().stats().regions_swept;
      KITH_CO_CHECK(co_await port::sleep_for(env.clock, interval / 4));
      in_quarter.push_back(node.dht().stats().regions_swept - before);
    }
    for (std::uint64_t regions : in_quarter) {
      EXPECT_GE(regions, first / 8);
      EXPECT_LE(regions, first / 2);
    }
    for (std::uint64_t i = 0; i < 500; ++i)
      EXPECT_GE(with_record(network, key_of(i), node.id()), bucket_size - 2) << i;
    co_return co_await network.stop_all();
  });
}

std::size_t due_of(TestNode& node, WallTime now) {
  const ProvidedKeys::DueCount due = node.dht().provided().due_count(now, 0, 1'000'000);
  return due.told + due.untold;
}

std::vector<SavedContent> saved_of(TestNode& node) {
  std::vector<SavedContent> saved;
  std::optional<Key> after;
  for (ProvidedKeys::Entry& one : node.dht().provided().some_after(after, provided_keys_max))
    saved.push_back({std::move(one.content), one.next});
  return saved;
}

TEST(DhtSweep, GoesOnWhereItWasAfterARestart) {
  run_days(3, [](sim::World& world) -> Task<void> {
    port::Env& env = world.add_node().env();
    TestNetwork network(env, 7);
    TestNode& node = provider_among(network, 200);
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 10min));
    constexpr std::uint64_t keys = 400;
    for (std::uint64_t i = 0; i < keys; ++i)
      node.dht().provide_later(content(i));
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 1h));
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, interval));
    // From here on, each is due once in an interval.
    const std::map<Bytes, std::size_t> before = node.told();
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, interval / 4));
    const std::vector<SavedContent> saved = saved_of(node);
    KITH_CO_CHECK(co_await node.stop());
    // Some become late meanwhile.
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, interval / 4));
    node.start(network.validators, {.refresh_interval = 24h, .reprovide_interval = interval});
    for (const SavedContent& one : saved)
      node.dht().restore(one);
    const std::size_t late = due_of(node, env.wall.now());
    EXPECT_GT(late, keys / 8);
    EXPECT_LT(late, keys / 2);
    node.meet(network.node(0));
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 1h));
    EXPECT_EQ(due_of(node, env.wall.now()), 0u) << "the late come first";
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, interval / 2 - 1h));
    for (std::uint64_t i = 0; i < keys; ++i) {
      const std::size_t told = node.told().at(key_of(i)) - before.at(key_of(i));
      EXPECT_EQ(told, bucket_size) << i << " is dropped, or told of twice";
    }
    co_return co_await network.stop_all();
  });
}

TEST(DhtSweep, ForgetsWhatIsNotHereAnyMore) {
  run_days(4, [](sim::World& world) -> Task<void> {
    port::Env& env = world.add_node().env();
    TestNetwork network(env, 7);
    network.grow(30);
    TestNode& node = network.add();
    DhtOptions options;
    options.still_has = [](const Multihash& what) -> Task<bool> { co_return what != content(5); };
    node.start(network.validators, options);
    node.meet(network.node(0));
    for (std::uint64_t i = 0; i < 10; ++i)
      node.dht().provide_later(content(i));
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 10min));
    EXPECT_EQ(node.dht().provided().size(), 9u);
    EXPECT_FALSE(node.told().contains(key_of(5)));
    EXPECT_EQ(node.dht().stats().keys_told, 9u);
    co_return co_await network.stop_all();
  });
}

TEST(DhtSweep, TriesAgainWhatNobodyTook) {
  run_days(5, [](sim::World& world) -> Task<void> {
    port::Env& env = world.add_node().env();
    TestNetwork network(env, 7);
    network.grow(30);
    TestNode& node = network.add();
    node.start(network.validators, {});
    node.meet(network.node(0));
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 5min));
    node.put_on_side(1);
    node.dht().provide_later(content(1));
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 5min));
    EXPECT_EQ(node.dht().stats().keys_told, 0u);
    EXPECT_TRUE(node.dht().provided().contains(key_of(1)));
    node.put_on_side(0);
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 30min));
    EXPECT_EQ(node.dht().stats().keys_told, 1u);
    co_return co_await network.stop_all();
  });
}

TEST(DhtSweep, TellsOnceWhereTheIntervalIsZero) {
  run_days(21, [](sim::World& world) -> Task<void> {
    port::Env& env = world.add_node().env();
    TestNetwork network(env, 7);
    network.grow(60, {.server = true, .refresh_interval = 24h});
    TestNode& node = network.add();
    node.start(network.validators, {.refresh_interval = 24h, .reprovide_interval = Duration{0}});
    node.meet(network.node(0));
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 10min));
    KITH_CO_CHECK(co_await node.dht().provide(content(1), env.clock.now() + 1min));
    for (std::uint64_t i = 2; i < 12; ++i)
      node.dht().provide_later(content(i));
    EXPECT_EQ(node.dht().provided().untold(), 10u);
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 10min));
    EXPECT_EQ(node.dht().provided().size(), 0u);
    EXPECT_EQ(node.dht().stats().keys_told, 11u);
    for (std::uint64_t i = 1; i < 12; ++i)
      EXPECT_GE(with_record(network, key_of(i), node.id()), bucket_size - 2) << i;
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 50h));
    EXPECT_EQ(node.dht().stats().keys_told, 11u);
    co_return co_await network.stop_all();
  });
}

TEST(DhtSweep, KeyByKeyIsSlowerAndTellsTheSamePeers) {
  run_days(22, [](sim::World& world) -> Task<void> {
    port::Env& env = world.add_node().env();
    TestNetwork network(env, 7);
    network.grow(100, {.server = true, .refresh_interval = 24h});
    bool has = true;
    TestNode& node = network.add();
    auto still_has = [&has](Multihash) -> Task<bool> { co_return has; };
    node.start(network.validators, {.refresh_interval = 24h,
                                    .reprovide_interval = interval,
                                    .sweep = false,
                                    .keys_at_once = 3,
                                    .optimistic = false,
                                    .still_has = still_has});
    node.meet(network.node(0));
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 10min));
    for (std::uint64_t i = 0; i < 30; ++i)
      node.dht().provide_later(content(i));
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 10min));
    EXPECT_EQ(node.dht().stats().regions_swept, 0u);
    EXPECT_EQ(node.dht().stats().keys_told, 30u);
    EXPECT_GE(node.dht().stats().lookups, 30u);
    for (std::uint64_t i = 0; i < 30; ++i)
      EXPECT_GE(with_record(network, key_of(i), node.id()), bucket_size - 2) << i;
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 2 * interval));
    EXPECT_GE(node.dht().stats().keys_told, 60u);
    has = false;
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 2 * interval));
    EXPECT_EQ(node.dht().provided().size(), 0u);
    co_return co_await network.stop_all();
  });
}

TEST(DhtSweep, TellsOfAllAgainAtOnceIfItIsAsked) {
  run_days(23, [](sim::World& world) -> Task<void> {
    port::Env& env = world.add_node().env();
    TestNetwork network(env, 7);
    TestNode& node = provider_among(network, 100);
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 10min));
    EXPECT_TRUE(node.dht().provide_stats().online);
    constexpr std::uint64_t many = 400;
    for (std::uint64_t i = 0; i < many; ++i)
      node.dht().provide_later(content(i));
    ProvideStats stats = node.dht().provide_stats();
    EXPECT_EQ(stats.keys, many);
    EXPECT_EQ(stats.untold, many);
    EXPECT_EQ(stats.due.untold, many);
    EXPECT_EQ(stats.due.untold_regions, stats.regions);
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 30min));
    stats = node.dht().provide_stats();
    EXPECT_EQ(stats.untold, 0u);
    EXPECT_EQ(stats.due.told, 0u);
    EXPECT_EQ(stats.swept_keys, many);
    EXPECT_GE(stats.swept_records, many * (bucket_size - 2));
    EXPECT_GT(stats.next->at, env.wall.now());
    EXPECT_EQ(node.dht().provided().clear_untold(), 0u);
    KITH_CO_CHECK(co_await node.dht().tell_all_again());
    EXPECT_EQ(node.dht().provide_stats().due.told, many);
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 30min));
    EXPECT_EQ(node.dht().provide_stats().due.told, 0u);
    EXPECT_GE(node.dht().stats().keys_told, 2 * many);
    EXPECT_LE(node.dht().stats().keys_told, 3 * many);
    co_return co_await network.stop_all();
  });
}

TEST(DhtSweep, BeginsAnewWithWhatAnEarlierRunToldOfIfItIsntToResume) {
  run_days(24, [](sim::World& world) -> Task<void> {
    port::Env& env = world.add_node().env();
    TestNetwork network(env, 7);
    network.grow(1);
    for (bool resume : {true, false}) {
      TestNode& node = network.add();
      node.start(network.validators, {.reprovide_interval = interval, .resume = resume});
      const WallTime now = env.wall.now();
      node.dht().restore(SavedContent{key_of(1), now + 5h, true});
      EXPECT_EQ(node.dht().provided().next()->at, resume ? now + 5h : now);
      EXPECT_EQ(node.dht().provided().untold(), 0u);
    }
    co_return co_await network.stop_all();
  });
}

}  // namespace
}  // namespace kith::dht
