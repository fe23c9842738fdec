#include <errno.h>
#include <gtest/gtest.h>

#include <kith/port/file_system.hpp>
#include <kith/sim/disk.hpp>

namespace kith::port {
namespace {

TEST(FileHelpers, ReadAWholeFileWithinALimit) {
  sim::Disk disk(Prng(1));
  sim::SimFileSystem files(disk);
  ASSERT_TRUE(replace_file(files, "/data/f", as_bytes("12345"), 0600).has_value());
  EXPECT_EQ(as_text(read_file(files, "/data/f", 5).value()), "12345");
  EXPECT_TRUE(read_file(files, "/data/f", 4).error().is(Errc::limit_exceeded));
  EXPECT_TRUE(read_file(files, "/data/g", 4).error().is_errno(ENOENT));
  EXPECT_EQ(files.info("/data/f").value().mode, 0600u);
  EXPECT_TRUE(read_file(files, "/data", 4).error().is_errno(EISDIR));
}

TEST(FileHelpers, ReplaceAFileAlsoWhenAnEarlierAttemptWasLeftBehind) {
  sim::Disk disk(Prng(1));
  sim::SimFileSystem files(disk);
  ASSERT_TRUE(files.open("/data/f.new", OpenMode::create_new).has_value());
  ASSERT_TRUE(replace_file(files, "/data/f", as_bytes("x")).has_value());
  // It may be another process's, still at work.
  EXPECT_EQ(files.list("/data").value().size(), 2u);
  EXPECT_TRUE(files.info("/data/f.new").has_value());
}

TEST(FileHelpers, GiveUpAfterManyAttemptsThatWereLeftBehind) {
  sim::Disk disk(Prng(1));
  sim::SimFileSystem files(disk);
  ASSERT_TRUE(files.open("/data/f.new", OpenMode::create_new).has_value());
  for (int i = 2; i <= 100; ++i) {
    std::string name = "/data/f.new" + std::to_string(i);
    ASSERT_TRUE(files.open(name, OpenMode::create_new).has_value());
  }
  auto replaced = replace_file(files, "/data/f", as_bytes("x"));
  ASSERT_FALSE(replaced);
  EXPECT_TRUE(replaced.error().is_errno(EEXIST));
  EXPECT_NE(replaced.error().message().find("beside /data/f"), std::string::npos);
}

TEST(FileHelpers, TwoThatReplaceOneFileAtOnceLeaveTheWholeOfOne) {
  sim::Disk disk(Prng(1));
  sim::SimFileSystem files(disk);
  auto other = files.open("/data/f.new", OpenMode::create_new).value();
  ASSERT_TRUE(other->write_at(0, as_bytes("half of")).has_value());
  ASSERT_TRUE(replace_file(files, "/data/f", as_bytes("ours")).has_value());
  EXPECT_EQ(as_text(read_file(files, "/data/f", 100).value()), "ours");
  ASSERT_TRUE(other->write_at(7, as_bytes(" theirs")).has_value());
  EXPECT_EQ(as_text(read_file(files, "/data/f", 100).value()), "ours");
  EXPECT_EQ(as_text(read_file(files, "/data/f.new", 100).value()), "half of theirs");
}

TEST(FileHelpers, LeaveTheOldFileWhenTheNewOneDoesNotFit) {
  sim::Disk disk(Prng(1), {.capacity_bytes = 100, .directories = {"/data"}});
  sim::SimFileSystem files(disk);
  ASSERT_TRUE(replace_file(files, "/data/f", Bytes(60)).has_value());
  EXPECT_TRUE(replace_file(files, "/data/f", Bytes(70)).error().is_errno(ENOSPC));
  EXPECT_EQ(files.list("/data").value().size(), 1u);
  EXPECT_EQ(read_file(files, "/data/f", 100).value().size(), 60u);
}

TEST(FileHelpers, ReportEachOperationThatFails) {
  for (std::uint64_t n = 0;; ++n) {
    sim::Disk disk{Prng(n)};
    sim::SimFileSystem files(disk);
    ASSERT_TRUE(replace_file(files, "/data/f", as_bytes("old")).has_value());
    disk.faults().fail_at(disk.faults().operations() + n, EIO);
    auto replaced = replace_file(files, "/data/f", as_bytes("new"));
    std::string left(as_text(read_file(files, "/data/f", 10).value()));
    EXPECT_TRUE(left == "old" || left == "new");
    if (replaced) {
      EXPECT_EQ(n, 5u) << "create, write, sync, rename and sync directory can fail";
      break;
    }
    EXPECT_TRUE(replaced.error().is_errno(EIO));
  }
}

TEST(FileHelpers, MakeTheWayToAFolderDurable) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    sim::Disk disk{Prng(seed)};
    sim::SimFileSystem before(disk);
    ASSERT_TRUE(before.make_directories("/data/x/y/z").has_value());
    ASSERT_TRUE(sync_way(before, "/data/x/y/z").has_value());
    disk.crash();
    sim::SimFileSystem after(disk);
    EXPECT_EQ(after.info("/data/x/y/z").value().kind, FileKind::directory);
  }
}

TEST(FileHelpers, PassFoldersOnTheWayThatNothingCanSync) {
  sim::Disk disk{Prng(1)};
  sim::SimFileSystem files(disk);
  ASSERT_TRUE(files.make_directories("/data/x").has_value());
  for (int harmless : {EINVAL, EROFS, EACCES}) {
    disk.faults().fail_at(disk.faults().operations(), harmless);
    EXPECT_TRUE(sync_way(files, "/data/x/y").has_value()) << harmless;
  }
  disk.faults().fail_at(disk.faults().operations(), EIO);
  EXPECT_TRUE(sync_way(files, "/data/x/y").error().is_errno(EIO));
}

TEST(FileHelpers, KnowTheFolderOfAPath) {
  EXPECT_EQ(parent_path("/a/b"), "/a");
  EXPECT_EQ(parent_path("/a"), "/");
  EXPECT_EQ(parent_path("a/b"), "a");
  EXPECT_EQ(parent_path("a"), ".");
}

}  // namespace
}  // namespace kith::port
