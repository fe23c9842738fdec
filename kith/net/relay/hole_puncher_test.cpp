#include <gtest/gtest.h>

#include <kith/net/relay/hole_puncher.hpp>
#include <kith/net/relay/server.hpp>
#include <kith/net/relay/test_relay.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

struct Peer : RelayPeer {
  Peer(sim::Node& its_node, std::uint8_t number)
      : RelayPeer(its_node, number), puncher(env(), swarm, identify, [this] {
          return told ? *told : swarm.reachable_addresses();
        }) {}
  Task<void> end() {
    KITH_CO_CHECK(co_await close());
    co_return co_await puncher.close_shielded();
  }
  std::optional<std::vector<Multiaddr>> told;
  HolePuncher puncher;
};

/// Two that see a relay but not each other, until the test says so.
struct Scene {
  explicit Scene(sim::World& its_world)
      : world(its_world),
        relay(world.add_node(at("198.51.100.1")), 1),
        server(relay.env(), relay.swarm),
        called(world.add_node(at("203.0.113.2")), 2),
        caller(world.add_node(at("192.0.2.3")), 3) {
    world.net().cut(called.node.id(), caller.node.id());
  }
  Task<void> pause(Duration duration) {
    co_return co_await port::sleep_for(caller.env().clock, duration);
  }
  Task<void> call() {
    KITH_CO_CHECK(called.swarm.listen(circuit_through(relay)));
    KITH_CO_CHECK(co_await pause(5s));
    std::vector<Multiaddr> there = {circuit_through(relay)};
    KITH_CO_CHECK(co_await caller.swarm.connect(called.id(), there, caller.soon()));
    co_return Result<void>{};
  }
  bool direct() const {
    return called.swarm.direct_connection_to(caller.id()) &&
           caller.swarm.direct_connection_to(called.id());
  }
  Task<void> close() {
    KITH_CO_CHECK(co_await caller.end());
    KITH_CO_CHECK(co_await called.end());
    KITH_CO_CHECK(co_await relay.close());
    co_return co_await server.close_shielded();
  }

  sim::World& world;
  RelayPeer relay;
  RelayServer server;
  Peer called;
  Peer caller;
};

Task<void> dials(sim::World& world) {
  Scene scene(world);
  world.net().heal();
  KITH_CO_CHECK(co_await scene.call());
  KITH_CO_CHECK(co_await scene.pause(5s));
  EXPECT_TRUE(scene.direct());
  EXPECT_EQ(scene.called.puncher.counters().dialed, 1u);
  EXPECT_EQ(scene.called.puncher.counters().punched, 0u);
  KITH_CO_CHECK(co_await scene.pause(40s));
  EXPECT_EQ(scene.server.counters().circuits, 0u);
  co_return co_await scene.close();
}

TEST(HolePuncher, DialsWhoCanBeDialed) {
  sim::run_test(1, dials);
}

Task<void> punches(sim::World& world) {
  Scene scene(world);
  KITH_CO_CHECK(co_await scene.call());
  // The dial has failed, and both are dialing.
  KITH_CO_CHECK(co_await scene.pause(dcutr_dial_timeout + 5s));
  EXPECT_FALSE(scene.direct());
  world.net().heal();
  KITH_CO_CHECK(co_await scene.pause(5s));
  EXPECT_TRUE(scene.direct());
  EXPECT_EQ(scene.called.puncher.counters().punched, 1u);
  EXPECT_EQ(scene.called.puncher.counters().failed, 0u);
  KITH_CO_CHECK(co_await scene.pause(40s));
  EXPECT_TRUE(scene.direct());
  EXPECT_EQ(scene.server.counters().circuits, 0u);
  co_return co_await scene.close();
}

TEST(HolePuncher, MakesOneConnectionOfTwoDials) {
  sim::run_seeds(1, 5, punches);
}

Task<void> not_ready(sim::World& world) {
  Scene scene(world);
  scene.caller.told = std::vector<Multiaddr>();
  KITH_CO_CHECK(co_await scene.call());
  // The dial and the first attempt have failed.
  KITH_CO_CHECK(co_await scene.pause(dcutr_dial_timeout + 500ms));
  scene.caller.told.reset();
  world.net().heal();
  KITH_CO_CHECK(co_await scene.pause(5s));
  EXPECT_TRUE(scene.direct());
  EXPECT_EQ(scene.called.puncher.counters().punched, 1u);
  co_return co_await scene.close();
}

TEST(HolePuncher, TriesAgainWithWhoDidNotKnowYetWhereItIsSeen) {
  sim::run_test(1, not_ready);
}

Task<void> gives_up(sim::World& world) {
  Scene scene(world);
  KITH_CO_CHECK(co_await scene.call());
  KITH_CO_CHECK(co_await scene.pause(100s));
  EXPECT_FALSE(scene.direct());
  EXPECT_EQ(scene.called.puncher.counters().failed, 1u);
  std::size_t tries = 0;
  for (const TestNet::Dial& dial : scene.called.net.dials)
    tries += dial.remote.address == scene.caller.node.address() ? 1 : 0;
  // One without punching, and three with.
  EXPECT_EQ(tries, 1u + dcutr_attempts_max);
  EXPECT_TRUE(scene.called.swarm.connected(scene.caller.id()));
  co_return co_await scene.close();
}

TEST(HolePuncher, GivesUpAfterThreeAttemptsAndKeepsTheRelay) {
  sim::run_test(1, gives_up);
}

Task<void> private_targets(sim::World& world) {
  Scene scene(world);
  scene.caller.told = std::vector{address("/ip4/192.168.1.1/tcp/80"), circuit_through(scene.relay),
                                  address("/ip4/127.0.0.1/tcp/5001")};
  scene.called.told =
      std::vector{address("/ip4/10.1.1.1/tcp/80"), address("/ip4/203.0.113.2/tcp/4001")};
  KITH_CO_CHECK(co_await scene.call());
  KITH_CO_CHECK(co_await scene.pause(1min));
  for (const TestNet::Dial& dial : scene.called.net.dials)
    EXPECT_FALSE(dial.remote.address.is_private() || dial.remote.address.is_loopback());
  for (const TestNet::Dial& dial : scene.caller.net.dials)
    EXPECT_FALSE(dial.remote.address.is_private());
  EXPECT_EQ(scene.called.puncher.counters().failed, 1u);
  co_return co_await scene.close();
}

TEST(HolePuncher, MakesNobodyDialIntoAPrivateNetwork) {
  sim::run_test(1, private_targets);
}

Task<void> out_of_turn(sim::World& world) {
  Scene scene(world);
  world.net().heal();
  KITH_CO_CHECK(co_await scene.caller.swarm.connect(scene.called.id(), scene.called.addresses(),
                                                    scene.caller.soon()));
  std::vector<ProtocolId> protocols = {ProtocolId(dcutr_protocol)};
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await scene.caller.swarm.open_stream(scene.called.id(), std::move(protocols),
                                                      scene.caller.soon()));
  const Bytes connect = encode(HolePunchMessage{.type = HolePunchMessage::Type::connect,
                                                .addresses = scene.caller.addresses()});
  KITH_CO_CHECK(co_await port::write_message(*stream, connect, scene.caller.soon()));
  Bytes byte(1);
  MutableBytes into = byte;
  auto got = co_await stream->read_some(into, scene.caller.soon());
  EXPECT_TRUE(!got && got.error().is(Errc::reset));
  co_return co_await scene.close();
}

TEST(HolePuncher, ServesNobodyOutOfTurn) {
  sim::run_test(1, out_of_turn);
}

}  // namespace
}  // namespace kith::net
