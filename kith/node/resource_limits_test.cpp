// The limits that an operator sets, from the document to what a node does: each in a simulated
// network, with peers that want more.
#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/discovery/bootstrap.hpp>
#include <kith/net/address_scope.hpp>
#include <kith/net/identify.hpp>
#include <kith/net/test_peer.hpp>
#include <kith/node/node.hpp>
#include <kith/node/resource_overrides.hpp>
#include <kith/sim/testing.hpp>

namespace kith::node {
namespace {

namespace json = boost::json;
using multiformats::Multiaddr;
using multiformats::PeerId;
using net::key_of;
using net::Resource;

const std::string home = "/home";
/// Settings as the user writes them: a key, and its value as JSON.
using Settings = std::vector<std::pair<std::string, std::string>>;
const Settings untrimmed = {{"Swarm.ConnMgr.Type", R"("none")"}};

Settings with(Settings settings, const Settings& more) {
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

/// A node by its document, and by the file beside it if there is one.
Task<std::unique_ptr<Node>> start(sim::Node& at, Settings settings, std::string overrides = "") {
  port::Env& env = at.env();
  InitOptions init;
  KITH_CO_CHECK(init_home(env, home, init));
  KITH_CO_TRY(json::value config, read_config(env.files, home));
  const Settings quiet = {{"Addresses.Swarm", R"(["/ip4/0.0.0.0/tcp/4001"])"},
                          {"Bootstrap", "[]"},
                          {"Discovery.MDNS.Enabled", "false"}};
  for (const auto& [key, value] : with(quiet, settings))
    KITH_CO_CHECK(config_set(config, key, json::parse(value)));
  KITH_CO_CHECK(write_config(env.files, home, config));
  if (!overrides.empty()) {
    std::string path = home + "/" + std::string(resource_overrides_name);
    KITH_CO_CHECK(port::replace_file(env.files, path, as_bytes(overrides)));
  }
  KITH_CO_TRY(Home opened, Home::open(env, home, {}));
  NodeOptions options;
  co_return co_await Node::start(env, std::move(opened), options);
}

/// Somebody else, who keeps to no limits.
struct Peer {
  Peer(sim::World& world, std::uint8_t number)
      : at(world.add_node()),
        swarm(at.env(), key_of(number), store),
        identify(at.env(), swarm, "test/1", "ipfs/0.1.0") {
    EXPECT_TRUE(swarm.listen(*Multiaddr::parse("/ip4/0.0.0.0/tcp/4001")).has_value());
  }

  PeerId id() const { return swarm.local_peer(); }
  Instant soon() { return at.env().clock.now() + 20s; }
  std::string network() const { return fmt::format("/ip4/{}", at.address().to_string()); }
  /// One address, so that it is one attempt.
  std::vector<Multiaddr> address() const { return {*Multiaddr::parse(network() + "/tcp/4001")}; }
  Task<net::ConnectionId> connect(Node& node) {
    std::vector<Multiaddr> addresses = node.swarm().reachable_addresses();
    std::erase_if(addresses, [](const Multiaddr& one) { return one.is_loopback(); });
    return swarm.connect(node.peer(), std::move(addresses), soon());
  }
  Task<void> close() {
    held.clear();
    co_await swarm.close_shielded();
    co_return co_await identify.close_shielded();
  }

  sim::Node& at;
  net::PeerStore store;
  net::Swarm swarm;
  net::Identify identify;
  std::vector<std::unique_ptr<net::Stream>> held;
};

using Peers = std::vector<std::unique_ptr<Peer>>;

Peers make_peers(sim::World& world, std::uint8_t count) {
  Peers peers;
  for (std::uint8_t i = 0; i < count; ++i)
    peers.push_back(std::make_unique<Peer>(world, static_cast<std::uint8_t>(10 + i)));
  return peers;
}

Task<void> close_all(Node& node, Peers& peers) {
  for (auto& peer : peers)
    KITH_CO_CHECK(co_await peer->close());
  co_return co_await node.stop_shielded();
}

/// How many of the peers that dial one after the other are connected in the end.
Task<std::size_t> let_all_dial(Node& node, Peers& peers) {
  for (auto& peer : peers) {
    auto outcome = co_await peer->connect(node);
    // It may have been let in for the moment in which it says who it is.
    static_cast<void>(outcome);
    KITH_CO_CHECK(co_await port::sleep_for(peer->at.env().clock, 1s));
  }
  co_return node.swarm().connection_count();
}

struct ConnectionCase {
  Settings settings;
  std::string overrides;
  std::size_t connected;  ///< of five peers
};

Task<void> connections_come_in(sim::World& world, const ConnectionCase& wanted) {
  KITH_CO_TRY(std::unique_ptr<Node> node,
              co_await start(world.add_node(), wanted.settings, wanted.overrides));
  Peers peers = make_peers(world, 5);
  KITH_CO_TRY(std::size_t connected, co_await let_all_dial(*node, peers));
  EXPECT_EQ(connected, wanted.connected);
  EXPECT_EQ(node->swarm().resources().system.used[Resource::connections_inbound], connected);
  co_return co_await close_all(*node, peers);
}

TEST(ResourceLimits, HoldBackConnections) {
  const Settings memory = with(untrimmed, {{"Swarm.ResourceMgr.MaxMemory", R"("12MiB")"}});
  const ConnectionCase cases[] = {
      {untrimmed, "", 5},
      {untrimmed, R"({"System": {"ConnsInbound": 3}})", 3},
      {untrimmed, R"({"System": {"Conns": 2}})", 2},
      {untrimmed, R"({"System": {"ConnsInbound": "blockAll"}})", 0},
      {untrimmed, R"({"System": {"ConnsInbound": "unlimited"}})", 5},
      {untrimmed, R"({"System": {"ConnsInbound": "default"}})", 5},
      {untrimmed, R"({"System": {"ConnsOutbound": 0}})", 5},
      {untrimmed, R"({"System": {"FD": 4}})", 4},
      {untrimmed, R"({"System": {"Memory": "70000"}})", 2},
      {untrimmed, R"({"PeerDefault": {"Conns": 0}})", 0},
      {untrimmed, R"({"Conn": {"ConnsInbound": 0}})", 0},
      {untrimmed, R"({"Transient": {"ConnsInbound": 0}})", 0},
      {untrimmed, R"({"Transient": {"ConnsInbound": 1}})", 5},
      {untrimmed, R"({"Transient": {"Memory": "1000"}})", 0},
      {with(untrimmed, {{"Swarm.ResourceMgr.MaxFileDescriptors", "4"}}), "", 4},
      // One a mebibyte: 12 in all, 3 at once.
      {memory, R"({"System": {"FD": 4}})", 4},
      // Kubo's limits are off: what the file says, too.
      {with(untrimmed, {{"Swarm.ResourceMgr.Enabled", "false"}}),
       R"({"System": {"ConnsInbound": 1}})", 5},
  };
  for (const ConnectionCase& one : cases) {
    SCOPED_TRACE(one.overrides);
    sim::run_test(1, connections_come_in, one);
  }
}

Task<void> named_peer(sim::World& world) {
  Peers peers = make_peers(world, 3);
  std::string overrides =
      fmt::format(R"({{"PeerDefault": {{"Conns": 0}}, "Peer": {{"{}": {{"Conns": 1}}}}}})",
                  peers[1]->id().to_string());
  KITH_CO_TRY(std::unique_ptr<Node> node, co_await start(world.add_node(), untrimmed, overrides));
  KITH_CO_CHECK(co_await let_all_dial(*node, peers));
  EXPECT_EQ(node->swarm().connected_peers(), std::vector({peers[1]->id()}));
  // Nor is one dialed that isn't wanted, and the person who tries is told which limit it is.
  auto dialed =
      co_await node->swarm().connect(peers[0]->id(), peers[0]->address(), peers[0]->soon());
  KITH_CO_REQUIRE(!dialed.has_value());
  EXPECT_TRUE(dialed.error().message().contains("Peer.Conns is 0")) << dialed.error().message();
  co_return co_await close_all(*node, peers);
}
TEST(ResourceLimits, OfANamedPeerAreItsOwn) {
  sim::run_test(1, named_peer);
}

Task<void> same_peer_twice(sim::World& world) {
  KITH_CO_TRY(
      std::unique_ptr<Node> node,
      co_await start(world.add_node(), untrimmed, R"({"PeerDefault": {"ConnsInbound": 2}})"));
  // One identity on four machines.
  Peers peers;
  for (int i = 0; i < 4; ++i)
    peers.push_back(std::make_unique<Peer>(world, std::uint8_t{10}));
  KITH_CO_TRY(std::size_t connected, co_await let_all_dial(*node, peers));
  EXPECT_EQ(connected, 2u);
  co_return co_await close_all(*node, peers);
}
TEST(ResourceLimits, OfEachPeerCountAllItsConnections) {
  sim::run_test(1, same_peer_twice);
}

Task<void> outbound_blocked(sim::World& world) {
  KITH_CO_TRY(std::unique_ptr<Node> node,
              co_await start(world.add_node(), untrimmed, R"({"System": {"ConnsOutbound": 1}})"));
  Peers peers = make_peers(world, 2);
  for (std::size_t i = 0; i < peers.size(); ++i) {
    auto dialed =
        co_await node->swarm().connect(peers[i]->id(), peers[i]->address(), peers[i]->soon());
    EXPECT_EQ(dialed.has_value(), i == 0);
    if (!dialed) {
      EXPECT_TRUE(dialed.error().message().contains("System.ConnsOutbound is 1"))
          << dialed.error().message();
    }
  }
  // What was refused by us says nothing against the address: once there is room it is dialed.
  KITH_CO_REQUIRE(node->swarm().disconnect(peers[0]->id()));
  KITH_CO_CHECK(co_await port::sleep_for(peers[0]->at.env().clock, 2s));
  KITH_CO_CHECK(
      co_await node->swarm().connect(peers[1]->id(), peers[1]->address(), peers[1]->soon()));
  co_return co_await close_all(*node, peers);
}
TEST(ResourceLimits, HoldBackDials) {
  sim::run_test(1, outbound_blocked);
}

Task<void> handshakes(sim::World& world) {
  sim::Node& at = world.add_node();
  KITH_CO_TRY(std::unique_ptr<Node> node,
              co_await start(at, untrimmed, R"({"Transient": {"ConnsInbound": 1}})"));
  Peers peers = make_peers(world, 1);
  // Somebody who connects and says nothing has the one place, until the handshake's time is over.
  port::Env& env = peers[0]->at.env();
  port::TcpDialOptions none;
  KITH_CO_TRY(std::unique_ptr<port::TcpStream> silent,
              co_await env.net.dial_tcp(at.endpoint(4001), none, peers[0]->soon()));
  KITH_CO_CHECK(co_await port::sleep_for(env.clock, 1s));
  EXPECT_EQ(node->swarm().resources().transient.used[Resource::connections_inbound], 1u);
  auto refused = co_await peers[0]->connect(*node);
  EXPECT_FALSE(refused.has_value());
  KITH_CO_CHECK(co_await port::sleep_for(env.clock, net::handshake_timeout));
  peers[0]->swarm.clear_backoff(node->peer());
  KITH_CO_CHECK(co_await peers[0]->connect(*node));
  silent->reset();
  co_return co_await close_all(*node, peers);
}
TEST(ResourceLimits, HoldBackThoseWhoHaveNotSaidWhoTheyAre) {
  sim::run_test(1, handshakes);
}

Task<void> allowlist(sim::World& world) {
  Peers peers = make_peers(world, 4);
  const std::string list =
      fmt::format(R"(["{0}", "{1}/p2p/{2}", "{3}/p2p/{2}"])", peers[0]->network(),
                  peers[1]->network(), peers[1]->id().to_string(), peers[2]->network());
  KITH_CO_TRY(std::unique_ptr<Node> node,
              co_await start(world.add_node(), {{"Swarm.ResourceMgr.Allowlist", list}},
                             R"({"System": {"ConnsInbound": "blockAll"}})"));
  KITH_CO_CHECK(co_await let_all_dial(*node, peers));
  std::vector<PeerId> expected = {peers[0]->id(), peers[1]->id()};
  std::ranges::sort(expected);
  EXPECT_EQ(node->swarm().connected_peers(), expected);
  co_return co_await close_all(*node, peers);
}
TEST(ResourceLimits, LetInWhoeverIsOnTheAllowlistWhenAllIsFull) {
  sim::run_test(1, allowlist);
}

// Streams.

const std::string hold = "/hold";

/// A protocol whose streams stay, unread.
void serve_hold(Node& node, std::size_t& serving) {
  node.swarm().handle(hold, [&serving, &node](std::unique_ptr<net::Stream> stream) -> Task<void> {
    ++serving;
    auto cancelled = co_await port::sleep_for(node.env().clock, 24h);
    static_cast<void>(cancelled);
    --serving;
    stream->reset();
    co_return Result<void>{};
  });
}

/// Opens so many streams and writes so much to each.
Task<void> open_streams(Peer& peer, Node& node, std::size_t count, std::size_t bytes) {
  const Bytes content(bytes);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<net::ProtocolId> protocols = {hold};
    KITH_CO_TRY(std::unique_ptr<net::Stream> stream,
                co_await peer.swarm.open_stream(node.peer(), std::move(protocols), peer.soon()));
    auto written = co_await stream->write(content, peer.soon());
    static_cast<void>(written);
    peer.held.push_back(std::move(stream));
  }
  co_return Result<void>{};
}

Task<void> connect_and_open(Peers& peers, Node& node, std::size_t count, std::size_t bytes) {
  for (auto& peer : peers) {
    KITH_CO_CHECK(co_await peer->connect(node));
    // Identify's streams take places too, for the moment.
    KITH_CO_CHECK(co_await port::sleep_for(peer->at.env().clock, 2s));
    KITH_CO_CHECK(co_await open_streams(*peer, node, count, bytes));
  }
  co_return Result<void>{};
}

struct StreamCase {
  std::string overrides;
  std::size_t served;  ///< of two peers that open five each
};

Task<void> streams_come_in(sim::World& world, const StreamCase& wanted) {
  KITH_CO_TRY(std::unique_ptr<Node> node,
              co_await start(world.add_node(), untrimmed, wanted.overrides));
  std::size_t serving = 0;
  serve_hold(*node, serving);
  Peers peers = make_peers(world, 2);
  KITH_CO_CHECK(co_await connect_and_open(peers, *node, 5, 1));
  KITH_CO_CHECK(co_await port::sleep_for(peers[0]->at.env().clock, 2s));
  EXPECT_EQ(serving, wanted.served);
  KITH_CO_CHECK(co_await close_all(*node, peers));
  EXPECT_EQ(serving, 0u);
  co_return Result<void>{};
}

TEST(ResourceLimits, HoldBackStreams) {
  const StreamCase cases[] = {
      {R"({})", 10},
      {R"({"System": {"StreamsInbound": 3}})", 3},
      {R"({"System": {"Streams": 4}})", 4},
      {R"({"System": {"StreamsOutbound": 1}})", 10},
      {R"({"PeerDefault": {"StreamsInbound": 3}})", 6},
      {R"({"Conn": {"StreamsInbound": 3}})", 6},
      {R"({"Protocol": {"/hold": {"StreamsInbound": 3}}})", 3},
      {R"({"Protocol": {"/hold": {"StreamsInbound": "blockAll"}}})", 0},
      {R"({"Protocol": {"/other": {"StreamsInbound": 3}}})", 10},
      {R"({"ProtocolDefault": {"Streams": 3}})", 3},
      {R"({"ProtocolPeer": {"/hold": {"StreamsInbound": 3}}})", 6},
      {R"({"ProtocolPeerDefault": {"StreamsInbound": 2}})", 4},
      {R"({"ProtocolDefault": {"Streams": 3}, "Protocol": {"/hold": {"Streams": "unlimited"}}})",
       10},
  };
  for (const StreamCase& one : cases) {
    SCOPED_TRACE(one.overrides);
    sim::run_test(1, streams_come_in, one);
  }
}

Task<void> streams_without_protocol(sim::World& world) {
  KITH_CO_TRY(
      std::unique_ptr<Node> node,
      co_await start(world.add_node(), untrimmed, R"({"Transient": {"StreamsInbound": 2}})"));
  Peers peers = make_peers(world, 1);
  Peer& peer = *peers[0];
  KITH_CO_CHECK(co_await peer.connect(*node));
  KITH_CO_CHECK(co_await port::sleep_for(peer.at.env().clock, 2s));
  // A single protocol is proposed with the first write, which doesn't come.
  for (int i = 0; i < 5; ++i) {
    std::vector<net::ProtocolId> protocols = {hold};
    KITH_CO_TRY(std::unique_ptr<net::Stream> stream,
                co_await peer.swarm.open_stream(node->peer(), std::move(protocols), peer.soon()));
    peer.held.push_back(std::move(stream));
  }
  KITH_CO_CHECK(co_await port::sleep_for(peer.at.env().clock, 1s));
  EXPECT_EQ(node->swarm().resources().transient.used[Resource::streams_inbound], 2u);
  co_return co_await close_all(*node, peers);
}
TEST(ResourceLimits, HoldBackStreamsThatHaveNoProtocolYet) {
  sim::run_test(1, streams_without_protocol);
}

Task<void> outbound_streams(sim::World& world) {
  KITH_CO_TRY(std::unique_ptr<Node> node,
              co_await start(world.add_node(), untrimmed,
                             R"({"Protocol": {"/ipfs/ping/1.0.0": {"StreamsOutbound": 1}}})"));
  Peers peers = make_peers(world, 1);
  Peer& peer = *peers[0];
  net::Ping ping(peer.at.env(), peer.swarm);
  KITH_CO_CHECK(co_await peer.connect(*node));
  KITH_CO_CHECK(co_await port::sleep_for(peer.at.env().clock, 2s));
  KITH_CO_TRY(std::unique_ptr<net::Stream> first,
              co_await node->ping().open(peer.id(), peer.soon()));
  auto second = co_await node->ping().open(peer.id(), peer.soon());
  KITH_CO_REQUIRE(!second.has_value());
  EXPECT_TRUE(second.error().message().contains("Protocol.StreamsOutbound is 1"))
      << second.error().message();
  // A stream has its place until whoever holds it lets go.
  first.reset();
  KITH_CO_TRY(std::unique_ptr<net::Stream> third,
              co_await node->ping().open(peer.id(), peer.soon()));
  // One that outlives its connection counts nowhere.
  KITH_CO_CHECK(co_await close_all(*node, peers));
  third.reset();
  co_return Result<void>{};
}
TEST(ResourceLimits, HoldBackStreamsOfOurOwn) {
  sim::run_test(1, outbound_streams);
}

// Memory.

struct MemoryCase {
  Settings settings;
  std::string overrides;
  std::size_t served_min;  ///< of two peers that leave 200,000 bytes in 15 streams each
  std::size_t served_max;
};

Task<void> unread_bytes(sim::World& world, const MemoryCase& wanted) {
  KITH_CO_TRY(std::unique_ptr<Node> node,
              co_await start(world.add_node(), with(untrimmed, wanted.settings), wanted.overrides));
  std::size_t serving = 0;
  serve_hold(*node, serving);
  Peers peers = make_peers(world, 2);
  KITH_CO_CHECK(co_await connect_and_open(peers, *node, 15, 200'000));
  KITH_CO_CHECK(co_await port::sleep_for(peers[0]->at.env().clock, 5s));
  std::size_t alive = 0;
  for (auto& peer : peers) {
    for (auto& stream : peer->held) {
      std::array<std::uint8_t, 1> byte{};
      MutableBytes into = byte;
      auto read = co_await stream->read_some(into, peer->at.env().clock.now() + 10ms);
      if (!read && read.error().is(Errc::timed_out)) ++alive;
    }
  }
  EXPECT_GE(alive, wanted.served_min);
  EXPECT_LE(alive, wanted.served_max);
  net::ResourceReport report = node->swarm().resources();
  EXPECT_LE(report.system.used[Resource::memory], report.system.limits[Resource::memory]);
  // Of each the proposal of a protocol, and what came along with it, has been read.
  EXPECT_GE(report.system.used[Resource::memory], 195'000 * alive);
  KITH_CO_CHECK(co_await close_all(*node, peers));
  co_return Result<void>{};
}

TEST(ResourceLimits, ResetStreamsThatFindNoMemory) {
  const MemoryCase cases[] = {
      {{}, "", 30, 30},
      // 4 MiB are about 20 times that.
      {{{"Swarm.ResourceMgr.MaxMemory", R"("4MiB")"}}, "", 18, 21},
      {{{"Swarm.ResourceMgr.MaxMemory", "4194304"}}, "", 18, 21},
      {{}, R"({"System": {"Memory": "2100000"}})", 8, 10},
      {{}, R"({"PeerDefault": {"Memory": "1100000"}})", 8, 10},
      {{}, R"({"Conn": {"Memory": 1100000}})", 8, 10},
      {{}, R"({"Protocol": {"/hold": {"Memory": "1100000"}}})", 4, 5},
      {{}, R"({"ProtocolDefault": {"Memory": "1100000"}})", 4, 5},
      {{}, R"({"ProtocolPeer": {"/hold": {"Memory": "1100000"}}})", 8, 10},
      {{}, R"({"ProtocolPeerDefault": {"Memory": "1100000"}})", 8, 10},
      {{}, R"({"Stream": {"Memory": "190000"}})", 0, 0},
      {{}, R"({"Stream": {"Memory": "210000"}})", 30, 30},
  };
  for (const MemoryCase& one : cases) {
    SCOPED_TRACE(one.overrides);
    sim::run_test(1, unread_bytes, one);
  }
}

// The connection manager.

struct TrimCase {
  Settings settings;
  std::size_t left;  ///< of seven, a minute later
};

Task<void> trims(sim::World& world, const TrimCase& wanted) {
  KITH_CO_TRY(std::unique_ptr<Node> node, co_await start(world.add_node(), wanted.settings));
  Peers peers = make_peers(world, 7);
  KITH_CO_CHECK(co_await let_all_dial(*node, peers));
  KITH_CO_CHECK(co_await port::sleep_for(peers[0]->at.env().clock, 60s));
  EXPECT_EQ(node->swarm().connection_count(), wanted.left);
  co_return co_await close_all(*node, peers);
}

TEST(ConnectionManager, KeepsToItsSettings) {
  // With fewer than bootstrap_peers_wanted it would dial again whom it let go.
  const Settings marks = {{"Swarm.ConnMgr.LowWater", "4"},
                          {"Swarm.ConnMgr.HighWater", "6"},
                          {"Swarm.ConnMgr.GracePeriod", R"("1s")"}};
  const TrimCase cases[] = {
      {{}, 7},
      {marks, 4},
      {with(marks, {{"Swarm.ConnMgr.HighWater", "7"}}), 7},
      {with(marks, {{"Swarm.ConnMgr.LowWater", "5"}}), 5},
      {with(marks, {{"Swarm.ConnMgr.LowWater", "0"}}), 7},
      {with(marks, {{"Swarm.ConnMgr.Type", R"("basic")"}}), 4},
      {with(marks, {{"Swarm.ConnMgr.Type", R"("none")"}}), 7},
      {with(marks, {{"Swarm.ConnMgr.GracePeriod", R"("2m")"}}), 7},
      {with(marks, {{"Swarm.ConnMgr.SilencePeriod", R"("30s")"}}), 4},
      {with(marks, {{"Swarm.ConnMgr.SilencePeriod", R"("2m")"}}), 7},
  };
  static_assert(discovery::bootstrap_peers_wanted <= 4);
  for (const TrimCase& one : cases) {
    SCOPED_TRACE(testing::PrintToString(one.settings));
    sim::run_test(1, trims, one);
  }
}

// Addresses.

Task<void> filters(sim::World& world) {
  Peers peers = make_peers(world, 2);
  const std::string filter = peers[0]->network() + "/ipcidr/32";
  KITH_CO_TRY(
      std::unique_ptr<Node> node,
      co_await start(world.add_node(), {{"Swarm.AddrFilters", fmt::format(R"(["{}"])", filter)}}));
  KITH_CO_CHECK(co_await let_all_dial(*node, peers));
  EXPECT_EQ(node->swarm().connected_peers(), std::vector({peers[1]->id()}));
  auto dialed =
      co_await node->swarm().connect(peers[0]->id(), peers[0]->address(), peers[0]->soon());
  EXPECT_FALSE(dialed.has_value());
  EXPECT_TRUE(node->address_filter().remove(*net::IpNetwork::parse(filter)));
  KITH_CO_CHECK(
      co_await node->swarm().connect(peers[0]->id(), peers[0]->address(), peers[0]->soon()));
  co_return co_await close_all(*node, peers);
}
TEST(AddressFilters, KeepANetworkOutInBothDirections) {
  sim::run_test(1, filters);
}

std::vector<std::string> announced_by(const Settings& settings) {
  std::vector<std::string> told;
  auto body = [](sim::World& world, const Settings& given,
                 std::vector<std::string>& out) -> Task<void> {
    sim::NodeOptions options;
    options.addresses = {*port::IpAddress::parse("192.0.2.1")};
    KITH_CO_TRY(std::unique_ptr<Node> node, co_await start(world.add_node(options), given));
    Peers peers = make_peers(world, 1);
    Peer& peer = *peers[0];
    KITH_CO_TRY(net::ConnectionId id, co_await peer.connect(*node));
    KITH_CO_CHECK(co_await peer.identify.wait(id, peer.soon()));
    const std::vector<Multiaddr> announced = node->swarm().announced_addresses();
    for (const Multiaddr& address : announced)
      out.push_back(address.to_string());
    // What the peer heard is that as far as it means something in its network, and the address at
    // which it found us.
    std::vector<std::string> heard;
    for (const Multiaddr& address : peer.store.addresses(node->peer(), peer.at.env().wall.now()))
      heard.push_back(address.to_string());
    for (const Multiaddr& one : net::addresses_for(net::AddressScope::local, announced))
      EXPECT_NE(std::ranges::find(heard, one.to_string()), heard.end()) << one.to_string();
    EXPECT_EQ(std::ranges::find(heard, "/ip4/127.0.0.1/tcp/4001"), heard.end());
    co_return co_await close_all(*node, peers);
  };
  sim::run_test(1, +body, settings, told);
  return told;
}

TEST(AnnouncedAddresses, AreWhatTheSettingsSay) {
  using Texts = std::vector<std::string>;
  const std::pair<std::string, std::string> append = {"Addresses.AppendAnnounce",
                                                      R"(["/dns4/me.example/tcp/1"])"};
  EXPECT_EQ(announced_by({}), Texts({"/ip4/127.0.0.1/tcp/4001", "/ip4/192.0.2.1/tcp/4001"}));
  EXPECT_EQ(announced_by({append, {"Addresses.NoAnnounce", R"(["/ip4/127.0.0.0/ipcidr/8"])"}}),
            Texts({"/ip4/192.0.2.1/tcp/4001", "/dns4/me.example/tcp/1"}));
  EXPECT_EQ(announced_by({append, {"Addresses.NoAnnounce", R"(["/ip4/192.0.2.1/tcp/4001"])"}}),
            Texts({"/ip4/127.0.0.1/tcp/4001", "/dns4/me.example/tcp/1"}));
  EXPECT_EQ(announced_by({append, {"Addresses.Announce", R"(["/ip4/9.9.9.9/tcp/4001"])"}}),
            Texts({"/ip4/9.9.9.9/tcp/4001", "/dns4/me.example/tcp/1"}));
}

TEST(Transports, WithoutTcpThereIsNowhereToListen) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Settings settings = {{"Swarm.Transports.Network.TCP", "false"}};
    auto node = co_await start(world.add_node(), settings);
    KITH_CO_REQUIRE(!node.has_value());
    EXPECT_TRUE(node.error().message().contains("Swarm.Transports.Network.TCP"))
        << node.error().message();
    co_return Result<void>{};
  });
}

Task<void> listens_for_websocket(sim::World& world) {
  Settings settings = {
      {"Addresses.Swarm", R"(["/ip4/0.0.0.0/tcp/4001", "/ip4/0.0.0.0/tcp/4001/ws"])"}};
  KITH_CO_TRY(std::unique_ptr<Node> node, co_await start(world.add_node(), settings));
  std::vector<std::string> at;
  for (const Multiaddr& one : node->swarm().listen_addresses())
    at.push_back(one.to_string());
  EXPECT_EQ(at, (std::vector<std::string>{"/ip4/0.0.0.0/tcp/4001", "/ip4/0.0.0.0/tcp/4001/ws"}));
  KITH_CO_CHECK(co_await node->stop_shielded());
  settings.emplace_back("Swarm.Transports.Network.Websocket", "false");
  KITH_CO_TRY(node, co_await start(world.add_node(), settings));
  EXPECT_EQ(node->swarm().listen_addresses().size(), 1U);
  co_return co_await node->stop_shielded();
}
TEST(Transports, ListenForWebSocketUnlessItIsTurnedOff) {
  sim::run_test(1, listens_for_websocket);
}

TEST(Transports, SayWhatIsWrongWithACertificate) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Settings settings = {{"Swarm.Transports.WebSocket.Certificate", R"("chain.pem")"}};
    auto half = co_await start(world.add_node(), settings);
    KITH_CO_REQUIRE(!half.has_value());
    EXPECT_TRUE(half.error().message().contains("both Certificate and Key"));
    settings.emplace_back("Swarm.Transports.WebSocket.Key", R"("key.pem")");
    auto missing = co_await start(world.add_node(), settings);
    KITH_CO_REQUIRE(!missing.has_value());
    EXPECT_TRUE(missing.error().message().contains("/chain.pem")) << missing.error().message();
    co_return Result<void>{};
  });
}

// The documents.

TEST(ResourceLimits, AreComputedAsKuboDoes) {
  struct {
    Settings settings;
    std::uint64_t connections_inbound;
    std::uint64_t memory;
    std::uint64_t descriptors;
  } cases[] = {
      {{}, 800, std::uint64_t{512} << 20, 500},
      {{{"Swarm.ResourceMgr.MaxMemory", R"("2GB")"}}, 1907, 2'000'000'000, 500},
      {{{"Swarm.ResourceMgr.MaxMemory", R"("4GiB")"}}, 4096, std::uint64_t{4} << 30, 500},
      {{{"Swarm.ResourceMgr.MaxMemory", "1073741824"}}, 1024, std::uint64_t{1} << 30, 500},
      {{{"Swarm.ResourceMgr.MaxMemory", "null"}}, 800, std::uint64_t{512} << 20, 500},
      {{{"Swarm.ResourceMgr.MaxFileDescriptors", "77"}}, 800, std::uint64_t{512} << 20, 77},
      {{{"Swarm.ConnMgr.HighWater", "500"}}, 1000, std::uint64_t{512} << 20, 500},
      {untrimmed, 512, std::uint64_t{512} << 20, 500},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(testing::PrintToString(one.settings));
    json::value config = default_config();
    for (const auto& [key, value] : one.settings)
      ASSERT_TRUE(config_set(config, key, json::parse(value)).has_value());
    auto settings = read_settings(config);
    ASSERT_TRUE(settings.has_value()) << settings.error().message();
    auto limits = swarm_limits(*settings, 1000, std::nullopt);
    ASSERT_TRUE(limits.has_value()) << limits.error().message();
    const net::ResourceLimits& resources = limits->resources;
    EXPECT_EQ(resources.system[Resource::connections_inbound], one.connections_inbound);
    EXPECT_EQ(resources.system[Resource::memory], one.memory);
    EXPECT_EQ(resources.transient[Resource::memory], one.memory / 4);
    EXPECT_EQ(resources.system[Resource::descriptors], one.descriptors);
    EXPECT_EQ(resources.system[Resource::connections_outbound], net::unlimited);
  }
}

TEST(ResourceOverrides, NameWhatMakesNoSense) {
  const std::pair<const char*, const char*> faults[] = {
      {R"([])", "the file"},
      {R"({"System": )", "the file"},
      {R"({"System": 5})", "System must"},
      {R"({"System": {"Conns": "many"}})", "System.Conns"},
      {R"({"System": {"Conns": -3}})", "System.Conns"},
      {R"({"System": {"Conns": 1.5}})", "System.Conns"},
      {R"({"Transient": {"Memory": "4GB"}})", "Transient.Memory"},
      {R"({"Peer": {"nobody": {}}})", "Peer.nobody"},
      {R"({"Protocol": {"/a": {"Streams": true}}})", "Protocol./a.Streams"},
      {R"({"ServicePeer": {"libp2p.ping": {"FD": []}}})", "ServicePeer.libp2p.ping.FD"},
  };
  for (const auto& [text, name] : faults) {
    net::ResourceLimits limits;
    auto applied = apply_resource_overrides(limits, text);
    ASSERT_FALSE(applied.has_value()) << text;
    EXPECT_TRUE(applied.error().message().contains(name)) << applied.error().message();
    EXPECT_TRUE(applied.error().message().contains(resource_overrides_name));
  }
}

TEST(ResourceOverrides, AreReadAsGoLibp2pWritesThem) {
  net::ResourceLimits limits = net::default_limits(1 << 30, 100, 96);
  const net::ResourceLimits before = limits;
  auto applied = apply_resource_overrides(limits, R"({
    "System": {"Memory": "9223372036854775807", "FD": "unlimited", "Conns": -1, "ConnsInbound": -2,
               "Streams": 0, "StreamsInbound": "default", "StreamsOutbound": "12"},
    "PeerDefault": {"Conns": 4},
    "Peer": {"12D3KooWDmoKM2ba2WYDs9ST8W41MAcLvguYaKnDM3B2rpu4FQbm": {"Streams": 9}},
    "ServiceDefault": {"Streams": 1},
    "Service": {"libp2p.identify": {"Streams": "default"}},
    "Unknown": {"Whatever": "is left alone"}
  })");
  ASSERT_TRUE(applied.has_value()) << applied.error().message();
  EXPECT_EQ(limits.system[Resource::memory], 9223372036854775807u);
  EXPECT_EQ(limits.system[Resource::descriptors], net::unlimited);
  EXPECT_EQ(limits.system[Resource::connections], net::unlimited);
  EXPECT_EQ(limits.system[Resource::connections_inbound], 0u);
  EXPECT_EQ(limits.system[Resource::streams], 0u);
  EXPECT_EQ(limits.system[Resource::streams_inbound], before.system[Resource::streams_inbound]);
  EXPECT_EQ(limits.system[Resource::streams_outbound], 12u);
  ASSERT_EQ(limits.peers.size(), 1u);
  const net::ScopeLimits& named = limits.peers.begin()->second;
  EXPECT_EQ(named[Resource::streams], 9u);
  EXPECT_EQ(named[Resource::connections], 4u);
  EXPECT_EQ(named[Resource::memory], before.peer[Resource::memory]);
}

TEST(ResourceLimits, MustLeaveRoomAboveTheHighWaterMark) {
  NodeSettings settings;
  settings.high_water = 96;
  for (const char* name : {"Conns", "ConnsInbound", "Streams", "StreamsInbound"}) {
    std::string text = fmt::format(R"({{"System": {{"{}": 96}}}})", name);
    auto limits = swarm_limits(settings, 1000, text);
    ASSERT_FALSE(limits.has_value()) << name;
    EXPECT_TRUE(limits.error().message().contains(name)) << limits.error().message();
    EXPECT_TRUE(limits.error().message().contains("Swarm.ConnMgr.HighWater"));
    text = fmt::format(R"({{"System": {{"{}": 97}}}})", name);
    EXPECT_TRUE(swarm_limits(settings, 1000, text).has_value()) << name;
  }
}

}  // namespace
}  // namespace kith::node
