// The store on the machine's own files and LMDB, beside what the machine itself does.
//
//   store_bench                             small inputs, as in the test suite
//   KITH_STORE_BENCH_BLOCKS=1000000 KITH_STORE_BENCH_MIB=1024 store_bench
//
// Rates of disks vary: look at the ratios of one run.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <numeric>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <kith/base/prng.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/io/file_system.hpp>
#include <kith/io/lmdb.hpp>
#include <kith/store/detail/crc32c.hpp>
#include <kith/store/engine.hpp>

namespace kith::store {
namespace {

std::uint64_t setting(const char* name, std::uint64_t usual) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : usual;
}
std::uint64_t total_bytes() {
  return setting("KITH_STORE_BENCH_MIB", 8) << 20;
}
std::uint64_t tiny_blocks() {
  return setting("KITH_STORE_BENCH_BLOCKS", 5000);
}

template <class T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().message().c_str());
    std::abort();
  }
  return std::move(*result);
}
void must(Result<void> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().message().c_str());
    std::abort();
  }
}

class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "kith-bench-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct World {
  io::PosixFileSystem files;
  io::LmdbFactory key_values;
  Folder folder;

  std::unique_ptr<Engine> open() {
    EngineOptions options;
    options.path = folder.path() + "/store";
    return must(Engine::open(files, key_values, options));
  }
};

std::vector<NewBlock> make_blocks(std::size_t count, std::size_t size, std::uint64_t seed = 1) {
  std::vector<NewBlock> blocks;
  Prng prng(seed);
  for (std::size_t i = 0; i < count; ++i) {
    Buffer data = Buffer::allocate(size);
    prng.fill(data.mutable_bytes());
    auto hash = Multihash::wrap(multiformats::Codec::sha2_256, crypto::sha256(data));
    blocks.push_back({hash, std::move(data)});
  }
  return blocks;
}

/// A tiny block's name without the cost of making it: its number, hashed.
NewBlock tiny_block(std::uint64_t number) {
  std::array<std::uint8_t, 8> data;
  store_le(data.data(), number);
  return {Multihash::wrap(multiformats::Codec::sha2_256, crypto::sha256(data)),
          Buffer::copy_of(data)};
}

// The same bytes, written to one file and synced at the end.
void plain_file(benchmark::State& state) {
  auto size = static_cast<std::size_t>(state.range(0));
  std::size_t count = total_bytes() / size;
  auto blocks = make_blocks(count, size);
  World world;
  std::uint64_t round = 0;
  for (auto _ : state) {
    std::string path = world.folder.path() + "/plain" + std::to_string(round++);
    auto file = must(world.files.open(path, port::OpenMode::create_new));
    std::uint64_t at = 0;
    for (const NewBlock& block : blocks) {
      must(file->write_at(at, block.data));
      at += size;
    }
    must(file->sync());
    state.PauseTiming();
    file.reset();
    must(world.files.remove(path));
    state.ResumeTiming();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * count * size));
}
BENCHMARK(plain_file)->Arg(256 << 10)->Arg(1 << 20)->Unit(benchmark::kMillisecond)->UseRealTime();

// Added in batches of 4 MiB and synced at the end, as an import does.
void add_blocks(benchmark::State& state) {
  auto size = static_cast<std::size_t>(state.range(0));
  std::size_t count = total_bytes() / size;
  auto blocks = make_blocks(count, size);
  std::size_t batch = std::max<std::size_t>((4 << 20) / size, 1);
  for (auto _ : state) {
    state.PauseTiming();
    auto world = std::make_unique<World>();
    auto engine = world->open();
    state.ResumeTiming();
    for (std::size_t at = 0; at < count; at += batch) {
      must(engine->put(std::span(blocks).subspan(at, std::min(batch, count - at))));
    }
    must(engine->sync());
    state.PauseTiming();
    engine.reset();
    world.reset();
    state.ResumeTiming();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * count * size));
}
BENCHMARK(add_blocks)->Arg(256 << 10)->Arg(1 << 20)->Unit(benchmark::kMillisecond)->UseRealTime();

// The alternative: the blocks as LMDB's values, committed with the same promise every 32 MiB.
void add_to_lmdb(benchmark::State& state) {
  auto size = static_cast<std::size_t>(state.range(0));
  std::size_t count = total_bytes() / size;
  auto blocks = make_blocks(count, size);
  for (auto _ : state) {
    state.PauseTiming();
    auto world = std::make_unique<World>();
    port::KeyValueOptions options;
    options.namespaces = {"blocks"};
    auto map = must(world->key_values.open(world->folder.path() + "/lmdb", options));
    state.ResumeTiming();
    port::Batch batch;
    std::uint64_t waiting = 0;
    for (const NewBlock& block : blocks) {
      batch.put(0, block.hash.bytes(), block.data);
      waiting += size;
      if (waiting >= (32 << 20)) {
        must(map->commit(batch, port::Durability::synced));
        batch.clear();
        waiting = 0;
      }
    }
    must(map->commit(batch, port::Durability::synced));
    state.PauseTiming();
    map.reset();
    world.reset();
    state.ResumeTiming();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * count * size));
}
BENCHMARK(add_to_lmdb)->Arg(256 << 10)->Arg(1 << 20)->Unit(benchmark::kMillisecond)->UseRealTime();

// Reading back what the system has in its cache, in another order than it was written.
void read_blocks(benchmark::State& state) {
  auto size = static_cast<std::size_t>(state.range(0));
  std::size_t count = total_bytes() / size;
  auto blocks = make_blocks(count, size);
  World world;
  auto engine = world.open();
  must(engine->put(blocks));
  must(engine->sync());
  std::size_t at = 0;
  for (auto _ : state) {
    at = (at + 7919) % count;
    benchmark::DoNotOptimize(must(engine->get(blocks[at].hash)));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * size));
}
BENCHMARK(read_blocks)->Arg(256 << 10)->Arg(1 << 20)->UseRealTime();

void read_from_lmdb(benchmark::State& state) {
  auto size = static_cast<std::size_t>(state.range(0));
  std::size_t count = total_bytes() / size;
  auto blocks = make_blocks(count, size);
  World world;
  port::KeyValueOptions options;
  options.namespaces = {"blocks"};
  auto map = must(world.key_values.open(world.folder.path() + "/lmdb", options));
  for (const NewBlock& block : blocks) {
    port::Batch batch;
    batch.put(0, block.hash.bytes(), block.data);
    must(map->commit(batch, port::Durability::unsynced));
  }
  must(map->sync());
  std::size_t at = 0;
  for (auto _ : state) {
    at = (at + 7919) % count;
    auto snapshot = must(map->snapshot());
    auto value = must(snapshot->get(0, blocks[at].hash.bytes()));
    // A block must outlive the snapshot.
    benchmark::DoNotOptimize(Buffer::copy_of(*value));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * size));
}
BENCHMARK(read_from_lmdb)->Arg(256 << 10)->Arg(1 << 20)->UseRealTime();

// One store of many tiny blocks for the three that follow.
World& tiny_world() {
  static std::unique_ptr<World> world = [] {
    auto made = std::make_unique<World>();
    auto engine = made->open();
    std::vector<NewBlock> batch;
    for (std::uint64_t i = 0; i < tiny_blocks(); ++i) {
      batch.push_back(tiny_block(i));
      if (batch.size() < 10000) continue;
      must(engine->put(batch));
      batch.clear();
    }
    must(engine->put(batch));
    must(engine->sync());
    return made;
  }();
  return *world;
}

void open_store(benchmark::State& state) {
  World& world = tiny_world();
  for (auto _ : state) {
    auto engine = world.open();
    benchmark::DoNotOptimize(must(engine->stat()).blocks);
    state.PauseTiming();
    engine.reset();
    state.ResumeTiming();
  }
  state.counters["blocks"] = static_cast<double>(tiny_blocks());
}
BENCHMARK(open_store)->Unit(benchmark::kMillisecond)->UseRealTime();

void look_up_one(benchmark::State& state) {
  auto engine = tiny_world().open();
  std::vector<Multihash> hashes;
  for (std::uint64_t i = 0; i < 4096; ++i)
    hashes.push_back(tiny_block(i * 7919 % (2 * tiny_blocks())).hash);  // half of them are there
  std::size_t at = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(must(engine->has(hashes[at++ % hashes.size()])));
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(look_up_one);

void look_up_many(benchmark::State& state) {
  auto engine = tiny_world().open();
  std::vector<Multihash> hashes;
  for (std::uint64_t i = 0; i < 1024; ++i)
    hashes.push_back(tiny_block(i * 7919 % (2 * tiny_blocks())).hash);
  for (auto _ : state)
    benchmark::DoNotOptimize(must(engine->has_many(hashes)));
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * hashes.size()));
}
BENCHMARK(look_up_many);

void add_tiny_blocks(benchmark::State& state) {
  std::vector<NewBlock> blocks;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(tiny_blocks(), 100000); ++i)
    blocks.push_back(tiny_block(i));
  for (auto _ : state) {
    state.PauseTiming();
    auto world = std::make_unique<World>();
    auto engine = world->open();
    state.ResumeTiming();
    for (std::size_t at = 0; at < blocks.size(); at += 1000) {
      must(engine->put(
          std::span(blocks).subspan(at, std::min<std::size_t>(1000, blocks.size() - at))));
    }
    must(engine->sync());
    state.PauseTiming();
    engine.reset();
    world.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * blocks.size()));
}
BENCHMARK(add_tiny_blocks)->Unit(benchmark::kMillisecond)->UseRealTime();

void checksum(benchmark::State& state) {
  Bytes data(1 << 20);
  for (auto _ : state)
    benchmark::DoNotOptimize(detail::crc32c(data));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * data.size()));
}
BENCHMARK(checksum);

}  // namespace
}  // namespace kith::store
