#include <gtest/gtest.h>

#include <kith/net/address_filter.hpp>
#include <kith/net/announce.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;

Multiaddr address(std::string_view text) {
  auto parsed = Multiaddr::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed ? *parsed : Multiaddr();
}

IpNetwork network(std::string_view text) {
  auto parsed = IpNetwork::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed ? *parsed : IpNetwork::of(address("/ip4/0.0.0.0")).value();
}

TEST(IpNetwork, ContainsTheAddressesThatShareItsFirstBits) {
  struct {
    const char* network;
    const char* in;
    const char* out;
  } cases[] = {
      {"/ip4/10.0.0.0/ipcidr/8", "/ip4/10.255.0.1/tcp/1", "/ip4/11.0.0.0/tcp/1"},
      {"/ip4/192.168.4.0/ipcidr/22", "/ip4/192.168.7.255", "/ip4/192.168.8.0"},
      {"/ip4/1.2.3.4/ipcidr/32", "/ip4/1.2.3.4/udp/1/quic-v1", "/ip4/1.2.3.5"},
      {"/ip4/0.0.0.0/ipcidr/0", "/ip4/255.255.255.255", "/ip6/::1"},
      {"/ip4/128.0.0.0/ipcidr/1", "/ip4/200.0.0.1", "/ip4/127.0.0.1"},
      {"/ip6/fc00::/ipcidr/7", "/ip6/fdff::1/tcp/1", "/ip6/fe00::1/tcp/1"},
      {"/ip6/2001:db8::/ipcidr/33", "/ip6/2001:db8:7fff::1", "/ip6/2001:db8:8000::1"},
      // What a socket of both families calls an IPv4 peer.
      {"/ip4/10.0.0.0/ipcidr/8", "/ip6/::ffff:10.1.2.3/tcp/1", "/ip6/::ffff:11.1.2.3/tcp/1"},
      {"/ip6/::ffff:10.0.0.0/ipcidr/104", "/ip4/10.1.2.3/tcp/1", "/ip4/11.1.2.3/tcp/1"},
      {"/ip4/10.0.0.0/ipcidr/8", "/ip4/10.0.0.0", "/dns4/10.example/tcp/1"},
  };
  for (const auto& one : cases) {
    EXPECT_TRUE(network(one.network).contains(address(one.in))) << one.network << " " << one.in;
    EXPECT_FALSE(network(one.network).contains(address(one.out))) << one.network << " " << one.out;
  }
}

TEST(IpNetwork, IsWrittenWithoutTheBitsBehindThePrefix) {
  EXPECT_EQ(network("/ip4/10.9.8.7/ipcidr/12").to_string(), "/ip4/10.0.0.0/ipcidr/12");
  EXPECT_EQ(network("/ip6/fe80::1/ipcidr/10").to_string(), "/ip6/fe80::/ipcidr/10");
  EXPECT_EQ(network("/ip4/10.9.8.7/ipcidr/12"), network("/ip4/10.0.0.0/ipcidr/12"));
}

TEST(IpNetwork, RefusesWhatIsNoNetwork) {
  for (const char* text :
       {"", "10.0.0.0/8", "/ip4/10.0.0.0", "/ip4/10.0.0.0/ipcidr/33", "/ip4/10.0.0.0/tcp/1",
        "/ip4/10.0.0.0/ipcidr/8/tcp/1", "/ipcidr/8", "/dns4/a/ipcidr/8", "/ip4/10.0.0/ipcidr/8"}) {
    EXPECT_FALSE(IpNetwork::parse(text).has_value()) << text;
  }
}

TEST(AddressFilter, RefusesItsNetworksUntilTheyAreRemoved) {
  AddressFilter filter({network("/ip4/10.0.0.0/ipcidr/8")});
  const multiformats::PeerId peer;
  const Multiaddr near = address("/ip4/10.0.0.1/tcp/1");
  const Multiaddr far = address("/ip4/11.0.0.1/tcp/1");
  EXPECT_FALSE(filter.allow_accept(near));
  EXPECT_FALSE(filter.allow_dial_address(peer, near));
  EXPECT_FALSE(filter.allow_peer(peer, Direction::inbound, near));
  EXPECT_TRUE(filter.allow_accept(far));
  filter.add(network("/ip4/11.0.0.0/ipcidr/8"));
  filter.add(network("/ip4/11.0.0.0/ipcidr/8"));
  EXPECT_EQ(filter.networks().size(), 2u);
  EXPECT_FALSE(filter.allow_accept(far));
  EXPECT_TRUE(filter.remove(network("/ip4/10.0.0.0/ipcidr/8")));
  EXPECT_FALSE(filter.remove(network("/ip4/10.0.0.0/ipcidr/8")));
  EXPECT_TRUE(filter.allow_accept(near));
}

std::vector<std::string> told(const AnnounceRules& rules) {
  std::vector<std::string> texts;
  for (const Multiaddr& one :
       announced(rules, {address("/ip4/10.0.0.1/tcp/4001"), address("/ip4/1.2.3.4/tcp/4001")}))
    texts.push_back(one.to_string());
  return texts;
}

TEST(Announced, IsTheNodesOwnUnlessItIsToldOtherwise) {
  using Texts = std::vector<std::string>;
  AnnounceRules rules;
  EXPECT_EQ(told(rules), Texts({"/ip4/10.0.0.1/tcp/4001", "/ip4/1.2.3.4/tcp/4001"}));
  rules.never_of = {network("/ip4/10.0.0.0/ipcidr/8")};
  EXPECT_EQ(told(rules), Texts({"/ip4/1.2.3.4/tcp/4001"}));
  rules.also = {address("/dns4/me.example/tcp/1"), address("/ip4/1.2.3.4/tcp/4001")};
  EXPECT_EQ(told(rules), Texts({"/ip4/1.2.3.4/tcp/4001", "/dns4/me.example/tcp/1"}));
  rules.never = {address("/ip4/1.2.3.4/tcp/4001")};
  EXPECT_EQ(told(rules), Texts({"/dns4/me.example/tcp/1"}));
  rules.instead = {address("/ip4/10.0.0.9/tcp/1"), address("/ip4/9.9.9.9/tcp/1")};
  EXPECT_EQ(told(rules), Texts({"/ip4/9.9.9.9/tcp/1", "/dns4/me.example/tcp/1"}));
}

}  // namespace
}  // namespace kith::net
