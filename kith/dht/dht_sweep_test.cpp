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
    const std::size_t late = node.dht().provided().due_count(env.wall.now(), keys);
    EXPECT_GT(late, keys / 8);
    EXPECT_LT(late, keys / 2);
    node.meet(network.node(0));
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 1h));
    EXPECT_EQ(node.dht().provided().due_count(env.wall.now(), keys), 0u) << "the late come first";
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

}  // namespace
}  // namespace kith::dht
