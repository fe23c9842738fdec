#include <gtest/gtest.h>

#include <kith/net/address_filter.hpp>
#include <kith/net/nat/autonat_client.hpp>
#include <kith/net/nat/autonat_server.hpp>
#include <kith/net/test_peer.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

/// One that serves, one that asks, and one that has nothing to do with it.
struct Scene {
  explicit Scene(sim::World& world, AutonatServerOptions options = {})
      : helper(world.add_node(at("198.51.100.1")), 1),
        server(helper.env(), helper.swarm, options),
        asker(world.add_node(at("203.0.113.2")), 2),
        client(
            asker.env(), asker.swarm, [this] { return claims; }, [this] { ++changes; }),
        victim(world.add_node(at("192.0.2.3")), 3) {}

  Multiaddr own() const { return address("/ip4/203.0.113.2/tcp/4001"); }
  Multiaddr closed_port() const { return address("/ip4/203.0.113.2/tcp/4002"); }
  Multiaddr victims() const { return address("/ip4/192.0.2.3/tcp/4001"); }

  /// From another port than the one it listens on, as behind many a NAT.
  Task<void> connect() {
    asker.net.reuses_ports = false;
    KITH_CO_CHECK(co_await asker.swarm.connect(helper.id(), helper.addresses(), asker.soon()));
    co_return co_await pause(2s);
  }
  Task<void> pause(Duration duration) {
    co_return co_await port::sleep_for(asker.env().clock, duration);
  }
  Instant later() { return asker.env().clock.now() + 1min; }
  /// How often the helper has dialed that address.
  std::size_t dials_to(std::string_view ip) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        helper.net.dials, [ip = *port::IpAddress::parse(ip)](const TestNet::Dial& dial) {
          return dial.remote.address == ip;
        }));
  }
  Task<void> close() {
    KITH_CO_CHECK(co_await close_all(asker, victim, helper));
    KITH_CO_CHECK(co_await client.close_shielded());
    co_return co_await server.close_shielded();
  }

  std::vector<Multiaddr> claims;
  std::size_t changes = 0;
  TestPeer helper;
  AutonatServer server;
  TestPeer asker;
  AutonatClient client;
  TestPeer victim;
};

Task<void> overall(sim::World& world) {
  Scene scene(world);
  KITH_CO_CHECK(co_await scene.connect());
  scene.claims = {scene.own()};
  KITH_CO_TRY(bool reached, co_await scene.client.ask_overall(scene.helper.id(), scene.later()));
  EXPECT_TRUE(reached);
  // One dial at a time, to the end of its connection.
  KITH_CO_CHECK(co_await scene.pause(2s));
  scene.claims = {scene.closed_port()};
  const Instant begin = scene.asker.env().clock.now();
  KITH_CO_TRY(reached, co_await scene.client.ask_overall(scene.helper.id(), scene.later()));
  EXPECT_FALSE(reached);
  // However fast the port said no: that is nobody's business.
  EXPECT_GE(scene.asker.env().clock.now() - begin, autonat_v1_dial_timeout);
  // The asker's connection isn't the one that was made to try.
  EXPECT_TRUE(scene.asker.swarm.connected(scene.helper.id()));
  co_return co_await scene.close();
}

TEST(Autonat, VersionOneSaysWhetherThePeerCanBeReached) {
  sim::run_test(1, overall);
}

Task<void> each(sim::World& world) {
  Scene scene(world);
  KITH_CO_CHECK(co_await scene.connect());
  std::vector<Multiaddr> asked = {scene.own(), scene.closed_port()};
  KITH_CO_TRY(AutonatClient::Answer answer,
              co_await scene.client.ask_about(scene.helper.id(), asked, scene.later()));
  EXPECT_EQ(answer.address, scene.own());
  EXPECT_TRUE(answer.reached);
  KITH_CO_CHECK(co_await scene.pause(2s));
  asked = {scene.closed_port(), scene.own()};
  KITH_CO_TRY(answer, co_await scene.client.ask_about(scene.helper.id(), asked, scene.later()));
  EXPECT_EQ(answer.address, scene.closed_port());
  EXPECT_FALSE(answer.reached);
  asked = {address("/ip4/10.1.1.1/tcp/1"), address("/ip4/203.0.113.2/udp/1")};
  auto refused = co_await scene.client.ask_about(scene.helper.id(), asked, scene.later());
  EXPECT_TRUE(!refused && refused.error().is(Errc::refused));
  co_return co_await scene.close();
}

TEST(Autonat, VersionTwoSaysItOfTheFirstAddressThatItDials) {
  sim::run_test(1, each);
}

Task<void> at_others(sim::World& world) {
  Scene scene(world);
  KITH_CO_CHECK(co_await scene.connect());
  scene.claims = {scene.victims()};
  co_await scene.client.ask_overall(scene.helper.id(), scene.later());
  EXPECT_EQ(scene.dials_to("192.0.2.3"), 0u);

  const std::uint64_t before = scene.asker.swarm.bytes_sent();
  std::vector<Multiaddr> asked = {scene.victims()};
  KITH_CO_TRY(const AutonatClient::Answer answer,
              co_await scene.client.ask_about(scene.helper.id(), asked, scene.later()));
  EXPECT_FALSE(answer.reached);
  EXPECT_EQ(scene.dials_to("192.0.2.3"), 1u);
  EXPECT_GE(scene.asker.swarm.bytes_sent() - before, autonat_v2_data_bytes_least);
  EXPECT_LT(scene.victim.swarm.bytes_received(), autonat_v2_data_bytes_least / 3);
  co_return co_await scene.close();
}

TEST(Autonat, StrikesNobodyElseForLessThanItCosts) {
  sim::run_test(1, at_others);
}

/// A conversation as the test wants it: what the server says to `first`, and then what to say to
/// that.
Task<AutonatMessage> say(Scene& scene, AutonatMessage first, std::unique_ptr<Stream>& stream) {
  std::vector<ProtocolId> protocols = {ProtocolId(autonat_dial_protocol)};
  KITH_CO_TRY(stream, co_await scene.asker.swarm.open_stream(scene.helper.id(),
                                                             std::move(protocols), scene.later()));
  const Bytes encoded = encode(first);
  KITH_CO_CHECK(co_await port::write_message(*stream, encoded, scene.later()));
  port::BufferedReader reader(*stream);
  KITH_CO_TRY(const Buffer bytes, co_await reader.read_message(10'000, scene.later()));
  co_return decode_autonat(bytes);
}

Task<void> says_it_where_it_is(sim::World& world) {
  Scene scene(world, {.v2 = false});
  auto talk = [](Scene& in, std::unique_ptr<Stream> stream) -> Task<void> {
    port::BufferedReader reader(*stream);
    KITH_CO_TRY(const Buffer bytes, co_await reader.read_message(10'000));
    KITH_CO_TRY(const AutonatMessage message, decode_autonat(bytes));
    const auto* request = std::get_if<AutonatDialRequest>(&message);
    if (request == nullptr) co_return std::unexpected(Errc::corrupt);
    std::vector<ProtocolId> protocols = {ProtocolId(autonat_dial_back_protocol)};
    const ConnectionId there = stream->connection();
    KITH_CO_TRY(std::unique_ptr<Stream> back,
                co_await in.helper.swarm.open_stream_on(there, std::move(protocols), never));
    const Bytes nonce = encode_dial_back(request->nonce);
    KITH_CO_CHECK(co_await port::write_message(*back, nonce));
    const Bytes answer = encode(AutonatMessage(AutonatDialResponse{
        .status = AutonatStatus::ok, .index = 0, .dial_status = AutonatDialStatus::ok}));
    KITH_CO_CHECK(co_await port::write_message(*stream, answer));
    co_await back->read_buffer(1);
    co_return Result<void>{};
  };
  scene.helper.swarm.handle(
      ProtocolId(autonat_dial_protocol),
      [&scene, talk](std::unique_ptr<Stream> stream) { return talk(scene, std::move(stream)); });
  KITH_CO_CHECK(co_await scene.connect());
  const std::vector<Multiaddr> asked = {scene.own()};
  auto answer = co_await scene.client.ask_about(scene.helper.id(), asked, scene.later());
  EXPECT_TRUE(!answer && answer.error().is(Errc::corrupt));
  co_return co_await scene.close();
}

TEST(Autonat, ANonceOnAConnectionThatWasThereProvesNothing) {
  sim::run_test(1, says_it_where_it_is);
}

/// What a server dials whose operator has filtered a network.
Task<void> filtered(sim::World& world) {
  AddressFilter filter({*IpNetwork::parse("/ip4/203.0.113.0/ipcidr/24")});
  TestPeer helper(world.add_node(at("198.51.100.1")), 1, {}, &filter);
  TestPeer asker(world.add_node(at("192.0.2.3")), 2);
  AutonatServer server(helper.env(), helper.swarm);
  std::vector<Multiaddr> claims;
  AutonatClient client(asker.env(), asker.swarm, [&claims] { return claims; }, [] {});
  KITH_CO_CHECK(co_await asker.swarm.connect(helper.id(), helper.addresses(), asker.soon()));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 2s));
  // A network that may not be dialed, a transport and a family that aren't there: no verdict.
  for (const char* where : {"/ip4/203.0.113.2/tcp/4001", "/ip6/2600::1/tcp/4001"}) {
    const std::vector<Multiaddr> asked = {address(where)};
    auto answer = co_await client.ask_about(helper.id(), asked, asker.env().clock.now() + 1min);
    EXPECT_TRUE(!answer && answer.error().is(Errc::refused)) << where;
  }
  EXPECT_EQ(server.counters().dials, 0u);
  KITH_CO_CHECK(co_await close_all(asker, helper));
  KITH_CO_CHECK(co_await client.close_shielded());
  co_return co_await server.close_shielded();
}

TEST(Autonat, DialsNothingThatTheOperatorForbidsOrThatItCannot) {
  sim::run_test(1, filtered);
}

Task<void> crumbs(sim::World& world) {
  Scene scene(world);
  KITH_CO_CHECK(co_await scene.connect());
  std::unique_ptr<Stream> stream;
  KITH_CO_TRY(
      const AutonatMessage wanted,
      co_await say(scene, AutonatDialRequest{.addresses = {scene.victims()}, .nonce = 1}, stream));
  const auto* data = std::get_if<AutonatDataRequest>(&wanted);
  KITH_CO_REQUIRE(data != nullptr);
  EXPECT_GE(data->bytes, autonat_v2_data_bytes_least);
  EXPECT_LE(data->bytes, autonat_v2_data_bytes_most);
  const Bytes crumb = encode(AutonatMessage(AutonatData{.bytes = 1}));
  KITH_CO_CHECK(co_await port::write_message(*stream, crumb, scene.later()));
  Bytes byte(1);
  MutableBytes into = byte;
  auto got = co_await stream->read_some(into, scene.later());
  EXPECT_TRUE(!got && got.error().is(Errc::reset));
  // And one that says nothing at all.
  KITH_CO_CHECK(
      co_await say(scene, AutonatDialRequest{.addresses = {scene.victims()}, .nonce = 1}, stream));
  KITH_CO_CHECK(co_await scene.pause(autonat_v2_stream_timeout + 1s));
  EXPECT_EQ(scene.dials_to("192.0.2.3"), 0u);
  co_return co_await scene.close();
}

TEST(Autonat, WhoDoesNotPayIsNotServed) {
  sim::run_test(1, crumbs);
}

Task<void> too_often(sim::World& world) {
  Scene scene(world);
  KITH_CO_CHECK(co_await scene.connect());
  scene.claims = {scene.own()};
  std::size_t served = 0;
  for (int i = 0; i < 10; ++i) {
    auto reached = co_await scene.client.ask_overall(scene.helper.id(), scene.later());
    served += reached ? 1 : 0;
    KITH_CO_CHECK(co_await scene.pause(2s));
  }
  EXPECT_EQ(served, autonat_v1_dials_per_peer_max);
  served = 0;
  const std::vector<Multiaddr> asked = {scene.own()};
  for (int i = 0; i < 20; ++i) {
    auto answer = co_await scene.client.ask_about(scene.helper.id(), asked, scene.later());
    served += answer ? 1 : 0;
    KITH_CO_CHECK(co_await scene.pause(2200ms));
  }
  EXPECT_EQ(served, autonat_v2_requests_per_peer_max);
  co_return co_await scene.close();
}

TEST(Autonat, ServesAPeerSoOftenAndNoMore) {
  sim::run_test(1, too_often);
}

/// What the client makes of a server that answers so to whatever it is asked.
Task<void> liar(sim::World& world, AutonatMessage& answer, Result<AutonatClient::Answer>& made) {
  Scene scene(world, {.v2 = false});
  scene.helper.swarm.handle(ProtocolId(autonat_dial_protocol),
                            [&answer](std::unique_ptr<Stream> stream) -> Task<void> {
                              const Bytes encoded = encode(answer);
                              KITH_CO_CHECK(co_await port::write_message(*stream, encoded));
                              co_await port::read_to_end(*stream, 200'000);
                              co_return Result<void>{};
                            });
  KITH_CO_CHECK(co_await scene.connect());
  const std::vector<Multiaddr> asked = {scene.own()};
  made = co_await scene.client.ask_about(scene.helper.id(), asked, scene.later());
  co_return co_await scene.close();
}

TEST(Autonat, ALiarIsNotBelieved) {
  auto outcome = [](AutonatMessage answer) {
    Result<AutonatClient::Answer> made = std::unexpected(Errc::cancelled);
    sim::run_test(1, liar, answer, made);
    return made;
  };
  const AutonatDialResponse never_dialed{
      .status = AutonatStatus::ok, .index = 0, .dial_status = AutonatDialStatus::ok};
  EXPECT_TRUE(outcome(never_dialed).error().is(Errc::corrupt));
  const AutonatDialResponse elsewhere{
      .status = AutonatStatus::ok, .index = 7, .dial_status = AutonatDialStatus::dial_error};
  EXPECT_TRUE(outcome(elsewhere).error().is(Errc::corrupt));
  EXPECT_TRUE(
      outcome(AutonatDataRequest{.index = 0, .bytes = UINT64_MAX}).error().is(Errc::corrupt));
  EXPECT_TRUE(outcome(AutonatDataRequest{.index = 1, .bytes = 10}).error().is(Errc::corrupt));
  EXPECT_TRUE(outcome(AutonatData{.bytes = 10}).error().is(Errc::corrupt));
}

Task<void> by_and_by(sim::World& world, bool& reachable) {
  Scene scene(world);
  std::vector<std::unique_ptr<TestPeer>> others;
  std::vector<std::unique_ptr<AutonatServer>> servers;
  scene.claims = {reachable ? scene.own() : scene.closed_port()};
  KITH_CO_CHECK(co_await scene.connect());
  for (std::uint8_t i = 10; i < 16; ++i) {
    others.push_back(
        std::make_unique<TestPeer>(world.add_node(at("198.51.100." + std::to_string(i))), i));
    servers.push_back(std::make_unique<AutonatServer>(others.back()->env(), others.back()->swarm));
    KITH_CO_CHECK(co_await scene.asker.swarm.connect(
        others.back()->id(), others.back()->addresses(), scene.asker.soon()));
  }
  EXPECT_EQ(scene.client.verdict(), Reachability::unknown);
  KITH_CO_CHECK(co_await scene.pause(15min));
  const Reachability expected = reachable ? Reachability::reachable : Reachability::unreachable;
  EXPECT_EQ(scene.client.verdict(), expected);
  EXPECT_EQ(scene.client.address_verdicts().at(scene.claims[0]), expected);
  EXPECT_GE(scene.changes, 1u);
  for (std::size_t i = 0; i < others.size(); ++i) {
    KITH_CO_CHECK(co_await others[i]->close());
    KITH_CO_CHECK(co_await servers[i]->close_shielded());
  }
  co_return co_await scene.close();
}

TEST(Autonat, APeerFindsOutByAndBy) {
  for (bool reachable : {true, false})
    sim::run_test(1, by_and_by, reachable);
}

}  // namespace
}  // namespace kith::net
