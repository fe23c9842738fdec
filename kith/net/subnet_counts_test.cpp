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

/// How many more may come from an address now.
std::size_t may_come(SubnetRates& rates, std::string_view text, Instant now) {
  std::size_t came = 0;
  while (came < 1000 && !rates.take(ip(text), now))
    ++came;
  return came;
}

TEST(SubnetRates, AnAddressOfIPv4ComesSixteenTimesThenOnceInFiveSeconds) {
  SubnetRates rates(default_subnet_rates());
  Instant now = Instant(1000s);
  EXPECT_EQ(may_come(rates, "192.0.2.1", now), 16u);
  EXPECT_EQ(rates.take(ip("192.0.2.1"), now), (SubnetRate{.bits = 32, .burst = 16, .every = 5s}));
  EXPECT_EQ(may_come(rates, "192.0.2.2", now), 16u);
  EXPECT_EQ(may_come(rates, "192.0.2.1", now + 5s - 1ns), 0u);
  EXPECT_EQ(may_come(rates, "192.0.2.1", now + 5s), 1u);
  EXPECT_EQ(may_come(rates, "192.0.2.1", now + 15s), 2u);
  // Who rests has no more than the burst.
  EXPECT_EQ(may_come(rates, "192.0.2.1", now + 1h), 16u);
}

TEST(SubnetRates, NetworksOfIPv6ComeByTwoPrefixes) {
  SubnetRates rates(default_subnet_rates());
  const Instant now = Instant(1000s);
  EXPECT_EQ(may_come(rates, "2001:db8:0:100::1", now), 16u);
  EXPECT_EQ(may_come(rates, "2001:db8:0:1ff::1", now), 0u);
  for (std::string_view text :
       {"2001:db8:0:200::", "2001:db8:0:300::", "2001:db8:0:400::", "2001:db8:0:500::"})
    EXPECT_EQ(may_come(rates, text, now), 16u);
  EXPECT_EQ(rates.take(ip("2001:db8:0:600::"), now),
            (SubnetRate{.bits = 48, .burst = 80, .every = 2s}));
  // Who was refused by the wider network has spent nothing of the narrower one.
  EXPECT_EQ(may_come(rates, "2001:db8:0:600::", now + 32s), 16u);
}

TEST(SubnetRates, LoopbackMayComeAlways) {
  SubnetRates rates(default_subnet_rates());
  EXPECT_EQ(may_come(rates, "127.0.0.1", Instant()), 1000u);
  EXPECT_EQ(may_come(rates, "::1", Instant()), 1000u);
  EXPECT_EQ(may_come(rates, "fe80::1", Instant()), 16u);
  EXPECT_EQ(may_come(rates, "fe80::2", Instant()), 16u);
  EXPECT_EQ(rates.entries(), 2u);
}

TEST(SubnetRates, ManyNetworksForgetWhoHasTheLeastToWaitFor) {
  SubnetRates rates(SubnetRateLimits{.ip4 = {{.bits = 32, .burst = 2, .every = 1s}}, .ip6 = {}}, 3);
  const Instant now = Instant(1000s);
  EXPECT_EQ(may_come(rates, "192.0.2.1", now), 2u);
  for (std::string_view text : {"192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"})
    EXPECT_FALSE(rates.take(ip(text), now));
  EXPECT_EQ(rates.entries(), 3u);
  EXPECT_EQ(may_come(rates, "192.0.2.1", now), 0u);
  // What is full again goes before anything else.
  EXPECT_FALSE(rates.take(ip("192.0.2.6"), now + 1s));
  EXPECT_EQ(rates.entries(), 2u);
}

}  // namespace
}  // namespace kith::net
