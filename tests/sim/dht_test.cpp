// Networks of DHT nodes in one process, without the stack below them (kith/dht/test_network.hpp):
// churn, liars, ground ids, a network that falls in two. Each scenario has a small size, and a
// large one.
//
//   KITH_DHT_NODES=10000 build/dev/tests/sim/sim_dht --gtest_filter='*OfMany*'    1,000 if not said
//   KITH_SEED=7 ...                                                              another seed
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/dht/test_network.hpp>
#include <kith/sim/testing.hpp>

#include "environment.hpp"

namespace kith::dht {
namespace {

using namespace kith::dht::testing;
using routing::PeerAddresses;

/// A network and what was looked for in it.
struct Scenario {
  Scenario(sim::World& its_world, std::size_t node_count)
      : world(its_world),
        env(its_world.add_node().env()),
        network(env, its_world.prng().next()),
        count(node_count),
        searches(env.executor, env.clock) {
    network.encode = false;
  }

  Task<void> rest(Duration time) { return port::sleep_for(env.clock, time); }

  /// Every node has been there for a while.
  Task<void> settle() {
    while (network.size() < count) {
      network.grow(std::max<std::size_t>(1, count / 100), options);
      KITH_CO_CHECK(co_await rest(1s));
    }
    co_return co_await rest(refresh_interval + refresh_jitter_max);
  }

  /// One that runs and is honest.
  TestNode& any() {
    for (;;) {
      TestNode& node = network.node(world.prng().below(network.size()));
      if (node.runs()) return node;
    }
  }

  Task<void> provide(TestNode& node, std::uint64_t number) {
    Instant deadline = env.clock.now() + 1min;
    auto told = co_await node.dht().provide(content(number), deadline);
    if (!told) ++unprovided;
    co_return Result<void>{};
  }

  /// Whether the node finds somebody who provides it.
  Task<void> search(TestNode& node, std::uint64_t number) {
    std::size_t providers = 0;
    auto on_provider = [&providers](const PeerAddresses&) { return ++providers < 1; };
    Instant begin = env.clock.now();
    auto ended = co_await node.dht().find_providers(content(number), on_provider, begin + 1min);
    ++searched;
    if (providers > 0) ++found;
    if (providers == 0) world.trace(number);
    longest = std::max(longest, env.clock.now() - begin);
    co_return ended;
  }

  Task<void> close() {
    searches.cancel();
    co_await searches.join_shielded();
    co_return co_await network.stop_all();
  }

  sim::World& world;
  port::Env& env;
  TestNetwork network;
  std::size_t count;
  DhtOptions options{.server = true};
  port::TaskGroup searches;
  std::size_t unprovided = 0;
  std::size_t searched = 0;
  std::size_t found = 0;
  Duration longest{0};
};

std::size_t many() {
  return number_from("KITH_DHT_NODES", 1000);
}

void run_scenario(std::uint64_t seed, std::size_t count, Task<void> (*body)(Scenario& scenario)) {
  seed = number_from("KITH_SEED", seed);
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  sim::World world(seed);
  auto whole = [](sim::World& its, std::size_t nodes, Task<void> (*of)(Scenario&)) -> Task<void> {
    Scenario scenario(its, nodes);
    auto outcome = co_await of(scenario);
    co_await scenario.close();
    co_return outcome;
  };
  Result<void> outcome = world.run(whole(world, count, body), 24h);
  if (!outcome) ADD_FAILURE() << "the scenario returned: " << outcome.error().message();
  world.finish();
}

// Churn.

constexpr double churn_an_hour = 0.3;
constexpr Duration churn_step = 10s;

/// Of those that aren't the first tenth, who provide and stay, so many go and as many come.
Task<void> churn_once(Scenario& scenario, double& owed) {
  TestNetwork& network = scenario.network;
  const std::size_t stay = scenario.count / 10;
  owed += static_cast<double>(scenario.count) * churn_an_hour * (churn_step / 1s) / 3600;
  while (owed >= 1) {
    owed -= 1;
    TestNode* leaves = nullptr;
    while (leaves == nullptr) {
      TestNode& one = network.node(stay + scenario.world.prng().below(network.size() - stay));
      if (one.runs()) leaves = &one;
    }
    network.grow(1);
    scenario.searches.spawn(leaves->stop());
  }
  co_return Result<void>{};
}

/// One that won't go while it searches.
TestNode& one_that_stays(Scenario& scenario) {
  return scenario.network.node(scenario.world.prng().below(scenario.count / 10));
}

/// Of a network whose tables are full, each hop halves the distance at least (Maymounkov and
/// Mazieres, section 3), and buckets of k peers save the last log2 k of them.
double hops_in_theory(std::size_t nodes) {
  return std::max(1.0, std::log2(static_cast<double>(nodes) / bucket_size));
}

/// The median over all lookups of those that run, and prints how far they went.
std::size_t median_hops(TestNetwork& network) {
  std::array<std::uint64_t, hops_counted_max + 1> hops{};
  for (std::size_t i = 0; i < network.size(); ++i) {
    if (!network.node(i).runs()) continue;
    for (std::size_t j = 0; j < hops.size(); ++j)
      hops[j] += network.node(i).dht().stats().hops[j];
  }
  const std::uint64_t lookups = std::accumulate(hops.begin(), hops.end(), std::uint64_t{0});
  std::size_t median = 0;
  for (std::uint64_t passed = hops[0]; passed * 2 < lookups; passed += hops[median])
    ++median;
  fmt::print("hops of {} lookups: {}, median {}\n", lookups, fmt::join(hops, " "), median);
  return median;
}

Task<void> an_hour_of_churn(Scenario& scenario) {
  KITH_CO_CHECK(co_await scenario.settle());
  double owed = 0;
  std::uint64_t provided = 0;
  const Instant end = scenario.env.clock.now() + 1h;
  while (scenario.env.clock.now() < end) {
    KITH_CO_CHECK(co_await churn_once(scenario, owed));
    scenario.searches.spawn(scenario.provide(one_that_stays(scenario), ++provided));
    // What was provided just now, and what was long ago.
    for (int i = 0; i < 3 && provided > 10; ++i) {
      std::uint64_t number = 1 + scenario.world.prng().below(provided - 9);
      scenario.searches.spawn(scenario.search(one_that_stays(scenario), number));
    }
    KITH_CO_CHECK(co_await scenario.rest(churn_step));
  }
  KITH_CO_CHECK(co_await scenario.searches.join());
  EXPECT_EQ(scenario.unprovided, 0u);
  EXPECT_GT(scenario.searched, 900u);
  EXPECT_GE(scenario.found * 1000, scenario.searched * 999)
      << scenario.found << " of " << scenario.searched;
  fmt::print("{} nodes: found {} of {}, the longest search took {} ms\n", scenario.count,
             scenario.found, scenario.searched, scenario.longest / 1ms);
  EXPECT_LE(static_cast<double>(median_hops(scenario.network)), hops_in_theory(scenario.count));
  co_return Result<void>{};
}

TEST(DhtNetwork, FindsWhatIsProvidedWhileNodesComeAndGo) {
  run_scenario(1, 100, an_hour_of_churn);
}

TEST(DhtNetwork, OfManyFindsWhatIsProvidedWhileNodesComeAndGo) {
  run_scenario(2, many(), an_hour_of_churn);
}

// Liars.

/// Who lies together, each at an address of its own.
struct Fellow {
  explicit Fellow(const PeerId& id, Multiaddr address)
      : peer{id, {std::move(address)}, Connectedness::not_connected}, key(Key::of(id)) {}

  Peer peer;
  Key key;
};
using Fellows = std::vector<Fellow>;

/// Names the nearest of its fellows alone, has nothing, and takes every record to lose it.
TestNode::Lie lie_for(std::shared_ptr<const Fellows> fellows) {
  return [fellows](const PeerId&, const Message& request) -> std::optional<Message> {
    if (request.type == MessageType::add_provider) return std::nullopt;
    Message answer;
    answer.type = request.type;
    answer.key = request.key;
    Key target = Key::of(request.key);
    std::vector<std::pair<Key, std::size_t>> near;
    for (std::size_t i = 0; i < fellows->size(); ++i)
      near.emplace_back(distance((*fellows)[i].key, target), i);
    std::size_t told = std::min(near.size(), bucket_size);
    std::ranges::partial_sort(near, near.begin() + static_cast<std::ptrdiff_t>(told));
    for (std::size_t i = 0; i < told; ++i)
      answer.closer.push_back((*fellows)[near[i].second].peer);
    return answer;
  };
}

Task<void> among_liars(Scenario& scenario, std::shared_ptr<const Fellows> invented) {
  TestNetwork& network = scenario.network;
  const std::size_t liars = scenario.count / 5;
  auto fellows = std::make_shared<Fellows>();
  auto named = invented == nullptr ? fellows : invented;
  network.grow(scenario.count - liars);
  for (std::size_t i = 0; i < liars; ++i) {
    TestNode& liar = network.add();
    fellows->emplace_back(liar.id(), liar.addresses(liar.id())[0]);
    liar.lie(lie_for(named));
    liar.meet(scenario.any());
  }
  KITH_CO_CHECK(co_await scenario.rest(2 * refresh_interval));
  constexpr std::uint64_t contents = 100;
  for (std::uint64_t i = 0; i < contents; ++i) {
    KITH_CO_CHECK(co_await scenario.provide(scenario.any(), i));
    KITH_CO_CHECK(co_await scenario.search(scenario.any(), i));
  }
  EXPECT_EQ(scenario.unprovided, 0u);
  EXPECT_GE(scenario.found, contents * 99 / 100);
  fmt::print("{} nodes: found {} of {}, the longest search took {} ms\n", scenario.count,
             scenario.found, scenario.searched, scenario.longest / 1ms);
  co_return Result<void>{};
}

Task<void> a_fifth_lies(Scenario& scenario) {
  return among_liars(scenario, nullptr);
}

/// They name peers that don't exist, nearer than all honest ones, each in another network.
Task<void> a_fifth_invents(Scenario& scenario) {
  auto invented = std::make_shared<Fellows>();
  for (std::uint64_t i = 0; i < 4 * scenario.count; ++i) {
    Multiaddr address = address_in(static_cast<std::uint16_t>(i), 2);
    invented->emplace_back(peer_id(50'000'000 + i), address);
  }
  return among_liars(scenario, std::move(invented));
}

TEST(DhtNetwork, FindsWhatIsProvidedThoughAFifthInventsPeers) {
  run_scenario(9, 100, a_fifth_invents);
}

TEST(DhtNetwork, OfManyFindsWhatIsProvidedThoughAFifthInventsPeers) {
  run_scenario(10, many(), a_fifth_invents);
}

TEST(DhtNetwork, FindsWhatIsProvidedThoughAFifthLies) {
  run_scenario(3, 100, a_fifth_lies);
}

TEST(DhtNetwork, OfManyFindsWhatIsProvidedThoughAFifthLies) {
  run_scenario(4, many(), a_fifth_lies);
}

// An eclipse: ids that were ground until they were the nearest of all to some content.

constexpr std::size_t ground_ids = 60;
constexpr std::uint16_t ground_networks = 3;
constexpr std::uint64_t eclipsed = 5;

std::vector<PeerId> grind(std::uint64_t number) {
  const Key target = Key::of(content(number).bytes());
  std::vector<std::pair<Key, PeerId>> tried;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    PeerId id = peer_id((number + 1) * 1'000'000 + i);
    tried.emplace_back(distance(Key::of(id), target), id);
  }
  std::ranges::partial_sort(tried, tried.begin() + ground_ids);
  std::vector<PeerId> ids;
  for (std::size_t i = 0; i < ground_ids; ++i)
    ids.push_back(tried[i].second);
  return ids;
}

Task<void> surround(Scenario& scenario) {
  KITH_CO_CHECK(co_await scenario.settle());
  TestNetwork& network = scenario.network;
  for (std::uint64_t number = 0; number < eclipsed; ++number) {
    std::vector<PeerId> ids = grind(number);
    auto fellows = std::make_shared<Fellows>();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      auto place =
          static_cast<std::uint16_t>(40'000 + number * ground_networks + i % ground_networks);
      Multiaddr address = address_in(place, static_cast<std::uint16_t>(i));
      TestNode& ground = network.add(ids[i], address);
      fellows->emplace_back(ids[i], address);
      ground.lie(lie_for(fellows));
      for (int peers = 0; peers < 20; ++peers)
        ground.meet(scenario.any());
    }
  }
  KITH_CO_CHECK(co_await scenario.rest(2 * refresh_interval));
  for (std::uint64_t number = 0; number < eclipsed; ++number) {
    for (int i = 0; i < 20; ++i) {
      if (i % 10 == 0) KITH_CO_CHECK(co_await scenario.provide(scenario.any(), number));
      KITH_CO_CHECK(co_await scenario.search(scenario.any(), number));
    }
  }
  EXPECT_EQ(scenario.searched, eclipsed * 20);
  co_return Result<void>{};
}

Task<void> an_eclipse(Scenario& scenario) {
  KITH_CO_CHECK(co_await surround(scenario));
  EXPECT_EQ(scenario.found, scenario.searched);
  co_return Result<void>{};
}

/// The same without the limit by network: the test of the test.
Task<void> an_eclipse_that_succeeds(Scenario& scenario) {
  scenario.options.lookup.group_max = ground_ids;
  KITH_CO_CHECK(co_await surround(scenario));
  EXPECT_LT(scenario.found, scenario.searched / 2);
  co_return Result<void>{};
}

TEST(DhtNetwork, FindsContentThatGroundIdsOfThreeNetworksSurround) {
  run_scenario(5, 100, an_eclipse);
}

TEST(DhtNetwork, WouldLoseThatContentWithoutTheLimitByNetwork) {
  run_scenario(5, 100, an_eclipse_that_succeeds);
}

TEST(DhtNetwork, OfManyFindsContentThatGroundIdsOfThreeNetworksSurround) {
  run_scenario(6, many(), an_eclipse);
}

// A network that falls in two.

Task<void> a_partition(Scenario& scenario) {
  KITH_CO_CHECK(co_await scenario.settle());
  TestNetwork& network = scenario.network;
  for (std::size_t i = 0; i < network.size(); ++i)
    network.node(i).put_on_side(static_cast<int>(i % 2));
  KITH_CO_CHECK(co_await scenario.rest(1h));
  // Each half works by itself, and knows nothing of the other.
  constexpr std::uint64_t contents = 25;
  auto one_of = [&scenario](std::size_t side) -> TestNode& {
    std::size_t pick = scenario.world.prng().below(scenario.count / 2);
    return scenario.network.node(2 * pick + side);
  };
  for (std::uint64_t i = 0; i < contents; ++i) {
    KITH_CO_CHECK(co_await scenario.provide(one_of(0), i));
    KITH_CO_CHECK(co_await scenario.search(one_of(0), i));
  }
  EXPECT_EQ(scenario.found, contents);
  EXPECT_EQ(scenario.unprovided, 0u);
  for (std::uint64_t i = 0; i < 5; ++i)
    KITH_CO_CHECK(co_await scenario.search(one_of(1), i));
  EXPECT_EQ(scenario.found, contents) << "the other half can't know";
  for (std::size_t i = 0; i < network.size(); ++i)
    network.node(i).put_on_side(0);
  KITH_CO_CHECK(co_await scenario.rest(1h));
  scenario.found = 0;
  for (std::uint64_t i = 0; i < contents; ++i)
    KITH_CO_CHECK(co_await scenario.search(one_of(1), i));
  EXPECT_EQ(scenario.found, contents) << "what one half was told, the other finds after an hour";
  co_return Result<void>{};
}

TEST(DhtNetwork, GrowsTogetherAgainAfterItFellInTwo) {
  run_scenario(7, 100, a_partition);
}

TEST(DhtNetwork, OfManyGrowsTogetherAgainAfterItFellInTwo) {
  run_scenario(8, many(), a_partition);
}

}  // namespace
}  // namespace kith::dht
