#include <gtest/gtest.h>

#include <kith/net/address_rank.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;

std::vector<std::string> ranked(std::initializer_list<std::string_view> texts) {
  std::vector<Multiaddr> addresses;
  for (std::string_view text : texts)
    addresses.push_back(*Multiaddr::parse(text));
  std::vector<std::string> out;
  for (const RankedAddress& one : rank_addresses(std::move(addresses)))
    out.push_back(one.address.to_string());
  return out;
}

using Texts = std::vector<std::string>;

TEST(AddressRank, TriesWhatIsNearFirst) {
  EXPECT_EQ(ranked({"/ip4/93.184.216.34/tcp/1", "/ip4/192.168.1.5/tcp/1", "/ip4/127.0.0.1/tcp/1",
                    "/ip6zone/2/ip6/fe80::1/tcp/1"}),
            (Texts{"/ip4/127.0.0.1/tcp/1", "/ip6zone/2/ip6/fe80::1/tcp/1", "/ip4/192.168.1.5/tcp/1",
                   "/ip4/93.184.216.34/tcp/1"}));
}

TEST(AddressRank, TakesIpv6AndIpv4InTurns) {
  EXPECT_EQ(
      ranked({"/ip4/93.184.216.34/tcp/1", "/ip4/93.184.216.35/tcp/1", "/ip4/93.184.216.36/tcp/1",
              "/ip6/2001:db8::1/tcp/1", "/ip6/2001:db8::2/tcp/1"}),
      (Texts{"/ip6/2001:db8::1/tcp/1", "/ip4/93.184.216.34/tcp/1", "/ip6/2001:db8::2/tcp/1",
             "/ip4/93.184.216.35/tcp/1", "/ip4/93.184.216.36/tcp/1"}));
}

// A high port is likely one that a NAT or a dial chose.
TEST(AddressRank, TriesLowPortsFirst) {
  EXPECT_EQ(ranked({"/ip4/93.184.216.34/tcp/51234", "/ip4/93.184.216.35/tcp/4001",
                    "/ip6/2001:db8::1/tcp/40000", "/ip6/2001:db8::2/tcp/443"}),
            (Texts{"/ip6/2001:db8::2/tcp/443", "/ip4/93.184.216.35/tcp/4001",
                   "/ip6/2001:db8::1/tcp/40000", "/ip4/93.184.216.34/tcp/51234"}));
}

TEST(AddressRank, TriesUdpBeforeTcpAndWebSocketInEachGroup) {
  EXPECT_EQ(
      ranked({"/ip4/93.184.216.34/tcp/1/ws", "/ip4/93.184.216.34/tcp/1",
              "/ip4/93.184.216.34/udp/2/quic-v1", "/ip6/2001:db8::1/tcp/9",
              "/ip6/2001:db8::1/udp/3/quic-v1", "/ip4/10.0.0.1/tcp/1",
              "/ip4/10.0.0.1/udp/7/quic-v1"}),
      (Texts{"/ip4/10.0.0.1/udp/7/quic-v1", "/ip4/10.0.0.1/tcp/1", "/ip6/2001:db8::1/udp/3/quic-v1",
             "/ip4/93.184.216.34/udp/2/quic-v1", "/ip6/2001:db8::1/tcp/9",
             "/ip4/93.184.216.34/tcp/1", "/ip4/93.184.216.34/tcp/1/ws"}));
}

TEST(AddressRank, TriesCircuitsLastWhereverTheirRelayIs) {
  const std::string circuit =
      "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN/p2p-circuit";
  EXPECT_EQ(ranked({circuit, "/ip4/93.184.216.34/tcp/1"}),
            (Texts{"/ip4/93.184.216.34/tcp/1", circuit}));
}

TEST(AddressRank, LeavesOutWhatCannotBeDialedAndRepetitions) {
  EXPECT_EQ(ranked({"/ip4/93.184.216.34/udp/1", "/ip4/0.0.0.0/tcp/1", "/ip6/::/tcp/1",
                    "/ip4/93.184.216.34/tcp/0", "/ip4/224.0.0.1/tcp/1", "/dns4/example.com/tcp/1",
                    "/ip4/93.184.216.34/tcp/1/http", "/ip4/93.184.216.34/tcp/1",
                    "/ip4/93.184.216.34/tcp/1"}),
            Texts{"/ip4/93.184.216.34/tcp/1"});
  EXPECT_TRUE(rank_addresses({}).empty());
}

TEST(AddressRank, GivesPublicAddressesMoreTime) {
  std::vector<Multiaddr> addresses;
  for (std::string_view text : {"/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1",
                                "/ip4/93.184.216.34/tcp/1", "/ip6/2001:db8::1/tcp/1"})
    addresses.push_back(*Multiaddr::parse(text));
  std::vector<Duration> delays;
  for (const RankedAddress& one : rank_addresses(std::move(addresses)))
    delays.push_back(one.delay);
  EXPECT_EQ(delays, (std::vector<Duration>{30ms, 30ms, 250ms, 250ms}));
}

}  // namespace
}  // namespace kith::net
