#include <gtest/gtest.h>

#include <kith/net/dial_slots.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/testing.hpp>

namespace kith::net {
namespace {

/// Takes a slot, notes when, and holds it for a while.
Task<void> hold(port::Clock& clock, DialSlots& slots, int number, Duration time, Instant deadline,
                std::vector<int>& order) {
  KITH_CO_TRY(DialSlots::Slot slot, co_await slots.take(deadline));
  order.push_back(number);
  co_return co_await port::sleep_for(clock, time);
}

TEST(DialSlots, AreGivenInTheOrderOfAsking) {
  sim::run_seeds(1, 10, [](sim::World& world) -> Task<void> {
    DialSlots slots(world.clock(), 3);
    port::TaskGroup tasks(world.executor(), world.clock());
    std::vector<int> order;
    const Instant begin = world.now();
    for (int i = 0; i < 9; ++i)
      tasks.spawn(hold(world.clock(), slots, i, 10s, never, order));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_EQ(slots.taken(), 3u);
    KITH_CO_CHECK(co_await tasks.join_shielded());
    EXPECT_EQ(world.now() - begin, 30s);
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(slots.taken(), 0u);
    co_return Result<void>{};
  });
}

TEST(DialSlots, PassOverWhoGaveUpWaiting) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    DialSlots slots(world.clock(), 1);
    port::TaskGroup tasks(world.executor(), world.clock());
    std::vector<int> order;
    tasks.spawn(hold(world.clock(), slots, 0, 10s, never, order));
    tasks.spawn(hold(world.clock(), slots, 1, 10s, world.now() + 5s, order));
    tasks.spawn(hold(world.clock(), slots, 2, 10s, never, order));
    KITH_CO_CHECK(co_await tasks.join_shielded());
    EXPECT_EQ(order, (std::vector<int>{0, 2}));
    EXPECT_EQ(slots.taken(), 0u);
    co_return Result<void>{};
  });
}

// Whatever moment they are cancelled in, also that in which a slot changes hands.
TEST(DialSlots, AllComeBackWhenTheirHoldersAreCancelled) {
  sim::run_seeds(1, 50, [](sim::World& world) -> Task<void> {
    DialSlots slots(world.clock(), 2);
    std::vector<int> order;
    std::vector<std::unique_ptr<port::TaskGroup>> groups;
    for (int i = 0; i < 8; ++i) {
      groups.push_back(std::make_unique<port::TaskGroup>(world.executor(), world.clock()));
      const Duration time = 1ms * world.prng().below(4);
      groups.back()->spawn(hold(world.clock(), slots, i, time, never, order));
    }
    for (auto& group : groups) {
      KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1ms * world.prng().below(3)));
      group->cancel();
    }
    for (auto& group : groups)
      KITH_CO_CHECK(co_await group->join_shielded());
    EXPECT_EQ(slots.taken(), 0u);
    KITH_CO_TRY(DialSlots::Slot slot, co_await slots.take());
    EXPECT_EQ(slots.taken(), 1u);
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::net
