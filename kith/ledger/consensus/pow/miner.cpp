#include <kith/ledger/consensus/pow/miner.hpp>
#include <kith/port/task_group.hpp>

namespace kith::ledger {
namespace {

Task<void> work_on(port::WorkPool& pool, NonceSearch& search) {
  std::function<void()> job = [&search] { search.work(); };
  co_return co_await pool.run(std::move(job));
}

}  // namespace

Task<std::optional<std::uint64_t>> mine(port::WorkPool& pool, port::Executor executor,
                                        port::Clock& clock, NonceSearch& search,
                                        std::size_t threads) {
  port::TaskGroup workers(executor, clock, threads);
  for (std::size_t i = 0; i < threads; ++i)
    workers.spawn(work_on(pool, search));
  const Result<void> joined = co_await workers.join();
  if (!joined) {
    search.stop();
    workers.cancel();
    static_cast<void>(co_await workers.join_shielded());
    co_return std::unexpected(joined.error());
  }
  co_return search.outcome();
}

void HashRate::sample(std::uint64_t hashes, Instant now) {
  samples_.push_back({hashes, now});
  while (samples_.size() > 2 &&
         (samples_.size() > samples_max || now - samples_.front().at > window)) {
    samples_.pop_front();
  }
}

double HashRate::per_second() const noexcept {
  if (samples_.size() < 2) return 0;
  const Sample& first = samples_.front();
  const Sample& last = samples_.back();
  const std::chrono::duration<double> passed = last.at - first.at;
  if (passed.count() <= 0) return 0;
  return static_cast<double>(last.hashes - first.hashes) / passed.count();
}

}  // namespace kith::ledger
