#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/chain/block_files.hpp>
#include <kith/sim/disk.hpp>

namespace kith::ledger {
namespace {

Bytes content_of(std::uint64_t number, std::uint64_t kind) {
  Prng random(number * 2 + kind);
  Bytes content(random.below(number % 7 == 0 ? 3 : 2'000));
  random.fill(content);
  return content;
}

/// A disk, and the program on it.
struct Machine {
  explicit Machine(std::uint64_t seed) : disk(Prng(seed)) { start(); }

  void start() {
    blocks.reset();
    files = std::make_unique<sim::SimFileSystem>(disk);
    auto opened = BlockFiles::open(*files, "/data/chain");
    if (opened) blocks = *std::move(opened);
  }
  Result<void> append(std::uint64_t number) {
    return blocks->append(content_of(number, 0), content_of(number, 1));
  }
  void expect_first(std::uint64_t count) {
    ASSERT_EQ(blocks->count(), count);
    for (std::uint64_t number = 0; number < count; ++number) {
      EXPECT_EQ(blocks->block(number), content_of(number, 0)) << number;
      EXPECT_EQ(blocks->receipts(number), content_of(number, 1)) << number;
    }
    EXPECT_TRUE(blocks->block(count).error().is(Errc::not_found));
  }

  sim::Disk disk;
  std::unique_ptr<sim::SimFileSystem> files;
  std::unique_ptr<BlockFiles> blocks;
};

TEST(BlockFiles, GiveBackWhatWasAppendedBeforeAndAfterASync) {
  Machine machine(1);
  for (std::uint64_t number = 0; number < 40; ++number) {
    ASSERT_TRUE(machine.append(number).has_value());
    if (number % 3 == 0) ASSERT_TRUE(machine.blocks->sync().has_value());
    machine.expect_first(number + 1);
  }
  ASSERT_TRUE(machine.blocks->sync().has_value());
  machine.start();
  machine.expect_first(40);
}

TEST(BlockFiles, GoBackAndOnAnotherWay) {
  Machine machine(2);
  for (std::uint64_t number = 0; number < 20; ++number)
    ASSERT_TRUE(machine.append(number).has_value());
  ASSERT_TRUE(machine.blocks->truncate(7).has_value());
  machine.expect_first(7);
  ASSERT_TRUE(machine.blocks->append(content_of(100, 0), content_of(100, 1)).has_value());
  ASSERT_TRUE(machine.blocks->sync().has_value());
  machine.start();
  EXPECT_EQ(machine.blocks->count(), 8U);
  EXPECT_EQ(machine.blocks->block(7), content_of(100, 0));
  EXPECT_EQ(machine.blocks->block(6), content_of(6, 0));
}

TEST(BlockFiles, LoseNothingThatWasSyncedByACrashAtAnyWrite) {
  for (std::uint64_t at = 0; at < 120; ++at) {
    Machine machine(50 + at);
    machine.disk.faults().crash_at(machine.disk.faults().operations() + at);
    std::uint64_t appended = 0;
    std::uint64_t synced = 0;
    while (appended < 30) {
      if (!machine.append(appended)) break;
      ++appended;
      if (appended % 2 == 0 && !machine.blocks->sync()) break;
      if (appended % 2 == 0) synced = appended;
    }
    machine.disk.crash();
    machine.start();
    ASSERT_NE(machine.blocks, nullptr) << at;
    const std::uint64_t there = machine.blocks->count();
    EXPECT_GE(there, synced) << at;
    EXPECT_LE(there, appended + 1) << at;
    machine.expect_first(there);
    for (std::uint64_t number = there; number < 33; ++number)
      ASSERT_TRUE(machine.append(number).has_value());
    ASSERT_TRUE(machine.blocks->sync().has_value());
    machine.start();
    machine.expect_first(33);
  }
}

TEST(BlockFiles, OfAFullDiskSayWhatTheyHaveAndGoOn) {
  for (std::uint64_t at = 0; at < 8; ++at) {
    Machine machine(3);
    for (std::uint64_t number = 0; number < 4; ++number)
      ASSERT_TRUE(machine.append(number).has_value());
    ASSERT_TRUE(machine.blocks->sync().has_value());
    machine.disk.faults().fail_at(machine.disk.faults().operations() + at, ENOSPC);
    const bool appended = machine.append(4).has_value();
    const bool synced = appended && machine.blocks->sync().has_value();
    if (!appended) ASSERT_TRUE(machine.append(4).has_value());
    if (!synced) ASSERT_TRUE(machine.blocks->sync().has_value());
    machine.start();
    // The failure may come as late as that.
    if (machine.blocks == nullptr) machine.start();
    ASSERT_NE(machine.blocks, nullptr);
    machine.expect_first(5);
  }
}

TEST(BlockFiles, SayThatABlockIsDamaged) {
  Machine machine(4);
  for (std::uint64_t number = 0; number < 5; ++number)
    ASSERT_TRUE(machine.append(number + 1).has_value());
  ASSERT_TRUE(machine.blocks->sync().has_value());
  ASSERT_TRUE(machine.disk.damage("/data/chain/blocks", 20, Bytes(8, 0xee)).has_value());
  EXPECT_TRUE(machine.blocks->block(0).error().is(Errc::corrupt));
  EXPECT_EQ(machine.blocks->block(4), content_of(5, 0));
}

TEST(BlockFiles, TakeNoRecordThatIsTooLarge) {
  Machine machine(5);
  const Bytes large(record_bytes_max + 1);
  EXPECT_TRUE(machine.blocks->append(large, {}).error().is(Errc::limit_exceeded));
  EXPECT_EQ(machine.blocks->count(), 0U);
}

}  // namespace
}  // namespace kith::ledger
