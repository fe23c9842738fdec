#include <gtest/gtest.h>

#include <kith/net/transports/address.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;

const std::string peer = "/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

/// Kind, endpoint and TLS as text; "-" for an address that no transport has.
std::string read(std::string_view text) {
  auto address = Multiaddr::parse(text);
  EXPECT_TRUE(address.has_value()) << text;
  const std::optional<TransportAddress> found = transport_address(*address);
  if (!found) return "-";
  constexpr std::array kinds{"memory", "quic", "tcp", "websocket", "circuit"};
  std::string told = kinds[static_cast<std::size_t>(found->kind)];
  if (found->endpoint) told += " " + found->endpoint->to_string();
  if (found->tls) told += " tls";
  if (!found->server_name.empty()) told += " " + found->server_name;
  return told;
}

TEST(TransportAddress, SaysWhichTransportIsMeant) {
  EXPECT_EQ(read("/ip4/1.2.3.4/tcp/4001"), "tcp 1.2.3.4:4001");
  EXPECT_EQ(read("/ip4/1.2.3.4/tcp/4001" + peer), "tcp 1.2.3.4:4001");
  EXPECT_EQ(read("/ip6/::1/udp/4001/quic-v1"), "quic [::1]:4001");
  EXPECT_EQ(read("/ip6/::1/udp/4001/quic-v1" + peer), "quic [::1]:4001");
  EXPECT_EQ(read("/ip4/1.2.3.4/tcp/80/ws"), "websocket 1.2.3.4:80");
  EXPECT_EQ(read("/ip4/1.2.3.4/tcp/443/wss" + peer), "websocket 1.2.3.4:443 tls");
  EXPECT_EQ(read("/ip4/1.2.3.4/tcp/443/tls/ws"), "websocket 1.2.3.4:443 tls");
  EXPECT_EQ(read("/ip4/1.2.3.4/tcp/443/tls/sni/example.com/ws"),
            "websocket 1.2.3.4:443 tls example.com");
  EXPECT_EQ(read("/memory/7"), "memory");
}

TEST(TransportAddress, HasANameForPeople) {
  auto name = [](const std::string& text) { return transport_name(*Multiaddr::parse(text)); };
  EXPECT_EQ(name("/ip4/1.2.3.4/tcp/4001"), "tcp");
  EXPECT_EQ(name("/ip6/::1/udp/4001/quic-v1" + peer), "quic");
  EXPECT_EQ(name("/ip4/1.2.3.4/tcp/80/ws"), "websocket");
  EXPECT_EQ(name("/ip4/1.2.3.4/tcp/443/wss"), "websocket-tls");
  EXPECT_EQ(name("/ip4/1.2.3.4/tcp/1" + peer + "/p2p-circuit" + peer), "relay");
  EXPECT_EQ(name("/memory/7"), "memory");
  EXPECT_EQ(name("/ip4/1.2.3.4"), "");
}

TEST(TransportAddress, GoesOnBehindThePort) {
  auto behind = [](const std::string& text) {
    return behind_port(*Multiaddr::parse(text)).to_string();
  };
  EXPECT_EQ(behind("/ip4/1.2.3.4/tcp/4001" + peer), "");
  EXPECT_EQ(behind("/ip4/1.2.3.4/udp/4001/quic-v1" + peer), "/quic-v1");
  EXPECT_EQ(behind("/ip6/::1/tcp/443/tls/sni/example.com/ws"), "/tls/sni/example.com/ws");
}

TEST(TransportAddress, OfACircuitLeadsToItsRelay) {
  EXPECT_EQ(read("/ip4/1.2.3.4/udp/1/quic-v1" + peer + "/p2p-circuit"), "circuit 1.2.3.4:1");
  EXPECT_EQ(read("/ip4/1.2.3.4/tcp/1" + peer + "/p2p-circuit" + peer), "circuit 1.2.3.4:1");
  EXPECT_EQ(read(peer + "/p2p-circuit" + peer), "circuit");
  EXPECT_EQ(read("/dns4/example.com/tcp/1" + peer + "/p2p-circuit"), "circuit");
}

TEST(TransportAddress, OfACircuitNamesOneRelayAndNothingBehindIt) {
  EXPECT_EQ(read("/ip4/1.2.3.4/tcp/1/p2p-circuit" + peer), "-");
  EXPECT_EQ(read("/p2p-circuit" + peer), "-");
  EXPECT_EQ(read("/ip4/1.2.3.4/tcp/1" + peer + "/p2p-circuit" + peer + "/p2p-circuit"), "-");
  EXPECT_EQ(read("/ip4/1.2.3.4/tcp/1" + peer + "/p2p-circuit/ip4/1.2.3.4/tcp/1"), "-");
}

TEST(TransportAddress, TakesNothingElseForOne) {
  for (const std::string& text :
       {std::string("/ip4/1.2.3.4/udp/1"), std::string("/ip4/1.2.3.4/udp/1/quic"),
        std::string("/ip4/1.2.3.4/udp/1/quic-v1/webtransport"),
        std::string("/ip4/1.2.3.4/tcp/1/tls"), std::string("/ip4/1.2.3.4/tcp/1/http"),
        std::string("/ip4/1.2.3.4/tcp/1/ws/ws"), std::string("/ip4/1.2.3.4/tcp/1/sni/a.b/tls/ws"),
        std::string("/ip4/1.2.3.4/tcp/1/tls/http/ws"), std::string("/ip4/1.2.3.4"),
        std::string("/dns4/example.com/tcp/1"), std::string("/memory/1/tcp/1"),
        "/ip4/1.2.3.4/tcp/1" + peer + peer, std::string("/ip6zone/eth0/ip6/fe80::1/tcp/1")})
    EXPECT_EQ(read(text), "-") << text;
}

TEST(TransportAddress, OfAnEndpointGivesTheEndpointBack) {
  for (std::string_view text : {"/ip4/1.2.3.4/udp/4001/quic-v1", "/ip6/2001:db8::1/udp/1/quic-v1",
                                "/ip6zone/7/ip6/fe80::1/udp/1/quic-v1"}) {
    const Multiaddr address = *Multiaddr::parse(text);
    EXPECT_EQ(quic_address(*endpoint_of(address)), address) << text;
  }
}

}  // namespace
}  // namespace kith::net
