#include <map>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kith/io/detail/fixture.hpp>
#include <kith/io/limits.hpp>
#include <kith/io/lmdb.hpp>

namespace kith::io {
namespace {

using detail::TemporaryFolder;
using port::Batch;
using port::Durability;
using port::KeyValue;
using port::KeyValueOptions;
using port::Snapshot;

constexpr port::Namespace first_space = 0;
constexpr port::Namespace second_space = 1;

class LmdbTest : public testing::Test {
 protected:
  LmdbTest() { options_.namespaces = {"first", "second"}; }

  Result<std::unique_ptr<KeyValue>> try_open() {
    LmdbFactory factory;
    return factory.open(folder_ / "store/inner", options_);
  }

  std::unique_ptr<KeyValue> open() {
    auto store = try_open();
    if (!store) {
      ADD_FAILURE() << store.error().message();
      return nullptr;
    }
    return std::move(*store);
  }

  static void put(KeyValue& store, std::string_view key, std::string_view value,
                  Durability durability, port::Namespace space = first_space) {
    Batch batch;
    batch.put(space, as_bytes(key), as_bytes(value));
    auto done = store.commit(batch, durability);
    EXPECT_TRUE(done) << done.error().message();
  }

  static void erase(KeyValue& store, std::string_view key, Durability durability) {
    Batch batch;
    batch.erase(first_space, as_bytes(key));
    EXPECT_TRUE(store.commit(batch, durability));
  }

  static std::string get(Snapshot& snapshot, std::string_view key,
                         port::Namespace space = first_space) {
    auto value = snapshot.get(space, as_bytes(key));
    if (!value) return "error: " + value.error().message();
    return *value ? std::string(as_text(**value)) : "(none)";
  }

  static std::string get(KeyValue& store, std::string_view key,
                         port::Namespace space = first_space) {
    auto snapshot = store.snapshot();
    if (!snapshot) return "error: " + snapshot.error().message();
    return get(**snapshot, key, space);
  }

  static std::string scan(Snapshot& snapshot, std::string_view from, std::size_t count_max = 100) {
    std::string text;
    std::size_t count = 0;
    auto done = snapshot.scan(first_space, as_bytes(from), [&](ByteView key, ByteView value) {
      text += std::string(as_text(key)) + "=" + std::string(as_text(value)) + " ";
      return ++count < count_max;
    });
    EXPECT_TRUE(done);
    return text;
  }

  TemporaryFolder folder_;
  KeyValueOptions options_;
};

TEST_F(LmdbTest, KeepsWhatWasCommittedAcrossReopening) {
  auto store = open();
  put(*store, "synced", "1", Durability::synced);
  put(*store, "unsynced", "2", Durability::unsynced);
  put(*store, "synced", "other", Durability::synced, second_space);
  EXPECT_EQ(get(*store, "unsynced"), "2");
  store.reset();
  store = open();
  EXPECT_EQ(get(*store, "synced"), "1");
  EXPECT_EQ(get(*store, "unsynced"), "2");
  EXPECT_EQ(get(*store, "synced", second_space), "other");
  EXPECT_EQ(get(*store, "unsynced", second_space), "(none)");
}

TEST_F(LmdbTest, ReadsMergeHeldChangesWithStoredOnes) {
  auto store = open();
  for (std::string_view key : {"b", "d", "f", "h"})
    put(*store, key, "stored", Durability::synced);
  put(*store, "a", "held", Durability::unsynced);
  put(*store, "d", "held", Durability::unsynced);
  put(*store, "e", "", Durability::unsynced);
  put(*store, "z", "held", Durability::unsynced);
  erase(*store, "f", Durability::unsynced);
  erase(*store, "nothing", Durability::unsynced);
  auto check = [&] {
    auto snapshot = std::move(*store->snapshot());
    EXPECT_EQ(scan(*snapshot, ""), "a=held b=stored d=held e= h=stored z=held ");
    EXPECT_EQ(scan(*snapshot, "c"), "d=held e= h=stored z=held ");
    EXPECT_EQ(scan(*snapshot, "d", 2), "d=held e= ");
    EXPECT_EQ(scan(*snapshot, "zz"), "");
    EXPECT_EQ(get(*snapshot, "f"), "(none)");
    EXPECT_EQ(get(*snapshot, "d"), "held");
    EXPECT_EQ(get(*snapshot, "b"), "stored");
    EXPECT_EQ(*snapshot->count(first_space), 6u);
    EXPECT_EQ(*snapshot->count(second_space), 0u);
  };
  check();
  ASSERT_TRUE(store->sync());
  check();
}

TEST_F(LmdbTest, AgreesWithAMapOverRandomBatches) {
  auto store = open();
  std::map<std::string, std::string> model;
  Prng prng(7);
  for (int round = 0; round < 300; ++round) {
    Batch batch;
    for (std::uint64_t i = prng.below(30); i > 0; --i) {
      std::string key = std::to_string(prng.below(200));
      if (prng.chance(0.3)) {
        batch.erase(first_space, as_bytes(key));
        model.erase(key);
      } else {
        std::string value = std::to_string(prng.next());
        batch.put(first_space, as_bytes(key), as_bytes(value));
        model[key] = value;
      }
    }
    bool synced = prng.chance(0.05);
    ASSERT_TRUE(store->commit(batch, synced ? Durability::synced : Durability::unsynced));
    if (prng.chance(0.02)) {
      store.reset();
      store = open();
    }
    auto snapshot = std::move(*store->snapshot());
    std::map<std::string, std::string> seen;
    std::string last;
    auto done = snapshot->scan(first_space, {}, [&](ByteView key, ByteView value) {
      EXPECT_TRUE(seen.empty() || last < as_text(key));
      last = as_text(key);
      seen.emplace(as_text(key), as_text(value));
      return true;
    });
    ASSERT_TRUE(done);
    ASSERT_EQ(seen, model);
    ASSERT_EQ(*snapshot->count(first_space), model.size());
  }
}

TEST_F(LmdbTest, SnapshotsStayAsTheyWere) {
  auto store = open();
  put(*store, "a", "1", Durability::synced);
  put(*store, "b", "1", Durability::unsynced);
  auto before = std::move(*store->snapshot());
  auto view = *before->get(first_space, as_bytes("b"));
  put(*store, "a", "2", Durability::unsynced);
  put(*store, "b", "2", Durability::synced);
  put(*store, "c", "2", Durability::synced);
  erase(*store, "a", Durability::unsynced);
  EXPECT_EQ(scan(*before, ""), "a=1 b=1 ");
  EXPECT_EQ(as_text(*view), "1");
  EXPECT_EQ(*before->count(first_space), 2u);
  auto after = std::move(*store->snapshot());
  EXPECT_EQ(scan(*after, ""), "b=2 c=2 ");
}

TEST_F(LmdbTest, RefusesImpossibleKeysAndChangesNothingThen) {
  auto store = open();
  Bytes longest(port::key_bytes_max, 'k');
  Bytes too_long(port::key_bytes_max + 1, 'k');
  Batch good;
  good.put(first_space, longest, as_bytes("v"));
  EXPECT_TRUE(store->commit(good, Durability::synced));
  EXPECT_EQ(get(*store, as_text(longest)), "v");
  for (int fault = 0; fault < 3; ++fault) {
    Batch bad;
    bad.put(first_space, as_bytes("fine"), as_bytes("v"));
    if (fault == 0) bad.put(first_space, too_long, as_bytes("v"));
    if (fault == 1) bad.put(first_space, {}, as_bytes("v"));
    if (fault == 2) bad.put(2, as_bytes("k"), as_bytes("v"));
    auto refused = store->commit(bad, Durability::unsynced);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(Errc::invalid_argument));
    EXPECT_EQ(get(*store, "fine"), "(none)");
  }
  EXPECT_EQ(get(*store, as_text(too_long)), "(none)");
}

TEST_F(LmdbTest, AFullStoreRefusesAndStaysUsable) {
  options_.size_bytes_max = 1 << 20;
  auto store = open();
  put(*store, "kept", "1", Durability::synced);
  Batch big;
  Bytes value(2 << 20, 1);
  big.put(first_space, as_bytes("before"), as_bytes("x"));
  big.put(first_space, as_bytes("big"), value);
  auto full = store->commit(big, Durability::synced);
  ASSERT_FALSE(full);
  EXPECT_TRUE(full.error().is(Errc::limit_exceeded));
  EXPECT_EQ(get(*store, "kept"), "1");
  EXPECT_EQ(get(*store, "before"), "(none)");
  put(*store, "later", "2", Durability::synced);
  EXPECT_EQ(get(*store, "later"), "2");
}

TEST_F(LmdbTest, ASecondOpenerIsRefused) {
  auto store = open();
  auto second = try_open();
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is(Errc::busy));
  store.reset();
  EXPECT_TRUE(try_open());
}

TEST_F(LmdbTest, HasALimitOfSnapshots) {
  auto store = open();
  std::vector<std::unique_ptr<Snapshot>> snapshots;
  for (;;) {
    auto next = store->snapshot();
    if (!next) {
      EXPECT_TRUE(next.error().is(Errc::limit_exceeded));
      break;
    }
    snapshots.push_back(std::move(*next));
    ASSERT_LE(snapshots.size(), snapshots_max);
  }
  EXPECT_EQ(snapshots.size(), snapshots_max);
  snapshots.clear();
  EXPECT_TRUE(store->snapshot());
}

TEST_F(LmdbTest, ManyUnsyncedBatchesAreHeldInBoundedMemory) {
  auto store = open();
  Bytes value(1000, 'v');
  for (int i = 0; i < 10'000; ++i) {
    Batch batch;
    batch.put(first_space, as_bytes("key" + std::to_string(i)), value);
    ASSERT_TRUE(store->commit(batch, Durability::unsynced));
  }
  auto snapshot = std::move(*store->snapshot());
  EXPECT_EQ(*snapshot->count(first_space), 10'000u);
  // More than the bound was committed, so most of it must be in the file by now.
  auto size = std::filesystem::file_size(folder_ / "store/inner/data.mdb");
  EXPECT_GT(size, 10'000'000u - 2 * held_bytes_max);
}

TEST_F(LmdbTest, ReadersSeeWholeBatchesWhileAWriterCommits) {
  auto store = open();
  auto write = [&store](int number, Durability durability) {
    std::string text = std::to_string(number);
    Batch batch;
    for (std::string_view key : {"a", "b", "c"})
      batch.put(first_space, as_bytes(key), as_bytes(text));
    ASSERT_TRUE(store->commit(batch, durability));
  };
  write(0, Durability::synced);
  std::atomic<bool> stop = false;
  std::atomic<int> torn = 0;
  std::atomic<int> backwards = 0;
  auto read = [&] {
    int last = 0;
    while (!stop) {
      auto snapshot = std::move(*store->snapshot());
      std::string a = get(*snapshot, "a");
      if (get(*snapshot, "b") != a || get(*snapshot, "c") != a) ++torn;
      int now = std::atoi(a.c_str());
      if (now < last) ++backwards;
      last = now;
    }
  };
  std::thread one(read);
  std::thread two(read);
  for (int i = 1; i <= 500; ++i)
    write(i, i % 50 == 0 ? Durability::synced : Durability::unsynced);
  stop = true;
  one.join();
  two.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(backwards, 0);
  EXPECT_EQ(get(*store, "c"), "500");
}

TEST_F(LmdbTest, ReadersSeeNoOlderHeldChangeBesideANewerSyncedOne) {
  auto store = open();
  std::atomic<bool> done = false;
  auto number = [](Snapshot& snapshot, std::string_view key) {
    return std::stoi("0" + get(snapshot, key));
  };
  std::thread reader([&] {
    while (!done) {
      auto snapshot = store->snapshot();
      // The second one is never ahead: it is only written together with the first.
      if (snapshot) EXPECT_GE(number(**snapshot, "1"), number(**snapshot, "2"));
    }
  });
  put(*store, "1", "0", Durability::synced);
  put(*store, "2", "0", Durability::synced);
  for (int i = 1; i < 400; i += 2) {
    put(*store, "1", std::to_string(i), Durability::unsynced);
    Batch both;
    for (std::string_view key : {"1", "2"})
      both.put(first_space, as_bytes(key), as_bytes(std::to_string(i + 1)));
    EXPECT_TRUE(store->commit(both, Durability::synced));
  }
  done = true;
  reader.join();
}

/// In a child process: numbered batches of three entries; every fifth is synced and told to the
/// parent.
[[noreturn]] void commit_for_ever(KeyValue& store, std::uint64_t number, int tell) {
  for (;; ++number) {
    Batch batch;
    for (std::uint64_t part = 0; part < 3; ++part) {
      std::uint8_t key[16];
      store_be(key, number);
      store_be(key + 8, part);
      Bytes value(1 + number % 3000, static_cast<std::uint8_t>(number));
      batch.put(static_cast<port::Namespace>(part % 2), key, value);
    }
    bool synced = number % 5 == 0;
    if (!store.commit(batch, synced ? Durability::synced : Durability::unsynced)) ::_exit(1);
    if (synced && ::write(tell, &number, sizeof number) != sizeof number) ::_exit(2);
  }
}

/// Batches in the store: 1 to the answer, each whole and none after; 0 and a failure otherwise.
std::uint64_t whole_batches(Snapshot& snapshot) {
  std::map<std::uint64_t, std::size_t> parts;
  for (port::Namespace space : {first_space, second_space}) {
    auto done = snapshot.scan(space, {}, [&](ByteView key, ByteView value) {
      std::uint64_t number = load_be<std::uint64_t>(key.data());
      Bytes expected(1 + number % 3000, static_cast<std::uint8_t>(number));
      if (equal(value, expected)) ++parts[number];
      return true;
    });
    EXPECT_TRUE(done);
  }
  std::uint64_t expected = 0;
  for (auto [number, count] : parts) {
    EXPECT_EQ(number, ++expected);
    EXPECT_EQ(count, 3u);
  }
  return expected;
}

TEST_F(LmdbTest, AKilledProcessLeavesEverySyncedBatchWhole) {
  Prng prng(3);
  std::uint64_t reached = 0;
  for (int round = 0; round < 8; ++round) {
    int told[2];
    ASSERT_EQ(::pipe(told), 0);
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = try_open();
      if (!store) ::_exit(3);
      commit_for_ever(**store, reached + 1, told[1]);
    }
    ::close(told[1]);
    std::uint64_t acknowledged = 0;
    for (std::uint64_t i = 0, count = 1 + prng.below(30); i < count; ++i)
      ASSERT_EQ(::read(told[0], &acknowledged, sizeof acknowledged),
                static_cast<ssize_t>(sizeof acknowledged));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    // What it told between our last look and its end counts as well.
    std::uint64_t more = 0;
    while (::read(told[0], &more, sizeof more) == static_cast<ssize_t>(sizeof more))
      acknowledged = more;
    ::close(told[0]);
    auto store = open();
    ASSERT_TRUE(store);
    reached = whole_batches(**store->snapshot());
    EXPECT_GE(reached, acknowledged);
  }
  EXPECT_GT(reached, 0u);
}

}  // namespace
}  // namespace kith::io
