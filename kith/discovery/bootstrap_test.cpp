#include <gtest/gtest.h>

#include <kith/discovery/bootstrap.hpp>
#include <kith/net/test_peer.hpp>

namespace kith::discovery {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using net::AddressSource;
using Peer = net::TestPeer;

PeerId peer_id(std::uint8_t number) {
  return PeerId::from_public_key(net::key_of(number).public_key());
}

/// Where nobody is.
Multiaddr nowhere(std::uint8_t number) {
  return net::address("/ip4/10.99.0." + std::to_string(number) + "/tcp/4001");
}

/// A peer that keeps itself bootstrapped, and others that just are there.
struct Scene {
  explicit Scene(sim::World& in)
      : world(in), one(in.add_node(), 1), tasks(in.executor(), in.clock()) {}

  Peer& add_peer() {
    auto number = static_cast<std::uint8_t>(100 + others.size());
    others.push_back(std::make_unique<Peer>(world.add_node(), number));
    return *others.back();
  }
  void remember(PeerId peer, const std::vector<Multiaddr>& addresses,
                AddressSource source = AddressSource::connected) {
    one.store.add_addresses(peer, addresses, source, one.env().wall.now());
  }
  void list(PeerId peer, const std::vector<Multiaddr>& addresses) {
    for (const Multiaddr& address : addresses)
      bootstrap.push_back(*address.with_peer_id(peer));
  }
  std::size_t connected_of(std::size_t first, std::size_t end) const {
    std::size_t count = 0;
    for (std::size_t i = first; i < end; ++i)
      count += one.swarm.connected(others[i]->id()) ? 1 : 0;
    return count;
  }
  void begin() { tasks.spawn(keep_bootstrapped(one.env(), one.swarm, bootstrap)); }
  Task<void> wait(Duration duration) { return port::sleep_for(world.clock(), duration); }
  /// Many peers where nobody is.
  void remember_nobody(std::uint8_t count, AddressSource source = AddressSource::connected) {
    for (std::uint8_t i = 1; i <= count; ++i)
      remember(peer_id(i + 1), {nowhere(i)}, source);
  }
  /// Begins, and expects that the peer is connected in time; the last thing that a test does.
  Task<void> expect_reached(const Peer& peer, Duration within) {
    begin();
    KITH_CO_CHECK(co_await wait(within));
    EXPECT_TRUE(one.swarm.connected(peer.id()));
    co_return co_await close();
  }
  Task<void> close() {
    tasks.cancel();
    co_await tasks.join_shielded();
    KITH_CO_CHECK(co_await one.close());
    for (auto& other : others)
      KITH_CO_CHECK(co_await other->close());
    co_return Result<void>{};
  }

  sim::World& world;
  Peer one;
  std::vector<std::unique_ptr<Peer>> others;
  std::vector<Multiaddr> bootstrap;
  port::TaskGroup tasks;
};

constexpr Duration one_round = net::dial_timeout * 2;

Task<void> list_is_down(sim::World& world) {
  Scene scene(world);
  for (std::uint8_t i = 1; i <= 8; ++i)
    scene.list(peer_id(i + 1), {nowhere(i)});
  Peer& friendly = scene.add_peer();
  scene.remember(friendly.id(), friendly.addresses());
  co_return co_await scene.expect_reached(friendly, one_round);
}
TEST(Bootstrap, DialsRememberedPeersWhenTheListIsDown) {
  sim::run_seeds(1, 5, list_is_down);
}

Task<void> memory_is_stale(sim::World& world) {
  Scene scene(world);
  scene.remember_nobody(40);
  Peer& listed = scene.add_peer();
  scene.list(listed.id(), listed.addresses());
  co_return co_await scene.expect_reached(listed, one_round);
}
TEST(Bootstrap, DialsTheListWhenAllThatIsRememberedIsStale) {
  sim::run_seeds(1, 5, memory_is_stale);
}

Task<void> both_there(sim::World& world) {
  Scene scene(world);
  for (std::size_t i = 0; i < 8; ++i) {
    Peer& peer = scene.add_peer();
    if (i < 4) {
      scene.list(peer.id(), peer.addresses());
    } else {
      scene.remember(peer.id(), peer.addresses());
    }
  }
  scene.begin();
  KITH_CO_CHECK(co_await scene.wait(one_round));
  EXPECT_EQ(scene.connected_of(0, 4), 2u);
  EXPECT_EQ(scene.connected_of(4, 8), 2u);
  KITH_CO_CHECK(co_await scene.wait(20min));
  EXPECT_EQ(scene.one.swarm.connection_count(), bootstrap_peers_wanted) << "enough is enough";
  co_return co_await scene.close();
}
TEST(Bootstrap, TakesHalfFromTheListAndHalfFromMemory) {
  sim::run_seeds(1, 5, both_there);
}

Task<void> left_alone(sim::World& world) {
  Scene scene(world);
  auto fail = [](Peer& from, PeerId to, Multiaddr address) -> Task<void> {
    std::vector<Multiaddr> addresses = {std::move(address)};
    auto failed = co_await from.swarm.connect(to, std::move(addresses), from.soon());
    EXPECT_FALSE(failed.has_value());
    co_return Result<void>{};
  };
  port::TaskGroup dials(world.executor(), world.clock());
  for (std::uint8_t i = 1; i <= 8; ++i) {
    scene.list(peer_id(i + 1), {nowhere(i)});
    dials.spawn(fail(scene.one, peer_id(i + 1), nowhere(i)));
  }
  co_await dials.join_shielded();
  auto again = co_await scene.one.swarm.connect(peer_id(2), {nowhere(1)}, scene.one.soon());
  EXPECT_TRUE(!again && again.error().is(net::SwarmError::dial_backoff));
  Peer& listed = scene.add_peer();
  scene.list(listed.id(), listed.addresses());
  co_return co_await scene.expect_reached(listed, one_round);
}
TEST(Bootstrap, PassesOverPeersThatFailedAMomentAgo) {
  sim::run_seeds(1, 5, left_alone);
}

TEST(BootstrapPauses, GrowWithEachFailureAndAreOfRandomLength) {
  BootstrapPauses pauses;
  const PeerId peer = peer_id(2);
  Instant now = Instant(1000s);
  EXPECT_TRUE(pauses.allows(peer, now));
  EXPECT_EQ(pauses.next_over(now), never);
  Duration whole = bootstrap_pause;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t chance = i % 2 == 0 ? 0 : bootstrap_chances - 1;
    pauses.failed(peer, now, chance);
    const Duration pause = pauses.next_over(now) - now;
    EXPECT_GE(pause, chance == 0 ? whole / 2 : whole * 99 / 100);
    EXPECT_LE(pause, chance == 0 ? whole / 2 : whole);
    EXPECT_FALSE(pauses.allows(peer, now + pause - 1ms));
    EXPECT_TRUE(pauses.allows(peer, now + pause));
    now += pause;
    whole = std::min(whole * 2, bootstrap_pause_max);
  }
  pauses.succeeded(peer);
  pauses.failed(peer, now, 0);
  EXPECT_EQ(pauses.next_over(now), now + bootstrap_pause / 2);
}

/// As run_seeds, for a body that takes up to a day.
void run_long(std::uint64_t seeds, Task<void> (*body)(sim::World&)) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    sim::World world(seed);
    const Result<void> outcome = world.run(body(world), 24h);
    EXPECT_TRUE(outcome.has_value());
    world.finish();
  }
}

/// When each listed peer was dialed.
std::map<port::IpAddress, std::vector<Instant>> dials_of(const Scene& scene) {
  std::map<port::IpAddress, std::vector<Instant>> all;
  for (const net::TestNet::Dial& dial : scene.one.net.dials)
    all[dial.remote.address].push_back(dial.at);
  return all;
}

Task<void> all_down(sim::World& world) {
  Scene scene(world);
  for (std::uint8_t i = 1; i <= 4; ++i)
    scene.list(peer_id(i + 1), {nowhere(i)});
  scene.begin();
  KITH_CO_CHECK(co_await scene.wait(6h));
  std::map<Instant, int> late;
  for (const auto& [address, times] : dials_of(scene)) {
    EXPECT_GE(times.size(), 6h / bootstrap_pause_max);
    EXPECT_LE(times.size(), 6h / (bootstrap_pause_max / 2) + 10);
    EXPECT_GE(times.back() - times[times.size() - 2], bootstrap_pause_max / 2);
    for (const Instant at : times) {
      if (at - Instant{} > 3h) ++late[at];
    }
  }
  // They were all asked at the start, and never are again.
  for (const auto& [at, peers] : late)
    EXPECT_LT(peers, 4);
  co_return co_await scene.close();
}
TEST(Bootstrap, AsksAListThatIsDownSeldomAndNotAllAtOnce) {
  run_long(5, all_down);
}

Task<void> comes_back(sim::World& world) {
  Scene scene(world);
  Peer& listed = scene.add_peer();
  scene.list(listed.id(), listed.addresses());
  world.net().cut(scene.one.node.id(), listed.node.id());
  scene.begin();
  KITH_CO_CHECK(co_await scene.wait(12h));
  EXPECT_FALSE(scene.one.swarm.connected(listed.id()));
  world.net().heal();
  KITH_CO_CHECK(co_await scene.wait(bootstrap_pause_max + one_round));
  EXPECT_TRUE(scene.one.swarm.connected(listed.id()));
  co_return co_await scene.close();
}
TEST(Bootstrap, FindsAListedPeerThatWasAwayForLong) {
  run_long(5, comes_back);
}

Task<void> enough(sim::World& world) {
  Scene scene(world);
  for (std::size_t i = 0; i < bootstrap_peers_wanted; ++i) {
    Peer& peer = scene.add_peer();
    KITH_CO_CHECK(co_await scene.one.swarm.connect(peer.id(), peer.addresses(), scene.one.soon()));
  }
  for (std::uint8_t i = 1; i <= 4; ++i)
    scene.list(peer_id(i + 1), {nowhere(i)});
  const std::size_t before = scene.one.net.dials.size();
  scene.begin();
  KITH_CO_CHECK(co_await scene.wait(2h));
  EXPECT_EQ(scene.one.net.dials.size(), before);
  co_return co_await scene.close();
}
TEST(Bootstrap, AsksNobodyWhileEnoughPeersAreConnected) {
  run_long(3, enough);
}

Task<void> tries_all(sim::World& world) {
  Scene scene(world);
  scene.remember_nobody(20);
  Peer& friendly = scene.add_peer();
  scene.remember(friendly.id(), friendly.addresses());
  // Each round of four takes longer to come: 0.5, 1, 2, 4, 8 and 10 minutes.
  co_return co_await scene.expect_reached(friendly, 30min);
}
TEST(Bootstrap, TriesAllThatItRemembersBeforeOneAgain) {
  sim::run_seeds(1, 10, tries_all);
}

Task<void> strangers_many(sim::World& world) {
  Scene scene(world);
  scene.remember_nobody(40, AddressSource::identify);
  Peer& friendly = scene.add_peer();
  scene.remember(friendly.id(), friendly.addresses());
  co_return co_await scene.expect_reached(friendly, one_round);
}
TEST(Bootstrap, DialsFirstWhereItHasBeen) {
  sim::run_seeds(1, 5, strangers_many);
}

}  // namespace
}  // namespace kith::discovery
