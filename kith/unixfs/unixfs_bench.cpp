// How fast files are imported and read, beside the machine's own limit: SHA-256 of the same bytes
// on all cores, measured in the same run. The counter of_sha256 is the ratio of the two.
#include <thread>

#include <benchmark/benchmark.h>

#include <kith/crypto/hash.hpp>
#include <kith/io/runtime.hpp>
#include <kith/ipld/memory_blocks.hpp>
#include <kith/unixfs/importer.hpp>
#include <kith/unixfs/reader.hpp>

namespace kith::unixfs {
namespace {

constexpr std::size_t piece_bytes = 1024 * 1024;

const Buffer& random_piece() {
  static const Buffer piece = [] {
    Buffer filled = Buffer::allocate(piece_bytes);
    Prng(1).fill(filled.mutable_bytes());
    return filled;
  }();
  return piece;
}

/// The same megabyte again and again, shared.
class RepeatingSource final : public ByteSource {
 public:
  explicit RepeatingSource(std::uint64_t size) : left_(size) {}
  Task<Buffer> read(std::size_t size_max) override {
    std::size_t size = std::min<std::uint64_t>({size_max, piece_bytes, left_});
    left_ -= size;
    co_return random_piece().slice(0, size);
  }

 private:
  std::uint64_t left_;
};

/// Takes blocks and forgets them.
class NullSink final : public ipld::BlockSink {
 public:
  Task<void> put(std::vector<ipld::Block>) override { co_return Result<void>{}; }
  Task<void> flush() override { co_return Result<void>{}; }
};

double seconds_of(const std::function<void()>& work) {
  auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void hash_on_all_cores(std::uint64_t size) {
  std::atomic<std::uint64_t> pieces = (size + piece_bytes - 1) / piece_bytes;
  auto work = [&] {
    while (true) {
      std::uint64_t left = pieces.load();
      if (left == 0) return;
      if (!pieces.compare_exchange_weak(left, left - 1)) continue;
      benchmark::DoNotOptimize(crypto::sha256(random_piece()));
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i)
    threads.emplace_back(work);
}

Task<void> import_once(port::Env& env, const ImportOptions& options, std::uint64_t size,
                       ipld::BlockSink& sink, ImportedFile& file) {
  RepeatingSource source(size);
  KITH_CO_TRY(file, co_await import_file(env, &sink, options, source));
  co_return Result<void>{};
}

ImportOptions options_of(std::int64_t which) {
  ImportOptions options;
  if (which == 1) options = ImportOptions::unixfs_v0_2015();
  if (which == 2) options.chunker = ChunkerSpec::buzhash();
  if (which == 3) options.chunker = ChunkerSpec::parse("rabin").value();
  if (which == 4) options.chunker = ChunkerSpec::fixed(4096);
  return options;
}

/// As large as the run is: tiny when benchmarks only have to prove that they work.
std::uint64_t size_of(const benchmark::State& state) {
  return static_cast<std::uint64_t>(state.range(1)) * 1024 * 1024;
}

void BM_Import(benchmark::State& state) {
  random_piece();
  auto runtime = io::Runtime::create();
  if (!runtime) return state.SkipWithError("no runtime");
  ImportOptions options = options_of(state.range(0));
  NullSink sink;
  ImportedFile file;
  double import_seconds = 0;
  double hash_seconds = 0;
  for (auto _ : state) {
    import_seconds += seconds_of([&] {
      if (!runtime->run(import_once(runtime->env(), options, size_of(state), sink, file))) {
        state.SkipWithError("the import failed");
      }
    });
    state.PauseTiming();
    hash_seconds += seconds_of([&] { hash_on_all_cores(size_of(state)); });
    state.ResumeTiming();
  }
  auto bytes = static_cast<double>(size_of(state)) * static_cast<double>(state.iterations());
  state.counters["import_MB/s"] = bytes / import_seconds / 1e6;
  state.counters["sha256_MB/s"] = bytes / hash_seconds / 1e6;
  state.counters["of_sha256"] = hash_seconds / import_seconds;
}
BENCHMARK(BM_Import)
    ->ArgNames({"options", "MiB"})
    ->Args({0, 256})
    ->Args({1, 256})
    ->Args({2, 128})
    ->Args({3, 128})
    ->Args({4, 64})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

Task<void> read_once(ipld::BlockSource& blocks, const multiformats::Cid& root,
                     std::uint64_t& read) {
  KITH_CO_TRY(FileReader reader, co_await FileReader::open(blocks, root));
  while (reader.remaining() > 0) {
    KITH_CO_TRY(Buffer piece, co_await reader.next());
    read += piece.size();
  }
  co_return Result<void>{};
}

/// What reading costs besides getting the blocks.
void BM_Read(benchmark::State& state) {
  auto runtime = io::Runtime::create();
  if (!runtime) return state.SkipWithError("no runtime");
  ipld::MemoryBlocks blocks;
  ImportedFile file;
  ImportOptions options = options_of(state.range(0));
  (void)runtime->run(import_once(runtime->env(), options, size_of(state), blocks, file));
  std::uint64_t read = 0;
  for (auto _ : state) {
    if (!runtime->run(read_once(blocks, file.cid, read))) state.SkipWithError("reading failed");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(read));
}
BENCHMARK(BM_Read)
    ->ArgNames({"options", "MiB"})
    ->Args({0, 64})
    ->Args({1, 64})
    ->Args({4, 64})
    ->Unit(benchmark::kMicrosecond);

void BM_Chunk(benchmark::State& state) {
  auto chunker = options_of(state.range(0)).chunker.make();
  for (auto _ : state) {
    ByteView left = random_piece();
    while (!left.empty())
      left = left.subspan(chunker->feed(left).taken);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(piece_bytes));
}
BENCHMARK(BM_Chunk)->ArgName("options")->Arg(2)->Arg(3);

}  // namespace
}  // namespace kith::unixfs
