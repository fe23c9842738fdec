// SimWorkPool: workers that take virtual time. Jobs start in order (or as the seed says), each runs
// to its end inside one event of the world, either when it starts or when it ends, and its caller
// hears of it when it ends.
#pragma once

#include <functional>

#include <kith/base/prng.hpp>
#include <kith/port/event.hpp>
#include <kith/port/work_pool.hpp>
#include <kith/sim/clock.hpp>
#include <kith/sim/detail/queue.hpp>
#include <kith/sim/trace.hpp>

namespace kith::sim {

struct WorkPoolOptions {
  std::size_t workers = 2;
  std::size_t queue_max = 64;
  /// A waiting job may overtake others.
  bool shuffle = true;
  Duration job_time_min = 10us;
  Duration job_time_max = 1ms;
};

class SimWorkPool final : public port::WorkPool {
 public:
  /// What jobs take of memory is the node's.
  SimWorkPool(VirtualClock& clock, Trace& trace, Prng prng, WorkPoolOptions options,
              std::uint32_t node = 0);
  ~SimWorkPool() override;

  Task<void> run(std::function<void()> job) override;
  std::size_t parallelism() const noexcept override { return options_.workers; }

  /// The node has crashed: no job runs any more, and every caller hears Errc::cancelled.
  void die() noexcept;
  std::uint64_t jobs_run() const noexcept { return jobs_run_; }

 private:
  struct Job;
  void start_waiting();
  void finish(Job& job) noexcept;
  Task<void> wait_for(Job& job);

  VirtualClock& clock_;
  Trace& trace_;
  Prng prng_;
  WorkPoolOptions options_;
  std::uint32_t node_;
  bool alive_ = true;
  std::size_t running_ = 0;
  std::vector<Job*> waiting_;
  port::Event place_;
  std::uint64_t jobs_run_ = 0;
};

}  // namespace kith::sim
