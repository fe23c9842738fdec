#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/primitives/rlp.hpp>

namespace kith::ledger {
namespace {

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

Bytes encoded_string(ByteView bytes) {
  Bytes out;
  RlpWriter(out).string(bytes);
  return out;
}

RlpError fault_of(std::string_view text) {
  const Bytes input = hex(text);
  RlpReader reader(input);
  const auto item = reader.item();
  EXPECT_FALSE(item.has_value()) << text;
  return item ? RlpError() : item.error();
}

// The examples of the Ethereum wiki's page on RLP.
TEST(Rlp, WritesTheSpecificationsExamples) {
  EXPECT_EQ(encoded_string(as_bytes("dog")), hex("83646f67"));
  EXPECT_EQ(encoded_string({}), hex("80"));
  EXPECT_EQ(encoded_string(hex("00")), hex("00"));
  EXPECT_EQ(encoded_string(hex("0f")), hex("0f"));
  EXPECT_EQ(encoded_string(hex("0400")), hex("820400"));
  EXPECT_EQ(
      encoded_string(as_bytes("Lorem ipsum dolor sit amet, consectetur adipisicing elit")), [] {
        Bytes expected = hex("b838");
        append(expected, as_bytes("Lorem ipsum dolor sit amet, consectetur adipisicing elit"));
        return expected;
      }());
  Bytes out;
  RlpWriter writer(out);
  const auto list = writer.begin_list();
  writer.string(as_bytes("cat"));
  writer.string(as_bytes("dog"));
  writer.end_list(list);
  EXPECT_EQ(out, hex("c88363617483646f67"));
}

TEST(Rlp, WritesListsWithinLists) {
  // [ [], [[]], [ [], [[]] ] ]
  Bytes out;
  RlpWriter writer(out);
  const auto empty = [&] { writer.end_list(writer.begin_list()); };
  const auto nested = [&] {
    const auto list = writer.begin_list();
    empty();
    writer.end_list(list);
  };
  const auto all = writer.begin_list();
  empty();
  nested();
  const auto both = writer.begin_list();
  empty();
  nested();
  writer.end_list(both);
  writer.end_list(all);
  EXPECT_EQ(out, hex("c7c0c1c0c3c0c1c0"));
  EXPECT_TRUE(is_rlp(out, 4));
  EXPECT_FALSE(is_rlp(out, 3));
}

TEST(Rlp, RefusesEveryEncodingButTheShortest) {
  EXPECT_EQ(fault_of("8105"), RlpError::not_canonical);      // 05 is its own encoding
  EXPECT_EQ(fault_of("b80105"), RlpError::not_canonical);    // fits the short form
  EXPECT_EQ(fault_of("b900010a"), RlpError::not_canonical);  // a length with a leading zero
  EXPECT_EQ(fault_of("f80105"), RlpError::not_canonical);
  EXPECT_EQ(fault_of("b800"), RlpError::not_canonical);
}

TEST(Rlp, RefusesWhatEndsTooEarly) {
  EXPECT_EQ(fault_of(""), RlpError::missing_item);
  EXPECT_EQ(fault_of("83646f"), RlpError::truncated);
  EXPECT_EQ(fault_of("c883636174"), RlpError::truncated);
  EXPECT_EQ(fault_of("b9"), RlpError::truncated);
  EXPECT_EQ(fault_of("b838"), RlpError::truncated);
  EXPECT_EQ(fault_of("bfffffffffffffffff00"), RlpError::truncated);
  EXPECT_EQ(fault_of("ffffffffffffffffff00"), RlpError::truncated);
}

TEST(Rlp, ReadsNumbersWithoutLeadingZerosAlone) {
  const Bytes zero = hex("80");
  EXPECT_EQ(RlpReader(zero).number(), U256());
  const Bytes thousand = hex("8203e8");
  EXPECT_EQ(RlpReader(thousand).small_number(), 1000U);
  const Bytes padded = hex("820001");
  EXPECT_EQ(RlpReader(padded).number().error(), RlpError::not_canonical);
  const Bytes byte = hex("00");
  EXPECT_EQ(RlpReader(byte).number().error(), RlpError::not_canonical);
  Bytes long_one = encoded_string(Bytes(33, 1));
  EXPECT_EQ(RlpReader(long_one).number().error(), RlpError::number_too_large);
  Bytes large = encoded_string(Bytes(9, 1));
  EXPECT_EQ(RlpReader(large).small_number().error(), RlpError::number_too_large);
}

TEST(Rlp, TellsListsFromStrings) {
  const Bytes list = hex("c101");
  EXPECT_EQ(RlpReader(list).string().error(), RlpError::string_expected);
  const Bytes string = hex("61");
  EXPECT_EQ(RlpReader(string).list().error(), RlpError::list_expected);
  RlpReader reader(list);
  auto items = reader.list();
  ASSERT_TRUE(items.has_value());
  EXPECT_EQ(items->small_number(), 1U);
  EXPECT_TRUE(items->end().has_value());
  EXPECT_EQ(items->number().error(), RlpError::missing_item);
}

TEST(Rlp, ReadsAnAddressOrNone) {
  const Bytes none = hex("80");
  const auto nobody = RlpReader(none).address_or_none();
  ASSERT_TRUE(nobody.has_value());
  EXPECT_FALSE(nobody->has_value());
  EXPECT_EQ(RlpReader(none).address().error(), RlpError::wrong_length);
  const Bytes somebody = encoded_string(Bytes(20, 7));
  EXPECT_EQ(RlpReader(somebody).address()->bytes[19], 7);
}

TEST(Rlp, ReadsBackWhatItWroteOfEveryLength) {
  Prng random(3);
  for (std::size_t size : {0, 1, 2, 55, 56, 57, 255, 256, 257, 65'535, 65'536, 70'000}) {
    Bytes content(size);
    random.fill(content);
    const Bytes encoded = encoded_string(content);
    if (size != 1) EXPECT_EQ(encoded.size(), size + rlp_prefix_bytes(size));
    RlpReader reader(encoded);
    const auto read = reader.string();
    ASSERT_TRUE(read.has_value()) << size;
    EXPECT_TRUE(equal(*read, content)) << size;
    EXPECT_TRUE(reader.at_end());
  }
}

TEST(Rlp, TakesNoRandomBytesForMoreThanTheyAre) {
  Prng random(4);
  for (int i = 0; i < 20'000; ++i) {
    Bytes noise(random.below(40));
    random.fill(noise);
    RlpReader reader(noise);
    // Every item that is read lies within, and what is left goes on behind it.
    while (!reader.at_end()) {
      const ByteView before = reader.rest();
      const auto item = reader.item();
      if (!item) break;
      ASSERT_EQ(item->whole.data(), before.data());
      ASSERT_EQ(item->whole.size() + reader.rest().size(), before.size());
      ASSERT_LE(item->payload.size(), item->whole.size());
    }
  }
}

}  // namespace
}  // namespace kith::ledger
