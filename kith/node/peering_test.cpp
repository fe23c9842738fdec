#include <gtest/gtest.h>

#include <kith/net/test_peer.hpp>
#include <kith/node/peering.hpp>

namespace kith::node {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using Peer = net::TestPeer;

struct Scene {
  explicit Scene(sim::World& world)
      : one(world.add_node(), 1), other(world.add_node(), 2), peering(one.env(), one.swarm) {}
  Task<void> wait(Duration duration) {
    co_return co_await port::sleep_for(one.env().clock, duration);
  }
  bool connected() const { return one.swarm.connected(other.id()); }
  Task<void> close() {
    co_await peering.close_shielded();
    co_return co_await net::close_all(one, other);
  }

  Peer one;
  Peer other;
  Peering peering;
};

Task<void> comes_back(sim::World& world) {
  Scene scene(world);
  KITH_CO_CHECK(scene.peering.add({scene.other.id(), scene.other.addresses()}));
  KITH_CO_CHECK(co_await scene.wait(1s));
  EXPECT_TRUE(scene.connected());
  EXPECT_EQ(scene.one.swarm.connections()[0].protected_by, std::vector<std::string>{"peering"});
  scene.other.swarm.disconnect(scene.one.id());
  KITH_CO_CHECK(co_await scene.wait(2s));
  EXPECT_FALSE(scene.connected());
  KITH_CO_CHECK(co_await scene.wait(5s));
  EXPECT_TRUE(scene.connected());
  EXPECT_TRUE(scene.peering.remove(scene.other.id()));
  EXPECT_FALSE(scene.peering.remove(scene.other.id()));
  EXPECT_TRUE(scene.connected());
  EXPECT_TRUE(scene.one.swarm.connections()[0].protected_by.empty());
  scene.other.swarm.disconnect(scene.one.id());
  KITH_CO_CHECK(co_await scene.wait(1min));
  EXPECT_FALSE(scene.connected());
  co_return co_await scene.close();
}

TEST(Peering, ConnectsAgainUntilThePeerIsKeptNoMore) {
  sim::run_test(1, comes_back);
}

Task<void> nobody_there(sim::World& world) {
  Scene scene(world);
  const PeerId gone = PeerId::from_public_key(net::key_of(9).public_key());
  KITH_CO_CHECK(scene.peering.add({gone, {net::address("/ip4/10.99.0.1/tcp/4001")}}));
  KITH_CO_CHECK(co_await scene.wait(50min));
  // 5 s at first, and no more than 10 min between two: not hundreds, and not one.
  EXPECT_GE(scene.one.net.dials.size(), 7u);
  EXPECT_LE(scene.one.net.dials.size(), 25u);
  KITH_CO_CHECK(scene.peering.add({scene.other.id(), scene.other.addresses()}));
  KITH_CO_CHECK(co_await scene.wait(1s));
  EXPECT_TRUE(scene.connected());
  co_return co_await scene.close();
}

TEST(Peering, WhoIsNotThereIsAskedForLessAndLess) {
  sim::run_test(1, nobody_there);
}

Task<void> limits(sim::World& world) {
  Scene scene(world);
  EXPECT_TRUE(scene.peering.add({scene.one.id(), {}}).error().is(Errc::refused));
  std::vector<PeerId> all;
  for (std::size_t i = 0; i < peering_peers_max; ++i) {
    std::array<std::uint8_t, 32> seed{};
    seed[0] = static_cast<std::uint8_t>(i);
    seed[1] = 1;
    all.push_back(
        PeerId::from_public_key(crypto::PrivateKey::from_ed25519_seed(seed).public_key()));
    KITH_CO_CHECK(scene.peering.add({all.back(), {}}));
  }
  EXPECT_TRUE(scene.peering.add({scene.other.id(), {}}).error().is(Errc::limit_exceeded));
  EXPECT_TRUE(scene.peering.add({all.front(), {}}));
  EXPECT_EQ(scene.peering.list().size(), peering_peers_max);
  EXPECT_TRUE(scene.peering.keeps(all.front()));
  co_return co_await scene.close();
}

TEST(Peering, KeepsSoManyAndNoMore) {
  sim::run_test(1, limits);
}

}  // namespace
}  // namespace kith::node
