#include <gtest/gtest.h>

#include <kith/net/perf.hpp>
#include <kith/net/test_peer.hpp>
#include <kith/net/upgrade_test.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using Peer = TestPeer;

Task<void> two_peers_connect(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  KITH_CO_TRY(ConnectionId id, co_await one.swarm.connect(two.id(), two.addresses(), one.soon()));
  KITH_CO_CHECK(co_await one.identify.wait(id, one.soon()));
  EXPECT_EQ(one.store.agent(two.id()), "test/1");
  EXPECT_TRUE(std::ranges::binary_search(one.store.protocols(two.id()), ping_protocol));
  KITH_CO_TRY(std::unique_ptr<Stream> stream, co_await one.ping.open(two.id(), one.soon()));
  KITH_CO_TRY(Duration round_trip, co_await one.ping.round_trip(stream, one.soon()));
  EXPECT_GT(round_trip, Duration(0));
  EXPECT_TRUE(two.swarm.connected(one.id()));
  EXPECT_EQ(one.swarm.connections().at(0).muxer, "/yamux/1.0.0");
  stream.reset();
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Swarm, ConnectsIdentifiesAndPings) {
  sim::run_seeds(1, 10, two_peers_connect);
}

Task<void> new_identities(sim::World& world, const crypto::KeyType& type) {
  auto made = [&type](sim::Node& at) {
    auto fill = [&at](MutableBytes out) { at.env().random.fill(out); };
    return crypto::PrivateKey::generate(type, fill).value();
  };
  sim::Node& here = world.add_node();
  sim::Node& there = world.add_node();
  Peer one(here, made(here));
  Peer two(there, made(there));
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), two.addresses(), one.soon()));
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 5s));
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Swarm, RepeatsItselfWithAnyIdentityThatIsMadeOfTheSeed) {
  // Not with RSA, whose keys OpenSSL makes of its own randomness.
  using enum crypto::KeyType;
  for (crypto::KeyType type : {ed25519, secp256k1, ecdsa}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed)
      sim::expect_repeatable(seed, new_identities, type);
  }
}

Task<void> both_dial(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  one.store.add_addresses(two.id(), two.addresses(), AddressSource::given, one.env().wall.now());
  two.store.add_addresses(one.id(), one.addresses(), AddressSource::given, two.env().wall.now());
  auto dial = [](Peer& from, PeerId to) -> Task<void> {
    auto outcome = co_await from.swarm.connect(to, {}, from.soon());
    EXPECT_TRUE(outcome.has_value()) << outcome.error().message();
    co_return Result<void>{};
  };
  port::TaskGroup dials(one.env().executor, one.env().clock);
  dials.spawn(dial(one, two.id()));
  dials.spawn(dial(two, one.id()));
  co_await dials.join_shielded();
  EXPECT_TRUE(one.swarm.connected(two.id()));
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 60s));
  EXPECT_EQ(one.swarm.connections_of(two.id()).size(), 1u);
  EXPECT_EQ(two.swarm.connections_of(one.id()).size(), 1u);
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Swarm, KeepsOneOfTwoConnectionsThatCrossed) {
  sim::run_seeds(1, 20, both_dial);
}

/// Both dial at once and get a connection each. Returns which of the two `one` prefers.
Task<ConnectionId> cross(sim::World& world, Peer& one, Peer& two) {
  world.net().set_links({});
  two.net.reuses_ports = false;
  std::vector<Multiaddr> there = two.addresses();
  std::vector<Multiaddr> here = one.addresses();
  std::optional<Result<ConnectionId>> inward;
  std::optional<Result<ConnectionId>> outward;
  port::TaskGroup dials(one.env().executor, one.env().clock);
  dials.spawn(connect_into(one.swarm, two.id(), there, one.soon(), outward));
  dials.spawn(connect_into(two.swarm, one.id(), here, two.soon(), inward));
  co_await dials.join_shielded();
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
  EXPECT_EQ(one.swarm.connections_of(two.id()).size(), 2u);
  co_return one.swarm.connection_to(two.id()).value();
}

/// What the peer does to the other's favourite connection.
void end_at(Peer& peer, const PeerId& other) {
  peer.swarm.close_connection(peer.swarm.connection_to(other).value());
}

Task<void> one_of_two_ends(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  KITH_CO_TRY(const ConnectionId first, co_await cross(world, one, two));
  KITH_CO_TRY(std::unique_ptr<Stream> stream, co_await one.ping.open(two.id(), one.soon()));
  EXPECT_EQ(stream->connection(), first);
  KITH_CO_CHECK(co_await one.ping.round_trip(stream, one.soon()));
  end_at(two, one.id());
  KITH_CO_CHECK(co_await one.ping.round_trip(stream, one.soon()));
  EXPECT_NE(stream->connection(), first);
  // With the last one gone there is nobody to ask.
  end_at(two, one.id());
  auto nobody = co_await one.ping.round_trip(stream, one.soon());
  EXPECT_FALSE(nobody.has_value());
  stream.reset();
  co_return co_await close_all(one, two);
}
TEST(Swarm, PingsOnTheOtherOfTwoConnectionsWhenOneEnds) {
  sim::run_seeds(1, 20, one_of_two_ends);
}

Task<void> ends_while_opening(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  KITH_CO_CHECK(co_await cross(world, one, two));
  // Two protocols of a peer that nothing is known of cost a round trip, in which the connection
  // goes: the other is taken, and when that goes, one is dialed.
  for (int i = 0; i < 3; ++i) {
    one.store.set_protocols(two.id(), {});
    const ConnectionId before = one.swarm.connection_to(two.id()).value();
    end_at(two, one.id());
    std::vector<ProtocolId> protocols = {"/unheard/1", ProtocolId(ping_protocol)};
    KITH_CO_TRY(std::unique_ptr<Stream> stream,
                co_await one.swarm.open_stream(two.id(), protocols, one.soon()));
    EXPECT_EQ(stream->protocol(), ping_protocol);
    EXPECT_NE(stream->connection(), before);
    KITH_CO_CHECK(co_await one.ping.round_trip(stream, one.soon()));
    stream.reset();
  }
  co_return co_await close_all(one, two);
}
TEST(Swarm, OpensStreamsOnTheOtherConnectionOrANewOneWhenOneEnds) {
  sim::run_seeds(1, 20, ends_while_opening);
}

Task<void> wrong_peer(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  PeerId other = PeerId::from_public_key(key_of(9).public_key());
  auto outcome = co_await one.swarm.connect(other, two.addresses(), one.soon());
  EXPECT_FALSE(outcome.has_value());
  auto again = co_await one.swarm.connect(other, two.addresses(), one.soon());
  EXPECT_TRUE(!again && again.error().is(SwarmError::dial_backoff));
  one.swarm.clear_backoff(other);
  auto third = co_await one.swarm.connect(other, two.addresses(), one.soon());
  EXPECT_TRUE(!third && third.error().is(SwarmError::all_dials_failed));
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Swarm, RefusesAPeerThatIsNotTheOneExpectedAndLeavesItAloneForAWhile) {
  sim::run_test(1, wrong_peer);
}

Task<void> trims(sim::World& world) {
  SwarmLimits limits;
  limits.low_water = 2;
  limits.high_water = 4;
  Peer hub(world.add_node(), 1, limits);
  std::vector<std::unique_ptr<Peer>> others;
  for (std::uint8_t i = 0; i < 6; ++i) {
    others.push_back(std::make_unique<Peer>(world.add_node(), static_cast<std::uint8_t>(10 + i)));
  }
  hub.swarm.protect(others[0]->id(), "friend");
  for (auto& other : others) {
    KITH_CO_CHECK(co_await hub.swarm.connect(other->id(), other->addresses(), hub.soon()));
  }
  EXPECT_EQ(hub.swarm.connection_count(), 6u);
  KITH_CO_CHECK(co_await port::sleep_for(hub.env().clock, 90s));
  EXPECT_EQ(hub.swarm.connection_count(), 2u);
  EXPECT_TRUE(hub.swarm.connected(others[0]->id()));
  KITH_CO_CHECK(co_await hub.close());
  for (auto& other : others)
    KITH_CO_CHECK(co_await other->close());
  co_return Result<void>{};
}
TEST(Swarm, TrimsIdleConnectionsToLowWaterButNotProtectedOnes) {
  sim::run_test(3, trims);
}

struct NoStrangers final : ConnectionGater {
  bool allow_peer(const PeerId&, Direction direction, const Multiaddr&) override {
    return direction == Direction::outbound;
  }
};

Task<void> gated(sim::World& world) {
  NoStrangers gater;
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2, {}, &gater);
  co_await one.swarm.connect(two.id(), two.addresses(), one.soon());
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 5s));
  EXPECT_FALSE(two.swarm.connected(one.id()));
  EXPECT_FALSE(one.swarm.connected(two.id()));
  KITH_CO_CHECK(co_await two.swarm.connect(one.id(), one.addresses(), two.soon()));
  EXPECT_TRUE(two.swarm.connected(one.id()));
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Swarm, AsksTheGater) {
  sim::run_test(1, gated);
}

Task<void> perf(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  serve_perf(two.env(), two.swarm);
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), two.addresses(), one.soon()));
  Instant deadline = one.env().clock.now() + 1h;
  KITH_CO_TRY(PerfResult result,
              co_await run_perf(one.env(), one.swarm, two.id(), 3'000'000, 5'000'000, deadline));
  EXPECT_EQ(result.uploaded_bytes, 3'000'000u);
  EXPECT_EQ(result.downloaded_bytes, 5'000'000u);
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Perf, MovesWhatWasAskedForInBothDirections) {
  sim::run_test(1, perf);
}

Task<void> push_without_observed_address(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  KITH_CO_TRY(ConnectionId id, co_await one.swarm.connect(two.id(), two.addresses(), one.soon()));
  KITH_CO_CHECK(co_await one.identify.wait(id, one.soon()));
  const auto observed = one.identify.observed_by(id);
  KITH_CO_REQUIRE(observed.has_value());
  IdentifyMessage message;
  message.agent = "test/2";
  std::vector<ProtocolId> protocols = {ProtocolId(identify_push_protocol)};
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await two.swarm.open_stream(one.id(), std::move(protocols), two.soon()));
  for (const Bytes& part : encode_identify(message))
    KITH_CO_CHECK(co_await port::write_message(*stream, part));
  KITH_CO_CHECK(co_await stream->close_write());
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 5s));
  EXPECT_EQ(one.store.agent(two.id()), "test/2");
  EXPECT_EQ(one.identify.observed_by(id), observed);
  stream.reset();
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Identify, APushWithoutObservedAddressLeavesTheOneThatWasTold) {
  sim::run_test(1, push_without_observed_address);
}

Task<void> handler_limits(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  std::size_t serving = 0;
  HandlerOptions options;
  options.streams_per_peer_max = 3;
  two.swarm.handle(
      "/hold",
      [&serving](std::unique_ptr<Stream> stream) -> Task<void> {
        ++serving;
        auto end = co_await stream->read_buffer(1);
        --serving;
        co_return Result<void>{};
      },
      options);
  std::vector<std::unique_ptr<Stream>> held;
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), two.addresses(), one.soon()));
  std::size_t refused = 0;
  for (int i = 0; i < 5; ++i) {
    KITH_CO_TRY(std::unique_ptr<Stream> stream,
                co_await one.swarm.open_stream(two.id(), {"/hold"}, one.soon()));
    KITH_CO_CHECK(co_await stream->write({}));
    held.push_back(std::move(stream));
  }
  for (auto& stream : held) {
    std::array<std::uint8_t, 1> byte{};
    MutableBytes into = byte;
    auto got = co_await stream->read_some(into, one.env().clock.now() + 2s);
    if (!got && !got.error().is(Errc::timed_out)) ++refused;
  }
  EXPECT_EQ(serving, 3u);
  EXPECT_EQ(refused, 2u);
  held.clear();
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  EXPECT_EQ(serving, 0u);
  co_return Result<void>{};
}
TEST(Swarm, LimitsTheStreamsOfAProtocolAndCancelsHandlersAtTheEnd) {
  sim::run_test(1, handler_limits);
}

Task<void> unreachable(sim::World& world) {
  Peer one(world.add_node(), 1);
  PeerId other = PeerId::from_public_key(key_of(9).public_key());
  auto nowhere = co_await one.swarm.connect(other, {}, one.soon());
  EXPECT_TRUE(!nowhere && nowhere.error().is(SwarmError::no_addresses));
  std::vector<Multiaddr> udp = {address("/ip4/10.0.0.9/udp/1/quic-v1/webtransport")};
  auto no_transport = co_await one.swarm.connect(other, udp, one.soon());
  EXPECT_TRUE(!no_transport && no_transport.error().is(SwarmError::no_transport));
  auto self = co_await one.swarm.connect(one.id(), one.addresses(), one.soon());
  EXPECT_TRUE(!self && self.error().is(SwarmError::dial_self));
  KITH_CO_CHECK(co_await one.close());
  co_return Result<void>{};
}
TEST(Swarm, SaysWhyAPeerCannotBeReached) {
  sim::run_test(1, unreachable);
}

Task<void> address_in_use(sim::World& world) {
  Peer one(world.add_node(), 1);
  auto again = one.swarm.listen(address("/ip4/0.0.0.0/tcp/4001"));
  EXPECT_TRUE(!again && again.error().is(SwarmError::address_in_use));
  KITH_CO_CHECK(co_await one.close());
  co_return Result<void>{};
}
TEST(Swarm, AsksWhetherAnotherNodeRunsWhereItIsToListen) {
  sim::run_test(1, address_in_use);
}

Task<void> accepting_fails(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  two.net.accept_failures = 3;
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10s));
  EXPECT_EQ(two.net.accept_failures, 0);
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), two.addresses(), one.soon()));
  co_return co_await close_all(one, two);
}
TEST(Swarm, GoesOnAcceptingAfterAFailureItCannotExplain) {
  sim::run_test(1, accepting_fails);
}

/// From ten addresses somebody dials again and again and says nothing: with all the patience that a
/// lonely handshake has, every place would be taken all the time.
Task<void> silent_dials(sim::World& world) {
  SwarmLimits limits;
  limits.resources.transient[Resource::connections_inbound] = 8;
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2, limits);
  const port::Endpoint door = two.node.endpoint(4001);
  std::vector<port::Env*> attackers;
  for (int i = 0; i < 10; ++i)
    attackers.push_back(&world.add_node().env());
  std::vector<std::unique_ptr<port::TcpStream>> silent;
  for (std::size_t i = 0; i < 60; ++i) {
    port::Env& from = *attackers[i % attackers.size()];
    auto stream = co_await from.net.dial_tcp(door, {}, from.clock.now() + 5s);
    if (stream) silent.push_back(*std::move(stream));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 550ms));
  }
  EXPECT_GE(silent.size(), 50U);
  auto connected = co_await one.swarm.connect(two.id(), two.addresses(), one.soon());
  EXPECT_TRUE(connected.has_value()) << connected.error().message();
  silent.clear();
  co_return co_await close_all(one, two);
}
TEST(Swarm, LetsOthersInWhileManySayNothing) {
  sim::run_seeds(1, 3, silent_dials);
}

/// Serves streams until they end, and counts them.
StreamHandler holding(std::size_t& serving) {
  return [&serving](std::unique_ptr<Stream> stream) -> Task<void> {
    ++serving;
    auto end = co_await stream->read_buffer(1);
    --serving;
    co_return Result<void>{};
  };
}

Task<std::unique_ptr<Stream>> open_and_tell(Peer& from, Peer& to, ProtocolId protocol) {
  std::vector<ProtocolId> protocols;
  protocols.push_back(std::move(protocol));
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await from.swarm.open_stream(to.id(), std::move(protocols), from.soon()));
  KITH_CO_CHECK(co_await stream->write({}));
  KITH_CO_CHECK(co_await port::sleep_for(from.env().clock, 1s));
  co_return stream;
}

Task<void> handler_replaced(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  std::size_t before = 0, after = 0;
  HandlerOptions options;
  options.streams_max = 2;
  two.swarm.handle("/hold", holding(before), options);
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), two.addresses(), one.soon()));
  KITH_CO_TRY(auto old_stream, co_await open_and_tell(one, two, "/hold"));
  EXPECT_EQ(before, 1u);
  two.swarm.handle("/hold", holding(after), options);
  EXPECT_EQ(before, 1u);
  old_stream.reset();
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
  EXPECT_EQ(before, 0u);
  // Of the streams that the new one serves: two, and no third.
  KITH_CO_TRY(auto first, co_await open_and_tell(one, two, "/hold"));
  KITH_CO_TRY(auto second, co_await open_and_tell(one, two, "/hold"));
  KITH_CO_TRY(auto third, co_await open_and_tell(one, two, "/hold"));
  EXPECT_EQ(after, 2u);
  co_return co_await close_all(one, two);
}
TEST(Swarm, AHandlerIsReplacedWhileItServes) {
  sim::run_test(1, handler_replaced);
}

Task<void> refused(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), two.addresses(), one.soon()));
  auto several = co_await one.swarm.open_stream(two.id(), {"/unknown/2", "/unknown/1"}, one.soon());
  EXPECT_TRUE(!several && several.error().is(SwarmError::protocol_refused));
  KITH_CO_TRY(auto lazy, co_await one.swarm.open_stream(two.id(), {"/unknown/1"}, one.soon()));
  auto answer = co_await lazy->read_buffer(10);
  EXPECT_TRUE(!answer && answer.error().is(SwarmError::protocol_refused));
  lazy.reset();
  co_return co_await close_all(one, two);
}
TEST(Swarm, SaysThatAProtocolWasRefused) {
  sim::run_test(1, refused);
}

Task<void> throws_later(std::unique_ptr<Stream> stream) {
  KITH_CO_TRY(Buffer said, co_await stream->read_buffer(10));
  static_cast<void>(std::stoi(std::string(as_text(said))));
  co_return co_await stream->close_write();
}

/// No coroutine: it throws before there is a task.
Task<void> throws_uncalled(std::unique_ptr<Stream> stream) {
  if (stream->protocol() == "/strange") throw 7;
  throw std::bad_alloc();
}

Task<void> handlers_throw(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  two.swarm.handle("/later", throws_later);
  two.swarm.handle("/at-once", [](std::unique_ptr<Stream>) -> Task<void> {
    throw std::runtime_error("not today");
    co_return Result<void>{};
  });
  two.swarm.handle("/uncalled", throws_uncalled);
  two.swarm.handle("/strange", throws_uncalled);
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), two.addresses(), one.soon()));
  for (const char* protocol : {"/later", "/at-once", "/uncalled", "/strange"}) {
    std::vector<ProtocolId> protocols = {protocol};
    KITH_CO_TRY(auto stream,
                co_await one.swarm.open_stream(two.id(), std::move(protocols), one.soon()));
    KITH_CO_CHECK(co_await stream->write(as_bytes("no number"), one.soon()));
    auto answer = co_await stream->read_buffer(10, one.soon());
    // The answer to the proposal goes with the first data, so there may be none before the reset.
    EXPECT_TRUE(!answer && answer.error().is(Errc::reset)) << protocol;
  }
  EXPECT_NE(world.logs().find("the handler of /later threw: stoi"), std::string::npos);
  EXPECT_NE(world.logs().find("the handler of /at-once threw: not today"), std::string::npos);
  EXPECT_NE(world.logs().find("the handler of /strange threw"), std::string::npos);
  // The connection and everything else on it go on, and so does the handler.
  KITH_CO_TRY(auto ping, co_await one.ping.open(two.id(), one.soon()));
  KITH_CO_CHECK(co_await one.ping.round_trip(ping, one.soon()));
  ping.reset();
  KITH_CO_TRY(auto stream, co_await one.swarm.open_stream(two.id(), {"/later"}, one.soon()));
  KITH_CO_CHECK(co_await stream->write(as_bytes("42"), one.soon()));
  KITH_CO_TRY(Buffer end, co_await stream->read_buffer(10, one.soon()));
  EXPECT_TRUE(end.empty());
  stream.reset();
  EXPECT_EQ(one.swarm.connection_count(), 1u);
  co_return co_await close_all(one, two);
}
TEST(Swarm, AHandlerThatThrowsLosesItsStreamAndNothingElse) {
  sim::run_seeds(1, 5, handlers_throw);
}

Task<void> odd_ids(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  const ProtocolId longest = "/" + std::string(protocol_id_bytes_max - 1, 'x');
  two.swarm.handle(longest, throws_later);
  KITH_CO_TRY(ConnectionId id, co_await one.swarm.connect(two.id(), two.addresses(), one.soon()));
  const std::vector<std::vector<ProtocolId>> bad = {
      {},
      {""},
      {"/a\n/b"},
      {longest + "x"},
      {std::string(5000, 'x')},
      {ProtocolId(ping_protocol), std::string(5000, 'x')},
  };
  for (const std::vector<ProtocolId>& protocols : bad) {
    auto opened = co_await one.swarm.open_stream(two.id(), protocols, one.soon());
    EXPECT_TRUE(!opened && opened.error().is(Errc::invalid_argument));
    auto opened_on = co_await one.swarm.open_stream_on(id, protocols, one.soon());
    EXPECT_TRUE(!opened_on && opened_on.error().is(Errc::invalid_argument));
  }
  std::vector<ProtocolId> good = {"/unknown", longest};
  KITH_CO_TRY(auto stream, co_await one.swarm.open_stream(two.id(), std::move(good), one.soon()));
  EXPECT_EQ(stream->protocol(), longest);
  stream.reset();
  co_return co_await close_all(one, two);
}
TEST(Swarm, RefusesToOpenWhatCannotBeAProtocol) {
  sim::run_test(1, odd_ids);
}

TEST(SwarmDeathTest, InsistsOnAHandlerAndAnIdWhenItIsToldOfThem) {
  auto tell = [](ProtocolId protocol, StreamHandler handler) {
    sim::World world(1);
    Peer peer(world.add_node(), 1);
    peer.swarm.handle(std::move(protocol), std::move(handler));
  };
  EXPECT_DEATH(tell("/empty", {}), "handler != nullptr");
  EXPECT_DEATH(tell("", throws_later), "is_protocol_id");
}

// Limits of connections.

Task<void> too_many(sim::World& world) {
  SwarmLimits limits;
  limits.resources.system[Resource::connections] = 3;
  Peer hub(world.add_node(), 1, limits);
  std::vector<std::unique_ptr<Peer>> others;
  for (std::uint8_t i = 0; i < 5; ++i) {
    others.push_back(std::make_unique<Peer>(world.add_node(), static_cast<std::uint8_t>(10 + i)));
    co_await others.back()->swarm.connect(hub.id(), hub.addresses(), hub.soon());
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
  }
  EXPECT_EQ(hub.swarm.connection_count(), 3u);
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_EQ(others[i]->swarm.connected(hub.id()), i < 3) << i;
  auto out = co_await hub.swarm.connect(others[4]->id(), others[4]->addresses(), hub.soon());
  EXPECT_TRUE(!out && out.error().is(SwarmError::all_dials_failed));
  if (!out) EXPECT_NE(out.error().message().find("System.Conns is 3"), std::string::npos);
  KITH_CO_CHECK(co_await hub.close());
  for (auto& other : others)
    KITH_CO_CHECK(co_await other->close());
  co_return Result<void>{};
}
TEST(Swarm, HasNoMoreConnectionsThanItsLimit) {
  sim::run_test(1, too_many);
}

Task<void> silent_strangers(sim::World& world) {
  SwarmLimits limits;
  limits.resources.subnets.ip4 = {{.bits = 32, .connections = 4}};
  Peer hub(world.add_node(), 1, limits);
  Peer friendly(world.add_node(), 2);
  sim::Node& stranger = world.add_node();
  const port::Endpoint at = hub.node.endpoint(4001);
  std::vector<std::unique_ptr<port::TcpStream>> silent;
  for (int i = 0; i < 10; ++i) {
    KITH_CO_TRY(auto stream, co_await stranger.env().net.dial_tcp(at, {}, hub.soon()));
    silent.push_back(std::move(stream));
  }
  std::size_t refused_at_once = 0, kept = 0;
  for (auto& stream : silent) {
    auto part = co_await stream->read_buffer(1, world.now() + 200ms);
    const bool waiting = !part && part.error().is(Errc::timed_out);
    ++(waiting ? kept : refused_at_once);
  }
  EXPECT_EQ(kept, 4u);
  EXPECT_EQ(refused_at_once, 6u);
  KITH_CO_CHECK(co_await friendly.swarm.connect(hub.id(), hub.addresses(), friendly.soon()));
  // The silent ones are let go in time, and their places are free again.
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), handshake_timeout));
  silent.clear();
  KITH_CO_TRY(auto late, co_await stranger.env().net.dial_tcp(at, {}, hub.soon()));
  auto part = co_await late->read_buffer(1, world.now() + 2s);
  EXPECT_TRUE(!part && part.error().is(Errc::timed_out));
  late.reset();
  co_return co_await close_all(hub, friendly);
}
TEST(Swarm, LetsOneAddressHaveFewConnections) {
  sim::run_test(1, silent_strangers);
}

// Duplicates, and peers that leave.

/// A peer that isn't a swarm: it dials as often as it likes, and says goodbye without leaving.
struct Foreigner {
  Foreigner(sim::World& world, std::uint8_t number)
      : node(world.add_node()), key(key_of(number)), tasks(world.executor(), world.clock()) {}

  PeerId id() const { return testing::peer_of(key); }
  std::vector<Multiaddr> addresses() const {
    return {address("/ip4/" + node.address().to_string() + "/tcp/4001")};
  }

  Task<void> dial(Peer& peer) {
    const Instant deadline = peer.soon();
    const port::Endpoint at = peer.node.endpoint(4001);
    KITH_CO_TRY(auto stream, co_await node.env().net.dial_tcp(at, {}, deadline));
    UpgradeOptions options = testing::options_of(Direction::outbound, key, deadline);
    KITH_CO_TRY(auto connection,
                co_await upgrade(node.env(), std::move(stream), std::move(options)));
    connections.push_back(std::move(connection));
    ends.emplace_back();
    tasks.spawn(testing::run_into(*connections.back(), ends.back()));
    co_return Result<void>{};
  }

  /// Accepts one connection, up to where yamux begins.
  Task<void> accept() {
    KITH_CO_TRY(auto listener, node.env().net.listen_tcp(node.endpoint(4001), {}));
    for (;;) {
      KITH_CO_TRY(auto stream, co_await listener->accept());
      KITH_CO_TRY(auto secure,
                  co_await testing::secure_by_hand(node.env(), std::move(stream), key));
      by_hand.push_back(std::move(secure));
    }
  }

  Task<void> close() {
    tasks.cancel();
    co_return co_await tasks.join_shielded();
  }

  sim::Node& node;
  crypto::PrivateKey key;
  std::vector<std::unique_ptr<Connection>> connections;
  std::deque<std::optional<Error>> ends;
  std::vector<std::unique_ptr<SecureStream>> by_hand;
  port::TaskGroup tasks;
};

// Which of several connections in one direction is the one to keep, the two sides may see
// differently: only who dialed them closes them, or they might close all.
Task<void> dialed_twice(sim::World& world) {
  for (std::uint8_t number : {3, 4, 5, 6}) {
    Peer one(world.add_node(), number);
    Foreigner other(world, 7);
    KITH_CO_CHECK(co_await other.dial(one));
    KITH_CO_CHECK(co_await other.dial(one));
    KITH_CO_CHECK(co_await other.dial(one));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 60s));
    const std::vector<ConnectionInfo> open = one.swarm.connections_of(other.id());
    KITH_CO_REQUIRE(open.size() == 3);
    // A peer that dials again may have lost what it had.
    EXPECT_EQ(one.swarm.connection_to(other.id()), open.back().id);
    KITH_CO_CHECK(co_await other.close());
    KITH_CO_CHECK(co_await one.close());
  }
  co_return Result<void>{};
}
TEST(Swarm, LeavesConnectionsInOneDirectionToWhoDialedThem) {
  sim::run_test(1, dialed_twice);
}

Task<void> says_goodbye(sim::World& world) {
  Peer one(world.add_node(), 1);
  Foreigner other(world, 2);
  other.tasks.spawn(other.accept());
  KITH_CO_TRY(const ConnectionId first,
              co_await one.swarm.connect(other.id(), other.addresses(), one.soon()));
  KITH_CO_TRY(auto stream, co_await one.swarm.open_stream_on(first, {"/p"}, one.soon()));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
  KITH_CO_REQUIRE(other.by_hand.size() == 1);
  KITH_CO_CHECK(co_await other.by_hand[0]->write(testing::yamux_frame(3, 0, 0, 0)));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
  EXPECT_EQ(one.swarm.connection_to(other.id()), std::nullopt);
  KITH_CO_TRY(const ConnectionId second,
              co_await one.swarm.connect(other.id(), other.addresses(), one.soon()));
  EXPECT_NE(first, second);
  EXPECT_EQ(one.swarm.connection_to(other.id()), second);
  EXPECT_EQ(one.swarm.connections_of(other.id()).size(), 2u);
  // Identify waits in vain, too, for a while.
  stream.reset();
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), identify_timeout));
  EXPECT_EQ(one.swarm.connections_of(other.id()).size(), 1u);
  KITH_CO_CHECK(co_await other.close());
  co_return co_await close_all(one);
}
TEST(Swarm, DialsAPeerAgainThatHasSaidGoodbyeAndStays) {
  sim::run_test(1, says_goodbye);
}

// Trimming.

/// A swarm that may have four connections for long, and what is connected to it.
struct Hub {
  explicit Hub(sim::World& in, Duration silence = 10s)
      : world(in), peer(world.add_node(), 1, limits(silence)) {}
  static SwarmLimits limits(Duration silence) {
    SwarmLimits limits;
    limits.low_water = 2;
    limits.high_water = 4;
    limits.silence_period = silence;
    return limits;
  }

  Task<void> add(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto number = static_cast<std::uint8_t>(10 + others.size());
      others.push_back(std::make_unique<Peer>(world.add_node(), number));
      KITH_CO_CHECK(co_await connect(others.size() - 1));
    }
    co_return Result<void>{};
  }
  Task<void> connect(std::size_t index) {
    Peer& other = *others[index];
    KITH_CO_CHECK(co_await peer.swarm.connect(other.id(), other.addresses(), peer.soon()));
    co_return Result<void>{};
  }
  bool has(std::size_t index) { return peer.swarm.connected(others[index]->id()); }
  Task<void> wait(Duration time) { co_return co_await port::sleep_for(world.clock(), time); }

  Task<void> close() {
    KITH_CO_CHECK(co_await peer.close());
    for (auto& other : others)
      KITH_CO_CHECK(co_await other->close());
    co_return Result<void>{};
  }

  sim::World& world;
  Peer peer;
  std::vector<std::unique_ptr<Peer>> others;
};

// A connection takes up to a second to close, and meanwhile it must not be counted against those
// that stay.
Task<void> arrivals(sim::World& world) {
  Hub hub(world, 1s);
  KITH_CO_CHECK(co_await hub.add(4));
  KITH_CO_CHECK(co_await hub.wait(60s));
  EXPECT_EQ(hub.peer.swarm.connection_count(), 4u);
  sim::LinkOptions slow;
  slow.latency = 10s;
  for (auto& other : hub.others)
    world.net().set_link(hub.peer.node.id(), other->node.id(), slow);
  // The fifth makes it one too many; the sixth comes while three are closing.
  KITH_CO_CHECK(co_await hub.add(1));
  auto open = [&hub] {
    return std::ranges::count_if(hub.others, [&hub](const auto& other) {
      return hub.peer.swarm.connection_to(other->id()).has_value();
    });
  };
  for (int i = 0; i < 200 && open() == 5; ++i)
    KITH_CO_CHECK(co_await hub.wait(10ms));
  EXPECT_EQ(open(), 2);
  KITH_CO_CHECK(co_await hub.add(1));
  EXPECT_EQ(hub.peer.swarm.connection_count(), 6u);
  KITH_CO_CHECK(co_await hub.wait(10s));
  EXPECT_EQ(hub.peer.swarm.connection_count(), 3u);
  EXPECT_EQ(open(), 3);
  co_return co_await hub.close();
}
TEST(Swarm, TrimsNoMoreBecauseOfWhatIsClosingAlready) {
  sim::run_test(1, arrivals);
}

Task<void> worth(sim::World& world) {
  Hub hub(world);
  std::size_t serving = 0;
  KITH_CO_CHECK(co_await hub.add(6));
  KITH_CO_CHECK(co_await hub.wait(1s));
  hub.peer.swarm.handle("/hold", holding(serving));
  // Five is a stranger with a stream, one and two have been useful, three is a nuisance.
  KITH_CO_TRY(auto stream, co_await open_and_tell(*hub.others[5], hub.peer, "/hold"));
  EXPECT_EQ(serving, 1u);
  hub.peer.swarm.tag_peer(hub.others[1]->id(), "useful", 10);
  hub.peer.swarm.tag_peer(hub.others[2]->id(), "useful", 5);
  hub.peer.swarm.tag_peer(hub.others[2]->id(), "near", 1);
  hub.peer.swarm.tag_peer(hub.others[3]->id(), "useful", 50);
  hub.peer.swarm.tag_peer(hub.others[3]->id(), "nuisance", -60);
  KITH_CO_CHECK(co_await hub.wait(60s));
  EXPECT_EQ(hub.peer.swarm.connection_count(), 2u);
  EXPECT_TRUE(hub.has(1));
  EXPECT_TRUE(hub.has(2));
  stream.reset();
  // A tag goes with the last connection: one is nobody special any more when it comes back.
  hub.peer.swarm.untag_peer(hub.others[2]->id(), "useful");
  hub.peer.swarm.disconnect(hub.others[1]->id());
  KITH_CO_CHECK(co_await hub.wait(5s));
  for (std::size_t i : {1u, 3u, 4u})
    KITH_CO_CHECK(co_await hub.connect(i));
  KITH_CO_CHECK(co_await hub.wait(25s));
  KITH_CO_CHECK(co_await hub.connect(5));
  KITH_CO_CHECK(co_await hub.wait(15s));
  EXPECT_EQ(hub.peer.swarm.connection_count(), 2u);
  EXPECT_TRUE(hub.has(2));
  EXPECT_TRUE(hub.has(5));
  co_return co_await hub.close();
}
TEST(Swarm, TrimsThoseWhoAreWorthLeast) {
  sim::run_test(1, worth);
}

Task<void> all_protected(sim::World& world) {
  Hub hub(world);
  KITH_CO_CHECK(co_await hub.add(6));
  for (auto& other : hub.others) {
    hub.peer.swarm.protect(other->id(), "friend");
    hub.peer.swarm.protect(other->id(), "pinned");
  }
  KITH_CO_CHECK(co_await hub.wait(5min));
  EXPECT_EQ(hub.peer.swarm.connection_count(), 6u);
  // While any of its tags is set.
  for (auto& other : hub.others)
    hub.peer.swarm.unprotect(other->id(), "friend");
  KITH_CO_CHECK(co_await hub.wait(1min));
  EXPECT_EQ(hub.peer.swarm.connection_count(), 6u);
  for (std::size_t i = 1; i < 6; ++i)
    hub.peer.swarm.unprotect(hub.others[i]->id(), "pinned");
  KITH_CO_CHECK(co_await hub.wait(1min));
  EXPECT_EQ(hub.peer.swarm.connection_count(), 2u);
  EXPECT_TRUE(hub.has(0));
  co_return co_await hub.close();
}
TEST(Swarm, NeverTrimsWhoIsProtectedByAnyTag) {
  sim::run_test(1, all_protected);
}

}  // namespace
}  // namespace kith::net
