#include <map>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/consensus/pow/fork_choice.hpp>

namespace kith::ledger {
namespace {

using Added = ForkChoice::Added;

Hash block(std::uint64_t name) {
  return keccak256(as_bytes(std::to_string(name)));
}

ForkChoice choice(std::uint64_t seed = 1, std::size_t blocks_max = 1'000) {
  return {{.hash = block(0), .number = 0, .total_work = 1}, seed, blocks_max};
}

TEST(ForkChoice, TakesTheBranchWithMostWork) {
  ForkChoice forks = choice();
  EXPECT_EQ(forks.add(block(1), block(0), 10), Added::new_head);
  EXPECT_EQ(forks.add(block(2), block(1), 10), Added::new_head);
  // Two blocks are fewer than three, and more work.
  EXPECT_EQ(forks.add(block(3), block(2), 10), Added::new_head);
  EXPECT_EQ(forks.add(block(11), block(0), 15), Added::side);
  EXPECT_EQ(forks.add(block(12), block(11), 17), Added::new_head);
  EXPECT_EQ(forks.head(), (BranchTip{block(12), 2, 33}));
  EXPECT_EQ(forks.common_ancestor(block(12), block(3)), block(0));
  EXPECT_EQ(forks.common_ancestor(block(1), block(3)), block(1));
  EXPECT_EQ(forks.add(block(12), block(11), 17), Added::known);
  EXPECT_EQ(forks.add(block(99), block(98), 1), Added::unknown_parent);
}

TEST(ForkChoice, AWorkTooLargeToCountIsTheLargest) {
  ForkChoice forks = choice();
  EXPECT_EQ(forks.add(block(1), block(0), U256::max()), Added::new_head);
  EXPECT_EQ(forks.head().total_work, U256::max());
}

/// Whichever of two equal ones came first: the node's coin decides, and falls evenly.
TEST(ForkChoice, ACoinDecidesTies) {
  int first_wins = 0;
  int larger_hash_wins = 0;
  constexpr int nodes = 4'000;
  for (std::uint64_t seed = 0; seed < nodes; ++seed) {
    ForkChoice forwards = choice(seed);
    ForkChoice backwards = choice(seed);
    for (const std::uint64_t name : {1, 2})
      forwards.add(block(name), block(0), 10);
    for (const std::uint64_t name : {2, 1})
      backwards.add(block(name), block(0), 10);
    ASSERT_EQ(forwards.head(), backwards.head());
    first_wins += forwards.head().hash == block(1) ? 1 : 0;
    larger_hash_wins += forwards.head().hash == std::max(block(1), block(2)) ? 1 : 0;
  }
  // Five standard deviations.
  EXPECT_NEAR(first_wins, nodes / 2, 160);
  EXPECT_NEAR(larger_hash_wins, nodes / 2, 160);
}

/// And of one node, each tie by itself.
TEST(ForkChoice, ANodesTiesDontFollowEachOther) {
  const ForkRule rule(7);
  int wins = 0;
  int same_as_before = 0;
  bool before = false;
  constexpr int ties = 4'000;
  for (std::uint64_t i = 0; i < ties; ++i) {
    const bool won = rule.prefers({block(2 * i), 1, 5}, {block(2 * i + 1), 1, 5});
    EXPECT_NE(won, rule.prefers({block(2 * i + 1), 1, 5}, {block(2 * i), 1, 5}));
    wins += won ? 1 : 0;
    same_as_before += won == before ? 1 : 0;
    before = won;
  }
  EXPECT_NEAR(wins, ties / 2, 160);
  EXPECT_NEAR(same_as_before, ties / 2, 160);
  EXPECT_FALSE(rule.prefers({block(1), 1, 5}, {block(1), 1, 5}));
}

TEST(ForkChoice, InvalidBranchesDontCount) {
  ForkChoice forks = choice();
  forks.add(block(1), block(0), 10);
  forks.add(block(2), block(1), 10);
  forks.add(block(3), block(2), 10);
  forks.add(block(11), block(1), 5);
  EXPECT_TRUE(forks.invalidate(block(2)));
  EXPECT_EQ(forks.head().hash, block(11));
  EXPECT_FALSE(forks.is_valid(block(3)));
  EXPECT_TRUE(forks.is_valid(block(1)));
  EXPECT_EQ(forks.add(block(4), block(3), 100), Added::invalid_parent);
  EXPECT_EQ(forks.add(block(2), block(1), 100), Added::known);
  EXPECT_EQ(forks.head().hash, block(11));
  EXPECT_FALSE(forks.invalidate(block(0)));
  EXPECT_FALSE(forks.invalidate(block(77)));
}

TEST(ForkChoice, ForgetsWhatIsNotUponWhatIsSettled) {
  ForkChoice forks = choice();
  forks.add(block(1), block(0), 10);
  forks.add(block(2), block(1), 10);
  forks.add(block(3), block(2), 10);
  forks.add(block(12), block(1), 10);
  EXPECT_TRUE(forks.settle(block(2)));
  EXPECT_EQ(forks.size(), 2U);
  EXPECT_EQ(forks.root(), block(2));
  EXPECT_EQ(forks.head().hash, block(3));
  EXPECT_EQ(forks.add(block(13), block(12), 50), Added::unknown_parent);
  EXPECT_EQ(forks.add(block(4), block(3), 1), Added::new_head);
  // Also where the head was elsewhere.
  forks.add(block(14), block(2), 5);
  EXPECT_TRUE(forks.settle(block(14)));
  EXPECT_EQ(forks.head().hash, block(14));
  EXPECT_FALSE(forks.settle(block(3)));
}

TEST(ForkChoice, IsFullAtItsLimit) {
  ForkChoice forks = choice(1, 3);
  forks.add(block(1), block(0), 1);
  forks.add(block(2), block(1), 1);
  EXPECT_EQ(forks.add(block(3), block(2), 1), Added::full);
  forks.settle(block(1));
  EXPECT_EQ(forks.add(block(3), block(2), 1), Added::new_head);
}

/// Against a search through all branches, over random trees.
TEST(ForkChoice, AgreesWithASearchThroughAllBranches) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Prng prng(seed);
    ForkChoice forks = choice(seed);
    const ForkRule rule(seed);
    struct Known {
      BranchTip tip;
      std::uint64_t parent;
      bool is_valid;
    };
    std::vector<Known> all{{{block(0), 0, 1}, 0, true}};
    for (std::uint64_t name = 1; name < 60; ++name) {
      const std::uint64_t parent = prng.below(all.size());
      const std::uint64_t work = prng.between(1, 3);
      const Added added = forks.add(block(name), block(parent), work);
      // Of an invalid block no child is kept, and so none of theirs.
      ASSERT_EQ(added == Added::invalid_parent || added == Added::unknown_parent,
                !all[parent].is_valid);
      all.push_back({{block(name), all[parent].tip.number + 1, all[parent].tip.total_work + work},
                     parent,
                     all[parent].is_valid});
      if (prng.chance(0.1)) {
        const std::uint64_t bad = prng.between(1, name);
        if (forks.invalidate(block(bad))) {
          all[bad].is_valid = false;
          for (Known& known : all)
            known.is_valid = known.is_valid && all[known.parent].is_valid;
        }
      }
      BranchTip best = all[0].tip;
      for (const Known& known : all) {
        if (known.is_valid && rule.prefers(known.tip, best)) best = known.tip;
      }
      ASSERT_EQ(forks.head(), best) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace kith::ledger
