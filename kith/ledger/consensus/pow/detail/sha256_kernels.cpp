#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <kith/base/bytes.hpp>
#include <kith/ledger/consensus/pow/detail/sha256_kernels.hpp>

namespace kith::ledger::detail {
namespace {

#if defined(__x86_64__)
bool has_sha_ni() noexcept {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0 &&
         __builtin_cpu_supports("sse4.1");
}
#endif

std::vector<ScanKernel> find_kernels() {
  std::vector<ScanKernel> found;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    found.push_back({"AVX-512", scan_avx512, scan_lanes_avx512});
  if (has_sha_ni()) found.push_back({"SHA extensions", scan_sha_ni, scan_lanes_sha_ni});
#endif
  found.push_back({"portable", scan_portable, scan_lanes_portable});
  return found;
}

/// The state after the block's first rounds, which no nonce is in.
void run_rounds(const std::uint32_t (&block)[16], std::size_t rounds, std::uint32_t (&s)[8]) {
  std::memcpy(s, sha256_iv, sizeof s);
  for (std::size_t round = 0; round < rounds; ++round) {
    const std::uint32_t sigma1 = std::rotr(s[4], 6) ^ std::rotr(s[4], 11) ^ std::rotr(s[4], 25);
    const std::uint32_t sigma0 = std::rotr(s[0], 2) ^ std::rotr(s[0], 13) ^ std::rotr(s[0], 22);
    const std::uint32_t t1 =
        s[7] + sigma1 + ((s[4] & s[5]) ^ (~s[4] & s[6])) + sha256_k[round] + block[round];
    const std::uint32_t t2 = sigma0 + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    std::memmove(s + 1, s, 7 * sizeof s[0]);
    s[4] += t1;
    s[0] = t1 + t2;
  }
}

}  // namespace

const std::vector<ScanKernel>& kernels() {
  static const std::vector<ScanKernel> found = find_kernels();
  return found;
}

ScanJob make_scan_job(const Hash& seal, std::uint64_t nonce, const U256& target) noexcept {
  ScanJob job = {};
  for (std::size_t i = 0; i < 8; ++i)
    job.block[i] = load_be<std::uint32_t>(seal.bytes.data() + 4 * i);
  job.block[8] = static_cast<std::uint32_t>(nonce >> 32);
  job.block[10] = 0x80000000;
  job.block[15] = 8 * 40;
  run_rounds(job.block, 8, job.after_8);
  run_rounds(job.block, 9, job.after_9);
  job.highest = static_cast<std::uint32_t>(target.limb(3) >> 32);
  return job;
}

std::uint64_t scan_all(const ScanKernel& kernel, const ScanJob& job, std::uint32_t first,
                       std::uint64_t count) {
  const std::uint64_t whole = count / kernel.lanes * kernel.lanes;
  const std::uint64_t found = kernel.scan(job, first, whole);
  if (found < whole || whole == count) return found;
  return whole + scan_portable(job, first + static_cast<std::uint32_t>(whole), count - whole);
}

}  // namespace kith::ledger::detail
