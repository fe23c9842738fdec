#include <errno.h>
#include <gtest/gtest.h>

#include <kith/sim/disk.hpp>

namespace kith::sim {
namespace {

using port::OpenMode;

Bytes filled(std::size_t size, std::uint8_t byte) {
  return Bytes(size, byte);
}

Bytes content_of(port::FileSystem& files, const std::string& path) {
  auto content = port::read_file(files, path, 1 << 20);
  EXPECT_TRUE(content.has_value()) << path;
  return content.value_or(Bytes());
}

void write_synced(port::FileSystem& files, const std::string& path, ByteView content) {
  auto file = files.open(path, OpenMode::create);
  ASSERT_TRUE(file.has_value());
  ASSERT_TRUE((*file)->write_at(0, content).has_value());
  ASSERT_TRUE((*file)->sync().has_value());
  ASSERT_TRUE(files.sync_directory(port::parent_path(path)).has_value());
}

TEST(Disk, ReadsBackWhatWasWritten) {
  Disk disk(Prng(1));
  SimFileSystem files(disk);
  auto file = files.open("/data/a", OpenMode::create_new);
  ASSERT_TRUE(file.has_value());
  const ByteView pieces[] = {as_bytes("hello "), as_bytes("world")};
  ASSERT_TRUE((*file)->write_at(3, pieces).has_value());
  EXPECT_EQ((*file)->size().value(), 14u);
  EXPECT_EQ(to_hex(content_of(files, "/data/a")), "000000" + to_hex(as_bytes("hello world")));
  ASSERT_TRUE((*file)->truncate(5).has_value());
  EXPECT_EQ(content_of(files, "/data/a").size(), 5u);
  EXPECT_TRUE(files.open("/data/a", OpenMode::create_new).error().is_errno(EEXIST));
  EXPECT_TRUE(files.open("/data/b", OpenMode::read).error().is_errno(ENOENT));
  EXPECT_TRUE(files.open("/data/a/b", OpenMode::read).error().is_errno(ENOTDIR));
}

TEST(Disk, KeepsFoldersLinksAndAttributes) {
  Disk disk(Prng(1));
  SimFileSystem files(disk);
  ASSERT_TRUE(files.make_directories("/data/x/y").has_value());
  write_synced(files, "/data/x/y/f", as_bytes("12"));
  ASSERT_TRUE(files.make_symlink("y/f", "/data/x/link").has_value());
  EXPECT_EQ(files.read_link("/data/x/link").value(), "y/f");
  EXPECT_EQ(files.info("/data/x/link").value().kind, port::FileKind::symlink);
  EXPECT_EQ(files.info_followed("/data/x/link").value().size_bytes, 2u);
  EXPECT_EQ(as_text(content_of(files, "/data/x/link")), "12");
  EXPECT_EQ(files.list("/data/x").value().size(), 2u);
  EXPECT_TRUE(files.remove("/data/x").error().is_errno(ENOTEMPTY));
  ASSERT_TRUE(files.set_mode("/data/x/y/f", 0600).has_value());
  EXPECT_EQ(files.info("/data/x/y/f").value().mode, 0600u);
  ASSERT_TRUE(files.rename("/data/x/y", "/data/z").has_value());
  EXPECT_EQ(as_text(content_of(files, "/data/z/f")), "12");
  EXPECT_TRUE(files.info_followed("/data/x/link").error().is_errno(ENOENT));
}

TEST(Disk, GivesALockOnceUntilItIsDroppedOrItsHolderDies) {
  Disk disk(Prng(1));
  SimFileSystem one(disk);
  SimFileSystem two(disk);
  {
    auto held = one.lock("/data/lock");
    ASSERT_TRUE(held.has_value());
    EXPECT_TRUE(two.lock("/data/lock").error().is(Errc::busy));
  }
  auto held = one.lock("/data/lock");
  EXPECT_TRUE(held.has_value());
  one.die();
  EXPECT_TRUE(two.lock("/data/lock").has_value());
}

TEST(Disk, KeepsWhatWasSyncedThroughEveryCrash) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Disk disk{Prng(seed)};
    SimFileSystem before(disk);
    write_synced(before, "/data/f", filled(3000, 1));
    auto file = before.open("/data/f", OpenMode::write);
    ASSERT_TRUE(file.has_value());
    ASSERT_TRUE((*file)->write_at(1000, filled(500, 2)).has_value());
    disk.crash();
    EXPECT_TRUE((*file)->size().error().is_errno(EIO));
    SimFileSystem after(disk);
    Bytes left = content_of(after, "/data/f");
    ASSERT_EQ(left.size(), 3000u);
    for (std::size_t i = 0; i < left.size(); ++i) {
      bool rewritten = i >= 1000 && i < 1500;
      ASSERT_TRUE(left[i] == 1 || (rewritten && left[i] == 2)) << i;
    }
  }
}

TEST(Disk, LosesAnySubsetOfUnsyncedSectors) {
  // Three sectors are written over; over many seeds each of the eight outcomes must come up, and a
  // sector must never be torn inside.
  std::set<int> seen;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Disk disk{Prng(seed)};
    SimFileSystem before(disk);
    write_synced(before, "/data/f", filled(1536, 1));
    auto file = before.open("/data/f", OpenMode::write);
    ASSERT_TRUE((*file)->write_at(0, filled(1536, 2)).has_value());
    disk.crash();
    SimFileSystem after(disk);
    Bytes left = content_of(after, "/data/f");
    int outcome = 0;
    for (std::size_t sector = 0; sector < 3; ++sector) {
      std::uint8_t first = left[512 * sector];
      for (std::size_t i = 0; i < 512; ++i)
        ASSERT_EQ(left[512 * sector + i], first);
      outcome = 2 * outcome + (first == 2 ? 1 : 0);
    }
    seen.insert(outcome);
  }
  EXPECT_EQ(seen.size(), 8u);
}

TEST(Disk, MayGrowAFileWithoutItsBytes) {
  int with_zeros = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Disk disk{Prng(seed)};
    SimFileSystem before(disk);
    write_synced(before, "/data/f", {});
    auto file = before.open("/data/f", OpenMode::write);
    ASSERT_TRUE((*file)->write_at(0, filled(1024, 7)).has_value());
    disk.crash();
    SimFileSystem after(disk);
    Bytes left = content_of(after, "/data/f");
    if (std::ranges::find(left, 0) != left.end()) ++with_zeros;
  }
  EXPECT_GT(with_zeros, 10);
}

TEST(Disk, MayLoseANameUntilItsFolderIsSynced) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Disk disk{Prng(seed)};
    SimFileSystem before(disk);
    write_synced(before, "/data/old", as_bytes("x"));
    ASSERT_TRUE(before.open("/data/fresh", OpenMode::create).has_value());
    ASSERT_TRUE(before.rename("/data/old", "/data/new").has_value());
    disk.crash();
    SimFileSystem after(disk);
    bool fresh = after.info("/data/fresh").has_value();
    bool old_name = after.info("/data/old").has_value();
    bool new_name = after.info("/data/new").has_value();
    ASSERT_NE(old_name, new_name) << "a rename happens whole or not at all";
    seen.insert(std::string(fresh ? "fresh " : "") + (new_name ? "new" : "old"));
  }
  EXPECT_EQ(seen.size(), 4u);
}

TEST(Disk, KeepsARenameOnceEitherFolderIsSynced) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Disk disk(Prng(seed), {.capacity_bytes = 1 << 20, .directories = {"/a", "/b"}});
    SimFileSystem before(disk);
    write_synced(before, "/a/f", as_bytes("x"));
    ASSERT_TRUE(before.rename("/a/f", "/b/f").has_value());
    ASSERT_TRUE(before.sync_directory("/b").has_value());
    disk.crash();
    SimFileSystem after(disk);
    EXPECT_TRUE(after.info("/b/f").has_value());
    EXPECT_FALSE(after.info("/a/f").has_value());
  }
}

TEST(Disk, FailsTheOperationThatThePlanNames) {
  Disk disk(Prng(1));
  SimFileSystem files(disk);
  auto file = files.open("/data/f", OpenMode::create);
  ASSERT_TRUE(file.has_value());
  disk.faults().fail_at(disk.faults().operations() + 1, EIO);
  EXPECT_TRUE((*file)->write_at(0, as_bytes("a")).has_value());
  EXPECT_TRUE((*file)->sync().error().is_errno(EIO));
  EXPECT_TRUE((*file)->sync().has_value());
  disk.faults().fail_read_at(disk.faults().reads(), EIO);
  Bytes into(1);
  EXPECT_TRUE((*file)->read_at(0, into).error().is_errno(EIO));
  EXPECT_EQ((*file)->read_at(0, into).value(), 1u);
}

TEST(Disk, IsFullAtItsCapacityAndFreesWhatIsRemoved) {
  Disk disk(Prng(1), {.capacity_bytes = 10'000, .directories = {"/data"}});
  SimFileSystem files(disk);
  write_synced(files, "/data/a", filled(8000, 1));
  auto file = files.open("/data/b", OpenMode::create);
  ASSERT_TRUE(file.has_value());
  EXPECT_TRUE((*file)->write_at(0, filled(3000, 1)).error().is_errno(ENOSPC));
  EXPECT_EQ((*file)->size().value(), 2000u);
  ASSERT_TRUE(files.remove("/data/a").has_value());
  EXPECT_TRUE((*file)->write_at(0, filled(9000, 1)).has_value());
  EXPECT_EQ(files.free_bytes("/data").value(), 1000u);
}

TEST(Disk, ReplacesAFileSoThatEveryCrashLeavesTheOldOrTheNew) {
  std::size_t crash_points = 0;
  std::size_t left_old = 0;
  std::size_t left_new = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    for (std::uint64_t n = 0;; ++n) {
      Disk disk(Prng(mix(seed, n)));
      SimFileSystem before(disk);
      ASSERT_TRUE(port::replace_file(before, "/data/key", filled(2000, 1)).has_value());
      disk.faults().crash_at(disk.faults().operations() + n);
      auto replaced = port::replace_file(before, "/data/key", filled(2500, 2));
      bool stopped = disk.faults().crashed();
      EXPECT_EQ(replaced.has_value(), !stopped);
      disk.crash();
      SimFileSystem after(disk);
      Bytes left = content_of(after, "/data/key");
      bool is_old = left == filled(2000, 1);
      bool is_new = left == filled(2500, 2);
      ASSERT_TRUE(is_old || is_new)
          << "seed " << seed << ", crashed in " << disk.faults().crashed_in();
      if (replaced) ASSERT_TRUE(is_new) << "an acknowledged file is gone";
      ++(is_old ? left_old : left_new);
      // And what the crash has left doesn't stand in the way of the next time.
      ASSERT_TRUE(port::replace_file(after, "/data/key", filled(10, 3)).has_value());
      if (!stopped) break;
      ++crash_points;
    }
  }
  EXPECT_GE(crash_points, 50u * 5) << "create, write, sync, rename and sync directory at least";
  EXPECT_GT(left_old, 50u);
  EXPECT_GT(left_new, 50u);
}

TEST(Disk, CatchesAReplacementThatForgetsToSync) {
  // The test of the test above: without the file's sync, some crash must leave neither content.
  std::size_t broken = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Disk disk{Prng(seed)};
    SimFileSystem before(disk);
    write_synced(before, "/data/key", filled(2000, 1));
    {
      auto file = before.open("/data/new", OpenMode::create_new);
      ASSERT_TRUE((*file)->write_at(0, filled(2000, 2)).has_value());
    }
    ASSERT_TRUE(before.rename("/data/new", "/data/key").has_value());
    ASSERT_TRUE(before.sync_directory("/data").has_value());
    disk.crash();
    SimFileSystem after(disk);
    Bytes left = content_of(after, "/data/key");
    if (left != filled(2000, 1) && left != filled(2000, 2)) ++broken;
  }
  EXPECT_GT(broken, 20u);
}

TEST(Disk, ForgetsTheSyncsThatThePlanNames) {
  std::size_t lost = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Disk disk{Prng(seed)};
    SimFileSystem before(disk);
    write_synced(before, "/data/f", filled(512, 1));
    disk.faults().forget("sync");
    write_synced(before, "/data/f", filled(512, 2));
    disk.crash();
    SimFileSystem after(disk);
    if (content_of(after, "/data/f") == filled(512, 1)) ++lost;
  }
  EXPECT_GT(lost, 20u);
}

port::KeyValueOptions two_spaces() {
  return {.namespaces = {"blocks", "pins"}, .size_bytes_max = 1 << 20};
}

std::optional<std::string> get(port::KeyValue& store, port::Namespace space, std::string_view key) {
  auto snapshot = store.snapshot();
  EXPECT_TRUE(snapshot.has_value());
  auto value = (*snapshot)->get(space, as_bytes(key));
  EXPECT_TRUE(value.has_value());
  if (!*value) return std::nullopt;
  return std::string(as_text(**value));
}

Result<void> put(port::KeyValue& store, std::string_view key, std::string_view value,
                 port::Durability durability) {
  port::Batch batch;
  batch.put(0, as_bytes(key), as_bytes(value));
  return store.commit(batch, durability);
}

TEST(DiskKeyValue, PutsErasesScansAndCounts) {
  Disk disk(Prng(1));
  SimKeyValueFactory factory(disk);
  auto store = factory.open("/data/index", two_spaces()).value();
  port::Batch batch;
  batch.put(0, as_bytes("b"), as_bytes("2"));
  batch.put(0, as_bytes("a"), as_bytes("1"));
  batch.put(0, as_bytes("c"), as_bytes("3"));
  batch.put(1, as_bytes("a"), as_bytes("other"));
  batch.erase(0, as_bytes("a"));
  ASSERT_TRUE(store->commit(batch, port::Durability::synced).has_value());
  EXPECT_EQ(get(*store, 0, "a"), std::nullopt);
  EXPECT_EQ(get(*store, 1, "a"), "other");
  auto snapshot = store->snapshot().value();
  EXPECT_EQ(snapshot->count(0).value(), 2u);
  std::string seen;
  auto visit = [&seen](ByteView key, ByteView value) {
    seen += std::string(as_text(key)) + std::string(as_text(value));
    return true;
  };
  ASSERT_TRUE(snapshot->scan(0, as_bytes("b"), visit).has_value());
  EXPECT_EQ(seen, "b2c3");
  EXPECT_TRUE(factory.open("/data/index", two_spaces()).error().is(Errc::busy));
}

TEST(DiskKeyValue, RefusesWhatIsTooLarge) {
  Disk disk(Prng(1));
  SimKeyValueFactory factory(disk);
  port::KeyValueOptions small{.namespaces = {"a"}, .size_bytes_max = 100};
  auto store = factory.open("/data/index", small).value();
  EXPECT_TRUE(put(*store, "", "x", port::Durability::synced).error().is(Errc::invalid_argument));
  std::string long_key(port::key_bytes_max + 1, 'k');
  EXPECT_TRUE(
      put(*store, long_key, "x", port::Durability::synced).error().is(Errc::invalid_argument));
  std::string large(200, 'v');
  EXPECT_TRUE(put(*store, "k", large, port::Durability::synced).error().is(Errc::limit_exceeded));
  EXPECT_EQ(get(*store, 0, "k"), std::nullopt);
  EXPECT_TRUE(put(*store, "k", "v", port::Durability::synced).has_value());
}

TEST(DiskKeyValue, ShowsASnapshotItsOwnMoment) {
  Disk disk(Prng(1));
  SimKeyValueFactory factory(disk);
  auto store = factory.open("/data/index", two_spaces()).value();
  ASSERT_TRUE(put(*store, "k", "old", port::Durability::synced).has_value());
  auto snapshot = store->snapshot().value();
  auto view = snapshot->get(0, as_bytes("k")).value();
  ASSERT_TRUE(put(*store, "k", "new", port::Durability::synced).has_value());
  ASSERT_TRUE(put(*store, "k2", "late", port::Durability::synced).has_value());
  port::Batch batch;
  batch.erase(0, as_bytes("k"));
  ASSERT_TRUE(store->commit(batch, port::Durability::synced).has_value());
  EXPECT_EQ(as_text(*view), "old");
  EXPECT_EQ(as_text(*snapshot->get(0, as_bytes("k")).value()), "old");
  EXPECT_EQ(snapshot->get(0, as_bytes("k2")).value(), std::nullopt);
  EXPECT_EQ(snapshot->count(0).value(), 1u);
  EXPECT_EQ(get(*store, 0, "k"), std::nullopt);
}

TEST(DiskKeyValue, LosesASuffixOfUnsyncedBatchesAndNothingElse) {
  std::set<int> cuts;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Disk disk{Prng(seed)};
    {
      SimKeyValueFactory factory(disk);
      auto store = factory.open("/data/index", two_spaces()).value();
      // Batch i writes the same keys: whole batches must show in both.
      for (int i = 1; i <= 8; ++i) {
        port::Batch batch;
        batch.put(0, as_bytes("a"), as_bytes(std::to_string(i)));
        batch.put(1, as_bytes("b" + std::to_string(i)), as_bytes("x"));
        auto durability = i <= 3 ? port::Durability::synced : port::Durability::unsynced;
        ASSERT_TRUE(store->commit(batch, durability).has_value());
      }
      disk.crash();
      EXPECT_FALSE(store->snapshot().has_value());
    }
    SimKeyValueFactory factory(disk);
    auto store = factory.open("/data/index", two_spaces()).value();
    int cut = std::stoi(get(*store, 0, "a").value_or("0"));
    ASSERT_GE(cut, 3);
    for (int i = 1; i <= 8; ++i)
      ASSERT_EQ(get(*store, 1, "b" + std::to_string(i)).has_value(), i <= cut);
    cuts.insert(cut);
  }
  EXPECT_EQ(cuts.size(), 6u);
}

TEST(DiskKeyValue, CountsItsOperationsWithTheFiles) {
  Disk disk(Prng(1));
  SimFileSystem files(disk);
  SimKeyValueFactory factory(disk);
  auto store = factory.open("/data/index", two_spaces()).value();
  std::uint64_t begin = disk.faults().operations();
  disk.faults().crash_at(begin + 2);
  auto file = files.open("/data/f", OpenMode::create);
  ASSERT_TRUE(file.has_value());
  EXPECT_TRUE(put(*store, "k", "v", port::Durability::unsynced).has_value());
  EXPECT_TRUE((*file)->write_at(0, as_bytes("x")).error().is_errno(EIO));
  EXPECT_TRUE(disk.faults().crashed());
  EXPECT_TRUE(store->sync().error().is_errno(EIO));
  EXPECT_EQ(disk.faults().crashed_in(), "write /data/f");
}

}  // namespace
}  // namespace kith::sim
