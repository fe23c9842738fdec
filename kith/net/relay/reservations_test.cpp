#include <set>

#include <gtest/gtest.h>

#include <kith/net/relay/reservations.hpp>
#include <kith/net/test_peer.hpp>

namespace kith::net {
namespace {

using multiformats::PeerId;

const Instant start{1s};

PeerId peer(std::size_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed[0] = static_cast<std::uint8_t>(number);
  seed[1] = static_cast<std::uint8_t>(number >> 8);
  return PeerId::from_public_key(crypto::PrivateKey::from_ed25519_seed(seed).public_key());
}

port::IpAddress ip(std::string_view text) {
  return *port::IpAddress::parse(text);
}

/// How many of `count` peers get a reservation, the n-th of them from where `from` says.
template <class From>
std::size_t taken(Reservations& table, std::size_t count, From from) {
  std::size_t got = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (table.reserve(peer(i), from(i), start, start + 1h)) ++got;
  }
  return got;
}

TEST(Reservations, OneAddressHasFew) {
  Reservations table({});
  auto from = [](std::size_t) { return ip("198.51.100.1"); };
  EXPECT_EQ(taken(table, 200, from), relay_reservations_per_ip_max);
}

TEST(Reservations, OneNetworkHasAFewMore) {
  Reservations table({});
  auto from = [](std::size_t i) { return ip("198.51." + std::to_string(i) + ".1"); };
  EXPECT_EQ(taken(table, 200, from), relay_reservations_per_network_max);
  Reservations other({});
  auto from_v6 = [](std::size_t i) { return ip("2001:db8:" + std::to_string(i) + "::1"); };
  EXPECT_EQ(taken(other, 200, from_v6), relay_reservations_per_network_max);
}

TEST(Reservations, AllTogetherHaveSoManyHoweverManyAddressesThereAre) {
  Reservations table({});
  auto from = [](std::size_t i) { return ip("10.0." + std::to_string(i) + ".1"); };
  EXPECT_EQ(taken(table, 200, from), relay_reservations_max);
  EXPECT_EQ(table.all().size(), relay_reservations_max);
}

TEST(Reservations, AFullTableStillRenewsAndMakesRoomWithTime) {
  Reservations table({.all_max = 1});
  ASSERT_TRUE(table.reserve(peer(1), ip("10.0.0.1"), start, start + 1h).has_value());
  EXPECT_TRUE(table.reserve(peer(1), ip("10.0.0.9"), start + 30min, start + 90min).has_value());
  EXPECT_FALSE(table.reserve(peer(2), ip("10.0.0.2"), start + 70min, start + 2h).has_value());
  EXPECT_TRUE(table.holds(peer(1), start + 89min));
  EXPECT_FALSE(table.holds(peer(1), start + 90min));
  EXPECT_TRUE(table.reserve(peer(2), ip("10.0.0.2"), start + 90min, start + 3h).has_value());
  // Whoever sweeps hears of all whose time is up.
  const std::vector<PeerId> ended = table.sweep(start + 3h);
  EXPECT_EQ(std::set<PeerId>(ended.begin(), ended.end()), (std::set<PeerId>{peer(1), peer(2)}));
}

TEST(Reservations, ARefusedRenewalLeavesWhatThereWas) {
  Reservations table({.per_ip_max = 1});
  ASSERT_TRUE(table.reserve(peer(1), ip("10.0.0.1"), start, start + 1h).has_value());
  ASSERT_TRUE(table.reserve(peer(2), ip("10.0.0.2"), start, start + 1h).has_value());
  EXPECT_FALSE(table.reserve(peer(2), ip("10.0.0.1"), start, start + 2h).has_value());
  EXPECT_TRUE(table.holds(peer(2), start + 59min));
  EXPECT_FALSE(table.holds(peer(2), start + 61min));
}

}  // namespace
}  // namespace kith::net
