#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kith/api/command_fixture.hpp>
#include <kith/api/detail/tar_extractor.hpp>
#include <kith/io/file_system.hpp>
#include <kith/io/random.hpp>

namespace kith::api {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryFolder;

TarEntry file_entry(std::string path, std::uint64_t size, std::uint32_t mode = 0644) {
  TarEntry entry;
  entry.path = std::move(path);
  entry.size_bytes = size;
  entry.mode = mode;
  return entry;
}

TarEntry folder_entry(std::string path, std::uint32_t mode = 0755) {
  TarEntry entry;
  entry.path = std::move(path);
  entry.kind = port::FileKind::directory;
  entry.mode = mode;
  return entry;
}

TarEntry link_entry(std::string path, std::string target) {
  TarEntry entry;
  entry.path = std::move(path);
  entry.kind = port::FileKind::symlink;
  entry.target = std::move(target);
  return entry;
}

struct Extraction {
  explicit Extraction(std::string destination) : extractor(files, random, std::move(destination)) {}

  Result<void> put(const TarEntry& entry, std::string_view content = {}) {
    KITH_CHECK(extractor.begin(entry));
    if (!content.empty()) KITH_CHECK(extractor.content(as_bytes(content)));
    return extractor.end();
  }
  Result<void> put_file(const std::string& path, std::string_view content,
                        std::uint32_t mode = 0644) {
    return put(file_entry(path, content.size(), mode), content);
  }

  io::PosixFileSystem files;
  io::SystemRandom random;
  TarExtractor extractor;
};

void expect_ok(const Result<void>& outcome) {
  EXPECT_TRUE(outcome.has_value()) << outcome.error().message();
}

TEST(TarExtractor, TwoInOneFolderDoNotDisturbEachOther) {
  TemporaryFolder folder;
  Extraction one(folder / "a");
  Extraction two(folder / "b");
  expect_ok(one.extractor.begin(file_entry("x", 8)));
  expect_ok(two.extractor.begin(file_entry("x", 6)));
  expect_ok(one.extractor.content(as_bytes("one,")));
  expect_ok(two.extractor.content(as_bytes("two,")));
  expect_ok(one.extractor.content(as_bytes("more")));
  expect_ok(one.extractor.end());
  expect_ok(two.extractor.content(as_bytes("on")));
  expect_ok(two.extractor.end());
  EXPECT_EQ(folder.read("a"), "one,more");
  EXPECT_EQ(folder.read("b"), "two,on");
  EXPECT_EQ(folder.size(), 2u);
}

TEST(TarExtractor, RemovesWhatAKilledOneLeft) {
  TemporaryFolder folder;
  const std::string dead = ".kith-part-0123456789abcdef";
  fs::create_directories(folder / "tree/sub");
  fs::create_directories(folder / "tree/other");
  for (std::string place : {"", "tree/", "tree/sub/", "tree/other/"})
    folder.write(place + dead, "half of it");
  Extraction one(folder / "tree");
  expect_ok(one.put(folder_entry("x")));
  expect_ok(one.put(folder_entry("x/sub")));
  expect_ok(one.put_file("x/sub/file", "content"));
  expect_ok(one.extractor.finish());
  EXPECT_EQ(folder.read("tree/sub/file"), "content");
  for (std::string place : {"", "tree/", "tree/sub/"})
    EXPECT_FALSE(fs::exists(folder / (place + dead))) << place;
  // Nothing was written there.
  EXPECT_TRUE(fs::exists(folder / ("tree/other/" + dead)));
}

TEST(TarExtractor, RemovesWhatIsNotWholeAndNothingElse) {
  TemporaryFolder folder;
  folder.write(".kith-part", "somebody's");
  folder.write("a", "from before");
  {
    Extraction cut_short(folder / "a");
    expect_ok(cut_short.extractor.begin(file_entry("x", 100)));
    expect_ok(cut_short.extractor.content(as_bytes("half")));
    EXPECT_EQ(folder.size(), 3u);
  }
  EXPECT_EQ(folder.size(), 2u);
  EXPECT_EQ(folder.read(".kith-part"), "somebody's");
  EXPECT_EQ(folder.read("a"), "from before");
}

TEST(TarExtractor, WritesToAPipeThatIsThere) {
  TemporaryFolder folder;
  std::string pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  Extraction extraction(pipe);
  expect_ok(extraction.put_file("x", "through the pipe", 0777));
  char got[64] = {};
  EXPECT_EQ(::read(reader, got, sizeof got), 16);
  EXPECT_STREQ(got, "through the pipe");
  ::close(reader);
  struct stat status = {};
  ASSERT_EQ(::stat(pipe.c_str(), &status), 0);
  EXPECT_TRUE(S_ISFIFO(status.st_mode));
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(TarExtractor, AnEntryLeadsNoOtherToADevice) {
  TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  Extraction one(folder / "tree");
  expect_ok(one.put(link_entry("x", folder / "pipe")));
  EXPECT_FALSE(one.put_file("x", "written through the link").has_value());
  EXPECT_TRUE(fs::is_symlink(folder / "tree"));
}

TEST(TarExtractor, LeavesAPipeInsideOfTheTreeAlone) {
  TemporaryFolder folder;
  fs::create_directory(folder / "d");
  ASSERT_EQ(::mkfifo((folder / "d/x").c_str(), 0600), 0);
  Extraction extraction(folder / "d");
  expect_ok(extraction.put(folder_entry("root")));
  auto outcome = extraction.put_file("root/x", "content");
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(Errc::refused));
  EXPECT_EQ(fs::status(folder / "d/x").type(), fs::file_type::fifo);
  // A link to a device is a name like any other.
  fs::create_symlink("/dev/full", folder / "d/y");
  expect_ok(extraction.put_file("root/y", "content"));
  EXPECT_EQ(folder.read("d/y"), "content");
}

TEST(TarExtractor, NeverLeavesItsFolder) {
  for (const char* name :
       {"root/../x", "/x", "root//x", "other/x", "root/./x", "root/l/x", "", "..", "root/was/x"}) {
    TemporaryFolder folder;
    fs::create_directory(folder / "d");
    fs::create_symlink("..", folder / "d/was");
    Extraction extraction(folder / "d");
    expect_ok(extraction.put(folder_entry("root")));
    expect_ok(extraction.put(link_entry("root/l", "..")));
    auto outcome = extraction.put_file(name, "evil");
    ASSERT_FALSE(outcome) << name;
    EXPECT_TRUE(outcome.error().is(Errc::refused)) << name;
    EXPECT_EQ(folder.size(), 1u) << name;
  }
}

TEST(TarExtractor, RefusesARootWithoutAName) {
  for (const char* name : {"", ".", "..", "/"}) {
    TemporaryFolder folder;
    Extraction extraction(folder / "d");
    auto outcome = extraction.put(folder_entry(name));
    ASSERT_FALSE(outcome) << name;
    EXPECT_TRUE(outcome.error().is(Errc::refused)) << name;
  }
}

TEST(TarExtractor, PutsNoFolderInALinksPlace) {
  TemporaryFolder folder;
  fs::create_directory(folder / "real");
  fs::create_symlink("real", folder / "link");
  Extraction onto_it(folder / "link");
  auto outcome = onto_it.put(folder_entry("root"));
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().message().find("cannot extract to symlink"), std::string::npos);

  fs::create_symlink("../real", folder / "real/sub");
  Extraction above_it(folder / "real");
  expect_ok(above_it.put(folder_entry("root")));
  EXPECT_FALSE(above_it.put(folder_entry("root/sub")));
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_TRUE(fs::is_symlink(folder / "real/sub"));
}

TEST(TarExtractor, AFileGoesIntoTheFolderThatALinkLeadsTo) {
  TemporaryFolder folder;
  fs::create_directory(folder / "real");
  fs::create_symlink("real", folder / "link");
  Extraction extraction(folder / "link");
  expect_ok(extraction.put_file("x", "content"));
  EXPECT_EQ(folder.read("real/x"), "content");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
}

std::uint32_t mode_of(const std::string& path) {
  struct stat status = {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

TEST(TarExtractor, GivesFoldersTheirModesAndTimesWhenAllIsInThem) {
  TemporaryFolder folder;
  Extraction extraction(folder / "d");
  WallTime then{std::chrono::seconds(1'000'000'000)};
  auto put_folder = [&](const char* path, std::uint32_t mode) {
    TarEntry entry = folder_entry(path, mode);
    entry.modified = then;
    expect_ok(extraction.put(entry));
  };
  put_folder("root", 0555);
  put_folder("root/a", 0500);
  EXPECT_EQ(mode_of(folder / "d/a"), 0700u);
  expect_ok(extraction.put_file("root/a/x", "x"));
  put_folder("root/b", 0070);
  EXPECT_EQ(mode_of(folder / "d/a"), 0500u);
  expect_ok(extraction.put_file("root/c", "c"));
  EXPECT_EQ(mode_of(folder / "d") & 0700, 0700u);
  expect_ok(extraction.extractor.finish());
  EXPECT_EQ(mode_of(folder / "d"), 0555u);
  EXPECT_EQ(mode_of(folder / "d/b"), 0070u);
  for (const char* name : {"d", "d/a", "d/b"}) {
    auto info = extraction.files.info(folder / name);
    ASSERT_TRUE(info.has_value());
    EXPECT_EQ(info->modified, then) << name;
  }
  fs::permissions(folder / "d", fs::perms::owner_all);
  fs::permissions(folder / "d/a", fs::perms::owner_all);
}

TEST(TarExtractor, OpensItsFoldersOfAnEarlierTimeAgain) {
  TemporaryFolder folder;
  for (int round = 0; round < 2; ++round) {
    Extraction extraction(folder / "d");
    expect_ok(extraction.put(folder_entry("root", 0555)));
    EXPECT_EQ(mode_of(folder / "d") & 0700, 0700u);
    expect_ok(extraction.extractor.finish());
    EXPECT_EQ(mode_of(folder / "d"), 0555u);
  }
}

TEST(TarExtractor, TakesPermissionsAndNoOtherModes) {
  TemporaryFolder folder;
  Extraction extraction(folder / "d");
  expect_ok(extraction.put(folder_entry("root", 07777)));
  expect_ok(extraction.put_file("root/x", "x", 06755));
  expect_ok(extraction.extractor.finish());
  EXPECT_EQ(mode_of(folder / "d"), 0777u);
  EXPECT_EQ(mode_of(folder / "d/x"), 0755u);
}

TEST(TarExtractor, DevNullTakesFoldersToo) {
  io::PosixFileSystem files;
  auto before = files.info("/dev/null");
  Extraction extraction("/dev/null");
  expect_ok(extraction.put(folder_entry("root")));
  expect_ok(extraction.put_file("root/x", "x"));
  expect_ok(extraction.extractor.finish());
  EXPECT_EQ(files.info("/dev/null")->inode, before->inode);
}

}  // namespace
}  // namespace kith::api
