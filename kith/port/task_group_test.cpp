#include <gtest/gtest.h>

#include <kith/port/port.hpp>
#include <kith/sim/testing.hpp>

namespace kith::port {
namespace {

using sim::World;

Task<void> notes(std::string& into, char what) {
  into += what;
  co_return Result<void>{};
}

Task<void> waits(Event& event, std::string& into) {
  auto woken = co_await event.wait();
  into += woken ? "woken " : woken.error().is(Errc::cancelled) ? "cancelled " : "failed ";
  co_return Result<void>{};
}

TEST(TaskGroup, StartsTasksInOrderAndNeverInsideSpawn) {
  World world(1);
  TaskGroup group(world.executor(), world.clock());
  std::string order;
  for (char name = 'a'; name < 'e'; ++name)
    EXPECT_TRUE(group.spawn(notes(order, name)));
  EXPECT_EQ(order, "");
  EXPECT_EQ(group.size(), 4u);
  world.run_to_rest();
  EXPECT_EQ(order, "abcd");
  EXPECT_EQ(group.size(), 0u);
}

Task<void> spawns_one(TaskGroup& group, std::string& order) {
  order += '(';
  group.spawn(notes(order, 'x'));
  order += ')';
  co_return Result<void>{};
}

TEST(TaskGroup, StartsATaskThatATaskSpawnsOnlyWhenThatOneWaitsOrEnds) {
  World world(1);
  TaskGroup group(world.executor(), world.clock());
  std::string order;
  group.spawn(spawns_one(group, order));
  world.run_to_rest();
  EXPECT_EQ(order, "()x");
}

TEST(TaskGroup, RefusesATaskBeyondItsLimitAndTakesOneAgainWhenAnotherHasEnded) {
  World world(1);
  TaskGroup group(world.executor(), world.clock(), 2);
  Event event(world.clock());
  std::string order;
  EXPECT_TRUE(group.spawn(waits(event, order)));
  EXPECT_TRUE(group.spawn(waits(event, order)));
  EXPECT_FALSE(group.spawn(notes(order, 'x')));
  world.run_to_rest();
  event.notify_one();
  world.run_to_rest();
  EXPECT_EQ(group.size(), 1u);
  EXPECT_TRUE(group.spawn(waits(event, order)));
  world.run_to_rest();
  event.notify_all();
  world.run_to_rest();
  EXPECT_EQ(order, "woken woken woken ");
}

Task<void> wakes(Event& event) {
  event.notify_all();
  co_return Result<void>{};
}

Task<void> spawns_when_woken(TaskGroup& full, Event& event, bool& spawned) {
  KITH_CO_CHECK(co_await event.wait());
  spawned = full.spawn(wakes(event));
  co_return Result<void>{};
}

TEST(TaskGroup, HasAPlaceForWhomATaskWokeWithItsLastWords) {
  World world(1);
  TaskGroup outer(world.executor(), world.clock());
  TaskGroup full(world.executor(), world.clock(), 1);
  Event event(world.clock());
  bool spawned = false;
  outer.spawn(spawns_when_woken(full, event, spawned));
  world.run_to_rest();
  EXPECT_TRUE(full.spawn(wakes(event)));
  EXPECT_FALSE(full.spawn(wakes(event)));
  world.run_to_rest();
  EXPECT_TRUE(spawned);
}

Task<std::size_t> waits_deep(Event& event, std::size_t depth) {
  if (depth == 0) {
    KITH_CO_CHECK(co_await event.wait());
    co_return 0u;
  }
  KITH_CO_TRY(std::size_t below, co_await waits_deep(event, depth - 1));
  co_return below + 1;
}

Task<void> waits_nested(Event& event, std::string& into) {
  auto depth = co_await waits_deep(event, 10);
  EXPECT_FALSE(depth.has_value());
  into += depth ? "woken " : depth.error().is(Errc::cancelled) ? "cancelled " : "failed ";
  // Every later wait ends at once, too.
  auto again = co_await event.wait();
  into += !again && again.error().is(Errc::cancelled) ? "again " : "not again ";
  bool told = co_await is_cancelled();
  into += told ? "told " : "not told ";
  auto yielded = co_await yield();
  into += !yielded && yielded.error().is(Errc::cancelled) ? "yields not" : "yields";
  co_return Result<void>{};
}

TEST(TaskGroup, CancelReachesNestedWaitsAndEveryLaterOne) {
  World world(1);
  TaskGroup group(world.executor(), world.clock());
  Event event(world.clock());
  std::string order;
  group.spawn(waits_nested(event, order));
  world.run_to_rest();
  EXPECT_EQ(order, "");
  group.cancel();
  EXPECT_TRUE(group.cancelled());
  EXPECT_EQ(order, "") << "nobody runs inside cancel";
  world.run_to_rest();
  EXPECT_EQ(order, "cancelled again told yields not");
  EXPECT_FALSE(group.spawn(notes(order, 'x')));
}

TEST(TaskGroup, NeverStartsATaskThatWasCancelledBefore) {
  World world(1);
  TaskGroup group(world.executor(), world.clock());
  std::string order;
  group.spawn(notes(order, 'x'));
  group.spawn(notes(order, 'y'));
  group.cancel();
  world.run_to_rest();
  EXPECT_EQ(order, "");
  EXPECT_EQ(group.size(), 0u);
}

/// A parent with children of its own, as a session has them.
Task<void> parent(World& world, Event& event, std::string& order) {
  TaskGroup children(world.executor(), world.clock());
  children.spawn(waits(event, order));
  children.spawn(waits(event, order));
  auto waited = co_await event.wait();
  order += waited ? "woken " : "ending ";
  children.cancel();
  KITH_CO_CHECK(co_await children.join_shielded());
  order += "ended";
  co_return Result<void>{};
}

TEST(TaskGroup, LetsAParentThatIsCancelledEndItsChildrenFirst) {
  World world(1);
  TaskGroup group(world.executor(), world.clock());
  Event event(world.clock());
  std::string order;
  group.spawn(parent(world, event, order));
  world.run_to_rest();
  group.cancel();
  world.run_to_rest();
  EXPECT_EQ(order, "ending cancelled cancelled ended");
}

Task<void> joins(TaskGroup& group, std::string& into) {
  auto joined = co_await group.join();
  into += joined ? "joined " : joined.error().is(Errc::cancelled) ? "cancelled " : "failed ";
  co_return Result<void>{};
}

TEST(TaskGroup, JoinEndsWithTheLastChildOrWithItsOwnCancellation) {
  World world(1);
  TaskGroup workers(world.executor(), world.clock());
  TaskGroup joiners(world.executor(), world.clock());
  Event event(world.clock());
  std::string order;
  workers.spawn(waits(event, order));
  joiners.spawn(joins(workers, order));
  world.run_to_rest();
  EXPECT_EQ(order, "");
  joiners.cancel();
  world.run_to_rest();
  EXPECT_EQ(order, "cancelled ");
  EXPECT_EQ(workers.size(), 1u) << "children go on";
  TaskGroup others(world.executor(), world.clock());
  others.spawn(joins(workers, order));
  event.notify_all();
  world.run_to_rest();
  EXPECT_EQ(order, "cancelled woken joined ");
  EXPECT_TRUE(world.run(workers.join()).has_value()) << "an empty group is joined at once";
}

Task<void> cancels_its_group(TaskGroup& group, Event& event, std::string& order) {
  group.cancel();
  auto waited = co_await event.wait();
  order += waited ? "woken " : "cancelled ";
  co_return Result<void>{};
}

TEST(TaskGroup, MayBeCancelledByItsOwnChild) {
  World world(1);
  TaskGroup group(world.executor(), world.clock());
  Event event(world.clock());
  std::string order;
  group.spawn(waits(event, order));
  group.spawn(cancels_its_group(group, event, order));
  group.spawn(notes(order, 'x'));
  world.run_to_rest();
  EXPECT_EQ(order, "cancelled cancelled ");
  EXPECT_EQ(group.size(), 0u);
}

TEST(TaskGroup, SurvivesCancelsAtEveryMomentInEveryOrder) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    sim::WorldOptions options;
    options.shuffle_ready = seed % 2 == 1;
    World world(seed, options);
    TaskGroup group(world.executor(), world.clock());
    Event event(world.clock());
    std::string order;
    Prng& prng = world.prng();
    for (int step = 0; step < 30 && !group.cancelled(); ++step) {
      switch (prng.below(6)) {
        case 0:
        case 1:
          group.spawn(waits(event, order));
          break;
        case 2:
          group.spawn(parent(world, event, order));
          break;
        case 3:
          event.notify_one();
          break;
        case 4:
          world.run_for(0s);
          break;
        default:
          if (prng.below(4) == 0) group.cancel();
      }
    }
    event.notify_one();
    group.cancel();
    world.run_to_rest();
    ASSERT_EQ(group.size(), 0u) << "seed " << seed;
    ASSERT_FALSE(event.has_waiters());
  }
}

TEST(TaskGroupDeathTest, InsistsThatItIsEmptyAtItsEnd) {
  EXPECT_DEATH(
      {
        World world(1);
        Event event(world.clock());
        std::string order;
        TaskGroup group(world.executor(), world.clock());
        group.spawn(waits(event, order));
      },
      "children.empty");
}

}  // namespace
}  // namespace kith::port
