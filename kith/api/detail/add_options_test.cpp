#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/api/detail/add_options.hpp>

namespace kith::api {
namespace {

using multiformats::Codec;
using Raw = Request::Raw;

Request request_of(const Raw& options) {
  static const CommandTable table = make_command_table();
  return Request::make(*table.find("add"), {}, options).value();
}

/// What the configuration `{"Import": import}` and the options make.
Result<unixfs::ImportOptions> made(std::string_view import, const Raw& options) {
  json::object config;
  config["Import"] = json::parse(import);
  KITH_TRY(node::NodeSettings settings, node::read_settings(config));
  return import_options(settings.new_files, request_of(options));
}

/// "0 raw", for short.
std::string leaves_of(std::string_view import, const Raw& options) {
  auto made_options = made(import, options);
  if (!made_options) return made_options.error().message();
  return std::to_string(made_options->cid_version) +
         (made_options->raw_leaves ? " raw" : " framed");
}

constexpr std::string_view stock = "{}";
constexpr std::string_view v0 = R"({"Profile": "unixfs-v0-2015"})";
constexpr std::string_view v1 = R"({"Profile": "unixfs-v1-2025"})";

TEST(AddOptions, WhatNobodySaidFollowsFromTheRest) {
  EXPECT_EQ(leaves_of(stock, {}), "1 raw");
  EXPECT_EQ(leaves_of(stock, {{"cid-version", "0"}}), "0 framed");
  EXPECT_EQ(leaves_of(stock, {{"cid-version", "1"}}), "1 raw");
  EXPECT_EQ(leaves_of(stock, {{"hash", "blake3"}}), "1 raw");
  EXPECT_EQ(leaves_of(R"({"CidVersion": 0})", {}), "0 framed");
  EXPECT_EQ(leaves_of(R"({"UnixFSRawLeaves": false})", {{"cid-version", "1"}}), "1 framed");
}

TEST(AddOptions, WhatAProfileSaysStaysAsWithKubo) {
  EXPECT_EQ(leaves_of(v0, {}), "0 framed");
  EXPECT_EQ(leaves_of(v0, {{"cid-version", "1"}}), "1 framed");
  EXPECT_EQ(leaves_of(v1, {{"cid-version", "0"}}), "0 raw");
  EXPECT_EQ(leaves_of(v1, {{"raw-leaves", "false"}}), "1 framed");
  EXPECT_NE(leaves_of(v0, {{"hash", "blake3"}}).find("version 0 need sha2-256"), std::string::npos);
  EXPECT_EQ(leaves_of(v0, {{"hash", "blake3"}, {"cid-version", "1"}}), "1 framed");
}

TEST(AddOptions, PermissionsAndTimesTakeFramedLeaves) {
  const Raw asking[] = {
      {{"mode", "0644"}}, {{"mtime", "7"}}, {{"preserve-mode", ""}}, {{"preserve-mtime", ""}}};
  for (const Raw& options : asking) {
    EXPECT_EQ(leaves_of(stock, options), "1 framed");
    EXPECT_EQ(leaves_of(v0, options), "0 framed");
    EXPECT_NE(leaves_of(v1, options).find("--raw-leaves=false"), std::string::npos);
  }
  EXPECT_EQ(leaves_of(v1, {{"mode", "0644"}, {"raw-leaves", "false"}}), "1 framed");
  EXPECT_EQ(leaves_of(v1, {{"mode", "0"}, {"mtime", "0"}}), "1 raw");
}

TEST(AddOptions, LeavesInPlaceAreRaw) {
  EXPECT_EQ(leaves_of(stock, {{"nocopy", ""}}), "1 raw");
  EXPECT_EQ(leaves_of(stock, {{"nocopy", ""}, {"cid-version", "0"}}), "0 raw");
  const Raw wrong[] = {{{"raw-leaves", "false"}}, {{"mode", "0644"}}, {{"inline", ""}}};
  for (Raw options : wrong) {
    options.emplace("nocopy", "");
    EXPECT_NE(leaves_of(stock, options).find("--nocopy"), std::string::npos);
  }
  EXPECT_NE(leaves_of(v0, {{"nocopy", ""}}).find("--nocopy"), std::string::npos);
}

TEST(AddOptions, TheKeysOfImportAreHeard) {
  auto options = made(R"({"UnixFSChunker": "size-1000", "HashFunction": "SHA2-512",
                          "UnixFSDAGLayout": "trickle", "UnixFSFileMaxLinks": 3,
                          "UnixFSDirectoryMaxLinks": 4, "UnixFSHAMTDirectoryMaxFanout": 16,
                          "UnixFSHAMTDirectorySizeEstimation": "disabled",
                          "UnixFSHAMTDirectorySizeThreshold": "1KiB",
                          "UnixFSPBNodeFieldOrder": "links-first"})",
                      {});
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_EQ(options->chunker, unixfs::ChunkerSpec::fixed(1000));
  EXPECT_EQ(options->hash_function, Codec::sha2_512);
  EXPECT_EQ(options->layout, unixfs::Layout::trickle);
  EXPECT_EQ(options->file_width, 3u);
  EXPECT_EQ(options->directory_links_max, 4u);
  EXPECT_EQ(options->hamt_fanout, 16u);
  EXPECT_EQ(options->size_estimate, unixfs::SizeEstimate::disabled);
  EXPECT_EQ(options->hamt_threshold_bytes, 1024u);
  // Flags go before them, and they before a profile.
  options = made(R"({"Profile": "unixfs-v0-2015", "UnixFSChunker": "size-1000",
                     "UnixFSDAGLayout": "trickle"})",
                 {{"trickle", "false"}});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->chunker, unixfs::ChunkerSpec::fixed(1000));
  EXPECT_EQ(options->file_width, 174u);
  EXPECT_EQ(options->layout, unixfs::Layout::balanced);
  EXPECT_EQ(made(v0, {{"chunker", "size-2000"}})->chunker, unixfs::ChunkerSpec::fixed(2000));
}

TEST(AddOptions, RefusesKeysOfImportThatMakeNoSense) {
  const std::string_view wrong[] = {R"({"CidVersion": 2})",
                                    R"({"UnixFSRawLeaves": "yes"})",
                                    R"({"HashFunction": "md5"})",
                                    R"({"UnixFSChunker": "size-0"})",
                                    R"({"UnixFSDAGLayout": "flat"})",
                                    R"({"UnixFSFileMaxLinks": 0})",
                                    R"({"UnixFSHAMTDirectoryMaxFanout": 100})",
                                    R"({"UnixFSHAMTDirectorySizeEstimation": "guess"})",
                                    R"({"UnixFSPBNodeFieldOrder": "data-first"})"};
  for (std::string_view import : wrong) {
    auto options = made(import, {});
    ASSERT_FALSE(options) << import;
    std::string_view key = import.substr(2, import.find(':') - 3);
    EXPECT_NE(options.error().message().find(key), std::string::npos) << options.error().message();
  }
}

TEST(AddOptions, NamesTheFlagThatMakesNoSense) {
  const std::pair<std::string, std::string> wrong[] = {
      {"cid-version", "2"},      {"hash", "md5"},          {"hash", "identity"},
      {"max-file-links", "1"},   {"max-file-links", "-1"}, {"max-hamt-fanout", "7"},
      {"max-hamt-fanout", "-1"}, {"inline-limit", "-1"},   {"inline-limit", "129"}};
  for (const auto& [name, value] : wrong) {
    auto options = made(stock, {{name, value}});
    ASSERT_FALSE(options) << name;
    EXPECT_NE(options.error().message().find("option --" + name), std::string::npos)
        << options.error().message();
  }
  EXPECT_EQ(made(stock, {{"max-file-links", "0"}})->file_width, 1024u);
}

TEST(AddOptions, SaysWhatIsWrongWithAChunker) {
  const std::pair<std::string, std::string_view> wrong[] = {
      {"nonsense", "unrecognized chunker option: nonsense (use size-<bytes>"},
      {"size-0", "chunker option size-0: chunker size must be greater than 0"},
      {"size-2097152", "may not exceed the maximum chunk size of 2096896"}};
  for (const auto& [text, told] : wrong) {
    auto options = made(stock, {{"chunker", text}});
    ASSERT_FALSE(options) << text;
    EXPECT_NE(options.error().message().find(told), std::string::npos) << options.error().message();
  }
}

TEST(AddOptions, NumbersAreNotCutToFit) {
  const Raw wrong[] = {{{"mode", "-1"}},
                       {{"mode", "7777777"}},
                       {{"mode", "010000"}},
                       {{"mtime", "1"}, {"mtime-nsecs", "1000000000"}},
                       {{"mtime", "1"}, {"mtime-nsecs", "5000000000"}},
                       {{"mtime", "1"}, {"mtime-nsecs", "-1"}},
                       {{"mtime-nsecs", "5"}}};
  for (const Raw& options : wrong) {
    auto metadata = wanted_metadata(request_of(options));
    ASSERT_FALSE(metadata) << options.rbegin()->first << ' ' << options.rbegin()->second;
    EXPECT_NE(metadata.error().message().find("--" + options.rbegin()->first), std::string::npos);
  }
  auto metadata = wanted_metadata(
      request_of({{"mode", "07777"}, {"mtime", "-5"}, {"mtime-nsecs", "999999999"}}));
  ASSERT_TRUE(metadata);
  EXPECT_EQ(*metadata, (unixfs::Metadata{07777, unixfs::Metadata::Time{-5, 999'999'999}}));
  EXPECT_TRUE(wanted_metadata(request_of({{"mode", "0"}, {"mtime", "0"}}))->empty());
}

TEST(AddOptions, ASymlinkHasATimeAndNoPermissions) {
  InputEntry entry;
  entry.mode = 0777;
  entry.modified = WallTime(std::chrono::seconds(3));
  EXPECT_EQ(metadata_of(entry, {}), (unixfs::Metadata{0777, unixfs::Metadata::Time{3, 0}}));
  entry.kind = port::FileKind::symlink;
  EXPECT_EQ(metadata_of(entry, {}), (unixfs::Metadata{std::nullopt, unixfs::Metadata::Time{3, 0}}));
  const unixfs::Metadata wanted{0600, unixfs::Metadata::Time{9, 1}};
  EXPECT_EQ(metadata_of(entry, wanted), (unixfs::Metadata{std::nullopt, wanted.mtime}));
  entry.kind = port::FileKind::directory;
  EXPECT_EQ(metadata_of(entry, wanted), wanted);
}

}  // namespace
}  // namespace kith::api
