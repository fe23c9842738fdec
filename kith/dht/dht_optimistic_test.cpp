#include <gtest/gtest.h>

#include <kith/dht/test_network.hpp>
#include <kith/sim/testing.hpp>

namespace kith::dht {
namespace {

using namespace kith::dht::testing;
using routing::RoutingError;

constexpr std::size_t nodes = 300;

Bytes key_of(std::uint64_t number) {
  return to_bytes(content(number).bytes());
}

/// A network at rest, and nodes that only provide.
struct Fixture {
  explicit Fixture(sim::World& world) : env(world.add_node().env()), network(env, 7) {}

  Task<void> grow(std::size_t count = nodes) {
    network.grow(count, {.server = true, .refresh_interval = 24h});
    return port::sleep_for(env.clock, 10min);
  }
  TestNode& provider(DhtOptions options = {}) {
    options.refresh_interval = 24h;
    TestNode& node = network.add();
    node.start(network.validators, std::move(options));
    node.meet(network.node(0));
    return node;
  }
  /// Looks up so many places that it knows how large the network is.
  Task<void> look_around(TestNode& node) {
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 5min));
    for (std::uint64_t i = 0; i < 2 * size_samples_min; ++i)
      KITH_CO_CHECK(co_await node.dht().closest_peers(key_of(5000 + i), in(1min)));
    co_return Result<void>{};
  }
  Instant in(Duration time) const { return env.clock.now() + time; }

  /// Of the nearest to a key that don't lie, how many have its record.
  std::size_t with_record(const Bytes& key, const PeerId& of) {
    std::size_t count = 0;
    std::size_t honest = 0;
    for (const PeerId& peer : network.nearest(key, network.size())) {
      TestNode& node = *network.find(peer);
      if (!node.runs()) continue;
      if (++honest > bucket_size) break;
      Prng prng(1);
      auto found = node.dht().provider_records().get(key, env.wall.now(), prng);
      count += std::ranges::find(found, of, &Provider::peer) != found.end() ? 1 : 0;
    }
    return count;
  }

  port::Env& env;
  TestNetwork network;
};

Task<void> guess_size(sim::World& world, std::size_t& count) {
  Fixture fixture(world);
  KITH_CO_CHECK(co_await fixture.grow(count));
  TestNode& node = fixture.provider();
  EXPECT_FALSE(node.dht().network_size());
  KITH_CO_CHECK(co_await fixture.look_around(node));
  const double size = node.dht().network_size().value_or(0);
  EXPECT_GT(size, 0.65 * static_cast<double>(count));
  EXPECT_LT(size, 1.5 * static_cast<double>(count));
  co_return co_await fixture.network.stop_all();
}

TEST(DhtOptimistic, KnowsHowLargeTheNetworkIs) {
  for (std::size_t count : {120uz, 400uz})
    sim::run_test(1, guess_size, count);
}

struct Cost {
  std::uint64_t requests = 0;
  Duration time{};
  std::size_t holders = 0;
};

Task<Cost> provide_some(Fixture& fixture, TestNode& node, std::uint64_t from, std::uint64_t count) {
  Cost cost;
  const std::uint64_t before = node.dht().stats().requests_sent;
  for (std::uint64_t i = from; i < from + count; ++i) {
    const Instant begun = fixture.env.clock.now();
    KITH_CO_CHECK(co_await node.dht().provide(content(i), fixture.in(1min)));
    cost.time += fixture.env.clock.now() - begun;
  }
  cost.requests = node.dht().stats().requests_sent - before;
  KITH_CO_CHECK(co_await port::sleep_for(fixture.env.clock, request_timeout + 1s));
  for (std::uint64_t i = from; i < from + count; ++i)
    cost.holders += fixture.with_record(key_of(i), node.id());
  co_return cost;
}

TEST(DhtOptimistic, TellsTheSamePeersInHalfOfTheTimeWithFewerRequests) {
  sim::run_test(2, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    KITH_CO_CHECK(co_await fixture.grow());
    TestNode& node = fixture.provider();
    TestNode& classic = fixture.provider({.optimistic = false});
    KITH_CO_CHECK(co_await fixture.look_around(node));
    KITH_CO_CHECK(co_await fixture.look_around(classic));
    // Some have gone that others still know.
    for (std::size_t i = 10; i < nodes; i += 10)
      KITH_CO_CHECK(co_await fixture.network.node(i).stop());
    constexpr std::uint64_t count = 20;
    KITH_CO_TRY(const Cost slow, co_await provide_some(fixture, classic, 100, count));
    KITH_CO_TRY(const Cost fast, co_await provide_some(fixture, node, 100, count));
    EXPECT_EQ(classic.dht().stats().lookups_cut_short, 0u);
    EXPECT_GE(node.dht().stats().lookups_cut_short, count / 2);
    EXPECT_LT(fast.requests, slow.requests);
    EXPECT_LT(2 * fast.time, slow.time) << fast.time.count() << ", " << slow.time.count();
    EXPECT_GE(fast.holders, count * 17) << slow.holders << " of them otherwise";
    EXPECT_EQ(node.dht().stores_in_background(), 0u);
    RecordProperty("requests", static_cast<int>(fast.requests));
    RecordProperty("requests_otherwise", static_cast<int>(slow.requests));
    co_return co_await fixture.network.stop_all();
  });
}

TEST(DhtOptimistic, DoesTheWholeLookupWhileTheSizeIsntKnown) {
  sim::run_test(3, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    KITH_CO_CHECK(co_await fixture.grow(100));
    TestNode& node = fixture.provider();
    KITH_CO_CHECK(co_await port::sleep_for(fixture.env.clock, 5min));
    KITH_CO_CHECK(co_await node.dht().provide(content(1), fixture.in(1min)));
    EXPECT_EQ(node.dht().stats().lookups_cut_short, 0u);
    EXPECT_GE(fixture.with_record(key_of(1), node.id()), bucket_size - 1);
    co_return co_await fixture.network.stop_all();
  });
}

TEST(DhtOptimistic, FindsOutTheSizeItselfOnceItProvides) {
  sim::run_test(4, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    KITH_CO_CHECK(co_await fixture.grow(150));
    TestNode& idle = fixture.network.add();
    TestNode& busy = fixture.network.add();
    for (TestNode* node : {&idle, &busy}) {
      node->start(fixture.network.validators, {});
      node->meet(fixture.network.node(0));
    }
    KITH_CO_CHECK(co_await port::sleep_for(fixture.env.clock, 2min));
    KITH_CO_CHECK(co_await busy.dht().provide(content(1), fixture.in(1min)));
    KITH_CO_CHECK(co_await port::sleep_for(fixture.env.clock, 40min));
    EXPECT_TRUE(busy.dht().network_size());
    EXPECT_FALSE(idle.dht().network_size());
    co_return co_await fixture.network.stop_all();
  });
}

/// An answer that names only these.
TestNode::Lie naming(std::vector<Peer> peers) {
  return [peers](const PeerId&, const Message& request) -> std::optional<Message> {
    return Message{
        .type = request.type,
        .key = request.key,
        .record = {},
        .closer = request.type == MessageType::add_provider ? std::vector<Peer>() : peers,
        .providers = {}};
  };
}

/// Ids that are nearer to a key than any honest one in a network of so many.
std::vector<PeerId> ground_ids(const Bytes& key, std::size_t count, double peers) {
  std::vector<PeerId> ids;
  for (std::uint64_t i = 1'000'000; ids.size() < count; ++i) {
    const Key away = distance(Key::of(peer_id(i)), Key::of(key));
    if (share_of_keyspace(away) < 0.3 / peers) ids.push_back(peer_id(i));
  }
  return ids;
}

TEST(DhtOptimistic, TellsOthersThanACrowdThatIsNearerThanChanceHasIt) {
  sim::run_test(5, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    KITH_CO_CHECK(co_await fixture.grow());
    TestNode& node = fixture.provider();
    KITH_CO_CHECK(co_await fixture.look_around(node));
    // Enough networks for all of the k nearest.
    std::vector<Peer> crowd;
    std::uint16_t host = 1;
    for (const PeerId& id : ground_ids(key_of(1), 2 * bucket_size, nodes)) {
      const auto where = static_cast<std::uint16_t>(5000 + host / 3);
      crowd.push_back({id, {address_in(where, ++host)}});
    }
    for (const Peer& one : crowd) {
      TestNode& liar = network.add(one.id, one.addresses[0]);
      liar.lie(naming(crowd));
      for (std::size_t i = 0; i < nodes; i += 3)
        liar.meet(network.node(i));
    }
    KITH_CO_CHECK(co_await port::sleep_for(fixture.env.clock, 1min));
    KITH_CO_CHECK(co_await node.dht().provide(content(1), fixture.in(1min)));
    EXPECT_EQ(node.dht().stats().lookups_cut_short, 0u);
    KITH_CO_CHECK(co_await port::sleep_for(fixture.env.clock, 20s));
    EXPECT_GE(fixture.with_record(key_of(1), node.id()), bucket_size / 4);
    co_return co_await network.stop_all();
  });
}

TEST(DhtOptimistic, IsntLedAstrayByPeersThatDontExist) {
  sim::run_test(6, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    KITH_CO_CHECK(co_await fixture.grow());
    TestNode& node = fixture.provider();
    KITH_CO_CHECK(co_await fixture.look_around(node));
    std::vector<Peer> invented;
    for (const PeerId& id : ground_ids(key_of(1), bucket_size, nodes)) {
      const auto where = static_cast<std::uint16_t>(5000 + invented.size());
      invented.push_back({id, {address_in(where, 1)}});
    }
    for (std::size_t i = 5; i < nodes; i += 10)
      network.node(i).lie(naming(invented));
    KITH_CO_CHECK(co_await node.dht().provide(content(1), fixture.in(1min)));
    KITH_CO_CHECK(co_await port::sleep_for(fixture.env.clock, 20s));
    EXPECT_GE(fixture.with_record(key_of(1), node.id()), bucket_size * 3 / 4);
    co_return co_await network.stop_all();
  });
}

/// Long round trips, so that some are still being told when the caller goes on.
void make_slow(TestNetwork& network) {
  network.round_trip_min = 200ms;
  network.round_trip_max = 5s;
}

Task<void> finish_in_room(sim::World& world, std::size_t& room) {
  Fixture fixture(world);
  KITH_CO_CHECK(co_await fixture.grow());
  TestNode& node = fixture.provider({.background_stores_max = room});
  KITH_CO_CHECK(co_await fixture.look_around(node));
  make_slow(fixture.network);
  std::size_t most = 0;
  for (std::uint64_t i = 0; i < 5; ++i) {
    KITH_CO_CHECK(co_await node.dht().provide(content(i), fixture.in(1min)));
    most = std::max(most, node.dht().stores_in_background());
  }
  EXPECT_LE(most, room);
  EXPECT_EQ(most > 0, room > 0);
  KITH_CO_CHECK(co_await port::sleep_for(fixture.env.clock, request_timeout + 1s));
  EXPECT_EQ(node.dht().stores_in_background(), 0u);
  for (std::uint64_t i = 0; i < 5; ++i)
    EXPECT_GE(fixture.with_record(key_of(i), node.id()), bucket_size / 2) << i;
  co_return co_await fixture.network.stop_all();
}

TEST(DhtOptimistic, FinishesTheRestInTheBackgroundAsFarAsThereIsRoom) {
  for (std::size_t room : {0uz, 3uz, 60uz})
    sim::run_test(7, finish_in_room, room);
}

TEST(DhtOptimistic, LeavesNothingBehindWhereverItIsCancelledOrClosed) {
  sim::run_test(8, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    port::Env& env = fixture.env;
    KITH_CO_CHECK(co_await fixture.grow(150));
    TestNode& node = fixture.provider();
    KITH_CO_CHECK(co_await fixture.look_around(node));
    make_slow(fixture.network);
    auto provide = [](TestNode& provider, std::uint64_t number, Instant end) -> Task<void> {
      co_return co_await provider.dht().provide(content(number), end);
    };
    std::uint64_t number = 0;
    for (Duration after = 100ms; after < 10s; after += 700ms) {
      port::TaskGroup group(env.executor, env.clock);
      group.spawn(provide(node, ++number, fixture.in(1min)));
      KITH_CO_CHECK(co_await port::sleep_for(env.clock, after));
      group.cancel();
      co_await group.join_shielded();
      EXPECT_LE(node.dht().stores_in_background(), bucket_size);
      KITH_CO_CHECK(co_await port::sleep_for(env.clock, request_timeout + 1s));
      EXPECT_EQ(node.dht().stores_in_background(), 0u);
    }
    // A deadline that comes first is no failure of those who were told.
    auto hurried = co_await node.dht().provide(content(++number), fixture.in(300ms));
    EXPECT_TRUE(hurried || hurried.error().is(Errc::timed_out) ||
                hurried.error().is(RoutingError::none_took_it));
    KITH_CO_CHECK(co_await node.dht().provide(content(++number), fixture.in(1min)));
    EXPECT_GT(node.dht().stores_in_background(), 0u);
    co_return co_await fixture.network.stop_all();
  });
}

}  // namespace
}  // namespace kith::dht
