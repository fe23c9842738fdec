#include <gtest/gtest.h>

#include <kith/ipld/dag_json.hpp>
#include <kith/ipld/limits.hpp>

namespace kith::ipld {
namespace {

Decoded<Value> decode(std::string_view text, Strictness strictness = Strictness::canonical) {
  return decode_dag_json(as_bytes(text), strictness);
}

IpldError error_of(std::string_view text) {
  auto value = decode(text, Strictness::historical);
  EXPECT_FALSE(value) << text;
  return value ? IpldError{} : value.error();
}

/// What a text is written as, once read.
std::string again(std::string_view text) {
  auto value = decode(text, Strictness::historical);
  if (!value) return "refused";
  return std::string(as_text(encode_dag_json(*value).value()));
}

TEST(DagJson, ReadsLinksAndBytes) {
  EXPECT_EQ(decode(R"({"/":"bafkqaaa"})")->get<multiformats::Cid>()->to_string(), "bafkqaaa");
  EXPECT_EQ(*decode(R"({"/":{"bytes":"AQID"}})")->get<Bytes>(), (Bytes{1, 2, 3}));
  EXPECT_EQ(error_of(R"({"/":"not a cid"})"), IpldError::bad_link);
  EXPECT_EQ(error_of(R"({"/":{"bytes":"AQ=="}})"), IpldError::malformed) << "padding";
}

TEST(DagJson, KeepsTheReservedNamespaceFree) {
  // The examples of the specification, section "The Reserved Namespace".
  EXPECT_EQ(error_of(R"({"/":"foo","bar":"baz"})"), IpldError::reserved);
  EXPECT_EQ(error_of(R"({"/":{"bytes":"foo","bar":"baz"}})"), IpldError::reserved);
  EXPECT_EQ(error_of(R"({"/":{"bytes":"foo"},"bar":"baz"})"), IpldError::reserved);
  for (std::string_view text :
       {R"({"0bar":"baz","/":"foo"})", R"({"/":true,"bar":"baz"})",
        R"({"/":{"abar":"baz","bytes":"foo"}})", R"({"/":{"bytes":true},"bar":"baz"})",
        R"({"0bar":"baz","/":{"bytes":"foo"}})"}) {
    EXPECT_TRUE(decode(text, Strictness::historical)) << text;
  }
  Map link_like;
  link_like.push_back({"/", Value(std::string("foo"))});
  EXPECT_EQ(encode_dag_json(Value(std::move(link_like))).error(), IpldError::reserved);
}

TEST(DagJson, WritesOneFormOnly) {
  EXPECT_EQ(again(" { \"b\" : [ 1 , 2 ] , \"a\" : null } "), R"({"a":null,"b":[1,2]})");
  EXPECT_EQ(again(R"("\u0041\/\u00e9\ud83c\udf64\u0001\n")"), "\"A/é🍤\\u0001\\n\"");
  EXPECT_EQ(again("-0"), "0");
  EXPECT_EQ(again("1.0"), "1.0");
  EXPECT_EQ(again("-1.5e3"), "-1500.0");
  EXPECT_EQ(again("123e-9"), "1.23e-7");
  EXPECT_EQ(again("1e20"), "100000000000000000000.0");
  EXPECT_EQ(again("1e21"), "1e+21");
  EXPECT_EQ(again("0.000001"), "0.000001");
  EXPECT_EQ(again("18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(again("-18446744073709551616"), "-18446744073709551616");
  EXPECT_EQ(decode("{\"b\":1,\"a\":2}").error(), IpldError::not_canonical);
  EXPECT_EQ(decode("1 ").error(), IpldError::not_canonical);
}

TEST(DagJson, RefusesWhatIsNotJson) {
  for (std::string_view text : {"01", "1.", ".5", "+1", "1e", "tru", "{]", "[1,]", "{\"a\"}", "'a'",
                                "\"\x01\"", "\"\\x\"", "{\"a\":1,}", "[1 2]", "nul", "-"}) {
    EXPECT_FALSE(decode(text, Strictness::historical)) << text;
  }
  EXPECT_EQ(error_of("1 2"), IpldError::trailing_bytes);
  EXPECT_EQ(error_of("18446744073709551616"), IpldError::bad_number);
  EXPECT_EQ(error_of("1e999"), IpldError::bad_number);
  EXPECT_EQ(error_of(R"("\ud800")"), IpldError::bad_text);
  EXPECT_EQ(error_of(R"("\udc00")"), IpldError::bad_text);
  EXPECT_EQ(error_of("\"\xc3\""), IpldError::bad_text);
  EXPECT_EQ(error_of(R"({"a":1,"b":2,"a":3})"), IpldError::duplicate);
  EXPECT_EQ(error_of("[[["), IpldError::truncated);
}

TEST(DagJson, LimitsDepthAndNumberOfValues) {
  std::string nested = std::string(value_depth_max, '[') + "1" + std::string(value_depth_max, ']');
  EXPECT_TRUE(decode(nested));
  EXPECT_EQ(decode("[" + nested + "]").error(), IpldError::too_deep);
  EXPECT_EQ(error_of(std::string(1'000'000, '[')), IpldError::too_deep);
  std::string many = "[0";
  for (std::size_t i = 0; i < values_max; ++i)
    many += ",0";
  EXPECT_EQ(error_of(many + "]"), IpldError::too_many);
}

}  // namespace
}  // namespace kith::ipld
