#include <algorithm>
#include <csignal>

#include <gtest/gtest.h>
#include <unistd.h>

#include <kith/io/detail/fixture.hpp>

namespace kith::io {
namespace {

using detail::run_on_loop;
using detail::settle;
using port::Env;
using port::TaskGroup;

Task<void> fail_with(Errc code) {
  co_return std::unexpected(code);
}

TEST(Runtime, ReturnsWhatItsTaskReturned) {
  auto runtime = Runtime::create();
  ASSERT_TRUE(runtime);
  Result<void> failed = runtime->run(fail_with(Errc::refused));
  EXPECT_TRUE(!failed && failed.error().is(Errc::refused));
  EXPECT_TRUE(runtime->run(port::sleep_for(runtime->env().clock, 1ms)));
}

TEST(Runtime, RefusesLogLevelsThatMakeNoSense) {
  RuntimeOptions options;
  options.log_levels = "net=loud";
  auto runtime = Runtime::create(options);
  ASSERT_FALSE(runtime);
  EXPECT_TRUE(runtime.error().is(Errc::invalid_argument));
}

Task<void> sleep_and_note(Env& env, Duration duration, std::vector<Duration>& order) {
  KITH_CO_CHECK(co_await port::sleep_for(env.clock, duration));
  order.push_back(duration);
  co_return Result<void>{};
}

TEST(Runtime, TimersFireInTheirOrderAndNeverEarly) {
  run_on_loop([](Env& env) -> Task<void> {
    std::vector<Duration> order;
    TaskGroup group(env.executor, env.clock);
    Instant start = env.clock.now();
    for (Duration duration : {30ms, 5ms, 20ms, 10ms, 5ms})
      group.spawn(sleep_and_note(env, duration, order));
    KITH_CO_CHECK(co_await group.join());
    EXPECT_GE(env.clock.now() - start, 30ms);
    EXPECT_TRUE(std::ranges::is_sorted(order));
    EXPECT_EQ(order.size(), 5u);
    co_return Result<void>{};
  });
}

TEST(Runtime, AnEarlierTimerMovesTheAlarmForward) {
  run_on_loop([](Env& env) -> Task<void> {
    std::vector<Duration> order;
    TaskGroup late(env.executor, env.clock);
    late.spawn(sleep_and_note(env, 1h, order));
    KITH_CO_CHECK(co_await settle());
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 1ms));
    EXPECT_TRUE(order.empty());
    late.cancel();
    KITH_CO_CHECK(co_await late.join());
    co_return Result<void>{};
  });
}

TEST(Runtime, RandomnessDiffersFromRunToRun) {
  std::uint64_t numbers[2];
  Bytes bytes[2] = {Bytes(32), Bytes(32)};
  for (int i = 0; i < 2; ++i) {
    auto runtime = Runtime::create();
    ASSERT_TRUE(runtime);
    numbers[i] = runtime->env().prng.next();
    runtime->env().random.fill(bytes[i]);
  }
  EXPECT_NE(numbers[0], numbers[1]);
  EXPECT_NE(bytes[0], bytes[1]);
}

TEST(Runtime, WallTimeIsOfThisCentury) {
  auto runtime = Runtime::create();
  ASSERT_TRUE(runtime);
  EXPECT_GT(runtime->env().wall.now().time_since_epoch(), 24h * 365 * 50);
}

Task<void> await_two_signals(Runtime& runtime, std::vector<int>& numbers) {
  for (int i = 0; i < 2; ++i) {
    KITH_CO_TRY(int number, co_await runtime.wait_signal());
    numbers.push_back(number);
  }
  co_return Result<void>{};
}

Task<void> send_signals(Runtime& runtime) {
  std::vector<int> numbers;
  Env& env = runtime.env();
  TaskGroup group(env.executor, env.clock);
  group.spawn(await_two_signals(runtime, numbers));
  KITH_CO_CHECK(co_await settle());
  ::kill(::getpid(), SIGTERM);
  ::kill(::getpid(), SIGINT);
  KITH_CO_CHECK(co_await group.join());
  std::ranges::sort(numbers);
  EXPECT_EQ(numbers, (std::vector<int>{SIGINT, SIGTERM}));
  // Nobody waits now, and yet it isn't lost.
  ::kill(::getpid(), SIGTERM);
  KITH_CO_CHECK(co_await settle());
  KITH_CO_TRY(int number, co_await runtime.wait_signal());
  EXPECT_EQ(number, SIGTERM);
  co_return Result<void>{};
}

TEST(Runtime, DeliversSignals) {
  auto runtime = Runtime::create();
  ASSERT_TRUE(runtime);
  Result<void> outcome = runtime->run(send_signals(*runtime));
  EXPECT_TRUE(outcome) << outcome.error().message();
}

Task<void> give_up_waiting(Runtime& runtime) {
  std::vector<int> numbers;
  Env& env = runtime.env();
  TaskGroup group(env.executor, env.clock);
  group.spawn(await_two_signals(runtime, numbers));
  KITH_CO_CHECK(co_await settle());
  group.cancel();
  co_return co_await group.join();
}

TEST(Runtime, WaitingForASignalCanBeCancelled) {
  auto runtime = Runtime::create();
  ASSERT_TRUE(runtime);
  EXPECT_TRUE(runtime->run(give_up_waiting(*runtime)));
}

}  // namespace
}  // namespace kith::io
