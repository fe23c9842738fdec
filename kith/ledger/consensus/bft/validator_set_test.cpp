#include <numeric>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/consensus/bft/test_validators.hpp>

namespace kith::ledger::bft {
namespace {

Validator validator(std::uint8_t key, std::uint64_t stake) {
  Validator made;
  made.key[0] = key;
  made.stake = stake;
  return made;
}

BftError error_of(std::vector<Validator> validators) {
  const auto made = ValidatorSet::make(std::move(validators));
  return made ? BftError{} : made.error();
}

TEST(ValidatorSet, RefusesWhatIsNoSet) {
  EXPECT_EQ(error_of({}), BftError::no_validators);
  EXPECT_EQ(error_of({validator(1, 1), validator(2, 0)}), BftError::no_stake);
  EXPECT_EQ(error_of({validator(1, 1), validator(1, 2)}), BftError::same_validator);
  EXPECT_EQ(error_of({validator(1, stake_sum_max), validator(2, 1)}), BftError::too_much_stake);
  EXPECT_EQ(error_of({validator(1, UINT64_MAX), validator(2, UINT64_MAX)}),
            BftError::too_much_stake);
  EXPECT_EQ(error_of({validator(1, stake_sum_max - 1), validator(2, 1)}), BftError{});
  std::vector<Validator> many(validators_max + 1);
  EXPECT_EQ(error_of(many), BftError::too_many);
}

TEST(ValidatorSet, AQuorumIsMoreThanTwoThirdsAndOneHonestMoreThanAThird) {
  for (std::uint64_t total = 1; total < 100; ++total) {
    const std::uint64_t stakes[] = {total};
    const auto set = test_set(stakes);
    for (std::uint64_t weight = 0; weight <= total; ++weight) {
      EXPECT_EQ(set->is_quorum(weight), weight * 3 > total * 2) << weight << " of " << total;
      EXPECT_EQ(set->has_one_honest(weight), weight * 3 > total) << weight << " of " << total;
    }
  }
  const std::uint64_t most[] = {stake_sum_max};
  EXPECT_TRUE(test_set(most)->is_quorum(stake_sum_max));
  EXPECT_FALSE(test_set(most)->is_quorum(stake_sum_max / 3 * 2));
}

TEST(ValidatorSet, IsFoundByKeyAndWeighed) {
  auto made = ValidatorSet::make({validator(9, 5), validator(3, 7), validator(200, 11)});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->find(validator(9, 0).key), 1);
  EXPECT_EQ(made->find(validator(4, 0).key), std::nullopt);
  EXPECT_EQ((*made)[0].stake, 7U);
  ValidatorBits two;
  two.set(0);
  two.set(2);
  EXPECT_EQ(made->weight(two), 18U);
  EXPECT_EQ(made->total(), 23U);
}

TEST(ValidatorSet, HasOneEncoding) {
  const auto a = ValidatorSet::make({validator(9, 5), validator(3, 7)});
  const auto b = ValidatorSet::make({validator(3, 7), validator(9, 5)});
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->hash(), b->hash());
  const auto again = ValidatorSet::decode(a->encode());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->encode(), a->encode());

  Bytes swapped;
  RlpWriter writer(swapped);
  const auto list = writer.begin_list();
  for (const Validator& one : {validator(9, 5), validator(3, 7)}) {
    const auto item = writer.begin_list();
    writer.string(one.key);
    writer.number(one.stake);
    writer.end_list(item);
  }
  writer.end_list(list);
  EXPECT_EQ(ValidatorSet::decode(swapped).error(), BftError::not_canonical);
  Bytes longer = a->encode();
  longer.push_back(0x80);
  EXPECT_EQ(ValidatorSet::decode(longer).error(), BftError::malformed);
}

TEST(ValidatorBits, AreReadAsWritten) {
  ValidatorBits bits;
  for (const ValidatorIndex i : {0, 7, 8, 63, 64, 127})
    bits.set(i);
  const auto bytes = bits.to_bytes();
  EXPECT_EQ(bytes[0], 0x81);
  EXPECT_EQ(bytes[15], 0x80);
  EXPECT_EQ(ValidatorBits::from_bytes(bytes), bits);
  EXPECT_EQ(bits.count(), 6U);
  EXPECT_TRUE(bits.is_within(128));
  EXPECT_FALSE(bits.is_within(127));
  bits.clear(127);
  EXPECT_TRUE(bits.is_within(65));
  EXPECT_EQ(ValidatorBits::first(128).count(), 128U);
}

TEST(Leaders, HaveTurnsByTheirStakeInEveryWheel) {
  Prng prng(1);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::uint64_t> stakes(prng.between(1, 40));
    for (std::uint64_t& stake : stakes)
      stake = prng.between(1, prng.chance(0.2) ? stake_sum_max / 64 : 1000);
    const auto set = test_set(stakes);
    LeaderSchedule schedule(*set, prng.next());
    const View start = prng.below(1000) * LeaderSchedule::wheel_views;
    std::vector<double> turns(stakes.size());
    for (View view = start; view < start + LeaderSchedule::wheel_views; ++view)
      ++turns[schedule.leader(view)];
    for (std::size_t i = 0; i < stakes.size(); ++i) {
      const double due = static_cast<double>(stakes[i]) / static_cast<double>(set->total()) *
                         LeaderSchedule::wheel_views;
      EXPECT_NEAR(turns[i], due, 2.0) << i << " of " << stakes.size();
    }
  }
}

TEST(Leaders, OfLittleStakeHaveTheirTurnInSomeWheel) {
  const std::uint64_t stakes[] = {1000, 1000, 1000, 1};
  const auto set = test_set(stakes);
  LeaderSchedule schedule(*set, 3);
  int turns = 0;
  for (View view = 0; view < 60'020; ++view)
    turns += schedule.leader(view) == 3;
  EXPECT_GT(turns, 2);
  EXPECT_LT(turns, 80);
}

TEST(Leaders, AreTheSameOnEveryMachine) {
  const std::uint64_t stakes[] = {3, 5, 8, 13};
  const auto set = test_set(stakes);
  EXPECT_EQ(to_hex(set->hash().view()),
            "b99ebc8fa20ba63441f245e81f9d6330166c15fd8eac298d3cefa466083388b8");
  LeaderSchedule schedule(*set, 7);
  std::vector<int> first;
  for (View view = 0; view < 16; ++view)
    first.push_back(schedule.leader(view));
  EXPECT_EQ(first, (std::vector<int>{1, 3, 2, 0, 3, 2, 3, 1, 3, 2, 3, 0, 1, 3, 2, 3}));
  std::vector<int> later;
  for (View view = 1'000'000; view < 1'000'008; ++view)
    later.push_back(schedule.leader(view));
  EXPECT_EQ(later, (std::vector<int>{2, 3, 1, 2, 3, 3, 2, 1}));
}

TEST(Leaders, AreTheSameInWhateverOrderOneAsks) {
  const auto set = test_set(7);
  LeaderSchedule forward(*set, 5);
  LeaderSchedule backward(*set, 5);
  LeaderSchedule other(*set, 6);
  std::vector<ValidatorIndex> leaders;
  for (View view = 0; view < 2000; ++view)
    leaders.push_back(forward.leader(view));
  bool differs = false;
  for (View view = 2000; view-- > 0;) {
    EXPECT_EQ(backward.leader(view), leaders[view]);
    differs = differs || other.leader(view) != leaders[view];
  }
  EXPECT_TRUE(differs) << "another epoch, another order";
  static_cast<void>(forward.leader(view_max - 1));
}

}  // namespace
}  // namespace kith::ledger::bft
