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

TEST(PeerStore, TellsWhatWasOnlyHeardFromWhatThePeerItselfHasSaid) {
  PeerStore store;
  store.add_addresses(peer, {found, announced}, AddressSource::heard, now);
  store.add_addresses(peer, {announced}, AddressSource::identify, now);
  store.add_addresses(peer, {reached}, AddressSource::connected, now);
  EXPECT_EQ(store.addresses(peer, now), (Addresses{reached, announced, found}));
  EXPECT_EQ(store.addresses(peer, now, AddressSource::identify), (Addresses{reached, announced}));
  store.set_connected(peer, true, now);
  WallTime later = now + 30 * 24h;
  EXPECT_EQ(store.addresses(peer, later, AddressSource::identify), (Addresses{reached, announced}));
  store.set_connected(peer, false, later);
  EXPECT_EQ(store.addresses(peer, later + address_ttl_heard), (Addresses{reached, announced}));
  // What was only heard is not remembered.
  store.add_addresses(peer_of(2), {found}, AddressSource::heard, now);
  PeerStore again;
  EXPECT_EQ(again.decode(store.encode(now), now).peers, 1u);
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

TEST(PeerStore, AConnectionRevivesNoAddressThatWasNotBelievedAnyMore) {
  PeerStore store;
  store.add_addresses(peer, {announced}, AddressSource::identify, now);
  WallTime later = now + address_ttl_identify;
  store.add_addresses(peer, {reached}, AddressSource::connected, later);
  store.set_connected(peer, true, later);
  EXPECT_EQ(store.addresses(peer, later), Addresses{reached});
  store.set_connected(peer, false, later);
  EXPECT_EQ(store.addresses(peer, later), Addresses{reached});
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
  EXPECT_EQ(again.decode(encoded, later).peers, 2u);
  EXPECT_EQ(again.addresses(peer, later), (Addresses{reached, announced}));
  EXPECT_EQ(again.addresses(peer_of(2), later), Addresses{named});
  again.set_addresses(peer, {}, AddressSource::identify, later);
  EXPECT_EQ(again.addresses(peer, later), Addresses{reached});
  EXPECT_EQ(again.addresses(peer, now + address_ttl_connected - 1s), Addresses{reached});
  EXPECT_TRUE(again.addresses(peer, now + address_ttl_connected).empty());

  PeerStore too_late;
  EXPECT_EQ(too_late.decode(encoded, now + address_ttl_given).peers, 0u);
}

TEST(PeerStore, AClockThatWasWrongMakesNoAddressEternal) {
  PeerStore store;
  store.add_addresses(peer, {reached}, AddressSource::connected, now + 1000 * 24h);
  PeerStore again;
  again.decode(store.encode(now + 1000 * 24h), now);
  EXPECT_EQ(again.addresses(peer, now), Addresses{reached});
  EXPECT_TRUE(again.addresses(peer, now + address_ttl_connected).empty());
}

// Limits.

/// All that a peer can say of itself and more, as bytes.
void boast(PeerStore& store, const PeerId& of) {
  std::vector<std::string> protocols;
  for (std::size_t i = 0; i < identify_protocols_max; ++i)
    protocols.push_back(std::string(100, 'p') + std::to_string(i));
  store.set_protocols(of, std::move(protocols));
  store.set_agent(of, std::string(1000, 'a'), std::string(1000, 'v'));
  store.set_signed_record(of, 1, Bytes(peer_record_bytes_max, 1));
  Addresses addresses;
  for (std::size_t i = 0; i < identify_addresses_max; ++i) {
    std::string label = "." + std::string(60, 'n');
    std::string name = std::to_string(i) + label + label + label;
    addresses.push_back(address("/dns4/" + name + "/tcp/4001"));
  }
  store.set_addresses(of, addresses, AddressSource::identify, now);
}

TEST(PeerStore, ForgetsWhatAPeerSaidOfItselfWhenItHasGone) {
  PeerStore store;
  auto key = crypto::PrivateKey::generate(
      crypto::KeyType::ecdsa, [](MutableBytes out) { std::ranges::fill(out, std::uint8_t{1}); });
  ASSERT_TRUE(key.has_value());
  const PeerId its = PeerId::from_public_key(key->public_key());
  store.set_public_key(its, key->public_key());
  store.set_connected(its, true, now);
  store.add_addresses(its, {reached}, AddressSource::connected, now);
  std::size_t before = store.bytes();
  boast(store, its);
  EXPECT_FALSE(store.protocols(its).empty());
  EXPECT_EQ(store.agent(its).size(), agent_bytes_max);
  EXPECT_TRUE(store.signed_record(its).has_value());
  EXPECT_TRUE(store.public_key(its).has_value());
  store.set_addresses(its, {}, AddressSource::identify, now);

  store.set_connected(its, false, now);
  EXPECT_TRUE(store.protocols(its).empty());
  EXPECT_EQ(store.agent(its), "");
  EXPECT_FALSE(store.signed_record(its).has_value());
  EXPECT_FALSE(store.public_key(its).has_value());
  EXPECT_EQ(store.addresses(its, now), Addresses{reached});
  EXPECT_LT(store.bytes(), before);
  // What comes late isn't kept either.
  boast(store, its);
  EXPECT_TRUE(store.protocols(its).empty());
  EXPECT_FALSE(store.set_signed_record(its, 2, Bytes(10, 1)));
}

TEST(PeerStore, ForgetsAPeerThatLeavesNoAddress) {
  PeerStore store;
  store.set_connected(peer, true, now);
  store.set_protocols(peer, {"/a"});
  store.set_connected(peer, false, now);
  EXPECT_EQ(store.size(), 0u);
  EXPECT_EQ(store.bytes(), 0u);
}

TEST(PeerStore, OnePeerTakesNoMoreThanItsShare) {
  PeerStore store;
  store.set_connected(peer, true, now);
  boast(store, peer);
  EXPECT_GT(store.protocols(peer).size(), 100u);
  EXPECT_GT(store.addresses(peer, now).size(), 30u);
  EXPECT_LE(store.bytes(), address_bytes_per_peer_max + protocol_bytes_per_peer_max +
                               peer_record_bytes_max + 2 * agent_bytes_max + 1024);
  // So many that all of a node's connections fit.
  constexpr std::size_t connections = 1024;
  EXPECT_LE(store.bytes() * connections, peer_store_bytes_max);
}

TEST(PeerStore, StrangersPushOutStrangersAndNotWhoWasReached) {
  PeerStoreLimits limits;
  limits.bytes = 1 << 20;
  limits.peers = 1000;
  PeerStore store(limits);
  const PeerId connected = peer_of(1);
  const PeerId friendly = peer_of(2);
  store.set_connected(connected, true, now - 24h);
  store.add_addresses(friendly, {reached}, AddressSource::connected, now - 24h);
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const PeerId stranger = peer_of(100 + i);
    store.set_connected(stranger, true, now);
    if (i % 10 == 0) boast(store, stranger);
    store.add_addresses(stranger, {found}, AddressSource::identify, now);
    store.set_connected(stranger, false, now);
    ASSERT_LE(store.bytes(), limits.bytes);
    ASSERT_LE(store.size(), limits.peers);
  }
  EXPECT_GT(store.size(), 100u);
  EXPECT_EQ(store.addresses(friendly, now), Addresses{reached});
  EXPECT_EQ(store.addresses(peer_of(100 + 2999), now), Addresses{found});
  EXPECT_TRUE(std::ranges::binary_search(store.peers(), connected));
}

TEST(PeerStore, ConnectedPeersAloneDontMakeItTooLargeEither) {
  PeerStoreLimits limits;
  limits.bytes = 1 << 20;
  PeerStore store(limits);
  for (std::uint32_t i = 0; i < 200; ++i) {
    store.set_connected(peer_of(i), true, now);
    store.add_addresses(peer_of(i), {reached}, AddressSource::connected, now);
    boast(store, peer_of(i));
    ASSERT_LE(store.bytes(), limits.bytes);
  }
  EXPECT_EQ(store.size(), 200u);
  EXPECT_EQ(store.addresses(peer_of(199), now), Addresses{reached});
  std::size_t speaking = 0;
  for (const PeerId& of : store.peers())
    speaking += store.protocols(of).empty() ? 0 : 1;
  EXPECT_GT(speaking, 5u);
}

TEST(PeerStore, WritesDownTheMostUsefulPeersIfThereAreTooMany) {
  PeerStoreLimits limits;
  limits.encoded_bytes = 2000;
  PeerStore store(limits);
  for (std::uint32_t i = 0; i < 100; ++i)
    store.add_addresses(peer_of(100 + i), {found}, AddressSource::identify, now + 1h);
  store.add_addresses(peer_of(1), {reached}, AddressSource::connected, now);
  store.add_addresses(peer_of(2), {named}, AddressSource::given, now);
  Bytes encoded = store.encode(now);
  EXPECT_LE(encoded.size(), limits.encoded_bytes);
  PeerStore again;
  PeerStore::Decoded decoded = again.decode(encoded, now);
  EXPECT_FALSE(decoded.damaged);
  EXPECT_GT(decoded.peers, 10u);
  EXPECT_LT(decoded.peers, 102u);
  EXPECT_FALSE(again.addresses(peer_of(1), now).empty());
  EXPECT_FALSE(again.addresses(peer_of(2), now).empty());
}

TEST(PeerStore, IsWrittenDownInStepsWhileItChanges) {
  PeerStore store;
  for (std::uint32_t i = 0; i < 10; ++i)
    store.add_addresses(peer_of(i), {reached}, AddressSource::connected, now);
  PeerStore::Encoder whole(store, now);
  std::size_t steps = 1;
  while (whole.step(3))
    ++steps;
  EXPECT_EQ(steps, 4u);
  EXPECT_TRUE(equal(whole.encoded(), store.encode(now)));

  PeerStore::Encoder encoder(store, now);
  EXPECT_TRUE(encoder.step(1));
  for (std::uint32_t i = 0; i < 10; ++i)
    store.forget(peer_of(i));
  while (encoder.step(3)) {
  }
  PeerStore again;
  EXPECT_EQ(again.decode(encoder.encoded(), now).peers, 1u);
}

TEST(PeerStore, ADamagedFileCostsWhatItHeldAndNoMore) {
  PeerStore store;
  for (std::uint32_t i = 0; i < 10; ++i)
    store.add_addresses(peer_of(i), {reached}, AddressSource::connected, now);
  Bytes encoded = store.encode(now);
  encoded.resize(encoded.size() - 1);
  PeerStore again;
  PeerStore::Decoded decoded = again.decode(encoded, now);
  EXPECT_TRUE(decoded.damaged);
  EXPECT_EQ(decoded.peers, 9u);
}

TEST(PeerStore, ForgetsWhoIsBelievedNowhereAnyMore) {
  PeerStore store;
  store.add_addresses(peer_of(1), {found}, AddressSource::identify, now);
  store.add_addresses(peer_of(2), {found}, AddressSource::identify, now);
  store.add_addresses(peer_of(2), {reached}, AddressSource::connected, now);
  WallTime later = now + address_ttl_identify;
  ASSERT_EQ(store.remembered(later).size(), 1u);
  EXPECT_EQ(store.remembered(later)[0].peer, peer_of(2));
  EXPECT_TRUE(store.remembered(later)[0].reached);
  std::size_t before = store.bytes();
  store.expire(later);
  EXPECT_EQ(store.peers(), std::vector<PeerId>{peer_of(2)});
  EXPECT_LT(store.bytes(), before / 2 + 100);
}

TEST(PeerStore, KeepsTheNewestRecord) {
  PeerStore store;
  store.set_connected(peer, true, now);
  EXPECT_TRUE(store.set_signed_record(peer, 7, Bytes(10, 7)));
  EXPECT_FALSE(store.set_signed_record(peer, 6, Bytes(10, 6)));
  EXPECT_EQ(store.signed_record(peer), Bytes(10, 7));
  EXPECT_TRUE(store.set_signed_record(peer, 8, Bytes(peer_record_bytes_max + 1, 8)));
  EXPECT_FALSE(store.signed_record(peer).has_value()) << "too long to keep";
  EXPECT_FALSE(store.set_signed_record(peer, 7, Bytes(10, 7)));
}

}  // namespace
}  // namespace kith::net
