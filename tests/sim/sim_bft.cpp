// The consensus of `bft` chains under faults: bft_world.hpp says what is done to it.
//
//   KITH_BFT_RUNS=100000 build/bench/tests/sim/sim_bft    as many runs of each size; else a few
//   hundred KITH_SEED=7 KITH_BFT_VALIDATORS=4 ...                 one run, as a failure prints it
#include <ctime>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "bft_world.hpp"
#include "environment.hpp"

namespace kith::ledger::bft {
namespace {

/// What all runs together did.
struct Sum {
  TransitionCounts counts{};
  std::uint64_t runs = 0;
  std::uint64_t views = 0;
  std::uint64_t events = 0;
  std::uint64_t restarts = 0;
  std::uint64_t two_faced = 0;
  std::uint64_t accused = 0;
  View views_to_heal_most = 0;
};

Sum& sum() {
  static Sum all;
  return all;
}

WorldResult run_one(std::uint64_t seed, std::size_t validators) {
  const WorldResult result = run_world({.seed = seed, .validators = validators});
  EXPECT_EQ(result.violation, "") << "again: KITH_SEED=" << seed
                                  << " KITH_BFT_VALIDATORS=" << validators;
  if (!result.violation.empty()) return result;
  EXPECT_GE(result.views, 50U);
  EXPECT_GE(result.faults, 5U);
  result.two_faced.for_each([&](ValidatorIndex i) {
    EXPECT_TRUE(result.accused.test(i))
        << "nobody noticed that " << i << " votes twice; seed " << seed;
  });
  Sum& all = sum();
  for (std::size_t k = 0; k < transitions; ++k)
    all.counts[k] += result.counts[k];
  ++all.runs;
  all.views += result.views;
  all.events += result.events;
  all.restarts += result.restarts;
  all.two_faced += result.two_faced.count();
  all.accused += result.accused.count();
  all.views_to_heal_most = std::max(all.views_to_heal_most, result.views_to_heal);
  return result;
}

void run_many(std::uint64_t runs, std::size_t least, std::size_t most) {
  const std::uint64_t events_before = sum().events;
  const std::uint64_t runs_before = sum().runs;
  const std::clock_t started = std::clock();
  if (const std::uint64_t seed = number_from("KITH_SEED", 0); seed != 0) {
    run_one(seed, number_from("KITH_BFT_VALIDATORS", least));
    return;
  }
  for (std::uint64_t seed = 1; seed <= runs && !testing::Test::HasFailure(); ++seed)
    run_one(seed, least + seed % (most - least + 1));
  // Of the processor's time: others may use the machine, too.
  const double took = static_cast<double>(std::clock() - started) / CLOCKS_PER_SEC;
  const std::uint64_t done = sum().runs - runs_before;
  fmt::print("{} runs of {} to {} validators: {:.0f} runs/s and core, {:.0f} events/s\n", done,
             least, most, static_cast<double>(done) / took,
             static_cast<double>(sum().events - events_before) / took);
}

TEST(Bft, FourAreSafeAndGoOn) {
  run_many(number_from("KITH_BFT_RUNS", 400), 4, 4);
}

TEST(Bft, UpToTenAreSafeAndGoOn) {
  run_many(number_from("KITH_BFT_RUNS", 1000) / 10, 5, 10);
}

TEST(Bft, UpToAHundredAreSafeAndGoOn) {
  run_many(std::max<std::uint64_t>(number_from("KITH_BFT_RUNS", 0) / 2000, 3), 30, 100);
}

TEST(Bft, ASeedIsARun) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const WorldOptions options{.seed = seed, .validators = 7};
    const WorldResult once = run_world(options);
    const WorldResult again = run_world(options);
    EXPECT_EQ(once.trace, again.trace);
    EXPECT_EQ(once.events, again.events);
  }
}

/// The number of the first run in which safety broke; 0 if it never did.
std::uint64_t first_broken(WorldOptions options, std::uint64_t runs) {
  for (options.seed = 1; options.seed <= runs; ++options.seed) {
    if (const WorldResult result = run_world(options); result.is_safety) {
      fmt::print("planted, seed {}: {}\n", options.seed, result.violation);
      return options.seed;
    }
  }
  return 0;
}

TEST(BftPlanted, AQuorumThatIsTooSmallIsFound) {
  // Of one validator: two of them decide for themselves.
  EXPECT_NE(first_broken({.validators = 4, .liars = false, .quorum = 1}, 200), 0U);
}

TEST(BftPlanted, ALogThatForgetsItsLastRecordIsFound) {
  EXPECT_NE(first_broken({.validators = 4, .liars = false, .forgets_last_record = true}, 500), 0U);
}

TEST(BftPlanted, NothingIsFoundWhereNothingIsPlanted) {
  EXPECT_EQ(first_broken({.validators = 4, .liars = false}, 100), 0U);
}

/// Runs last: every path of the engine was taken by some run.
TEST(BftTransitions, AreAllReached) {
  if (number_from("KITH_SEED", 0) != 0) GTEST_SKIP() << "one run alone";
  const Sum& all = sum();
  fmt::print(
      "{} runs, {} views, {} restarts, {} events, {} validators accused, of whom {} two-faced\n",
      all.runs, all.views, all.restarts, all.events, all.accused, all.two_faced);
  fmt::print("at most {} views from the last fault's end until all had gone on\n",
             all.views_to_heal_most);
  for (std::size_t k = 0; k < transitions; ++k) {
    fmt::print("  {:<36}{:>12}\n", transition_names[k], all.counts[k]);
    EXPECT_GT(all.counts[k], 0U) << transition_names[k];
  }
}

}  // namespace
}  // namespace kith::ledger::bft
