#include <gtest/gtest.h>

#include <kith/net/test_peer.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using Addresses = std::vector<Multiaddr>;
using Peer = TestPeer;

/// Pushes `message` from one peer to another as a peer that lies may.
Task<void> push(Peer& from, PeerId to, IdentifyMessage message) {
  std::vector<ProtocolId> protocols = {ProtocolId(identify_push_protocol)};
  Instant deadline = from.soon();
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await from.swarm.open_stream(to, std::move(protocols), deadline));
  for (const Bytes& part : encode_identify(message))
    KITH_CO_CHECK(co_await port::write_message(*stream, part, deadline));
  KITH_CO_CHECK(co_await stream->close_write(deadline));
  // Its end says that it was read.
  auto end = co_await stream->read_buffer(1, deadline);
  EXPECT_FALSE(end.has_value());
  co_return Result<void>{};
}

const Multiaddr loopback_address = address("/ip4/127.0.0.1/tcp/5001");
const Multiaddr local_address = address("/ip4/192.168.1.1/tcp/80");
const Multiaddr global_address = address("/ip4/203.0.113.5/tcp/4001");

/// What is known of a peer that announces all kinds of addresses, and is itself at `ip`.
Task<void> announces_everything(sim::World& world, const std::string& ip, Addresses& learned) {
  Peer one(world.add_node(at("198.51.100.1")), 1);
  Peer two(world.add_node(at(ip)), 2);
  KITH_CO_CHECK(co_await two.swarm.connect(one.id(), one.addresses(), two.soon()));
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 5s));
  IdentifyMessage message;
  message.listen_addresses = {loopback_address, local_address, global_address};
  KITH_CO_TRY(message.signed_record,
              seal_peer_record(two.swarm.identity(), UINT64_MAX, message.listen_addresses));
  KITH_CO_CHECK(co_await push(two, one.id(), message));
  learned = one.store.addresses(two.id(), one.env().wall.now());
  std::ranges::sort(learned);
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}

TEST(Identify, TakesNoAddressOfOurOwnMachineOrNetworkFromAStranger) {
  Addresses learned;
  const std::string stranger = "198.51.100.2";
  sim::run_test(1, announces_everything, stranger, learned);
  EXPECT_EQ(learned, Addresses{global_address});
}

TEST(Identify, TakesAddressesOfOurNetworkFromANeighbour) {
  Addresses learned;
  const std::string neighbour = "192.168.1.2";
  sim::run_test(1, announces_everything, neighbour, learned);
  EXPECT_EQ(learned, (Addresses{local_address, global_address}));
}

/// A peer behind port forwarding: its machine has only a private address, and is reached at
/// another.
Task<void> forwarded_port(sim::World& world) {
  Peer one(world.add_node(at("198.51.100.1")), 1);
  Peer two(world.add_node(at("198.51.100.2")), 2);
  const Addresses outside = two.addresses();
  two.net.shown = {"192.168.7.7"};
  KITH_CO_TRY(ConnectionId id, co_await one.swarm.connect(two.id(), outside, one.soon()));
  KITH_CO_CHECK(co_await one.identify.wait(id, one.soon()));
  one.swarm.disconnect(two.id());
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 5s));
  EXPECT_FALSE(one.swarm.connected(two.id()));
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), {}, one.soon()));
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Identify, APeerIsDialedAgainWhereItWasReached) {
  sim::run_seeds(1, 5, forwarded_port);
}

// What we dial.

Task<void> own_address_of_another(sim::World& world) {
  Peer one(world.add_node(), 1);
  const PeerId other = PeerId::from_public_key(key_of(9).public_key());
  one.store.add_addresses(other, one.addresses(), AddressSource::identify, one.env().wall.now());
  std::uint64_t before = world.net().packets_delivered();
  auto dialed = co_await one.swarm.connect(other, {}, one.soon());
  EXPECT_TRUE(!dialed && dialed.error().is(SwarmError::dial_self));
  EXPECT_EQ(world.net().packets_delivered(), before);
  KITH_CO_CHECK(co_await one.close());
  co_return Result<void>{};
}
TEST(Swarm, DoesNotDialItselfWhoeverIsSaidToBeThere) {
  sim::run_test(1, own_address_of_another);
}

Task<void> neighbours_on_one_machine(sim::World& world) {
  Peer one(world.add_node(), 1);
  PeerStore store;
  Swarm other(one.env(), key_of(2), store);
  KITH_CO_CHECK(other.listen(address("/ip4/127.0.0.1/tcp/4002")));
  KITH_CO_CHECK(
      co_await one.swarm.connect(other.local_peer(), other.listen_addresses(), one.soon()));
  EXPECT_TRUE(one.swarm.connected(other.local_peer()));
  KITH_CO_CHECK(co_await other.close_shielded());
  KITH_CO_CHECK(co_await one.close());
  co_return Result<void>{};
}
TEST(Swarm, DialsANeighbourOnTheSameMachine) {
  sim::run_test(1, neighbours_on_one_machine);
}

Task<void> name_of_a_neighbour(sim::World& world) {
  Peer one(world.add_node(at("198.51.100.1")), 1);
  Peer two(world.add_node(at("10.0.0.2")), 2);
  world.net().add_name("stranger.example", two.node.address());
  const Multiaddr name = address("/dns4/stranger.example/tcp/4001");
  WallTime now = one.env().wall.now();
  one.store.add_addresses(two.id(), {name}, AddressSource::identify, now);
  auto dialed = co_await one.swarm.connect(two.id(), {}, one.soon());
  EXPECT_TRUE(!dialed && dialed.error().is(SwarmError::no_transport));
  EXPECT_EQ(two.swarm.connection_count(), 0u);

  // Who gives us the name means it.
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), {name}, one.soon()));
  one.swarm.disconnect(two.id());
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 5s));
  one.store.set_addresses(two.id(), {}, AddressSource::connected, now);
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), {}, one.soon()));
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Swarm, AStrangersNameDoesNotLeadIntoOurNetwork) {
  sim::run_test(1, name_of_a_neighbour);
}

}  // namespace
}  // namespace kith::net
