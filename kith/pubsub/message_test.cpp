#include <gtest/gtest.h>

#include <kith/pubsub/test_router.hpp>

namespace kith::pubsub {
namespace {

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

MessageFields fields_of(const PeerId& author, ByteView data, ByteView sequence) {
  MessageFields fields;
  fields.from = author.bytes();
  fields.data = data;
  fields.sequence = sequence;
  fields.topic = "news";
  return fields;
}

TEST(PubsubMessage, ReadsAnRpcFieldByField) {
  // subscriptions {true, "a"}, publish {data "hi", topic "a"}, control with one of each.
  const Bytes whole =
      hex("0a050801120161"
          "12071202686922"
          "0161"
          "1a20"
          "0a070a016112026964"  // ihave {topic a, id "id"}
          "12040a026964"        // iwant {"id"}
          "1a030a0161"          // graft {a}
          "22050a0161183c"      // prune {a, backoff 60}
          "2a030a0178");        // idontwant {"x"}
  auto rpc = decode_rpc(whole);
  ASSERT_TRUE(rpc.has_value());
  ASSERT_EQ(rpc->subscriptions.size(), 1U);
  EXPECT_TRUE(rpc->subscriptions[0].subscribe);
  EXPECT_EQ(rpc->subscriptions[0].topic, "a");
  ASSERT_EQ(rpc->messages.size(), 1U);
  EXPECT_EQ(as_text(rpc->messages[0]->data()), "hi");
  EXPECT_EQ(rpc->messages[0]->topic(), "a");
  EXPECT_FALSE(rpc->messages[0]->from().has_value());
  ASSERT_EQ(rpc->ihave.size(), 1U);
  EXPECT_EQ(rpc->ihave[0].topic, "a");
  EXPECT_EQ(rpc->ihave[0].ids, std::vector<MessageId>{"id"});
  EXPECT_EQ(rpc->iwant, std::vector<MessageId>{"id"});
  EXPECT_EQ(rpc->graft, std::vector<std::string>{"a"});
  ASSERT_EQ(rpc->prune.size(), 1U);
  EXPECT_EQ(rpc->prune[0].backoff_seconds, 60U);
  EXPECT_EQ(rpc->idontwant, std::vector<MessageId>{"x"});
  EXPECT_EQ(encode_rpc(*rpc), whole);
  EXPECT_EQ(rpc_bytes(*rpc), whole.size());
  for (std::size_t size = 1; size < whole.size(); ++size) {
    auto cut = decode_rpc(ByteView(whole).first(size));
    EXPECT_TRUE(!cut || size == 7 || size == 16) << size;
  }
}

TEST(PubsubMessage, SkipsWhatLaterVersionsAdd) {
  // control {extensions {partialMessages}}, partial, testExtension.
  auto rpc =
      decode_rpc(hex("1a0432025001"
                     "52090a01611201621a0163"
                     "9291e21800"));
  ASSERT_TRUE(rpc.has_value());
  EXPECT_TRUE(rpc->empty());
}

TEST(PubsubMessage, WhatItSignsItVerifies) {
  const crypto::PrivateKey key = test_key(1);
  const PeerId author = PeerId::from_public_key(key.public_key());
  const Bytes sequence = sequence_bytes(7);
  const MessagePtr message =
      sign_message(fields_of(author, as_bytes("hello"), sequence), key).value();
  EXPECT_TRUE(verify_signature(*message));
  EXPECT_FALSE(message->key().has_value());
  auto again = Message::decode(message->encoded());
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(verify_signature(**again));

  MessageFields other = message->fields();
  other.topic = "olds";
  EXPECT_FALSE(verify_signature(*Message::make(other)));
  MessageFields stranger = message->fields();
  const PeerId somebody = PeerId::from_public_key(test_key(2).public_key());
  stranger.from = somebody.bytes();
  EXPECT_FALSE(verify_signature(*Message::make(stranger)));
  MessageFields bare = message->fields();
  bare.signature.reset();
  EXPECT_FALSE(verify_signature(*Message::make(bare)));
}

TEST(PubsubMessage, AKeyThatTheIdDoesNotHoldComesAlong) {
  const crypto::PrivateKey key =
      crypto::PrivateKey::generate(crypto::KeyType::ecdsa, [](MutableBytes out) {
        std::ranges::fill(out, std::uint8_t{5});
      }).value();
  const PeerId author = PeerId::from_public_key(key.public_key());
  const Bytes sequence = sequence_bytes(7);
  const MessagePtr message =
      sign_message(fields_of(author, as_bytes("hello"), sequence), key).value();
  ASSERT_TRUE(message->key().has_value());
  EXPECT_TRUE(verify_signature(*message));
  MessageFields wrong = message->fields();
  const crypto::PublicKey other = test_key(3).public_key();
  wrong.key = other.encoded();
  EXPECT_FALSE(verify_signature(*Message::make(wrong)));
}

TEST(PubsubMessage, ASignatureCoversEmptyAndUnknownFields) {
  const crypto::PrivateKey key = test_key(1);
  const PeerId author = PeerId::from_public_key(key.public_key());
  const Bytes sequence = sequence_bytes(7);
  MessageFields fields = fields_of(author, {}, sequence);
  const Bytes later = hex("780a");
  fields.unknown.push_back(later);
  const MessagePtr message = sign_message(fields, key).value();
  auto read = Message::decode(message->encoded());
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE((*read)->fields().data.has_value());
  EXPECT_TRUE(verify_signature(**read));
  MessageFields without = (*read)->fields();
  without.unknown.clear();
  EXPECT_FALSE(verify_signature(*Message::make(without)));
  MessageFields absent = (*read)->fields();
  absent.data.reset();
  EXPECT_FALSE(verify_signature(*Message::make(absent)));
}

TEST(PubsubMessage, RefusesMoreThanAnRpcMayHold) {
  auto repeated = [](ByteView field, std::size_t count) {
    Bytes wire;
    for (std::size_t i = 0; i < count; ++i)
      append(wire, field);
    return wire;
  };
  const Bytes subscription = hex("0a00");
  EXPECT_TRUE(decode_rpc(repeated(subscription, rpc_subscriptions_max)).has_value());
  auto refused = decode_rpc(repeated(subscription, rpc_subscriptions_max + 1));
  EXPECT_TRUE(!refused && refused.error().is(Errc::limit_exceeded));
  EXPECT_FALSE(decode_rpc(repeated(hex("12032201"
                                       "61"),
                                   rpc_messages_max + 1))
                   .has_value());
  EXPECT_FALSE(decode_rpc(repeated(hex("1a041a020a00"), rpc_grafts_max + 1)).has_value());
  EXPECT_FALSE(decode_rpc(repeated(hex("1a022200"), rpc_prunes_max + 1)).has_value());
  // More ids than we need are left out.
  auto many = decode_rpc(repeated(hex("1a0512030a0161"), rpc_ids_max + 1));
  EXPECT_TRUE(many && many->iwant.size() == rpc_ids_max);
  EXPECT_FALSE(decode_rpc(repeated(hex("1a020a00"), rpc_grafts_max + 1)).has_value());
  EXPECT_FALSE(decode_rpc(Bytes(rpc_bytes_max + 1)).has_value());
}

TEST(PubsubMessage, LeavesOutWhatCannotBeUsed) {
  Rpc rpc;
  rpc.subscriptions.push_back({std::string(topic_bytes_max + 1, 'x'), true});
  rpc.subscriptions.push_back({std::string(topic_bytes_max, 'x'), true});
  rpc.iwant = {std::string(message_id_bytes_max + 1, 'i'), std::string(message_id_bytes_max, 'i')};
  rpc.graft = {std::string(topic_bytes_max + 1, 'x'), "a"};
  auto read = decode_rpc(encode_rpc(rpc));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->subscriptions.size(), 1U);
  EXPECT_EQ(read->iwant.size(), 1U);
  EXPECT_EQ(read->graft, std::vector<std::string>{"a"});
  // A message without a topic, and one whose topic is a number.
  read =
      decode_rpc(hex("1204"
                     "12026869"
                     "1202"
                     "2001"));
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(read->messages.empty());
}

TEST(PubsubMessage, TheDefaultIdIsTheAuthorAndTheNumberOrAHash) {
  const MessagePtr stamped = test_message(test_peer(1), 258, "a");
  MessageId id(as_text(test_peer(1).bytes()));
  id += std::string("\0\0\0\0\0\0\1\2", 8);
  EXPECT_EQ(default_message_id(*stamped), id);
  MessageFields fields;
  fields.data = as_bytes("abc");
  fields.topic = "a";
  EXPECT_EQ(to_hex(as_bytes(default_message_id(*Message::make(fields)))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace kith::pubsub
