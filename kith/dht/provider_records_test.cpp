#include <gtest/gtest.h>

#include <kith/dht/provider_records.hpp>
#include <kith/dht/test_network.hpp>

namespace kith::dht {
namespace {

using multiformats::Multiaddr;
using testing::address_in;
using testing::content;
using testing::peer_id;

const Key self = Key::of(peer_id(0));
const WallTime start{1000h};

Provider provider(std::uint64_t number, WallTime said_at = start,
                  std::optional<std::uint64_t> group = std::nullopt) {
  Provider one;
  one.peer = peer_id(number);
  one.addresses = {address_in(static_cast<std::uint16_t>(number), 1)};
  if (group) one.group = IpGroup{*group};
  one.said_at = said_at;
  return one;
}

std::set<PeerId> peers_of(const ProviderRecords& records, std::uint64_t number, WallTime now) {
  Prng prng(1);
  std::set<PeerId> peers;
  for (const Provider& one : records.get(content(number).bytes(), now, prng))
    peers.insert(one.peer);
  return peers;
}

/// Keys by how far they are from us, the nearest first.
std::vector<std::uint64_t> by_distance(std::size_t count) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t i = 0; i < count; ++i)
    numbers.push_back(i);
  std::ranges::sort(numbers, {}, [](std::uint64_t number) {
    return distance(Key::of(content(number).bytes()), self);
  });
  return numbers;
}

TEST(ProviderRecords, AreOfTheirContent) {
  ProviderRecords records(self);
  EXPECT_TRUE(records.add(content(1).bytes(), provider(1), start));
  EXPECT_TRUE(records.add(content(1).bytes(), provider(2), start));
  EXPECT_TRUE(records.add(content(2).bytes(), provider(3), start));
  EXPECT_EQ(peers_of(records, 1, start), (std::set<PeerId>{peer_id(1), peer_id(2)}));
  EXPECT_EQ(peers_of(records, 2, start), (std::set<PeerId>{peer_id(3)}));
  EXPECT_TRUE(peers_of(records, 3, start).empty());
  records.remove(content(1).bytes(), peer_id(1));
  records.remove(content(2).bytes(), peer_id(3));
  EXPECT_EQ(records.size(), 1u);
  EXPECT_EQ(records.keys(), 1u);
}

TEST(ProviderRecords, EndAfterTwoDaysAndTheirAddressesAfterOne) {
  ProviderRecords records(self);
  Prng prng(1);
  records.add(content(1).bytes(), provider(1), start);
  auto at = [&](Duration later) { return records.get(content(1).bytes(), start + later, prng); };
  ASSERT_EQ(at(provider_addresses_ttl - 1s).size(), 1u);
  EXPECT_EQ(at(provider_addresses_ttl - 1s)[0].addresses.size(), 1u);
  EXPECT_TRUE(at(provider_addresses_ttl)[0].addresses.empty());
  EXPECT_EQ(at(provider_ttl - 1s).size(), 1u);
  EXPECT_TRUE(at(provider_ttl).empty());
  // Said again, they live on.
  records.add(content(1).bytes(), provider(1, start + 40h), start + 40h);
  EXPECT_EQ(at(provider_ttl).size(), 1u);
  EXPECT_EQ(records.size(), 1u);
  records.expire(start + 40h + provider_ttl);
  EXPECT_EQ(records.size(), 0u);
  EXPECT_EQ(records.keys(), 0u);
  EXPECT_EQ(records.bytes(), 0u);
}

TEST(ProviderRecords, OfFarKeysMakeRoomForThoseOfNearOnes) {
  ProviderLimits limits;
  limits.records = 50;
  ProviderRecords records(self, limits);
  std::vector<std::uint64_t> keys = by_distance(200);
  // The far ones come first, and the flood comes last.
  for (auto key = keys.rbegin(); key != keys.rend(); ++key)
    EXPECT_TRUE(records.add(content(*key).bytes(), provider(1), start));
  EXPECT_EQ(records.size(), 50u);
  for (std::size_t i = 0; i < 50; ++i)
    EXPECT_EQ(peers_of(records, keys[i], start).size(), 1u) << i;
  EXPECT_FALSE(records.add(content(keys[100]).bytes(), provider(1), start));
  EXPECT_EQ(records.size(), 50u);
}

TEST(ProviderRecords, OfOneNetworkDontPushOutThoseOfOthersHoweverNearTheirKeysAre) {
  ProviderLimits limits;
  limits.records = 200;
  ProviderRecords records(self, limits);
  std::vector<std::uint64_t> keys = by_distance(2000);
  // Honest ones of far keys, each of a network of its own, and then a flood of near ones.
  for (std::size_t i = 0; i < 100; ++i)
    EXPECT_TRUE(records.add(content(keys[1900 + i]).bytes(), provider(i + 1, start, i), start));
  for (std::size_t i = 0; i < 1000; ++i)
    records.add(content(keys[i]).bytes(), provider(5000 + i % 50, start, 7000), start);
  EXPECT_EQ(records.size(), 200u);
  for (std::size_t i = 0; i < 100; ++i)
    EXPECT_EQ(peers_of(records, keys[1900 + i], start).size(), 1u) << i;
  records.expire(start + provider_ttl);
  EXPECT_EQ(records.size() + records.keys() + records.bytes(), 0u);
}

TEST(ProviderRecords, AreBoundedInBytes) {
  ProviderLimits limits;
  limits.bytes = 100'000;
  ProviderRecords records(self, limits);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    Provider one = provider(i);
    one.addresses.resize(2 * addresses_per_peer_max, one.addresses[0]);
    records.add(content(i).bytes(), one, start);
    EXPECT_LE(records.bytes(), limits.bytes);
  }
  EXPECT_GT(records.size(), 10u);
  Prng prng(1);
  records.each([](ByteView, const Provider& one) {
    EXPECT_EQ(one.addresses.size(), addresses_per_peer_max);
  });
}

TEST(ProviderRecords, OfOneKeyAreSoMany) {
  ProviderLimits limits;
  limits.per_key = 10;
  ProviderRecords records(self, limits);
  for (std::uint64_t i = 1; i <= 15; ++i)
    records.add(content(1).bytes(), provider(i, start + i * 1s, i), start + 1min);
  std::set<PeerId> left = peers_of(records, 1, start + 1min);
  EXPECT_EQ(left.size(), 10u);
  EXPECT_TRUE(left.contains(peer_id(6)) && !left.contains(peer_id(5))) << "the oldest went";
}

TEST(ProviderRecords, OfOneNetworkDontPushOutThoseOfOthers) {
  ProviderLimits limits;
  limits.per_key = 20;
  limits.per_key_and_group = 5;
  ProviderRecords records(self, limits);
  for (std::uint64_t i = 1; i <= 8; ++i)
    records.add(content(1).bytes(), provider(i, start, i), start);
  for (std::uint64_t i = 100; i < 200; ++i)
    records.add(content(1).bytes(), provider(i, start + i * 1s, 7000), start + 1h);
  std::set<PeerId> left = peers_of(records, 1, start + 1h);
  EXPECT_EQ(left.size(), 8u + 5u);
  for (std::uint64_t i = 1; i <= 8; ++i)
    EXPECT_TRUE(left.contains(peer_id(i))) << i;
  // Four networks with five each: the place is taken from one of them, not from the eight.
  for (std::uint64_t i = 200; i < 300; ++i)
    records.add(content(1).bytes(), provider(i, start + i * 1s, 7000 + i % 4), start + 1h);
  left = peers_of(records, 1, start + 1h);
  EXPECT_EQ(left.size(), 20u);
  for (std::uint64_t i = 1; i <= 8; ++i)
    EXPECT_TRUE(left.contains(peer_id(i))) << i;
}

TEST(ProviderRecords, ComeInAnotherOrderEachTime) {
  ProviderRecords records(self);
  for (std::uint64_t i = 0; i < 50; ++i)
    records.add(content(1).bytes(), provider(i), start);
  Prng prng(1);
  EXPECT_NE(records.get(content(1).bytes(), start, prng),
            records.get(content(1).bytes(), start, prng));
}

TEST(ProviderRecords, ThatAreTooOldAreNotTaken) {
  ProviderRecords records(self);
  EXPECT_FALSE(records.add(content(1).bytes(), provider(1), start + provider_ttl));
  EXPECT_EQ(records.keys(), 0u);
}

}  // namespace
}  // namespace kith::dht
