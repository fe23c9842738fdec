// The search for the nonce of one block, by as many threads as like.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include <kith/base/result.hpp>
#include <kith/ledger/consensus/pow/pow_rules.hpp>

namespace kith::ledger {

/// Thread: any, all of it, but for outcome(). The WorkHash outlives it.
class NonceSearch {
 public:
  /// Threads take nonces from `first` on in slices, so that no two try the same. Miners of one
  /// order begin at different ones (drawn at random, say).
  NonceSearch(WorkHash& hash, const WorkOrder& order, std::uint64_t first) noexcept
      : hash_(hash), order_(order), first_(first) {}
  NonceSearch(const NonceSearch&) = delete;
  NonceSearch& operator=(const NonceSearch&) = delete;

  /// Searches until someone has found a nonce or failed, or stop(). Returns within a slice of that,
  /// about a millisecond or one hash.
  void work() noexcept;

  void stop() noexcept { over_ = true; }
  bool is_over() const noexcept { return over_; }

  /// How many hashes have been tried so far.
  std::uint64_t hashes() const noexcept { return hashes_; }

  /// The nonce; nothing if the search was stopped; what WorkHash::searcher failed with if no thread
  /// could search. Once all work() have returned.
  Result<std::optional<std::uint64_t>> outcome() const;

 private:
  WorkHash& hash_;
  const WorkOrder order_;
  const std::uint64_t first_;
  std::atomic<std::uint64_t> taken_ = 0;
  std::atomic<std::uint64_t> hashes_ = 0;
  std::atomic<bool> over_ = false;
  mutable std::mutex mutex_;
  std::optional<std::uint64_t> found_;
  std::optional<Error> failed_;
};

}  // namespace kith::ledger
