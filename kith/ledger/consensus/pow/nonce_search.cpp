#include <kith/ledger/consensus/pow/nonce_search.hpp>

namespace kith::ledger {

void NonceSearch::work() noexcept {
  if (over_) return;
  auto searcher = hash_.searcher(order_.key);
  if (!searcher) {
    const std::lock_guard lock(mutex_);
    failed_ = searcher.error();
    over_ = true;
    return;
  }
  const std::uint64_t slice = (*searcher)->slice();
  // Slices begin at multiples of their length, a power of two, so that none passes 2^64.
  const std::uint64_t first = first_ / slice * slice;
  while (!over_) {
    const std::uint64_t from = first + taken_.fetch_add(slice);
    const auto found = (*searcher)->search(order_.seal, order_.target, from, slice);
    hashes_ += found ? *found - from + 1 : slice;
    if (!found) continue;
    const std::lock_guard lock(mutex_);
    if (!found_) found_ = found;
    over_ = true;
  }
}

Result<std::optional<std::uint64_t>> NonceSearch::outcome() const {
  const std::lock_guard lock(mutex_);
  if (found_) return found_;
  if (failed_) return std::unexpected(*failed_);
  return std::nullopt;
}

}  // namespace kith::ledger
