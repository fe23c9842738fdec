#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/sim/heap.hpp>
#include <kith/sim/work_pool.hpp>

namespace kith::sim {

/// In the frame of its caller, who leaves only when the job has ended or was taken back.
struct SimWorkPool::Job final : port::Timer {
  Job(SimWorkPool& of, std::function<void()> what)
      : pool(of), work(std::move(what)), changed(of.clock_) {}

  void run() {
    if (!pool.alive_ || ran) return;
    ran = true;
    ++pool.jobs_run_;
    pool.trace_.add(pool.jobs_run_);
    const heap::Scope scope(pool.node_);
    work();
  }
  void on_fire() override {
    run();
    pool.finish(*this);
  }

  SimWorkPool& pool;
  std::function<void()> work;
  bool started = false;
  bool ran = false;
  bool ended = false;
  port::Event changed;
};

SimWorkPool::SimWorkPool(VirtualClock& clock, Trace& trace, Prng prng, WorkPoolOptions options,
                         std::uint32_t node)
    : clock_(clock), trace_(trace), prng_(prng), options_(options), node_(node), place_(clock) {
  ASSERT(options.workers > 0);
  ASSERT(options.queue_max > 0);
}

SimWorkPool::~SimWorkPool() {
  ASSERT(waiting_.empty());
  ASSERT(running_ == 0);
}

Task<void> SimWorkPool::run(std::function<void()> job) {
  while (alive_ && waiting_.size() >= options_.queue_max)
    KITH_CO_CHECK(co_await place_.wait());
  bool cancelled = co_await port::is_cancelled();
  if (cancelled || !alive_) co_return std::unexpected(Errc::cancelled);
  Job queued(*this, std::move(job));
  waiting_.push_back(&queued);
  start_waiting();
  co_return co_await wait_for(queued);
}

Task<void> SimWorkPool::wait_for(Job& job) {
  while (!job.started && !job.ended) {
    auto woken = co_await job.changed.wait();
    if (woken || job.started || job.ended) continue;
    // Cancelled before a worker took it.
    std::erase(waiting_, &job);
    place_.notify_one();
    co_return std::unexpected(woken.error());
  }
  while (!job.ended)
    KITH_CO_CHECK(co_await job.changed.wait_shielded());
  if (!job.ran) co_return std::unexpected(Errc::cancelled);
  co_return Result<void>{};
}

void SimWorkPool::start_waiting() {
  while (running_ < options_.workers && !waiting_.empty()) {
    std::size_t index = options_.shuffle ? prng_.below(waiting_.size()) : 0;
    Job* job = waiting_[index];
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
    ++running_;
    job->started = true;
    job->changed.notify_all();
    place_.notify_one();
    Duration time(prng_.between(options_.job_time_min.count(), options_.job_time_max.count()));
    Instant end = clock_.now() + time;
    // What a job does to the world is seen early or late, never in between: both are tried.
    if (prng_.chance(0.5)) job->run();
    clock_.arm(*job, end);
  }
}

void SimWorkPool::finish(Job& job) noexcept {
  --running_;
  job.ended = true;
  job.changed.notify_all();
  start_waiting();
}

void SimWorkPool::die() noexcept {
  alive_ = false;
  for (Job* job : std::exchange(waiting_, {})) {
    job->ended = true;
    job->changed.notify_all();
  }
  place_.notify_all();
}

}  // namespace kith::sim
