#include <gtest/gtest.h>

#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/values.hpp>

namespace kith::api {
namespace {

constexpr std::string_view cid = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4";

std::string told(std::string_view path) {
  auto parsed = parse_path(path);
  return parsed ? parsed->to_string() : sentence_of(parsed.error());
}

TEST(Paths, AreTakenInEachOfTheirForms) {
  const std::string whole = "/ipfs/" + std::string(cid) + "/a";
  for (std::string_view begin : {"", "/ipfs/", "ipfs://"})
    EXPECT_EQ(told(std::string(begin) + std::string(cid) + "/a"), whole);
}

TEST(Paths, WhatIsWrongWithThemIsSaid) {
  EXPECT_EQ(told("/ipns/example.com"),
            "invalid path \"/ipns/example.com\": only /ipfs/CID is known here, not /ipns");
  for (std::string_view path : {"", "/ipfs", "/ipfs/", "ipfs://"})
    EXPECT_NE(told(path).find("\": there is no CID in it"), std::string::npos) << told(path);
  EXPECT_TRUE(told("nonsense").starts_with("invalid path \"nonsense\": \"nonsense\" is no CID ("));
  EXPECT_TRUE(told("/ipfs/nonsense/x").find("\"nonsense\" is no CID (") != std::string::npos);
}

TEST(Times, AreWrittenForMachinesAndForPeople) {
  EXPECT_EQ(rfc3339(WallTime(1'780'000'000s + 999ms)), "2026-05-28T20:26:40Z");
  EXPECT_EQ(rfc3339(WallTime()), "1970-01-01T00:00:00Z");
  EXPECT_EQ(how_long(-1s), "0 s");
  EXPECT_EQ(how_long(89s), "89 s");
  EXPECT_EQ(how_long(90s), "2 min");
  EXPECT_EQ(how_long(89min), "89 min");
  EXPECT_EQ(how_long(2h), "2 h");
  EXPECT_EQ(how_long(49h), "2 days");
}

}  // namespace
}  // namespace kith::api
