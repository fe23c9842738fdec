// How difficulty follows the hash rate, and what lying about the time is worth.
#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/consensus/pow/parameters.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint64_t begins_s = 1'700'000'000;
constexpr double hashes_per_s = 1e9;

double as_double(const U256& number) {
  double value = 0;
  for (std::size_t i = 4; i-- > 0;)
    value = std::ldexp(value, 64) + static_cast<double>(number.limb(i));
  return value;
}

/// A chain with a clock of its own, on schedule for hashes_per_s when it begins.
class Chain {
 public:
  explicit Chain(std::uint64_t spacing_s) {
    parameters_.asert = {.target_spacing_s = spacing_s,
                         .half_life_s = 288 * spacing_s,
                         .easiest_target = U256::max() >> 1};
    const auto difficulty =
        static_cast<std::uint64_t>(hashes_per_s * static_cast<double>(spacing_s));
    anchor_ = {.number = 0, .time_s = begins_s, .target = target_of_difficulty(difficulty)};
  }

  /// The clock goes on by what the next block takes on average, times `luck`. The block's time is
  /// what `stamp` makes of the clock, within the rules.
  void find(double rate, double luck = 1,
            const std::function<std::uint64_t(std::uint64_t now_s)>& stamp = {}) {
    last_took_s_ = as_double(next_difficulty()) / rate * luck;
    now_s_ += last_took_s_;
    const auto clock_s = static_cast<std::uint64_t>(now_s_);
    const std::uint64_t latest = clock_s + parameters_.future_limit_s();
    const std::uint64_t wanted = stamp ? stamp(clock_s) : clock_s;
    // Who comes too early waits until he may.
    if (time_s_ + 1 > latest)
      now_s_ = static_cast<double>(time_s_ + 1 - parameters_.future_limit_s());
    time_s_ = std::max(time_s_ + 1, std::min(wanted, latest));
    ++number_;
  }

  U256 next_difficulty() const {
    return difficulty_of_target(
        next_asert_target(parameters_.asert, anchor_, number_, time_s_).target().value());
  }
  double last_took_s() const noexcept { return last_took_s_; }
  double passed_s() const noexcept { return now_s_ - static_cast<double>(begins_s); }
  std::uint64_t number() const noexcept { return number_; }
  std::uint64_t time_s() const noexcept { return time_s_; }
  const PowParameters& parameters() const noexcept { return parameters_; }

 private:
  PowParameters parameters_;
  AsertAnchor anchor_;
  std::uint64_t number_ = 0;
  std::uint64_t time_s_ = begins_s;
  double now_s_ = static_cast<double>(begins_s);
  double last_took_s_ = 0;
};

/// With each half-life, a block time's distance from the spacing is halved: b(t) is the solution of
/// db/dt = ln 2 * (spacing - b) / half-life, which is what ASERT's formula gives for blocks that
/// come without chance.
TEST(Difficulty, HalvesTheDistanceFromTheSpacingEachHalfLife) {
  constexpr double spacing_s = 600;
  for (const double jump : {10.0, 2.0, 0.5, 0.1}) {
    Chain chain(600);
    for (int i = 0; i < 100; ++i)
      chain.find(hashes_per_s);
    EXPECT_NEAR(chain.last_took_s(), spacing_s, 1);
    const double jumped_s = chain.passed_s();
    const double half_life_s = static_cast<double>(chain.parameters().asert.half_life_s);
    for (int half_lives = 1; half_lives <= 8; ++half_lives) {
      while (chain.passed_s() < jumped_s + half_lives * half_life_s)
        chain.find(hashes_per_s * jump);
      const double began = spacing_s / jump;
      const double promised =
          spacing_s + (began - spacing_s) * std::exp2((jumped_s - chain.passed_s()) / half_life_s);
      EXPECT_NEAR(chain.last_took_s() / promised, 1, 0.02) << jump << "x, " << half_lives;
    }
    EXPECT_NEAR(chain.last_took_s(), spacing_s, 30);
  }
}

/// With chance, too, and with a spacing so short that ten times the hashes make a block a second.
TEST(Difficulty, FollowsTheHashRateWithChance) {
  for (const double jump : {10.0, 0.1}) {
    double took_s = 0;
    std::uint64_t blocks = 0;
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      Prng prng(seed);
      Chain chain(10);
      const auto luck = [&] { return -std::log1p(-prng.unit()); };
      for (int i = 0; i < 500; ++i)
        chain.find(hashes_per_s, luck());
      const double half_life_s = static_cast<double>(chain.parameters().asert.half_life_s);
      const double settled_s = chain.passed_s() + 10 * half_life_s;
      while (chain.passed_s() < settled_s)
        chain.find(hashes_per_s * jump, luck());
      EXPECT_NEAR(as_double(chain.next_difficulty()) / (hashes_per_s * jump * 10), 1, 0.25);
      const double from_s = chain.passed_s();
      const std::uint64_t from = chain.number();
      while (chain.number() < from + 2'000)
        chain.find(hashes_per_s * jump, luck());
      took_s += chain.passed_s() - from_s;
      blocks += chain.number() - from;
    }
    // 16,000 blocks; their sum is held to the schedule, so it varies less than by chance.
    EXPECT_NEAR(took_s / static_cast<double>(blocks), 10, 0.2);
  }
}

/// The shortest that there may be: a hundred times the hashes make a block a second at first, since
/// times are whole, and so half a schedule's lead each second.
TEST(Difficulty, FollowsAHundredfoldWithTheShortestSpacing) {
  Prng prng(1);
  Chain chain(2);
  const double end_s = 16 * static_cast<double>(chain.parameters().asert.half_life_s);
  while (chain.passed_s() < end_s)
    chain.find(hashes_per_s * 100, -std::log1p(-prng.unit()));
  const double from_s = chain.passed_s();
  const std::uint64_t from = chain.number();
  while (chain.number() < from + 5'000)
    chain.find(hashes_per_s * 100, -std::log1p(-prng.unit()));
  EXPECT_NEAR((chain.passed_s() - from_s) / 5'000, 2, 0.1);
}

/// Never below one block a second, whatever the hash rate: times are whole seconds, and may not be
/// far ahead.
TEST(Difficulty, AFloodOfHashesMakesABlockASecond) {
  Chain chain(10);
  while (chain.passed_s() < 1'000)
    chain.find(hashes_per_s * 1e6);
  EXPECT_LE(chain.number(), 1'000 + chain.parameters().future_limit_s() + 1);
}

// --- Lying about the time

using Stamp = std::function<std::uint64_t(std::uint64_t now_s, const Chain& chain)>;

/// Blocks in 40 half-lives by who has all the hashes and stamps as it likes.
std::uint64_t blocks_by(const Stamp& stamp, std::uint64_t spacing_s) {
  Chain chain(spacing_s);
  const double end_s = 40.0 * static_cast<double>(chain.parameters().asert.half_life_s);
  while (chain.passed_s() < end_s)
    chain.find(hashes_per_s, 1, [&](std::uint64_t now_s) { return stamp(now_s, chain); });
  return chain.number();
}

TEST(TimeWarp, GainsTheFutureLimitOnceAndNoMore) {
  constexpr std::uint64_t far = 1'000'000'000;
  std::uint64_t drawn = 0;
  const struct {
    const char* name;
    Stamp stamp;
  } lies[] = {
      {"always as late as may be", [](std::uint64_t now_s, const Chain&) { return now_s + far; }},
      {"always as early as may be",
       [](std::uint64_t, const Chain& chain) { return chain.time_s() + 1; }},
      {"by turns",
       [](std::uint64_t now_s, const Chain& chain) {
         return chain.number() % 2 == 0 ? now_s + far : chain.time_s() + 1;
       }},
      // Bitcoin's time warp: hold the times back for a period, and let them jump at its end.
      {"held back for 2,015 of 2,016",
       [](std::uint64_t now_s, const Chain& chain) {
         return chain.number() % 2'016 == 2'015 ? now_s + far : chain.time_s() + 1;
       }},
      {"held back for 9 of 10",
       [](std::uint64_t now_s, const Chain& chain) {
         return chain.number() % 10 == 9 ? now_s + far : chain.time_s() + 1;
       }},
      {"late for a half-life, then honest",
       [](std::uint64_t now_s, const Chain& chain) {
         return chain.number() < 288 ? now_s + far : now_s;
       }},
      {"at random",
       [&](std::uint64_t now_s, const Chain&) {
         drawn = drawn * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
         return now_s - 300 + (drawn >> 33) % 700;
       }},
  };
  for (const std::uint64_t spacing_s : {10, 600}) {
    const std::uint64_t honest =
        blocks_by([](std::uint64_t now_s, const Chain&) { return now_s; }, spacing_s);
    EXPECT_NEAR(static_cast<double>(honest), 40 * 288, 3);
    const std::uint64_t future_s = Chain(spacing_s).parameters().future_limit_s();
    for (const auto& lie : lies) {
      // The limit's worth of blocks, and one for what whole numbers cut off.
      EXPECT_LE(blocks_by(lie.stamp, spacing_s), honest + future_s / spacing_s + 1)
          << lie.name << ", " << spacing_s;
    }
  }
}

/// Nor does a single block get much easier by it.
TEST(TimeWarp, MakesTheNextBlockEasierByLessThanATenth) {
  for (const std::uint64_t spacing_s : {2, 10, 600, 86'400}) {
    Chain honest(spacing_s);
    Chain late(spacing_s);
    for (int i = 0; i < 20; ++i) {
      honest.find(hashes_per_s);
      late.find(hashes_per_s, 1, [&](std::uint64_t now_s) { return i < 19 ? now_s : now_s * 2; });
    }
    const double easier = as_double(honest.next_difficulty()) / as_double(late.next_difficulty());
    EXPECT_GT(easier, 1);
    // With a half-life of 288 spacings; with the shortest that is allowed it is 2^(1/8), a tenth.
    EXPECT_LT(easier, 1.1);
  }
}

}  // namespace
}  // namespace kith::ledger
