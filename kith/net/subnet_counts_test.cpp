#include <gtest/gtest.h>

#include <kith/net/subnet_counts.hpp>

namespace kith::net {
namespace {

port::IpAddress ip(std::string_view text) {
  auto parsed = port::IpAddress::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return *parsed;
}

/// How many more of an address there may be.
std::size_t room_for(SubnetCounts& counts, std::string_view text) {
  std::size_t added = 0;
  while (added < 1000 && !counts.add(ip(text)))
    ++added;
  for (std::size_t i = 0; i < added; ++i)
    counts.remove(ip(text));
  return added;
}

TEST(SubnetCounts, AnAddressOfIPv4HasEightByDefault) {
  SubnetCounts counts(default_subnet_limits());
  for (int i = 0; i < 8; ++i)
    EXPECT_FALSE(counts.add(ip("192.0.2.1")));
  EXPECT_EQ(counts.add(ip("192.0.2.1")), (SubnetLimit{.bits = 32, .connections = 8}));
  EXPECT_EQ(room_for(counts, "192.0.2.2"), 8u);
  counts.remove(ip("192.0.2.1"));
  EXPECT_EQ(room_for(counts, "192.0.2.1"), 1u);
}

TEST(SubnetCounts, NetworksOfIPv6AreCountedByTwoPrefixes) {
  SubnetCounts counts(default_subnet_limits());
  // The last bit of the /56, and the first behind it.
  for (int i = 0; i < 8; ++i)
    EXPECT_FALSE(counts.add(ip(i % 2 == 0 ? "2001:db8:0:100::1" : "2001:db8:0:1ff::2")));
  EXPECT_EQ(room_for(counts, "2001:db8:0:180::3"), 0u);
  EXPECT_EQ(room_for(counts, "2001:db8:0:200::3"), 8u);
  // Eight networks of eight fill the one above them, whatever is left in their neighbour.
  for (std::string_view text :
       {"2001:db8:0:200::", "2001:db8:0:300::", "2001:db8:0:400::", "2001:db8:0:500::",
        "2001:db8:0:600::", "2001:db8:0:700::", "2001:db8:0:800::"}) {
    for (int i = 0; i < 8; ++i)
      EXPECT_FALSE(counts.add(ip(text)));
  }
  EXPECT_EQ(counts.add(ip("2001:db8:0:900::")), (SubnetLimit{.bits = 48, .connections = 64}));
  EXPECT_EQ(room_for(counts, "2001:db8:1:900::"), 8u);
}

TEST(SubnetCounts, MachinesOfOnesOwnNetworkDontShareAPrefix) {
  SubnetCounts counts(default_subnet_limits());
  for (std::string_view text : {"fe80::1", "fd00::1"}) {
    for (int i = 0; i < 8; ++i)
      EXPECT_FALSE(counts.add(ip(text)));
    EXPECT_TRUE(counts.add(ip(text)));
  }
  EXPECT_EQ(room_for(counts, "fe80::2"), 8u);
  EXPECT_EQ(room_for(counts, "fd00::2"), 8u);
}

TEST(SubnetCounts, WhatIsRefusedCountsNowhere) {
  SubnetCounts counts(SubnetLimits{.ip4 = {{32, 4}, {24, 2}}, .ip6 = {}});
  EXPECT_FALSE(counts.add(ip("192.0.2.1")));
  EXPECT_FALSE(counts.add(ip("192.0.2.1")));
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(counts.add(ip("192.0.2.1")), (SubnetLimit{.bits = 24, .connections = 2}));
  EXPECT_EQ(counts.entries(), 2u);
  counts.remove(ip("192.0.2.1"));
  counts.remove(ip("192.0.2.1"));
  EXPECT_EQ(counts.entries(), 0u);
}

TEST(SubnetCounts, LoopbackIsNotCounted) {
  SubnetCounts counts(default_subnet_limits());
  EXPECT_EQ(room_for(counts, "127.0.0.1"), 1000u);
  EXPECT_EQ(room_for(counts, "127.9.0.1"), 1000u);
  EXPECT_EQ(room_for(counts, "::1"), 1000u);
  EXPECT_EQ(counts.entries(), 0u);
}

TEST(SubnetCounts, WithoutLimitsNothingIsKept) {
  SubnetCounts counts(SubnetLimits{});
  EXPECT_EQ(room_for(counts, "192.0.2.1"), 1000u);
  EXPECT_EQ(counts.entries(), 0u);
}

}  // namespace
}  // namespace kith::net
