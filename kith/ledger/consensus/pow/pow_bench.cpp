// How many hashes a second a core searches, as a share of what the processor can do: two
// compressions a hash, of blocks of which nothing is known before, with the same instructions, and
// by OpenSSL.
#include <cstring>

#include <benchmark/benchmark.h>

#include <kith/crypto/hash.hpp>
#include <kith/ledger/consensus/pow/detail/sha256_kernels.hpp>
#include <kith/ledger/consensus/pow/work_hash.hpp>

namespace kith::ledger {
namespace {

void count_hashes(benchmark::State& state, std::size_t each) {
  state.counters["hashes"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(each),
                         benchmark::Counter::kIsRate);
}

/// OpenSSL's limit, two compressions counted as a hash: without what a call costs, so of a long
/// message.
void sha256d_limit_openssl(benchmark::State& state) {
  const Bytes data(1 << 20);
  for (auto _ : state)
    benchmark::DoNotOptimize(crypto::sha256(data));
  count_hashes(state, data.size() / 128);
}
BENCHMARK(sha256d_limit_openssl);

#if defined(__x86_64__)
bool runs_here(benchmark::State& state, std::string_view name) {
  for (const detail::ScanKernel& kernel : detail::kernels()) {
    if (kernel.name == name) return true;
  }
  state.SkipWithError("not on this processor");
  return false;
}

void sha256d_limit_sha_extensions(benchmark::State& state) {
  if (!runs_here(state, "SHA extensions")) return;
  std::uint32_t states[4][8] = {{1}, {2}, {3}, {4}};
  for (auto _ : state) {
    detail::compress_sha_ni(states, 1'000);
    benchmark::DoNotOptimize(states);
  }
  count_hashes(state, 1'000 * detail::scan_lanes_sha_ni / 2);
}
BENCHMARK(sha256d_limit_sha_extensions);

void sha256d_limit_avx512(benchmark::State& state) {
  if (!runs_here(state, "AVX-512")) return;
  std::uint32_t states[8][16] = {{1}, {2}};
  for (auto _ : state) {
    detail::compress_avx512(states, 1'000);
    benchmark::DoNotOptimize(states);
  }
  count_hashes(state, 1'000 * detail::scan_lanes_avx512 / 2);
}
BENCHMARK(sha256d_limit_avx512);
#endif

void sha256d_kernel(benchmark::State& state) {
  const auto index = static_cast<std::size_t>(state.range(0));
  if (index >= detail::kernels().size()) return state.SkipWithError("not on this processor");
  const detail::ScanKernel& kernel = detail::kernels()[index];
  state.SetLabel(std::string(kernel.name));
  const detail::ScanJob job = detail::make_scan_job(keccak256({}), 0, U256());
  std::uint32_t first = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(kernel.scan(job, first += 16'384, 16'384));
  count_hashes(state, 16'384);
}
BENCHMARK(sha256d_kernel)->DenseRange(0, 2);

/// What a miner gets, with everything around it.
void sha256d_search(benchmark::State& state) {
  const auto searcher = make_sha256d()->searcher(Hash()).value();
  const Hash seal = keccak256({});
  std::uint64_t first = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(searcher->search(seal, U256(1), first += 16'384, 16'384));
  count_hashes(state, 16'384);
}
BENCHMARK(sha256d_search);

void sha256d_check(benchmark::State& state) {
  const auto hash = make_sha256d();
  std::uint64_t nonce = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(hash->hash(work_input(Hash(), ++nonce), Hash()));
  count_hashes(state, 1);
}
BENCHMARK(sha256d_check);

void randomx_check_light(benchmark::State& state) {
  const auto hash = make_randomx();
  if (const auto first = hash->hash(WorkInput(), Hash()); !first)
    return state.SkipWithError(first.error().message().c_str());
  std::uint64_t nonce = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(hash->hash(work_input(Hash(), ++nonce), Hash()));
  count_hashes(state, 1);
}
BENCHMARK(randomx_check_light)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kith::ledger
