#include <gtest/gtest.h>

#include <kith/net/test_peer.hpp>
#include <kith/net/transports/memory.hpp>

namespace kith::net {
namespace {

using Peer = TestPeer;

void join(Peer& peer, MemoryNetwork& network, std::string_view where) {
  peer.swarm.add_transport(
      std::make_unique<MemoryTransport>(peer.env(), peer.swarm.identity(), network));
  auto listening = peer.swarm.listen(address(where));
  EXPECT_TRUE(listening.has_value()) << listening.error().message();
}

Task<void> connects(sim::World& world) {
  MemoryNetwork network;
  sim::Node& machine = world.add_node();
  Peer one(machine, 1, {}, nullptr, 4001);
  Peer two(machine, 2, {}, nullptr, 4002);
  join(one, network, "/memory/0");
  join(two, network, "/memory/7");
  const Instant deadline = one.soon();
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), {address("/memory/7")}, deadline));
  KITH_CO_TRY(std::unique_ptr<Stream> pings, co_await one.ping.open(two.id(), deadline));
  KITH_CO_CHECK(co_await one.ping.round_trip(pings, deadline));
  EXPECT_EQ(one.swarm.connections().front().remote_address.to_string(), "/memory/7");
  EXPECT_EQ(two.swarm.connections().front().local_address.to_string(), "/memory/7");
  co_return co_await close_all(one, two);
}
TEST(MemoryTransport, ConnectsPeersOfOneProcess) {
  sim::run_seeds(1, 3, connects);
}

Task<void> refuses(sim::World& world) {
  MemoryNetwork network;
  sim::Node& machine = world.add_node();
  Peer one(machine, 1, {}, nullptr, 4001);
  Peer two(machine, 2, {}, nullptr, 4002);
  join(one, network, "/memory/1");
  join(two, network, "/memory/2");
  auto taken = two.swarm.listen(address("/memory/1"));
  EXPECT_TRUE(!taken && taken.error().is(SwarmError::address_in_use));
  const Instant deadline = one.soon();
  auto nobody = co_await one.swarm.connect(two.id(), {address("/memory/9")}, deadline);
  EXPECT_TRUE(!nobody && nobody.error().is(SwarmError::all_dials_failed));
  one.swarm.clear_backoff(two.id());
  EXPECT_TRUE(two.swarm.stop_listening(address("/memory/2")));
  auto gone = co_await one.swarm.connect(two.id(), {address("/memory/2")}, deadline);
  EXPECT_TRUE(!gone && gone.error().is(SwarmError::all_dials_failed));
  auto other = co_await one.swarm.connect(two.id(), {address("/memory/1")}, deadline);
  EXPECT_FALSE(other.has_value());
  co_return co_await close_all(one, two);
}
TEST(MemoryTransport, RefusesWhereNobodyListensAndASecondListener) {
  sim::run_seeds(1, 3, refuses);
}

}  // namespace
}  // namespace kith::net
