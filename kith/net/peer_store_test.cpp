#include <gtest/gtest.h>

#include <kith/net/peer_store.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

constexpr WallTime now{1'700'000'000s};

PeerId peer_of(std::uint32_t number) {
  Bytes key(36, 0x6b);
  store_be(key.data() + 32, number);
  return PeerId::from_public_key(key);
}

Multiaddr address(std::string_view text) {
  return *Multiaddr::parse(text);
}

using Addresses = std::vector<Multiaddr>;

const PeerId peer = peer_of(1);
const Multiaddr reached = address("/ip4/198.51.100.7/tcp/4001");
const Multiaddr named = address("/dns4/peer.example.org/tcp/4001");
const Multiaddr announced = address("/ip4/192.168.1.7/tcp/4001");
const Multiaddr found = address("/ip4/192.168.1.8/tcp/4001");

TEST(PeerStore, WhatAPeerSaysReplacesOnlyWhatItSaidBefore) {
  PeerStore store;
  store.add_addresses(peer, {reached}, AddressSource::connected, now);
  store.add_addresses(peer, {named}, AddressSource::given, now);
  store.add_addresses(peer, {found}, AddressSource::discovered, now);
  store.set_addresses(peer, {announced, reached}, AddressSource::identify, now);
  EXPECT_EQ(store.addresses(peer, now), (Addresses{named, reached, found, announced}));
  store.set_addresses(peer, {}, AddressSource::identify, now);
  EXPECT_EQ(store.addresses(peer, now), (Addresses{named, reached, found}));
}

TEST(PeerStore, BelievesEachSourceForATimeOfItsOwn) {
  PeerStore store;
  store.add_addresses(peer, {found}, AddressSource::discovered, now);
  store.add_addresses(peer, {announced}, AddressSource::identify, now);
  store.add_addresses(peer, {announced, reached}, AddressSource::connected, now);
  auto at = [&store](Duration later) { return store.addresses(peer, now + later); };
  EXPECT_EQ(at(address_ttl_discovered - 1s).size(), 3u);
  EXPECT_EQ(at(address_ttl_discovered), (Addresses{announced, reached}));
  EXPECT_TRUE(store.says(AddressSource::identify, peer, announced, now));
  EXPECT_FALSE(store.says(AddressSource::identify, peer, reached, now));
  EXPECT_FALSE(store.says(AddressSource::identify, peer, announced, now + address_ttl_identify));
  EXPECT_EQ(at(address_ttl_connected - 1s).size(), 2u);
  EXPECT_TRUE(at(address_ttl_connected).empty());
}

TEST(PeerStore, AddressesOfAConnectedPeerAgeOnlyOnceItHasGone) {
  PeerStore store;
  store.set_connected(peer, true, now);
  store.add_addresses(peer, {found}, AddressSource::discovered, now);
  store.add_addresses(peer, {reached}, AddressSource::connected, now);
  WallTime end = now + 30 * 24h;
  EXPECT_EQ(store.addresses(peer, end), (Addresses{reached, found}));
  store.set_connected(peer, false, end);
  EXPECT_EQ(store.addresses(peer, end + address_ttl_discovered - 1s), (Addresses{reached, found}));
  EXPECT_EQ(store.addresses(peer, end + address_ttl_discovered), Addresses{reached});
}

TEST(PeerStore, KeepsAddressesWithoutThePeersNameAndRefusesThoseOfOthers) {
  PeerStore store;
  store.add_addresses(peer, {*reached.with_peer_id(peer), *found.with_peer_id(peer_of(2))},
                      AddressSource::given, now);
  EXPECT_EQ(store.addresses(peer, now), Addresses{reached});
}

TEST(PeerStore, ManyAnnouncedAddressesDontPushOutTheOneThatWorks) {
  PeerStore store;
  store.add_addresses(peer, {reached}, AddressSource::connected, now - 1h);
  Addresses many;
  for (std::size_t i = 0; i < 2 * addresses_per_peer_max; ++i)
    many.push_back(address("/ip4/203.0.113.1/tcp/" + std::to_string(1000 + i)));
  store.set_addresses(peer, many, AddressSource::identify, now);
  Addresses kept = store.addresses(peer, now);
  EXPECT_EQ(kept.size(), addresses_per_peer_max);
  EXPECT_EQ(kept.front(), reached);
}

TEST(PeerStore, RemembersAcrossRestartsWhoSaidWhat) {
  PeerStore store;
  store.add_addresses(peer, {reached}, AddressSource::connected, now);
  store.add_addresses(peer, {announced}, AddressSource::identify, now);
  store.add_addresses(peer, {found}, AddressSource::discovered, now);
  store.add_addresses(peer_of(2), {named}, AddressSource::given, now);
  Bytes encoded = store.encode(now);

  WallTime later = now + 1h;
  PeerStore again;
  EXPECT_EQ(again.decode(encoded, later), 2u);
  EXPECT_EQ(again.addresses(peer, later), (Addresses{reached, announced}));
  EXPECT_EQ(again.addresses(peer_of(2), later), Addresses{named});
  again.set_addresses(peer, {}, AddressSource::identify, later);
  EXPECT_EQ(again.addresses(peer, later), Addresses{reached});
  EXPECT_EQ(again.addresses(peer, now + address_ttl_connected - 1s), Addresses{reached});
  EXPECT_TRUE(again.addresses(peer, now + address_ttl_connected).empty());

  PeerStore too_late;
  EXPECT_EQ(too_late.decode(encoded, now + address_ttl_given), 0u);
}

TEST(PeerStore, AClockThatWasWrongMakesNoAddressEternal) {
  PeerStore store;
  store.add_addresses(peer, {reached}, AddressSource::connected, now + 1000 * 24h);
  PeerStore again;
  again.decode(store.encode(now + 1000 * 24h), now);
  EXPECT_EQ(again.addresses(peer, now), Addresses{reached});
  EXPECT_TRUE(again.addresses(peer, now + address_ttl_connected).empty());
}

}  // namespace
}  // namespace kith::net
