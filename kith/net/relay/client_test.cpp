#include <gtest/gtest.h>

#include <kith/net/relay/server.hpp>
#include <kith/net/relay/test_relay.hpp>

namespace kith::net {
namespace {

using Peer = RelayPeer;
using multiformats::Multiaddr;
using multiformats::PeerId;
using multiformats::Protocol;

/// A relay, and two that see it but not each other.
struct Three {
  explicit Three(sim::World& its_world, RelayServiceOptions options = {})
      : world(its_world),
        relay(world.add_node(at("198.51.100.1")), 1),
        server(relay.env(), relay.swarm, options),
        far(world.add_node(at("203.0.113.2")), 2),
        near(world.add_node(at("192.0.2.3")), 3) {
    world.net().cut(far.node.id(), near.node.id());
    far.swarm.handle("/echo/1", [](std::unique_ptr<Stream> stream) -> Task<void> {
      KITH_CO_TRY(const Buffer part, co_await stream->read_buffer(1000));
      KITH_CO_CHECK(co_await stream->write(part));
      co_return co_await stream->close_write();
    });
  }

  Multiaddr circuit() const { return circuit_through(relay); }
  Task<void> pause(Duration duration) {
    co_return co_await port::sleep_for(near.env().clock, duration);
  }
  /// `far` listens through the relay, and `near` connects there.
  Task<ConnectionId> connect() {
    KITH_CO_CHECK(far.swarm.listen(circuit()));
    KITH_CO_CHECK(co_await pause(5s));
    std::vector<Multiaddr> there = {circuit()};
    co_return co_await near.swarm.connect(far.id(), std::move(there), near.soon());
  }
  Task<std::string> echo(StreamOptions options = {}) {
    const Instant deadline = near.env().clock.now() + 30s;
    std::vector<ProtocolId> protocols = {"/echo/1"};
    KITH_CO_TRY(std::unique_ptr<Stream> stream,
                co_await near.swarm.open_stream(far.id(), std::move(protocols), deadline, options));
    KITH_CO_CHECK(co_await stream->write(as_bytes("hello"), deadline));
    KITH_CO_TRY(const Bytes got, co_await port::read_to_end(*stream, 100, deadline));
    co_return std::string(as_text(got));
  }
  Task<void> close() {
    KITH_CO_CHECK(co_await close_all(near, far, relay));
    co_return co_await server.close_shielded();
  }

  sim::World& world;
  Peer relay;
  RelayServer server;
  Peer far;
  Peer near;
};

Task<void> reaches(sim::World& world) {
  Three all(world);
  KITH_CO_TRY(const ConnectionId id, co_await all.connect());
  EXPECT_EQ(all.far.swarm.listen_addresses().size(), 2u);
  const std::vector<ConnectionInfo> connections = all.near.swarm.connections_of(all.far.id());
  KITH_CO_REQUIRE(connections.size() == 1 && connections[0].id == id);
  EXPECT_EQ(connections[0].remote_address, all.circuit());
  EXPECT_TRUE(connections[0].limited);
  KITH_CO_CHECK(co_await all.near.identify.wait(id, all.near.soon()));
  EXPECT_EQ(all.near.store.agent(all.far.id()), "test/1");
  KITH_CO_TRY(std::unique_ptr<Stream> ping,
              co_await all.near.ping.open(all.far.id(), all.near.soon()));
  KITH_CO_CHECK(co_await all.near.ping.round_trip(ping, all.near.soon()));
  ping.reset();
  StreamOptions limited;
  limited.limited = true;
  KITH_CO_TRY(const std::string heard, co_await all.echo(limited));
  EXPECT_EQ(heard, "hello");
  KITH_CO_REQUIRE(all.far.relays->reservations().size() == 1);
  EXPECT_EQ(all.far.relays->reservations()[0].limit, (CircuitLimit{120, 131072}));
  co_return co_await all.close();
}

TEST(RelayTransport, ReachesAPeerThatNobodyCanDial) {
  sim::run_test(1, reaches);
}

Task<void> carries_no_work(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(co_await all.connect());
  auto refused = co_await all.echo();
  EXPECT_TRUE(!refused && refused.error().is(SwarmError::only_relayed));
  co_return co_await all.close();
}

TEST(RelayTransport, ALimitedConnectionCarriesNoStreamsUnlessTheyAsk) {
  sim::run_test(1, carries_no_work);
}

Task<void> unlimited(sim::World& world) {
  Three all(world, {.circuit_duration_max = Duration{0}, .circuit_bytes_max = 0});
  KITH_CO_CHECK(co_await all.connect());
  KITH_CO_TRY(const std::string heard, co_await all.echo());
  EXPECT_EQ(heard, "hello");
  EXPECT_FALSE(all.near.swarm.connections_of(all.far.id())[0].limited);
  co_return co_await all.close();
}

TEST(RelayTransport, ARelayWithoutLimitsServesAnything) {
  sim::run_test(1, unlimited);
}

Task<void> moves_to_direct(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(co_await all.connect());
  world.net().heal();
  KITH_CO_TRY(const ConnectionId direct,
              co_await all.near.swarm.connect_directly(all.far.id(), all.far.addresses(), {},
                                                       all.near.soon()));
  EXPECT_EQ(all.near.swarm.connection_to(all.far.id()), direct);
  KITH_CO_TRY(const std::string heard, co_await all.echo());
  EXPECT_EQ(heard, "hello");
  KITH_CO_CHECK(co_await all.pause(40s));
  EXPECT_EQ(all.near.swarm.connections_of(all.far.id()).size(), 1u);
  EXPECT_EQ(all.server.counters().circuits, 0u);
  co_return co_await all.close();
}

TEST(RelayTransport, StreamsMoveToADirectConnectionAndTheRelayedOneCloses) {
  sim::run_test(1, moves_to_direct);
}

Task<void> renews(sim::World& world) {
  Three all(world, {.reservation_ttl = 2min});
  KITH_CO_CHECK(all.far.swarm.listen(all.circuit()));
  for (int i = 0; i < 20; ++i) {
    KITH_CO_CHECK(co_await all.pause(30s));
    EXPECT_EQ(all.server.reservations().all().size(), 1u);
    EXPECT_EQ(all.far.swarm.listen_addresses().size(), 2u);
  }
  EXPECT_TRUE(all.far.swarm.stop_listening(all.circuit()));
  KITH_CO_CHECK(co_await all.pause(3min));
  EXPECT_TRUE(all.server.reservations().all().empty());
  EXPECT_TRUE(all.far.relays->reservations().empty());
  co_return co_await all.close();
}

TEST(RelayTransport, RenewsItsReservationUntilNobodyListens) {
  sim::run_test(1, renews);
}

Task<void> comes_back(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(all.far.swarm.listen(all.circuit()));
  KITH_CO_CHECK(co_await all.pause(5s));
  all.relay.swarm.disconnect(all.far.id());
  KITH_CO_CHECK(co_await all.pause(1s));
  KITH_CO_CHECK(co_await all.pause(1min));
  EXPECT_EQ(all.server.reservations().all().size(), 1u);
  EXPECT_EQ(all.far.swarm.listen_addresses().size(), 2u);
  co_return co_await all.close();
}

TEST(RelayTransport, ALostReservationIsMadeAnew) {
  sim::run_test(1, comes_back);
}

/// What the far end says to a circuit that `from` brings as a relay would.
Task<RelayStatus> bring(Peer& from, Peer& to, PeerId whom) {
  std::vector<ProtocolId> protocols = {ProtocolId(stop_protocol)};
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await from.swarm.open_stream(to.id(), std::move(protocols), from.soon()));
  const Bytes encoded =
      encode(StopMessage{.type = StopMessage::Type::connect, .peer = RelayedPeer{whom, {}}});
  KITH_CO_CHECK(co_await port::write_message(*stream, encoded, from.soon()));
  port::BufferedReader reader(*stream);
  KITH_CO_TRY(const Buffer bytes, co_await reader.read_message(1000, from.soon()));
  KITH_CO_TRY(const StopMessage reply, decode_stop(bytes));
  co_return reply.status;
}

Task<void> strangers(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(
      co_await all.far.swarm.connect(all.relay.id(), all.relay.addresses(), all.far.soon()));
  KITH_CO_CHECK(co_await all.pause(1s));
  KITH_CO_TRY(const RelayStatus status, co_await bring(all.relay, all.far, all.near.id()));
  EXPECT_EQ(status, RelayStatus::permission_denied);
  co_return co_await all.close();
}

TEST(RelayTransport, TakesCircuitsOnlyFromItsRelays) {
  sim::run_test(1, strangers);
}

Task<void> few_places(sim::World& world) {
  RelayPeer relay(world.add_node(at("198.51.100.1")), 1);
  RelayServer server(relay.env(), relay.swarm);
  RelayPeer far(world.add_node(at("203.0.113.2")), 2);
  SwarmLimits limits;
  limits.dials_max = 1;
  RelayPeer near(world.add_node(at("192.0.2.3")), 3, limits);
  KITH_CO_CHECK(far.swarm.listen(circuit_through(relay)));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
  // The circuit and the dial of its relay are two attempts.
  std::vector<Multiaddr> there = {circuit_through(relay)};
  KITH_CO_CHECK(co_await near.swarm.connect(far.id(), there, world.now() + 5s));
  EXPECT_EQ(near.net.half_open_max, 1u);
  KITH_CO_CHECK(co_await close_all(near, far, relay));
  co_return co_await server.close_shielded();
}

TEST(RelayTransport, ACircuitTakesNoPlaceFromTheDialOfItsRelay) {
  sim::run_test(1, few_places);
}

Task<void> round_and_round(sim::World& world) {
  RelayPeer near(world.add_node(at("192.0.2.3")), 3);
  const PeerId one = PeerId::from_public_key(key_of(8).public_key());
  const PeerId other = PeerId::from_public_key(key_of(9).public_key());
  const auto through = [](const PeerId& relay) {
    return *Multiaddr::parse("/p2p/" + relay.to_string() + "/p2p-circuit");
  };
  near.swarm.peer_store().add_addresses(other, {through(one)}, AddressSource::heard,
                                        near.env().wall.now());
  std::vector<Multiaddr> there = {through(other)};
  const Instant begun = world.now();
  auto dialed = co_await near.swarm.connect(one, there, world.now() + 5min);
  EXPECT_TRUE(!dialed && dialed.error().is(SwarmError::all_dials_failed));
  EXPECT_LT(world.now() - begun, 1s);
  co_return co_await near.close();
}

TEST(RelayTransport, RelaysThatLeadToEachOtherAreNotWaitedFor) {
  sim::run_test(1, round_and_round);
}

Task<void> no_second_relay(sim::World& world) {
  Three all(world);
  RelayServer second(all.far.env(), all.far.swarm);
  KITH_CO_TRY(const ConnectionId id, co_await all.connect());
  // By the rules of our own side, and by those of the other.
  const Multiaddr through_far =
      *Multiaddr::parse("/p2p/" + all.far.id().to_string() + "/p2p-circuit");
  std::vector<Multiaddr> there = {through_far};
  const PeerId whoever = PeerId::from_public_key(key_of(9).public_key());
  auto dialed = co_await all.near.swarm.connect(whoever, there, all.near.soon());
  KITH_CO_REQUIRE(!dialed && dialed.error().is(SwarmError::all_dials_failed));
  EXPECT_NE(dialed.error().message().find("only through a relay"), std::string::npos);
  std::vector<ProtocolId> protocols = {ProtocolId(hop_protocol)};
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await all.near.swarm.open_stream_on(id, std::move(protocols), all.near.soon()));
  const Bytes encoded = encode(HopMessage{.type = HopMessage::Type::reserve});
  KITH_CO_CHECK(co_await port::write_message(*stream, encoded, all.near.soon()));
  port::BufferedReader reader(*stream);
  KITH_CO_TRY(const Buffer bytes, co_await reader.read_message(1000, all.near.soon()));
  KITH_CO_TRY(const HopMessage reply, decode_hop(bytes));
  EXPECT_EQ(reply.status, RelayStatus::permission_denied);
  KITH_CO_CHECK(co_await all.close());
  co_return co_await second.close_shielded();
}

TEST(RelayTransport, NoCircuitLeadsThroughACircuit) {
  sim::run_test(1, no_second_relay);
}

/// Where a peer says that it is reached whose relay answers so.
Task<void> lying_relay(sim::World& world, HopMessage& reply, std::vector<Multiaddr>& addresses) {
  Peer liar(world.add_node(at("198.51.100.1")), 1);
  Peer peer(world.add_node(at("203.0.113.2")), 2);
  liar.swarm.handle(ProtocolId(hop_protocol),
                    [&reply](std::unique_ptr<Stream> stream) -> Task<void> {
                      const Bytes encoded = encode(reply);
                      KITH_CO_CHECK(co_await port::write_message(*stream, encoded));
                      co_return co_await stream->close_write();
                    });
  KITH_CO_CHECK(peer.swarm.listen(circuit_through(liar)));
  KITH_CO_CHECK(co_await port::sleep_for(peer.env().clock, 5s));
  addresses = peer.relays->reservations().at(0).addresses;
  co_return co_await close_all(liar, peer);
}

TEST(RelayTransport, BelievesOfItsRelayWhatCanBeTrue) {
  auto outcome = [](ReservationMessage reservation) {
    HopMessage reply{.type = HopMessage::Type::status, .status = RelayStatus::ok};
    reply.reservation = std::move(reservation);
    std::vector<Multiaddr> addresses;
    sim::run_test(1, lying_relay, reply, addresses);
    return addresses;
  };
  constexpr std::uint64_t far_off = 99'999'999'999;
  const PeerId relay = PeerId::from_public_key(key_of(1).public_key());
  const PeerId other = PeerId::from_public_key(key_of(9).public_key());
  const Multiaddr home = address("/ip4/192.168.1.1/tcp/80");
  const Multiaddr good = address("/ip4/198.51.100.7/tcp/80");
  // An address of our own network, and one of another peer, aren't where it is.
  const auto told = outcome({.expires_unix_s = far_off,
                             .addresses = {home, *good.with_peer_id(other), good},
                             .voucher = {}});
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0], *good.with_peer_id(relay)->with(Protocol::p2p_circuit));
  // Over before it begins; a voucher for somebody else, by somebody else.
  EXPECT_TRUE(outcome({.expires_unix_s = 1, .addresses = {good}, .voucher = {}}).empty());
  for (const Bytes& voucher : {*seal_voucher(key_of(1), other, far_off),
                               *seal_voucher(key_of(9), other, far_off), Bytes{1, 2, 3}}) {
    EXPECT_TRUE(
        outcome({.expires_unix_s = far_off, .addresses = {good}, .voucher = voucher}).empty());
  }
}

Task<void> ends_with_its_relay(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(co_await all.connect());
  all.relay.swarm.disconnect(all.far.id());
  KITH_CO_CHECK(co_await all.pause(2s));
  EXPECT_FALSE(all.near.swarm.connected(all.far.id()));
  co_return co_await all.close();
}

TEST(RelayTransport, AConnectionEndsWithItsRelays) {
  sim::run_test(1, ends_with_its_relay);
}

/// A relay that grants what is asked of it, and what becomes of it: how often it is asked in ten
/// minutes.
Task<void> takes_back(sim::World& world, Duration& promise, std::size_t& asked) {
  Peer liar(world.add_node(at("198.51.100.1")), 1);
  Peer peer(world.add_node(at("203.0.113.2")), 2);
  auto grant = [](Peer& its, Duration for_so_long, std::unique_ptr<Stream> stream) -> Task<void> {
    const auto until = its.env().wall.now().time_since_epoch() + for_so_long;
    HopMessage reply{.type = HopMessage::Type::status, .status = RelayStatus::ok};
    reply.reservation = ReservationMessage{
        .expires_unix_s = static_cast<std::uint64_t>(until / 1s), .addresses = {}, .voucher = {}};
    const Bytes encoded = encode(reply);
    KITH_CO_CHECK(co_await port::write_message(*stream, encoded));
    KITH_CO_CHECK(co_await stream->close_write());
    KITH_CO_CHECK(co_await port::sleep_for(its.env().clock, 200ms));
    if (for_so_long > 1min) its.swarm.disconnect(stream->remote_peer());
    co_return Result<void>{};
  };
  liar.swarm.handle(ProtocolId(hop_protocol), [&](std::unique_ptr<Stream> stream) {
    ++asked;
    return grant(liar, promise, std::move(stream));
  });
  KITH_CO_CHECK(peer.swarm.listen(circuit_through(liar)));
  KITH_CO_CHECK(co_await port::sleep_for(peer.env().clock, 10min));
  co_return co_await close_all(liar, peer);
}

TEST(RelayTransport, ARelayThatTakesBackWhatItGaveIsAskedSeldom) {
  // The line is cut each time, or a second is all that it grants.
  for (Duration promise : {Duration(1h), Duration(2s)}) {
    std::size_t asked = 0;
    sim::run_test(1, takes_back, promise, asked);
    EXPECT_GE(asked, 3u) << promise / 1s;
    EXPECT_LE(asked, 6u) << promise / 1s;
  }
}

Task<void> no_given(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(all.far.swarm.listen(all.circuit()));
  KITH_CO_CHECK(co_await all.pause(5s));
  // Somebody says of `far` that the relay is at a victim's address; it is known where it is.
  const Multiaddr victims = address("/ip4/198.51.100.99/tcp/22");
  const Multiaddr lie = *victims.with_peer_id(all.relay.id())->with(Protocol::p2p_circuit);
  all.near.store.add_addresses(all.relay.id(), all.relay.addresses(), AddressSource::identify,
                               all.near.env().wall.now());
  std::vector<Multiaddr> there = {lie};
  KITH_CO_CHECK(co_await all.near.swarm.connect(all.far.id(), there, all.near.soon()));
  const WallTime now = all.near.env().wall.now();
  EXPECT_FALSE(all.near.store.says(AddressSource::given, all.relay.id(), victims, now));
  co_return co_await all.close();
}

TEST(RelayTransport, WhatStrangersSayOfARelayIsNotWhatTheUserHasSaid) {
  sim::run_test(1, no_given);
}

Task<void> relay_refuses(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(
      co_await all.near.swarm.connect(all.relay.id(), all.relay.addresses(), all.near.soon()));
  for (int i = 0; i < 20; ++i) {
    std::vector<Multiaddr> there = {all.circuit()};
    auto reached = co_await all.near.swarm.connect(all.far.id(), there, all.near.soon());
    EXPECT_FALSE(reached.has_value());
    KITH_CO_CHECK(co_await all.pause(100ms));
  }
  EXPECT_EQ(all.server.counters().refusals, 1u);
  co_return co_await all.close();
}

TEST(RelayTransport, ARefusedCircuitIsLeftAloneForAWhile) {
  sim::run_test(1, relay_refuses);
}

Task<void> lost_while_waiting(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(co_await all.connect());
  port::TaskGroup tasks(world.executor(), world.clock());
  auto lose = [](Three& of) -> Task<void> {
    KITH_CO_CHECK(co_await of.pause(1s));
    of.relay.swarm.disconnect(of.near.id());
    co_return Result<void>{};
  };
  tasks.spawn(lose(all));
  const Instant begin = world.now();
  auto refused = co_await all.echo();
  // Not waited out for a connection to become better that is gone.
  EXPECT_FALSE(refused.has_value());
  EXPECT_FALSE(refused.error().is(SwarmError::only_relayed) &&
               world.now() - begin == direct_connection_patience);
  KITH_CO_CHECK(co_await tasks.join());
  co_return co_await all.close();
}

TEST(RelayTransport, WhoWaitsForABetterConnectionDialsWhenTheWorseOneIsGone) {
  sim::run_test(1, lost_while_waiting);
}

}  // namespace
}  // namespace kith::net
