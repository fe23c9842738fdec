#include <gtest/gtest.h>

#include <kith/dht/ip_group.hpp>
#include <kith/dht/limits.hpp>

namespace kith::dht {
namespace {

using multiformats::Multiaddr;

std::optional<IpGroup> of(std::string_view text) {
  return group_of(*Multiaddr::parse(text));
}

TEST(IpGroup, IsSixteenBitsOfAnIpv4Address) {
  EXPECT_EQ(of("/ip4/8.8.1.1/tcp/1"), of("/ip4/8.8.200.9/udp/2/quic-v1"));
  EXPECT_NE(of("/ip4/8.8.1.1/tcp/1"), of("/ip4/8.9.1.1/tcp/1"));
  EXPECT_EQ(of("/ip4/8.8.1.1/tcp/1"), of("/ip6/::ffff:8.8.3.4/tcp/1")) << "mapped";
}

TEST(IpGroup, IsThirtyTwoBitsOfAnIpv6Address) {
  EXPECT_EQ(of("/ip6/2001:db8:1::1/tcp/1"), of("/ip6/2001:db8:ffff::2/tcp/1"));
  EXPECT_NE(of("/ip6/2001:db8::1/tcp/1"), of("/ip6/2001:db9::1/tcp/1"));
  EXPECT_NE(of("/ip6/0:808::1/tcp/1"), of("/ip4/8.8.0.1/tcp/1"));
}

TEST(IpGroup, IsNoneOfWhatIsNotAGlobalAddress) {
  for (std::string_view address :
       {"/ip4/127.0.0.1/tcp/1", "/ip4/10.1.2.3/tcp/1", "/ip6/fd00::1/tcp/1", "/ip6/::1/tcp/1",
        "/dns4/example.com/tcp/1"})
    EXPECT_EQ(of(address), std::nullopt) << address;
}

TEST(IpGroup, IsTheRelaysOfARelayedAddress) {
  EXPECT_EQ(
      of("/ip4/8.8.8.8/tcp/1/p2p/12D3KooWBmwkafWE2fqfzS96VoTZgpGp6aJsF4N6eAR5AHXCXAZN/p2p-circuit"),
      of("/ip4/8.8.1.1/udp/7/quic-v1"));
}

TEST(IpGroup, IsCountedOnceForAPeer) {
  std::vector<Multiaddr> addresses;
  for (std::string_view text :
       {"/ip4/8.8.1.1/tcp/1", "/ip4/8.8.2.2/tcp/1", "/ip4/9.9.1.1/tcp/1", "/ip4/10.0.0.1/tcp/1"})
    addresses.push_back(*Multiaddr::parse(text));
  EXPECT_EQ(groups_of(addresses).size(), 2u);
  for (int i = 0; i < 20; ++i)
    addresses.push_back(*Multiaddr::parse("/ip4/8." + std::to_string(i) + ".1.1/tcp/1"));
  EXPECT_EQ(groups_of(addresses).size(), ip_groups_per_peer_max);
}

}  // namespace
}  // namespace kith::dht
