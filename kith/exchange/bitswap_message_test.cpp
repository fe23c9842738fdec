#include <gtest/gtest.h>

#include <kith/base/varint.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/exchange/bitswap_message.hpp>

namespace kith::exchange {
namespace {

using multiformats::CidPrefix;
using multiformats::Codec;
using multiformats::Multihash;

Cid cid_of(std::string_view text, Codec codec = Codec::raw) {
  return Cid::v1(codec, Multihash::wrap(Codec::sha2_256, crypto::sha256(as_bytes(text))));
}

Cid v0_of(std::string_view text) {
  return *Cid::v0(Multihash::wrap(Codec::sha2_256, crypto::sha256(as_bytes(text))));
}

Buffer joined(const std::vector<Buffer>& pieces) {
  Bytes all;
  for (const Buffer& piece : pieces)
    append(all, piece);
  ByteView view = all;
  auto size = take_varint(view);
  EXPECT_TRUE(size && *size == view.size());
  return Buffer::copy_of(view);
}

/// Bytes written by hand, field by field: what another implementation would send.
Buffer message_of(std::string_view hex) {
  return Buffer::adopt(*from_hex(hex));
}

std::string cid_field(const Cid& cid) {
  return "0a" + to_hex(Bytes{static_cast<std::uint8_t>(cid.bytes().size())}) + to_hex(cid.bytes());
}

std::string sized(std::string_view tag, const std::string& hex) {
  Bytes length;
  append_varint(length, hex.size() / 2);
  return std::string(tag) + to_hex(length) + hex;
}

BitswapMessage sample() {
  BitswapMessage message;
  message.wants.push_back({cid_of("a"), 7, WantType::have, false, true});
  message.wants.push_back({v0_of("b"), 0x7fffffff, WantType::block, false, false});
  message.wants.push_back({cid_of("c"), 0, WantType::block, true, false});
  message.full = true;
  message.blocks.push_back({CidPrefix::of(cid_of("d")), Buffer::copy_of(as_bytes("d"))});
  message.blocks.push_back({CidPrefix::of(v0_of("e")), Buffer()});
  message.presences.push_back({cid_of("f"), Presence::have});
  message.presences.push_back({cid_of("g"), Presence::dont_have});
  message.pending_bytes = 12345;
  return message;
}

TEST(BitswapMessage, ReadsWhatTheSpecificationLaysOut) {
  Cid cid = v0_of("hello");
  // wantlist { entries { cid, priority 5, cancel, want type have, send dont have }, full }
  std::string entry = cid_field(cid) + "1005" + "1801" + "2001" + "2801";
  std::string wantlist = sized("0a", entry) + "1001";
  std::string presence = cid_field(cid) + "1001";
  std::string prefix = "0a0401551220";  // version 1, raw, sha2-256, 32 bytes
  std::string block = prefix + "120568656c6c6f";
  auto message = decode_message(
      message_of(sized("0a", wantlist) + sized("1a", block) + sized("22", presence) + "28e707"));
  ASSERT_TRUE(message.has_value());
  ASSERT_EQ(message->wants.size(), 1U);
  EXPECT_EQ(message->wants[0], (Want{cid, 5, WantType::have, true, true}));
  EXPECT_TRUE(message->full);
  ASSERT_EQ(message->blocks.size(), 1U);
  EXPECT_EQ(message->blocks[0].prefix, (CidPrefix{1, Codec::raw, Codec::sha2_256, 32}));
  EXPECT_EQ(as_text(message->blocks[0].data), "hello");
  ASSERT_EQ(message->presences.size(), 1U);
  EXPECT_EQ(message->presences[0], (BlockPresence{cid, Presence::dont_have}));
  EXPECT_EQ(message->pending_bytes, 999);
}

TEST(BitswapMessage, ReadsBlocksOfTheFirstVersionAsVersionZeroCids) {
  auto message = decode_message(message_of("120568656c6c6f"));
  ASSERT_TRUE(message.has_value());
  ASSERT_EQ(message->blocks.size(), 1U);
  EXPECT_EQ(message->blocks[0].prefix.version, 0);
  EXPECT_EQ(as_text(message->blocks[0].data), "hello");
}

TEST(BitswapMessage, SaysTheSameAfterWritingAndReading) {
  BitswapMessage message = sample();
  auto again = decode_message(joined(encode_message(message, BitswapVersion::v1_2_0)));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->wants, message.wants);
  EXPECT_EQ(again->presences, message.presences);
  EXPECT_EQ(again->full, message.full);
  EXPECT_EQ(again->pending_bytes, message.pending_bytes);
  ASSERT_EQ(again->blocks.size(), 2U);
  EXPECT_EQ(again->blocks[0].prefix, message.blocks[0].prefix);
  EXPECT_EQ(again->blocks[1].prefix, message.blocks[1].prefix);
  EXPECT_TRUE(equal(again->blocks[0].data, message.blocks[0].data));
}

TEST(BitswapMessage, TellsOlderPeersOnlyWhatTheyKnow) {
  auto v1_1 = decode_message(joined(encode_message(sample(), BitswapVersion::v1_1_0)));
  ASSERT_TRUE(v1_1.has_value());
  EXPECT_EQ(v1_1->wants[0].type, WantType::block);
  EXPECT_FALSE(v1_1->wants[0].send_dont_have);
  EXPECT_TRUE(v1_1->presences.empty());
  EXPECT_EQ(v1_1->pending_bytes, 0);
  EXPECT_EQ(v1_1->blocks[0].prefix.version, 1);

  auto v1_0 = decode_message(joined(encode_message(sample(), BitswapVersion::v1_0_0)));
  ASSERT_TRUE(v1_0.has_value());
  EXPECT_EQ(v1_0->blocks[0].prefix.version, 0);
  EXPECT_EQ(as_text(v1_0->blocks[0].data), "d");
}

TEST(BitswapMessage, CopiesNoLargeBlockWhenWriting) {
  Buffer data = Buffer::allocate(1 << 20);
  BitswapMessage message;
  message.blocks.push_back({CidPrefix::of(cid_of("x")), data});
  auto pieces = encode_message(message, BitswapVersion::v1_2_0);
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[2].data(), data.data());
}

TEST(BitswapMessage, CopiesNoLargeBlockWhenReadingAndDropsTheMessageOfASmallOne) {
  BitswapMessage message;
  message.blocks.push_back({CidPrefix::of(cid_of("x")), Buffer::allocate(1 << 20)});
  message.blocks.push_back({CidPrefix::of(cid_of("y")), Buffer::copy_of(as_bytes("y"))});
  Buffer wire = joined(encode_message(message, BitswapVersion::v1_2_0));
  auto read = decode_message(wire);
  ASSERT_TRUE(read.has_value());
  EXPECT_GT(read->blocks[0].data.data(), wire.data());
  EXPECT_LT(read->blocks[0].data.data(), wire.data() + wire.size());
  EXPECT_LT(read->blocks[1].data.memory_bytes(), 1024U);
}

TEST(BitswapMessage, RefusesEntriesWithoutCid) {
  EXPECT_EQ(decode_message(message_of("0a040a021005")).error(), BitswapError::bad_cid);
  EXPECT_EQ(decode_message(message_of("0a050a030a01ff")).error(), BitswapError::bad_cid);
  EXPECT_EQ(decode_message(message_of("22021001")).error(), BitswapError::bad_cid);
}

TEST(BitswapMessage, RefusesBlocksWithoutPrefix) {
  EXPECT_EQ(decode_message(message_of("1a07120568656c6c6f")).error(), BitswapError::bad_prefix);
  EXPECT_EQ(decode_message(message_of("1a030a0109")).error(), BitswapError::bad_prefix);
}

TEST(BitswapMessage, RefusesFieldsOfTheWrongTypeAndCutMessages) {
  EXPECT_EQ(decode_message(message_of("0801")).error(), BitswapError::bad_encoding);
  EXPECT_EQ(decode_message(message_of("2a0101")).error(), BitswapError::bad_encoding);
  Buffer whole = joined(encode_message(sample(), BitswapVersion::v1_2_0));
  std::size_t failed = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // A cut between two fields leaves a shorter message that is right.
    if (!decode_message(Buffer::copy_of(whole.view().first(size)))) ++failed;
  }
  EXPECT_GE(failed, whole.size() - 7);
}

TEST(BitswapMessage, RefusesALengthThatHasMoreThan32Bits) {
  // 4 GiB: taken for 0, what follows would be fields of this message.
  for (std::string_view key : {"14", "0a", "1a", "7a"}) {
    auto message = message_of(std::string(key) + "8080808010" + "78017801");
    EXPECT_EQ(decode_message(message).error(), BitswapError::bad_encoding) << key;
  }
}

TEST(BitswapMessage, SkipsFieldsOfLaterVersions) {
  auto message =
      decode_message(message_of("3205abcdef0102"
                                "3801"
                                "28e707"));
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->pending_bytes, 999);
}

TEST(BitswapMessage, RefusesABlockAboveTheLimitAndTakesOneAtIt) {
  BitswapMessage message;
  message.blocks.push_back({CidPrefix::of(cid_of("x")), Buffer::allocate(ipld::block_bytes_max)});
  EXPECT_TRUE(decode_message(joined(encode_message(message, BitswapVersion::v1_2_0))).has_value());
  message.blocks[0].data = Buffer::allocate(ipld::block_bytes_max + 1);
  EXPECT_EQ(decode_message(joined(encode_message(message, BitswapVersion::v1_2_0))).error(),
            BitswapError::block_too_large);
}

TEST(BitswapMessage, RefusesMoreEntriesThanTheLimit) {
  std::string tiny = sized("0a",
                           "0a0401550000"
                           "1001");  // an empty identity CID
  std::string list;
  for (std::size_t i = 0; i <= message_wants_max; ++i)
    list += tiny;
  EXPECT_EQ(decode_message(message_of(sized("0a", list))).error(), BitswapError::too_many_entries);
}

TEST(BitswapMessage, KnowsItsProtocols) {
  EXPECT_EQ(bitswap_version("/ipfs/bitswap/1.2.0"), BitswapVersion::v1_2_0);
  EXPECT_EQ(bitswap_version("/ipfs/bitswap"), BitswapVersion::v1_0_0);
  EXPECT_EQ(bitswap_version("/ipfs/bitswap/9"), std::nullopt);
}

}  // namespace
}  // namespace kith::exchange
