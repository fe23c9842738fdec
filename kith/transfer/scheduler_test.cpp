#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/transfer/scheduler.hpp>

namespace kith::transfer {
namespace {

using Kind = Action::Kind;

constexpr Instant begin = Instant(1000s);

UnitId unit(std::uint64_t number) {
  return UnitId{number};
}

/// Actions of one kind, as (source, unit).
std::vector<std::pair<SourceId, UnitId>> of(const std::vector<Action>& actions, Kind kind) {
  std::vector<std::pair<SourceId, UnitId>> found;
  for (const Action& action : actions) {
    if (action.kind == kind) found.emplace_back(action.source, action.unit);
  }
  return found;
}

using Pairs = std::vector<std::pair<SourceId, UnitId>>;

/// A scheduler with a job, spoken to by hand.
struct ByHand {
  Scheduler scheduler;
  Instant now = begin;
  JobId job = scheduler.add_job(begin);

  void want(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t i = first; i <= last; ++i)
      scheduler.want(job, unit(i), now);
  }
  SourceId source(bool answers = true) { return scheduler.add_source(answers, now); }
  std::vector<Action> poll() { return scheduler.poll(now); }
  void wait(Duration duration) { now += duration; }
};

TEST(Scheduler, AsksWhoHasAUnitBeforeItAsksForIt) {
  ByHand by;
  SourceId a = by.source(), b = by.source();
  by.want(1, 1);
  auto actions = by.poll();
  EXPECT_EQ(of(actions, Kind::probe), (Pairs{{a, unit(1)}, {b, unit(1)}}));
  EXPECT_TRUE(of(actions, Kind::fetch).empty());
  by.scheduler.has(b, unit(1));
  EXPECT_EQ(of(by.poll(), Kind::fetch), (Pairs{{b, unit(1)}}));
}

TEST(Scheduler, TakesBackWhatItAskedOthersOnceAUnitHasCome) {
  ByHand by;
  SourceId a = by.source(), b = by.source(), c = by.source();
  by.want(1, 1);
  by.poll();
  by.scheduler.has(a, unit(1));
  by.scheduler.lacks(b, unit(1), by.now);
  by.poll();
  EXPECT_TRUE(by.scheduler.received(a, unit(1), 1000, by.now));
  // `b` remembers the wish for the day when it has the unit; `a` has forgotten what it answered.
  auto dropped = of(by.poll(), Kind::drop);
  std::ranges::sort(dropped);
  EXPECT_EQ(dropped, (Pairs{{b, unit(1)}, {c, unit(1)}}));
  EXPECT_EQ(by.scheduler.units(), 0U);
  EXPECT_EQ(by.scheduler.next_deadline(), never);
}

TEST(Scheduler, AsksAMemberForTheRestOutright) {
  ByHand by;
  SourceId a = by.source();
  by.want(1, 1);
  by.poll();
  by.scheduler.has(a, unit(1));
  by.poll();
  by.wait(50ms);
  by.scheduler.received(a, unit(1), 1000, by.now);
  by.want(2, 4);
  EXPECT_EQ(of(by.poll(), Kind::fetch), (Pairs{{a, unit(2)}, {a, unit(3)}, {a, unit(4)}}));
}

TEST(Scheduler, GivesANewSourceASmallWindow) {
  ByHand by;
  SourceId a = by.source();
  by.want(1, 1000);
  by.poll();
  by.scheduler.has(a, unit(1));
  EXPECT_EQ(of(by.poll(), Kind::fetch).size(), window_units_min);
}

TEST(Scheduler, SendsWhatIsLackedToOthers) {
  ByHand by;
  SourceId a = by.source(), b = by.source();
  by.want(1, 1);
  by.poll();
  by.scheduler.has(a, unit(1));
  by.scheduler.has(b, unit(1));
  EXPECT_EQ(of(by.poll(), Kind::fetch), (Pairs{{a, unit(1)}}));
  by.scheduler.lacks(a, unit(1), by.now);
  EXPECT_EQ(of(by.poll(), Kind::fetch), (Pairs{{b, unit(1)}}));
}

TEST(Scheduler, AsksAMemberFirstThatLackedTooMuch) {
  ByHand by;
  SourceId a = by.source();
  by.want(1, 1);
  by.poll();
  by.scheduler.has(a, unit(1));
  by.poll();
  by.scheduler.received(a, unit(1), 1000, by.now);
  std::size_t fetched = 0;
  for (std::uint64_t i = 2; i < 20; ++i) {
    by.want(i, i);
    auto actions = by.poll();
    if (of(actions, Kind::fetch).empty()) {
      EXPECT_EQ(of(actions, Kind::probe), (Pairs{{a, unit(i)}}));
    }
    fetched += of(actions, Kind::fetch).size();
    by.scheduler.lacks(a, unit(i), by.now);
  }
  EXPECT_EQ(fetched, misses_forgiven + 2);
  by.want(50, 50);
  EXPECT_EQ(of(by.poll(), Kind::probe), (Pairs{{a, unit(50)}}));
  by.scheduler.has(a, unit(50));
  EXPECT_EQ(of(by.poll(), Kind::fetch), (Pairs{{a, unit(50)}}));
}

/// A job whose head came from `holder`, who has all of it, while `fellow` fetches it, too.
struct AmongFellows : ByHand {
  SourceId holder = source(), fellow = source();

  explicit AmongFellows(std::uint64_t seed = 0) {
    scheduler = Scheduler(seed);
    job = scheduler.add_job(now);
    holder = source();
    fellow = source();
    want(1, 1);
    poll();
    scheduler.lacks(fellow, unit(1), now);
    scheduler.has(holder, unit(1));
    poll();
    wait(50ms);
    scheduler.received(holder, unit(1), 250'000, now);
    poll();
    scheduler.shares(fellow, job);
  }
  /// All that is asked for comes, until the unit has, or hasn't after many rounds.
  void fetch_until(UnitId last) {
    for (int round = 0; round < 200 && scheduler.wanted(last); ++round) {
      Pairs fetched = of(poll(), Kind::fetch);
      wait(20ms);
      for (auto [source, unit] : fetched)
        scheduler.received(source, unit, 250'000, now);
    }
  }
};

TEST(Scheduler, AsksAFellowAheadAndFetchesOnlyWhatItAnnounces) {
  AmongFellows by;
  by.want(2, 200);
  auto actions = by.poll();
  Pairs probed = of(actions, Kind::probe);
  ASSERT_EQ(probed.size(), fellow_units_max);
  for (std::size_t i = 0; i < probed.size(); ++i)
    EXPECT_EQ(probed[i], (std::pair{by.fellow, unit(2 + i)}));
  for (auto [source, _] : of(actions, Kind::fetch))
    EXPECT_EQ(source, by.holder);
  by.scheduler.lacks(by.fellow, unit(40), by.now);
  EXPECT_TRUE(of(by.poll(), Kind::fetch).empty());
  by.scheduler.has(by.fellow, unit(40));
  EXPECT_EQ(of(by.poll(), Kind::fetch), (Pairs{{by.fellow, unit(40)}}));
}

TEST(Scheduler, AFellowIsWhoHasFetchedWhatItLackedBefore) {
  ByHand by;
  SourceId a = by.source(), b = by.source();
  by.want(1, 9);
  by.poll();
  by.scheduler.lacks(a, unit(1), by.now);
  by.scheduler.lacks(b, unit(1), by.now);
  by.poll();
  by.scheduler.has(a, unit(1));
  EXPECT_EQ(of(by.poll(), Kind::fetch), (Pairs{{a, unit(1)}})) << "nothing but what it announced";
}

TEST(Scheduler, WhoAnswersLateIsNoFellow) {
  ByHand by;
  SourceId slow = by.source();
  by.want(1, 9);
  by.poll();
  by.wait(patience_initial + 1s);
  by.poll();
  by.scheduler.has(slow, unit(1));
  by.poll();
  by.want(10, 12);
  EXPECT_EQ(of(by.poll(), Kind::fetch),
            (Pairs{{slow, unit(10)}, {slow, unit(11)}, {slow, unit(12)}}))
      << "it may have the rest, too";
}

TEST(Scheduler, AFellowThatHasAllItIsAskedAboutIsAskedOutright) {
  AmongFellows by;
  by.scheduler.remove_source(by.holder);
  by.want(2, 200);
  by.poll();
  for (std::uint64_t i = 2; i < 2 + fellow_proven_units; ++i)
    by.scheduler.has(by.fellow, unit(i));
  by.fetch_until(unit(200));
  EXPECT_FALSE(by.scheduler.wanted(unit(200))) << "which it never announced";
}

/// A job with as many fellows as it may have. The holder sends a unit a second.
struct CrowdOfFellows : AmongFellows {
  std::vector<SourceId> crowd = {fellow};
  std::deque<UnitId> at_holder;
  std::uint64_t next_urgent = 100'000;

  CrowdOfFellows() {
    want(2, 400);
    while (crowd.size() < fellows_max)
      crowd.push_back(fellow_comes());
  }
  SourceId fellow_comes() {
    const SourceId comes = source();
    scheduler.shares(comes, job);
    return comes;
  }
  /// Returns what was asked of others than the holder.
  Pairs pass(Duration duration) {
    Pairs asked;
    for (const Instant until = now + duration; now < until;) {
      for (auto [source, unit] : of(poll(), Kind::fetch)) {
        if (source != holder)
          asked.emplace_back(source, unit);
        else
          at_holder.push_back(unit);
      }
      wait(1s);
      if (at_holder.empty()) continue;
      scheduler.received(holder, at_holder.front(), 250'000, now);
      at_holder.pop_front();
    }
    return asked;
  }
  /// Who is asked about a unit that the holder would send as well.
  std::set<SourceId> fellows() {
    pass(1s);
    const UnitId urgent = unit(next_urgent++);
    scheduler.want(job, urgent, now, true);
    std::set<SourceId> asked;
    for (auto [source, unit] : of(poll(), Kind::probe)) {
      if (unit == urgent) asked.insert(source);
    }
    scheduler.forget(job, urgent);
    return asked;
  }
  void all_announce_but(std::size_t silent) {
    for (std::size_t i = silent; i < crowd.size(); ++i)
      scheduler.has(crowd[i], unit(300 + i));
  }
};

TEST(Scheduler, AFellowOfNoUseGivesItsPlaceToOneThatComes) {
  CrowdOfFellows by;
  by.pass(fellow_idle_max - 3s);
  const SourceId honest = by.fellow_comes();
  EXPECT_EQ(by.fellows(), std::set(by.crowd.begin(), by.crowd.end()));
  by.pass(3s);
  by.scheduler.shares(honest, by.job);
  const std::set<SourceId> fellows = by.fellows();
  EXPECT_EQ(fellows.size(), fellows_max);
  EXPECT_TRUE(fellows.contains(honest));
  EXPECT_FALSE(fellows.contains(by.crowd[0])) << "the first of those that are equally useless";
  for (std::uint64_t i = 80; i < 90; ++i)
    by.scheduler.has(honest, unit(i));
  Pairs asked = by.pass(1s);
  ASSERT_FALSE(asked.empty());
  EXPECT_EQ(asked.front().first, honest);
}

TEST(Scheduler, AFellowThatWasUsefulLatelyKeepsItsPlace) {
  CrowdOfFellows by;
  by.pass(10s);
  by.all_announce_but(2);
  by.scheduler.received(by.crowd[1], unit(399), 250'000, by.now);
  by.pass(fellow_idle_max - 11s);
  const SourceId first = by.fellow_comes(), second = by.fellow_comes();
  by.pass(2s);
  by.scheduler.shares(first, by.job);
  by.scheduler.shares(second, by.job);
  std::set<SourceId> expected(by.crowd.begin() + 1, by.crowd.end());
  expected.insert(first);
  EXPECT_EQ(by.fellows(), expected);
}

TEST(Scheduler, AFellowThatSendsAUnitSlowlyKeepsItsPlace) {
  CrowdOfFellows by;
  by.scheduler.has(by.crowd[0], unit(60));
  for (Duration passed{0}; passed < fellow_idle_max + 1s; passed += 1s) {
    by.pass(1s);
    by.scheduler.progress(by.crowd[0], 100'000, by.now);
  }
  EXPECT_TRUE(by.scheduler.wanted(unit(60)));
  const SourceId comes = by.fellow_comes();
  std::set<SourceId> fellows = by.fellows();
  EXPECT_TRUE(fellows.contains(comes));
  EXPECT_TRUE(fellows.contains(by.crowd[0]));
}

TEST(Scheduler, WhatAStalledFellowAnnouncesKeepsItNoPlace) {
  CrowdOfFellows by;
  by.scheduler.has(by.crowd[0], unit(60));
  by.pass(fellow_idle_max / 2);
  EXPECT_TRUE(by.scheduler.source_status(by.crowd[0]).stalled);
  by.all_announce_but(0);
  by.pass(fellow_idle_max / 2 + 1s);
  const SourceId comes = by.fellow_comes();
  EXPECT_TRUE(by.fellows().contains(comes));
}

TEST(Scheduler, AFormerFellowTakesNoPlaceUntilItIsOfUse) {
  CrowdOfFellows by;
  const SourceId former = by.crowd[0];
  // So it is a member of the job, too, which is asked outright if it is no fellow.
  by.scheduler.received(former, unit(398), 250'000, by.now);
  by.pass(fellow_idle_max + 1s);
  for (std::size_t i = 0; i < fellows_max; ++i)
    by.fellow_comes();
  EXPECT_FALSE(by.fellows().contains(former));
  const Pairs asked = by.pass(fellow_idle_max + 1s);
  EXPECT_EQ(std::ranges::find(asked, former, &Pairs::value_type::first), asked.end())
      << "it has announced nothing";
  by.scheduler.shares(former, by.job);
  EXPECT_FALSE(by.fellows().contains(former));
  by.scheduler.has(former, unit(397));
  EXPECT_TRUE(by.fellows().contains(former));
}

TEST(Scheduler, AFormerFellowThatHasAllItWasAskedAboutIsAskedOutright) {
  CrowdOfFellows by;
  by.pass(fellow_idle_max - 1s);
  // The questions have expired; these are new.
  for (std::uint64_t i = 0; i < fellow_units_max; ++i)
    by.scheduler.want(by.job, unit(1000 + i), by.now, true);
  by.poll();
  by.wait(2s);
  by.fellow_comes();
  by.all_announce_but(1);
  for (std::uint64_t i = 0; i < fellow_proven_units; ++i)
    by.scheduler.has(by.crowd[0], unit(1000 + i));
  for (SourceId other : by.crowd) {
    if (other != by.crowd[0]) by.scheduler.remove_source(other);
  }
  by.scheduler.remove_source(by.holder);
  by.fetch_until(unit(400));
  EXPECT_FALSE(by.scheduler.wanted(unit(400))) << "which it never announced";
}

TEST(Scheduler, FellowsOfAJobThatLackedNothingKeepTheirPlaces) {
  CrowdOfFellows by;
  by.pass(1s);
  for (std::uint64_t i = 2; i <= 400; ++i)
    by.scheduler.obtained(unit(i));
  by.poll();
  by.at_holder.clear();
  by.wait(2 * fellow_idle_max);
  by.fellow_comes();
  by.want(500, 600);
  by.fellow_comes();
  EXPECT_EQ(by.fellows(), std::set(by.crowd.begin(), by.crowd.end()));
}

TEST(Scheduler, AJobThatWantsOneUnitAfterTheOtherPutsOutUselessFellows) {
  CrowdOfFellows by;
  by.pass(1s);
  for (std::uint64_t i = 2; i <= 400; ++i)
    by.scheduler.obtained(unit(i));
  by.poll();
  by.at_holder.clear();
  const SourceId comes = by.fellow_comes();
  // A second for each unit, and a pause after it.
  for (std::uint64_t i = 500; i < 540; ++i) {
    by.want(i, i);
    by.poll();
    by.wait(1s);
    by.scheduler.received(by.holder, unit(i), 250'000, by.now);
    by.poll();
    by.wait(300ms);
    if (i == 520) by.scheduler.shares(comes, by.job);
    if (i == 520) EXPECT_FALSE(by.fellows().contains(comes));
  }
  by.scheduler.shares(comes, by.job);
  EXPECT_TRUE(by.fellows().contains(comes));
}

TEST(Scheduler, WhatSomebodyWaitsForGoesBeforeWhatIsRarer) {
  AmongFellows by(3);
  by.want(2, 40);
  by.scheduler.want(by.job, unit(41), by.now, true);
  by.wait(crowded_wait_min);
  EXPECT_EQ(of(by.poll(), Kind::fetch).front(), (std::pair{by.holder, unit(41)}));
}

TEST(Scheduler, WhatSomebodyWaitsForIsRescuedFromASlowFellow) {
  AmongFellows by;
  by.want(2, 40);
  for (auto [source, fetched] : of(by.poll(), Kind::fetch))
    by.scheduler.received(source, fetched, 250'000, by.now);
  by.scheduler.want(by.job, unit(41), by.now, true);
  by.scheduler.has(by.fellow, unit(41));
  by.scheduler.lacks(by.holder, unit(41), by.now);
  by.wait(crowded_wait_min);
  Pairs begun = of(by.poll(), Kind::fetch);
  EXPECT_TRUE(std::ranges::find(begun, std::pair{by.fellow, unit(41)}) != begun.end());
  for (auto [source, fetched] : begun) {
    if (source == by.holder) by.scheduler.received(source, fetched, 250'000, by.now);
  }
  by.scheduler.has(by.holder, unit(41));
  bool rescued = false;
  for (int i = 0; i < 40 && !rescued; ++i) {
    by.wait(100ms);
    by.scheduler.progress(by.fellow, 5'000, by.now);
    for (auto [source, fetched] : of(by.poll(), Kind::fetch)) {
      if (fetched == unit(41))
        rescued = source == by.holder;
      else
        by.scheduler.received(source, fetched, 250'000, by.now);
    }
  }
  EXPECT_TRUE(rescued);
}

TEST(Scheduler, FetchesTheRarestFirstAndInAnOrderOfItsOwn) {
  std::set<Pairs> orders;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    AmongFellows by(seed);
    by.want(2, 33);
    for (std::uint64_t i = 2; i <= 30; ++i)
      by.scheduler.has(by.fellow, unit(i));
    Pairs fetched = of(by.poll(), Kind::fetch);
    std::set<UnitId> of_holder;
    for (auto [source, unit] : fetched) {
      if (source == by.holder) of_holder.insert(unit);
    }
    for (UnitId rare : {unit(31), unit(32), unit(33)})
      EXPECT_TRUE(of_holder.contains(rare)) << "only the holder has it";
    orders.insert(fetched);
  }
  EXPECT_GT(orders.size(), 1U);
}

TEST(Scheduler, MovesWhatWaitsAtACrowdedHolderToAFellow) {
  AmongFellows by;
  by.want(2, 40);
  Pairs waiting = of(by.poll(), Kind::fetch);
  ASSERT_FALSE(waiting.empty());
  by.wait(700ms);
  const UnitId moves = waiting.front().second;
  by.scheduler.has(by.fellow, moves);
  auto actions = by.poll();
  EXPECT_EQ(of(actions, Kind::fetch).front(), (std::pair{by.fellow, moves}));
  EXPECT_EQ(of(actions, Kind::drop), (Pairs{{by.holder, moves}}));
}

TEST(Scheduler, LeavesAtAHolderWhatBeginsToCome) {
  AmongFellows by;
  by.want(2, 40);
  Pairs waiting = of(by.poll(), Kind::fetch);
  ASSERT_FALSE(waiting.empty());
  by.wait(700ms);
  by.scheduler.progress(by.holder, 10'000, by.now);
  by.scheduler.has(by.fellow, waiting.front().second);
  EXPECT_TRUE(of(by.poll(), Kind::drop).empty());
}

TEST(Scheduler, KeepsTheOrderOfWantingAndPutsTheUrgentFirst) {
  ByHand by;
  by.want(1, 3);
  by.scheduler.want(by.job, unit(3), by.now, true);
  by.scheduler.want(by.job, unit(9), by.now, true);
  SourceId a = by.source();
  by.poll();
  for (std::uint64_t i : {1, 2, 3, 9})
    by.scheduler.has(a, unit(i));
  EXPECT_EQ(of(by.poll(), Kind::fetch),
            (Pairs{{a, unit(3)}, {a, unit(9)}, {a, unit(1)}, {a, unit(2)}}));
}

TEST(Scheduler, AsksASourceThatComesLater) {
  ByHand by;
  by.want(1, 1);
  EXPECT_TRUE(by.poll().empty());
  EXPECT_EQ(by.scheduler.status(by.job, by.now).waiting, Waiting::no_sources);
  SourceId a = by.source();
  EXPECT_EQ(of(by.poll(), Kind::probe), (Pairs{{a, unit(1)}}));
  EXPECT_EQ(by.scheduler.status(by.job, by.now).waiting, Waiting::searching);
  by.scheduler.lacks(a, unit(1), by.now);
  by.poll();
  EXPECT_EQ(by.scheduler.status(by.job, by.now).waiting, Waiting::nobody_has);
  SourceId b = by.source();
  EXPECT_EQ(of(by.poll(), Kind::probe), (Pairs{{b, unit(1)}}));
  // And who lacked it may come to have it.
  by.scheduler.has(a, unit(1));
  EXPECT_EQ(of(by.poll(), Kind::fetch), (Pairs{{a, unit(1)}}));
  EXPECT_EQ(by.scheduler.status(by.job, by.now).waiting, Waiting::fetching);
}

TEST(Scheduler, BoundsHowManyAreAskedAboutAUnitAtATime) {
  ByHand by;
  std::vector<SourceId> sources;
  sources.reserve(3 * probes_per_unit_max);
  for (std::size_t i = 0; i < 3 * probes_per_unit_max; ++i)
    sources.push_back(by.source());
  by.want(1, 1);
  EXPECT_EQ(of(by.poll(), Kind::probe).size(), probes_per_unit_max);
  for (std::size_t i = 0; i < 10; ++i)
    by.scheduler.lacks(sources[i], unit(1), by.now);
  EXPECT_EQ(of(by.poll(), Kind::probe).size(), 10U);
}

TEST(Scheduler, SearchesAgainWhenEveryoneLackedAUnit) {
  ByHand by;
  SourceId a = by.source();
  by.want(1, 1);
  by.poll();
  by.scheduler.lacks(a, unit(1), by.now);
  std::size_t probes = 0;
  const Instant end = by.now + 2 * search_again_after;
  while (by.now < end) {
    Instant next = by.scheduler.next_deadline();
    ASSERT_GT(next, by.now);
    by.now = std::min(next, end);
    probes += of(by.poll(), Kind::probe).size();
    by.scheduler.lacks(a, unit(1), by.now);
  }
  EXPECT_EQ(probes, 2U);
}

TEST(Scheduler, TakesSilenceAboutAQuestionForNo) {
  ByHand by;
  by.source();
  by.want(1, 1);
  by.poll();
  EXPECT_EQ(by.scheduler.next_deadline(), by.now + patience_initial);
  by.wait(patience_initial);
  by.poll();
  EXPECT_EQ(by.scheduler.status(by.job, by.now).waiting, Waiting::nobody_has);
}

TEST(Scheduler, FetchesBlindlyFromFewWhoCannotAnswer) {
  ByHand by;
  for (int i = 0; i < 10; ++i)
    by.source(false);
  by.want(1, 1);
  auto actions = by.poll();
  EXPECT_TRUE(of(actions, Kind::probe).empty());
  EXPECT_EQ(of(actions, Kind::fetch).size(), blind_fetches_per_unit_max);
  // Silence stands for "don't have", and the next ones are asked.
  by.wait(patience_initial);
  EXPECT_EQ(of(by.poll(), Kind::fetch).size(), blind_fetches_per_unit_max);
  by.wait(patience_initial);
  EXPECT_EQ(of(by.poll(), Kind::fetch).size(), 2U);
}

TEST(Scheduler, HandsTheUnitsOfAStalledSourceToOthersAndSaysSo) {
  ByHand by;
  SourceId a = by.source();
  by.want(1, 1);
  by.poll();
  by.scheduler.has(a, unit(1));
  by.poll();
  by.wait(100ms);
  by.scheduler.received(a, unit(1), 100'000, by.now);
  by.want(2, 3);
  EXPECT_EQ(of(by.poll(), Kind::fetch).size(), 2U);
  // Its pace is 100 ms: long before patience_initial it is given up.
  by.now = by.scheduler.next_deadline();
  EXPECT_EQ(by.now, begin + 100ms + patience_min);
  EXPECT_TRUE(of(by.poll(), Kind::drop).empty());
  auto status = by.scheduler.status(by.job, by.now);
  EXPECT_EQ(status.waiting, Waiting::stalled);
  EXPECT_EQ(status.waiting_for, std::vector<SourceId>{a});
  EXPECT_EQ(by.scheduler.stats().stalls, 1U);

  SourceId b = by.source();
  EXPECT_EQ(of(by.poll(), Kind::probe), (Pairs{{b, unit(2)}, {b, unit(3)}}));
  by.scheduler.has(b, unit(2));
  EXPECT_EQ(of(by.poll(), Kind::fetch), (Pairs{{b, unit(2)}, {b, unit(3)}}));
  // What comes late still counts, and wakes the source.
  EXPECT_TRUE(by.scheduler.received(a, unit(2), 100'000, by.now));
  EXPECT_EQ(of(by.poll(), Kind::drop), (Pairs{{b, unit(2)}}));
  EXPECT_FALSE(by.scheduler.source_status(a).stalled);
}

TEST(Scheduler, ResumesWithASourceThatWakesUp) {
  ByHand by;
  SourceId a = by.source();
  by.want(1, 2);
  by.poll();
  by.scheduler.has(a, unit(1));
  by.poll();
  by.wait(patience_initial);
  by.poll();
  EXPECT_EQ(by.scheduler.status(by.job, by.now).waiting, Waiting::stalled);
  by.scheduler.progress(a, progress_awake_bytes - 1, by.now);
  by.poll();
  EXPECT_EQ(by.scheduler.status(by.job, by.now).waiting, Waiting::stalled);
  by.scheduler.progress(a, 1, by.now);
  by.poll();
  EXPECT_EQ(by.scheduler.status(by.job, by.now).waiting, Waiting::fetching);
}

TEST(Scheduler, AsksASilentSourceAgainAfterAWhile) {
  ByHand by;
  SourceId a = by.source();
  by.want(1, 1);
  by.poll();
  by.scheduler.has(a, unit(1));
  by.poll();
  std::size_t fetches = 0;
  const Instant end = by.now + patience_initial + second_chance_after;
  while (by.now < end) {
    Instant next = by.scheduler.next_deadline();
    ASSERT_GT(next, by.now);
    by.now = std::min(next, end);
    fetches += of(by.poll(), Kind::fetch).size();
  }
  EXPECT_EQ(fetches, 1U);
}

TEST(Scheduler, BytesOfALargeUnitKeepItsSourceAwake) {
  ByHand by;
  SourceId a = by.source();
  by.want(1, 1);
  by.poll();
  by.scheduler.has(a, unit(1));
  by.poll();
  for (int i = 0; i < 20; ++i) {
    by.wait(patience_initial / 2);
    by.scheduler.progress(a, 16 * 1024, by.now);
    by.poll();
  }
  EXPECT_EQ(by.scheduler.stats().stalls, 0U);
}

TEST(Scheduler, ADripOfBytesKeepsNoSourceAwake) {
  ByHand by;
  SourceId a = by.source(), b = by.source();
  by.want(1, 1);
  by.poll();
  by.scheduler.has(a, unit(1));
  EXPECT_EQ(of(by.poll(), Kind::fetch), (Pairs{{a, unit(1)}}));
  Pairs fetched;
  for (int second = 0; second < 15; ++second) {
    by.wait(1s);
    by.scheduler.progress(a, 100, by.now);
    // Nor does what it says.
    by.scheduler.has(a, unit(1));
    auto actions = by.poll();
    if (second == 10) by.scheduler.has(b, unit(1));
    for (const auto& fetch : of(actions, Kind::fetch))
      fetched.push_back(fetch);
  }
  EXPECT_EQ(by.scheduler.stats().stalls, 1U);
  EXPECT_TRUE(by.scheduler.source_status(a).stalled);
  EXPECT_EQ(fetched, (Pairs{{b, unit(1)}}));
}

TEST(Scheduler, BytesThatNeverMakeAUnitBuyTimeForAWhileOnly) {
  ByHand by;
  SourceId a = by.source();
  by.want(1, 1);
  by.poll();
  by.scheduler.has(a, unit(1));
  by.poll();
  std::uint64_t bytes = 0;
  while (by.scheduler.stats().stalls == 0 && bytes < 10 * progress_bytes_max) {
    by.wait(1s);
    by.scheduler.progress(a, 64 * 1024, by.now);
    bytes += 64 * 1024;
    by.poll();
  }
  EXPECT_GE(bytes, progress_bytes_max);
  EXPECT_LE(bytes, progress_bytes_max + 64 * 1024 * (patience_initial / 1s + 1));
  by.scheduler.progress(a, 64 * 1024, by.now);
  EXPECT_TRUE(by.scheduler.source_status(a).stalled);
}

TEST(Scheduler, BytesFarBelowASourcesOwnRateDontKeepItAwake) {
  ByHand by;
  SourceId a = by.source();
  by.want(1, 40);
  by.poll();
  by.scheduler.has(a, unit(1));
  by.poll();
  // 10 MB/s, so a sixteenth is far above the least.
  for (std::uint64_t i = 1; i <= 30; ++i) {
    by.wait(25ms);
    by.scheduler.received(a, unit(i), 256 * 1024, by.now);
    by.poll();
  }
  for (int i = 0; i < 10; ++i) {
    by.wait(500ms);
    by.scheduler.progress(a, 16 * 1024, by.now);
    by.poll();
  }
  EXPECT_GE(by.scheduler.stats().stalls, 1U);
}

TEST(Scheduler, LooksForOthersWhileTheOnlyHolderIsLate) {
  ByHand by;
  SourceId a = by.source(), b = by.source();
  by.want(1, 1);
  by.poll();
  by.scheduler.lacks(b, unit(1), by.now);
  by.scheduler.has(a, unit(1));
  by.poll();
  by.wait(100ms);
  by.scheduler.received(a, unit(1), 100'000, by.now);
  by.want(2, 2);
  EXPECT_EQ(of(by.poll(), Kind::fetch), (Pairs{{a, unit(2)}}));
  // It brings bytes all the time, slowly; nothing is anybody else's to fetch.
  Pairs probed;
  for (int second = 0; second < 20; ++second) {
    by.wait(1s);
    by.scheduler.progress(a, 64 * 1024, by.now);
    for (const auto& probe : of(by.poll(), Kind::probe))
      probed.push_back(probe);
  }
  EXPECT_EQ(by.scheduler.stats().stalls, 0U);
  EXPECT_EQ(probed, (Pairs{{b, unit(2)}}));
  by.scheduler.has(b, unit(2));
  EXPECT_EQ(of(by.poll(), Kind::fetch), (Pairs{{b, unit(2)}}));
}

TEST(Scheduler, ForgetsASourceThatLeaves) {
  ByHand by;
  SourceId a = by.source(), b = by.source();
  by.want(1, 2);
  by.poll();
  for (SourceId source : {a, b}) {
    by.scheduler.has(source, unit(1));
    by.scheduler.has(source, unit(2));
  }
  by.poll();
  by.scheduler.remove_source(a);
  auto actions = by.poll();
  for (const Action& action : actions)
    EXPECT_EQ(action.source, b);
  std::set<UnitId> fetched;
  for (auto [source, id] : of(actions, Kind::fetch))
    fetched.insert(id);
  EXPECT_FALSE(fetched.empty());
  EXPECT_EQ(by.scheduler.source_status(b).in_flight, 2U);
}

TEST(Scheduler, TakesBackAJobThatIsCancelledButNotWhatOthersWant) {
  ByHand by;
  SourceId a = by.source();
  JobId other = by.scheduler.add_job(by.now);
  by.want(1, 2);
  by.scheduler.want(other, unit(2), by.now);
  by.poll();
  by.scheduler.has(a, unit(1));
  by.scheduler.has(a, unit(2));
  EXPECT_EQ(of(by.poll(), Kind::fetch).size(), 2U);
  by.scheduler.remove_job(by.job);
  EXPECT_EQ(of(by.poll(), Kind::drop), (Pairs{{a, unit(1)}}));
  EXPECT_TRUE(by.scheduler.wanted(unit(2)));
  by.scheduler.received(a, unit(2), 1000, by.now);
  EXPECT_EQ(by.scheduler.status(other, by.now).units_received, 1U);
}

TEST(Scheduler, DropsAUnitThatCameAnotherWay) {
  ByHand by;
  SourceId a = by.source();
  by.want(1, 1);
  by.poll();
  by.scheduler.obtained(unit(1));
  EXPECT_EQ(of(by.poll(), Kind::drop), (Pairs{{a, unit(1)}}));
  EXPECT_FALSE(by.scheduler.received(a, unit(1), 1000, by.now));
}

// A laboratory: sources with a rate, a latency and holdings, on virtual time.

struct LabSource {
  double bytes_per_second = 10e6;
  Duration latency = 20ms;  ///< one way
  bool answers = true;
  Instant stalls_at = never;
  Instant leaves_at = never;
  Instant joins_at = begin;
  std::set<std::uint64_t> lacks_units = {};
  bool lacks_all = false;

  SourceId id{};
  bool present = false;
  Instant busy_until{};
  std::set<std::uint64_t> dropped = {};
  std::uint64_t sent_units = 0;
};

class Lab {
 public:
  explicit Lab(std::uint64_t unit_bytes) : unit_bytes_(unit_bytes) {}

  std::vector<LabSource> sources;
  Scheduler scheduler;
  Instant now = begin;
  std::uint64_t duplicates = 0;
  std::map<std::uint64_t, Instant> received_at;

  /// Runs until `done` or nothing happens any more, at most an hour.
  bool run(const std::function<bool()>& done) {
    for (LabSource& source : sources) {
      if (source.present || now > source.leaves_at) continue;
      at(source.joins_at, [this, &source] {
        source.present = true;
        source.id = scheduler.add_source(source.answers, now);
        by_id_[source.id] = &source;
      });
      if (source.leaves_at != never) {
        at(source.leaves_at, [this, &source] {
          source.present = false;
          by_id_.erase(source.id);
          scheduler.remove_source(source.id);
        });
      }
    }
    while (!done()) {
      const Instant event = events_.empty() ? never : events_.begin()->first;
      const Instant next = std::min(event, scheduler.next_deadline());
      if (next == never || next > begin + 1h) return false;
      EXPECT_GE(next, now);
      now = std::max(next, now);
      while (!events_.empty() && events_.begin()->first <= now) {
        auto action = std::move(events_.begin()->second);
        events_.erase(events_.begin());
        action();
      }
      carry_out();
    }
    return true;
  }

  void carry_out() {
    for (const Action& action : scheduler.poll(now)) {
      auto found = by_id_.find(action.source);
      ASSERT_TRUE(found != by_id_.end()) << "an action for a source that has gone";
      LabSource& source = *found->second;
      const auto number = static_cast<std::uint64_t>(action.unit);
      if (action.kind == Kind::drop) {
        source.dropped.insert(number);
        continue;
      }
      source.dropped.erase(number);
      const bool lacks = source.lacks_all || source.lacks_units.contains(number);
      const Instant heard = now + source.latency;
      if (lacks || action.kind == Kind::probe) {
        if (!source.answers) continue;
        deliver(source, heard + source.latency, [this, &source, number, lacks] {
          if (lacks) {
            scheduler.lacks(source.id, unit(number), now);
          } else {
            scheduler.has(source.id, unit(number));
          }
        });
        continue;
      }
      source.busy_until = std::max(source.busy_until, heard) +
                          std::chrono::duration_cast<Duration>(std::chrono::duration<double>(
                              static_cast<double>(unit_bytes_) / source.bytes_per_second));
      deliver(source, source.busy_until + source.latency, [this, &source, number] {
        ++source.sent_units;
        if (scheduler.received(source.id, unit(number), unit_bytes_, now)) {
          received_at.emplace(number, now);
        } else {
          ++duplicates;
          scheduler.duplicate(source.id, now);
        }
      });
    }
  }

 private:
  void at(Instant when, std::function<void()> action) { events_.emplace(when, std::move(action)); }
  void deliver(LabSource& source, Instant when, std::function<void()> action) {
    const SourceId id = source.id;
    at(when, [this, &source, id, action = std::move(action)] {
      if (source.present && source.id == id && now < source.stalls_at) action();
    });
  }

  std::uint64_t unit_bytes_;
  std::multimap<Instant, std::function<void()>> events_;
  std::map<SourceId, LabSource*> by_id_;
};

/// Fetches `count` units with the next `ahead` wanted; returns how long it took.
std::optional<double> fetch_all(Lab& lab, JobId job, std::uint64_t count, std::uint64_t ahead) {
  std::uint64_t wanted = 0;
  std::uint64_t read = 0;
  const Instant begun = lab.now;
  const bool done = lab.run([&] {
    while (read < count && lab.received_at.contains(read))
      ++read;
    bool more = false;
    while (wanted < std::min(count, read + ahead)) {
      lab.scheduler.want(job, unit(wanted++), lab.now);
      more = true;
    }
    if (more) lab.carry_out();
    return read == count;
  });
  if (!done) return std::nullopt;
  return std::chrono::duration<double>(lab.now - begun).count();
}

TEST(SchedulerLab, FillsALongFatPipe) {
  Lab lab(262'144);
  lab.sources = {{.bytes_per_second = 31.25e6, .latency = 30ms}};
  auto took = fetch_all(lab, lab.scheduler.add_job(lab.now), 1024, 128);
  ASSERT_TRUE(took.has_value());
  EXPECT_GE(1024 * 262'144 / *took, 0.95 * 31.25e6);
  EXPECT_EQ(lab.duplicates, 0U);
  const SourceStatus status = lab.scheduler.source_status(lab.sources[0].id);
  // Twice the product of 31.25 MB/s and 68 ms, and the least window.
  EXPECT_NEAR(static_cast<double>(status.window_bytes), 2 * 31.25e6 * 0.0684 + 4 * 262'144, 6e5);
}

TEST(SchedulerLab, KeepsTheQueueAtASlowSourceShort) {
  Lab lab(262'144);
  lab.sources = {{.bytes_per_second = 1e6, .latency = 30ms}};
  auto took = fetch_all(lab, lab.scheduler.add_job(lab.now), 200, 128);
  ASSERT_TRUE(took.has_value());
  EXPECT_GE(200 * 262'144 / *took, 0.95 * 1e6);
  EXPECT_LE(lab.scheduler.source_status(lab.sources[0].id).window_bytes, 2'500'000U);
}

TEST(SchedulerLab, FillsThePipeWithSmallUnits) {
  Lab lab(2'000);
  lab.sources = {{.bytes_per_second = 2e6, .latency = 30ms}};
  auto took = fetch_all(lab, lab.scheduler.add_job(lab.now), 10'000, 2000);
  ASSERT_TRUE(took.has_value());
  EXPECT_GE(10'000 * 2'000 / *took, 0.8 * 2e6);
}

TEST(SchedulerLab, AddsUpTheRatesOfUnequalSources) {
  Lab lab(262'144);
  lab.sources = {{.bytes_per_second = 20e6, .latency = 10ms},
                 {.bytes_per_second = 10e6, .latency = 50ms},
                 {.bytes_per_second = 5e6, .latency = 5ms}};
  auto took = fetch_all(lab, lab.scheduler.add_job(lab.now), 2048, 256);
  ASSERT_TRUE(took.has_value());
  EXPECT_GE(2048 * 262'144 / *took, 0.9 * 35e6);
  EXPECT_LE(lab.duplicates, 8U);
}

TEST(SchedulerLab, AVerySlowSourceDoesNotHoldUpTheReader) {
  Lab lab(262'144);
  lab.sources = {{.bytes_per_second = 20e6, .latency = 10ms},
                 {.bytes_per_second = 20e3, .latency = 10ms}};
  auto took = fetch_all(lab, lab.scheduler.add_job(lab.now), 1024, 64);
  ASSERT_TRUE(took.has_value());
  EXPECT_GE(1024 * 262'144 / *took, 0.85 * 20e6);
  EXPECT_LE(lab.scheduler.stats().second_fetches, 8U);
}

TEST(SchedulerLab, NoticesThatALinkGetsFaster) {
  Lab lab(262'144);
  lab.sources = {{.bytes_per_second = 2e6, .latency = 30ms}};
  JobId job = lab.scheduler.add_job(lab.now);
  ASSERT_TRUE(fetch_all(lab, job, 100, 256).has_value());
  lab.sources[0].bytes_per_second = 40e6;
  lab.received_at.clear();
  JobId next = lab.scheduler.add_job(lab.now);
  auto took = fetch_all(lab, next, 2000, 256);
  ASSERT_TRUE(took.has_value());
  EXPECT_GE(2000 * 262'144 / *took, 0.8 * 40e6);
}

TEST(SchedulerLab, StallsOfTwoOfThreeCostSecondsNotUnits) {
  Lab lab(262'144);
  lab.sources = {{.bytes_per_second = 10e6, .latency = 10ms, .stalls_at = begin + 2s},
                 {.bytes_per_second = 10e6, .latency = 10ms},
                 {.bytes_per_second = 10e6, .latency = 10ms, .stalls_at = begin + 3s}};
  auto took = fetch_all(lab, lab.scheduler.add_job(lab.now), 512, 128);
  ASSERT_TRUE(took.has_value());
  EXPECT_LE(*took, 10.5);
  EXPECT_EQ(lab.scheduler.stats().stalls, 2U);
  EXPECT_EQ(lab.duplicates, 0U);
}

TEST(SchedulerLab, SharesASourceEquallyBetweenJobs) {
  Lab lab(262'144);
  lab.sources = {{.bytes_per_second = 10e6, .latency = 10ms}};
  JobId greedy = lab.scheduler.add_job(lab.now);
  JobId modest = lab.scheduler.add_job(lab.now);
  for (std::uint64_t i = 0; i < 500; ++i)
    lab.scheduler.want(greedy, unit(i), lab.now);
  for (std::uint64_t i = 1000; i < 1100; ++i)
    lab.scheduler.want(modest, unit(i), lab.now);
  ASSERT_TRUE(lab.run([&] { return lab.scheduler.status(modest, lab.now).units_received == 100; }));
  EXPECT_NEAR(static_cast<double>(lab.scheduler.status(greedy, lab.now).units_received), 100, 8);
}

TEST(SchedulerLab, ANewJobIsNotOwedWhatAnOldOneWasGiven) {
  Lab lab(262'144);
  lab.sources = {{.bytes_per_second = 10e6, .latency = 10ms}};
  JobId old_job = lab.scheduler.add_job(lab.now);
  for (std::uint64_t i = 0; i < 500; ++i)
    lab.scheduler.want(old_job, unit(i), lab.now);
  ASSERT_TRUE(
      lab.run([&] { return lab.scheduler.status(old_job, lab.now).units_received == 200; }));
  JobId new_job = lab.scheduler.add_job(lab.now);
  for (std::uint64_t i = 1000; i < 1100; ++i)
    lab.scheduler.want(new_job, unit(i), lab.now);
  lab.carry_out();
  ASSERT_TRUE(
      lab.run([&] { return lab.scheduler.status(new_job, lab.now).units_received == 100; }));
  EXPECT_NEAR(static_cast<double>(lab.scheduler.status(old_job, lab.now).units_received), 300, 16);
}

/// Random sources that lack, stall, leave and come, of both kinds; one is good for everything.
TEST(SchedulerLab, GetsEveryUnitWhateverTheOthersDo) {
  std::uint64_t fetched = 0, duplicates = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Prng prng(seed);
    Lab lab(1 << prng.between(12, 20));
    const std::uint64_t count = prng.between(1, 300);
    const std::size_t sources = prng.between(1, 8);
    for (std::size_t i = 0; i < sources; ++i) {
      LabSource source;
      source.bytes_per_second = static_cast<double>(prng.between(50'000, 50'000'000));
      source.latency = std::chrono::milliseconds(prng.between(0, 200));
      source.answers = prng.chance(0.8);
      if (i > 0) {
        if (prng.chance(0.3))
          source.stalls_at = begin + std::chrono::milliseconds(prng.below(5000));
        if (prng.chance(0.3))
          source.leaves_at = begin + std::chrono::milliseconds(prng.below(5000));
        if (prng.chance(0.3)) source.joins_at = begin + std::chrono::milliseconds(prng.below(5000));
        source.joins_at = std::min(source.joins_at, source.leaves_at);
        source.lacks_all = prng.chance(0.2);
        for (std::uint64_t n = 0; n < count && prng.chance(0.5); ++n)
          source.lacks_units.insert(prng.below(count));
      }
      lab.sources.push_back(source);
    }
    JobId job = lab.scheduler.add_job(lab.now);
    auto took = fetch_all(lab, job, count, prng.between(1, 200));
    ASSERT_TRUE(took.has_value()) << lab.received_at.size() << " of " << count;
    EXPECT_EQ(lab.scheduler.units(), 0U);
    fetched += count;
    duplicates += lab.duplicates;
    auto status = lab.scheduler.status(job, lab.now);
    EXPECT_EQ(status.units_received, count);
    EXPECT_EQ(status.waiting, Waiting::nothing);
    lab.scheduler.remove_job(job);
    lab.scheduler.poll(lab.now);
    for (LabSource& source : lab.sources) {
      if (source.present) {
        EXPECT_EQ(lab.scheduler.source_status(source.id).in_flight, 0U);
        EXPECT_EQ(lab.scheduler.source_status(source.id).in_flight_bytes, 0U);
      }
    }
    // Only a stalled source's second chance can still be due.
    EXPECT_LE(std::min(lab.scheduler.next_deadline(), lab.now + 1min),
              lab.scheduler.next_deadline() == never ? never : lab.now + second_chance_after);
    lab.now += second_chance_after;
    lab.scheduler.poll(lab.now);
    EXPECT_EQ(lab.scheduler.next_deadline(), never);
  }
  EXPECT_LE(duplicates, fetched / 25) << fetched << " units";
}

}  // namespace
}  // namespace kith::transfer
