// A canary for the compiler: shapes of coroutine code that some compilers get wrong (GCC 12.2
// destroys temporaries twice, or uses them after their end). The shapes that our rules allow must
// work with every compiler. Those that they forbid are tried too, except with GCC before 13, so
// that a change of the toolchain shows itself here. Each value that passes through counts its own
// lives, and AddressSanitizer sees the rest.
#include <array>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include <kith/port/port.hpp>
#include <kith/sim/testing.hpp>

namespace kith::port {
namespace {

/// Alive exactly as long as it should be, or the count ends above or below zero.
class Counted {
 public:
  explicit Counted(std::string text) : text_(std::make_unique<std::string>(std::move(text))) {
    ++alive;
  }
  Counted(Counted&& other) noexcept : text_(std::move(other.text_)) { ++alive; }
  Counted(const Counted& other) : text_(std::make_unique<std::string>(*other.text_)) { ++alive; }
  Counted& operator=(Counted other) noexcept {
    text_ = std::move(other.text_);
    return *this;
  }
  ~Counted() { --alive; }
  const std::string& text() const { return *text_; }

  static int alive;

 private:
  std::unique_ptr<std::string> text_;
};
int Counted::alive = 0;

struct Pair {
  Counted first;
  Counted second;
};

/// Suspends for real, so that everything lives across a suspension.
Task<std::string> echo(Counted value) {
  KITH_CO_CHECK(co_await yield());
  co_return value.text();
}

Task<Counted> make(std::string text) {
  KITH_CO_CHECK(co_await yield());
  co_return Counted(std::move(text));
}

Task<std::string> join(Pair pair) {
  KITH_CO_CHECK(co_await yield());
  co_return pair.first.text() + pair.second.text();
}

Task<std::string> call(std::function<std::string()> function) {
  KITH_CO_CHECK(co_await yield());
  co_return function();
}

Task<void> allowed_shapes(sim::World&) {
  // Named arguments, moved in.
  Counted named("named");
  KITH_CO_TRY(std::string one, co_await echo(std::move(named)));
  EXPECT_EQ(one, "named");
  // A temporary of a class with a constructor.
  KITH_CO_TRY(std::string two, co_await echo(Counted("temporary")));
  EXPECT_EQ(two, "temporary");
  // A named aggregate.
  Pair pair{Counted("a"), Counted("b")};
  KITH_CO_TRY(std::string three, co_await join(std::move(pair)));
  EXPECT_EQ(three, "ab");
  // A named capturing lambda.
  std::function<std::string()> function = [held = Counted("held")] { return held.text(); };
  KITH_CO_TRY(std::string four, co_await call(std::move(function)));
  EXPECT_EQ(four, "held");
  // An if with a declaration, a loop with one await in each round.
  if (auto made = co_await make("made"); made) {
    EXPECT_EQ(made->text(), "made");
  }
  std::string all;
  for (int i = 0; i < 3; ++i) {
    KITH_CO_TRY(Counted part, co_await make(std::to_string(i)));
    all += part.text();
  }
  EXPECT_EQ(all, "012");
  co_return Result<void>{};
}

Task<std::string> fails_through_a_check() {
  Counted held("held across the failure");
  KITH_CO_CHECK(co_await yield());
  Result<void> failed = std::unexpected(Error(Errc::refused, "with a text"));
  KITH_CO_CHECK(failed);
  co_return held.text();
}

Task<void> errors_travel(sim::World&) {
  auto failed = co_await fails_through_a_check();
  EXPECT_TRUE(!failed && failed.error().is(Errc::refused));
  EXPECT_EQ(failed.error().context(), "with a text");
  co_return Result<void>{};
}

Task<void> spawned(Counted value, std::string& into, Event& event) {
  into += value.text();
  auto woken = co_await event.wait();
  into += woken ? "." : "!";
  co_return Result<void>{};
}

TEST(CoroutineCanary, GetsTheAllowedShapesRight) {
  sim::run_test(1, allowed_shapes);
  EXPECT_EQ(Counted::alive, 0);
}

TEST(CoroutineCanary, DestroysWhatItHoldsWhenAnErrorTravelsThroughIt) {
  sim::run_test(1, errors_travel);
  EXPECT_EQ(Counted::alive, 0);
}

TEST(CoroutineCanary, DestroysTheArgumentsOfSpawnedTasksOnce) {
  sim::World world(1);
  TaskGroup group(world.executor(), world.clock());
  Event event(world.clock());
  std::string order;
  group.spawn(spawned(Counted("a"), order, event));
  world.run_to_rest();
  group.spawn(spawned(Counted("b"), order, event));
  EXPECT_EQ(Counted::alive, 2);
  group.cancel();
  world.run_to_rest();
  EXPECT_EQ(order, "a!");
  EXPECT_EQ(Counted::alive, 0);
}

#if !defined(__GNUC__) || defined(__clang__) || __GNUC__ >= 13

Task<void> forbidden_shapes(sim::World&) {
  // A capturing lambda in the statement.
  auto one = co_await call([held = Counted("lambda")] { return held.text(); });
  EXPECT_EQ(one.value(), "lambda");
  // An aggregate, braced, in the statement.
  auto two = co_await join(Pair{Counted("a"), Counted("b")});
  EXPECT_EQ(two.value(), "ab");
  auto three = co_await join({Counted("c"), Counted("d")});
  EXPECT_EQ(three.value(), "cd");
  // An aggregate made from awaits.
  Pair pair{(co_await make("e")).value(), (co_await make("f")).value()};
  EXPECT_EQ(pair.first.text() + pair.second.text(), "ef");
  // A conditional.
  bool yes = !pair.first.text().empty();
  auto four = yes ? co_await make("g") : Result<Counted>(Counted("h"));
  EXPECT_EQ(four.value().text(), "g");
  // A coroutine lambda with a capture, awaited at once.
  auto five = co_await [held = Counted("i")]() -> Task<std::string> {
    KITH_CO_CHECK(co_await yield());
    co_return held.text();
  }();
  EXPECT_EQ(five.value(), "i");
  co_return Result<void>{};
}

Task<int> five() {
  KITH_CO_CHECK(co_await yield());
  co_return 5;
}

/// A coroutine without locals whose condition awaits.
Task<void> condition_awaits(sim::World&) {
  if ((co_await five()).value() != 5) co_return std::unexpected(Errc::corrupt);
  while ((co_await five()).value() != 5)
    co_return std::unexpected(Errc::corrupt);
  co_return Result<void>{};
}

TEST(CoroutineCanary, GetsTheForbiddenShapesRightWithThisCompilerToo) {
  sim::run_test(1, forbidden_shapes);
  EXPECT_EQ(Counted::alive, 0);
  sim::run_test(1, condition_awaits);
}

#endif

}  // namespace
}  // namespace kith::port
