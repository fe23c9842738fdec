#include <gtest/gtest.h>

#include <kith/crypto/keys.hpp>
#include <kith/dht/test_network.hpp>
#include <kith/sim/testing.hpp>

namespace kith::dht {
namespace {

using namespace kith::dht::testing;
using routing::PeerAddresses;
using routing::RoutingError;

template <class T>
bool fails_with(const Result<T>& result, RoutingError error) {
  return !result && result.error().is(error);
}

/// "/n/...": numbers of one digit, the larger the better.
class DigitValidator final : public routing::Validator {
 public:
  Result<void> check_name(ByteView) const override { return {}; }
  Result<void> check(ByteView, ByteView value, WallTime) const override {
    if (value.size() == 1 && value[0] >= '0' && value[0] <= '9') return {};
    return std::unexpected(RoutingError::bad_value);
  }
  bool better(ByteView, ByteView a, ByteView b) const override { return a[0] > b[0]; }
};

/// A network that has come to rest, and its world.
struct Fixture {
  explicit Fixture(sim::World& world) : env(world.add_node().env()), network(env, 7) {
    network.validators.add("n", std::make_unique<DigitValidator>());
  }
  Task<void> settle(Duration time = 2min) { return port::sleep_for(env.clock, time); }
  Instant in(Duration time) const { return env.clock.now() + time; }

  port::Env& env;
  TestNetwork network;
};

/// As sim::run_test, for days.
void run_days(std::uint64_t seed, sim::TestBody body) {
  sim::World world(seed);
  Result<void> outcome = world.run(body(world), 10 * 24h);
  if (!outcome) ADD_FAILURE() << "the test's task returned: " << outcome.error().message();
  world.finish();
}

Task<std::vector<PeerAddresses>> providers_of(TestNode& node, Multihash what, Instant deadline,
                                              std::size_t enough = 100) {
  std::vector<PeerAddresses> found;
  auto on_provider = [&found, enough](const PeerAddresses& provider) {
    found.push_back(provider);
    return found.size() < enough;
  };
  KITH_CO_CHECK(co_await node.dht().find_providers(what, on_provider, deadline));
  co_return found;
}

TEST(Dht, FillsTheTablesOfNodesThatKnewOne) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    fixture.network.grow(80);
    KITH_CO_CHECK(co_await fixture.settle(10min));
    for (std::size_t i = 0; i < 80; ++i) {
      TestNode& node = fixture.network.node(i);
      // Half of all others share no bit, and 20 of them fit.
      EXPECT_EQ(node.dht().table().bucket(0).size(), bucket_size);
      std::vector<PeerId> near = fixture.network.nearest(node.id().bytes(), 11);
      for (std::size_t n = 1; n < near.size(); ++n)
        EXPECT_TRUE(node.dht().table().contains(near[n])) << i << " doesn't know a neighbour";
    }
    co_return co_await fixture.network.stop_all();
  });
}

TEST(Dht, FindsWhoProvides) {
  sim::run_test(2, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    network.grow(60);
    KITH_CO_CHECK(co_await fixture.settle());
    KITH_CO_CHECK(co_await network.node(3).dht().provide(content(1), fixture.in(1min)));
    KITH_CO_CHECK(co_await network.node(4).dht().provide(content(1), fixture.in(1min)));
    KITH_CO_TRY(auto found, co_await providers_of(network.node(50), content(1), fixture.in(1min)));
    std::ranges::sort(found, {}, &PeerAddresses::peer);
    KITH_CO_REQUIRE(found.size() == 2);
    EXPECT_NE(found[0].peer, found[1].peer);
    for (const PeerAddresses& provider : found)
      EXPECT_EQ(provider.addresses, network.node(0).addresses(provider.peer));
    KITH_CO_TRY(auto nobody, co_await providers_of(network.node(50), content(2), fixture.in(1min)));
    EXPECT_TRUE(nobody.empty());
    co_return co_await network.stop_all();
  });
}

TEST(Dht, TellsTheNearestOfWhatItProvides) {
  sim::run_test(3, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    network.grow(60);
    KITH_CO_CHECK(co_await fixture.settle(10min));
    KITH_CO_CHECK(co_await network.node(3).dht().provide(content(1), fixture.in(1min)));
    std::size_t with_record = 0;
    for (const PeerId& peer : network.nearest(content(1).bytes(), bucket_size))
      with_record += network.find(peer)->dht().provider_records().size();
    EXPECT_GE(with_record, bucket_size - 1);
    co_return co_await network.stop_all();
  });
}

TEST(Dht, StopsLookingWhenThereIsEnough) {
  sim::run_test(4, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    network.grow(60);
    KITH_CO_CHECK(co_await fixture.settle());
    for (std::size_t i = 0; i < 10; ++i)
      KITH_CO_CHECK(co_await network.node(i).dht().provide(content(1), fixture.in(1min)));
    KITH_CO_TRY(auto found,
                co_await providers_of(network.node(50), content(1), fixture.in(1min), 3));
    EXPECT_EQ(found.size(), 3u);
    co_return co_await network.stop_all();
  });
}

TEST(Dht, FindsAPeerThatNeverServes) {
  sim::run_test(5, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    network.grow(40);
    network.grow(1, {.server = false});
    TestNode& client = network.node(40);
    KITH_CO_CHECK(co_await fixture.settle());
    KITH_CO_TRY(PeerAddresses found,
                co_await network.node(9).dht().find_peer(client.id(), fixture.in(1min)));
    EXPECT_EQ(found.addresses, client.addresses(client.id()));
    for (std::size_t i = 0; i < 40; ++i)
      EXPECT_FALSE(network.node(i).dht().table().contains(client.id()));
    auto nobody = co_await network.node(9).dht().find_peer(peer_id(777), fixture.in(1min));
    EXPECT_TRUE(fails_with(nobody, RoutingError::not_found));
    co_return co_await network.stop_all();
  });
}

TEST(Dht, FindsTheNearestPeersToAKey) {
  sim::run_test(6, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    network.grow(60);
    KITH_CO_CHECK(co_await fixture.settle(10min));
    for (int i = 0; i < 5; ++i) {
      Bytes key = to_bytes(content(static_cast<std::uint64_t>(i)).bytes());
      KITH_CO_TRY(auto found, co_await network.node(7).dht().closest_peers(key, fixture.in(1min)));
      std::vector<PeerId> expected = network.nearest(key, bucket_size + 1);
      std::erase(expected, network.node(7).id());
      std::size_t right = 0;
      for (const PeerAddresses& one : found)
        right += std::ranges::find(expected, one.peer) != expected.end() ? 1 : 0;
      EXPECT_GE(right, bucket_size - 1) << i;
    }
    co_return co_await network.stop_all();
  });
}

TEST(Dht, KeepsTheBetterOfTwoValues) {
  sim::run_test(7, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    network.grow(60);
    KITH_CO_CHECK(co_await fixture.settle());
    Bytes key = to_bytes("/n/x");
    const std::size_t known = network.node(3).dht().table().size();
    KITH_CO_CHECK(co_await network.node(1).dht().put_value(key, to_bytes("4"), fixture.in(1min)));
    KITH_CO_CHECK(co_await network.node(2).dht().put_value(key, to_bytes("6"), fixture.in(1min)));
    auto older = co_await network.node(2).dht().put_value(key, to_bytes("5"), fixture.in(1min));
    EXPECT_TRUE(fails_with(older, RoutingError::older_value));
    auto none = co_await network.node(3).dht().put_value(key, to_bytes("5"), fixture.in(1min));
    EXPECT_TRUE(fails_with(none, RoutingError::none_took_it) ||
                fails_with(none, RoutingError::older_value));
    EXPECT_GE(network.node(3).dht().table().size(), known) << "who refuses isn't gone";
    KITH_CO_TRY(Bytes value, co_await network.node(50).dht().get_value(key, fixture.in(1min)));
    EXPECT_EQ(value, to_bytes("6"));
    auto missing = co_await network.node(50).dht().get_value(to_bytes("/n/y"), fixture.in(1min));
    EXPECT_TRUE(fails_with(missing, RoutingError::not_found));
    auto unknown = co_await network.node(50).dht().get_value(to_bytes("/news/y"), fixture.in(1min));
    EXPECT_TRUE(fails_with(unknown, RoutingError::unknown_kind));
    co_return co_await network.stop_all();
  });
}

TEST(Dht, BringsAnOldValueUpToDateWhereItIsRead) {
  sim::run_test(8, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    network.grow(30);
    KITH_CO_CHECK(co_await fixture.settle());
    Bytes key = to_bytes("/n/x");
    KITH_CO_CHECK(co_await network.node(1).dht().put_value(key, to_bytes("1"), fixture.in(1min)));
    // One of the nearest hears of a better one alone.
    TestNode& ahead = *network.find(network.nearest(key, 1)[0]);
    Message put{.type = MessageType::put_value,
                .key = key,
                .record = Record{key, to_bytes("2"), {}},
                .closer = {},
                .providers = {}};
    KITH_CO_CHECK(co_await network.node(0).request(ahead.id(), put, fixture.in(10s)));
    KITH_CO_TRY(Bytes value, co_await network.node(20).dht().get_value(key, fixture.in(1min)));
    EXPECT_EQ(value, to_bytes("2"));
    KITH_CO_CHECK(co_await fixture.settle(10s));
    std::size_t behind = 0;
    for (const PeerId& peer : network.nearest(key, bucket_size)) {
      if (peer == network.node(20).id()) continue;
      auto held = network.find(peer)->dht().value_records().get(key, fixture.env.wall.now());
      behind += held && held->value == to_bytes("2") ? 0 : 1;
    }
    EXPECT_LE(behind, 1u);
    co_return co_await network.stop_all();
  });
}

TEST(Dht, SaysThatItKnowsNobody) {
  sim::run_test(9, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    fixture.network.grow(1);
    Dht& alone = fixture.network.node(0).dht();
    EXPECT_TRUE(
        fails_with(co_await alone.provide(content(1), fixture.in(1min)), RoutingError::no_peers));
    EXPECT_TRUE(
        fails_with(co_await alone.find_peer(peer_id(5), fixture.in(1min)), RoutingError::no_peers));
    // But it has what it provides itself.
    KITH_CO_TRY(auto found,
                co_await providers_of(fixture.network.node(0), content(1), fixture.in(1min)));
    EXPECT_EQ(found.size(), 1u);
    co_return co_await fixture.network.stop_all();
  });
}

TEST(Dht, TellsLaterWhatItCouldTellNobody) {
  sim::run_test(10, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    network.grow(1);
    auto told = co_await network.node(0).dht().provide(content(1), fixture.in(1min));
    EXPECT_TRUE(fails_with(told, RoutingError::no_peers));
    network.grow(30);
    KITH_CO_CHECK(co_await fixture.settle(15min));
    KITH_CO_TRY(auto found, co_await providers_of(network.node(20), content(1), fixture.in(1min)));
    EXPECT_EQ(found.size(), 1u);
    co_return co_await network.stop_all();
  });
}

TEST(Dht, TellsAgainBeforeARecordEnds) {
  run_days(11, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    bool has_it = true;
    network.grow(30, {.server = true, .refresh_interval = 12h});
    TestNode& provider = network.add();
    auto has = [&fixture, &has_it](Multihash) -> Task<bool> {
      KITH_CO_CHECK(co_await port::sleep_for(fixture.env.clock, 1ms));
      co_return has_it;
    };
    provider.start(network.validators, {.server = true, .refresh_interval = 12h, .still_has = has});
    provider.meet(network.node(0));
    KITH_CO_CHECK(co_await fixture.settle());
    KITH_CO_CHECK(co_await provider.dht().provide(content(1), fixture.in(1min)));
    KITH_CO_CHECK(co_await fixture.settle(60h));
    KITH_CO_TRY(auto found, co_await providers_of(network.node(20), content(1), fixture.in(1min)));
    EXPECT_EQ(found.size(), 1u) << "the record should have been renewed after 22 hours";
    has_it = false;
    KITH_CO_CHECK(co_await fixture.settle(72h));
    KITH_CO_TRY(found, co_await providers_of(network.node(20), content(1), fixture.in(1min)));
    EXPECT_TRUE(found.empty());
    EXPECT_EQ(provider.dht().provided().size(), 0u);
    co_return co_await network.stop_all();
  });
}

TEST(Dht, ForgetsWhoDoesntAnswerAndFindsThemAgain) {
  run_days(12, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    network.grow(10);
    KITH_CO_CHECK(co_await fixture.settle(5min));
    for (std::size_t i = 5; i < 10; ++i)
      network.node(i).put_on_side(1);
    KITH_CO_CHECK(co_await fixture.settle(30min));
    for (std::size_t i = 0; i < 10; ++i) {
      EXPECT_EQ(network.node(i).dht().table().size(), 4u) << i;
      network.node(i).put_on_side(0);
    }
    KITH_CO_CHECK(co_await fixture.settle(2h));
    for (std::size_t i = 0; i < 10; ++i)
      EXPECT_EQ(network.node(i).dht().table().size(), 9u) << i;
    co_return co_await network.stop_all();
  });
}

TEST(Dht, ServesOrDoesntAsItIsTold) {
  sim::run_test(13, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    network.grow(2);
    KITH_CO_CHECK(co_await fixture.settle());
    TestNode& one = network.node(0);
    EXPECT_TRUE(network.node(1).dht().table().contains(one.id()));
    one.dht().set_server(false);
    EXPECT_FALSE(one.dht().server());
    Message ask{.type = MessageType::ping, .key = {}, .record = {}, .closer = {}, .providers = {}};
    EXPECT_FALSE(co_await network.node(1).request(one.id(), ask, fixture.in(10s)));
    one.dht().set_server(true);
    EXPECT_TRUE(co_await network.node(1).request(one.id(), ask, fixture.in(10s)));
    co_return co_await network.stop_all();
  });
}

TEST(Dht, EndsASearchAtItsDeadline) {
  sim::run_test(14, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    network.grow(20);
    KITH_CO_CHECK(co_await fixture.settle());
    network.round_trip_min = 1s;
    network.round_trip_max = 2s;
    Instant deadline = fixture.in(500ms);
    auto found = co_await providers_of(network.node(1), content(1), deadline);
    EXPECT_TRUE(!found && found.error().is(Errc::timed_out));
    EXPECT_EQ(fixture.env.clock.now(), deadline);
    co_return co_await network.stop_all();
  });
}

TEST(Dht, LetsLookupsBeyondTheLimitWait) {
  sim::run_test(15, [](sim::World& world) -> Task<void> {
    Fixture fixture(world);
    TestNetwork& network = fixture.network;
    network.grow(50);
    KITH_CO_CHECK(co_await fixture.settle());
    port::TaskGroup group(fixture.env.executor, fixture.env.clock);
    std::size_t ended = 0;
    auto find = [](TestNode& node, std::uint64_t number, Instant end,
                   std::size_t& count) -> Task<void> {
      KITH_CO_CHECK(co_await providers_of(node, content(number), end));
      ++count;
      co_return Result<void>{};
    };
    Dht& dht = network.node(1).dht();
    std::uint64_t before = dht.stats().lookups;
    for (std::uint64_t i = 0; i < 3 * lookups_at_once_max; ++i)
      group.spawn(find(network.node(1), i, fixture.in(1min), ended));
    KITH_CO_CHECK(co_await port::sleep_for(fixture.env.clock, 1ms));
    EXPECT_EQ(dht.stats().lookups - before, lookups_at_once_max);
    KITH_CO_CHECK(co_await group.join());
    EXPECT_EQ(ended, 3 * lookups_at_once_max);
    co_return co_await network.stop_all();
  });
}

Task<void> some_lookups(sim::World& world) {
  Fixture fixture(world);
  fixture.network.grow(30);
  KITH_CO_CHECK(co_await fixture.settle());
  KITH_CO_CHECK(co_await fixture.network.node(3).dht().provide(content(1), fixture.in(1min)));
  KITH_CO_TRY(auto found,
              co_await providers_of(fixture.network.node(9), content(1), fixture.in(1min)));
  world.trace(found.size() + fixture.network.requests());
  co_return co_await fixture.network.stop_all();
}

TEST(Dht, DoesTheSameAgainWithTheSameSeed) {
  sim::expect_repeatable(16, some_lookups);
}

}  // namespace
}  // namespace kith::dht
