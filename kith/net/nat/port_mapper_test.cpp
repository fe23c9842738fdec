#include <gtest/gtest.h>

#include <kith/net/nat/limits.hpp>
#include <kith/net/nat/nat_pmp.hpp>
#include <kith/net/nat/port_mapper.hpp>
#include <kith/net/test_peer.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

TEST(NatPmp, IsWrittenAndReadAsTheRfcSays) {
  EXPECT_EQ(to_hex(nat_pmp_ask_address()), "0000");
  EXPECT_EQ(to_hex(nat_pmp_ask_mapping({IpTransport::tcp, 4001, 4001, 3600})),
            "000200000fa10fa100000e10");
  const auto address = decode_nat_pmp(hex("0080000000000010c6336407"));
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(std::get<NatPmpAddress>(*address).outside, port::IpAddress::parse("198.51.100.7"));
  const auto mapping = decode_nat_pmp(hex("00820000000000100fa10fa200000e10"));
  ASSERT_TRUE(mapping.has_value());
  EXPECT_EQ(std::get<NatPmpMapping>(*mapping), (NatPmpMapping{IpTransport::tcp, 4001, 4002, 3600}));
  EXPECT_TRUE(decode_nat_pmp(hex("0082000200000010")).error().is(NatPmpError::not_authorized));
  EXPECT_TRUE(decode_nat_pmp(hex("008200ff00000010")).error().is(NatPmpError::other));
  for (std::string_view none : {"", "00", "0282000000000010", "0002000000000010",
                                "0080000000000010c63364", "008300000000001000000000000000000"}) {
    const auto bytes = from_hex(none);
    if (bytes) EXPECT_TRUE(decode_nat_pmp(*bytes).error().is(Errc::corrupt)) << none;
  }
}

TEST(GatewaysOfRoutes, AreThoseOfDefaultRoutes) {
  constexpr std::string_view table =
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
      "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\n"
      "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n"
      "eth1\t00000000\t0101A8C0\t0003\t0\t0\t1\t00000000\n"
      "tun0\t00000000\t00000000\t0001\t0\t0\t1\t00000000\n";
  EXPECT_EQ(gateways_of_routes(table),
            std::vector<port::IpAddress>{*port::IpAddress::parse("192.168.1.1")});
  EXPECT_TRUE(gateways_of_routes("").empty());
}

/// A router that maps ports as the test says.
struct Router {
  explicit Router(sim::Node& its_node) : node(its_node) {}

  Task<void> serve() {
    KITH_CO_TRY(
        std::unique_ptr<port::UdpSocket> socket,
        node.env().net.bind_udp({port::IpAddress::any(port::IpFamily::v4), nat_pmp_port}, {}));
    for (;;) {
      Bytes buffer(100);
      MutableBytes into = buffer;
      KITH_CO_TRY(const port::UdpSocket::Received got, co_await socket->receive(into));
      if (silent) continue;
      const Bytes answer = answer_to(ByteView(buffer).first(got.size));
      KITH_CO_CHECK(co_await socket->send(got.from, answer));
    }
  }

  Bytes answer_to(ByteView request) {
    Bytes answer = {0, static_cast<std::uint8_t>(128 + request[1]), 0, 0, 0, 0, 0, 0};
    const auto since = std::chrono::floor<std::chrono::seconds>(node.env().clock.now() - began);
    store_be(&answer[4], static_cast<std::uint32_t>(since.count()));
    if (request[0] != 0) {
      answer[3] = 1;
      return answer;
    }
    if (request.size() == 2) {
      append(answer, outside.bytes());
      return answer;
    }
    ++requests;
    const auto inside = load_be<std::uint16_t>(&request[4]);
    const auto lifetime = load_be<std::uint32_t>(&request[8]);
    if (lifetime == 0) {
      mapped.erase(inside);
    } else {
      mapped[inside] = load_be<std::uint16_t>(&request[6]) + shift;
    }
    append(answer, request.subspan(4, 2));
    answer.resize(16);
    const int given = mapped.contains(inside) ? mapped.at(inside) : 0;
    store_be(&answer[10], static_cast<std::uint16_t>(given));
    store_be(&answer[12], std::min<std::uint32_t>(lifetime, given_s));
    return answer;
  }

  sim::Node& node;
  port::IpAddress outside = *port::IpAddress::parse("198.51.100.7");
  bool silent = false;
  std::uint32_t given_s = 3600;
  std::uint16_t shift = 0;
  Instant began{};
  std::size_t requests = 0;
  std::map<std::uint16_t, int> mapped;
};

struct Scene {
  explicit Scene(sim::World& world)
      : router(world.add_node(at("192.168.1.1"))),
        peer(world.add_node(at("192.168.1.2")), 1),
        mapper(
            peer.env(), peer.swarm, [this] { return std::vector{router.node.address()}; },
            [this] { ++changes; }) {
    router.node.spawn(router.serve());
  }
  Task<void> pause(Duration duration) {
    co_return co_await port::sleep_for(peer.env().clock, duration);
  }
  Task<void> close() {
    KITH_CO_CHECK(co_await mapper.close_shielded());
    co_return co_await peer.close();
  }

  std::size_t changes = 0;
  Router router;
  TestPeer peer;
  PortMapper mapper;
};

Task<void> maps(sim::World& world) {
  Scene scene(world);
  scene.router.shift = 10;
  KITH_CO_CHECK(co_await scene.pause(10s));
  EXPECT_EQ(scene.mapper.addresses(), std::vector{address("/ip4/198.51.100.7/tcp/4011")});
  EXPECT_EQ(scene.changes, 1u);
  const PortMappings report = scene.mapper.report();
  EXPECT_EQ(report.protocol, "NAT-PMP");
  EXPECT_EQ(report.router, scene.router.node.address());
  EXPECT_EQ(report.outside, scene.router.outside);
  KITH_CO_REQUIRE(report.mappings.size() == 1);
  EXPECT_EQ(report.mappings[0].inside, 4001);
  EXPECT_EQ(report.mappings[0].outside, 4011);
  EXPECT_EQ(report.last_failure, "");
  scene.router.shift = 0;
  KITH_CO_CHECK(co_await scene.pause(55min));
  EXPECT_EQ(scene.router.requests, 2u);
  EXPECT_EQ(scene.mapper.addresses(), std::vector{address("/ip4/198.51.100.7/tcp/4011")});
  KITH_CO_CHECK(co_await scene.close());
  KITH_CO_CHECK(co_await port::sleep_for(scene.peer.env().clock, 1s));
  EXPECT_FALSE(scene.router.mapped.contains(4001));
  co_return Result<void>{};
}

TEST(PortMapper, MapsRenewsAndGivesBack) {
  sim::run_test(1, maps);
}

Task<void> websocket_too(sim::World& world) {
  Scene scene(world);
  EXPECT_TRUE(scene.peer.swarm.listen(address("/ip4/0.0.0.0/tcp/4002/ws")).has_value());
  KITH_CO_CHECK(co_await scene.pause(1min));
  EXPECT_EQ(scene.mapper.addresses(), (std::vector{address("/ip4/198.51.100.7/tcp/4001"),
                                                   address("/ip4/198.51.100.7/tcp/4002/ws")}));
  co_return co_await scene.close();
}

TEST(PortMapper, SaysWhatIsSpokenAtThePort) {
  sim::run_test(1, websocket_too);
}

Task<void> second_nat(sim::World& world) {
  Scene scene(world);
  scene.router.outside = *port::IpAddress::parse("10.1.1.1");
  KITH_CO_CHECK(co_await scene.pause(1min));
  EXPECT_TRUE(scene.mapper.addresses().empty());
  EXPECT_EQ(scene.mapper.report().outside, scene.router.outside);
  co_return co_await scene.close();
}

Task<void> begins_anew(sim::World& world) {
  Scene scene(world);
  KITH_CO_CHECK(co_await scene.pause(1min));
  EXPECT_EQ(scene.router.requests, 1u);
  scene.router.mapped.clear();
  scene.router.began = scene.peer.env().clock.now();
  KITH_CO_CHECK(co_await scene.pause(gateway_look_interval));
  EXPECT_EQ(scene.router.requests, 2u);
  EXPECT_TRUE(scene.router.mapped.contains(4001));
  co_return co_await scene.close();
}

TEST(PortMapper, MapsAgainWhenTheRouterHasBegunAnew) {
  sim::run_test(1, begins_anew);
}

Task<void> listens_no_more(sim::World& world) {
  Scene scene(world);
  KITH_CO_CHECK(co_await scene.pause(1min));
  EXPECT_EQ(scene.mapper.opened().size(), 1u);
  EXPECT_TRUE(scene.peer.swarm.stop_listening(address("/ip4/0.0.0.0/tcp/4001")));
  KITH_CO_CHECK(co_await scene.pause(1min));
  EXPECT_TRUE(scene.mapper.opened().empty());
  EXPECT_TRUE(scene.router.mapped.empty());
  co_return co_await scene.close();
}

TEST(PortMapper, GivesBackAPortWhereNobodyListensAnyMore) {
  sim::run_test(1, listens_no_more);
}

TEST(PortMapper, TellsNoAddressThatIsNotPublic) {
  sim::run_test(1, second_nat);
}

Task<void> short_lived(sim::World& world) {
  Scene scene(world);
  scene.router.given_s = 1;
  KITH_CO_CHECK(co_await scene.pause(10min));
  EXPECT_LE(scene.router.requests, 12u);
  co_return co_await scene.close();
}

TEST(PortMapper, ARouterThatGivesASecondIsNotAskedEverySecond) {
  sim::run_test(1, short_lived);
}

Task<void> goes_away(sim::World& world) {
  Scene scene(world);
  KITH_CO_CHECK(co_await scene.pause(1min));
  EXPECT_EQ(scene.mapper.addresses().size(), 1u);
  scene.router.silent = true;
  KITH_CO_CHECK(co_await scene.pause(58min));
  scene.router.silent = false;
  KITH_CO_CHECK(co_await scene.pause(30s));
  co_return co_await scene.close();
}

TEST(PortMapper, SurvivesARouterThatSaysNothing) {
  sim::run_test(1, goes_away);
}

}  // namespace
}  // namespace kith::net
