#include <gtest/gtest.h>

#include <kith/http/server.hpp>
#include <kith/net/nat/igd.hpp>
#include <kith/net/nat/limits.hpp>
#include <kith/net/nat/port_mapper.hpp>
#include <kith/net/test_peer.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;

constexpr std::string_view service = "urn:schemas-upnp-org:service:WANIPConnection:1";

/// A device that speaks UPnP and nothing else, as the test says.
struct Device {
  explicit Device(sim::Node& its_node)
      : node(its_node),
        location("http://" + node.address().to_string() + ":5000/root.xml"),
        server(node.env(), {}, [this](http::Request& request, http::ResponseWriter& response) {
          return answer(request, response);
        }) {
    EXPECT_TRUE(server.listen({node.address(), 5000}).has_value());
  }

  Task<void> serve() {
    KITH_CO_TRY(std::unique_ptr<port::UdpSocket> socket,
                node.env().net.bind_udp({port::IpAddress::any(port::IpFamily::v4), ssdp_port}, {}));
    KITH_CO_CHECK(socket->join_multicast(port::IpAddress::v4(ssdp_group), 0));
    for (;;) {
      Bytes buffer(1000);
      MutableBytes into = buffer;
      KITH_CO_TRY(const port::UdpSocket::Received got, co_await socket->receive(into));
      ++searches;
      const std::string found =
          "HTTP/1.1 200 OK\r\nST: "
          "urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLOCATION: " +
          location + "\r\n\r\n";
      KITH_CO_CHECK(co_await socket->send(got.from, as_bytes(found)));
    }
  }

  Task<void> answer(http::Request& request, http::ResponseWriter& response) {
    if (silent) KITH_CO_CHECK(co_await port::sleep_for(node.env().clock, 1h));
    if (!moved_to.empty()) {
      response.headers.set("Location", moved_to);
      co_return co_await response.send(302, "text/html", {});
    }
    std::string text;
    if (request.method == "GET") {
      text = "<root><device><serviceList><service><serviceType>" + std::string(service) +
             "</serviceType><controlURL>/ctl</controlURL></service></serviceList></device></root>";
    } else {
      KITH_CO_TRY(const Bytes body, co_await http::read_all(request.body, 10'000));
      text = act(std::string(request.headers.get("SOAPAction").value_or("")), as_text(body));
    }
    const int status = text.find("Fault") == std::string::npos ? 200 : 500;
    co_return co_await response.send(status, "text/xml", as_bytes(text));
  }

  std::string act(const std::string& action, std::string_view body) {
    const std::string name =
        action.substr(action.find('#') + 1, action.rfind('"') - action.find('#') - 1);
    const int port = number_in(body, "NewExternalPort");
    int fault = 0;
    std::string values;
    if (name == "GetExternalIPAddress")
      values = "<NewExternalIPAddress>" + outside + "</NewExternalIPAddress>";
    if (name == "AddPortMapping") {
      const int lease = number_in(body, "NewLeaseDuration");
      if (only_permanent && lease != 0) fault = upnp_only_permanent_leases;
      if (fault == 0 && taken.contains(port)) fault = upnp_conflict;
      if (fault == 0) mapped[port] = lease;
      ++requests;
    }
    if (name == "DeletePortMapping") mapped.erase(port);
    const std::string inner =
        fault == 0 ? "<u:" + name + "Response>" + values + "</u:" + name + "Response>"
                   : "<s:Fault><detail><UPnPError><errorCode>" + std::to_string(fault) +
                         "</errorCode></UPnPError></detail></s:Fault>";
    return "<s:Envelope><s:Body>" + inner + "</s:Body></s:Envelope>";
  }

  static int number_in(std::string_view body, const std::string& name) {
    const std::size_t at = body.find("<" + name + ">");
    if (at == std::string_view::npos) return -1;
    return std::atoi(std::string(body.substr(at + name.size() + 2, 10)).c_str());
  }

  sim::Node& node;
  std::string location;
  std::string outside = "198.51.100.7";
  std::string moved_to{};
  bool silent = false;
  bool only_permanent = false;
  std::set<int> taken{};
  std::map<int, int> mapped{};  ///< to the lease
  std::size_t requests = 0;
  std::size_t searches = 0;
  http::Server server;
};

struct Scene {
  explicit Scene(sim::World& world)
      : router(world.add_node(at("192.168.1.1"))),
        neighbour(world.add_node(at("192.168.1.9"))),
        peer(world.add_node(at("192.168.1.2")), 1),
        mapper(
            peer.env(), peer.swarm, [this] { return std::vector{router.node.address()}; }, [] {}) {
    peer.net.shown = {"192.168.1.2"};
    router.node.spawn(router.serve());
    neighbour.node.spawn(neighbour.serve());
  }
  Task<void> pause(Duration duration) {
    co_return co_await port::sleep_for(peer.env().clock, duration);
  }
  std::size_t dials_to(const Device& device) const {
    std::size_t count = 0;
    for (const TestNet::Dial& dial : peer.net.dials)
      count += dial.remote.address == device.node.address() ? 1 : 0;
    return count;
  }
  Task<void> close() {
    KITH_CO_CHECK(co_await mapper.close_shielded());
    KITH_CO_CHECK(co_await router.server.stop(0s));
    KITH_CO_CHECK(co_await neighbour.server.stop(0s));
    co_return co_await peer.close();
  }

  Device router;
  Device neighbour;
  TestPeer peer;
  PortMapper mapper;
};

Task<void> maps(sim::World& world) {
  Scene scene(world);
  KITH_CO_CHECK(co_await scene.pause(30s));
  EXPECT_EQ(scene.mapper.addresses(), std::vector{address("/ip4/198.51.100.7/tcp/4001")});
  EXPECT_EQ(scene.mapper.opened().front().protocol, "UPnP");
  EXPECT_EQ(scene.router.mapped[4001], 3600);
  EXPECT_EQ(scene.router.requests, 1u);
  const std::size_t searches = scene.router.searches;
  KITH_CO_CHECK(co_await scene.pause(55min));
  EXPECT_EQ(scene.router.requests, 2u);
  EXPECT_EQ(scene.router.searches, searches);
  // It answers too, but isn't where we go out.
  EXPECT_GT(scene.neighbour.searches, 0u);
  EXPECT_EQ(scene.dials_to(scene.neighbour), 0u);
  KITH_CO_CHECK(co_await scene.close());
  EXPECT_TRUE(scene.router.mapped.empty());
  co_return Result<void>{};
}

TEST(UpnpGateway, MapsRenewsAndGivesBack) {
  sim::run_test(1, maps);
}

Task<void> moves(sim::World& world) {
  Scene scene(world);
  KITH_CO_CHECK(co_await scene.pause(30s));
  scene.router.outside = "198.51.100.8";
  KITH_CO_CHECK(co_await scene.pause(gateway_look_interval));
  EXPECT_EQ(scene.mapper.addresses(), std::vector{address("/ip4/198.51.100.8/tcp/4001")});
  co_return co_await scene.close();
}

TEST(UpnpGateway, NoticesThatTheRouterHasAnotherAddress) {
  sim::run_test(1, moves);
}

Task<void> is_taken(sim::World& world) {
  Scene scene(world);
  scene.router.taken = {4001};
  scene.router.only_permanent = true;
  KITH_CO_CHECK(co_await scene.pause(30s));
  EXPECT_EQ(scene.router.mapped.size(), 1u);
  const auto [port, lease] = *scene.router.mapped.begin();
  EXPECT_NE(port, 4001);
  EXPECT_EQ(lease, 0);
  const auto opened = scene.mapper.opened();
  EXPECT_TRUE(opened.size() == 1 && opened.front().outside.port == port);
  KITH_CO_CHECK(co_await scene.close());
  EXPECT_TRUE(scene.router.mapped.empty());
  co_return Result<void>{};
}

TEST(UpnpGateway, TakesAnotherPortAndALeaseWithoutEndWhereItMust) {
  sim::run_test(1, is_taken);
}

Task<void> is_led_away(sim::World& world) {
  Scene scene(world);
  scene.router.location = scene.neighbour.location;
  KITH_CO_CHECK(co_await scene.pause(5min));
  EXPECT_GT(scene.router.searches, 0u);
  EXPECT_EQ(scene.dials_to(scene.neighbour), 0u);
  EXPECT_EQ(scene.dials_to(scene.router), 0u);
  scene.router.location = "http://192.168.1.1:5000/root.xml";
  scene.router.moved_to = scene.neighbour.location;
  KITH_CO_CHECK(co_await scene.pause(5min));
  EXPECT_GT(scene.dials_to(scene.router), 0u);
  EXPECT_EQ(scene.dials_to(scene.neighbour), 0u);
  EXPECT_TRUE(scene.mapper.opened().empty());
  co_return co_await scene.close();
}

TEST(UpnpGateway, GoesNowhereElseWhateverTheRouterSays) {
  sim::run_test(1, is_led_away);
}

Task<void> stalls(sim::World& world) {
  Scene scene(world);
  scene.router.silent = true;
  KITH_CO_CHECK(co_await scene.pause(10min));
  EXPECT_TRUE(scene.mapper.opened().empty());
  EXPECT_GT(scene.dials_to(scene.router), 1u);
  EXPECT_LT(scene.dials_to(scene.router), 10u);
  scene.router.silent = false;
  KITH_CO_CHECK(co_await scene.pause(5min));
  EXPECT_EQ(scene.mapper.opened().size(), 1u);
  // And at the end it takes its time again.
  scene.router.silent = true;
  const Instant before = scene.peer.env().clock.now();
  KITH_CO_CHECK(co_await scene.mapper.close_shielded());
  EXPECT_LE(scene.peer.env().clock.now() - before, give_back_timeout);
  co_return co_await scene.close();
}

TEST(UpnpGateway, DoesNotWaitForeverForARouterThatStalls) {
  sim::run_test(1, stalls);
}

}  // namespace
}  // namespace kith::net
