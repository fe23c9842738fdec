// WorkPool: threads for what burns time or blocks: hashing, signatures, big AEAD, disk. The loop
// awaits the outcome.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <kith/port/task.hpp>

namespace kith::port {

class WorkPool {
 public:
  virtual ~WorkPool() = default;

  /// Runs `job` on a worker and returns on the loop when it is done. A started job always ends
  /// first, so it may refer to the caller's frame; Errc::cancelled means that it never ran. At most
  /// queue_max() jobs wait: beyond that the caller waits for a place.
  virtual Task<void> run(std::function<void()> job) = 0;

  /// How many jobs can run at the same time.
  virtual std::size_t parallelism() const noexcept = 0;
};

/// Runs `work`, a callable that returns some Result<T>, on a worker.
template <class Work>
Task<typename std::invoke_result_t<Work&>::value_type> run_on(WorkPool& pool, Work work) {
  std::optional<std::invoke_result_t<Work&>> outcome;
  std::function<void()> job = [&outcome, &work] { outcome.emplace(work()); };
  KITH_CO_CHECK(co_await pool.run(std::move(job)));
  co_return std::move(*outcome);
}

}  // namespace kith::port
