#include <vector>

#include <gtest/gtest.h>

#include <kith/base/protobuf_reader.hpp>

namespace kith {
namespace {

using protozero::pbf_wire_type;

Bytes bytes(std::string_view hex) {
  return *from_hex(hex);
}

/// Goes through all fields and skips each.
void read_all(std::string_view hex) {
  const Bytes message = bytes(hex);
  ProtobufReader reader(message);
  while (reader.next())
    reader.skip();
}

TEST(ProtobufReader, ReadsFieldsOfEachType) {
  const Bytes message = bytes(
      "08ac02"            // 1: 300
      "1202beef"          // 2: bytes
      "1d04030201"        // 3: fixed 32
      "2100000000000000"  // 4: fixed 64
      "00"
      "2a020801"  // 5: a message, 1: 1
      "3203ac0201");
  ProtobufReader reader(message);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.tag_and_type(), protozero::tag_and_type(1, pbf_wire_type::varint));
  EXPECT_EQ(reader.get_uint64(), 300U);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(to_hex(reader.get_bytes()), "beef");
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.get_fixed32(), 0x01020304U);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.wire_type(), pbf_wire_type::fixed64);
  reader.skip();
  ASSERT_TRUE(reader.next());
  ProtobufReader inner = reader.get_message();
  ASSERT_TRUE(inner.next());
  EXPECT_EQ(inner.get_uint64(), 1U);
  EXPECT_FALSE(inner.next());
  ASSERT_TRUE(reader.next());
  auto packed = reader.get_packed_uint64();
  EXPECT_EQ(std::vector<std::uint64_t>(packed.begin(), packed.end()),
            (std::vector<std::uint64_t>{300, 1}));
  EXPECT_FALSE(reader.next());
}

TEST(ProtobufReader, FindsFieldsOfOneNumberAndType) {
  const Bytes message = bytes(
      "0801"
      "0a0141"
      "1201"
      "42"
      "0a0143");
  ProtobufReader reader(message);
  std::string found;
  while (reader.next(1, pbf_wire_type::length_delimited))
    found += as_text(reader.get_bytes());
  EXPECT_EQ(found, "AC");
}

TEST(ProtobufReader, RefusesLengthsThatDontFit) {
  EXPECT_THROW(read_all("0a01"), protozero::exception);
  EXPECT_THROW(read_all("0affffffff0f"), protozero::exception);                // 2^32 - 1
  EXPECT_THROW(read_all("0a8080808010"), protozero::exception);                // 2^32
  EXPECT_THROW(read_all("0a818080801041"), protozero::exception);              // 2^32 + 1
  EXPECT_THROW(read_all("0a80808080808080808001"), protozero::exception);      // 2^63
  EXPECT_THROW(read_all("0affffffffffffffffff01"), protozero::exception);      // 2^64 - 1
  EXPECT_THROW(read_all("0a808080808080808080020801"), protozero::exception);  // 2^64
  EXPECT_NO_THROW(read_all("0a0141"));
}

TEST(ProtobufReader, RefusesKeysThatDontFit) {
  EXPECT_THROW(read_all("00"), protozero::exception);            // number 0
  EXPECT_THROW(read_all("888080801001"), protozero::exception);  // 1 and a 33rd bit
  EXPECT_NO_THROW(read_all("f8ffffff0f01"));                     // 2^29 - 1
  EXPECT_THROW(read_all("ffffffffffffffffffff"), protozero::exception);
  EXPECT_THROW(read_all("8880808080808080800205"), protozero::exception);  // 1 and a 65th bit
  EXPECT_THROW(read_all("0b"), protozero::exception);                      // a group
}

TEST(ProtobufReader, RefusesNumbersThatDontFit) {
  EXPECT_NO_THROW(read_all("08ffffffffffffffffff01"));
  EXPECT_THROW(read_all("08ffffffffffffffffff02"), protozero::exception);
  EXPECT_THROW(read_all("0880808080808080808080"
                        "01"),
               protozero::exception);
  const Bytes message = bytes(
      "0a0b"
      "05"
      "80808080808080808002");
  ProtobufReader reader(message);
  ASSERT_TRUE(reader.next());
  EXPECT_THROW(reader.get_packed_uint64(), protozero::exception);
}

TEST(ProtobufReader, EndsWhereAMessageEnds) {
  const Bytes message = bytes("0a03080142");  // the inner message ends amid its second field
  ProtobufReader reader(message);
  ASSERT_TRUE(reader.next());
  ProtobufReader inner = reader.get_message();
  ASSERT_TRUE(inner.next());
  inner.skip();
  EXPECT_THROW(inner.next() && (inner.skip(), true), protozero::exception);
}

}  // namespace
}  // namespace kith
