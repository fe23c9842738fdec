// The contract against a model of it in a hundred lines: random calls of a dozen operators, and
// after each one everybody's coins and the validators compared.
#include <algorithm>
#include <map>
#include <set>

#include <kith/base/prng.hpp>
#include <kith/ledger/consensus/staking/test_staking.hpp>

namespace kith::ledger::staking {
namespace {

constexpr std::uint64_t people = 12;

std::uint64_t share_of(std::uint64_t units, std::uint64_t basis) {
  return (units * basis + basis_points - 1) / basis_points;
}

class Model {
 public:
  struct Unbonding {
    std::uint64_t amount, epoch, available_at;
  };
  struct Operator {
    bool is_registered = false;
    std::uint64_t stake = 0;
    std::uint64_t jailed_until = 0;
    std::vector<Unbonding> unbondings;
    U256 wallet = units(StakingWorld::wallet);
  };

  explicit Model(const StakingParameters& chosen) : parameters(chosen), all(people) {
    all[0].is_registered = true;
    all[0].stake = 10;
  }

  std::uint64_t epoch() const { return (block - 1) / parameters.epoch_blocks; }

  std::string_view stake(std::uint64_t who, std::uint64_t amount, bool registers) {
    Operator& one = all[who];
    if (registers && one.is_registered) return "AlreadyRegistered";
    if (!registers && !one.is_registered) return "NotRegistered";
    if (amount == 0) return "NotWholeUnits";
    if (one.stake + amount < parameters.minimum_stake) return "BelowMinimum";
    one.is_registered = true;
    one.stake += amount;
    one.wallet -= units(amount);
    return "";
  }

  std::string_view unstake(std::uint64_t who, std::uint64_t amount) {
    Operator& one = all[who];
    if (!one.is_registered) return "NotRegistered";
    if (amount == 0) return "NotWholeUnits";
    if (amount > one.stake) return "InsufficientStake";
    const std::uint64_t left = one.stake - amount;
    if (left != 0 && left < parameters.minimum_stake) return "BelowMinimum";
    if (one.unbondings.size() == unbondings_max) return "TooManyUnbondings";
    one.stake = left;
    one.unbondings.push_back({amount, epoch(), now + parameters.unbonding_seconds});
    return "";
  }

  std::string_view withdraw(std::uint64_t who) {
    Operator& one = all[who];
    if (!one.is_registered) return "NotRegistered";
    std::uint64_t sum = 0;
    std::erase_if(one.unbondings, [&](const Unbonding& unbonding) {
      if (unbonding.available_at > now) return false;
      sum += unbonding.amount;
      return true;
    });
    if (sum == 0) return "NothingToWithdraw";
    one.wallet += units(sum);
    return "";
  }

  std::string_view unjail(std::uint64_t who) {
    Operator& one = all[who];
    if (!one.is_registered) return "NotRegistered";
    if (one.jailed_until == 0) return "NotJailed";
    if (now < one.jailed_until) return "StillJailed";
    if (one.stake < parameters.minimum_stake) return "BelowMinimum";
    one.jailed_until = 0;
    return "";
  }

  std::string_view report(std::uint64_t by, std::uint64_t whom, std::uint64_t of_epoch,
                          std::uint64_t view) {
    Operator& one = all[whom];
    if (!one.is_registered) return "UnknownKey";
    if (of_epoch > epoch()) return "FutureEpoch";
    if ((of_epoch + 1) * parameters.epoch_blocks + parameters.unbonding_seconds < block)
      return "EvidenceTooOld";
    if (punished.contains({whom, of_epoch, view})) return "AlreadyPunished";
    std::uint64_t lost = share_of(one.stake, parameters.slash_basis_points);
    const std::uint64_t of_stake = lost;
    for (Unbonding& unbonding : one.unbondings) {
      if (unbonding.epoch < of_epoch || unbonding.available_at <= now) continue;
      const std::uint64_t part = share_of(unbonding.amount, parameters.slash_basis_points);
      unbonding.amount -= part;
      lost += part;
    }
    if (lost == 0) return "NothingToSlash";
    one.stake -= of_stake;
    one.jailed_until = now + parameters.jail_seconds;
    punished.insert({whom, of_epoch, view});
    const U256 reward = units(lost) * U256(parameters.reward_basis_points) / U256(basis_points);
    all[by].wallet += reward;
    burnt += units(lost) - reward;
    return "";
  }

  std::vector<bft::Validator> validators() const {
    std::vector<bft::Validator> made;
    for (std::uint64_t i = 0; i < people; ++i) {
      if (all[i].jailed_until == 0 && all[i].stake >= parameters.minimum_stake)
        made.push_back({person(i).public_key(), all[i].stake});
    }
    std::ranges::sort(made, [](const auto& a, const auto& b) {
      return a.stake != b.stake ? a.stake > b.stake : a.key < b.key;
    });
    made.resize(std::min<std::size_t>(made.size(), parameters.validators_max));
    return made;
  }

  StakingParameters parameters;
  std::uint64_t now = 0;
  std::uint64_t block = 0;
  std::vector<Operator> all;
  std::set<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>> punished;
  U256 burnt;
};

/// One call that is drawn, to both.
class Pair {
 public:
  explicit Pair(std::uint64_t seed) : random_(seed), model_(small_parameters()) {}

  void step() {
    world_.pass(random_.below(80), random_.below(8));
    model_.now = world_.block.timestamp;
    model_.block = world_.block.number;
    const std::uint64_t who = random_.below(people);
    const auto [sent, expected] = call(who);
    ASSERT_EQ(sent.error, expected);
    ASSERT_EQ(sent.succeeded, expected.empty());
    ++seen_[expected];
    compare();
  }

  const std::map<std::string_view, int>& seen() const { return seen_; }

 private:
  std::pair<Sent, std::string_view> call(std::uint64_t who) {
    // Small amounts, so that stakes are often the same.
    const std::uint64_t amount = random_.chance(0.05) ? 0 : 1 + random_.below(20);
    switch (random_.below(7)) {
      case 0:
        return {world_.enroll(person(who), amount), model_.stake(who, amount, true)};
      case 1:
        return {world_.stake(person(who), amount), model_.stake(who, amount, false)};
      case 2: {
        const std::uint64_t less = random_.chance(0.3) ? model_.all[who].stake : amount;
        return {world_.unstake(person(who), less), model_.unstake(who, less)};
      }
      case 3:
        return {world_.withdraw(person(who)), model_.withdraw(who)};
      case 4:
        return {world_.unjail(person(who)), model_.unjail(who)};
      default: {
        const std::uint64_t by = random_.below(people);
        // Any epoch so far and the next, more often the last ones.
        const std::uint64_t last = model_.epoch() + 1;
        const std::uint64_t epoch =
            random_.chance(0.5) ? last - std::min(last, random_.below(4)) : random_.below(last + 1);
        const std::uint64_t view = 1 + random_.below(2);
        return {world_.report(person(by), person(who), world_.evidence(person(who), epoch, view)),
                model_.report(by, who, epoch, view)};
      }
    }
  }

  void compare() {
    const auto set = read_validators(world_.state);
    auto expected = bft::ValidatorSet::make(model_.validators());
    ASSERT_EQ(set.has_value(), expected.has_value());
    if (set) {
      ASSERT_EQ(set->hash(), expected->hash());
    }
    U256 held;
    for (std::uint64_t i = 0; i < people; ++i) {
      const Model::Operator& one = model_.all[i];
      ASSERT_EQ(world_.balance(person(i).account), one.wallet);
      held += units(one.stake);
      for (const Model::Unbonding& unbonding : one.unbondings)
        held += units(unbonding.amount);
    }
    // The contract holds what it owes, and not a coin has come or gone.
    ASSERT_EQ(world_.balance(staking_address), held);
    ASSERT_EQ(world_.balance(Address()), model_.burnt);
    ASSERT_EQ(world_.total(), total_);
  }

  Prng random_;
  StakingWorld world_;
  Model model_;
  U256 total_ = world_.total();
  std::map<std::string_view, int> seen_;
};

TEST(StakingModel, WhateverIsCalledTheContractDoesWhatTheModelDoes) {
  std::map<std::string_view, int> seen;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    Pair pair(seed);
    for (int i = 0; i < 400; ++i) {
      SCOPED_TRACE(i);
      pair.step();
      if (HasFatalFailure()) return;
    }
    for (const auto& [error, count] : pair.seen())
      seen[error] += count;
  }
  for (const std::string_view error :
       {"", "AlreadyRegistered", "NotRegistered", "NotWholeUnits", "BelowMinimum",
        "InsufficientStake", "NothingToWithdraw", "NotJailed", "StillJailed", "UnknownKey",
        "FutureEpoch", "EvidenceTooOld"})
    EXPECT_GT(seen[error], 0) << error;
}

}  // namespace
}  // namespace kith::ledger::staking
