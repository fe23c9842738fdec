#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <kith/store/detail/namespaces.hpp>
#include <kith/store/store_test.hpp>

namespace kith::store {
namespace {

using testing::block_of;
using testing::blocks_of;
using testing::hash_of;
using testing::Machine;

class EngineTest : public ::testing::Test {
 protected:
  void SetUp() override { EXPECT_OK(machine.start()); }
  Engine& engine() { return *machine.engine; }

  Machine machine;
};

TEST_F(EngineTest, GivesBackWhatWasPutBeforeAndAfterASyncAndAReopen) {
  auto blocks = blocks_of(1, 20, 300);
  EXPECT_EQ(engine().put(blocks)->stored, 20U);
  for (const NewBlock& block : blocks)
    EXPECT_TRUE(machine.holds(block));
  EXPECT_OK(engine().sync());
  for (const NewBlock& block : blocks)
    EXPECT_TRUE(machine.holds(block));
  EXPECT_OK(machine.restart());
  for (const NewBlock& block : blocks)
    EXPECT_TRUE(machine.holds(block));
  EXPECT_TRUE(engine().get(block_of(99, 300).hash).error().is(Errc::not_found));
  EXPECT_EQ(engine().has(block_of(99, 300).hash), false);
}

TEST_F(EngineTest, AnswersIdentityHashesAndStoresNone) {
  auto hash = *Multihash::wrap(multiformats::Codec::identity, as_bytes("hello"));
  NewBlock block{hash, Buffer::copy_of(as_bytes("hello"))};
  EXPECT_EQ(engine().put(std::span(&block, 1))->stored, 0U);
  EXPECT_EQ(engine().has(hash), true);
  EXPECT_EQ(as_text(*engine().get(hash)), "hello");
  EXPECT_EQ(as_text(*engine().get_range(hash, 1, 3)), "ell");
  EXPECT_OK(engine().sync());
  EXPECT_EQ(engine().stat()->blocks, 0U);
  EXPECT_EQ(*engine().remove(std::span(&hash, 1)), 0U);
}

TEST_F(EngineTest, RefusesABlockAboveTheLimitAndTakesTheLargest) {
  NewBlock largest = block_of(1, ipld::block_bytes_max);
  NewBlock too_large{largest.hash, Buffer::allocate(ipld::block_bytes_max + 1)};
  EXPECT_TRUE(engine().put(std::span(&too_large, 1)).error().is(Errc::limit_exceeded));
  EXPECT_EQ(engine().has(largest.hash), false);
  EXPECT_OK(machine.put(largest));
  EXPECT_OK(engine().sync());
  EXPECT_TRUE(machine.holds(largest));
}

TEST_F(EngineTest, StoresTheEmptyBlock) {
  NewBlock empty{hash_of({}), {}};
  EXPECT_OK(machine.put(empty));
  EXPECT_OK(engine().sync());
  EXPECT_EQ(engine().get(empty.hash)->size(), 0U);
  EXPECT_EQ(engine().sizes(std::span(&empty.hash, 1))->at(0), 0U);
}

TEST_F(EngineTest, StoresABlockOnceHoweverOftenItComes) {
  NewBlock block = block_of(1, 500);
  std::vector<NewBlock> thrice = {block, block, block};
  EXPECT_EQ(engine().put(thrice)->stored, 1U);
  EXPECT_EQ(engine().put(thrice)->known, 3U);
  EXPECT_OK(engine().sync());
  EXPECT_EQ(engine().put(thrice)->known, 3U);
  EXPECT_OK(engine().sync());
  EXPECT_EQ(engine().stat()->pack_bytes, pack_header_bytes + record_bytes(34, 500));
}

TEST_F(EngineTest, ReadsRangesCutAtTheEnd) {
  NewBlock block = block_of(1, 1000);
  EXPECT_OK(machine.put(block));
  for (bool synced : {false, true}) {
    if (synced) EXPECT_OK(engine().sync());
    EXPECT_TRUE(equal(*engine().get_range(block.hash, 10, 20), block.data.view().subspan(10, 20)));
    EXPECT_EQ(engine().get_range(block.hash, 990, 20)->size(), 10U);
    EXPECT_EQ(engine().get_range(block.hash, 1000, 20)->size(), 0U);
    EXPECT_EQ(engine().get_range(block.hash, UINT64_MAX, UINT64_MAX)->size(), 0U);
    EXPECT_EQ(engine().get_range(block.hash, 0, UINT64_MAX)->size(), 1000U);
  }
}

TEST_F(EngineTest, ChecksOnlyTheRangeUnlessTold) {
  NewBlock block = block_of(1, 4000);
  machine.options.verify_reads = true;
  EXPECT_OK(machine.put(block));
  EXPECT_OK(engine().sync());
  EXPECT_OK(machine.disk.damage("/data/store/packs/00000001.pack", 3000, Bytes(4, 0xaa)));
  EXPECT_OK(engine().get_range(block.hash, 0, 100));
  EXPECT_OK(machine.restart());
  EXPECT_TRUE(engine().get_range(block.hash, 0, 100).error().is(Errc::corrupt));
}

TEST_F(EngineTest, SyncsByItselfWhenTooMuchWaits) {
  for (const NewBlock& block : blocks_of(1, 40, 1000)) {
    EXPECT_OK(machine.put(block));
    EXPECT_LE(engine().unsynced_bytes(), machine.options.unsynced_bytes_max + 1000);
  }
}

TEST_F(EngineTest, StartsANewPackWhenOneIsFull) {
  for (const NewBlock& block : blocks_of(1, 40, 1000)) {
    EXPECT_OK(machine.put(block));
  }
  EXPECT_OK(engine().sync());
  EXPECT_GE(engine().stat()->packs, 3U);
  for (const NewBlock& block : blocks_of(1, 40, 1000)) {
    EXPECT_TRUE(machine.holds(block));
  }
}

TEST_F(EngineTest, GoesOnInItsLastPackAfterAReopen) {
  EXPECT_OK(machine.put(block_of(1, 100)));
  EXPECT_OK(engine().sync());
  EXPECT_OK(machine.restart());
  EXPECT_OK(machine.put(block_of(2, 100)));
  EXPECT_OK(engine().sync());
  EXPECT_EQ(engine().stat()->packs, 1U);
  EXPECT_TRUE(machine.holds(block_of(1, 100)));
  EXPECT_TRUE(machine.holds(block_of(2, 100)));
}

TEST_F(EngineTest, RemovesBlocksSyncedAndNot) {
  auto blocks = blocks_of(1, 3, 300);
  EXPECT_OK(machine.put(blocks[0]));
  EXPECT_OK(engine().sync());
  EXPECT_OK(machine.put(blocks[1]));
  std::vector<Multihash> hashes = {blocks[0].hash, blocks[1].hash, blocks[2].hash};
  EXPECT_EQ(*engine().remove(hashes), 2U);
  EXPECT_EQ(engine().stat()->blocks, 0U);
  EXPECT_EQ(engine().stat()->dead_bytes, record_bytes(34, 300));
  EXPECT_OK(engine().sync());
  EXPECT_OK(machine.restart());
  EXPECT_EQ(*engine().has_many(hashes), (std::vector<bool>{false, false, false}));
  EXPECT_OK(machine.put(blocks[0]));
  EXPECT_TRUE(machine.holds(blocks[0]));
}

TEST_F(EngineTest, ForgetsARemovedBlockInItsCache) {
  NewBlock block = block_of(1, 300);
  EXPECT_OK(machine.put(block));
  EXPECT_OK(engine().sync());
  EXPECT_TRUE(machine.holds(block));
  EXPECT_EQ(*machine.remove(block.hash), 1U);
  EXPECT_TRUE(engine().get(block.hash).error().is(Errc::not_found));
}

TEST_F(EngineTest, ListsAllBlocksInPagesWhetherSyncedOrNot) {
  std::map<Multihash, std::uint32_t> expected;
  for (std::uint64_t i = 0; i < 50; ++i) {
    NewBlock block = block_of(i, 100 + i);
    expected.emplace(block.hash, block.data.size());
    EXPECT_OK(machine.put(block));
    if (i == 24) EXPECT_OK(engine().sync());
  }
  for (std::size_t limit : {1U, 7U, 1000U}) {
    std::map<Multihash, std::uint32_t> listed;
    std::optional<Multihash> after;
    for (;;) {
      auto page = engine().list(after, limit);
      ASSERT_TRUE(page) << page.error().message();
      for (const Listed& block : page->blocks) {
        EXPECT_TRUE(!after || *after < block.hash);
        EXPECT_TRUE(listed.emplace(block.hash, block.bytes).second);
        after = block.hash;
      }
      if (page->last) break;
      ASSERT_FALSE(page->blocks.empty());
    }
    EXPECT_TRUE(listed == expected) << limit;
  }
}

TEST_F(EngineTest, CountsBlocksBytesAndDeadBytes) {
  EXPECT_OK(engine().put(blocks_of(1, 10, 500)));
  auto before = engine().stat();
  EXPECT_EQ(before->blocks, 10U);
  EXPECT_EQ(before->bytes, 5000U);
  EXPECT_EQ(before->unsynced_blocks, 10U);
  EXPECT_OK(engine().sync());
  EXPECT_EQ(*machine.remove(block_of(3, 500).hash), 1U);
  EXPECT_OK(machine.restart());
  auto after = engine().stat();
  EXPECT_EQ(after->blocks, 9U);
  EXPECT_EQ(after->bytes, 4500U);
  EXPECT_EQ(after->unsynced_blocks, 0U);
  EXPECT_EQ(after->dead_bytes, record_bytes(34, 500));
  EXPECT_EQ(after->pack_bytes, pack_header_bytes + 10 * record_bytes(34, 500));
}

TEST_F(EngineTest, RefusesASecondOpener) {
  auto second = Engine::open(*machine.files, *machine.key_values, machine.options);
  EXPECT_TRUE(second.error().is(Errc::busy));
}

TEST_F(EngineTest, LooksAtNoPackWhenItOpensAfterACleanStop) {
  for (const NewBlock& block : blocks_of(1, 100, 1000)) {
    EXPECT_OK(machine.put(block));
  }
  EXPECT_OK(engine().sync());
  machine.stop();
  std::uint64_t reads = machine.disk.faults().reads();
  EXPECT_OK(machine.start());
  // One look at each file's size, and a few at the index.
  EXPECT_LE(machine.disk.faults().reads() - reads, engine().stat()->packs + 8);
  EXPECT_EQ(engine().open_report().adopted_blocks, 0U);
}

// --- damage ---

TEST_F(EngineTest, NeverServesADamagedRecordAndTakesAGoodCopyInstead) {
  NewBlock block = block_of(1, 3000);
  EXPECT_OK(machine.put(block));
  EXPECT_OK(engine().sync());
  EXPECT_OK(machine.disk.damage("/data/store/packs/00000001.pack", 2000, Bytes(1, 0x55)));
  auto data = engine().get(block.hash);
  ASSERT_FALSE(data);
  EXPECT_TRUE(data.error().is(Errc::corrupt));
  EXPECT_NE(data.error().message().find("/data/store/packs/00000001.pack"), std::string::npos);

  EXPECT_OK(machine.put(block));
  EXPECT_TRUE(machine.holds(block));
  EXPECT_OK(engine().sync());
  EXPECT_TRUE(machine.holds(block));
  EXPECT_EQ(engine().stat()->blocks, 1U);
  EXPECT_EQ(engine().stat()->dead_bytes, record_bytes(34, 3000));
}

TEST_F(EngineTest, ADamagedIndexEntryIsThatBlocksTroubleAlone) {
  auto blocks = blocks_of(1, 3, 300);
  EXPECT_OK(engine().put(blocks));
  EXPECT_OK(engine().sync());
  machine.stop();
  {
    sim::SimKeyValueFactory hand(machine.disk);
    port::KeyValueOptions options;
    options.namespaces = detail::namespace_names();
    auto index = hand.open("/data/store/index", options);
    port::Batch batch;
    batch.put(detail::blocks_space, blocks[1].hash.bytes(), as_bytes("\x7f nonsense"));
    EXPECT_OK((*index)->commit(batch, port::Durability::synced));
  }
  EXPECT_OK(machine.start());
  std::vector<Multihash> hashes = {blocks[0].hash, blocks[1].hash, blocks[2].hash};
  for (int i = 0; i < 2; ++i) {
    auto there = engine().has_many(hashes);
    ASSERT_TRUE(there) << there.error().message();
    EXPECT_EQ(*there, (std::vector<bool>{true, false, true}));
  }
  EXPECT_EQ(engine().take_complaints().size(), 1U);
  EXPECT_TRUE(engine().get(blocks[1].hash).error().is(Errc::corrupt));
  EXPECT_OK(machine.put(blocks[1]));
  EXPECT_OK(engine().sync());
  EXPECT_TRUE(machine.holds(blocks[1]));
  EXPECT_EQ(engine().has(blocks[1].hash), true);
}

TEST_F(EngineTest, SaysThatAPackIsMissing) {
  NewBlock block = block_of(1, 3000);
  EXPECT_OK(machine.put(block));
  EXPECT_OK(engine().sync());
  machine.stop();
  sim::SimFileSystem hand(machine.disk);
  EXPECT_OK(hand.remove("/data/store/packs/00000001.pack"));
  EXPECT_OK(machine.start());
  EXPECT_EQ(engine().open_report().damaged_packs, std::vector<PackId>{1});
  auto data = engine().get(block.hash);
  ASSERT_FALSE(data);
  EXPECT_TRUE(data.error().is(Errc::corrupt));
  EXPECT_OK(machine.put(block));
  EXPECT_OK(engine().sync());
  EXPECT_OK(machine.restart());
  EXPECT_TRUE(machine.holds(block));
}

TEST_F(EngineTest, VerifyNamesEachDamagedBlockAndNoOther) {
  auto blocks = blocks_of(1, 8, 700);
  EXPECT_OK(engine().put(blocks));
  // A block whose bytes never had its hash: only hashing finds it.
  NewBlock lie{block_of(50, 700).hash, block_of(51, 700).data};
  EXPECT_OK(machine.put(lie));
  EXPECT_OK(engine().sync());
  std::uint64_t third = pack_header_bytes + 2 * record_bytes(34, 700);
  EXPECT_OK(machine.disk.damage("/data/store/packs/00000001.pack", third + 100, Bytes(1, 0x55)));
  std::uint64_t calls = 0;
  auto report = engine().verify([&calls](const VerifyReport&) { return ++calls < 1000; });
  ASSERT_TRUE(report);
  EXPECT_GE(calls, 1U);
  EXPECT_EQ(report->blocks, 9U);
  EXPECT_EQ(report->damaged_blocks, 2U);
  std::vector<Multihash> damaged;
  for (const BadBlock& one : report->damaged)
    damaged.push_back(one.hash);
  std::vector<Multihash> expected = {blocks[2].hash, lie.hash};
  std::ranges::sort(expected);
  EXPECT_EQ(damaged, expected);
}

// Whoever removes damaged blocks must not lose all when descriptors or memory are short.
TEST_F(EngineTest, VerifyTakesNoBlockForDamagedThatItCouldNotRead) {
  auto blocks = blocks_of(1, 8, 700);
  EXPECT_OK(engine().put(blocks));
  EXPECT_OK(engine().sync());
  for (int error : {EIO, EMFILE, ENOMEM, EACCES}) {
    std::uint64_t unreadable = 0;
    for (std::uint64_t later = 0;; ++later) {
      EXPECT_OK(machine.restart());
      const std::uint64_t before = machine.disk.faults().reads();
      machine.disk.faults().fail_read_at(before + later, error);
      auto report = engine().verify();
      machine.disk.faults().clear();
      if (report && machine.disk.faults().reads() <= before + later) break;
      if (!report) continue;
      EXPECT_EQ(report->damaged_blocks, 0U);
      EXPECT_EQ(report->unreadable_blocks, report->unreadable.size());
      unreadable += report->unreadable_blocks;
      EXPECT_EQ(engine().verify()->unreadable_blocks, 0U);
    }
    EXPECT_GE(unreadable, blocks.size());
  }
}

TEST_F(EngineTest, MakesALostIndexAnew) {
  auto blocks = blocks_of(1, 60, 900);
  for (const NewBlock& block : blocks)
    EXPECT_OK(machine.put(block));
  EXPECT_OK(engine().sync());
  machine.stop();
  machine.options.path = "/data/other";
  EXPECT_OK(machine.start());
  machine.stop();
  sim::SimFileSystem hand(machine.disk);
  auto packs = hand.list("/data/store/packs");
  for (const port::DirectoryEntry& pack : *packs)
    EXPECT_OK(hand.rename("/data/store/packs/" + pack.name, "/data/other/packs/" + pack.name));
  // In one of the packs a record is damaged, which must not cost the ones behind it.
  EXPECT_OK(hand.sync_directory("/data/other/packs"));
  EXPECT_OK(machine.disk.damage("/data/other/packs/00000001.pack", 50, Bytes(8, 0x55)));
  // The other store has an index, so it takes the packs in one by one as unknown.
  EXPECT_OK(machine.start());
  EXPECT_EQ(engine().open_report().adopted_blocks, 59U);
  EXPECT_FALSE(machine.holds(blocks[0]));
  for (std::size_t i = 1; i < blocks.size(); ++i)
    EXPECT_TRUE(machine.holds(blocks[i])) << i;
  EXPECT_EQ(engine().stat()->blocks, 59U);
  EXPECT_OK(machine.restart());
  EXPECT_EQ(engine().open_report().adopted_blocks, 0U);
  EXPECT_TRUE(machine.holds(blocks[59]));
}

TEST_F(EngineTest, TakesNoRecordsOutOfTheInsideOfAnother) {
  // A block whose content is a pack file with a lie in it.
  NewBlock lie{block_of(50, 100).hash, block_of(51, 100).data};
  Bytes trap(100);
  append_record_header(trap, lie.hash, lie.data);
  append(trap, lie.data);
  NewBlock outer{hash_of(trap), Buffer::copy_of(trap)};
  EXPECT_OK(machine.put(outer));
  EXPECT_OK(engine().sync());
  machine.stop();
  machine.options.path = "/data/other";
  EXPECT_OK(machine.start());
  machine.stop();
  sim::SimFileSystem hand(machine.disk);
  EXPECT_OK(hand.rename("/data/store/packs/00000001.pack", "/data/other/packs/00000001.pack"));
  EXPECT_OK(hand.sync_directory("/data/other/packs"));
  EXPECT_OK(machine.disk.damage("/data/other/packs/00000001.pack", 50, Bytes(8, 0x55)));
  EXPECT_OK(machine.start());
  EXPECT_EQ(engine().has(lie.hash), false);
  EXPECT_EQ(engine().has(outer.hash), false);
}

// --- the user's own files ---

struct UserFile {
  std::string path = "/data/film";
  Bytes content = Bytes(3000);
  std::vector<FileRange> ranges;

  explicit UserFile(std::uint64_t seed = 9) {
    Prng(seed).fill(content);
    for (std::uint64_t at = 0; at < content.size(); at += 1000)
      ranges.push_back({hash_of(ByteView(content).subspan(at, 1000)), at, 1000});
  }
};

class EngineFilesTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    EXPECT_OK(machine.write_file(film.path, film.content));
  }
  Result<PutOutcome> add() {
    KITH_TRY(FileReference reference, engine().reference_file(film.path));
    return engine().put_file_ranges(reference, film.ranges);
  }
  UserFile film;
};

TEST_F(EngineFilesTest, TrustsAFileAgainThatWasAway) {
  EXPECT_TRUE(add().has_value());
  sim::SimFileSystem hand(machine.disk);
  const Multihash hash = film.ranges[1].hash;
  EXPECT_OK(hand.rename(film.path, "/data/aside"));
  EXPECT_TRUE(engine().has(hash).value()) << "nobody has looked";
  EXPECT_FALSE(engine().get(hash).has_value());
  EXPECT_FALSE(engine().has(hash).value());
  EXPECT_TRUE(engine().files_may_return());
  engine().trust_again();
  EXPECT_FALSE(engine().has(hash).value()) << "it is still away";
  EXPECT_OK(hand.rename("/data/aside", film.path));
  engine().trust_again();
  EXPECT_TRUE(engine().has(hash).value());
  EXPECT_TRUE(engine().get(hash).has_value());
  EXPECT_FALSE(engine().files_may_return());
  // That a file looks as it did says nothing if it did so while it was wrong.
  EXPECT_OK(machine.disk.damage(film.path, 1100, Bytes(1, 0x55)));
  EXPECT_FALSE(engine().get(hash).has_value());
  EXPECT_FALSE(engine().files_may_return());
  engine().trust_again();
  EXPECT_FALSE(engine().has(hash).value());
}

TEST_F(EngineFilesTest, ServesBlocksFromTheUsersFileWithoutCopyingIt) {
  EXPECT_EQ(add()->stored, 3U);
  for (bool synced : {false, true}) {
    if (synced) {
      EXPECT_OK(engine().sync());
      EXPECT_OK(machine.restart());
    }
    auto data = engine().get(film.ranges[1].hash);
    ASSERT_TRUE(data);
    EXPECT_TRUE(equal(*data, ByteView(film.content).subspan(1000, 1000)));
    EXPECT_TRUE(equal(*engine().get_range(film.ranges[2].hash, 10, 5),
                      ByteView(film.content).subspan(2010, 5)));
    EXPECT_EQ(engine().stat()->file_blocks, 3U);
    EXPECT_EQ(engine().stat()->file_bytes, 3000U);
    EXPECT_EQ(engine().stat()->blocks, 3U);
    EXPECT_EQ(engine().stat()->bytes, 3000U);
    EXPECT_EQ(engine().stat()->pack_bytes, 0U);
  }
  EXPECT_EQ(add()->known, 3U);
}

TEST_F(EngineFilesTest, NoticesAChangeBehindItsBackAndNamesTheFile) {
  EXPECT_OK(add());
  EXPECT_OK(engine().sync());
  EXPECT_OK(machine.disk.damage(film.path, 1500, Bytes(1, 0xee)));
  EXPECT_OK(engine().get(film.ranges[0].hash));
  for (auto outcome :
       {engine().get(film.ranges[1].hash), engine().get_range(film.ranges[1].hash, 0, 10)}) {
    ASSERT_FALSE(outcome);
    EXPECT_TRUE(outcome.error().is(Errc::corrupt));
    EXPECT_NE(outcome.error().message().find(film.path), std::string::npos);
  }
}

TEST_F(EngineFilesTest, NoticesAFileThatIsGoneShorterOrNoFile) {
  EXPECT_OK(add());
  EXPECT_OK(engine().sync());
  EXPECT_OK(machine.write_file(film.path, ByteView(film.content).first(1500)));
  EXPECT_TRUE(engine().get(film.ranges[2].hash).error().is(Errc::corrupt));
  EXPECT_OK(engine().get(film.ranges[0].hash));
  EXPECT_OK(machine.files->remove(film.path));
  auto gone = engine().get(film.ranges[0].hash);
  EXPECT_TRUE(gone.error().is(Errc::corrupt));
  EXPECT_NE(gone.error().message().find("is gone"), std::string::npos);
  EXPECT_OK(machine.files->make_directories(film.path));
  EXPECT_TRUE(engine().get(film.ranges[0].hash).error().is(Errc::corrupt));
}

TEST_F(EngineFilesTest, SaysOfAFileOnceThatItChangedAndHasItsBlocksNoMore) {
  EXPECT_OK(add());
  EXPECT_OK(engine().sync());
  std::vector<Multihash> hashes;
  for (const FileRange& range : film.ranges)
    hashes.push_back(range.hash);
  EXPECT_OK(machine.write_file(film.path, Bytes(3000, 1)));
  for (const Multihash& hash : hashes) {
    EXPECT_TRUE(engine().get(hash).error().is(Errc::corrupt));
    EXPECT_EQ(engine().has(hash), false);
  }
  auto complaints = engine().take_complaints();
  ASSERT_EQ(complaints.size(), 1U);
  EXPECT_NE(complaints[0].find(film.path + " has changed"), std::string::npos) << complaints[0];
  // The user puts it back.
  EXPECT_OK(machine.write_file(film.path, film.content));
  EXPECT_EQ(engine().has(hashes[0]), false);
  EXPECT_OK(engine().get(hashes[0]));
  EXPECT_EQ(*engine().has_many(hashes), (std::vector<bool>{true, false, false}));
  EXPECT_TRUE(engine().take_complaints().empty());
}

TEST_F(EngineFilesTest, TakesABlockAnewWhenItsFileHasChanged) {
  EXPECT_OK(add());
  EXPECT_OK(engine().sync());
  NewBlock copy{film.ranges[1].hash, Buffer::copy_of(ByteView(film.content).subspan(1000, 1000))};
  EXPECT_EQ(engine().put(std::span(&copy, 1))->known, 1U);
  EXPECT_OK(machine.write_file(film.path, Bytes(3000, 1)));
  EXPECT_EQ(engine().put(std::span(&copy, 1))->stored, 1U);
  EXPECT_OK(engine().sync());
  EXPECT_TRUE(machine.holds(copy));
  EXPECT_EQ(engine().stat()->file_blocks, 2U);
  EXPECT_EQ(engine().stat()->blocks, 3U);
}

/// The user has written it a moment ago, in a folder made a moment ago.
TEST_F(EngineFilesTest, RestsOnNothingThatACrashCanTake) {
  const std::string path = "/data/films/new/film";
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Machine one(seed);
    EXPECT_OK(one.start());
    EXPECT_OK(one.files->make_directories("/data/films/new"));
    auto file = one.files->open(path, port::OpenMode::create);
    ASSERT_TRUE(file);
    EXPECT_OK((*file)->write_at(0, film.content));
    auto reference = one.engine->reference_file(path);
    ASSERT_TRUE(reference);
    EXPECT_OK(one.engine->put_file_ranges(*reference, film.ranges));
    EXPECT_OK(one.engine->sync());
    one.crash();
    EXPECT_OK(one.start());
    for (const FileRange& range : film.ranges)
      EXPECT_OK(one.engine->get(range.hash));
  }
}

TEST_F(EngineFilesTest, SyncsAFolderOnceForManyFilesAndAgainWhenItHasChanged) {
  auto operations_of = [this](const std::string& path, WallTime folder_changed) {
    EXPECT_OK(machine.write_file(path, film.content));
    EXPECT_OK(machine.files->set_modified("/data", folder_changed));
    const std::uint64_t before = machine.disk.faults().operations();
    EXPECT_OK(engine().reference_file(path));
    return machine.disk.faults().operations() - before;
  };
  // The file, and the names in /data and /.
  EXPECT_EQ(operations_of("/data/one", WallTime(1s)), 3U);
  EXPECT_EQ(operations_of("/data/two", WallTime(1s)), 1U);
  EXPECT_EQ(operations_of("/data/three", WallTime(2s)), 2U);
}

TEST_F(EngineFilesTest, TakesNoBlockOfAFileThatCanNotBeMadeDurable) {
  EXPECT_OK(machine.write_file(film.path, film.content));
  machine.disk.faults().fail_at(machine.disk.faults().operations(), EIO);
  EXPECT_TRUE(engine().reference_file(film.path).error().is_errno(EIO));
  // Where nothing can be synced nothing waits for it.
  machine.disk.faults().fail_at(machine.disk.faults().operations(), EROFS);
  EXPECT_OK(engine().reference_file(film.path));
}

TEST_F(EngineFilesTest, TakesAnEditedFileUnderItsNewStamp) {
  EXPECT_OK(add());
  EXPECT_OK(engine().sync());
  film.content[2999] ^= 1;
  film.ranges[2].hash = hash_of(ByteView(film.content).subspan(2000));
  EXPECT_OK(machine.write_file(film.path, film.content));
  EXPECT_EQ(add()->stored, 3U);
  EXPECT_OK(engine().sync());
  for (const FileRange& range : film.ranges)
    EXPECT_OK(engine().get(range.hash));
  EXPECT_EQ(add()->known, 3U);
}

TEST_F(EngineFilesTest, RefusesAFileThatChangesWhileItIsAdded) {
  auto reference = engine().reference_file(film.path);
  EXPECT_OK(machine.write_file(film.path, Bytes(2999, 1)));
  EXPECT_TRUE(engine().put_file_ranges(*reference, film.ranges).error().is(Errc::corrupt));
  EXPECT_EQ(engine().stat()->blocks, 0U);
}

TEST_F(EngineFilesTest, RefusesPathsAndHashesThatItCannotAnswerFor) {
  EXPECT_TRUE(engine().reference_file("film").error().is(Errc::invalid_argument));
  EXPECT_TRUE(engine().reference_file("/data").error().is(Errc::invalid_argument));
  auto reference = engine().reference_file(film.path);
  FileRange strange{*Multihash::wrap(multiformats::Codec::murmur3_x64_64, Bytes(8)), 0, 10};
  EXPECT_TRUE(
      engine().put_file_ranges(*reference, std::span(&strange, 1)).error().is(Errc::unsupported));
}

TEST_F(EngineFilesTest, ForgetsAFileWhenItsLastBlockIsRemoved) {
  EXPECT_OK(add());
  EXPECT_OK(engine().sync());
  std::vector<Multihash> hashes;
  for (const FileRange& range : film.ranges)
    hashes.push_back(range.hash);
  EXPECT_EQ(*engine().remove(hashes), 3U);
  EXPECT_EQ(engine().stat()->file_blocks, 0U);
  machine.stop();
  sim::SimKeyValueFactory hand(machine.disk);
  port::KeyValueOptions options;
  options.namespaces = detail::namespace_names();
  auto index = hand.open("/data/store/index", options);
  auto snapshot = (*index)->snapshot();
  EXPECT_EQ(*(*snapshot)->count(detail::files_space), 0U);
  EXPECT_EQ(*(*snapshot)->count(detail::file_ids_space), 0U);
}

TEST_F(EngineFilesTest, KeepsAFileThatAnUnsyncedBlockNeeds) {
  EXPECT_OK(add());
  EXPECT_OK(engine().sync());
  std::vector<Multihash> hashes;
  for (const FileRange& range : film.ranges)
    hashes.push_back(range.hash);
  FileRange more{hash_of(ByteView(film.content).first(500)), 0, 500};
  auto reference = engine().reference_file(film.path);
  EXPECT_OK(engine().put_file_ranges(*reference, std::span(&more, 1)));
  EXPECT_EQ(*engine().remove(hashes), 3U);
  EXPECT_OK(engine().get(more.hash));
  EXPECT_OK(engine().sync());
  EXPECT_OK(machine.restart());
  EXPECT_OK(engine().get(more.hash));
}

// --- compaction ---

TEST_F(EngineTest, CompactsAPackAndKeepsWhatLives) {
  auto blocks = blocks_of(1, 60, 900);
  for (const NewBlock& block : blocks)
    EXPECT_OK(machine.put(block));
  EXPECT_OK(engine().sync());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (i % 4 != 0) {
      EXPECT_EQ(*machine.remove(blocks[i].hash), 1U);
    }
  }
  auto before = engine().stat();
  std::vector<PackId> packs = engine().packs_to_compact(0.5);
  EXPECT_GE(packs.size(), 3U);
  std::uint64_t moved = 0;
  for (PackId pack : packs) {
    auto outcome = engine().compact(pack);
    ASSERT_TRUE(outcome) << outcome.error().message();
    moved += outcome->moved_blocks;
  }
  EXPECT_EQ(moved, 15U);
  auto after = engine().stat();
  EXPECT_EQ(after->blocks, before->blocks);
  EXPECT_EQ(after->bytes, before->bytes);
  EXPECT_EQ(after->dead_bytes, 0U);
  EXPECT_OK(machine.restart());
  EXPECT_EQ(engine().open_report().adopted_blocks, 0U);
  for (std::size_t i = 0; i < blocks.size(); ++i)
    EXPECT_EQ(machine.holds(blocks[i]), i % 4 == 0) << i;
}

TEST_F(EngineTest, ACompactionThatIsBrokenOffLosesNothing) {
  auto blocks = blocks_of(1, 12, 900);
  EXPECT_OK(engine().put(blocks));
  EXPECT_OK(engine().sync());
  for (int records = 0;; ++records) {
    int asked = 0;
    auto outcome = engine().compact(1, [&] { return asked++ < records; });
    for (const NewBlock& block : blocks)
      EXPECT_TRUE(machine.holds(block)) << records;
    if (outcome) {
      EXPECT_EQ(outcome->packs, 1U);
      EXPECT_EQ(records, 12);
      break;
    }
    EXPECT_TRUE(outcome.error().is(Errc::cancelled));
  }
  EXPECT_OK(machine.restart());
  for (const NewBlock& block : blocks)
    EXPECT_TRUE(machine.holds(block));
}

TEST_F(EngineTest, KeepsAPackInWhichALivingBlockIsDamaged) {
  EXPECT_OK(engine().put(blocks_of(1, 5, 900)));
  EXPECT_OK(engine().sync());
  EXPECT_OK(machine.disk.damage("/data/store/packs/00000001.pack", 500, Bytes(1, 0x55)));
  EXPECT_TRUE(engine().compact(1).error().is(Errc::corrupt));
  EXPECT_TRUE(engine().get(block_of(1, 900).hash).error().is(Errc::corrupt));
  for (std::uint64_t i = 2; i <= 5; ++i)
    EXPECT_TRUE(machine.holds(block_of(i, 900)));
  EXPECT_EQ(*machine.remove(block_of(1, 900).hash), 1U);
  EXPECT_OK(engine().compact(1));
  for (std::uint64_t i = 2; i <= 5; ++i)
    EXPECT_TRUE(machine.holds(block_of(i, 900)));
}

// --- a full disk ---

TEST_F(EngineTest, StaysReadableOnAFullDiskAndGoesOnWhenThereIsSpace) {
  auto kept = blocks_of(1, 10, 900);
  EXPECT_OK(engine().put(kept));
  EXPECT_OK(engine().sync());
  machine.disk.set_capacity(machine.disk.used_bytes() + 1500);
  auto waiting = blocks_of(100, 5, 900);
  EXPECT_OK(engine().put(waiting));
  for (int i = 0; i < 3; ++i) {
    auto refused = engine().sync();
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is_errno(ENOSPC)) << refused.error().message();
  }
  for (const NewBlock& block : kept)
    EXPECT_TRUE(machine.holds(block));
  for (const NewBlock& block : waiting)
    EXPECT_TRUE(machine.holds(block));
  std::uint64_t accepted = 0;
  for (std::uint64_t i = 0; i < 100; ++i)
    accepted += machine.put(block_of(200 + i, 900)).has_value() ? 1 : 0;
  EXPECT_LE(engine().unsynced_bytes(), 2 * machine.options.unsynced_bytes_max + 900);
  EXPECT_LT(accepted, 30U);

  machine.disk.set_capacity(std::uint64_t{1} << 30);
  EXPECT_OK(engine().sync());
  EXPECT_EQ(engine().unsynced_bytes(), 0U);
  machine.crash();
  EXPECT_OK(machine.start());
  for (const NewBlock& block : kept)
    EXPECT_TRUE(machine.holds(block));
  for (const NewBlock& block : waiting)
    EXPECT_TRUE(machine.holds(block));
  EXPECT_EQ(engine().stat()->blocks, 15 + accepted);
}

/// A block is put, its sync fails in operation number `at`, it is removed, and the machine stops.
/// False if the sync had fewer operations.
bool remove_after_a_failed_sync(std::uint64_t seed, std::uint64_t at, bool first_pack,
                                bool power_fails) {
  SCOPED_TRACE(::testing::Message() << "seed " << seed << ", operation " << at << ", first pack "
                                    << first_pack << ", power fails " << power_fails);
  Machine machine(seed);
  EXPECT_OK(machine.start());
  NewBlock kept = block_of(1, 300);
  NewBlock gone = block_of(2, 300);
  if (!first_pack) {
    EXPECT_OK(machine.put(kept));
    EXPECT_OK(machine.engine->sync());
  }
  EXPECT_OK(machine.put(gone));
  machine.disk.faults().fail_at(machine.disk.faults().operations() + at, EIO);
  if (machine.engine->sync()) return false;
  EXPECT_EQ(*machine.remove(gone.hash), 1U);
  if (power_fails) {
    machine.crash();
  } else {
    machine.stop();
  }
  EXPECT_OK(machine.start());
  EXPECT_EQ(machine.engine->has(gone.hash), false);
  EXPECT_TRUE(machine.engine->open_report().damaged_packs.empty());
  EXPECT_TRUE(first_pack || machine.holds(kept));
  return true;
}

TEST(Engine, ARemovedBlockStaysAwayThoughItsSyncHadFailed) {
  std::size_t trials = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    for (bool first_pack : {true, false}) {
      for (bool power_fails : {true, false}) {
        for (std::uint64_t at = 0; remove_after_a_failed_sync(seed, at, first_pack, power_fails);
             ++at)
          ++trials;
      }
    }
  }
  EXPECT_GE(trials, 5U * 2 * (6 + 3));
}

TEST_F(EngineTest, RemovesBlocksOnAFullDisk) {
  EXPECT_OK(engine().put(blocks_of(1, 10, 900)));
  EXPECT_OK(engine().sync());
  machine.disk.set_capacity(machine.disk.used_bytes());
  EXPECT_OK(machine.put(block_of(100, 900)));
  EXPECT_FALSE(engine().sync());
  EXPECT_EQ(*machine.remove(block_of(100, 900).hash), 1U);
  EXPECT_OK(engine().sync());
}

}  // namespace
}  // namespace kith::store
