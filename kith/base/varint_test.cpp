#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <kith/base/varint.hpp>

namespace kith {
namespace {

Bytes encoded(std::uint64_t value) {
  Bytes out;
  append_varint(out, value);
  return out;
}

// The examples of multiformats/unsigned-varint's README.
TEST(Varint, EncodesTheSpecificationsExamples) {
  EXPECT_EQ(to_hex(encoded(1)), "01");
  EXPECT_EQ(to_hex(encoded(127)), "7f");
  EXPECT_EQ(to_hex(encoded(128)), "8001");
  EXPECT_EQ(to_hex(encoded(255)), "ff01");
  EXPECT_EQ(to_hex(encoded(300)), "ac02");
  EXPECT_EQ(to_hex(encoded(16384)), "808001");
}

TEST(Varint, RefusesPaddedForms) {
  EXPECT_EQ(decode_varint(*from_hex("8100")).error(), VarintError::not_minimal);
  EXPECT_EQ(decode_varint(*from_hex("808000")).error(), VarintError::not_minimal);
  EXPECT_EQ(decode_varint(*from_hex("00"))->value, 0u);
}

TEST(Varint, RefusesMoreThanNineBytes) {
  EXPECT_EQ(decode_varint(*from_hex("ffffffffffffffff7f"))->value, 0x7fffffffffffffffu);
  EXPECT_EQ(decode_varint(*from_hex("ffffffffffffffffff01")).error(), VarintError::too_long);
  EXPECT_EQ(decode_varint(*from_hex("80808080808080808080")).error(), VarintError::too_long);
}

TEST(Varint, TellsACutNumberFromABadOne) {
  EXPECT_EQ(decode_varint({}).error(), VarintError::truncated);
  EXPECT_EQ(decode_varint(*from_hex("80")).error(), VarintError::truncated);
}

RC_GTEST_PROP(Varint, RoundTrips, (std::uint64_t any)) {
  std::uint64_t value = any >> 1;
  Bytes bytes = encoded(value);
  RC_ASSERT(bytes.size() == varint_size(value));
  bytes.push_back(0xaa);
  ByteView rest = bytes;
  auto number = take_varint(rest);
  RC_ASSERT(number.has_value());
  RC_ASSERT(*number == value);
  RC_ASSERT(rest.size() == 1u);
}

}  // namespace
}  // namespace kith
