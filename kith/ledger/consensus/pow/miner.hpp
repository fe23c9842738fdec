// Mining as the loop sees it: a search on threads of a pool, and how fast it is.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include <kith/base/time.hpp>
#include <kith/ledger/consensus/pow/nonce_search.hpp>
#include <kith/port/clock.hpp>
#include <kith/port/work_pool.hpp>

namespace kith::ledger {

/// Runs `search` on `threads` workers, at least one, and returns the nonce, or nothing if it was
/// stopped. A new head stops it by search.stop() or by cancelling this task (Errc::cancelled);
/// either way it returns once no worker is at it. Otherwise NonceSearch::outcome()'s errors. The
/// workers are the search's alone until then: who needs the pool for more gives fewer threads than
/// it has. Loop thread.
Task<std::optional<std::uint64_t>> mine(port::WorkPool& pool, port::Executor executor,
                                        port::Clock& clock, NonceSearch& search,
                                        std::size_t threads);

/// Hashes a second over the last minute, from what searches have counted.
class HashRate {
 public:
  static constexpr Duration window = std::chrono::minutes(1);
  static constexpr std::size_t samples_max = 64;

  /// `hashes`: of all searches so far, never less than before. Called now and then, once a second
  /// say; of more than 64 a minute the older ones count for less time.
  void sample(std::uint64_t hashes, Instant now);
  /// 0 before the second sample.
  double per_second() const noexcept;

 private:
  struct Sample {
    std::uint64_t hashes;
    Instant at;
  };
  std::deque<Sample> samples_;
};

}  // namespace kith::ledger
