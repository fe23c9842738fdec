// The DHT on the real stack: swarm, Noise, yamux and identify, over simulated wires.
#include <gtest/gtest.h>

#include <kith/dht/dual.hpp>
#include <kith/dht/swarm_network.hpp>
#include <kith/dht/test_network.hpp>
#include <kith/net/test_peer.hpp>
#include <kith/sim/testing.hpp>

namespace kith::dht {
namespace {

using multiformats::Multiaddr;
using routing::PeerAddresses;
using testing::content;

struct Peer : net::TestPeer {
  Peer(sim::World& world, std::uint8_t number, DualOptions options = {})
      : Peer(world, number, std::move(options), sim::NodeOptions()) {}
  Peer(sim::World& world, std::uint8_t number, DualOptions options, sim::NodeOptions where)
      : TestPeer(world.add_node(std::move(where)), number),
        dht(env(), swarm, identify, std::move(options)) {
    dht.start();
  }

  Task<void> meet(Peer& other) {
    auto connected = co_await swarm.connect(other.id(), other.addresses(), soon());
    if (!connected) co_return std::unexpected(connected.error());
    co_return Result<void>{};
  }
  Task<void> close_both() {
    co_await dht.close_shielded();
    co_return co_await close();
  }
  Instant later() { return env().clock.now() + 1min; }

  DualDht dht;
};

template <class... Peers>
Task<void> close_peers(Peers&... peers) {
  for (Peer* peer : {&peers...})
    KITH_CO_CHECK(co_await peer->close_both());
  co_return Result<void>{};
}

Task<std::vector<PeerAddresses>> providers_of(Peer& peer, std::uint64_t number) {
  std::vector<PeerAddresses> found;
  auto on_provider = [&found](const PeerAddresses& provider) {
    found.push_back(provider);
    return true;
  };
  KITH_CO_CHECK(co_await peer.dht.find_providers(content(number), on_provider, peer.later()));
  co_return found;
}

TEST(SwarmNetwork, LetsNeighboursFindWhatOneOfThemProvides) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Peer one(world, 1);
    Peer two(world, 2);
    Peer three(world, 3);
    KITH_CO_CHECK(co_await one.meet(two));
    KITH_CO_CHECK(co_await three.meet(two));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10s));
    EXPECT_TRUE(one.dht.local().table().contains(two.id()));
    EXPECT_EQ(one.dht.wide().table().size(), 0u) << "all addresses are private";
    KITH_CO_CHECK(co_await one.dht.provide(content(1), one.later()));
    KITH_CO_TRY(auto found, co_await providers_of(three, 1));
    KITH_CO_REQUIRE(found.size() == 1);
    EXPECT_EQ(found[0].peer, one.id());
    KITH_CO_REQUIRE(found[0].addresses.size() == 1);
    EXPECT_FALSE(found[0].addresses[0].is_loopback());
    KITH_CO_TRY(PeerAddresses where, co_await three.dht.find_peer(one.id(), three.later()));
    EXPECT_FALSE(where.addresses.empty());
    EXPECT_TRUE(three.swarm.connected(one.id())) << "it has been reached";
    co_return co_await close_peers(one, two, three);
  });
}

TEST(SwarmNetwork, KeepsTheTwoNetworksApart) {
  sim::run_test(2, [](sim::World& world) -> Task<void> {
    DualOptions server;
    server.wide_server = true;
    Peer far(world, 1, server, net::at("203.0.113.7"));
    Peer near(world, 2, server);
    Peer other(world, 3, server, net::at("198.51.100.7"));
    KITH_CO_CHECK(co_await near.meet(far));
    KITH_CO_CHECK(co_await other.meet(far));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10s));
    EXPECT_TRUE(near.dht.wide().table().contains(far.id()));
    EXPECT_FALSE(near.dht.local().table().contains(far.id())) << "it is connected in the open";
    EXPECT_TRUE(other.dht.wide().table().contains(far.id()));
    EXPECT_FALSE(far.dht.wide().table().contains(near.id())) << "its addresses are private";
    co_return co_await close_peers(far, near, other);
  });
}

TEST(SwarmNetwork, HasNoneInItsTableThatDoesntServe) {
  sim::run_test(3, [](sim::World& world) -> Task<void> {
    DualOptions client;
    client.local_server = false;
    Peer one(world, 1, client);
    Peer two(world, 2);
    KITH_CO_CHECK(co_await one.meet(two));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10s));
    EXPECT_TRUE(one.dht.local().table().contains(two.id()));
    EXPECT_FALSE(two.dht.local().table().contains(one.id()));
    // It begins to serve, says so, and ceases again.
    one.dht.local().set_server(true);
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10s));
    EXPECT_TRUE(two.dht.local().table().contains(one.id()));
    one.dht.local().set_server(false);
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10s));
    EXPECT_FALSE(two.dht.local().table().contains(one.id()));
    co_return co_await close_peers(one, two);
  });
}

/// Sends bytes to the peer's local DHT, and returns what comes back until the stream ends.
Task<Bytes> say(Peer& from, Peer& to, Bytes bytes) {
  std::vector<net::ProtocolId> protocols = {net::ProtocolId(local_protocol)};
  KITH_CO_TRY(auto stream, co_await from.swarm.open_stream(to.id(), protocols, from.soon()));
  KITH_CO_CHECK(co_await port::write_message(*stream, bytes, from.soon()));
  KITH_CO_CHECK(co_await stream->close_write(from.soon()));
  co_return co_await port::read_to_end(*stream, answer_bytes_max, from.soon());
}

TEST(SwarmNetwork, ResetsTheStreamOfARequestThatMakesNoSense) {
  sim::run_test(4, [](sim::World& world) -> Task<void> {
    Peer one(world, 1);
    Peer two(world, 2);
    KITH_CO_CHECK(co_await one.meet(two));
    Message ping;
    ping.type = MessageType::ping;
    KITH_CO_TRY(Bytes answer, co_await say(one, two, encode_message(ping)));
    EXPECT_FALSE(answer.empty());
    Message keyless;
    keyless.type = MessageType::find_node;
    auto refused = co_await say(one, two, encode_message(keyless));
    EXPECT_TRUE(!refused && refused.error().is(Errc::reset));
    refused = co_await say(one, two, Bytes(100, 0xff));
    EXPECT_TRUE(!refused && refused.error().is(Errc::reset));
    refused = co_await say(one, two, Bytes(request_bytes_max + 1, 0));
    EXPECT_FALSE(refused);
    EXPECT_TRUE(one.swarm.connected(two.id()));
    co_return co_await close_peers(one, two);
  });
}

TEST(SwarmNetwork, EndsAStreamOnWhichNothingIsAsked) {
  sim::run_test(5, [](sim::World& world) -> Task<void> {
    Peer one(world, 1);
    Peer two(world, 2);
    KITH_CO_CHECK(co_await one.meet(two));
    std::vector<net::ProtocolId> protocols = {net::ProtocolId(local_protocol)};
    KITH_CO_TRY(auto stream, co_await one.swarm.open_stream(two.id(), protocols, one.soon()));
    std::uint8_t byte = 1;
    KITH_CO_CHECK(co_await stream->write(ByteView(&byte, 1), one.soon()));
    Instant begin = world.now();
    Bytes rest(10);
    auto ended = co_await stream->read_some(rest, begin + 2 * stream_idle_timeout);
    EXPECT_TRUE(!ended && ended.error().is(Errc::reset));
    EXPECT_LE(world.now() - begin, stream_idle_timeout + 1s);
    co_return co_await close_peers(one, two);
  });
}

TEST(SwarmNetwork, SaysThatAPeerDoesntSpeakIt) {
  sim::run_test(6, [](sim::World& world) -> Task<void> {
    DualOptions client;
    client.local_server = false;
    Peer one(world, 1);
    Peer two(world, 2, client);
    SwarmNetwork network(one.env(), one.swarm, one.identify, Reach::local);
    KITH_CO_CHECK(co_await one.meet(two));
    Message ask;
    ask.type = MessageType::add_provider;
    ask.key = to_bytes("key");
    EXPECT_FALSE(co_await network.tell(two.id(), ask, one.soon()));
    EXPECT_FALSE(co_await network.request(two.id(), ask, one.soon()));
    co_return co_await close_peers(one, two);
  });
}

}  // namespace
}  // namespace kith::dht
