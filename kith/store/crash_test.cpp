// The store under crashes and failing disks: one workload of puts, syncs, removals, compactions and
// files in place is stopped at each of its writes, syncs, commits and changes of names, with any
// part of what wasn't synced lost, and checked against what had been acknowledged.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include <kith/store/store_test.hpp>

namespace kith::store {
namespace {

using testing::block_of;
using testing::small_options;

constexpr std::size_t numbers = 48;  // blocks that the workload knows
constexpr std::size_t steps = 40;
constexpr std::uint64_t first_in_file = 36;  // from here on blocks also exist in the user's file
constexpr std::size_t file_block_bytes = 700;

/// What a block must be for whoever was told about it.
enum class Owed : std::uint8_t {
  nothing,   ///< may be there or not
  presence,  ///< acknowledged as durable
  absence,   ///< acknowledged as removed, or never put
};

struct Faults {
  std::optional<std::uint64_t> crash_at;
  std::optional<std::uint64_t> fail_at;
  int error = EIO;
  std::optional<std::uint64_t> kill_at;
  std::string forget;  ///< what the program leaves out: for the test of the test
};

/// One disk, the workload on it, and the account of what is owed.
class Trial {
 public:
  Trial(std::uint64_t seed, const Faults& faults)
      : faults_(faults), prng_(seed), disk_(Prng(seed + 1000)) {
    disk_.faults().on_kill([this] {
      files_->die();
      key_values_->die();
      dead_ = true;
    });
    owed_.fill(Owed::absence);
    options_ = small_options();
    options_.unsynced_bytes_max = 4 * 1024;
    options_.pack_bytes_max = 6 * 1024;
    options_.cache_bytes_max = prng_.chance(0.5) ? 0 : 4096;
    for (std::uint64_t i = 0; i < numbers; ++i)
      blocks_.push_back(block_of(i, i < first_in_file ? 50 + 37 * i : file_block_bytes));
    write_user_file();
  }

  /// Empty, or what went wrong.
  std::string run() {
    sim::FaultPlan& plan = disk_.faults();
    std::uint64_t begin = plan.operations();
    if (faults_.crash_at) plan.crash_at(begin + *faults_.crash_at);
    if (faults_.kill_at) plan.kill_at(begin + *faults_.kill_at);
    if (faults_.fail_at) plan.fail_at(begin + *faults_.fail_at, faults_.error);
    if (!faults_.forget.empty()) plan.forget(faults_.forget);
    if (start()) {
      for (std::size_t i = 0; i < steps && !over() && fault_.empty(); ++i) {
        step();
        if (!over()) check_readable();
      }
    } else if (!over() && !start_again() && !disk_.faults().crashed()) {
      return "can't be opened after one failure";
    }
    stopped_ = over();
    if (dead_) check_after_kill();
    if (!stopped_ && fault_.empty() && faults_.fail_at) sync_at_last();
    // Some recoveries crash, too.
    for (int again = 0; again < 2 && fault_.empty(); ++again) {
      crash();
      disk_.faults().crash_at(disk_.faults().operations() + prng_.below(12));
      (void)start();
    }
    crash();
    if (!fault_.empty()) return fault_;
    if (!start_again()) return "can't be opened after a crash: " + why_;
    check_all();
    if (fault_.empty()) check_it_goes_on();
    return fault_;
  }

  bool stopped() const { return stopped_; }

 private:
  void write_user_file() {
    Bytes content;
    for (std::uint64_t i = first_in_file; i < numbers; ++i)
      append(content, blocks_[i].data);
    sim::SimFileSystem files(disk_);
    EXPECT_OK(port::replace_file(files, "/data/film", content));
  }

  bool start() {
    engine_.reset();
    key_values_ = std::make_unique<sim::SimKeyValueFactory>(disk_);
    files_ = std::make_unique<sim::SimFileSystem>(disk_);
    auto opened = Engine::open(*files_, *key_values_, options_);
    if (!opened) {
      why_ = opened.error().message();
      return false;
    }
    engine_ = std::move(*opened);
    return true;
  }

  /// Opens the store; the failure, if it comes only now, may cost one attempt.
  bool start_again() { return start() || (faults_.fail_at && start()); }

  void crash() {
    engine_.reset();
    disk_.crash();
    for (std::uint64_t number : accepted_)
      owed_[number] = Owed::nothing;
    accepted_.clear();
  }

  bool over() { return dead_ || disk_.faults().crashed(); }

  /// The program comes back on a machine that went on: what it wrote is still to be seen, but not
  /// on the medium; what is then served must not go with the power.
  void check_after_kill() {
    for (std::uint64_t number : accepted_)
      owed_[number] = Owed::nothing;
    accepted_.clear();
    if (!start()) return fault("can't be opened after being killed: " + why_);
    check_all();
    for (std::uint64_t number = 0; number < numbers; ++number) {
      auto there = engine_->has(blocks_[number].hash);
      if (there && *there) owed_[number] = Owed::presence;
    }
  }

  void fault(std::string what) {
    if (fault_.empty()) fault_ = std::move(what);
  }

  void step() {
    switch (prng_.below(10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return put();
      case 4:
      case 5:
        return sync();
      case 6:
      case 7:
        return remove();
      case 8:
        return put_in_file();
      default:
        return compact();
    }
  }

  void accept(const std::vector<std::uint64_t>& taken, bool fine) {
    for (std::uint64_t number : taken) {
      if (owed_[number] == Owed::presence) continue;
      if (fine) {
        accepted_.insert(number);
      } else if (!accepted_.contains(number)) {
        owed_[number] = Owed::nothing;
      }
    }
  }

  void put() {
    std::vector<std::uint64_t> taken;
    std::vector<NewBlock> batch;
    for (std::uint64_t i = 0, count = prng_.between(1, 5); i < count; ++i) {
      taken.push_back(prng_.below(numbers));
      batch.push_back(blocks_[taken.back()]);
    }
    accept(taken, engine_->put(batch).has_value());
  }

  void put_in_file() {
    std::vector<std::uint64_t> taken;
    std::vector<FileRange> ranges;
    for (std::uint64_t i = 0; i < 3; ++i) {
      std::uint64_t number = prng_.between(first_in_file, numbers - 1);
      taken.push_back(number);
      ranges.push_back(
          {blocks_[number].hash, (number - first_in_file) * file_block_bytes, file_block_bytes});
    }
    auto reference = engine_->reference_file("/data/film");
    if (!reference) return;
    accept(taken, engine_->put_file_ranges(*reference, ranges).has_value());
  }

  void sync() {
    if (!engine_->sync()) return;
    for (std::uint64_t number : accepted_)
      owed_[number] = Owed::presence;
    accepted_.clear();
  }

  void remove() {
    std::vector<std::uint64_t> taken;
    std::vector<Multihash> hashes;
    for (std::uint64_t i = 0, count = prng_.between(1, 4); i < count; ++i) {
      taken.push_back(prng_.below(numbers));
      hashes.push_back(blocks_[taken.back()].hash);
    }
    bool fine = engine_->remove(hashes).has_value();
    for (std::uint64_t number : taken) {
      bool was_owed = accepted_.contains(number) || owed_[number] != Owed::absence;
      if (was_owed) owed_[number] = fine ? Owed::absence : Owed::nothing;
      if (fine) accepted_.erase(number);
    }
    if (!fine) {
      // It may or may not be there after a crash, but until then the store must go on.
      for (std::uint64_t number : taken)
        accepted_.erase(number);
    }
  }

  void compact() {
    std::vector<PackId> packs = engine_->packs_to_compact(0.2);
    if (!packs.empty()) (void)engine_->compact(packs[prng_.below(packs.size())]);
  }

  void check_one(std::uint64_t number) {
    const NewBlock& block = blocks_[number];
    auto data = engine_->get(block.hash);
    if (data && !equal(*data, block.data)) fault("served wrong bytes");
    if (!data && !data.error().is(Errc::not_found)) {
      fault("block " + std::to_string(number) + ": " + data.error().message());
    }
    bool owed = owed_[number] == Owed::presence || accepted_.contains(number);
    if (!data && owed) fault("lost block " + std::to_string(number));
    if (data && owed_[number] == Owed::absence && !accepted_.contains(number)) {
      fault("block " + std::to_string(number) + " came back");
    }
  }

  void check_readable() {
    for (int i = 0; i < 4; ++i)
      check_one(prng_.below(numbers));
  }

  void sync_at_last() {
    // The failure was a single one: now everything that was accepted must become durable.
    auto last = engine_->sync();
    if (!last) last = engine_->sync();
    if (!last && disk_.faults().crashed()) return;
    if (!last) return fault("a sync failed without a cause: " + last.error().message());
    for (std::uint64_t number : accepted_)
      owed_[number] = Owed::presence;
    accepted_.clear();
  }

  void check_all() {
    for (std::uint64_t number = 0; number < numbers; ++number)
      check_one(number);
    auto stat = engine_->stat();
    auto page = engine_->list({}, list_page_blocks_max);
    auto report = engine_->verify();
    if (!stat || !page || !report) return fault("stat, list or verify failed");
    std::uint64_t bytes = 0;
    for (const Listed& block : page->blocks)
      bytes += block.bytes;
    if (stat->blocks != page->blocks.size() || stat->bytes != bytes) {
      fault("counts " + std::to_string(stat->blocks) + " blocks where there are " +
            std::to_string(page->blocks.size()));
    }
    if (!engine_->open_report().damaged_packs.empty()) fault("misses a pack");
    for (const BadBlock& bad : report->damaged)
      fault("damaged: " + bad.why.message());
    for (const BadBlock& bad : report->unreadable)
      fault("unreadable: " + bad.why.message());
  }

  /// The recovered store takes everything, syncs, and has it after another crash.
  void check_it_goes_on() {
    bool fine = engine_->put(blocks_) && engine_->sync();
    if (!fine && faults_.fail_at) fine = engine_->put(blocks_) && engine_->sync();
    if (!fine) return fault("doesn't go on");
    owed_.fill(Owed::presence);
    crash();
    if (!start_again()) return fault("can't be opened again: " + why_);
    if (engine_->open_report().adopted_blocks > 0) fault("adopts what was committed");
    check_all();
  }

  Faults faults_;
  Prng prng_;
  sim::Disk disk_;
  EngineOptions options_;
  std::vector<NewBlock> blocks_;
  std::array<Owed, numbers> owed_;
  std::set<std::uint64_t> accepted_;  // put, and not yet synced
  std::unique_ptr<sim::SimFileSystem> files_;
  std::unique_ptr<sim::SimKeyValueFactory> key_values_;
  std::unique_ptr<Engine> engine_;
  std::string fault_;
  std::string why_;
  bool stopped_ = false;
  bool dead_ = false;
};

/// More seeds by hand: KITH_STORE_SEEDS=1000 store_test --gtest_filter='StoreCrash*'
std::uint64_t seeds_or(std::uint64_t usual) {
  const char* wanted = std::getenv("KITH_STORE_SEEDS");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : usual;
}
constexpr std::uint64_t operations_max = 2000;

TEST(StoreCrash, KeepsWhatItAcknowledgedWhereverThePowerFails) {
  std::uint64_t seeds = seeds_or(40);
  std::uint64_t trials = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (std::uint64_t at = 0; at < operations_max; ++at) {
      Faults faults;
      faults.crash_at = at;
      Trial trial(seed, faults);
      ASSERT_EQ(trial.run(), "") << "seed " << seed << ", crash at operation " << at;
      ++trials;
      if (!trial.stopped()) break;
    }
  }
  EXPECT_GT(trials, seeds * 50);
}

TEST(StoreCrash, KeepsWhatItAcknowledgedWhicheverOperationFails) {
  std::uint64_t seeds = seeds_or(12);
  for (int error : {EIO, ENOSPC}) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      for (std::uint64_t at = 0; at < 150; ++at) {
        Faults faults;
        faults.fail_at = at;
        faults.error = error;
        Trial trial(seed, faults);
        ASSERT_EQ(trial.run(), "") << "seed " << seed << ", " << error << " at operation " << at;
      }
    }
  }
}

TEST(StoreCrash, KeepsWhatItAcknowledgedWhenAFailureIsFollowedByACrash) {
  std::uint64_t seeds = seeds_or(40);
  for (std::uint64_t seed = 1; seed <= 10 * seeds; ++seed) {
    Prng prng(seed);
    Faults faults;
    faults.fail_at = prng.below(100);
    faults.crash_at = *faults.fail_at + 1 + prng.below(20);
    faults.error = prng.chance(0.5) ? EIO : ENOSPC;
    Trial trial(seed, faults);
    ASSERT_EQ(trial.run(), "") << "seed " << seed;
  }
}

TEST(StoreCrash, KeepsWhatItAcknowledgedWhereverItIsKilled) {
  std::uint64_t seeds = seeds_or(40);
  std::uint64_t trials = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (std::uint64_t at = 0; at < operations_max; ++at) {
      Faults faults;
      faults.kill_at = at;
      Trial trial(seed, faults);
      ASSERT_EQ(trial.run(), "") << "seed " << seed << ", killed in operation " << at;
      ++trials;
      if (!trial.stopped()) break;
    }
  }
  EXPECT_GT(trials, seeds * 50);
}

TEST(StoreCrash, TheTestFindsAForgottenSync) {
  for (const char* what : {"sync", "sync directory", "commit synced"}) {
    bool found = false;
    for (std::uint64_t seed = 1; seed <= 12 && !found; ++seed) {
      for (std::uint64_t at = 0; at < 100 && !found; ++at) {
        Faults faults;
        faults.crash_at = at;
        faults.forget = what;
        found = !Trial(seed, faults).run().empty();
      }
    }
    EXPECT_TRUE(found) << what;
  }
}

}  // namespace
}  // namespace kith::store
