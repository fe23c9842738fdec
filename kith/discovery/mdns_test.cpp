#include <map>
#include <set>

#include <gtest/gtest.h>

#include <kith/discovery/lan_dialer.hpp>
#include <kith/discovery/mdns.hpp>
#include <kith/net/test_peer.hpp>
#include <kith/sim/testing.hpp>

namespace kith::discovery {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using net::key_of;
using port::Endpoint;
using port::IpAddress;

PeerId peer_id(std::uint32_t number) {
  Bytes key(36, 0x6b);
  store_be(key.data() + 32, number);
  return PeerId::from_public_key(key);
}

/// Discovery alone on one simulated node: it says that it listens on all its addresses.
struct Finder {
  Finder(sim::Node& at, std::uint32_t number, MdnsOptions options = {})
      : node(at),
        id(peer_id(number)),
        mdns(
            at.env(), id, [this] { return addresses; },
            [this](FoundPeer peer) { found[peer.peer] = std::move(peer.addresses); }, options) {
    addresses.push_back(tcp(at.address()));
    addresses.push_back(tcp(at.address(port::IpFamily::v6)));
  }
  static Multiaddr tcp(const IpAddress& ip) {
    return Multiaddr::of_ip(ip.bytes(), multiformats::Protocol::tcp, 4001);
  }

  sim::Node& node;
  PeerId id;
  std::vector<Multiaddr> addresses;
  std::map<PeerId, std::vector<Multiaddr>> found;
  Mdns mdns;
};

using Finders = std::vector<std::unique_ptr<Finder>>;

Task<void> close_all(Finders& finders) {
  for (auto& finder : finders) {
    if (finder->node.up()) co_await finder->mdns.close_shielded();
  }
  co_return Result<void>{};
}

bool all_found(const Finders& finders) {
  return std::ranges::all_of(
      finders, [&](const auto& one) { return one->found.size() == finders.size() - 1; });
}

/// Makes `count` nodes on links with this loss, starts discovery on all, and says how long it takes
/// until everybody has found everybody.
Duration time_to_find(std::uint64_t seed, std::uint32_t count, double loss, Duration limit) {
  sim::World world(seed);
  sim::LinkOptions link;
  link.latency = 1ms;
  link.jitter = 1ms;
  link.loss = loss;
  world.net().set_links(link);
  Finders finders;
  for (std::uint32_t i = 0; i < count; ++i) {
    finders.push_back(std::make_unique<Finder>(world.add_node(), i + 1));
    finders.back()->mdns.start();
  }
  Instant start = world.now();
  bool found = world.run_until([&] { return all_found(finders); }, start + limit);
  EXPECT_TRUE(found) << "seed " << seed;
  Duration took = world.now() - start;
  for (const auto& one : finders) {
    for (const auto& [peer, addresses] : one->found) {
      auto its = std::ranges::find(finders, peer, [](const auto& f) { return f->id; });
      EXPECT_TRUE(std::ranges::is_permutation(addresses, (*its)->addresses));
    }
  }
  EXPECT_TRUE(world.run(close_all(finders)).has_value());
  finders.clear();
  world.finish();
  return took;
}

TEST(Mdns, TwoNodesFindEachOtherAtOnce) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed)
    EXPECT_LE(time_to_find(seed, 2, 0, 10s), 300ms);
}

TEST(Mdns, TwoNodesFindEachOtherThroughALossyNetwork) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    time_to_find(seed, 2, 0.5, 3min);
}

TEST(Mdns, FiftyNodesFindEachOther) {
  EXPECT_LE(time_to_find(1, 50, 0, 1min), 5s);
  time_to_find(2, 50, 0.2, 3min);
}

TEST(Mdns, RepeatsItself) {
  auto run = [](sim::World& world) -> Task<void> {
    Finders finders;
    for (std::uint32_t i = 1; i <= 5; ++i) {
      finders.push_back(std::make_unique<Finder>(world.add_node(), i));
      finders.back()->mdns.start();
    }
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5min));
    EXPECT_TRUE(all_found(finders));
    co_return co_await close_all(finders);
  };
  sim::expect_repeatable(3, run);
}

/// Keeps every datagram that comes to the group.
struct Ear {
  explicit Ear(sim::Node& at) : node(at) {
    Endpoint group{IpAddress::v4({224, 0, 0, 251}), mdns_port};
    socket = node.env().net.bind_udp(group, {.reuse = true}).value();
    EXPECT_TRUE(socket->join_multicast(group.address, sim::network_interface).has_value());
    EXPECT_TRUE(socket->set_multicast(sim::network_interface, 255).has_value());
    node.spawn(listen());
  }
  Task<void> listen() {
    for (;;) {
      Bytes datagram(dns_message_bytes_max);
      KITH_CO_TRY(auto got, co_await socket->receive(datagram));
      datagram.resize(got.size);
      heard.push_back(std::move(datagram));
    }
  }

  sim::Node& node;
  std::unique_ptr<port::UdpSocket> socket;
  std::vector<Bytes> heard;
};

TEST(Mdns, SendsNothingBeforeItIsStartedAndAfterItIsClosed) {
  sim::World world(1);
  Ear ear(world.add_node());
  Finders finders;
  finders.push_back(std::make_unique<Finder>(world.add_node(), 1));
  world.run_for(1h);
  EXPECT_EQ(ear.heard.size(), 0u);
  EXPECT_TRUE(world.run(close_all(finders)).has_value());
  world.run_for(1h);
  EXPECT_EQ(ear.heard.size(), 0u) << "it was never started";

  finders.push_back(std::make_unique<Finder>(world.add_node(), 2));
  finders.back()->mdns.start();
  world.run_for(10s);
  EXPECT_GT(ear.heard.size(), 2u);
  EXPECT_TRUE(world.run(close_all(finders)).has_value());
  world.run_for(10s);
  std::size_t said = ear.heard.size();
  ASSERT_TRUE(decode_dns(ear.heard.back()).has_value());
  EXPECT_EQ(decode_dns(ear.heard.back())->answers.at(0).ttl_seconds, 0u) << "goodbye";
  world.run_for(1h);
  EXPECT_EQ(ear.heard.size(), said);
  finders.clear();
  ear.socket->close();
  world.run_for(1s);
  world.finish();
}

TEST(Mdns, KeepsToItsSegment) {
  sim::World world(1);
  sim::NodeOptions elsewhere;
  elsewhere.segment = 7;
  Finders finders;
  finders.push_back(std::make_unique<Finder>(world.add_node(), 1));
  finders.push_back(std::make_unique<Finder>(world.add_node(elsewhere), 2));
  for (auto& finder : finders)
    finder->mdns.start();
  world.run_for(10min);
  EXPECT_TRUE(finders[0]->found.empty());
  EXPECT_TRUE(finders[1]->found.empty());
  EXPECT_TRUE(world.run(close_all(finders)).has_value());
  finders.clear();
  world.finish();
}

/// Two programs on one machine, as two nodes of a test are: each has a socket of its own.
TEST(Mdns, FindsANeighbourOnTheSameMachine) {
  sim::World world(1);
  sim::Node& node = world.add_node();
  Finders finders;
  finders.push_back(std::make_unique<Finder>(node, 1));
  finders.push_back(std::make_unique<Finder>(node, 2));
  for (auto& finder : finders)
    finder->mdns.start();
  EXPECT_TRUE(world.run_until([&] { return all_found(finders); }, world.now() + 1min));
  EXPECT_TRUE(world.run(close_all(finders)).has_value());
  finders.clear();
  world.finish();
}

TEST(Mdns, UsesLoopbackIfAskedFor) {
  sim::World world(1);
  sim::Node& node = world.add_node();
  for (bool loopback : {false, true}) {
    Finders finders;
    for (std::uint32_t i = 1; i <= 2; ++i) {
      MdnsOptions options;
      options.loopback = loopback;
      finders.push_back(std::make_unique<Finder>(node, i, options));
      finders.back()->addresses = {Finder::tcp(IpAddress::loopback(port::IpFamily::v4))};
      finders.back()->mdns.start();
    }
    bool found = world.run_until([&] { return all_found(finders); }, world.now() + 1min);
    EXPECT_EQ(found, loopback);
    EXPECT_TRUE(world.run(close_all(finders)).has_value());
  }
  world.finish();
}

/// Where nobody gives out addresses: a cable between two machines, say.
TEST(Mdns, TellsLinkLocalAddressesIfItListensOnAll) {
  sim::World world(1);
  Finders finders;
  for (std::uint32_t i = 1; i <= 2; ++i) {
    sim::NodeOptions options;
    options.addresses = {*IpAddress::parse("169.254.7." + std::to_string(i)),
                         *IpAddress::parse("fe80::" + std::to_string(i))};
    finders.push_back(std::make_unique<Finder>(world.add_node(options), i));
    finders.back()->addresses = {*Multiaddr::parse("/ip4/0.0.0.0/tcp/4001"),
                                 *Multiaddr::parse("/ip6/::/tcp/4001")};
    finders.back()->mdns.start();
  }
  EXPECT_TRUE(world.run_until([&] { return all_found(finders); }, world.now() + 1min));
  EXPECT_EQ(finders[0]->found[peer_id(2)],
            std::vector<Multiaddr>{*Multiaddr::parse("/ip4/169.254.7.2/tcp/4001")});

  // With IPv6 alone they are all there is.
  for (auto& finder : finders) {
    finder->addresses.erase(finder->addresses.begin());
    finder->found.clear();
  }
  const Multiaddr zoned = *Multiaddr::parse("/ip6zone/2/ip6/fe80::2/tcp/4001");
  auto told = [&] { return std::ranges::count(finders[0]->found[peer_id(2)], zoned) == 1; };
  EXPECT_TRUE(world.run_until(told, world.now() + 10min));
  EXPECT_TRUE(world.run(close_all(finders)).has_value());
  finders.clear();
  world.finish();
}

TEST(Mdns, FindsAgainWhoWasStartedAnew) {
  sim::World world(1);
  Finders finders;
  finders.push_back(std::make_unique<Finder>(world.add_node(), 1));
  finders.push_back(std::make_unique<Finder>(world.add_node(), 2));
  for (auto& finder : finders)
    finder->mdns.start();
  EXPECT_TRUE(world.run_until([&] { return all_found(finders); }, world.now() + 1min));
  EXPECT_TRUE(world.run(finders[1]->mdns.close_shielded()).has_value());
  finders[0]->found.clear();
  world.run_for(5min);
  EXPECT_TRUE(finders[0]->found.empty());
  sim::Node& node = finders[1]->node;
  finders[1] = std::make_unique<Finder>(node, 2);
  finders[1]->mdns.start();
  EXPECT_TRUE(world.run_until([&] { return all_found(finders); }, world.now() + 1min));
  EXPECT_TRUE(world.run(close_all(finders)).has_value());
  finders.clear();
  world.finish();
}

// Connecting.

/// A swarm that finds its peers by itself.
struct Peer {
  Peer(sim::Node& at, std::uint8_t number)
      : node(at),
        swarm(at.env(), key_of(number), store),
        dialer(at.env(), swarm),
        mdns(
            at.env(), swarm.local_peer(), [this] { return swarm.listen_addresses(); },
            [this](const FoundPeer& peer) { dialer.found(peer); }) {
    EXPECT_TRUE(swarm.listen(*Multiaddr::parse("/ip4/0.0.0.0/tcp/4001")).has_value());
    mdns.start();
  }
  Task<void> close() {
    co_await mdns.close_shielded();
    co_await dialer.close_shielded();
    co_return co_await swarm.close_shielded();
  }

  sim::Node& node;
  net::PeerStore store;
  net::Swarm swarm;
  LanDialer dialer;
  Mdns mdns;
};

TEST(LanDialer, ConnectsToWhoIsFound) {
  sim::World world(1);
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  EXPECT_TRUE(world.run_until([&] { return one.swarm.connected(two.swarm.local_peer()); },
                              world.now() + 1min));
  EXPECT_FALSE(one.store.addresses(two.swarm.local_peer(), one.node.env().wall.now()).empty());
  EXPECT_TRUE(world.run(one.close()).has_value());
  EXPECT_TRUE(world.run(two.close()).has_value());
  world.finish();
}

TEST(LanDialer, ConnectsWhereThereAreLinkLocalAddressesAlone) {
  sim::World world(1);
  sim::NodeOptions options;
  options.addresses = {*IpAddress::parse("169.254.7.1")};
  Peer one(world.add_node(options), 1);
  options.addresses = {*IpAddress::parse("169.254.7.2")};
  Peer two(world.add_node(options), 2);
  EXPECT_TRUE(world.run_until([&] { return one.swarm.connected(two.swarm.local_peer()); },
                              world.now() + 1min));
  EXPECT_TRUE(world.run(one.close()).has_value());
  EXPECT_TRUE(world.run(two.close()).has_value());
  world.finish();
}

/// Tells of a peer at the moment in which all dials under way fail, give or take some steps.
Task<void> find_at(sim::World& world, Peer& finder, FoundPeer late, Instant when, int steps) {
  KITH_CO_CHECK(co_await port::sleep_until(world.clock(), when));
  for (int i = 0; i < steps; ++i)
    KITH_CO_CHECK(co_await port::yield());
  finder.dialer.found(late);
  co_return Result<void>{};
}

TEST(LanDialer, LosesNobodyWhenAllItsDialsEndAtOnce) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    sim::WorldOptions options;
    options.shuffle_ready = true;
    sim::World world(seed, options);
    sim::NodeOptions elsewhere;
    elsewhere.segment = 7;  // they don't hear each other's multicast
    Peer one(world.add_node(), 1);
    Peer two(world.add_node(elsewhere), 2);
    world.run_for(1s);
    for (std::uint32_t i = 0; i < lan_dials_at_once; ++i) {
      FoundPeer nobody;
      nobody.peer = peer_id(100 + i);
      nobody.addresses = {*Multiaddr::parse("/ip4/10.99.0.1/tcp/" + std::to_string(1 + i))};
      one.dialer.found(nobody);
    }
    FoundPeer late;
    late.peer = two.swarm.local_peer();
    late.addresses = two.swarm.reachable_addresses();
    Instant ended = world.now() + net::dial_timeout_local;
    one.node.spawn(find_at(world, one, late, ended, static_cast<int>(seed % 30)));
    EXPECT_TRUE(world.run_until([&] { return one.swarm.connected(late.peer); }, world.now() + 30s));
    EXPECT_TRUE(world.run(one.close()).has_value());
    EXPECT_TRUE(world.run(two.close()).has_value());
    world.finish();
  }
}

/// Thousands of peers that don't exist, all "at" the flooder.
Task<void> flood(sim::Node& node, port::UdpSocket& socket, int count) {
  Endpoint group{IpAddress::v4({224, 0, 0, 251}), mdns_port};
  std::string where = "dnsaddr=/ip4/" + node.address().to_string() + "/tcp/";
  DnsName service = DnsName::of(mdns_service_name);
  for (int i = 0; i < count; ++i) {
    DnsMessage message;
    message.response = true;
    DnsRecord record;
    record.name = *DnsName::under("liar" + std::to_string(i), service);
    record.ttl_seconds = 120;
    DnsText text;
    text.strings.push_back(where + std::to_string(1 + i % 60000) + "/p2p/" +
                           peer_id(static_cast<std::uint32_t>(100 + i)).to_string());
    record.data = std::move(text);
    message.answers.push_back(std::move(record));
    Bytes datagram = encode_dns(message);
    KITH_CO_CHECK(co_await socket.send(group, datagram));
    KITH_CO_CHECK(co_await port::sleep_for(node.env().clock, 5ms));
  }
  co_return Result<void>{};
}

TEST(LanDialer, StaysBoundedUnderAFloodOfLies) {
  sim::World world(1);
  Ear liar(world.add_node());
  Peer one(world.add_node(), 1);
  liar.node.spawn(flood(liar.node, *liar.socket, 20'000));
  std::size_t dialing = 0;
  std::size_t queued = 0;
  for (int i = 0; i < 100; ++i) {
    world.run_for(1s);
    dialing = std::max(dialing, one.dialer.dialing());
    queued = std::max(queued, one.dialer.queued());
  }
  EXPECT_LE(one.mdns.service().known_peers(), mdns_peers_per_source_max);
  EXPECT_LE(one.store.size(), mdns_peers_per_source_max);
  EXPECT_GT(one.store.size(), 0u);
  EXPECT_LE(dialing, lan_dials_at_once);
  EXPECT_LE(queued, mdns_peers_per_source_max);
  // Who doesn't lie is found all the same.
  Peer two(world.add_node(), 2);
  EXPECT_TRUE(world.run_until([&] { return one.swarm.connected(two.swarm.local_peer()); },
                              world.now() + 1min));
  EXPECT_TRUE(world.run(one.close()).has_value());
  EXPECT_TRUE(world.run(two.close()).has_value());
  liar.socket->close();
  world.run_for(1s);
  world.finish();
}

}  // namespace
}  // namespace kith::discovery
