#include <set>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/txpool/test_pool.hpp>
#include <kith/ledger/txpool/tx_journal.hpp>
#include <kith/sim/disk.hpp>

namespace kith::ledger {
namespace {

constexpr const char* path = "/data/node/transactions.rlp";

Transaction transaction(std::uint64_t number) {
  // Some longer than a disk's sector.
  return TestTransaction{.nonce = number, .data = number % 5 * 300, .mark = number}.plain();
}

std::vector<PoolTransactionPointer> pointers(std::uint64_t first, std::uint64_t end) {
  std::vector<PoolTransactionPointer> all;
  for (; first < end; ++first)
    all.push_back(PoolTransaction::make(transaction(first), test_address(0)));
  return all;
}

/// A disk, and the program on it.
struct Machine {
  explicit Machine(std::uint64_t seed) : disk(Prng(seed)) { start(); }

  void start(std::size_t bytes_max = journal_bytes_max) {
    journal.reset();
    files = std::make_unique<sim::SimFileSystem>(disk);
    auto opened = TxJournal::open(*files, path, bytes_max);
    if (!opened) return;
    journal = *std::move(opened);
    loaded = journal->take_loaded();
  }
  bool append(std::uint64_t number) { return journal->append(transaction(number)).has_value(); }
  bool sync() { return journal->sync().has_value(); }
  std::vector<std::uint64_t> numbers() const {
    std::vector<std::uint64_t> all;
    for (const Transaction& one : loaded.transactions) {
      EXPECT_EQ(one, transaction(one.nonce));
      all.push_back(one.nonce);
    }
    return all;
  }

  sim::Disk disk;
  std::unique_ptr<sim::SimFileSystem> files;
  std::unique_ptr<TxJournal> journal;
  JournalContent loaded;
};

using Numbers = std::vector<std::uint64_t>;

TEST(TxJournal, GivesBackWhatWasAppendedInItsOrder) {
  Machine machine(1);
  EXPECT_TRUE(machine.loaded.transactions.empty());
  for (std::uint64_t number = 0; number < 9; ++number)
    ASSERT_TRUE(machine.append(number));
  ASSERT_TRUE(machine.sync());
  machine.start();
  EXPECT_EQ(machine.numbers(), (Numbers{0, 1, 2, 3, 4, 5, 6, 7, 8}));
  ASSERT_TRUE(machine.append(9));
  machine.start();
  EXPECT_EQ(machine.numbers().size(), 10U);
}

TEST(TxJournal, HasAfterARotationWhatIsStillThereAndGoesOn) {
  Machine machine(2);
  for (std::uint64_t number = 0; number < 9; ++number)
    ASSERT_TRUE(machine.append(number));
  const auto left = pointers(6, 9);
  ASSERT_TRUE(machine.journal->rotate(left).has_value());
  ASSERT_TRUE(machine.append(20));
  machine.start();
  EXPECT_EQ(machine.numbers(), (Numbers{6, 7, 8, 20}));
}

TEST(TxJournal, WantsARotationWhenMostOfItIsOld) {
  Machine machine(3);
  const Transaction large = TestTransaction{.data = 100'000}.plain();
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(machine.journal->append(large).has_value());
  EXPECT_FALSE(machine.journal->wants_rotation());
  ASSERT_TRUE(machine.journal->append(large).has_value());
  EXPECT_TRUE(machine.journal->wants_rotation());
  ASSERT_TRUE(machine.journal->rotate({}).has_value());
  EXPECT_FALSE(machine.journal->wants_rotation());
  EXPECT_EQ(machine.journal->bytes(), 0U);
}

TEST(TxJournal, IsNoLargerThanItMayBe) {
  Machine machine(4);
  machine.start(2'000);
  std::uint64_t count = 0;
  while (machine.append(5 * count))
    ++count;
  EXPECT_GT(count, 5U);
  EXPECT_LE(machine.journal->bytes(), 2'000U);
  EXPECT_TRUE(machine.journal->append(transaction(0)).error().is(Errc::limit_exceeded));
  const auto many = pointers(0, 20);
  EXPECT_TRUE(machine.journal->rotate(many).error().is(Errc::limit_exceeded));
  machine.start(2'000);
  EXPECT_EQ(machine.numbers().size(), count);
  machine.start(500);
  EXPECT_EQ(machine.journal, nullptr);
}

TEST(TxJournal, PassesOverWhatIsDamagedAndCutsOffWhatIsTorn) {
  Bytes file;
  std::vector<std::size_t> ends;
  RlpWriter writer(file);
  for (std::uint64_t number = 0; number < 3; ++number) {
    const Bytes encoded = transaction(number).encode();
    const RlpWriter::List record = writer.begin_list();
    writer.string(encoded);
    writer.string(keccak256(encoded).view().first(4));
    writer.end_list(record);
    ends.push_back(file.size());
  }
  EXPECT_EQ(decode_journal(file).transactions.size(), 3U);
  for (std::size_t size = 0; size <= file.size(); ++size) {
    const JournalContent content = decode_journal(ByteView(file).first(size));
    const auto whole = static_cast<std::size_t>(
        std::ranges::count_if(ends, [&](std::size_t end) { return end <= size; }));
    EXPECT_EQ(content.transactions.size(), whole);
    EXPECT_EQ(content.good_bytes, whole == 0 ? 0 : ends[whole - 1]);
  }
  Bytes damaged = file;
  damaged[ends[0] + 40] ^= 1;
  const JournalContent content = decode_journal(damaged);
  EXPECT_EQ(content.transactions.size(), 2U);
  EXPECT_EQ(content.damaged, 1U);
  EXPECT_EQ(content.good_bytes, file.size());
  EXPECT_EQ(decode_journal(Bytes(600)).good_bytes, 0U);
}

TEST(TxJournal, CutsOffWhatIsTornWhenItIsOpened) {
  Machine machine(6);
  ASSERT_TRUE(machine.append(1));
  const std::uint64_t size = machine.journal->bytes();
  auto file = machine.files->open(path, port::OpenMode::write);
  ASSERT_TRUE(file.has_value());
  ASSERT_TRUE((*file)->write_at(size, Bytes(700, 0xf9)).has_value());
  machine.start();
  EXPECT_EQ(machine.numbers(), Numbers{1});
  EXPECT_EQ(machine.files->info(path)->size_bytes, size);
}

/// Appends, syncs and rotates until something fails; tells what must be there afterwards, and what
/// may.
struct Promise {
  std::set<std::uint64_t> must;
  std::set<std::uint64_t> may;
};

Promise work(Machine& machine) {
  Promise promise;
  std::set<std::uint64_t> all;
  for (std::uint64_t number = 0; number < 40; ++number) {
    all.insert(number);
    promise.may.insert(number);
    if (!machine.append(number)) return promise;
    if (number % 3 == 2) {
      if (!machine.sync()) return promise;
      promise.must = all;
    }
    if (number % 10 == 9) {
      // What has been included meanwhile needn't be kept, and what comes after it must be.
      while (all.size() > 4)
        all.erase(all.begin());
      std::set<std::uint64_t> both;
      std::ranges::set_intersection(promise.must, all, std::inserter(both, both.end()));
      promise.must = both;
      const auto left = pointers(*all.begin(), *all.rbegin() + 1);
      if (!machine.journal->rotate(left)) return promise;
      promise.must = promise.may = all;
    }
  }
  return promise;
}

void expect(const Machine& machine, const Promise& promise, std::uint64_t at) {
  ASSERT_NE(machine.journal, nullptr) << at;
  const Numbers there = machine.numbers();
  for (const std::uint64_t number : promise.must)
    EXPECT_TRUE(std::ranges::count(there, number) > 0) << number << " at " << at;
  for (const std::uint64_t number : there)
    EXPECT_TRUE(promise.may.contains(number)) << number << " at " << at;
  EXPECT_TRUE(std::ranges::is_sorted(there));
}

TEST(TxJournal, LosesNothingThatWasSyncedByACrashAtAnyWrite) {
  for (std::uint64_t at = 0;; ++at) {
    Machine machine(100 + at);
    machine.disk.faults().crash_at(machine.disk.faults().operations() + at);
    const Promise promise = work(machine);
    const bool crashed = machine.disk.faults().crashed();
    machine.disk.crash();
    machine.start();
    expect(machine, promise, at);
    // And it goes on.
    ASSERT_TRUE(machine.append(50));
    ASSERT_TRUE(machine.sync());
    machine.start();
    EXPECT_EQ(machine.numbers().back(), 50U);
    if (!crashed) {
      EXPECT_GT(at, 60U);
      return;
    }
  }
}

TEST(TxJournal, GoesOnAfterAFullDiskAtAnyWrite) {
  for (std::uint64_t at = 0; at < 90; ++at) {
    Machine machine(500 + at);
    machine.disk.faults().fail_at(machine.disk.faults().operations() + at, ENOSPC);
    Promise promise = work(machine);
    machine.disk.faults().clear();
    if (machine.journal->wants_rotation()) {
      const Numbers kept(promise.may.begin(), promise.may.end());
      ASSERT_TRUE(machine.journal->rotate(pointers(kept.front(), kept.back() + 1)).has_value());
      promise.must = promise.may;
    }
    ASSERT_TRUE(machine.append(50)) << at;
    ASSERT_TRUE(machine.sync()) << at;
    promise.must.insert(50);
    promise.may.insert(50);
    machine.disk.crash();
    machine.start();
    expect(machine, promise, at);
  }
}

}  // namespace
}  // namespace kith::ledger
