// The engine on the machine's own files and LMDB: killed at random moments, and used by several
// threads at once.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kith/io/file_system.hpp>
#include <kith/io/lmdb.hpp>
#include <kith/store/store_test.hpp>

namespace kith::store {
namespace {

using testing::block_of;
using testing::blocks_of;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "kith-store-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

EngineOptions options_in(const std::string& path) {
  EngineOptions options;
  options.path = path;
  options.pack_bytes_max = 1 << 20;
  options.unsynced_bytes_max = 256 * 1024;
  options.index_bytes_max = std::uint64_t{1} << 30;
  return options;
}

struct RealEngine {
  explicit RealEngine(const EngineOptions& options) {
    auto opened = Engine::open(files, key_values, options);
    if (opened) {
      engine = std::move(*opened);
    } else {
      ADD_FAILURE() << opened.error().message();
    }
  }
  io::PosixFileSystem files;
  io::LmdbFactory key_values;
  std::unique_ptr<Engine> engine;
};

// --- killed ---

constexpr std::uint64_t batch_blocks = 6;

std::vector<NewBlock> batch_of(std::uint64_t step) {
  std::vector<NewBlock> batch;
  Prng prng(step);
  for (std::uint64_t i = 0; i < batch_blocks; ++i)
    batch.push_back(block_of(step * batch_blocks + i, prng.between(20, 30000)));
  return batch;
}

/// The batch that a step removes, if it is one that does.
std::optional<std::uint64_t> removed_by(std::uint64_t step) {
  if (step % 4 != 3) return std::nullopt;
  return step - 2;
}

/// One step of the child's work; true if all of it is durable.
bool do_step(Engine& engine, std::uint64_t step, const std::function<void()>& tell) {
  if (auto victim = removed_by(step)) {
    std::vector<Multihash> hashes;
    for (const NewBlock& block : batch_of(*victim))
      hashes.push_back(block.hash);
    if (!engine.remove(hashes)) return false;
    tell();
  }
  if (!engine.put(batch_of(step))) return false;
  tell();
  if (!engine.sync()) return false;
  tell();
  if (step % 8 == 7) {
    for (PackId pack : engine.packs_to_compact(0.2)) {
      if (!engine.compact(pack)) return false;
      tell();
    }
  }
  return true;
}

/// Works until it is killed; says '.' inside a step and '!' when one is acknowledged.
[[noreturn]] void work_as_child(const std::string& path, std::uint64_t first_step, int out) {
  RealEngine real(options_in(path));
  if (real.engine == nullptr) _exit(2);
  auto say = [out](char what) {
    if (write(out, &what, 1) != 1) _exit(3);
  };
  for (std::uint64_t step = first_step; step < first_step + 1000; ++step) {
    if (!do_step(*real.engine, step, [&say] { say('.'); })) _exit(4);
    say('!');
  }
  _exit(5);
}

/// Lets a child work until it has said `words` words, kills it; how many steps it acknowledged.
std::uint64_t run_and_kill(const std::string& path, std::uint64_t first_step, std::uint64_t words) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    work_as_child(path, first_step, ends[1]);
  }
  close(ends[1]);
  std::uint64_t acknowledged = 0;
  char word = 0;
  std::uint64_t heard = 0;
  while (heard < words && read(ends[0], &word, 1) == 1) {
    ++heard;
    acknowledged += word == '!' ? 1 : 0;
  }
  EXPECT_EQ(heard, words) << "the child ended by itself";
  kill(child, SIGKILL);
  // What it said between our last look and its end counts, too.
  while (read(ends[0], &word, 1) == 1)
    acknowledged += word == '!' ? 1 : 0;
  close(ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  return acknowledged;
}

TEST(StoreKilled, KeepsWhatItAcknowledged) {
  constexpr int rounds = 12;
  TemporaryFolder folder;
  Prng prng(7);
  std::uint64_t next = 0;
  for (int round = 0; round < rounds; ++round) {
    next += run_and_kill(folder.path(), next, prng.between(1, 60));
    RealEngine real(options_in(folder.path()));
    ASSERT_NE(real.engine, nullptr);
    // Steps below `next` are acknowledged; step `next` may have happened in part.
    for (std::uint64_t step = 0; step < next; ++step) {
      bool removed = false;
      bool open_question = false;
      for (std::uint64_t later = step + 1; later <= next && later < step + 4; ++later) {
        if (removed_by(later) != step) continue;
        (later < next ? removed : open_question) = true;
      }
      if (open_question) continue;
      for (const NewBlock& block : batch_of(step)) {
        auto data = real.engine->get(block.hash);
        if (removed) {
          EXPECT_TRUE(!data && data.error().is(Errc::not_found)) << "step " << step;
        } else {
          ASSERT_TRUE(data) << "step " << step << ": " << data.error().message();
          EXPECT_TRUE(equal(*data, block.data));
        }
      }
    }
    auto report = real.engine->verify();
    ASSERT_TRUE(report);
    EXPECT_EQ(report->damaged_blocks, 0U);
    EXPECT_EQ(report->blocks, real.engine->stat()->blocks);
  }
  EXPECT_GT(next, 20U);
}

// --- threads ---

TEST(StoreThreads, ServesReadersWhileOthersPutRemoveSyncAndCompact) {
  TemporaryFolder folder;
  EngineOptions options = options_in(folder.path());
  options.pack_bytes_max = 64 * 1024;
  RealEngine real(options);
  ASSERT_NE(real.engine, nullptr);
  Engine& engine = *real.engine;
  auto kept = blocks_of(0, 100, 800);
  EXPECT_OK(engine.put(kept));
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> wrong = 0;

  auto read_kept = [&] {
    Prng prng(1);
    while (!stop) {
      const NewBlock& block = kept[prng.below(kept.size())];
      auto data = engine.get(block.hash);
      auto part = engine.get_range(block.hash, 100, 50);
      auto has = engine.has(block.hash);
      bool right = data && equal(*data, block.data) && part &&
                   equal(*part, block.data.view().subspan(100, 50)) && has && *has;
      if (!right) ++wrong;
    }
  };
  auto churn = [&](std::uint64_t first) {
    for (std::uint64_t round = 0; round < 40; ++round) {
      auto blocks = blocks_of(first + round * 5, 5, 800);
      std::vector<Multihash> hashes;
      for (const NewBlock& block : blocks)
        hashes.push_back(block.hash);
      if (!engine.put(blocks)) ++wrong;
      if (round % 3 == 0 && !engine.sync()) ++wrong;
      for (const NewBlock& block : blocks) {
        auto data = engine.get(block.hash);
        if (!data || !equal(*data, block.data)) ++wrong;
      }
      auto removed = engine.remove(hashes);
      if (!removed || *removed != 5) ++wrong;
    }
  };
  auto look_around = [&] {
    while (!stop) {
      if (!engine.stat() || !engine.list({}, 50)) ++wrong;
      for (PackId pack : engine.packs_to_compact(0.3)) {
        auto outcome = engine.compact(pack);
        if (!outcome && !outcome.error().is(Errc::not_found)) ++wrong;
      }
    }
  };
  std::thread reader(read_kept);
  std::thread looker(look_around);
  std::thread one([&] { churn(1000); });
  std::thread two([&] { churn(5000); });
  one.join();
  two.join();
  stop = true;
  reader.join();
  looker.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_OK(engine.sync());
  EXPECT_EQ(engine.stat()->blocks, kept.size());
  EXPECT_EQ(engine.verify()->damaged_blocks, 0U);
}

}  // namespace
}  // namespace kith::store
