#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/api/detail/text.hpp>

namespace kith::api {
namespace {

TEST(Text, WhatIsUtf8StaysAsItIs) {
  for (const char* text : {"", "plain", "umläut-日本語-\U0001f4be", "\xef\xbf\xbd", "\x01\x7f"})
    EXPECT_EQ(valid_utf8(text), text);
}

/// As Go's utf8.DecodeRune cuts it: a bad byte counts alone.
TEST(Text, EachByteThatIsNotUtf8IsReplaced) {
  EXPECT_EQ(valid_utf8("a\xff"
                       "b"),
            "a\uFFFDb");
  EXPECT_EQ(valid_utf8("\xff\xfe"), "\uFFFD\uFFFD");
  EXPECT_EQ(valid_utf8("\xe6\x97"), "\uFFFD\uFFFD");
  EXPECT_EQ(valid_utf8("\xe6\x97z"), "\uFFFD\uFFFDz");
  EXPECT_EQ(valid_utf8("\xc0\xaf"), "\uFFFD\uFFFD");
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(valid_utf8("\xf0\x9f\x92\xbe\xf0\x9f"), "\U0001f4be\uFFFD\uFFFD");
}

TEST(Text, WhatIsMadeOfAnyBytesIsJson) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte)
    all += static_cast<char>(byte);
  boost::json::object value;
  value["Name"] = all;
  boost::system::error_code failure;
  boost::json::parse(valid_utf8(boost::json::serialize(value)), failure);
  EXPECT_FALSE(failure) << failure.message();
}

TEST(Text, WhatWouldSteerATerminalIsShown) {
  EXPECT_EQ(printable("plain ä 日\U0001f4be"), "plain ä 日\U0001f4be");
  EXPECT_EQ(printable("a\nb\tc\x1b[31m\x7f\r"), "a\\nb\\tc\\x1b[31m\\x7f\\x0d");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  // CSI in one character, the override of the writing's direction, and what isn't text at all.
  EXPECT_EQ(printable("\u009b31m"), "\\xc2\\x9b31m");
  EXPECT_EQ(printable("\u202egnp.exe"), "\\xe2\\x80\\xaegnp.exe");
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
}

TEST(Text, FitsWhatATerminalHasRoomFor) {
  EXPECT_EQ(fitting("abcdef", 3), "abc");
  EXPECT_EQ(fitting("abc", 3), "abc");
  EXPECT_EQ(fitting("äöü", 2), "äö");
  EXPECT_EQ(fitting("日本語", 5), "日本");
  EXPECT_EQ(fitting("", 5), "");
  EXPECT_EQ(columns_of("äöü"), 3u);
  EXPECT_EQ(columns_of("a日本語"), 7u);
}

TEST(Text, CutsAtCommas) {
  EXPECT_EQ(comma_separated("a,b"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(comma_separated(",a,,b,"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(comma_separated("").empty());
}

}  // namespace
}  // namespace kith::api
