#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include <kith/crypto/envelope.hpp>
#include <kith/net/identify_message.hpp>
#include <kith/net/limits.hpp>
#include <kith/net/test_peer.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

/// go-libp2p reads no part that is longer.
constexpr std::size_t go_part_bytes_max = 8 * 1024;
static_assert(identify_own_message_bytes_max <= go_part_bytes_max);

Multiaddr address(int port) {
  return *Multiaddr::parse("/ip4/198.51.100.7/tcp/" + std::to_string(port));
}

IdentifyMessage message_with(std::size_t protocols, std::size_t addresses) {
  IdentifyMessage message;
  message.public_key = to_bytes(key_of(1).public_key().encoded());
  message.protocol_version = "ipfs/0.1.0";
  message.agent = "test/1";
  message.observed_address = address(1);
  for (std::size_t i = 0; i < addresses; ++i)
    message.listen_addresses.push_back(address(static_cast<int>(1000 + i)));
  auto record = seal_peer_record(key_of(1), 7, message.listen_addresses);
  EXPECT_TRUE(record.has_value());
  message.signed_record = *record;
  for (std::size_t i = 0; i < protocols; ++i)
    message.protocols.push_back("/protocol/" + std::to_string(i) + std::string(40, 'x'));
  return message;
}

IdentifyMessage merged(const std::vector<Bytes>& parts) {
  IdentifyMessage message;
  for (const Bytes& part : parts)
    EXPECT_TRUE(merge_identify_part(part, message).has_value());
  return message;
}

TEST(IdentifyMessage, ComesInPartsThatEveryoneReads) {
  IdentifyMessage message = message_with(400, 40);
  std::vector<Bytes> parts = encode_identify(message);
  EXPECT_GT(parts.size(), 4u);
  std::size_t bytes = 0;
  for (const Bytes& part : parts) {
    EXPECT_LE(part.size(), identify_own_message_bytes_max);
    bytes += part.size();
  }
  EXPECT_GT(bytes, go_part_bytes_max);
  IdentifyMessage got = merged(parts);
  EXPECT_EQ(got.public_key, message.public_key);
  EXPECT_EQ(got.listen_addresses, message.listen_addresses);
  EXPECT_EQ(got.protocols, message.protocols);
  EXPECT_EQ(got.observed_address, message.observed_address);
  EXPECT_EQ(got.protocol_version, message.protocol_version);
  EXPECT_EQ(got.agent, message.agent);
  EXPECT_EQ(got.signed_record, message.signed_record);
}

TEST(IdentifyMessage, LeavesOutTheLastProtocolsIfItIsTooLong) {
  IdentifyMessage message = message_with(identify_protocols_max, 40);
  std::vector<Bytes> parts = encode_identify(message);
  EXPECT_EQ(parts.size(), identify_parts_max);
  IdentifyMessage got = merged(parts);
  EXPECT_EQ(got.listen_addresses, message.listen_addresses);
  EXPECT_EQ(got.signed_record, message.signed_record);
  EXPECT_GT(got.protocols.size(), 500u);
  message.protocols.resize(got.protocols.size());
  EXPECT_EQ(got.protocols, message.protocols);
}

TEST(IdentifyMessage, OfSeveralRecordsTheLastCounts) {
  IdentifyMessage message;
  std::vector<Bytes> parts;
  for (std::uint64_t sequence = 1; sequence <= 100; ++sequence) {
    IdentifyMessage one;
    one.signed_record = *seal_peer_record(key_of(1), sequence, {address(1)});
    EXPECT_TRUE(merge_identify_part(encode_identify(one).at(0), message).has_value());
  }
  auto record = open_peer_record(message.signed_record);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->sequence, 100u);
}

TEST(IdentifyMessage, RefusesListsThatGrowTooLong) {
  IdentifyMessage protocols;
  for (std::size_t i = 0; i < identify_protocols_max; ++i)
    protocols.protocols.emplace_back("/p");
  IdentifyMessage into = merged(encode_identify(protocols));
  EXPECT_EQ(into.protocols.size(), identify_protocols_max);
  IdentifyMessage more;
  more.protocols.emplace_back("/p");
  auto outcome = merge_identify_part(encode_identify(more).at(0), into);
  EXPECT_TRUE(!outcome && outcome.error().is(Errc::limit_exceeded));

  IdentifyMessage addresses;
  addresses.listen_addresses.assign(identify_addresses_max, address(1));
  into = merged(encode_identify(addresses));
  EXPECT_EQ(into.listen_addresses.size(), identify_addresses_max);
  more = {};
  more.listen_addresses.push_back(address(2));
  outcome = merge_identify_part(encode_identify(more).at(0), into);
  EXPECT_TRUE(!outcome && outcome.error().is(Errc::limit_exceeded));
}

// Records.

Bytes seed(const std::string& name) {
  auto path = std::filesystem::path(KITH_SOURCE_DIR) / "fuzz/corpus/peer_record" / name;
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(PeerRecord, OpensAsItWasSealed) {
  std::vector<Multiaddr> addresses = {address(1), address(2)};
  auto sealed = seal_peer_record(key_of(1), 77, addresses);
  ASSERT_TRUE(sealed.has_value());
  auto opened = open_peer_record(*sealed);
  ASSERT_TRUE(opened.has_value()) << opened.error().message();
  EXPECT_EQ(opened->peer, PeerId::from_public_key(key_of(1).public_key()));
  EXPECT_EQ(opened->sequence, 77u);
  EXPECT_EQ(opened->addresses, addresses);
}

/// The domain of the implementations, and not the one that RFC 0003 prints.
TEST(PeerRecord, IsSignedForTheDomainOnTheWire) {
  auto sealed = seal_peer_record(key_of(1), 1, {address(1)});
  ASSERT_TRUE(sealed.has_value());
  auto envelope = crypto::open_envelope(*sealed, "libp2p-peer-record");
  ASSERT_TRUE(envelope.has_value());
  EXPECT_EQ(envelope->payload_type, (Bytes{0x03, 0x01}));
  EXPECT_FALSE(crypto::open_envelope(*sealed, "libp2p-routing-state").has_value());
  EXPECT_FALSE(open_peer_record(seed("printed_domain")).has_value());
}

/// Sealed by other code (OpenSSL's signatures) with three kinds of key.
TEST(PeerRecord, OpensWhatOthersSealed) {
  auto ed25519 = open_peer_record(seed("ed25519"));
  ASSERT_TRUE(ed25519.has_value()) << ed25519.error().message();
  EXPECT_EQ(ed25519->sequence, 1'700'000'000'000'000'000u);
  ASSERT_EQ(ed25519->addresses.size(), 4u);
  EXPECT_EQ(ed25519->addresses[0], address(4001));
  EXPECT_EQ(ed25519->addresses[3].to_string(), "/dns4/peer.example.org/tcp/443");
  for (const char* name : {"ecdsa", "secp256k1", "no_addresses", "many_addresses"}) {
    auto record = open_peer_record(seed(name));
    EXPECT_TRUE(record.has_value()) << name;
  }
  EXPECT_EQ(open_peer_record(seed("unreadable_address"))->addresses.size(), 1u);
}

TEST(PeerRecord, IsRefusedIfAnotherPeerSignedIt) {
  auto record = open_peer_record(seed("another_peer"));
  EXPECT_TRUE(!record && record.error().is(Errc::refused));
}

TEST(PeerRecord, IsNoOtherKindOfEnvelope) {
  Bytes payload = to_bytes(as_bytes("anything"));
  const std::uint8_t type[] = {0x03, 0x02};
  auto sealed = crypto::seal_envelope(key_of(1), "libp2p-peer-record", type, payload);
  ASSERT_TRUE(sealed.has_value());
  auto record = open_peer_record(*sealed);
  EXPECT_TRUE(!record && record.error().is(Errc::corrupt));
}

TEST(PeerRecord, NoByteOfItCanBeChanged) {
  Bytes sealed = *seal_peer_record(key_of(1), 1, {address(1)});
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(open_peer_record(changed).has_value()) << "byte " << i;
  }
}

}  // namespace
}  // namespace kith::net
