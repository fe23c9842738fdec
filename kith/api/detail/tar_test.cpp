#include <algorithm>
#include <cstdio>

#include <gtest/gtest.h>

#include <kith/api/detail/tar.hpp>

namespace kith::api {
namespace {

struct Read {
  TarEntry entry;
  std::string content;
};

/// Keeps what comes out.
class Collector final : public TarReader::Sink {
 public:
  Result<void> begin(const TarEntry& entry) override {
    entries.push_back({entry, ""});
    return {};
  }
  Result<void> content(ByteView bytes) override {
    entries.back().content += as_text(bytes);
    return {};
  }
  Result<void> end() override {
    ++ended;
    return {};
  }

  std::vector<Read> entries;
  std::size_t ended = 0;
};

TarEntry entry_of(std::string path, port::FileKind kind = port::FileKind::regular) {
  TarEntry entry;
  entry.path = std::move(path);
  entry.kind = kind;
  return entry;
}

void put_file(Bytes& archive, TarEntry entry, std::string_view content) {
  entry.size_bytes = content.size();
  append(archive, tar_head(entry));
  append(archive, as_bytes(content));
  append(archive, tar_padding(content.size()));
}

Bytes archive_of_everything() {
  Bytes archive;
  TarEntry folder = entry_of("root", port::FileKind::directory);
  folder.mode = 0750;
  folder.modified = WallTime(std::chrono::seconds(1'000'000'000));
  append(archive, tar_head(folder));
  TarEntry link = entry_of("root/link", port::FileKind::symlink);
  link.target = std::string(150, 't');
  append(archive, tar_head(link));
  put_file(archive, entry_of("root/empty"), "");
  put_file(archive, entry_of("root/block"), std::string(512, 'b'));
  TarEntry odd = entry_of("root/" + std::string(200, 'n') + "\xff\xfe\n");
  odd.modified = WallTime(std::chrono::seconds(-5) + std::chrono::nanoseconds(123'456'789));
  put_file(archive, odd, "odd");
  append(archive, tar_end());
  return archive;
}

void expect_everything(const std::vector<Read>& read) {
  ASSERT_EQ(read.size(), 5u);
  EXPECT_EQ(read[0].entry.path, "root");
  EXPECT_EQ(read[0].entry.kind, port::FileKind::directory);
  EXPECT_EQ(read[0].entry.mode, 0750u);
  EXPECT_EQ(read[0].entry.modified, WallTime(std::chrono::seconds(1'000'000'000)));
  EXPECT_EQ(read[1].entry.kind, port::FileKind::symlink);
  EXPECT_EQ(read[1].entry.target, std::string(150, 't'));
  EXPECT_EQ(read[2].content, "");
  EXPECT_EQ(read[3].content, std::string(512, 'b'));
  EXPECT_EQ(read[4].entry.path, "root/" + std::string(200, 'n') + "\xff\xfe\n");
  EXPECT_EQ(read[4].entry.modified,
            WallTime(std::chrono::seconds(-5) + std::chrono::nanoseconds(123'456'789)));
  EXPECT_EQ(read[4].content, "odd");
}

TEST(Tar, WhatIsWrittenIsRead) {
  Collector collector;
  TarReader reader(collector);
  ASSERT_TRUE(reader.feed(archive_of_everything()).has_value());
  EXPECT_TRUE(reader.ended());
  EXPECT_EQ(collector.ended, 5u);
  expect_everything(collector.entries);
}

/// The bytes of an archive of one file with this time.
Bytes archive_of_time(WallTime modified) {
  Bytes archive;
  TarEntry entry = entry_of("file");
  entry.modified = modified;
  put_file(archive, entry, "x");
  append(archive, tar_end());
  return archive;
}

TEST(Tar, TimesThatTheHeadHasNoRoomForAreKept) {
  const std::pair<WallTime, std::string_view> times[] = {
      {WallTime(std::chrono::seconds(8'589'934'592)), "mtime=8589934592.000000000\n"},
      {WallTime(std::chrono::seconds(9'223'372'036)), "mtime=9223372036.000000000\n"},
      {WallTime(), "mtime=0.000000000\n"},
      {WallTime(-500ms), "mtime=-0.500000000\n"},
      {WallTime(-1500ms), "mtime=-1.500000000\n"},
      {WallTime(std::chrono::seconds(-3)), "mtime=-3.000000000\n"},
      {WallTime(1500ms), "mtime=1.500000000\n"},
  };
  for (const auto& [modified, record] : times) {
    Bytes archive = archive_of_time(modified);
    EXPECT_NE(as_text(archive).find(record), std::string_view::npos) << record;
    Collector collector;
    TarReader reader(collector);
    ASSERT_TRUE(reader.feed(archive)) << record;
    ASSERT_EQ(collector.entries.size(), 1u);
    EXPECT_EQ(collector.entries[0].entry.modified, modified) << record;
  }
  Bytes last = archive_of_time(WallTime(std::chrono::seconds(8'589'934'591)));
  EXPECT_EQ(as_text(last).find("mtime="), std::string_view::npos) << "it fits the head";
}

TEST(Tar, AnEmptyPaxHeaderSaysNothing) {
  Bytes archive = archive_of_time(WallTime(1500ms));
  ByteView head = ByteView(archive).first(tar_block_bytes);
  Bytes empty(head.begin(), head.end());
  // Its size is in octal, and its checksum counts it.
  ASSERT_EQ(empty[156], 'x');
  unsigned sum = 0;
  std::fill_n(empty.begin() + 124, 11, std::uint8_t{'0'});
  std::fill_n(empty.begin() + 148, 8, std::uint8_t{' '});
  for (std::uint8_t byte : empty)
    sum += byte;
  std::snprintf(reinterpret_cast<char*>(empty.data()) + 148, 7, "%06o", sum);
  append(empty, archive_of_everything());
  Collector collector;
  TarReader reader(collector);
  ASSERT_TRUE(reader.feed(empty));
  EXPECT_TRUE(reader.ended());
  expect_everything(collector.entries);
}

TEST(Tar, ItDoesNotMatterHowTheBytesCome) {
  Bytes archive = archive_of_everything();
  for (std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{511}, std::size_t{513}}) {
    Collector collector;
    TarReader reader(collector);
    for (std::size_t at = 0; at < archive.size(); at += step) {
      std::size_t size = std::min(step, archive.size() - at);
      ASSERT_TRUE(reader.feed(ByteView(archive).subspan(at, size)).has_value());
    }
    EXPECT_TRUE(reader.ended());
    expect_everything(collector.entries);
  }
}

TEST(Tar, AnArchiveThatWasCutHasNotEnded) {
  Bytes archive = archive_of_everything();
  for (std::size_t size : {std::size_t{0}, std::size_t{100}, archive.size() - 1024}) {
    Collector collector;
    TarReader reader(collector);
    ASSERT_TRUE(reader.feed(ByteView(archive).first(size)).has_value());
    EXPECT_FALSE(reader.ended()) << size;
  }
}

TEST(Tar, WhatIsNoTarIsRefused) {
  Bytes archive = archive_of_everything();
  for (std::size_t at : {std::size_t{0}, std::size_t{150}, std::size_t{130}}) {
    Bytes damaged = archive;
    damaged[at] ^= 1;
    Collector collector;
    TarReader reader(collector);
    auto outcome = reader.feed(damaged);
    ASSERT_FALSE(outcome) << at;
    EXPECT_TRUE(outcome.error().is(Errc::corrupt));
  }
}

TEST(Tar, AKindThatCanNotBeUnpackedIsRefused) {
  Bytes head = tar_head(entry_of("device"));
  head[156] = '3';
  // The sum of the head counts the changed letter.
  for (std::size_t i = 148; i < 156; ++i)
    head[i] = ' ';
  unsigned sum = 0;
  for (std::uint8_t byte : head)
    sum += byte;
  char digits[8] = {};
  std::snprintf(digits, sizeof digits, "%06o", sum);
  for (std::size_t i = 0; i < 7; ++i)
    head[148 + i] = static_cast<std::uint8_t>(digits[i]);
  Collector collector;
  TarReader reader(collector);
  auto outcome = reader.feed(head);
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().message().find("kind"), std::string::npos);
  EXPECT_TRUE(collector.entries.empty());
}

}  // namespace
}  // namespace kith::api
