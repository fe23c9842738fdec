#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include <kith/io/detail/fixture.hpp>
#include <kith/io/limits.hpp>

namespace kith::io::detail {
namespace {

using port::Env;
using port::TaskGroup;

/// A gate that jobs wait at.
class Gate {
 public:
  void open() {
    std::scoped_lock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// Waits until it is open.
  void pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  /// Waits until so many are here at the same time.
  void meet(int count) {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this, count] { return arrived_ >= count; });
  }
  int arrived() {
    std::scoped_lock lock(mutex_);
    return arrived_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
  bool open_ = false;
};

RuntimeOptions workers(std::size_t count) {
  RuntimeOptions options;
  options.workers = count;
  return options;
}

Task<void> do_job(Env& env, std::function<void()> job, std::vector<Result<void>>& outcomes) {
  auto outcome = co_await env.pool.run(std::move(job));
  outcomes.push_back(outcome);
  co_return outcome;
}

TEST(ThreadPool, RunsJobsElsewhereAndReturnsOnTheLoop) {
  run_on_loop([](Env& env) -> Task<void> {
    std::thread::id loop = std::this_thread::get_id();
    std::thread::id worker;
    auto work = [&worker]() -> Result<int> {
      worker = std::this_thread::get_id();
      return 42;
    };
    KITH_CO_TRY(int answer, co_await port::run_on(env.pool, work));
    EXPECT_EQ(answer, 42);
    EXPECT_NE(worker, loop);
    EXPECT_EQ(std::this_thread::get_id(), loop);
    auto failing = []() -> Result<int> { return std::unexpected(Errc::not_found); };
    auto failed = co_await port::run_on(env.pool, failing);
    EXPECT_TRUE(!failed && failed.error().is(Errc::not_found));
    co_return Result<void>{};
  });
}

TEST(ThreadPool, RunsAsManyJobsAtATimeAsItSays) {
  run_on_loop(
      [](Env& env) -> Task<void> {
        EXPECT_EQ(env.pool.parallelism(), 3u);
        Gate gate;
        std::vector<Result<void>> outcomes;
        TaskGroup group(env.executor, env.clock);
        // Ends only if all three meet.
        for (int i = 0; i < 3; ++i)
          group.spawn(do_job(env, [&gate] { gate.meet(3); }, outcomes));
        KITH_CO_CHECK(co_await group.join());
        EXPECT_EQ(outcomes.size(), 3u);
        co_return Result<void>{};
      },
      workers(3));
}

TEST(ThreadPool, ACancelledJobThatHasNotStartedNeverRuns) {
  run_on_loop(
      [](Env& env) -> Task<void> {
        Gate gate;
        std::atomic<bool> ran = false;
        std::vector<Result<void>> first;
        std::vector<Result<void>> second;
        TaskGroup blockers(env.executor, env.clock);
        TaskGroup group(env.executor, env.clock);
        blockers.spawn(do_job(env, [&gate] { gate.pass(); }, first));
        KITH_CO_CHECK(co_await until([&gate] { return gate.arrived() == 1; }));
        group.spawn(do_job(env, [&ran] { ran = true; }, second));
        KITH_CO_CHECK(co_await settle());
        group.cancel();
        KITH_CO_CHECK(co_await group.join());
        EXPECT_EQ(second.size(), 1u);
        EXPECT_TRUE(!second.empty() && !second[0] && second[0].error().is(Errc::cancelled));
        gate.open();
        KITH_CO_CHECK(co_await blockers.join());
        // The only worker has been through its queue when this is done.
        KITH_CO_CHECK(co_await env.pool.run([] {}));
        EXPECT_FALSE(ran);
        co_return Result<void>{};
      },
      workers(1));
}

TEST(ThreadPool, ACancelledJobThatRunsIsWaitedFor) {
  run_on_loop(
      [](Env& env) -> Task<void> {
        Gate gate;
        std::vector<Result<void>> outcomes;
        TaskGroup group(env.executor, env.clock);
        group.spawn(do_job(env, [&gate] { gate.pass(); }, outcomes));
        KITH_CO_CHECK(co_await until([&gate] { return gate.arrived() == 1; }));
        group.cancel();
        KITH_CO_CHECK(co_await settle());
        EXPECT_TRUE(outcomes.empty());
        gate.open();
        KITH_CO_CHECK(co_await group.join());
        EXPECT_TRUE(outcomes.size() == 1 && outcomes[0]);
        co_return Result<void>{};
      },
      workers(1));
}

TEST(ThreadPool, BeyondItsBoundCallersWaitAndAllJobsRun) {
  run_on_loop(
      [](Env& env) -> Task<void> {
        constexpr std::size_t jobs = work_jobs_max + 500;
        Gate gate;
        std::atomic<std::size_t> ran = 0;
        std::vector<Result<void>> outcomes;
        TaskGroup group(env.executor, env.clock);
        TaskGroup late(env.executor, env.clock);
        for (std::size_t i = 0; i < jobs; ++i) {
          auto job = [&gate, &ran] {
            gate.pass();
            ++ran;
          };
          group.spawn(do_job(env, job, outcomes));
        }
        // These wait for a place, and are cancelled there.
        std::vector<Result<void>> given_up;
        for (int i = 0; i < 10; ++i)
          late.spawn(do_job(env, [&ran] { ++ran; }, given_up));
        KITH_CO_CHECK(co_await settle());
        late.cancel();
        KITH_CO_CHECK(co_await late.join());
        EXPECT_EQ(given_up.size(), 10u);
        gate.open();
        KITH_CO_CHECK(co_await group.join());
        EXPECT_EQ(ran, jobs);
        EXPECT_EQ(outcomes.size(), jobs);
        co_return Result<void>{};
      },
      workers(2));
}

Task<void> do_many(Env& env, std::size_t jobs, std::atomic<std::size_t>& ran) {
  for (std::size_t i = 0; i < jobs; ++i)
    KITH_CO_CHECK(co_await env.pool.run([&ran] { ++ran; }));
  co_return Result<void>{};
}

TEST(ThreadPool, LosesNoJobUnderLoad) {
  run_on_loop([](Env& env) -> Task<void> {
    std::atomic<std::size_t> ran = 0;
    TaskGroup group(env.executor, env.clock);
    for (int i = 0; i < 100; ++i)
      group.spawn(do_many(env, 200, ran));
    KITH_CO_CHECK(co_await group.join());
    EXPECT_EQ(ran, 20'000u);
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::io::detail
