#include <gtest/gtest.h>

#include <kith/api/detail/gateway_content_type.hpp>

namespace kith::api::gateway {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view plain = "text/plain; charset=utf-8";

std::string_view sniff(std::string_view text, bool whole = true) {
  return content_type_of_bytes(as_bytes(text), whole);
}

TEST(GatewayContentType, GoesByTheNamesEnding) {
  EXPECT_EQ(content_type_of_name("a.txt"), plain);
  EXPECT_EQ(content_type_of_name("A.B.JPG"), "image/jpeg");
  EXPECT_EQ(content_type_of_name("index.html"), "text/html");
  EXPECT_EQ(content_type_of_name("x.7z"), "application/x-7z-compressed");
  EXPECT_EQ(content_type_of_name("x.zst"), "application/zstd");
  for (std::string_view none : {"", "txt", "a.", "a.unheard", "a.b/c", "x.txttxttxttxttxttxt"}) {
    EXPECT_EQ(content_type_of_name(none), "") << none;
  }
}

TEST(GatewayContentType, RecognisesHowFilesBegin) {
  EXPECT_EQ(sniff(" \n<!doctype HTML><p>"), "text/html");
  EXPECT_EQ(sniff("<br>x"), "text/html");
  EXPECT_EQ(sniff("<brush>"), plain);
  EXPECT_EQ(sniff("\x89PNG\r\n\x1a\n..."), "image/png");
  EXPECT_EQ(sniff("\xff\xd8\xff\xe0"), "image/jpeg");
  EXPECT_EQ(sniff("RIFF....WEBPVP8 "), "image/webp");
  EXPECT_EQ(sniff("RIFF....WAVEfmt "), "audio/wave");
  EXPECT_EQ(sniff("\0\0\0\x20"
                  "ftypisom"sv),
            "video/mp4");
  EXPECT_EQ(sniff("%PDF-1.7"), "application/pdf");
  EXPECT_EQ(sniff("\0asm\1\0\0\0"sv), "application/wasm");
  EXPECT_EQ(sniff("\x1f\x8b\x08\0"sv), "application/x-gzip");
  EXPECT_EQ(sniff("\xef\xbb\xbf"
                  "hello"),
            plain);
}

TEST(GatewayContentType, TellsDrawingsFromOtherXml) {
  EXPECT_EQ(sniff("<?xml version=\"1.0\"?><rss/>"), "text/xml; charset=utf-8");
  EXPECT_EQ(sniff("<?xml version=\"1.0\"?>\n<svg xmlns='..'/>"), "image/svg+xml");
  EXPECT_EQ(sniff("<svg/>"), "image/svg+xml");
}

TEST(GatewayContentType, TellsJsonFromTextAndTextFromBytes) {
  EXPECT_EQ(sniff("{\"a\": [1, 2]}"), "application/json");
  EXPECT_EQ(sniff("{\"a\": [1, 2", false), "application/json");
  EXPECT_EQ(sniff("{\"a\": [1, 2"), plain);
  EXPECT_EQ(sniff("{ function }"), plain);
  EXPECT_EQ(sniff("17"), plain);
  EXPECT_EQ(sniff(""), plain);
  EXPECT_EQ(sniff("one\ttwo\r\n\x1b[0m"), plain);
  EXPECT_EQ(sniff("one\0two"sv), "application/octet-stream");
}

TEST(GatewayContentType, TakesAnyJsonTextForJsonIfAsked) {
  auto json = [](std::string_view text, bool whole) {
    return begins_as_json(as_bytes(text), whole);
  };
  EXPECT_TRUE(json("17", true));
  EXPECT_TRUE(json(" \"te", false));
  EXPECT_FALSE(json("te", true));
  EXPECT_FALSE(json("", true));
  std::string deep(100'000, '[');
  EXPECT_FALSE(json(deep, false));
}

}  // namespace
}  // namespace kith::api::gateway
