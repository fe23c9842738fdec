#include <gtest/gtest.h>

#include <kith/http/limits.hpp>
#include <kith/http/uri.hpp>

namespace kith::http {
namespace {

TEST(PercentCoding, ReadsBackWhatItWrote) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte)
    all += static_cast<char>(byte);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_decode(percent_encode_path(all)), all);
  EXPECT_EQ(query_decode(query_encode(all)), all);
}

TEST(PercentCoding, KeepsWhatRfc3986CallsUnreserved) {
  EXPECT_EQ(percent_encode("aZ09-._~/ +%"), "aZ09-._~%2F%20%2B%25");
  EXPECT_EQ(percent_encode_path("/ipfs/a b/ü?"), "/ipfs/a%20b/%C3%BC%3F");
  EXPECT_EQ(query_encode("sub dir/ü+"), "sub+dir%2F%C3%BC%2B");
}

TEST(PercentCoding, RefusesBrokenTriplets) {
  EXPECT_EQ(percent_decode("%4a%4B"), "JK");
  for (const char* broken : {"%", "%4", "a%", "%zz", "%4g", "%%41"})
    EXPECT_FALSE(percent_decode(broken)) << broken;
}

TEST(Query, KeepsOrderAndRepetitions) {
  auto query = Query::parse("arg=a%20b&arg=c+d&&flag&empty=&x=1=2");
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(query->all("arg"), (std::vector<std::string_view>{"a b", "c d"}));
  EXPECT_EQ(query->get("flag"), "");
  EXPECT_EQ(query->get("x"), "1=2");
  EXPECT_FALSE(query->get("none"));
  EXPECT_EQ(query->to_string(), "arg=a+b&arg=c+d&flag=&empty=&x=1%3D2");
}

TEST(Query, HasALimitOfPairs) {
  std::string text;
  for (std::size_t i = 0; i < query_pairs_max; ++i)
    text += "a&";
  EXPECT_TRUE(Query::parse(text).has_value());
  EXPECT_FALSE(Query::parse(text + "a").has_value());
}

TEST(Target, HasTheFormsOfRfc9112) {
  auto origin = parse_target("GET", "/where%3F/x?q=now");
  ASSERT_TRUE(origin.has_value());
  EXPECT_EQ(origin->path, "/where?/x");
  EXPECT_EQ(origin->raw_path, "/where%3F/x");
  EXPECT_EQ(origin->query.get("q"), "now");
  auto absolute = parse_target("GET", "HTTP://www.example.org:80?x");
  ASSERT_TRUE(absolute.has_value());
  EXPECT_EQ(absolute->authority, "www.example.org:80");
  EXPECT_EQ(absolute->path, "/");
  EXPECT_EQ(absolute->raw_query, "x");
  EXPECT_TRUE(parse_target("OPTIONS", "*").has_value());
  EXPECT_EQ(parse_target("GET", "*").error(), HttpError::bad_target);
  EXPECT_EQ(parse_target("CONNECT", "a:80").error(), HttpError::unsupported_method);
  for (const char* bad : {"", "x", "http://", "http://me@host/", "/%", "/a#b", "ftp://x/"})
    EXPECT_FALSE(parse_target("GET", bad).has_value()) << bad;
}

}  // namespace
}  // namespace kith::http
