#include <gtest/gtest.h>

#include <kith/api/detail/ignore_rules.hpp>

namespace kith::api {
namespace {

bool ignored(std::string_view rules, std::string_view path, bool is_folder = false) {
  IgnoreRules ignore;
  ignore.add(rules);
  return ignore.ignores(path, is_folder);
}

TEST(IgnoreRules, ANameIsLeftOutInEveryFolder) {
  EXPECT_TRUE(ignored("foo", "foo"));
  EXPECT_TRUE(ignored("foo", "a/b/foo"));
  EXPECT_FALSE(ignored("foo", "foo/bar")) << "what is in it isn't asked for";
  EXPECT_FALSE(ignored("foo", "foobar"));
  EXPECT_FALSE(ignored("foo", "FOO"));
}

TEST(IgnoreRules, WildcardsStayInsideOfAName) {
  EXPECT_TRUE(ignored("*.log", "a.log"));
  EXPECT_TRUE(ignored("*.log", "x/.log"));
  EXPECT_FALSE(ignored("*.log", "a.logs"));
  EXPECT_TRUE(ignored("a*b*c", "aXbXbXc"));
  EXPECT_FALSE(ignored("a*b*c", "aXcXb"));
  EXPECT_TRUE(ignored("*", "anything"));
  EXPECT_TRUE(ignored("a?c", "abc"));
  EXPECT_FALSE(ignored("a?c", "ac"));
  EXPECT_TRUE(ignored("d/*", "d/x"));
  EXPECT_FALSE(ignored("d/*", "d/x/y"));
}

TEST(IgnoreRules, SetsOfCharacters) {
  EXPECT_TRUE(ignored("*.[oa]", "x.o"));
  EXPECT_FALSE(ignored("*.[oa]", "x.c"));
  EXPECT_TRUE(ignored("[a-c]1", "b1"));
  EXPECT_TRUE(ignored("[!a-c]1", "d1"));
  EXPECT_FALSE(ignored("[^a-c]1", "b1"));
  EXPECT_TRUE(ignored("[]x]", "]"));
  EXPECT_TRUE(ignored("[a-]", "-"));
  EXPECT_TRUE(ignored("[\\]]", "]"));
  EXPECT_TRUE(ignored("[x", "[x")) << "a set without an end is no set";
}

TEST(IgnoreRules, ASlashTiesAPatternToTheFolder) {
  EXPECT_TRUE(ignored("/foo", "foo"));
  EXPECT_FALSE(ignored("/foo", "a/foo"));
  EXPECT_TRUE(ignored("doc/frotz", "doc/frotz"));
  EXPECT_FALSE(ignored("doc/frotz", "a/doc/frotz"));
}

TEST(IgnoreRules, ASlashAtTheEndMeansFolders) {
  EXPECT_TRUE(ignored("build/", "a/build", true));
  EXPECT_FALSE(ignored("build/", "a/build", false));
  EXPECT_FALSE(ignored("doc/frotz/", "a/doc/frotz", true));
}

TEST(IgnoreRules, TwoStarsStandForFolders) {
  EXPECT_TRUE(ignored("**/foo", "foo"));
  EXPECT_TRUE(ignored("**/foo", "a/b/foo"));
  EXPECT_TRUE(ignored("**/foo/bar", "x/foo/bar"));
  EXPECT_TRUE(ignored("abc/**", "abc/x/y"));
  EXPECT_FALSE(ignored("abc/**", "abc", true));
  EXPECT_TRUE(ignored("a/**/b", "a/b"));
  EXPECT_TRUE(ignored("a/**/b", "a/x/y/b"));
  EXPECT_FALSE(ignored("a/**/b", "x/a/b"));
}

TEST(IgnoreRules, TheLastRuleThatMatchesCounts) {
  EXPECT_FALSE(ignored("*.log\n!keep.log", "keep.log"));
  EXPECT_TRUE(ignored("*.log\n!keep.log\nkeep.*", "keep.log"));
  EXPECT_TRUE(ignored("*.log\n!keep.log", "other.log"));
}

TEST(IgnoreRules, CommentsSpacesAndEscapes) {
  EXPECT_FALSE(ignored("# foo\n\n   \n/\n", "foo"));
  EXPECT_TRUE(ignored("foo   \r\n", "foo"));
  EXPECT_TRUE(ignored("foo\\ ", "foo "));
  EXPECT_TRUE(ignored("\\#foo", "#foo"));
  EXPECT_TRUE(ignored("\\!foo", "!foo"));
  EXPECT_TRUE(ignored("a\\*", "a*"));
  EXPECT_FALSE(ignored("a\\*", "ab"));
}

TEST(IgnoreRules, ManyStarsAreNotSlow) {
  std::string pattern;
  for (int i = 0; i < 40; ++i)
    pattern += "*a";
  EXPECT_FALSE(ignored(pattern + "b", std::string(5'000, 'a')));
}

}  // namespace
}  // namespace kith::api
