#include <gtest/gtest.h>

#include <kith/net/relay/server.hpp>
#include <kith/net/relay/test_relay.hpp>
#include <kith/port/pipe.hpp>
#include <kith/pubsub/service.hpp>

namespace kith::pubsub {
namespace {

const std::string topic = "news";

PubSubOptions options_for(Signing signing = Signing::strict) {
  PubSubOptions options;
  options.router.signing = signing;
  options.router.scores = careful_scores();
  return options;
}

/// A peer that speaks pubsub.
struct PubSubPeer {
  PubSubPeer(sim::World& world, std::uint8_t number, PubSubOptions options = options_for(),
             net::SwarmLimits limits = {})
      : peer(world.add_node(), number, std::move(limits)),
        pubsub(peer.own_env, peer.swarm, std::move(options)) {
    pubsub.start();
  }

  PeerId id() const { return peer.id(); }
  Task<void> connect(PubSubPeer& other) {
    KITH_CO_CHECK(co_await peer.swarm.connect(other.id(), other.peer.addresses(), peer.soon()));
    co_return Result<void>{};
  }
  Task<void> close() {
    co_await pubsub.close_shielded();
    co_return co_await peer.close();
  }

  net::TestPeer peer;
  PubSub pubsub;
};

Task<std::string> next_text(Subscription& subscription, port::Clock& clock, Duration patience) {
  KITH_CO_TRY(Received got, co_await subscription.next(clock.now() + patience));
  co_return std::string(as_text(got.message->data()));
}

using Network = std::vector<std::unique_ptr<PubSubPeer>>;

Task<void> close_all(Network& network) {
  for (auto& peer : network)
    KITH_CO_CHECK(co_await peer->pubsub.close_shielded());
  for (auto& peer : network)
    KITH_CO_CHECK(co_await peer->peer.close());
  co_return Result<void>{};
}

/// A line of peers, each connected to the next.
Task<void> make_line(sim::World& world, std::size_t count, PubSubOptions options,
                     Network& network) {
  for (std::size_t i = 0; i < count; ++i) {
    network.push_back(
        std::make_unique<PubSubPeer>(world, static_cast<std::uint8_t>(i + 1), options));
    if (i > 0) KITH_CO_CHECK(co_await network[i]->connect(*network[i - 1]));
  }
  co_return Result<void>{};
}

Task<void> along_a_line(sim::World& world, Signing& signing) {
  Network network;
  KITH_CO_CHECK(co_await make_line(world, 5, options_for(signing), network));
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  for (auto& peer : network) {
    KITH_CO_TRY(auto subscription, peer->pubsub.subscribe(topic));
    subscriptions.push_back(std::move(subscription));
  }
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
  EXPECT_EQ(network[2]->pubsub.router().mesh(topic).size(), 2U);
  for (std::size_t from = 0; from < network.size(); ++from) {
    const std::string text = "from " + std::to_string(from);
    KITH_CO_CHECK(co_await network[from]->pubsub.publish(topic, to_bytes(text)));
    for (auto& subscription : subscriptions) {
      KITH_CO_TRY(const std::string got, co_await next_text(*subscription, world.clock(), 10s));
      EXPECT_EQ(got, text);
    }
  }
  subscriptions.clear();
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 2s));
  EXPECT_TRUE(network[2]->pubsub.peers(topic).empty());
  EXPECT_EQ(network[2]->pubsub.peers().size(), 2U);
  co_return co_await close_all(network);
}
TEST(PubSub, MessagesTravelFromPeerToPeer) {
  for (Signing signing : {Signing::strict, Signing::author, Signing::anonymous})
    sim::run_seeds(1, 5, along_a_line, signing);
}

Task<void> as_flood(sim::World& world) {
  Network network;
  PubSubOptions options = options_for();
  options.router.flood_only = true;
  network.push_back(std::make_unique<PubSubPeer>(world, std::uint8_t{1}, options));
  network.push_back(std::make_unique<PubSubPeer>(world, std::uint8_t{2}));
  KITH_CO_CHECK(co_await network[0]->connect(*network[1]));
  KITH_CO_TRY(auto one, network[0]->pubsub.subscribe(topic));
  KITH_CO_TRY(auto two, network[1]->pubsub.subscribe(topic));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 3s));
  EXPECT_TRUE(network[1]->pubsub.router().mesh(topic).empty());
  KITH_CO_CHECK(co_await network[0]->pubsub.publish(topic, to_bytes("a")));
  KITH_CO_TRY(const std::string to_gossip, co_await next_text(*two, world.clock(), 5s));
  EXPECT_EQ(to_gossip, "a");
  KITH_CO_CHECK(co_await network[1]->pubsub.publish(topic, to_bytes("b")));
  KITH_CO_CHECK(co_await next_text(*one, world.clock(), 5s));
  KITH_CO_TRY(const std::string to_flood, co_await next_text(*one, world.clock(), 5s));
  EXPECT_EQ(to_flood, "b");
  one.reset();
  two.reset();
  co_return co_await close_all(network);
}
TEST(PubSub, SpeaksFloodsubWithThoseWhoSpeakNothingElse) {
  sim::run_seeds(1, 5, as_flood);
}

Task<void> crossing(sim::World& world) {
  world.net().set_links({});
  Network network;
  for (std::uint8_t i = 1; i <= 2; ++i)
    network.push_back(std::make_unique<PubSubPeer>(world, i));
  PubSubPeer& one = *network[0];
  PubSubPeer& two = *network[1];
  two.peer.net.reuses_ports = false;
  KITH_CO_TRY(auto here, one.pubsub.subscribe(topic));
  KITH_CO_TRY(auto there, two.pubsub.subscribe(topic));
  std::optional<Result<net::ConnectionId>> inward;
  std::optional<Result<net::ConnectionId>> outward;
  std::vector<multiformats::Multiaddr> of_one = one.peer.addresses();
  std::vector<multiformats::Multiaddr> of_two = two.peer.addresses();
  port::TaskGroup dials(one.peer.env().executor, one.peer.env().clock);
  dials.spawn(net::connect_into(one.peer.swarm, two.id(), of_two, one.peer.soon(), outward));
  dials.spawn(net::connect_into(two.peer.swarm, one.id(), of_one, two.peer.soon(), inward));
  co_await dials.join_shielded();
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
  EXPECT_EQ(one.peer.swarm.connections_of(two.id()).size(), 2U);
  KITH_CO_CHECK(co_await one.pubsub.publish(topic, to_bytes("a")));
  KITH_CO_CHECK(co_await next_text(*there, world.clock(), 5s));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 90s));
  EXPECT_EQ(one.peer.swarm.connections_of(two.id()).size(), 1U);
  KITH_CO_CHECK(co_await one.pubsub.publish(topic, to_bytes("b")));
  KITH_CO_TRY(const std::string got, co_await next_text(*there, world.clock(), 5s));
  EXPECT_EQ(got, "b");
  here.reset();
  there.reset();
  co_return co_await close_all(network);
}
TEST(PubSub, LetsGoOfOneOfTwoConnectionsThatCrossed) {
  sim::run_seeds(1, 10, crossing);
}

Task<void> coming_back(sim::World& world) {
  Network network;
  for (std::uint8_t i = 1; i <= 2; ++i)
    network.push_back(std::make_unique<PubSubPeer>(world, i));
  PubSubPeer& one = *network[0];
  PubSubPeer& two = *network[1];
  KITH_CO_TRY(auto here, one.pubsub.subscribe(topic));
  KITH_CO_TRY(auto there, two.pubsub.subscribe(topic));
  for (int round = 0; round < 3; ++round) {
    KITH_CO_CHECK(co_await one.connect(two));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 3s));
    const std::string text = std::to_string(round);
    KITH_CO_CHECK(co_await one.pubsub.publish(topic, to_bytes(text)));
    KITH_CO_TRY(const std::string got, co_await next_text(*there, world.clock(), 5s));
    EXPECT_EQ(got, text);
    EXPECT_TRUE(one.peer.swarm.disconnect(two.id()));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 3s));
    EXPECT_TRUE(one.pubsub.peers().empty() && two.pubsub.peers().empty());
  }
  here.reset();
  there.reset();
  co_return co_await close_all(network);
}
TEST(PubSub, PeersComeAndGo) {
  sim::run_seeds(1, 10, coming_back);
}

Task<void> races(sim::World& world) {
  // Of two that cross, the connection dialed by whose id is smaller stays.
  const bool first_is_smaller = PeerId::from_public_key(net::key_of(1).public_key()) <
                                PeerId::from_public_key(net::key_of(2).public_key());
  const std::uint8_t smaller = first_is_smaller ? 1 : 2;
  const std::uint8_t larger = 3 - smaller;
  Network network;
  network.push_back(std::make_unique<PubSubPeer>(world, smaller));
  network.push_back(std::make_unique<PubSubPeer>(world, larger));
  PubSubPeer& one = *network[0];
  PubSubPeer& two = *network[1];
  KITH_CO_TRY(auto here, one.pubsub.subscribe(topic));
  KITH_CO_TRY(auto there, two.pubsub.subscribe(topic));
  KITH_CO_CHECK(co_await one.connect(two));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
  const auto before = one.peer.swarm.connection_to(two.id());
  // Both ways of the other's own race come through.
  net::TestPeer by_tcp(world.add_node(), larger);
  net::TestPeer by_quic(world.add_node(), larger);
  for (net::TestPeer* way : {&by_tcp, &by_quic})
    KITH_CO_CHECK(co_await way->swarm.connect(one.id(), one.peer.addresses(), way->soon()));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 3s));
  EXPECT_EQ(one.peer.swarm.connections_of(two.id()).size(), 3U);
  EXPECT_EQ(one.peer.swarm.connection_to(two.id()), before);
  EXPECT_EQ(one.pubsub.peers(topic), std::vector<PeerId>{two.id()});
  KITH_CO_CHECK(co_await one.pubsub.publish(topic, to_bytes("a")));
  KITH_CO_TRY(const std::string got, co_await next_text(*there, world.clock(), 5s));
  EXPECT_EQ(got, "a");
  here.reset();
  there.reset();
  KITH_CO_CHECK(co_await close_all(network));
  KITH_CO_CHECK(co_await by_tcp.close());
  co_return co_await by_quic.close();
}
TEST(PubSub, KeepsItsSessionWhenAPeersWholeRaceComesThrough) {
  sim::run_seeds(1, 3, races);
}

Task<void> lives_again(sim::World& world) {
  Network network;
  for (std::uint8_t number : {1, 2, 2})
    network.push_back(std::make_unique<PubSubPeer>(world, number));
  PubSubPeer& one = *network[0];
  KITH_CO_TRY(auto here, one.pubsub.subscribe(topic));
  KITH_CO_TRY(auto former, network[1]->pubsub.subscribe("former"));
  KITH_CO_TRY(auto there, network[2]->pubsub.subscribe(topic));
  KITH_CO_CHECK(co_await network[1]->connect(one));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 3s));
  EXPECT_EQ(one.pubsub.peers("former").size(), 1U);
  // The same peer, started anew, while its old connection hasn't been found to be dead.
  KITH_CO_CHECK(co_await network[2]->connect(one));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 3s));
  EXPECT_TRUE(one.pubsub.peers("former").empty());
  EXPECT_EQ(one.pubsub.peers(topic).size(), 1U);
  KITH_CO_CHECK(co_await one.pubsub.publish(topic, to_bytes("a")));
  KITH_CO_TRY(const std::string got, co_await next_text(*there, world.clock(), 5s));
  EXPECT_EQ(got, "a");
  here.reset();
  former.reset();
  there.reset();
  co_return co_await close_all(network);
}
TEST(PubSub, HearsAPeerThatStartedAnewAndForgetsItsFormerLife) {
  sim::run_seeds(1, 3, lives_again);
}

Task<void> ends_at_once(sim::World& world) {
  Network network;
  for (std::uint8_t i = 1; i <= 2; ++i)
    network.push_back(std::make_unique<PubSubPeer>(world, i));
  KITH_CO_CHECK(co_await network[0]->connect(*network[1]));
  co_return co_await close_all(network);
}
TEST(PubSub, EndsInTheMomentInWhichAPeerComes) {
  sim::run_seeds(1, 20, ends_at_once);
}

Task<void> through_a_relay(sim::World& world) {
  net::RelayPeer relay(world.add_node(net::at("198.51.100.1")), 1);
  net::RelayServer server(relay.env(), relay.swarm, {});
  net::RelayPeer far(world.add_node(net::at("203.0.113.2")), 2);
  net::RelayPeer near(world.add_node(net::at("192.0.2.3")), 3);
  world.net().cut(far.node.id(), near.node.id());
  PubSub of_far(far.own_env, far.swarm, options_for());
  PubSub of_near(near.own_env, near.swarm, options_for());
  of_far.start();
  of_near.start();
  KITH_CO_CHECK(far.swarm.listen(net::circuit_through(relay)));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
  std::vector<multiformats::Multiaddr> there = {net::circuit_through(relay)};
  KITH_CO_TRY(const net::ConnectionId connection,
              co_await near.swarm.connect(far.id(), std::move(there), near.soon()));
  EXPECT_TRUE(near.swarm.info(connection)->limited);
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 30s));
  EXPECT_TRUE(near.swarm.connected(far.id()));
  EXPECT_TRUE(of_near.peers().empty() && of_far.peers().empty());
  KITH_CO_CHECK(co_await of_near.close_shielded());
  KITH_CO_CHECK(co_await of_far.close_shielded());
  KITH_CO_CHECK(co_await near.close());
  KITH_CO_CHECK(co_await far.close());
  KITH_CO_CHECK(co_await relay.close());
  co_return co_await server.close_shielded();
}
TEST(PubSub, LeavesWhatLittleARelayCarriesToOthers) {
  sim::run_test(1, through_a_relay);
}

Task<void> read_one(port::Stream& stream, ReadingRoom& room, const PeerId peer,
                    std::size_t& length) {
  RpcReader reader(stream, room, peer);
  KITH_CO_TRY(const Buffer rpc, co_await reader.next());
  length = rpc.size();
  co_return Result<void>{};
}

Task<void> shares_room(sim::World& world) {
  port::Env& env = world.add_node().env();
  ReadingRoom room(env.clock);
  port::TaskGroup readers(env.executor, env.clock);
  const Bytes prefix = {0x80, 0x80, 0x40};  // 1 MiB
  const Bytes most(700 * 1024, 1);
  const Bytes rest(rpc_bytes_max - most.size(), 1);
  std::vector<std::pair<port::StreamPtr, port::StreamPtr>> pipes;
  std::size_t lengths[5] = {};
  // Five of one peer stop in the middle; there is room for two of them.
  for (std::size_t& length : lengths) {
    pipes.push_back(port::pipe(env.clock, 2 * rpc_bytes_max));
    const PeerId peer = PeerId::from_public_key(net::key_of(1).public_key());
    readers.spawn(read_one(*pipes.back().second, room, peer, length));
    KITH_CO_CHECK(co_await pipes.back().first->write(prefix));
    KITH_CO_CHECK(co_await pipes.back().first->write(most));
  }
  KITH_CO_CHECK(co_await port::sleep_for(env.clock, 1s));
  EXPECT_LE(room.budget.used(), reading_bytes_per_peer_max);
  EXPECT_GE(room.budget.used(), reading_bytes_per_peer_max / 2);
  // To wait for room isn't their fault: all of them are read once they go on.
  KITH_CO_CHECK(co_await port::sleep_for(env.clock, rpc_timeout - 2s));
  for (auto& [near, far] : pipes)
    KITH_CO_CHECK(co_await near->write(rest));
  co_await readers.join_shielded();
  for (std::size_t length : lengths)
    EXPECT_EQ(length, rpc_bytes_max);
  EXPECT_TRUE(room.by_peer.empty());
  co_return Result<void>{};
}
TEST(RpcReader, APeerHasItsShareOfTheRoom) {
  sim::run_test(1, shares_room);
}

Task<void> protects(sim::World& world) {
  net::SwarmLimits limits;
  limits.low_water = 1;
  limits.high_water = 2;
  limits.grace_period = 1s;
  Network network;
  network.push_back(std::make_unique<PubSubPeer>(world, std::uint8_t{1}, options_for(), limits));
  for (std::uint8_t i = 2; i <= 6; ++i)
    network.push_back(std::make_unique<PubSubPeer>(world, i));
  PubSubPeer& hub = *network[0];
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  for (std::size_t i : {0, 1, 2, 3}) {
    KITH_CO_TRY(auto subscription, network[i]->pubsub.subscribe(topic));
    subscriptions.push_back(std::move(subscription));
  }
  for (std::size_t i = 1; i <= 5; ++i)
    KITH_CO_CHECK(co_await hub.connect(*network[i]));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 60s));
  for (std::size_t i = 1; i <= 5; ++i)
    EXPECT_EQ(hub.peer.swarm.connected(network[i]->id()), i <= 3) << i;
  subscriptions.clear();
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 60s));
  EXPECT_EQ(hub.peer.swarm.connection_count(), 1U);
  co_return co_await close_all(network);
}
TEST(PubSub, KeepsTheConnectionsOfItsMesh) {
  sim::run_test(1, protects);
}

Task<void> validators(sim::World& world) {
  Network network;
  KITH_CO_CHECK(co_await make_line(world, 3, options_for(), network));
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  for (auto& peer : network) {
    KITH_CO_TRY(auto subscription, peer->pubsub.subscribe(topic));
    subscriptions.push_back(std::move(subscription));
  }
  port::Clock& clock = world.clock();
  PubSub& middle = network[1]->pubsub;
  auto judge = [&clock](Received received) -> Task<Verdict> {
    KITH_CO_CHECK(co_await port::sleep_for(clock, 100ms));
    const std::string_view text = as_text(received.message->data());
    if (text == "bad") co_return Verdict::reject;
    co_return text == "so so" ? Verdict::ignore : Verdict::accept;
  };
  middle.set_validator(topic, judge);
  KITH_CO_CHECK(co_await port::sleep_for(clock, 5s));
  PubSub& first = network[0]->pubsub;
  for (const char* text : {"bad", "so so", "good"})
    KITH_CO_CHECK(co_await first.publish(topic, to_bytes(std::string_view(text))));
  KITH_CO_TRY(const std::string got, co_await next_text(*subscriptions[2], clock, 10s));
  EXPECT_EQ(got, "good");
  EXPECT_EQ(middle.router().counts().rejected, 1U);
  EXPECT_EQ(middle.router().counts().ignored, 1U);
  auto own = co_await middle.publish(topic, to_bytes(std::string_view("bad")));
  EXPECT_TRUE(!own && own.error().is(Errc::refused));
  subscriptions.clear();
  co_return co_await close_all(network);
}
TEST(PubSub, AsksTheTopicsValidator) {
  sim::run_seeds(1, 3, validators);
}

Task<void> throttles(sim::World& world) {
  Network network;
  KITH_CO_CHECK(co_await make_line(world, 2, options_for(), network));
  port::Clock& clock = world.clock();
  PubSub& busy = network[1]->pubsub;
  auto slow = [&clock](Received) -> Task<Verdict> {
    KITH_CO_CHECK(co_await port::sleep_for(clock, 1h));
    co_return Verdict::accept;
  };
  busy.set_validator(topic, slow, 3);
  KITH_CO_TRY(auto subscription, busy.subscribe(topic));
  KITH_CO_CHECK(co_await port::sleep_for(clock, 3s));
  for (int i = 0; i < 10; ++i)
    KITH_CO_CHECK(co_await network[0]->pubsub.publish(topic, Bytes{1}));
  KITH_CO_CHECK(co_await port::sleep_for(clock, 3s));
  EXPECT_EQ(busy.router().counts().throttled, 7U);
  EXPECT_EQ(busy.router().pending(), 3U);
  EXPECT_GE(busy.router().score(network[0]->id()), 0);
  subscription.reset();
  co_return co_await close_all(network);
}
TEST(PubSub, DropsWhatABusyValidatorHasNoTimeForAndBlamesNobody) {
  sim::run_test(1, throttles);
}

Task<void> slow_subscriber(sim::World& world) {
  Network network;
  KITH_CO_CHECK(co_await make_line(world, 2, options_for(), network));
  KITH_CO_TRY(auto subscription, network[1]->pubsub.subscribe(topic, 4));
  KITH_CO_TRY(auto other, network[1]->pubsub.subscribe(topic, 100));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 3s));
  for (std::uint8_t i = 0; i < 10; ++i)
    KITH_CO_CHECK(co_await network[0]->pubsub.publish(topic, Bytes{i}));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 3s));
  EXPECT_EQ(subscription->dropped(), 6U);
  EXPECT_EQ(other->dropped(), 0U);
  KITH_CO_TRY(Received got, co_await subscription->next());
  EXPECT_EQ(got.message->data()[0], 0);
  KITH_CO_CHECK(co_await network[1]->pubsub.close_shielded());
  for (int i = 0; i < 3; ++i)
    KITH_CO_CHECK(co_await subscription->next());
  auto ended = co_await subscription->next();
  EXPECT_TRUE(!ended && ended.error().is(Errc::closed));
  subscription.reset();
  other.reset();
  co_return co_await close_all(network);
}
TEST(PubSub, ASubscriptionThatIsntReadLosesItsOwnMessagesOnly) {
  sim::run_test(1, slow_subscriber);
}

Task<void> replays(sim::World& world) {
  Network network;
  PubSubOptions options = options_for();
  options.router.seen_ttl = 10s;
  KITH_CO_CHECK(co_await make_line(world, 2, options, network));
  PubSubPeer& victim = *network[1];
  KITH_CO_TRY(auto subscription, victim.pubsub.subscribe(topic));
  // Somebody who speaks for itself, and says again what it heard.
  net::TestPeer stranger(world.add_node(), 9);
  KITH_CO_CHECK(
      co_await stranger.swarm.connect(victim.id(), victim.peer.addresses(), stranger.soon()));
  stranger.swarm.handle("/meshsub/1.1.0", [](std::unique_ptr<net::Stream> stream) -> Task<void> {
    auto all = co_await port::read_to_end(*stream, 1 << 20);
    co_return Result<void>{};
  });
  std::vector<net::ProtocolId> protocols = {"/meshsub/1.1.0"};
  KITH_CO_TRY(auto stream,
              co_await stranger.swarm.open_stream(victim.id(), protocols, stranger.soon()));
  const crypto::PrivateKey key = net::key_of(3);
  const PeerId author = PeerId::from_public_key(key.public_key());
  const std::uint8_t number[8] = {0, 0, 0, 0, 0, 0, 0, 7};
  MessageFields fields;
  fields.from = author.bytes();
  fields.data = as_bytes("again");
  fields.sequence = number;
  fields.topic = topic;
  Rpc rpc;
  rpc.messages.push_back(sign_message(fields, key).value());
  const Bytes encoded = encode_rpc(rpc);
  for (int i = 0; i < 5; ++i) {
    KITH_CO_CHECK(co_await port::write_message(*stream, encoded));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 11s));
  }
  KITH_CO_CHECK(co_await next_text(*subscription, world.clock(), 1s));
  auto second = co_await subscription->next(world.clock().now() + 5s);
  EXPECT_FALSE(second.has_value());
  EXPECT_EQ(victim.pubsub.router().counts().ignored, 4U);
  // What isn't signed by whom it names is refused, and costs its sender.
  MessageFields forged = rpc.messages[0]->fields();
  const std::uint8_t higher[8] = {0, 0, 0, 0, 0, 0, 0, 8};
  forged.sequence = higher;
  Rpc lies;
  lies.messages.push_back(Message::make(forged));
  KITH_CO_CHECK(co_await port::write_message(*stream, encode_rpc(lies)));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
  EXPECT_EQ(victim.pubsub.router().counts().invalid, 1U);
  EXPECT_LT(victim.pubsub.router().score_report(stranger.id()).topics.at(topic).invalid, 1.1);
  EXPECT_GT(victim.pubsub.router().score_report(stranger.id()).topics.at(topic).invalid, 0.9);
  stream.reset();
  subscription.reset();
  KITH_CO_CHECK(co_await close_all(network));
  co_return co_await stranger.close();
}
TEST(PubSub, PassesNothingOnThatIsSaidAgainOrForged) {
  sim::run_test(1, replays);
}

Task<void> malformed(sim::World& world) {
  Network network;
  KITH_CO_CHECK(co_await make_line(world, 1, options_for(), network));
  PubSubPeer& victim = *network[0];
  net::TestPeer stranger(world.add_node(), 9);
  KITH_CO_CHECK(
      co_await stranger.swarm.connect(victim.id(), victim.peer.addresses(), stranger.soon()));
  stranger.swarm.handle("/meshsub/1.1.0", [](std::unique_ptr<net::Stream> stream) -> Task<void> {
    auto all = co_await port::read_to_end(*stream, 1 << 20);
    co_return Result<void>{};
  });
  const Bytes too_long = {0x81, 0x80, 0x40};  // the length of an RPC of 1 MiB and one byte
  const Bytes no_protobuf = {0x02, 0x0a, 0x7f};
  const Bytes stops = {0xff, 0xff, 0x3f, 0x00};
  for (const Bytes& wire : {too_long, no_protobuf, stops}) {
    std::vector<net::ProtocolId> protocols = {"/meshsub/1.1.0"};
    KITH_CO_TRY(auto stream,
                co_await stranger.swarm.open_stream(victim.id(), protocols, stranger.soon()));
    KITH_CO_CHECK(co_await stream->write(wire));
    auto answer = co_await stream->read_buffer(1, world.clock().now() + 2 * rpc_timeout);
    EXPECT_TRUE(!answer && answer.error().is(Errc::reset));
  }
  EXPECT_TRUE(victim.peer.swarm.connected(stranger.id()));
  KITH_CO_CHECK(co_await close_all(network));
  co_return co_await stranger.close();
}
TEST(PubSub, ResetsAStreamOfWhatIsNoRpcOrTooLongOrStops) {
  sim::run_test(1, malformed);
}

Task<void> slow_reader(sim::World& world) {
  Network network;
  KITH_CO_CHECK(co_await make_line(world, 2, options_for(), network));
  PubSubPeer& from = *network[0];
  net::TestPeer stranger(world.add_node(), 9);
  KITH_CO_CHECK(co_await stranger.swarm.connect(from.id(), from.peer.addresses(), stranger.soon()));
  // It subscribes, and reads nothing.
  std::vector<std::unique_ptr<net::Stream>> held;
  stranger.swarm.handle("/meshsub/1.1.0",
                        [&held](std::unique_ptr<net::Stream> stream) -> Task<void> {
                          held.push_back(std::move(stream));
                          co_return Result<void>{};
                        });
  std::vector<net::ProtocolId> protocols = {"/meshsub/1.1.0"};
  KITH_CO_TRY(auto stream,
              co_await stranger.swarm.open_stream(from.id(), protocols, stranger.soon()));
  Rpc hello;
  hello.subscriptions.push_back({topic, true});
  KITH_CO_CHECK(co_await port::write_message(*stream, encode_rpc(hello)));
  KITH_CO_TRY(auto subscription, network[1]->pubsub.subscribe(topic, 1000));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
  std::size_t most = 0;
  for (int i = 0; i < 40; ++i) {
    KITH_CO_CHECK(co_await from.pubsub.publish(topic, Bytes(500'000, 1)));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 500ms));
    if (auto queue = from.pubsub.queue(stranger.id())) most = std::max(most, queue->bytes);
  }
  EXPECT_LE(most, queued_bytes_max);
  EXPECT_GT(most, queued_bytes_max / 2);
  for (int i = 0; i < 40; ++i)
    KITH_CO_CHECK(co_await subscription->next(world.clock().now() + 5s));
  held.clear();
  stream.reset();
  subscription.reset();
  KITH_CO_CHECK(co_await close_all(network));
  co_return co_await stranger.close();
}
TEST(PubSub, APeerThatReadsNothingHoldsUpOnlyItself) {
  sim::run_test(1, slow_reader);
}

Task<void> exchanges(sim::World& world) {
  Network network;
  PubSubOptions options = options_for();
  options.router.peer_exchange = true;
  options.router.mesh.prune_backoff = 5s;
  options.router.scores->accept_exchange_threshold = 0;
  for (std::uint8_t i = 1; i <= 16; ++i)
    network.push_back(std::make_unique<PubSubPeer>(world, i, options));
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  for (auto& peer : network) {
    KITH_CO_TRY(auto subscription, peer->pubsub.subscribe(topic));
    subscriptions.push_back(std::move(subscription));
  }
  // All know one peer only; whom it has no place for hears of others.
  for (std::size_t i = 1; i < network.size(); ++i)
    KITH_CO_CHECK(co_await network[i]->connect(*network[0]));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 60s));
  std::size_t more = 0;
  for (std::size_t i = 1; i < network.size(); ++i)
    more += network[i]->peer.swarm.connected_peers().size() > 1 ? 1 : 0;
  EXPECT_GT(more, network.size() / 2);
  subscriptions.clear();
  co_return co_await close_all(network);
}
TEST(PubSub, PeersThatArePrunedHearOfOthersAndConnectToThem) {
  sim::run_seeds(1, 2, exchanges);
}

TEST(PubSub, RepeatsItself) {
  Signing signing = Signing::strict;
  sim::expect_repeatable(1, along_a_line, signing);
}

Bytes text_of(const MessagePtr& message) {
  return to_bytes(message->data());
}

MessagePtr sized(std::uint8_t mark, std::size_t bytes) {
  const Bytes data(bytes, mark);
  MessageFields fields;
  fields.data = data;
  fields.topic = topic;
  return Message::make(fields);
}

TEST(SendQueue, DropsGossipThenMessagesOfOthersThenItsOwn) {
  SendQueue queue;
  Rpc gossip;
  gossip.ihave.push_back({topic, {"a", "b"}});
  queue.push(gossip);
  auto push = [&queue](std::uint8_t mark, bool own) {
    Rpc rpc;
    rpc.messages.push_back(sized(mark, 1'000'000));
    queue.push(std::move(rpc), own);
  };
  for (std::uint8_t i = 0; i < 4; ++i)
    push(i, false);
  EXPECT_EQ(queue.dropped_gossip(), 0U);
  push(4, false);
  EXPECT_EQ(queue.dropped_gossip(), 2U);
  EXPECT_EQ(queue.dropped_messages(), 1U);
  queue.push(gossip);
  EXPECT_EQ(queue.dropped_gossip(), 4U);
  for (std::uint8_t i = 10; i < 14; ++i)
    push(i, true);
  EXPECT_EQ(queue.dropped_messages(), 5U);
  push(14, true);
  EXPECT_EQ(queue.dropped_messages(), 6U);
  EXPECT_EQ(text_of(queue.next().messages.at(0))[0], 10);
}

TEST(SendQueue, KeepsTheLastWordOnEachTopic) {
  SendQueue queue;
  for (int i = 0; i < 10'000; ++i) {
    Rpc rpc;
    rpc.subscriptions.push_back({topic, i % 2 == 0});
    if (i % 2 == 0) rpc.graft.push_back(topic);
    if (i % 2 == 1) rpc.prune.push_back({topic});
    queue.push(std::move(rpc));
  }
  const Rpc last = queue.next();
  ASSERT_EQ(last.subscriptions.size(), 1U);
  EXPECT_FALSE(last.subscriptions[0].subscribe);
  EXPECT_EQ(last.prune.size(), 1U);
  EXPECT_TRUE(last.graft.empty());
  EXPECT_TRUE(queue.empty() && queue.next().empty());
}

TEST(SendQueue, KeepsRpcsShortAndSendsAllThereIs) {
  SendQueue queue;
  Rpc rpc;
  for (int i = 0; i < 2000; ++i)
    rpc.subscriptions.push_back({std::string(100, 'x') + std::to_string(i), true});
  IHave ihave{topic, {}};
  for (int i = 0; i < 5000; ++i)
    ihave.ids.push_back(std::string(40, 'i') + std::to_string(i));
  rpc.ihave.push_back(std::move(ihave));
  for (std::uint8_t i = 0; i < 100; ++i)
    rpc.messages.push_back(sized(i, 5000));
  rpc.messages.push_back(sized(100, 500'000));
  queue.push(std::move(rpc));
  std::size_t subscriptions = 0, ids = 0, messages = 0;
  while (!queue.empty()) {
    const Rpc part = queue.next();
    const bool long_message = !part.messages.empty() && part.messages[0]->bytes() > 100'000;
    EXPECT_LE(rpc_bytes(part), long_message ? rpc_bytes_max : rpc_target_bytes);
    subscriptions += part.subscriptions.size();
    messages += part.messages.size();
    for (const IHave& its : part.ihave)
      ids += its.ids.size();
  }
  EXPECT_EQ(subscriptions, 2000U);
  EXPECT_EQ(ids, 5000U);
  EXPECT_EQ(messages, 101U);
}

TEST(SendQueue, SendsALongMessageThoughThereIsAlwaysSomethingToSay) {
  for (std::size_t size : {std::size_t{200'000}, message_bytes_max - 100}) {
    SendQueue queue;
    Rpc rpc;
    rpc.messages.push_back(sized(1, size));
    queue.push(std::move(rpc));
    std::size_t sent = 0;
    for (int i = 0; i < 3; ++i) {
      Rpc more;
      for (int id = 0; id < 2000; ++id)
        more.idontwant.push_back(std::string(40, 'i') + std::to_string(id));
      queue.push(std::move(more));
      const Rpc next = queue.next();
      EXPECT_LE(rpc_bytes(next), rpc_bytes_max);
      sent += next.messages.size();
    }
    EXPECT_EQ(sent, 1U) << size;
  }
}

TEST(SendQueue, SaysAgainWhatWasLostOfTheMeshUnlessThereIsALaterWord) {
  SendQueue queue;
  Rpc first;
  first.subscriptions = {{"a", true}, {"b", true}};
  first.graft = {"a", "b"};
  first.prune.push_back({"c"});
  queue.push(std::move(first));
  Rpc lost = queue.next();
  Rpc later;
  later.subscriptions = {{"a", false}};
  later.prune.push_back({"a"});
  queue.push(std::move(later));
  queue.put_back(std::move(lost));
  const Rpc next = queue.next();
  EXPECT_EQ(next.graft, std::vector<std::string>{"b"});
  ASSERT_EQ(next.prune.size(), 2U);
  EXPECT_EQ(next.prune[0].topic, "a");
  EXPECT_EQ(next.prune[1].topic, "c");
  ASSERT_EQ(next.subscriptions.size(), 2U);
  EXPECT_FALSE(next.subscriptions[0].subscribe);
}

TEST(AuthorNumbers, RefusesOldOnesButNotThoseThatWereOvertaken) {
  AuthorNumbers authors(120s);
  const PeerId author = PeerId::from_public_key(net::key_of(1).public_key());
  Instant now{};
  EXPECT_FALSE(authors.accept(author, 0, now));
  EXPECT_TRUE(authors.accept(author, 10, now));
  EXPECT_TRUE(authors.accept(author, 12, now + 1s));
  EXPECT_TRUE(authors.accept(author, 11, now + 2s));
  EXPECT_TRUE(authors.accept(author, 20, now + 61s));
  EXPECT_TRUE(authors.accept(author, 15, now + 100s));
  // What the seen cache has forgotten is too old here.
  for (std::uint64_t number : {10, 11, 12})
    EXPECT_FALSE(authors.accept(author, number, now + 122s)) << number;
  EXPECT_FALSE(authors.accept(author, 20, now + 300s));
  EXPECT_TRUE(authors.accept(author, 21, now + 300s));
}

TEST(AuthorNumbers, IsBoundedAndSurvives) {
  AuthorNumbers authors(120s, 3);
  std::vector<PeerId> ids;
  for (std::uint8_t i = 1; i <= 4; ++i) {
    ids.push_back(PeerId::from_public_key(net::key_of(i).public_key()));
    EXPECT_TRUE(authors.accept(ids.back(), 5, Instant{}));
  }
  EXPECT_EQ(authors.size(), 3U);
  AuthorNumbers again(120s, 3);
  again.decode(authors.encode(), Instant{});
  EXPECT_FALSE(again.accept(ids[3], 5, Instant{}));
  EXPECT_TRUE(again.accept(ids[3], 6, Instant{}));
  EXPECT_EQ(again.forget(ids[3]), 1U);
  EXPECT_EQ(again.forget(ids[3]), 0U);
  EXPECT_TRUE(again.accept(ids[3], 5, Instant{}));
  EXPECT_EQ(again.forget(std::nullopt), 3U);
  again.decode(Bytes{200, 1, 2}, Instant{});
  EXPECT_EQ(again.size(), 0U);
}

}  // namespace
}  // namespace kith::pubsub
