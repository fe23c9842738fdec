#include <gtest/gtest.h>

#include <kith/crypto/tls/test_certificates.hpp>
#include <kith/http/websocket.hpp>
#include <kith/net/test_peer.hpp>
#include <kith/net/transports/websocket.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;

/// A peer of which nothing is said but what a test says.
struct WebPeer {
  WebPeer(sim::World& world, std::uint8_t number, WebSocketOptions options = {},
          SwarmLimits limits = {})
      : node(world.add_node()),
        swarm(node.env(), key_of(number), store, std::move(limits)),
        ping(node.env(), swarm) {
    Transports transports;
    transports.websocket_options = std::make_shared<WebSocketOptions>(std::move(options));
    swarm.set_transports(std::move(transports));
  }

  void listen(std::string_view where) {
    auto listening = swarm.listen(address(where));
    EXPECT_TRUE(listening.has_value()) << where << ": " << listening.error().message();
  }
  /// Where it listens, by its own IP address.
  std::vector<std::string> addresses() const {
    std::vector<std::string> texts;
    for (const Multiaddr& one : swarm.reachable_addresses()) {
      if (!one.is_loopback()) texts.push_back(one.to_string());
    }
    return texts;
  }
  std::string at(std::string_view behind_ip) const {
    return "/ip4/" + node.address().to_string() + std::string(behind_ip);
  }
  Instant soon() { return node.env().clock.now() + 20s; }

  Task<std::unique_ptr<port::TcpStream>> dialed_by(sim::Node& stranger, std::uint16_t port) {
    port::TcpDialOptions options;
    co_return co_await stranger.env().net.dial_tcp(node.endpoint(port), options, soon());
  }

  sim::Node& node;
  PeerStore store;
  Swarm swarm;
  Ping ping;
};

Task<void> close(WebPeer& one, WebPeer& two) {
  KITH_CO_CHECK(co_await one.swarm.close_shielded());
  co_return co_await two.swarm.close_shielded();
}

/// Connects by this address, pings, and disconnects.
Task<void> meet(WebPeer& one, WebPeer& two, std::string at, std::string seen_as) {
  const Instant deadline = one.soon();
  std::vector<Multiaddr> addresses = {address(at)};
  one.swarm.clear_backoff(two.swarm.local_peer());
  KITH_CO_TRY(const ConnectionId id,
              co_await one.swarm.connect(two.swarm.local_peer(), std::move(addresses), deadline));
  KITH_CO_TRY(std::unique_ptr<Stream> pings,
              co_await one.ping.open(two.swarm.local_peer(), deadline));
  KITH_CO_CHECK(co_await one.ping.round_trip(pings, deadline));
  EXPECT_EQ(one.swarm.connections().front().remote_address.to_string(), at);
  EXPECT_EQ(two.swarm.connections().front().local_address.to_string(), at);
  EXPECT_TRUE(two.swarm.connections().front().remote_address.to_string().ends_with(seen_as))
      << two.swarm.connections().front().remote_address.to_string();
  pings.reset();
  one.swarm.close_connection(id);
  while (one.swarm.connection_count() + two.swarm.connection_count() > 0)
    KITH_CO_CHECK(co_await port::sleep_for(one.node.env().clock, 100ms));
  one.store.forget(two.swarm.local_peer());
  co_return Result<void>{};
}

Task<void> connects(sim::World& world) {
  WebPeer one(world, 1);
  WebPeer two(world, 2);
  two.listen("/ip4/0.0.0.0/tcp/4001/ws");
  EXPECT_EQ(two.addresses(), std::vector{two.at("/tcp/4001/ws")});
  KITH_CO_CHECK(co_await meet(one, two, two.at("/tcp/4001/ws"), "/ws"));
  one.listen("/ip4/0.0.0.0/tcp/80/ws");
  KITH_CO_CHECK(co_await meet(two, one, one.at("/tcp/80/ws"), "/ws"));
  co_return co_await close(one, two);
}
TEST(WebSocketTransport, ConnectsPeers) {
  sim::run_seeds(1, 5, connects);
}

Task<void> shares_a_port(sim::World& world) {
  WebPeer one(world, 1);
  WebPeer two(world, 2);
  two.listen("/ip4/0.0.0.0/tcp/4001/ws");
  two.listen("/ip4/0.0.0.0/tcp/4001");
  EXPECT_EQ(two.addresses(), (std::vector{two.at("/tcp/4001/ws"), two.at("/tcp/4001")}));
  for (int i = 0; i < 2; ++i) {
    KITH_CO_CHECK(co_await meet(one, two, two.at("/tcp/4001/ws"), "/ws"));
    KITH_CO_CHECK(co_await meet(one, two, two.at("/tcp/4001"), ""));
  }
  auto taken = two.swarm.listen(address("/ip4/0.0.0.0/tcp/4001/ws"));
  EXPECT_TRUE(!taken && taken.error().is(SwarmError::address_in_use));
  co_return co_await close(one, two);
}
TEST(WebSocketTransport, SharesAPortWithTcp) {
  sim::run_seeds(1, 5, shares_a_port);
}

Task<void> chooses_one_port(sim::World& world) {
  WebPeer one(world, 1);
  WebPeer two(world, 2);
  two.listen("/ip4/0.0.0.0/tcp/0");
  two.listen("/ip4/0.0.0.0/tcp/0/ws");
  two.listen("/ip4/0.0.0.0/tcp/0");
  const std::vector<std::string> at = two.addresses();
  KITH_CO_REQUIRE(at.size() == 3);
  EXPECT_EQ(at[0] + "/ws", at[1]);
  EXPECT_NE(at[0], at[2]);
  for (std::size_t i = 0; i < at.size(); ++i)
    KITH_CO_CHECK(co_await meet(one, two, at[i], i == 1 ? "/ws" : ""));
  co_return co_await close(one, two);
}
TEST(WebSocketTransport, SharesAPortThatIsChosenToo) {
  sim::run_test(1, chooses_one_port);
}

Task<void> stops_one(sim::World& world) {
  WebPeer one(world, 1);
  WebPeer two(world, 2);
  two.listen("/ip4/0.0.0.0/tcp/4001");
  two.listen("/ip4/0.0.0.0/tcp/4001/ws");
  KITH_CO_CHECK(co_await meet(one, two, two.at("/tcp/4001"), ""));
  // Its listener is the one that waits for the socket.
  EXPECT_TRUE(two.swarm.stop_listening(address("/ip4/0.0.0.0/tcp/4001")));
  EXPECT_EQ(two.addresses(), std::vector{two.at("/tcp/4001/ws")});
  KITH_CO_CHECK(co_await meet(one, two, two.at("/tcp/4001/ws"), "/ws"));
  std::vector<Multiaddr> plain = {address(two.at("/tcp/4001"))};
  const Instant deadline = one.soon();
  auto refused = co_await one.swarm.connect(two.swarm.local_peer(), std::move(plain), deadline);
  EXPECT_FALSE(refused.has_value());
  KITH_CO_CHECK(co_await meet(one, two, two.at("/tcp/4001/ws"), "/ws"));
  EXPECT_TRUE(two.swarm.stop_listening(address("/ip4/0.0.0.0/tcp/4001/ws")));
  EXPECT_FALSE((co_await two.dialed_by(one.node, 4001)).has_value());
  co_return co_await close(one, two);
}
TEST(WebSocketTransport, GoesOnAtAPortThatItsNeighbourLeaves) {
  sim::run_test(1, stops_one);
}

Task<void> finds_another(sim::World& world) {
  WebPeer one(world, 1);
  WebPeer two(world, 2);
  two.listen("/ip4/0.0.0.0/tcp/4001/ws");
  const multiformats::PeerId expected =
      multiformats::PeerId::from_public_key(key_of(3).public_key());
  std::vector<Multiaddr> addresses = {address(two.at("/tcp/4001/ws"))};
  const Instant deadline = one.soon();
  auto met = co_await one.swarm.connect(expected, std::move(addresses), deadline);
  EXPECT_TRUE(!met && met.error().is(SwarmError::all_dials_failed));
  EXPECT_EQ(two.swarm.connection_count(), 0U);
  co_return co_await close(one, two);
}
TEST(WebSocketTransport, RefusesAnotherPeerThanTheOneDialed) {
  sim::run_test(1, finds_another);
}

// TLS.

/// A certificate for a.example, and who trusts it.
WebSocketOptions secured() {
  using namespace crypto::testing;
  const auto root_key = new_key("EC", "P-256");
  const auto key = new_key("EC", "P-256");
  crypto::TlsCredentials credentials;
  credentials.chain.push_back(make_certificate({.key = key.get(),
                                                .signer = root_key.get(),
                                                .common_name = "a",
                                                .issuer_name = "root",
                                                .dns_name = "a.example"}));
  credentials.key = crypto::Secret(private_der_of(key.get()));
  WebSocketOptions options;
  options.server_tls = websocket_server_tls(credentials).value();
  options.system_roots = false;
  options.roots.push_back(
      make_certificate({.key = root_key.get(), .common_name = "root", .authority = true}));
  return options;
}

Task<void> connects_by_tls(sim::World& world) {
  const WebSocketOptions options = secured();
  WebPeer one(world, 1, options);
  WebPeer two(world, 2, options);
  world.net().add_name("a.example", two.node.address());
  two.listen("/ip4/0.0.0.0/tcp/4001");
  two.listen("/ip4/0.0.0.0/tcp/4001/ws");
  two.listen("/ip4/0.0.0.0/tcp/4001/tls/ws");
  for (const char* by : {"/dns4/a.example/tcp/4001/wss", "/dns4/a.example/tcp/4001/tls/ws"}) {
    const Instant deadline = one.soon();
    std::vector<Multiaddr> addresses = {address(by)};
    KITH_CO_TRY(const ConnectionId id,
                co_await one.swarm.connect(two.swarm.local_peer(), std::move(addresses), deadline));
    EXPECT_EQ(one.swarm.connections().front().remote_address.to_string(),
              two.at("/tcp/4001/tls/sni/a.example/ws"));
    KITH_CO_TRY(std::unique_ptr<Stream> pings,
                co_await one.ping.open(two.swarm.local_peer(), deadline));
    KITH_CO_CHECK(co_await one.ping.round_trip(pings, deadline));
    const ConnectionInfo seen = two.swarm.connections().front();
    EXPECT_EQ(seen.local_address.to_string(), two.at("/tcp/4001/tls/ws"));
    EXPECT_TRUE(seen.remote_address.to_string().ends_with("/tls/ws"));
    EXPECT_EQ(seen.security, "/noise");
    pings.reset();
    one.swarm.close_connection(id);
    while (one.swarm.connection_count() + two.swarm.connection_count() > 0)
      KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 100ms));
    one.store.forget(two.swarm.local_peer());
  }
  KITH_CO_CHECK(co_await meet(one, two, two.at("/tcp/4001/ws"), "/ws"));
  KITH_CO_CHECK(co_await meet(one, two, two.at("/tcp/4001"), ""));
  co_return co_await close(one, two);
}
TEST(WebSocketTransport, ConnectsByTlsAtTheSamePortToo) {
  sim::run_test(1, connects_by_tls);
}

Task<void> checks_certificates(sim::World& world) {
  WebPeer two(world, 2, secured());
  WebSocketOptions strangers;
  strangers.system_roots = false;
  WebPeer one(world, 1, strangers);
  WebPeer same(world, 3, secured());
  two.listen("/ip4/0.0.0.0/tcp/443/wss");
  EXPECT_EQ(two.addresses(), std::vector{two.at("/tcp/443/wss")});
  auto refused = one.swarm.listen(address("/ip4/0.0.0.0/tcp/443/wss"));
  EXPECT_TRUE(!refused && refused.error().is(Errc::unsupported));
  std::pair<WebPeer*, const char*> cases[] = {{&one, "/tcp/443/tls/sni/a.example/ws"},
                                              {&same, "/tcp/443/tls/sni/a.example/ws"},
                                              {&same, "/tcp/443/wss"}};
  for (auto& [dialer, at] : cases) {
    std::vector<Multiaddr> addresses = {address(two.at(at))};
    const Instant deadline = dialer->soon();
    dialer->swarm.clear_backoff(two.swarm.local_peer());
    auto met =
        co_await dialer->swarm.connect(two.swarm.local_peer(), std::move(addresses), deadline);
    EXPECT_TRUE(!met && met.error().is(SwarmError::all_dials_failed)) << at;
  }
  EXPECT_EQ(two.swarm.connection_count(), 0U);
  KITH_CO_CHECK(co_await same.swarm.close_shielded());
  co_return co_await close(one, two);
}
TEST(WebSocketTransport, RefusesCertificatesThatNobodyTrustsOrOfAnotherName) {
  sim::run_test(1, checks_certificates);
}

/// What a stranger gets for these bytes, and after what time.
struct Visit {
  std::string sent;
  std::string answer{};
  Duration took{};
};

Task<void> visit(WebPeer& peer, sim::Node& stranger, std::uint16_t port, Visit& visit) {
  port::Clock& clock = stranger.env().clock;
  KITH_CO_TRY(auto stream, co_await peer.dialed_by(stranger, port));
  const Instant begin = clock.now();
  if (!visit.sent.empty()) KITH_CO_CHECK(co_await stream->write(as_bytes(visit.sent)));
  auto answer = co_await port::read_to_end(*stream, 1000, begin + 1min);
  visit.answer = answer ? std::string(as_text(*answer)) : "-";
  visit.took = clock.now() - begin;
  co_return Result<void>{};
}

Task<void> meets_strangers(sim::World& world) {
  WebPeer peer(world, 1);
  peer.listen("/ip4/0.0.0.0/tcp/4001");
  peer.listen("/ip4/0.0.0.0/tcp/4001/ws");
  sim::Node& stranger = world.add_node();
  Visit page{"GET / HTTP/1.1\r\nHost: x\r\n\r\n"};
  KITH_CO_CHECK(co_await visit(peer, stranger, 4001, page));
  EXPECT_TRUE(page.answer.starts_with("HTTP/1.1 426 ")) << page.answer;
  Visit unknown{std::string("\x01\x02\x03", 3)};
  KITH_CO_CHECK(co_await visit(peer, stranger, 4001, unknown));
  EXPECT_EQ(unknown.answer, "-");
  EXPECT_LT(unknown.took, 2s);
  Visit no_tls{"\x16\x03\x01"};
  KITH_CO_CHECK(co_await visit(peer, stranger, 4001, no_tls));
  EXPECT_EQ(no_tls.answer, "-");
  EXPECT_LT(no_tls.took, 2s);
  co_return co_await peer.swarm.close_shielded();
}
TEST(TcpPorts, TurnAwayWhoIsNobodysGuest) {
  sim::run_test(1, meets_strangers);
}

Task<void> waits_for_strangers(sim::World& world) {
  WebPeer peer(world, 1);
  peer.listen("/ip4/0.0.0.0/tcp/4001");
  peer.listen("/ip4/0.0.0.0/tcp/4001/ws");
  sim::Node& stranger = world.add_node();
  Visit silent{""};
  Visit half_a_line{"\x13/multi"};
  Visit half_a_head{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"};
  for (Visit* one : {&silent, &half_a_line, &half_a_head}) {
    KITH_CO_CHECK(co_await visit(peer, stranger, 4001, *one));
    EXPECT_GE(one->took, handshake_timeout - 1s) << one->sent;
    EXPECT_LT(one->took, handshake_timeout + 1s) << one->sent;
  }
  // A WebSocket, and then no Noise.
  Visit open{
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"};
  KITH_CO_CHECK(co_await visit(peer, stranger, 4001, open));
  EXPECT_GE(open.took, handshake_timeout - 1s);
  EXPECT_LT(open.took, handshake_timeout + 1s);
  co_return co_await peer.swarm.close_shielded();
}
TEST(TcpPorts, WaitForAGuestNoLongerThanAHandshakeMayTake) {
  sim::run_test(1, waits_for_strangers);
}

Task<void> storms(sim::World& world) {
  WebPeer one(world, 1);
  WebPeer peer(world, 2);
  peer.listen("/ip4/0.0.0.0/tcp/4001/ws");
  sim::Node& stranger = world.add_node();
  Visit open_and_close{
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"};
  const http::WebSocketMask mask{1, 2, 3, 4};
  open_and_close.sent += as_text(http::websocket_close_frame(http::websocket_close_normal, mask));
  std::size_t served = 0;
  for (int i = 0; i < 100; ++i) {
    auto visited = co_await visit(peer, stranger, 4001, open_and_close);
    served += visited && open_and_close.answer.starts_with("HTTP/1.1 101 ") ? 1 : 0;
    EXPECT_LT(open_and_close.took, 5s);
  }
  EXPECT_GT(served, 0U);
  KITH_CO_CHECK(co_await meet(one, peer, peer.at("/tcp/4001/ws"), "/ws"));
  EXPECT_EQ(peer.swarm.resources().system.used[Resource::connections], 0U);
  co_return co_await close(one, peer);
}
TEST(WebSocketTransport, KeepsServingThroughAStormOfCloses) {
  sim::run_test(1, storms);
}

Task<void> answer_page(TcpGuest guest) {
  KITH_CO_TRY(const Buffer request, co_await guest.stream->read_buffer(1000));
  const std::string answer = "page for " + std::string(as_text(request).substr(0, 9));
  KITH_CO_CHECK(co_await guest.stream->write(as_bytes(answer)));
  co_return co_await guest.stream->close_write();
}

Task<void> serves_pages(sim::World& world) {
  port::TaskGroup pages(world.executor(), world.clock());
  WebSocketOptions options;
  options.plain_http = [&pages](TcpGuest guest) { pages.spawn(answer_page(std::move(guest))); };
  options.allows = [](const http::RequestHead& head) { return !head.headers.has("Origin"); };
  WebPeer one(world, 1);
  WebPeer peer(world, 2, std::move(options));
  peer.listen("/ip4/0.0.0.0/tcp/4001");
  peer.listen("/ip4/0.0.0.0/tcp/4001/ws");
  sim::Node& stranger = world.add_node();
  Visit page{"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"};
  KITH_CO_CHECK(co_await visit(peer, stranger, 4001, page));
  EXPECT_EQ(page.answer, "page for GET /page");
  EXPECT_EQ(peer.swarm.resources().system.used[Resource::connections], 0U);
  Visit foreign{
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: y\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"};
  KITH_CO_CHECK(co_await visit(peer, stranger, 4001, foreign));
  EXPECT_TRUE(foreign.answer.starts_with("HTTP/1.1 403 ")) << foreign.answer;
  KITH_CO_CHECK(co_await meet(one, peer, peer.at("/tcp/4001/ws"), "/ws"));
  KITH_CO_CHECK(co_await pages.join_shielded());
  co_return co_await close(one, peer);
}
TEST(WebSocketTransport, LeavesPlainRequestsToWhoeverServesPages) {
  sim::run_test(1, serves_pages);
}

/// Whom a test serves pages to, when it wants to.
struct PageGuests {
  std::vector<TcpGuest> all;

  WebSocketOptions taking() {
    WebSocketOptions options;
    options.plain_http = [this](TcpGuest guest) { all.push_back(std::move(guest)); };
    return options;
  }
};

Task<void> counts_readers_of_pages(sim::World& world) {
  PageGuests guests;
  WebPeer peer(world, 2, guests.taking());
  peer.listen("/ip4/0.0.0.0/tcp/4001");
  peer.listen("/ip4/0.0.0.0/tcp/4001/ws");
  sim::Node& stranger = world.add_node();
  // As many as the limits allow one address, and one more.
  std::vector<std::unique_ptr<port::TcpStream>> readers;
  const std::size_t places = default_subnet_limits().ip4.front().connections;
  for (std::size_t i = 0; i <= places; ++i) {
    KITH_CO_TRY(auto stream, co_await peer.dialed_by(stranger, 4001));
    KITH_CO_CHECK(co_await stream->write(as_bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    readers.push_back(std::move(stream));
  }
  auto refused = co_await port::read_to_end(*readers.back(), 100, peer.soon());
  EXPECT_TRUE(!refused || refused->empty());
  EXPECT_EQ(guests.all.size(), places);
  // They are no handshakes any more, and end at no handshake's deadline.
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 2 * handshake_timeout));
  ResourceReport report = peer.swarm.resources();
  EXPECT_EQ(report.system.used[Resource::connections_inbound], places);
  EXPECT_EQ(report.system.used[Resource::descriptors], places);
  EXPECT_EQ(report.transient.used[Resource::connections_inbound], 0U);
  KITH_CO_CHECK(co_await guests.all.front().stream->write(as_bytes("page")));
  KITH_CO_CHECK(co_await guests.all.front().stream->close_write());
  KITH_CO_TRY(const Bytes page, co_await port::read_to_end(*readers.front(), 100, peer.soon()));
  EXPECT_EQ(as_text(page), "page");
  guests.all.pop_back();
  EXPECT_EQ(peer.swarm.resources().system.used[Resource::connections], places - 1);
  guests.all.clear();
  EXPECT_EQ(peer.swarm.resources().system.used[Resource::connections], 0U);
  co_return co_await peer.swarm.close_shielded();
}
TEST(WebSocketTransport, CountsReadersOfPagesWhileTheyStay) {
  sim::run_test(1, counts_readers_of_pages);
}

Task<void> holds_pages_to_bandwidth(sim::World& world) {
  PageGuests guests;
  SwarmLimits limits;
  limits.bandwidth.all.up = 10'000;
  WebPeer peer(world, 2, guests.taking(), std::move(limits));
  peer.listen("/ip4/0.0.0.0/tcp/4001/ws");
  sim::Node& stranger = world.add_node();
  KITH_CO_TRY(auto reader, co_await peer.dialed_by(stranger, 4001));
  KITH_CO_CHECK(co_await reader->write(as_bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
  while (guests.all.empty())
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10ms));
  const Instant begin = world.clock().now();
  const Bytes page(100'000);
  KITH_CO_CHECK(co_await guests.all.front().stream->write(page));
  EXPECT_GE(world.clock().now() - begin, 9s);
  guests.all.clear();
  co_return co_await peer.swarm.close_shielded();
}
TEST(WebSocketTransport, HoldsPagesToTheLimitsOfBandwidth) {
  sim::run_test(1, holds_pages_to_bandwidth);
}

TEST(GuestKind, IsToldByTheFirstByte) {
  EXPECT_EQ(guest_kind(0x13), GuestKind::multistream);
  EXPECT_EQ(guest_kind(0x16), GuestKind::tls);
  for (char method : {'G', 'H', 'P', 'D', 'C', 'O', 'T'})
    EXPECT_EQ(guest_kind(static_cast<std::uint8_t>(method)), GuestKind::http);
  for (std::uint8_t other : {0x00, 0x14, 0x15, 0x80, 0xff})
    EXPECT_EQ(guest_kind(other), std::nullopt);
}

}  // namespace
}  // namespace kith::net
