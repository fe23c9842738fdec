#include <algorithm>
#include <cstring>

#include <kith/crypto/hash.hpp>
#include <kith/ledger/consensus/pow/detail/sha256_kernels.hpp>
#include <kith/ledger/consensus/pow/work_hash.hpp>

namespace kith::ledger {
namespace {

using namespace detail;

Hash sha256d(const WorkInput& input) noexcept {
  return Hash{crypto::sha256(crypto::sha256(input))};
}

class Sha256dSearcher final : public NonceSearcher {
 public:
  std::optional<std::uint64_t> search(const Hash& seal, const U256& target, std::uint64_t first,
                                      std::uint64_t count) override {
    while (count > 0) {
      // Within a scan only the nonce's low half may change.
      const std::uint64_t left = (1ULL << 32) - (first & 0xffffffff);
      const std::uint64_t part = std::min(count, left);
      const ScanJob job = make_scan_job(seal, first, target);
      std::uint64_t done = 0;
      while (done < part) {
        done += scan_all(kernel_, job, static_cast<std::uint32_t>(first + done), part - done);
        if (done == part) break;
        // A candidate has the first word right.
        if (sha256d(work_input(seal, first + done)).to_word() <= target) return first + done;
        ++done;
      }
      first += part;
      count -= part;
    }
    return std::nullopt;
  }

  std::uint64_t slice() const noexcept override { return kernel_.lanes == 1 ? 1'024 : 16'384; }

 private:
  ScanKernel kernel_ = best_kernel();
};

class Sha256d final : public WorkHash {
 public:
  std::string_view name() const noexcept override { return "sha256d"; }
  std::optional<std::uint64_t> key_number(std::uint64_t) const noexcept override {
    return std::nullopt;
  }
  Result<Hash> hash(const WorkInput& input, const Hash&) override { return sha256d(input); }
  Result<std::unique_ptr<NonceSearcher>> searcher(const Hash&) override {
    return std::make_unique<Sha256dSearcher>();
  }
};

}  // namespace

std::unique_ptr<WorkHash> make_sha256d() {
  return std::make_unique<Sha256d>();
}

}  // namespace kith::ledger
