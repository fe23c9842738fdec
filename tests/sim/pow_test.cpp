// Proof of work among many miners (mining.hpp), against what theory says of it: blocks lost to
// latency, miners who withhold theirs, majorities, and a node that sees nobody but an attacker.
//
//   KITH_POW_FULL=1 build/dev/tests/sim/sim_pow      the full size: minutes instead of seconds
//   KITH_SEED=7 ...                                  another seed
#include <cmath>
#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "environment.hpp"
#include "mining.hpp"

namespace kith::ledger::sim {
namespace {

bool is_full() {
  return number_from("KITH_POW_FULL", 0) != 0;
}
std::uint64_t seed() {
  return number_from("KITH_SEED", 1);
}
double in_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// Blocks of the branch that ends there, without the genesis.
std::vector<BlockId> chain_to(const MiningWorld& world, BlockId tip) {
  std::vector<BlockId> chain;
  for (; tip != genesis_id; tip = world.block(tip).parent)
    chain.push_back(tip);
  return chain;
}

AsertParameters spacing(std::uint64_t seconds) {
  return {.target_spacing_s = seconds,
          .half_life_s = 288 * seconds,
          .easiest_target = U256::max() >> 1};
}

// --- Blocks lost to latency

struct Losses {
  std::uint64_t trace = 0;
  double delay_s = 0;
  std::size_t blocks = 0;
  std::size_t lost = 0;
  double share() const { return static_cast<double>(lost) / static_cast<double>(blocks); }
};

Losses lose_blocks(std::uint64_t with_seed, std::uint64_t spacing_s, std::size_t nodes,
                   std::size_t blocks) {
  MiningWorld world(with_seed, {.nodes = nodes, .asert = spacing(spacing_s)});
  world.begin();
  world.run_until([&] { return world.blocks() > blocks; });
  world.stop_mining();
  world.run_out();
  // A tie may be left at the end; whoever has it has it on purpose.
  const std::size_t kept = chain_to(world, world.head(0)).size();
  return {.trace = world.trace(),
          .delay_s = in_seconds(world.mean_delay()),
          .blocks = world.blocks() - 1,
          .lost = world.blocks() - 1 - kept};
}

TEST(Pow, LosesAsManyBlocksToLatencyAsTheorySays) {
  const std::size_t nodes = 1'000;
  const std::size_t blocks = is_full() ? 5'000 : 250;
  fmt::print("\n{} miners, 4 links of 20 to 200 ms made by each\n", nodes);
  fmt::print("  spacing   delay   blocks   lost   share   1 - e^(-delay/spacing)\n");
  for (const std::uint64_t spacing_s : {20, 8, 4, 2}) {
    const Losses losses = lose_blocks(seed(), spacing_s, nodes, blocks);
    const double expected = 1 - std::exp(-losses.delay_s / static_cast<double>(spacing_s));
    fmt::print("  {:5} s  {:5.0f} ms  {:6}  {:5}  {:5.1f} %  {:5.1f} %\n", spacing_s,
               losses.delay_s * 1e3, losses.blocks, losses.lost, 100 * losses.share(),
               100 * expected);
    // Five standard deviations of the count, and a fifth for what the formula leaves out: a branch
    // may be longer than one.
    const double deviation = std::sqrt(expected / static_cast<double>(blocks));
    EXPECT_NEAR(losses.share(), expected, 5 * deviation + expected / 5);
  }
}

TEST(Pow, ASeedIsARun) {
  const Losses once = lose_blocks(seed(), 2, 100, 100);
  const Losses again = lose_blocks(seed(), 2, 100, 100);
  EXPECT_EQ(once.trace, again.trace);
  EXPECT_EQ(once.lost, again.lost);
  EXPECT_NE(once.trace, lose_blocks(seed() + 1, 2, 100, 100).trace);
}

/// Whatever happens, those who hear the same blocks end at the same work.
TEST(Pow, AllAgreeOnceAMinerIsAhead) {
  MiningWorld world(seed(), {.nodes = 300, .asert = spacing(2)});
  world.begin();
  world.run_until([&] { return world.blocks() > 200; });
  // Ties last until a block ends them.
  world.run_until(
      [&] { return world.blocks() > 5'000 || world.nodes_at(world.head(0)) == world.nodes(); });
  EXPECT_EQ(world.nodes_at(world.head(0)), world.nodes());
}

// --- Selfish mining

/// Eyal and Sirer's strategy (arXiv:1311.0243, algorithm 1): keeps what it finds, and publishes as
/// much as takes what others found from them.
class Selfish final : public Strategy {
 public:
  void found(MiningWorld& world, NodeId self, BlockId block) override {
    tip_ = block;
    unpublished_.push_back(block);
    if (racing_) publish(world, self, block);
    racing_ = false;
    world.restart_mining(self);
  }

  void heard(MiningWorld& world, NodeId self, BlockId block, NodeId) override {
    const std::uint64_t number = world.block(block).header.number;
    if (number <= public_number_) return;
    public_number_ = number;
    if (unpublished_.empty()) {
      racing_ = false;
      tip_ = block;
      world.restart_mining(self);
      return;
    }
    const std::uint64_t lead = world.block(tip_).header.number - number;
    racing_ = lead == 0;
    if (lead <= 1) return publish(world, self, tip_);
    publish(world, self, world.ancestor(tip_, lead));
  }

  BlockId tip(MiningWorld&, NodeId) override { return tip_; }

 private:
  /// All up to this one.
  void publish(MiningWorld& world, NodeId self, BlockId last) {
    const std::uint64_t number = world.block(last).header.number;
    while (!unpublished_.empty() && world.block(unpublished_.front()).header.number <= number) {
      world.send_to_all(self, unpublished_.front(), self);
      unpublished_.pop_front();
    }
    public_number_ = std::max(public_number_, number);
  }

  std::deque<BlockId> unpublished_;
  BlockId tip_ = genesis_id;
  std::uint64_t public_number_ = 0;
  bool racing_ = false;
};

/// The paper's equation 8, for a share gamma of the others who mine on the attacker's block in a
/// tie.
double selfish_revenue(double share, double gamma) {
  const double a = share;
  return (a * (1 - a) * (1 - a) * (4 * a + gamma * (1 - 2 * a)) - a * a * a) /
         (1 - a * (1 + (2 - a) * a));
}

double measured_revenue(double share, std::size_t nodes, std::size_t blocks) {
  // Latencies that are nothing against the spacing: what ties do is measured, and nothing else.
  MiningWorld world(
      seed(), {.nodes = nodes, .latency_min = 1ms, .latency_max = 20ms, .asert = spacing(600)});
  world.set_share(0, share);
  world.set_strategy(0, std::make_unique<Selfish>());
  world.begin();
  world.run_until([&] { return world.blocks() > blocks; });
  const std::vector<BlockId> chain = chain_to(world, world.head(1));
  std::size_t its = 0;
  for (const BlockId block : chain)
    its += world.block(block).miner == 0 ? 1 : 0;
  return static_cast<double>(its) / static_cast<double>(chain.size());
}

TEST(Pow, SelfishMinersEarnWhatTheFormulaSays) {
  const std::size_t nodes = is_full() ? 1'000 : 25;
  const std::size_t blocks = is_full() ? 10'000 : 6'000;
  fmt::print("\nA selfish miner among {}, ties by coins (gamma 0.5)\n", nodes);
  fmt::print("  share   revenue   Eyal-Sirer   with first-seen ties, at best (gamma 1)\n");
  for (const double share : {0.2, 0.3, 0.33, 0.4}) {
    const double revenue = measured_revenue(share, nodes, blocks);
    const double expected = selfish_revenue(share, 0.5);
    fmt::print("  {:4.0f} %   {:5.1f} %       {:5.1f} %   {:5.1f} %\n", 100 * share, 100 * revenue,
               100 * expected, 100 * selfish_revenue(share, 1));
    // A chain's blocks come in runs: about three times the deviation of single draws.
    const double deviation = std::sqrt(expected * (1 - expected) / static_cast<double>(blocks));
    EXPECT_NEAR(revenue, expected, 9 * deviation);
  }
  // Below a quarter it earns less than by honesty, as the paper proves of this rule.
  EXPECT_LT(measured_revenue(0.2, nodes, blocks), 0.2);
}

// --- Majorities, and those who nearly are one

/// Mines in private from the first block on, until its branch is longer and has more work than what
/// others made, and they have made `confirmations`.
class Withholder final : public Strategy {
 public:
  explicit Withholder(std::uint64_t confirmations) : confirmations_(confirmations) {}

  void found(MiningWorld& world, NodeId self, BlockId block) override {
    unpublished_.push_back(block);
    tip_ = block;
    publish_if_ahead(world, self);
    world.restart_mining(self);
  }
  void heard(MiningWorld& world, NodeId self, BlockId block, NodeId) override {
    const BranchTip& heard = *world.forks(self).find(world.block(block).hash);
    public_number_ = std::max(public_number_, heard.number);
    public_work_ = std::max(public_work_, heard.total_work);
    publish_if_ahead(world, self);
  }
  BlockId tip(MiningWorld&, NodeId) override { return tip_; }

  bool has_published() const noexcept { return published_; }
  std::uint64_t behind(const MiningWorld& world) const {
    const std::uint64_t own = world.block(tip_).header.number;
    return public_number_ > own ? public_number_ - own : 0;
  }

 private:
  void publish_if_ahead(MiningWorld& world, NodeId self) {
    // By a block, as the formula counts. (Of two branches as long, the one whose blocks came sooner
    // has a little more work.)
    const BranchTip& own = *world.forks(self).find(world.block(tip_).hash);
    const bool is_ahead = own.number > public_number_ && own.total_work > public_work_;
    if (!published_ && (public_number_ < confirmations_ || !is_ahead)) return;
    published_ = true;
    for (const BlockId block : unpublished_)
      world.send_to_all(self, block, self);
    unpublished_.clear();
  }

  const std::uint64_t confirmations_;
  std::vector<BlockId> unpublished_;
  BlockId tip_ = genesis_id;
  std::uint64_t public_number_ = 0;
  U256 public_work_;
  bool published_ = false;
};

/// That a private branch gets longer than the public one after `confirmations`: the negative
/// binomial of its length by then, and a gambler's ruin from there (Rosenfeld, arXiv:1402.2009,
/// without a block in advance).
double reversal_chance(double share, int confirmations) {
  const double other = 1 - share;
  if (share >= other) return 1;
  double fails = 0;
  double ways = 1;
  for (int own = 0; own <= confirmations; ++own) {
    if (own > 0) ways = ways * (own + confirmations - 1) / own;
    const double so_many = ways * std::pow(other, confirmations) * std::pow(share, own);
    fails += so_many * (1 - std::pow(share / other, confirmations - own + 1));
  }
  return 1 - fails;
}

TEST(Pow, AMajorityReversesAndAMinorityAsOftenAsTheFormulaSays) {
  constexpr int confirmations = 6;
  const int trials = is_full() ? 4'000 : 200;
  fmt::print("\nA payment with {} confirmations reversed, {} trials\n", confirmations, trials);
  fmt::print("  share   reversed   formula   deepest\n");
  for (const double share : {0.1, 0.3, 0.45, 0.51, 0.6}) {
    int reversed = 0;
    std::uint64_t deepest = 0;
    for (int trial = 0; trial < trials; ++trial) {
      MiningWorld world(seed() * 1'000'003 + static_cast<std::uint64_t>(trial),
                        {.nodes = 4,
                         .latency_min = 1ms,
                         .latency_max = 20ms,
                         .asert = spacing(600),
                         .settle_depth = 100'000});
      auto owned = std::make_unique<Withholder>(confirmations);
      const Withholder& attacker = *owned;
      world.set_share(0, share);
      world.set_strategy(0, std::move(owned));
      world.begin();
      // From 40 behind a minority comes back once in 3,000 times at most; a majority does.
      const std::uint64_t gives_up = share > 0.5 ? 100'000 : 40;
      world.run_until(
          [&] { return attacker.has_published() || attacker.behind(world) >= gives_up; });
      if (!attacker.has_published()) continue;
      world.stop_mining();
      world.run_out();
      ++reversed;
      ASSERT_EQ(world.nodes_at(world.head(0)), world.nodes());
      ASSERT_EQ(world.block(world.head(1)).miner, 0U);
      deepest = std::max(deepest, world.deepest_reorganisation(1));
    }
    const double rate = static_cast<double>(reversed) / trials;
    const double expected = reversal_chance(share, confirmations);
    fmt::print("  {:4.0f} %    {:5.1f} %   {:5.1f} %   {:5} blocks\n", 100 * share, 100 * rate,
               100 * expected, deepest);
    EXPECT_NEAR(rate, expected, 4 * std::sqrt(expected * (1 - expected) / trials) + 0.01);
  }
}

/// A deep branch comes all at once, through links that mix its blocks up.
TEST(Pow, AThousandNodesFollowAMajority) {
  constexpr std::size_t nodes = 1'000;
  MiningWorld world(seed(), {.nodes = nodes, .settle_depth = 10'000});
  auto owned = std::make_unique<Withholder>(60);
  const Withholder& attacker = *owned;
  world.set_share(0, 0.6);
  world.set_strategy(0, std::move(owned));
  world.begin();
  world.run_until([&] { return attacker.has_published(); });
  world.stop_mining();
  const Instant published = world.now();
  world.run_out();
  EXPECT_EQ(world.nodes_at(world.head(0)), nodes);
  EXPECT_GE(world.deepest_reorganisation(1), 60U);
  fmt::print("\n60 % of the hashes against {} nodes: {} blocks taken back by all within {:.1f} s\n",
             nodes - 1, world.deepest_reorganisation(1), in_seconds(world.now() - published));
}

// --- Eclipse

/// Hears everything and says nothing.
class Silent final : public Strategy {
 public:
  void found(MiningWorld&, NodeId, BlockId) override {}
  void heard(MiningWorld&, NodeId, BlockId, NodeId) override {}
};

TEST(Pow, AnEclipsedMinerComesBack) {
  const std::size_t nodes = is_full() ? 1'000 : 100;
  constexpr NodeId victim = 0;
  constexpr NodeId attacker = 1;
  MiningWorld world(seed(), {.nodes = nodes, .settle_depth = 100'000});
  world.set_share(victim, 0.05);
  world.set_share(attacker, 0);
  world.set_strategy(attacker, std::make_unique<Silent>());
  world.cut_all_links(victim);
  world.link(victim, attacker, 5ms);
  world.begin();
  const std::uint64_t hours = is_full() ? 12 : 2;
  world.run_for(std::chrono::hours(hours));
  const BlockId alone = world.head(victim);
  const BlockId others = world.head(2);
  EXPECT_EQ(world.common_ancestor(alone, others), genesis_id);
  EXPECT_EQ(world.block(alone).miner, victim);
  const std::uint64_t own = world.block(alone).header.number;
  const std::uint64_t theirs = world.block(others).header.number;
  // A twentieth of the work, although its difficulty falls as its blocks stay away.
  EXPECT_LT(world.forks(victim).head().total_work, world.forks(2).head().total_work);
  EXPECT_GT(own, 0U);

  // One honest peer is enough: from its next block on, parents are asked for down to what is known.
  world.link(victim, 2, 50ms);
  const Instant healed = world.now();
  world.run_until([&] {
    return world.head(victim) == world.head(2) || world.now() - healed > std::chrono::hours(1);
  });
  EXPECT_EQ(world.head(victim), world.head(2));
  EXPECT_GE(world.deepest_reorganisation(victim), own);
  fmt::print(
      "\nAn eclipsed miner of 5 %, {} hours: it made {} blocks, the others {}; back after {:.1f} "
      "s\n",
      hours, own, theirs, in_seconds(world.now() - healed));
}

}  // namespace
}  // namespace kith::ledger::sim
