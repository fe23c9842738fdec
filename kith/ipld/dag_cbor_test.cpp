#include <cmath>

#include <gtest/gtest.h>

#include <kith/ipld/dag_cbor.hpp>
#include <kith/ipld/limits.hpp>
#include <kith/ipld/path.hpp>

namespace kith::ipld {
namespace {

Decoded<Value> decode(std::string_view hex, Strictness strictness = Strictness::canonical) {
  return decode_dag_cbor(from_hex(hex).value(), strictness);
}

IpldError error_of(std::string_view hex) {
  auto value = decode(hex, Strictness::historical);
  EXPECT_FALSE(value) << hex;
  return value ? IpldError{} : value.error();
}

TEST(DagCbor, ReadsTheWholeRangeOfIntegers) {
  EXPECT_EQ(*decode("1bffffffffffffffff")->get<Integer>(), (Integer{false, UINT64_MAX}));
  EXPECT_EQ(*decode("3bffffffffffffffff")->get<Integer>(), (Integer{true, UINT64_MAX}));
  EXPECT_EQ(decode("3b7fffffffffffffff")->get<Integer>()->to_int64(), INT64_MIN);
  EXPECT_EQ(decode("3b8000000000000000")->get<Integer>()->to_int64(), std::nullopt);
  EXPECT_EQ(Integer::of(INT64_MIN).to_int64(), INT64_MIN);
}

TEST(DagCbor, CanonicalFormIsTheOnlyOne) {
  // RFC 8949 section 4.2 and the strictness rules of dag-cbor; all are fine as historical data.
  for (std::string_view hex : {"1800", "190001", "5800", "7800", "9800", "b800",
                               "d9002a450001550000", "a2616201616102", "f90000", "fa3f800000"}) {
    EXPECT_EQ(decode(hex).error(), IpldError::not_canonical) << hex;
    EXPECT_TRUE(decode(hex, Strictness::historical)) << hex;
  }
  EXPECT_EQ(*decode("f93e00", Strictness::historical)->get<double>(), 1.5);
  EXPECT_EQ(*decode("f90001", Strictness::historical)->get<double>(), 5.960464477539063e-8);
  EXPECT_TRUE(
      decode("a2616101626161"
             "02"))
      << "keys sorted by length first";
}

TEST(DagCbor, RefusesWhatTheDataModelDoesNotHave) {
  EXPECT_EQ(error_of("f7"), IpldError::unsupported) << "undefined";
  EXPECT_EQ(error_of("f8ff"), IpldError::unsupported) << "a simple value";
  EXPECT_EQ(error_of("c11a514b67b0"), IpldError::unsupported) << "tag 1";
  EXPECT_EQ(error_of("9f01ff"), IpldError::unsupported) << "indefinite length";
  EXPECT_EQ(error_of("f97e00"), IpldError::bad_number);
  EXPECT_EQ(error_of("f97c00"), IpldError::bad_number);
  EXPECT_EQ(error_of("fb7ff0000000000000"), IpldError::bad_number);
  EXPECT_EQ(error_of("a10102"), IpldError::malformed) << "an integer key";
  EXPECT_EQ(error_of("a2616101616102"), IpldError::duplicate);
  EXPECT_EQ(error_of("62c328"), IpldError::bad_text);
  EXPECT_EQ(error_of("d82a4401550000"), IpldError::bad_link) << "no zero before the CID";
  EXPECT_EQ(error_of("d82a6161"), IpldError::bad_link);
  EXPECT_EQ(error_of("0101"), IpldError::trailing_bytes);
  EXPECT_EQ(error_of(""), IpldError::truncated);
  EXPECT_EQ(error_of("5bffffffffffffffff00"), IpldError::truncated);
  EXPECT_EQ(error_of("9bffffffffffffffff00"), IpldError::truncated);
}

TEST(DagCbor, LimitsDepthAndNumberOfValues) {
  Bytes nested(value_depth_max, 0x81);
  nested.push_back(0);
  EXPECT_TRUE(decode_dag_cbor(nested));
  nested.insert(nested.begin(), 0x81);
  EXPECT_EQ(decode_dag_cbor(nested).error(), IpldError::too_deep);
  EXPECT_EQ(for_each_dag_cbor_link(nested, [](const auto&) {}).error(), IpldError::too_deep);

  Bytes many = from_hex("9a00100000").value();
  many.resize(many.size() + 0x100000, 0x00);
  EXPECT_EQ(decode_dag_cbor(many).error(), IpldError::too_many);
  EXPECT_EQ(decode_dag_cbor(Bytes(block_bytes_max + 1)).error(), IpldError::too_large);
}

TEST(DagCbor, EncoderRefusesWhatNoDecoderMakes) {
  EXPECT_EQ(encode_dag_cbor(Value(std::nan(""))).error(), IpldError::bad_number);
  EXPECT_EQ(encode_dag_cbor(Value(std::string("\xff"))).error(), IpldError::bad_text);
  Map twice;
  twice.push_back({"a", Value()});
  twice.push_back({"a", Value()});
  EXPECT_EQ(encode_dag_cbor(Value(std::move(twice))).error(), IpldError::duplicate);
}

TEST(IpldPath, EndsAtLinksAndAtTheBlocksEdge) {
  // {"a": [1, {"b": CID}]}
  auto block = decode("a161618201a16162d82a450001550000").value();
  std::vector<std::string> steps = {"a", "1", "b", "further"};
  auto end = follow_path(block, steps);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->consumed, 3u);
  EXPECT_EQ(end->link->to_string(), "bafkqaaa");
  EXPECT_EQ(end->value, nullptr);
  EXPECT_EQ(*follow_path(block, std::span(steps).first(0))->value, block);
  steps = {"a", "0"};
  EXPECT_EQ(*follow_path(block, steps)->value->get<Integer>(), Integer::of(1));
  for (std::string_view bad : {"2", "01", "-1", "", "x", "99999999999999999999"}) {
    steps = {"a", std::string(bad)};
    EXPECT_EQ(follow_path(block, steps).error(), IpldError::no_such_path) << bad;
  }
}

}  // namespace
}  // namespace kith::ipld
