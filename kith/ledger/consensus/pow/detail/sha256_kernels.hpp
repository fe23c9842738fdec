// Which scan this machine runs, and what each needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <kith/ledger/consensus/pow/detail/sha256_scan.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger::detail {

struct ScanKernel {
  std::string_view name;
  Scan scan;
  std::size_t lanes;
};

/// All that run here, the fastest first.
const std::vector<ScanKernel>& kernels();
inline const ScanKernel& best_kernel() {
  return kernels().front();
}

/// For nonces with the high half of `nonce`.
ScanJob make_scan_job(const Hash& seal, std::uint64_t nonce, const U256& target) noexcept;

/// Of any count: the index of the first candidate, or `count`.
std::uint64_t scan_all(const ScanKernel& kernel, const ScanJob& job, std::uint32_t first,
                       std::uint64_t count);

}  // namespace kith::ledger::detail
