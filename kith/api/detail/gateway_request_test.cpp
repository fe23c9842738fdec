#include <gtest/gtest.h>

#include <kith/api/detail/gateway_request.hpp>
#include <kith/api/gateway_limits.hpp>

namespace kith::api::gateway {
namespace {

using Kind = Ranges::Kind;
using List = std::vector<ByteRange>;

Result<Wanted> wanted_of(std::string_view query, std::string accept = {}) {
  http::Headers headers;
  if (!accept.empty()) headers.add("Accept", std::move(accept));
  return read_wanted(*http::Query::parse(query), headers);
}

Format format_of(std::string_view query, std::string accept = {}) {
  auto wanted = wanted_of(query, std::move(accept));
  EXPECT_TRUE(wanted.has_value());
  return wanted ? wanted->format : Format::automatic;
}

TEST(GatewayRequest, TakesTheFormatFromTheQueryBeforeTheHeader) {
  EXPECT_EQ(format_of(""), Format::automatic);
  EXPECT_EQ(format_of("format=raw"), Format::raw);
  EXPECT_EQ(format_of("", "application/vnd.ipld.raw"), Format::raw);
  EXPECT_EQ(format_of("format=car", "application/vnd.ipld.raw"), Format::car);
  EXPECT_EQ(format_of("format=raw", "application/vnd.ipld.car; order=nonsense"), Format::raw);
  EXPECT_FALSE(wanted_of("format=bitmap").has_value());
}

TEST(GatewayRequest, TakesTheHeavierOfTwoTypesAndTheFirstOfEqualOnes) {
  EXPECT_EQ(format_of("", "application/vnd.ipld.raw;q=0.5, application/vnd.ipld.car"), Format::car);
  EXPECT_EQ(format_of("", "application/vnd.ipld.raw, application/vnd.ipld.car"), Format::raw);
  EXPECT_EQ(format_of("", "application/vnd.ipld.raw;q=0, text/html"), Format::automatic);
  std::string browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
  EXPECT_EQ(format_of("", browser), Format::automatic);
}

TEST(GatewayRequest, KnowsWhetherSomethingElseWillDo) {
  EXPECT_FALSE(wanted_of("format=json", "*/*")->or_else);
  EXPECT_FALSE(wanted_of("", "application/json")->or_else);
  EXPECT_TRUE(wanted_of("", "application/json, text/plain, */*")->or_else);
  EXPECT_TRUE(wanted_of("", "")->or_else);
}

TEST(GatewayRequest, ReadsArchiveParametersOfQueryAndHeader) {
  auto wanted = wanted_of("", "application/vnd.ipld.car; version=1; order=dfs; dups=y");
  ASSERT_TRUE(wanted.has_value());
  EXPECT_TRUE(wanted->car.duplicates);
  EXPECT_EQ(wanted->car.scope, DagScope::all);
  wanted = wanted_of("format=car&car-dups=n", "application/vnd.ipld.car;dups=y");
  EXPECT_FALSE(wanted->car.duplicates);
  EXPECT_EQ(wanted_of("format=car&dag-scope=block")->car.scope, DagScope::block);
  EXPECT_EQ(wanted_of("format=car&entity-bytes=0:*")->car.scope, DagScope::entity);
  for (std::string_view bad : {"car-version=2", "car-order=bfs", "car-dups=maybe", "dag-scope=most",
                               "entity-bytes=", "entity-bytes=5", "entity-bytes=9:3"}) {
    EXPECT_FALSE(wanted_of("format=car&" + std::string(bad)).has_value()) << bad;
  }
}

TEST(GatewayRequest, FallsBackToAnArchiveThatItCanMake) {
  std::string accept =
      "application/vnd.ipld.car;order=foo, application/vnd.ipld.car;order=dfs;"
      "dups=y;q=0.5";
  auto wanted = wanted_of("", accept);
  ASSERT_TRUE(wanted.has_value());
  EXPECT_EQ(wanted->format, Format::car);
  EXPECT_TRUE(wanted->car.duplicates);
  EXPECT_FALSE(wanted_of("", "application/vnd.ipld.car;version=2").has_value());
}

TEST(GatewayRequest, NamesTheAddressOfANegotiatedAnswer) {
  auto wanted = wanted_of("filename=a%20b", "application/vnd.ipld.raw");
  EXPECT_EQ(query_of(*wanted, *http::Query::parse("filename=a%20b")), "filename=a+b&format=raw");
  wanted = wanted_of("", "application/vnd.ipld.car;dups=y");
  EXPECT_EQ(query_of(*wanted, {}), "format=car&car-version=1&car-order=dfs&car-dups=y");
}

TEST(GatewayRequest, ReadsEntityBytes) {
  struct Case {
    std::string_view text;
    ByteRange range;
  };
  // Of 1,026 bytes; the cases of the specification's text.
  for (const Case& it :
       {Case{"0:*", {0, 1026}}, Case{"-1024:*", {2, 1024}}, Case{"499:-1000", {}},
        Case{"10:-1000", {10, 17}}, Case{"512:1023", {512, 512}}, Case{"0:0", {0, 1}},
        Case{"-9999:*", {0, 1026}}, Case{"-9999:-3", {0, 1024}}, Case{"1000:9999", {1000, 26}},
        Case{"1026:*", {}}, Case{"-5:3", {}},
        Case{"-9223372036854775808:9223372036854775807", {0, 1026}}}) {
    auto bytes = EntityBytes::parse(it.text);
    ASSERT_TRUE(bytes.has_value()) << it.text;
    EXPECT_EQ(range_of(*bytes, 1026), it.range) << it.text;
  }
  for (std::string_view bad : {"", ":", "1", "1:", ":2", "*:1", "a:b", "0x1:2", "1:2:3", " 1:2",
                               "9223372036854775808:*"}) {
    EXPECT_FALSE(EntityBytes::parse(bad).has_value()) << bad;
  }
  EXPECT_EQ(range_of({0, std::nullopt}, 0), ByteRange{});
}

TEST(GatewayRequest, ReadsRanges) {
  auto list = [](std::string_view field) { return read_ranges(field, 31).list; };
  EXPECT_EQ(list("bytes=6-16"), (List{{6, 11}}));
  EXPECT_EQ(list("bytes=28-"), (List{{28, 3}}));
  EXPECT_EQ(list("bytes=-3"), (List{{28, 3}}));
  EXPECT_EQ(list("bytes=-99"), (List{{0, 31}}));
  EXPECT_EQ(list("bytes=20-99"), (List{{20, 11}}));
  EXPECT_EQ(list("bytes=20-99999999999999999999999"), (List{{20, 11}}));
  EXPECT_EQ(list("bytes=-99999999999999999999999"), (List{{0, 31}}));
  EXPECT_EQ(list("Bytes= 6-16 , 0-4"), (List{{6, 11}, {0, 5}}));
  EXPECT_EQ(list("bytes=50-60,0-0"), (List{{0, 1}}));
}

TEST(GatewayRequest, SendsTheWholeForRangesThatMakeNoSense) {
  for (std::string_view field :
       {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-1", "items=0-1", "bytes=1",
        "bytes=0--1", "bytes=0-30,0-30", "bytes=0-9999999999999999999999x"}) {
    EXPECT_EQ(read_ranges(field, 31).kind, Kind::whole) << field;
  }
  std::string many = "bytes=0-0";
  for (std::size_t i = 1; i <= gateway_ranges_max; ++i)
    many += ",0-0";
  EXPECT_EQ(read_ranges(many, 1'000'000).kind, Kind::whole);
}

TEST(GatewayRequest, SaysWhenNoRangeLiesInside) {
  EXPECT_EQ(read_ranges("bytes=31-", 31).kind, Kind::unsatisfiable);
  EXPECT_EQ(read_ranges("bytes=99999999999999999999999-", 31).kind, Kind::unsatisfiable);
  EXPECT_EQ(read_ranges("bytes=-0", 31).kind, Kind::unsatisfiable);
  EXPECT_EQ(read_ranges("bytes=0-", 0).kind, Kind::unsatisfiable);
}

TEST(GatewayRequest, ComparesEntityTagsWeakly) {
  EXPECT_TRUE(etag_listed("\"a\"", "\"a\""));
  EXPECT_TRUE(etag_listed("W/\"a\"", "\"a\""));
  EXPECT_TRUE(etag_listed("\"x\", \"y,\" , W/\"a\"", "W/\"a\""));
  EXPECT_FALSE(etag_listed("\"ab\"", "\"a\""));
  EXPECT_FALSE(etag_listed("a", "\"a\""));
  EXPECT_FALSE(etag_listed("*", "\"a\"")) << "any tag is none that was known before";
  EXPECT_FALSE(etag_listed("", "\"a\""));
}

int status_for(http::Headers headers, std::string_view etag = "\"a\"") {
  return status_of_conditions(headers, etag);
}

TEST(GatewayRequest, ObeysConditions) {
  EXPECT_EQ(status_for({}), 200);
  EXPECT_EQ(status_for({{"If-None-Match", "\"x\", W/\"a\""}}), 304);
  EXPECT_EQ(status_for({{"If-None-Match", " *"}}), 304);
  EXPECT_EQ(status_for({{"If-None-Match", "\"x\""}}), 200);
  EXPECT_EQ(status_for({{"If-Match", "\"x\", \"a\""}}), 200);
  EXPECT_EQ(status_for({{"If-Match", "*"}}), 200);
  EXPECT_EQ(status_for({{"If-Match", ""}}), 200);
  EXPECT_EQ(status_for({{"If-Match", "\"x\""}}), 412);
  EXPECT_EQ(status_for({{"If-Match", "W/\"a\""}}), 412);
  EXPECT_EQ(status_for({{"If-Match", "W/\"a\""}}, "W/\"a\""), 412);
  EXPECT_EQ(status_for({{"If-Match", "\"x\""}, {"If-None-Match", "\"a\""}}), 412);
  EXPECT_EQ(status_for({{"If-Match", "\"a\""}, {"If-None-Match", "\"a\""}}), 304);
}

TEST(GatewayRequest, WritesFileNamesForOldAndNewBrowsers) {
  EXPECT_EQ(content_disposition("inline", "a b.txt"), "inline; filename=\"a b.txt\"");
  // The specification's example.
  EXPECT_EQ(content_disposition("inline", "testтест.jpg"),
            "inline; filename=\"test____.jpg\"; "
            "filename*=UTF-8''test%D1%82%D0%B5%D1%81%D1%82.jpg");
  EXPECT_EQ(content_disposition("attachment", "a\"\r\nX: y\\"),
            "attachment; filename=\"a___X: y_\"; filename*=UTF-8''a%22%0D%0AX%3A%20y%5C");
  EXPECT_EQ(content_disposition("attachment", ""), "attachment");
}

}  // namespace
}  // namespace kith::api::gateway
