// Dialing, in a world of many addresses: some answer, some refuse, most are holes.
#include <gtest/gtest.h>

#include <kith/net/test_peer.hpp>
#include <kith/net/upgrade_test.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using testing::peer_of;
using Peer = TestPeer;

using Outcome = std::optional<Result<ConnectionId>>;

const PeerId nobody = peer_of(key_of(99));

/// Public addresses at which nobody ever answers.
std::vector<Multiaddr> black_holes(int count) {
  std::vector<Multiaddr> all;
  for (int i = 1; i <= count; ++i)
    all.push_back(address("/ip4/198.51.100." + std::to_string(i) + "/tcp/4001"));
  return all;
}

/// The first address of a peer, so that a dial of it is one attempt.
std::vector<Multiaddr> one_address(const Peer& peer) {
  return {address("/ip4/" + peer.node.address().to_string() + "/tcp/4001")};
}

/// A port of the node where nobody listens.
std::vector<Multiaddr> closed_port(const Peer& peer) {
  return {address("/ip4/" + peer.node.address().to_string() + "/tcp/1")};
}

std::vector<Multiaddr> join(std::vector<Multiaddr> first, const std::vector<Multiaddr>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

void set_latency(sim::World& world, Duration latency) {
  sim::LinkOptions link;
  link.latency = latency;
  world.net().set_links(link);
}

Task<void> black_holed(sim::World& world) {
  SwarmLimits limits;
  limits.dials_max = 8;
  Peer one(world.add_node(), 1, limits);
  Peer two(world.add_node(), 2);
  const Instant begin = world.now();
  auto outcome = co_await one.swarm.connect(nobody, black_holes(12), begin + 5s);
  EXPECT_TRUE(!outcome && outcome.error().is(Errc::timed_out));
  EXPECT_EQ(world.now() - begin, 5s);
  // Every slot is free again.
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), two.addresses(), world.now() + 1s));
  co_return co_await close_all(one, two);
}
TEST(SwarmDial, ToBlackHolesEndsByItsDeadlineAndLeavesNoSlotTaken) {
  sim::run_seeds(1, 5, black_holed);
}

Task<void> crowd(sim::World& world) {
  SwarmLimits limits;
  limits.dials_max = 20;
  limits.direct_dials_max = 10;
  Peer one(world.add_node(), 1, limits);
  port::TaskGroup dials(one.env().executor, one.env().clock);
  std::vector<Outcome> outcomes(100);
  for (std::uint8_t i = 0; i < 100; ++i) {
    dials.spawn(connect_into(one.swarm, peer_of(key_of(100 + i)), black_holes(10),
                             world.now() + 30s, outcomes[i]));
  }
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10s));
  EXPECT_EQ(one.net.half_open, 20u);
  std::vector<Multiaddr> holes = black_holes(16);
  auto direct = co_await one.swarm.connect_directly(nobody, holes, std::nullopt, world.now() + 5s);
  EXPECT_FALSE(direct);
  KITH_CO_CHECK(co_await dials.join());
  EXPECT_EQ(one.net.half_open_max, 30u);
  EXPECT_EQ(one.net.half_open, 0u);
  co_return co_await close_all(one);
}
TEST(SwarmDial, HasSoManyConnectionsHalfOpenAndNoMore) {
  sim::run_seeds(1, 3, crowd);
}

Task<void> patient(sim::World& world) {
  SwarmLimits limits;
  limits.dials_max = 4;
  Peer one(world.add_node(), 1, limits);
  const Instant begin = world.now();
  auto few = co_await one.swarm.connect(nobody, black_holes(2), never);
  EXPECT_TRUE(!few && few.error().is(SwarmError::all_dials_failed)) << few.error().message();
  EXPECT_LT(world.now() - begin, dial_timeout + 1s);
  one.swarm.clear_backoff(nobody);
  const Instant again = world.now();
  auto many = co_await one.swarm.connect(nobody, black_holes(100), never);
  EXPECT_TRUE(!many && many.error().is(SwarmError::all_dials_failed));
  EXPECT_EQ(world.now() - again, dial_peer_timeout);
  co_return co_await close_all(one);
}
TEST(SwarmDial, EndsByItselfWhoeverWaits) {
  sim::run_test(1, patient);
}

Task<void> given_up(sim::World& world) {
  Peer one(world.add_node(), 1);
  auto outcome = co_await one.swarm.connect(nobody, black_holes(20), world.now() + 3s);
  EXPECT_FALSE(outcome);
  const std::size_t before = one.net.dials.size();
  EXPECT_EQ(before, 8u);
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 60s));
  EXPECT_EQ(one.net.dials.size(), before);
  // Those that were not given time enough are none the worse for it.
  const Instant begin = world.now();
  auto again = co_await one.swarm.connect(nobody, black_holes(1), begin + 3s);
  EXPECT_TRUE(!again && again.error().is(Errc::timed_out)) << again.error().message();
  co_return co_await close_all(one);
}
TEST(SwarmDial, IsGivenUpWhenNobodyWaitsForItAnyMore) {
  sim::run_test(1, given_up);
}

Task<void> joined(sim::World& world) {
  set_latency(world, 10ms);
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  port::TaskGroup dials(one.env().executor, one.env().clock);
  Outcome first, second;
  dials.spawn(connect_into(one.swarm, two.id(), black_holes(3), one.soon(), first));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
  dials.spawn(connect_into(one.swarm, two.id(), two.addresses(), one.soon(), second));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
  KITH_CO_REQUIRE(first && second);
  KITH_CO_REQUIRE(first->has_value() && second->has_value());
  EXPECT_EQ(**first, **second);
  EXPECT_EQ(one.swarm.connection_count(), 1u);
  KITH_CO_CHECK(co_await dials.join_shielded());
  co_return co_await close_all(one, two);
}
TEST(SwarmDial, TriesTheAddressesOfWhoeverComesLaterToo) {
  sim::run_seeds(1, 5, joined);
}

Task<void> first_leaves(sim::World& world) {
  set_latency(world, 10ms);
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  // The second's only hope is an address that the dial comes to when the first has left.
  world.net().cut(one.node.id(), two.node.id());
  port::TaskGroup dials(one.env().executor, one.env().clock);
  Outcome first, second;
  dials.spawn(connect_into(one.swarm, two.id(), black_holes(3), world.now() + 2s, first));
  dials.spawn(connect_into(one.swarm, two.id(), two.addresses(), world.now() + 30s, second));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 3s));
  KITH_CO_REQUIRE(first.has_value());
  EXPECT_TRUE(!*first && first->error().is(Errc::timed_out));
  world.net().heal();
  KITH_CO_CHECK(co_await dials.join_shielded());
  EXPECT_TRUE(second && *second);
  co_return co_await close_all(one, two);
}
TEST(SwarmDial, GoesOnForThoseWhoStillWait) {
  sim::run_test(1, first_leaves);
}

Task<void> comes_by_itself(sim::World& world) {
  set_latency(world, 10ms);
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  port::TaskGroup dials(one.env().executor, one.env().clock);
  Outcome outcome;
  dials.spawn(connect_into(one.swarm, two.id(), black_holes(3), one.soon(), outcome));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 2s));
  KITH_CO_CHECK(co_await two.swarm.connect(one.id(), one.addresses(), two.soon()));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 100ms));
  EXPECT_TRUE(outcome && *outcome);
  KITH_CO_CHECK(co_await dials.join_shielded());
  co_return co_await close_all(one, two);
}
TEST(SwarmDial, EndsWhenThePeerComesByItself) {
  sim::run_test(1, comes_by_itself);
}

Task<void> closes_while_dialing(sim::World& world) {
  Peer one(world.add_node(), 1);
  port::TaskGroup dials(one.env().executor, one.env().clock);
  std::vector<Outcome> outcomes(3);
  for (std::uint8_t i = 0; i < 3; ++i) {
    const PeerId peer = peer_of(key_of(static_cast<std::uint8_t>(90 + i)));
    dials.spawn(connect_into(one.swarm, peer, black_holes(5), never, outcomes[i]));
    // The last dial is asked for in the moment in which the swarm closes.
    if (i == 1) KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
  }
  KITH_CO_CHECK(co_await port::yield());
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await dials.join_shielded());
  for (const Outcome& outcome : outcomes) {
    KITH_CO_REQUIRE(outcome && !*outcome);
    EXPECT_TRUE(outcome->error().is(Errc::closed)) << outcome->error().message();
  }
  co_return Result<void>{};
}
TEST(SwarmDial, EndsWithTheSwarm) {
  sim::run_seeds(1, 5, closes_while_dialing);
}

// Names.

/// How long a connection takes.
Task<Duration> time_to_connect(Peer& from, Peer& to, std::vector<Multiaddr> addresses) {
  from.swarm.clear_backoff(to.id());
  from.store.forget(to.id());
  const Instant begin = from.env().clock.now();
  KITH_CO_CHECK(co_await from.swarm.connect(to.id(), std::move(addresses), from.soon()));
  const Duration took = from.env().clock.now() - begin;
  from.swarm.disconnect(to.id());
  KITH_CO_CHECK(co_await port::sleep_for(from.env().clock, 5s));
  co_return took;
}

Task<void> dead_name(sim::World& world) {
  set_latency(world, 10ms);
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  KITH_CO_TRY(const Duration alone, co_await time_to_connect(one, two, one_address(two)));
  world.net().mute_name("dead.example");
  world.net().mute_name("_dnsaddr.dead.example");
  std::vector<Multiaddr> addresses = {address("/dns4/dead.example/tcp/4001"),
                                      address("/dnsaddr/dead.example"),
                                      address("/dns4/unknown.example/tcp/4001")};
  addresses = join(std::move(addresses), one_address(two));
  KITH_CO_TRY(const Duration beside, co_await time_to_connect(one, two, std::move(addresses)));
  EXPECT_EQ(beside, alone);
  EXPECT_EQ(one.net.lookups.size(), 3u);
  co_return co_await close_all(one, two);
}
TEST(SwarmDial, WaitsForNoNameWhileItHasAnAddress) {
  sim::run_test(1, dead_name);
}

Task<void> live_name(sim::World& world) {
  set_latency(world, 10ms);
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  const std::string at_two = "/p2p/" + two.id().to_string();
  world.net().mute_name("dead.example");
  world.net().add_name("live.example", two.node.address());
  world.net().add_txt("_dnsaddr.boot.example", "dnsaddr=/dns4/live.example/tcp/4001" + at_two);
  std::vector<Multiaddr> addresses;
  for (int i = 0; i < 3; ++i)
    addresses.push_back(address("/dns4/dead.example/tcp/" + std::to_string(4001 + i)));
  addresses.push_back(address("/dnsaddr/boot.example" + at_two));
  addresses = join(std::move(addresses), black_holes(2));
  KITH_CO_TRY(const Duration took, co_await time_to_connect(one, two, std::move(addresses)));
  // Two look-ups of at most 50 ms, and the place of a private address in the race.
  EXPECT_LT(took, 500ms);
  co_return co_await close_all(one, two);
}
TEST(SwarmDial, LetsWhatANameStandsForJoinTheRace) {
  sim::run_test(1, live_name);
}

Task<void> amplified(sim::World& world) {
  set_latency(world, 1ms);
  Peer one(world.add_node(), 1);
  Peer victim(world.add_node(), 2);
  const std::string host = "/ip4/" + victim.node.address().to_string() + "/tcp/";
  std::vector<Multiaddr> addresses;
  int port = 5000;
  for (int i = 0; i < 20; ++i) {
    const std::string at = "n" + std::to_string(i) + ".example";
    addresses.push_back(address("/dnsaddr/" + at));
    for (int k = 0; k < 20; ++k) {
      world.net().add_txt("_dnsaddr." + at, "dnsaddr=" + host + std::to_string(++port));
      world.net().add_txt("_dnsaddr." + at,
                          "dnsaddr=/dnsaddr/m" + std::to_string(i * 100 + k) + ".example");
    }
  }
  auto outcome = co_await one.swarm.connect(nobody, std::move(addresses), never);
  EXPECT_TRUE(!outcome && outcome.error().is(SwarmError::all_dials_failed));
  EXPECT_EQ(one.net.dials.size(), dial_addresses_max);
  EXPECT_EQ(one.net.lookups.size(), dial_lookups_max);
  EXPECT_LE(one.net.lookups_at_once, dial_lookups_at_once);
  EXPECT_LT(outcome.error().message().size(), 4000u);
  co_return co_await close_all(one, victim);
}
TEST(SwarmDial, CannotBeMadeToDialAndAskWithoutEnd) {
  sim::run_test(1, amplified);
}

// Failures.

Task<void> dialed_once(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  auto refused = co_await one.swarm.connect(nobody, closed_port(two), one.soon());
  EXPECT_TRUE(!refused && refused.error().is(SwarmError::all_dials_failed));
  EXPECT_EQ(one.net.dials.size(), 1u);
  auto somebody_else = co_await one.swarm.connect(nobody, one_address(two), one.soon());
  EXPECT_TRUE(!somebody_else && somebody_else.error().is(SwarmError::all_dials_failed));
  EXPECT_EQ(one.net.dials.size(), 2u);
  co_return co_await close_all(one, two);
}
TEST(SwarmDial, TriesAFailedAddressOnce) {
  sim::run_seeds(1, 5, dialed_once);
}

Task<void> at_once(sim::World& world) {
  set_latency(world, 10ms);
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  port::TaskGroup dials(one.env().executor, one.env().clock);
  Outcome there, back;
  dials.spawn(connect_into(one.swarm, two.id(), one_address(two), one.soon(), there));
  dials.spawn(connect_into(two.swarm, one.id(), one_address(one), two.soon(), back));
  KITH_CO_CHECK(co_await dials.join_shielded());
  EXPECT_TRUE(there && *there);
  EXPECT_TRUE(back && *back);
  // The first two met in one connection and ended it.
  EXPECT_GT(one.net.dials.size() + two.net.dials.size(), 2u);
  co_return co_await close_all(one, two);
}
TEST(SwarmDial, TriesAgainWhenBothSidesDialedAtOnce) {
  sim::run_seeds(1, 20, at_once);
}

struct Choosy final : ConnectionGater {
  bool allow_dial_address(const PeerId&, const Multiaddr&) override { return open; }
  bool open = false;
};

Task<void> gate_opens(sim::World& world) {
  Choosy gater;
  Peer one(world.add_node(), 1, {}, &gater);
  Peer two(world.add_node(), 2);
  auto shut = co_await one.swarm.connect(two.id(), two.addresses(), one.soon());
  EXPECT_FALSE(shut);
  EXPECT_TRUE(one.net.dials.empty());
  gater.open = true;
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), two.addresses(), one.soon()));
  co_return co_await close_all(one, two);
}
TEST(SwarmDial, LeavesNoAddressAloneBecauseTheGaterSaidNo) {
  sim::run_test(1, gate_opens);
}

Task<void> order(sim::World& world) {
  SwarmLimits limits;
  limits.dials_per_peer_max = 4;
  Peer one(world.add_node(), 1, limits);
  std::vector<Multiaddr> addresses = black_holes(3);
  addresses.push_back(address("/ip6/2001:db8::1/tcp/4001"));
  addresses.push_back(address("/ip4/192.168.77.77/tcp/4001"));
  const Instant begin = world.now();
  auto outcome = co_await one.swarm.connect(nobody, std::move(addresses), begin + 30s);
  EXPECT_FALSE(outcome);
  struct Expected {
    std::string_view host;
    Duration at;
  };
  // The private one is given up after 5 s, and its place taken.
  const Expected expected[] = {{"192.168.77.77", 0ms},
                               {"2001:db8::1", 250ms},
                               {"198.51.100.1", 500ms},
                               {"198.51.100.2", 750ms},
                               {"198.51.100.3", 5s}};
  KITH_CO_REQUIRE(one.net.dials.size() == std::size(expected));
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(one.net.dials[i].remote.address.to_string(), expected[i].host);
    EXPECT_EQ(one.net.dials[i].at - begin, expected[i].at) << expected[i].host;
  }
  co_return co_await close_all(one);
}
TEST(SwarmDial, BeginsItsAttemptsInOrderAndInTime) {
  sim::run_test(1, order);
}

// Direct dials.

/// Says at the other end of a direct connection that it is over as soon as it is there.
struct Quitter final : SwarmObserver {
  explicit Quitter(Swarm& its_swarm) : swarm(its_swarm) { swarm.observe(*this); }
  ~Quitter() override { swarm.stop_observing(*this); }
  void on_connected(const ConnectionInfo& connection) override {
    ++connected;
    swarm.close_connection(connection.id);
  }
  Swarm& swarm;
  std::size_t connected = 0;
};

Task<void> comes_and_goes(sim::World& world) {
  for (const Duration late : {0ms, 1ms, 30ms}) {
    Peer one(world.add_node(), 1);
    Peer two(world.add_node(), 2);
    Quitter quitter(two.swarm);
    port::TaskGroup dials(world.executor(), world.clock());
    auto come = [](Peer& from, Peer& to, Duration wait) -> Task<void> {
      KITH_CO_CHECK(co_await port::sleep_for(from.env().clock, 1s + wait));
      KITH_CO_CHECK(co_await from.swarm.connect(to.id(), to.addresses(), from.soon()));
      co_return Result<void>{};
    };
    dials.spawn(come(two, one, late));
    const Instant begin = world.now();
    auto direct = co_await one.swarm.connect_directly(two.id(), black_holes(16), std::nullopt,
                                                      begin + dial_timeout);
    EXPECT_EQ(quitter.connected, 1u);
    // It was there when it was told of, and nothing was waited for since.
    EXPECT_TRUE(direct.has_value());
    EXPECT_LT(world.now() - begin, 2s);
    dials.cancel();
    co_await dials.join_shielded();
    KITH_CO_CHECK(co_await close_all(one, two));
  }
  co_return Result<void>{};
}
TEST(SwarmDial, ADirectConnectionThatComesMayGoAtOnce) {
  sim::run_seeds(1, 3, comes_and_goes);
}

Task<void> closes_meanwhile(sim::World& world) {
  Peer one(world.add_node(), 1);
  port::TaskGroup dials(world.executor(), world.clock());
  Outcome outcome;
  auto dial = [](Peer& from, Outcome& into) -> Task<void> {
    into = co_await from.swarm.connect_directly(nobody, black_holes(16), std::nullopt, never);
    co_return Result<void>{};
  };
  dials.spawn(dial(one, outcome));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
  const std::size_t dialed = one.net.dials.size();
  EXPECT_EQ(dialed, 16u);
  KITH_CO_CHECK(co_await close_all(one));
  KITH_CO_CHECK(co_await dials.join());
  EXPECT_TRUE(outcome && !*outcome && outcome->error().is(Errc::closed));
  EXPECT_EQ(one.net.dials.size(), dialed);
  co_return Result<void>{};
}
TEST(SwarmDial, ClosingEndsDirectDials) {
  sim::run_test(1, closes_meanwhile);
}

Task<void> takes_its_time(sim::World& world) {
  SwarmLimits limits;
  limits.dials_max = 2;
  Peer one(world.add_node(), 1, limits);
  Peer two(world.add_node(), 2);
  port::TaskGroup dials(world.executor(), world.clock());
  Outcome outcome;
  auto dial = [](Peer& from, Outcome& into, Instant end) -> Task<void> {
    into = co_await from.swarm.connect_directly(nobody, black_holes(16), std::nullopt, end);
    co_return Result<void>{};
  };
  dials.spawn(dial(one, outcome, world.now() + 5s));
  // Those who ask for an ordinary dial don't wait for what strangers have brought about.
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), two.addresses(), world.now() + 1s));
  KITH_CO_CHECK(co_await dials.join());
  KITH_CO_REQUIRE(outcome && !*outcome);
  EXPECT_NE(outcome->error().message().find("time for a dial is up"), std::string::npos)
      << outcome->error().message();
  co_return co_await close_all(one, two);
}
TEST(SwarmDial, DirectDialsTakeNoPlacesOfOthersAndSayWhyTheyFailed) {
  sim::run_test(1, takes_its_time);
}

}  // namespace
}  // namespace kith::net
