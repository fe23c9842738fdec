#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include <kith/port/port.hpp>
#include <kith/sim/testing.hpp>

namespace kith::port {
namespace {

using sim::World;

std::string name_of(const Result<void>& woken) {
  if (woken) return "ok";
  if (woken.error().is(Errc::cancelled)) return "cancelled";
  if (woken.error().is(Errc::timed_out)) return "late";
  if (woken.error().is(Errc::closed)) return "closed";
  return "?";
}

Task<void> waits(Event& event, std::string& into, char name, Instant deadline = never) {
  auto woken = co_await event.wait(deadline);
  into += name;
  into += name_of(woken) + " ";
  co_return Result<void>{};
}

Task<void> waits_shielded(Event& event, std::string& into, Instant deadline = never) {
  auto woken = co_await event.wait_shielded(deadline);
  into += name_of(woken) + " ";
  co_return Result<void>{};
}

struct Waiting {
  Waiting() : event(world.clock()), group(world.executor(), world.clock()) {}
  World world{1};
  Event event;
  TaskGroup group;
  std::string order;
};

TEST(Event, WakesInTheOrderOfWaiting) {
  Waiting w;
  for (char name = 'a'; name < 'e'; ++name)
    w.group.spawn(waits(w.event, w.order, name));
  w.world.run_to_rest();
  w.event.notify_one();
  w.world.run_to_rest();
  EXPECT_EQ(w.order, "aok ");
  w.event.notify_all();
  EXPECT_EQ(w.order, "aok ") << "nobody runs inside notify";
  w.world.run_to_rest();
  EXPECT_EQ(w.order, "aok bok cok dok ");
  w.event.notify_one();
  w.group.spawn(waits(w.event, w.order, 'e'));
  w.world.run_to_rest();
  EXPECT_TRUE(w.event.has_waiters()) << "a notification with nobody waiting is lost";
  w.event.notify_one();
  w.world.run_to_rest();
}

TEST(Event, EndsAWaitAtItsDeadlineAndOnlyThen) {
  Waiting w;
  Instant begin = w.world.now();
  w.group.spawn(waits(w.event, w.order, 'a', begin + 2s));
  w.group.spawn(waits(w.event, w.order, 'b', begin + 1s));
  w.group.spawn(waits(w.event, w.order, 'c', begin));
  w.group.spawn(waits(w.event, w.order, 'd', begin + 3s));
  w.world.run_for(2s - 1ns);
  EXPECT_EQ(w.order, "clate blate ");
  w.world.run_for(1ns);
  EXPECT_EQ(w.order, "clate blate alate ");
  w.event.notify_all();
  w.world.run_to_rest();
  EXPECT_EQ(w.order, "clate blate alate dok ");
  EXPECT_EQ(w.world.now(), begin + 2s) << "the woken wait's timer is disarmed";
}

TEST(Event, PassesOneNotificationToOneWaiterEvenIfItIsCancelledInTheSameTurn) {
  // Notified first: the wait has succeeded, and the cancellation shows at the next one.
  Waiting w;
  w.group.spawn(waits(w.event, w.order, 'a'));
  w.world.run_to_rest();
  w.event.notify_one();
  w.group.cancel();
  w.world.run_to_rest();
  EXPECT_EQ(w.order, "aok ");

  // Cancelled first: the notification goes to the next in line.
  Waiting v;
  TaskGroup other(v.world.executor(), v.world.clock());
  v.group.spawn(waits(v.event, v.order, 'a'));
  v.world.run_to_rest();
  other.spawn(waits(v.event, v.order, 'b'));
  v.world.run_to_rest();
  v.group.cancel();
  v.event.notify_one();
  v.world.run_to_rest();
  EXPECT_EQ(v.order, "acancelled bok ");
}

TEST(Event, DoesNotEndAShieldedWaitByCancellation) {
  Waiting w;
  w.group.spawn(waits_shielded(w.event, w.order));
  w.group.spawn(waits_shielded(w.event, w.order, w.world.now() + 5s));
  w.world.run_for(0s);
  w.group.cancel();
  w.world.run_for(1s);
  EXPECT_EQ(w.order, "");
  w.world.run_for(4s);
  EXPECT_EQ(w.order, "late ");
  w.event.notify_all();
  w.world.run_to_rest();
  EXPECT_EQ(w.order, "late ok ");
}

TEST(Event, ArrivesWithTheEarlierOfDeadlineAndNotification) {
  // At the same instant the timer fires before what a coroutine does then.
  Waiting w;
  Instant at = w.world.now() + 1s;
  w.group.spawn(waits(w.event, w.order, 'a', at));
  w.world.run_for(1s - 1ns);
  w.event.notify_one();
  w.world.run_to_rest();
  EXPECT_EQ(w.order, "aok ");
}

template <class T>
Task<void> awaits(OneShot<T>& result, std::string& into, Instant deadline = never) {
  auto value = co_await result.wait(deadline);
  into += value ? std::to_string(*value) + " " : value.error().message() + " ";
  co_return Result<void>{};
}

TEST(OneShot, GivesItsFirstResultToAllWhoWaitAndWhoComeLater) {
  Waiting w;
  OneShot<int> result(w.world.clock());
  w.group.spawn(awaits(result, w.order));
  w.group.spawn(awaits(result, w.order));
  w.group.spawn(awaits(result, w.order, w.world.now() + 1s));
  w.world.run_for(1s);
  EXPECT_EQ(w.order, Error(Errc::timed_out).message() + " ");
  w.order.clear();
  EXPECT_FALSE(result.ready());
  result.set(7);
  result.set(8);
  EXPECT_TRUE(result.ready());
  w.group.spawn(awaits(result, w.order));
  w.world.run_to_rest();
  EXPECT_EQ(w.order, "7 7 7 ");
  EXPECT_EQ(w.world.run(result.wait()).value(), 7);
}

TEST(OneShot, CarriesAnErrorAsWell) {
  World world(1);
  OneShot<int> result(world.clock());
  result.set(std::unexpected(Errc::refused));
  EXPECT_TRUE(world.run(result.wait()).error().is(Errc::refused));
}

Task<void> pops(Channel<int>& channel, std::string& into, char name, Instant deadline = never) {
  auto value = co_await channel.pop(deadline);
  into += name;
  into += value ? std::to_string(*value) : value.error().is(Errc::closed) ? "closed" : "failed";
  into += ' ';
  co_return Result<void>{};
}

Task<void> pushes(Channel<int>& channel, std::string& into, int value, Instant deadline = never) {
  auto pushed = co_await channel.push(value, deadline);
  into += "p" + std::to_string(value) + name_of(pushed) + " ";
  co_return Result<void>{};
}

TEST(Channel, KeepsOrderAndBound) {
  Waiting w;
  Channel<int> channel(w.world.clock(), 2);
  EXPECT_TRUE(channel.try_push(1));
  EXPECT_TRUE(channel.try_push(2));
  EXPECT_FALSE(channel.try_push(3));
  w.group.spawn(pushes(channel, w.order, 3));
  w.group.spawn(pushes(channel, w.order, 4, w.world.now() + 1s));
  w.world.run_for(0s);
  EXPECT_EQ(w.order, "");
  EXPECT_EQ(channel.try_pop(), 1);
  w.world.run_for(1s);
  EXPECT_EQ(w.order, "p3ok p4late ");
  EXPECT_EQ(w.world.run(channel.pop()).value(), 2);
  EXPECT_EQ(w.world.run(channel.pop()).value(), 3);
  EXPECT_EQ(channel.try_pop(), std::nullopt);
  EXPECT_TRUE(w.world.run(channel.pop(w.world.now() + 1s)).error().is(Errc::timed_out));
}

TEST(Channel, GivesValuesToReadersInTheOrderOfWaiting) {
  Waiting w;
  Channel<int> channel(w.world.clock(), 10);
  for (char name = 'a'; name < 'd'; ++name)
    w.group.spawn(pops(channel, w.order, name));
  w.world.run_to_rest();
  for (int i = 1; i <= 3; ++i)
    EXPECT_TRUE(channel.try_push(i));
  w.world.run_to_rest();
  EXPECT_EQ(w.order, "a1 b2 c3 ");
}

TEST(Channel, LetsWhatIsInBePoppedAfterClose) {
  Waiting w;
  Channel<int> channel(w.world.clock(), 1);
  EXPECT_TRUE(channel.try_push(1));
  w.group.spawn(pushes(channel, w.order, 2));
  w.world.run_to_rest();
  channel.close();
  w.world.run_to_rest();
  EXPECT_EQ(w.order, "p2closed ");
  EXPECT_FALSE(channel.try_push(3));
  EXPECT_EQ(w.world.run(channel.pop()).value(), 1);
  EXPECT_TRUE(w.world.run(channel.pop()).error().is(Errc::closed));
}

TEST(Channel, LosesNothingWhenReadersAreCancelledOrLateAtAnyMoment) {
  // Readers with deadlines, and a group of them that is cancelled, compete for the same values;
  // writers wait for room. However it goes, each writer gets its value in and each value out once.
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    sim::WorldOptions options;
    options.shuffle_ready = seed % 2 == 1;
    World world(seed, options);
    Channel<int> channel(world.clock(), 1 + world.prng().below(3));
    TaskGroup steady(world.executor(), world.clock());
    TaskGroup doomed(world.executor(), world.clock());
    std::string popped;
    std::string pushed;
    int values = 0;
    Prng& prng = world.prng();
    for (int step = 0; step < 60; ++step) {
      Instant soon = world.now() + Duration(prng.below(3));
      switch (prng.below(7)) {
        case 0:
          steady.spawn(pops(channel, popped, 's'));
          break;
        case 1:
          steady.spawn(pops(channel, popped, 'l', soon));
          break;
        case 2:
          doomed.spawn(pops(channel, popped, 'd'));
          break;
        case 3:
        case 4:
          steady.spawn(pushes(channel, pushed, values++));
          break;
        case 5:
          world.run_for(Duration(prng.below(2)));
          break;
        default:
          if (prng.below(8) == 0) doomed.cancel();
      }
    }
    doomed.cancel();
    world.run_to_rest();
    // Who still waits is served by what is pushed now, or by what is popped now.
    while (steady.size() > 0) {
      if (!channel.try_push(1000)) popped += "s" + std::to_string(*channel.try_pop()) + " ";
      world.run_to_rest();
    }
    while (auto left = channel.try_pop())
      popped += "s" + std::to_string(*left) + " ";
    std::multiset<int> popped_values;
    std::istringstream words(popped);
    for (std::string word; words >> word;) {
      bool failed = word.substr(1) == "failed";
      if (!failed && std::stoi(word.substr(1)) < 1000) {
        popped_values.insert(std::stoi(word.substr(1)));
      }
    }
    std::multiset<int> pushed_values;
    for (int value = 0; value < values; ++value) {
      if (pushed.find("p" + std::to_string(value) + "ok ") != std::string::npos) {
        pushed_values.insert(value);
      }
    }
    ASSERT_EQ(pushed_values.size(), static_cast<std::size_t>(values)) << "seed " << seed;
    ASSERT_EQ(popped_values, pushed_values) << "seed " << seed;
  }
}

TEST(Channel, WakesAReaderForEachValueAlsoAcrossCancellation) {
  // Two values, two wake-ups; the first woken reader is cancelled in the same turn. It has been
  // woken, so it still takes its value, and the other reader takes the second.
  Waiting w;
  TaskGroup other(w.world.executor(), w.world.clock());
  Channel<int> channel(w.world.clock(), 4);
  w.group.spawn(pops(channel, w.order, 'a'));
  w.world.run_to_rest();
  other.spawn(pops(channel, w.order, 'b'));
  w.world.run_to_rest();
  EXPECT_TRUE(channel.try_push(1));
  w.group.cancel();
  EXPECT_TRUE(channel.try_push(2));
  w.world.run_to_rest();
  EXPECT_EQ(w.order, "a1 b2 ");
}

}  // namespace
}  // namespace kith::port
