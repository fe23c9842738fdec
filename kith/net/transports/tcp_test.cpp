#include <gtest/gtest.h>

#include <kith/net/transports/tcp.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;

/// The endpoint as text; "-" if there is none.
std::string endpoint_of(std::string_view text) {
  auto address = Multiaddr::parse(text);
  EXPECT_TRUE(address.has_value()) << text;
  std::optional<port::Endpoint> endpoint = tcp_endpoint(*address);
  return endpoint ? endpoint->to_string() : "-";
}

constexpr std::string_view peer = "/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

TEST(TcpAddress, IsAnIpAddressAPortAndMaybeAPeer) {
  EXPECT_EQ(endpoint_of("/ip4/1.2.3.4/tcp/4001"), "1.2.3.4:4001");
  EXPECT_EQ(endpoint_of("/ip6/::1/tcp/4001"), "[::1]:4001");
  EXPECT_EQ(endpoint_of("/ip4/1.2.3.4/tcp/4001" + std::string(peer)), "1.2.3.4:4001");
  EXPECT_EQ(tcp_endpoint(*Multiaddr::parse("/ip6zone/3/ip6/fe80::1/tcp/1"))->address.scope(), 3u);
}

TEST(TcpAddress, HasNothingBehindThePort) {
  EXPECT_EQ(endpoint_of("/ip4/1.2.3.4/tcp/1/ip4/5.6.7.8/tcp/2"), "-");
  EXPECT_EQ(endpoint_of("/ip4/1.2.3.4/tcp/1/tcp/2"), "-");
  EXPECT_EQ(endpoint_of("/ip4/1.2.3.4/tcp/1/ip6/::1"), "-");
  EXPECT_EQ(endpoint_of("/ip4/1.2.3.4/tcp/1/ws"), "-");
  EXPECT_EQ(endpoint_of("/ip4/1.2.3.4/tcp/1" + std::string(peer) + "/p2p-circuit"), "-");
  EXPECT_EQ(endpoint_of("/ip4/1.2.3.4/tcp/1" + std::string(peer) + std::string(peer)), "-");
}

TEST(TcpAddress, IsNoNameNoOtherTransportAndNoNamedZone) {
  EXPECT_EQ(endpoint_of("/dns4/example.com/tcp/4001"), "-");
  EXPECT_EQ(endpoint_of("/ip4/1.2.3.4/udp/4001/quic-v1"), "-");
  EXPECT_EQ(endpoint_of("/ip4/1.2.3.4"), "-");
  EXPECT_EQ(endpoint_of("/ip6zone/eth0/ip6/fe80::1/tcp/1"), "-");
}

TEST(TcpAddress, OfAnEndpointGivesTheEndpointBack) {
  for (std::string_view text :
       {"/ip4/1.2.3.4/tcp/4001", "/ip6/2001:db8::1/tcp/65535", "/ip6zone/7/ip6/fe80::1/tcp/1"}) {
    const Multiaddr address = *Multiaddr::parse(text);
    EXPECT_EQ(tcp_address(*tcp_endpoint(address)), address) << text;
  }
}

}  // namespace
}  // namespace kith::net
