#include <gtest/gtest.h>

#include <kith/dht/message.hpp>

namespace kith::dht {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

PeerId peer_id(std::uint32_t number) {
  Bytes key(36, 0x6b);
  store_be(key.data() + 32, number);
  return PeerId::from_public_key(key);
}

Peer peer(std::uint32_t number) {
  return {peer_id(number), {*Multiaddr::parse("/ip4/10.0.0.1/tcp/4001")}, Connectedness::connected};
}

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

TEST(DhtMessage, IsWrittenAsOtherImplementationsWriteIt) {
  // Made by hand from the specification's protobuf.
  Message ask{.type = MessageType::find_node,
              .key = to_bytes("abc"),
              .record = {},
              .closer = {},
              .providers = {}};
  EXPECT_EQ(to_hex(encode_message(ask)),
            "0804"
            "1203616263");
  Message put{.type = MessageType::put_value,
              .key = to_bytes("k"),
              .record = Record{to_bytes("k"), to_bytes("v"), "t"},
              .closer = {},
              .providers = {}};
  EXPECT_EQ(to_hex(encode_message(put)),
            "0800"
            "12016b"
            "1a09"
            "0a016b"
            "120176"
            "2a0174");
}

TEST(DhtMessage, WithoutATypeStoresAValue) {
  auto message = decode_message(hex("12016b1a060a016b120176"));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, MessageType::put_value);
  EXPECT_EQ(message->record->value, to_bytes("v"));
}

TEST(DhtMessage, OfEachTypeReadsAsItWasWritten) {
  for (int type = 0; type <= 5; ++type) {
    Message message{.type = static_cast<MessageType>(type),
                    .key = to_bytes("key"),
                    .record = Record{to_bytes("key"), to_bytes("value"), "2026-01-01T00:00:00Z"},
                    .closer = {peer(1), peer(2)},
                    .providers = {peer(3)}};
    auto again = decode_message(encode_message(message));
    ASSERT_TRUE(again) << type;
    EXPECT_EQ(*again, message) << type;
  }
}

TEST(DhtMessage, SaysHowLongAPeerBecomes) {
  Message without{
      .type = MessageType::find_node, .key = {}, .record = {}, .closer = {}, .providers = {}};
  Message with = without;
  for (std::uint32_t i = 0; i < 20; ++i) {
    with.closer.push_back(peer(i));
    with.closer.back().addresses.resize(i, *Multiaddr::parse("/ip4/10.0.0.1/tcp/4001"));
  }
  std::size_t more = 0;
  for (const Peer& one : with.closer)
    more += encoded_size(one);
  EXPECT_EQ(encode_message(with).size(), encode_message(without).size() + more);
}

TEST(DhtMessage, IsRefusedIfItIsNone) {
  EXPECT_EQ(decode_message(hex("0806")).error(), MessageError::unknown_type);
  EXPECT_EQ(decode_message(hex("0a0104")).error(), MessageError::bad_encoding) << "type as bytes";
  EXPECT_EQ(decode_message(hex("1004")).error(), MessageError::bad_encoding) << "key as number";
  EXPECT_EQ(decode_message(hex("4204")).error(), MessageError::bad_encoding) << "cut off";
  EXPECT_EQ(decode_message(hex("12ffffffff0f")).error(), MessageError::bad_encoding) << "length";
  EXPECT_TRUE(decode_message(hex("08045001")));  // the unused cluster level
}

TEST(DhtMessage, IsRefusedIfAPartIsTooLong) {
  Message message{.type = MessageType::put_value,
                  .key = Bytes(key_bytes_max, 1),
                  .record = Record{Bytes(key_bytes_max, 1), Bytes(value_bytes_max, 2), ""},
                  .closer = {},
                  .providers = {}};
  Bytes fits = encode_message(message);
  EXPECT_TRUE(decode_message(fits));
  EXPECT_LE(fits.size(), message_own_bytes_max);
  // One byte more of each: the field's length says so.
  Bytes key = hex("0801");
  append(key, hex("12a101"));
  key.resize(key.size() + key_bytes_max + 1);
  EXPECT_EQ(decode_message(key).error(), MessageError::too_long);
  Bytes value =
      hex("1a84601281"
          "60");
  value.resize(value.size() + value_bytes_max + 1);
  EXPECT_EQ(decode_message(value).error(), MessageError::too_long);
}

TEST(DhtMessage, LeavesOutWhatIsNoPeerOrAddress) {
  // A peer with a bad id; then one with a good id, a bad and a good address, connection 9.
  Bytes id = to_bytes(peer_id(1).bytes());
  Bytes address = to_bytes(Multiaddr::parse("/ip4/10.0.0.1/tcp/443")->bytes());
  Bytes encoded_peer;
  append(encoded_peer, hex("0a"));
  encoded_peer.push_back(static_cast<std::uint8_t>(id.size()));
  append(encoded_peer, id);
  append(encoded_peer, hex("1202ffff12"));
  encoded_peer.push_back(static_cast<std::uint8_t>(address.size()));
  append(encoded_peer, address);
  append(encoded_peer, hex("1809"));
  Bytes message =
      hex("0804"
          "4204"
          "0a020102"
          "42");
  message.push_back(static_cast<std::uint8_t>(encoded_peer.size()));
  append(message, encoded_peer);
  auto read = decode_message(message);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->closer.size(), 1u);
  EXPECT_EQ(read->closer[0].id, peer_id(1));
  ASSERT_EQ(read->closer[0].addresses.size(), 1u);
  EXPECT_EQ(read->closer[0].connection, Connectedness::not_connected);
}

TEST(DhtMessage, PassesOverPeersAndAddressesBeyondTheLimits) {
  Bytes message = hex("0804");
  auto add = [&message](std::uint8_t tag, const Peer& one) {
    Message single{
        .type = MessageType::find_node, .key = {}, .record = {}, .closer = {one}, .providers = {}};
    Bytes encoded = encode_message(single);
    encoded[2] = tag;
    append(message, ByteView(encoded).subspan(2));
  };
  for (std::uint32_t i = 0; i < closer_peers_max + 5; ++i)
    add(0x42, peer(i));
  Peer many = peer(9999);
  many.addresses.resize(addresses_per_peer_max + 5, many.addresses[0]);
  for (std::uint32_t i = 0; i < provider_peers_max + 5; ++i)
    add(0x4a, i == 0 ? many : peer(i));
  auto read = decode_message(message);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->closer.size(), closer_peers_max);
  EXPECT_EQ(read->closer.back().id, peer_id(closer_peers_max - 1));
  EXPECT_EQ(read->providers.size(), provider_peers_max);
  EXPECT_EQ(read->providers[0].addresses.size(), addresses_per_peer_max);
}

}  // namespace
}  // namespace kith::dht
