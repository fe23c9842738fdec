#include <map>

#include <gtest/gtest.h>

#include <kith/port/port.hpp>
#include <kith/sim/testing.hpp>

namespace kith::port {
namespace {

using sim::VirtualClock;

/// Writes its name down when it fires, and does what it was told to.
struct Noting final : Timer {
  Noting(std::string& into, char own_name) : order(into), name(own_name) {}
  void on_fire() override {
    EXPECT_FALSE(armed());
    order += name;
    if (then) then();
  }
  std::string& order;
  char name;
  std::function<void()> then;
};

TEST(Clock, FiresInOrderOfTimeThenOfArming) {
  VirtualClock clock;
  std::string order;
  Noting a(order, 'a'), b(order, 'b'), c(order, 'c'), d(order, 'd');
  Instant begin = clock.now();
  clock.arm(c, begin + 2s);
  clock.arm(a, begin + 1s);
  clock.arm(d, begin + 2s);
  clock.arm(b, begin + 1s);
  EXPECT_EQ(clock.next(), begin + 1s);
  clock.advance(begin + 1s - 1ns);
  EXPECT_EQ(order, "");
  clock.advance(begin + 3s);
  EXPECT_EQ(order, "abcd");
  EXPECT_EQ(clock.armed_timers(), 0u);
}

TEST(Clock, MovesATimerThatIsArmedAgain) {
  VirtualClock clock;
  std::string order;
  Noting a(order, 'a'), b(order, 'b');
  Instant begin = clock.now();
  clock.arm(a, begin + 1s);
  clock.arm(b, begin + 1s);
  clock.arm(a, begin + 1s);
  clock.advance(begin + 1s);
  EXPECT_EQ(order, "ba") << "arming anew goes to the end of the line";
  clock.arm(a, begin + 2s);
  clock.arm(b, begin + 2s);
  clock.arm(a, never);
  clock.disarm(b);
  clock.disarm(b);
  clock.advance(begin + 3s);
  EXPECT_EQ(order, "ba");
  EXPECT_EQ(clock.next(), std::nullopt);
}

TEST(Clock, LetsATimerArmItselfDisarmAnotherOrEnd) {
  VirtualClock clock;
  std::string order;
  Noting a(order, 'a'), b(order, 'b'), c(order, 'c');
  auto gone = std::make_unique<Noting>(order, 'g');
  Instant begin = clock.now();
  a.then = [&] {
    clock.disarm(c);
    if (order.size() < 3) clock.arm(a, clock.now());
  };
  gone->then = [&] { gone.reset(); };
  clock.arm(a, begin + 1s);
  clock.arm(b, begin + 1s);
  clock.arm(c, begin + 1s);
  clock.arm(*gone, begin + 1s);
  clock.advance(begin + 1s);
  EXPECT_EQ(order, "abg") << "what is armed while firing waits for the next turn";
  EXPECT_EQ(gone, nullptr);
  clock.advance(begin + 1s);
  EXPECT_EQ(order, "abga");
}

TEST(Clock, AgreesWithASortedMapOverTenThousandTimers) {
  VirtualClock clock;
  Prng prng(5);
  std::string ignored;
  std::vector<std::unique_ptr<Noting>> timers;
  std::map<std::pair<Instant, std::uint64_t>, std::size_t> model;
  std::vector<std::pair<Instant, std::uint64_t>> place(10'000);
  std::vector<std::size_t> fired;
  std::uint64_t sequence = 0;
  for (std::size_t i = 0; i < place.size(); ++i) {
    timers.push_back(std::make_unique<Noting>(ignored, 't'));
    timers[i]->then = [&fired, i] { fired.push_back(i); };
  }
  for (int step = 0; step < 60'000; ++step) {
    std::size_t i = prng.below(timers.size());
    if (timers[i]->armed()) model.erase(place[i]);
    if (prng.below(4) == 0) {
      clock.disarm(*timers[i]);
      continue;
    }
    place[i] = {clock.now() + Duration(prng.below(1000)), sequence++};
    model.emplace(place[i], i);
    clock.arm(*timers[i], place[i].first);
  }
  ASSERT_EQ(clock.armed_timers(), model.size());
  while (clock.next())
    clock.advance(*clock.next());
  std::vector<std::size_t> expected;
  for (const auto& [key, i] : model)
    expected.push_back(i);
  EXPECT_EQ(fired, expected);
  EXPECT_GT(fired.size(), 5000u);
}

TEST(Clock, SleepsUntilTheInstantOrTheCancellation) {
  sim::World world(1);
  Instant begin = world.now();
  EXPECT_TRUE(world.run(sleep_for(world.clock(), 1500ms)).has_value());
  EXPECT_EQ(world.now(), begin + 1500ms);
  EXPECT_TRUE(world.run(sleep_until(world.clock(), begin)).has_value()) << "the past is now";
  EXPECT_EQ(world.now(), begin + 1500ms);
  TaskGroup group(world.executor(), world.clock());
  std::optional<Result<void>> outcome;
  group.spawn([](Clock& clock, std::optional<Result<void>>& into) -> Task<void> {
    into = co_await sleep_for(clock, 1h);
    co_return Result<void>{};
  }(world.clock(), outcome));
  world.run_for(1s);
  group.cancel();
  world.run_for(0s);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(!*outcome && outcome->error().is(Errc::cancelled));
  EXPECT_EQ(world.clock().armed_timers(), 0u);
}

TEST(ClockDeathTest, InsistsThatATimerIsDisarmedBeforeItDies) {
  EXPECT_DEATH(
      {
        VirtualClock clock;
        std::string order;
        Noting timer(order, 'a');
        clock.arm(timer, clock.now() + 1s);
      },
      "armed");
}

}  // namespace
}  // namespace kith::port
