#include <algorithm>
#include <map>

#include <kith/base/prng.hpp>
#include <kith/ledger/consensus/staking/test_hostile.hpp>
#include <kith/ledger/consensus/staking/test_staking.hpp>

namespace kith::ledger::staking {
namespace {

const Person first = person(0);
const Person alice = person(1);
const Person bob = person(2);
const Person carol = person(3);

using Kind = StakingEvent::Kind;

// Genesis.

TEST(StakingGenesis, TheFirstSetIsWhatItWasGiven) {
  StakingParameters parameters{.epoch_blocks = 7};
  std::vector<InitialValidator> given;
  for (std::uint64_t i = 0; i < 5; ++i)
    given.push_back({person(i).account, person(i).public_key(), 1'000 + i});
  StakingWorld world(parameters, given);
  const auto set = read_validators(world.state);
  ASSERT_TRUE(set.has_value()) << set.error().message();
  ASSERT_EQ(set->size(), 5U);
  EXPECT_EQ(set->total(), 5'010U);
  for (std::uint64_t i = 0; i < 5; ++i)
    EXPECT_EQ(world.weight(person(i)), 1'000 + i);
  EXPECT_EQ(world.balance(staking_address), units(5'010));
  const auto status = world.status(person(3));
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->key, person(3).public_key());
  EXPECT_EQ(status->staked, units(1'003));
  EXPECT_TRUE(status->is_active);
  EXPECT_EQ(status->jailed_until, 0U);
}

TEST(StakingGenesis, TheContractAnswersItsParameters) {
  StakingParameters parameters{.minimum_stake = 3,
                               .unbonding_seconds = 4,
                               .jail_seconds = 5,
                               .epoch_blocks = 6,
                               .slash_basis_points = 7,
                               .reward_basis_points = 8,
                               .validators_max = 9};
  StakingWorld world(parameters);
  EXPECT_EQ(*read_parameters(world.state), parameters);
  world = StakingWorld();
  EXPECT_EQ(*read_parameters(world.state), small_parameters());
}

TEST(StakingGenesis, BeyondTheMostThatVoteTheOthersWait) {
  std::vector<InitialValidator> given;
  for (std::uint64_t i = 0; i < 30; ++i)
    given.push_back({person(i).account, person(i).public_key(), 10 + i / 2});
  StakingWorld world(small_parameters(), given);
  EXPECT_EQ(read_validators(world.state)->size(), 4U);
  EXPECT_EQ(read_validators(world.state)->total(), 24U + 24 + 23 + 23);
  EXPECT_FALSE(world.status(person(3))->is_active);
}

TEST(StakingGenesis, WhatCannotBeIsRefused) {
  const InitialValidator good = StakingWorld::first_validator();
  const auto refusal = [&](const StakingParameters& parameters,
                           std::vector<InitialValidator> validators) {
    MemoryState state;
    const auto made = staking_genesis(state, parameters, validators);
    EXPECT_FALSE(made.has_value());
    EXPECT_TRUE(state.accounts().empty());
    return made ? Error(Errc::closed) : made.error();
  };
  const auto with = [&](auto change) {
    StakingParameters parameters = small_parameters();
    change(parameters);
    return refusal(parameters, {good});
  };
  using Parameters = StakingParameters;
  EXPECT_TRUE(with([](Parameters& p) { p.minimum_stake = 0; }).is(StakingError::bad_parameter));
  EXPECT_TRUE(with([](Parameters& p) { p.epoch_blocks = 0; }).is(StakingError::bad_parameter));
  EXPECT_TRUE(with([](Parameters& p) { p.jail_seconds = ~0ULL; }).is(StakingError::bad_parameter));
  EXPECT_TRUE(
      with([](Parameters& p) { p.unbonding_seconds = ~0ULL; }).is(StakingError::bad_parameter));
  EXPECT_TRUE(
      with([](Parameters& p) { p.slash_basis_points = 10'001; }).is(StakingError::bad_parameter));
  EXPECT_TRUE(
      with([](Parameters& p) { p.reward_basis_points = 10'001; }).is(StakingError::bad_parameter));
  EXPECT_TRUE(with([](Parameters& p) { p.validators_max = 129; }).is(StakingError::bad_parameter));
  const auto of = [&](std::vector<InitialValidator> validators) {
    return refusal(small_parameters(), std::move(validators));
  };
  InitialValidator bad = good;
  EXPECT_TRUE(of({}).is(StakingError::no_validators));
  bad.stake = 9;
  EXPECT_TRUE(of({bad}).is(StakingError::bad_validator));
  bad.stake = stake_max + 1;
  EXPECT_TRUE(of({bad}).is(StakingError::bad_validator));
  bad = {good.account, {}, 10};
  EXPECT_TRUE(of({bad}).is(StakingError::bad_validator));
  bad = {{}, good.key, 10};
  EXPECT_TRUE(of({bad}).is(StakingError::bad_validator));
  bad = {alice.account, good.key, 10};
  EXPECT_TRUE(of({good, bad}).is(StakingError::same_validator));
  bad = {good.account, alice.public_key(), 10};
  EXPECT_TRUE(of({good, bad}).is(StakingError::same_validator));

  MemoryState state;
  EXPECT_TRUE(staking_genesis(state, small_parameters(), std::vector{good}).has_value());
  const auto again = staking_genesis(state, small_parameters(), std::vector{good});
  ASSERT_FALSE(again.has_value());
  EXPECT_TRUE(again.error().is(StakingError::address_taken));
}

TEST(StakingGenesis, ChainsThatDifferInAnythingHaveDomainsOfTheirOwn) {
  const auto domain = [](std::uint64_t chain_id, std::uint64_t stake, const Hash& salt,
                         std::uint64_t other) {
    MemoryState state;
    if (other != 0)
      state.set(alice.account, {.nonce = other, .balance = 0, .code = {}, .storage = {}});
    StakingParameters parameters = small_parameters();
    parameters.salt = salt;
    const InitialValidator only{first.account, first.public_key(), stake};
    EXPECT_TRUE(staking_genesis(state, parameters, std::span(&only, 1)).has_value());
    return *read_vote_domain(state, chain_id);
  };
  const Hash usual = domain(1, 10, {}, 0);
  EXPECT_EQ(domain(1, 10, {}, 0), usual);
  EXPECT_NE(domain(2, 10, {}, 0), usual);
  EXPECT_NE(domain(1, 11, {}, 0), usual);
  EXPECT_NE(domain(1, 10, Hash{{1}}, 0), usual);
  EXPECT_NE(domain(1, 10, {}, 1), usual);
}

TEST(StakingGenesis, AStateWithoutTheContractSaysSo) {
  MemoryState state;
  EXPECT_TRUE(read_validators(state).error().is(StakingError::no_contract));
  EXPECT_TRUE(read_vote_domain(state, 1).error().is(StakingError::no_contract));
  // Other code at its address: stops at once, fails, or answers with something else.
  const auto of_code = [&](std::string_view code) {
    state.set(staking_address, {.nonce = 1, .balance = 0, .code = *from_hex(code), .storage = {}});
    return read_validators(state).error();
  };
  EXPECT_TRUE(of_code("00").is(StakingError::bad_answer));
  EXPECT_TRUE(of_code("fe").is(StakingError::call_failed));
  EXPECT_EQ(of_code("5b5f56").message(), "out of gas: the staking contract gave no answer");
  EXPECT_TRUE(of_code("60ff5ff3").is(StakingError::bad_answer));
}

// Stakes.

TEST(Staking, WhoStakesValidates) {
  StakingWorld world;
  const Sent sent = world.enroll(alice, 25);
  ASSERT_TRUE(sent.succeeded) << sent.error;
  ASSERT_EQ(sent.events.size(), 2U);
  EXPECT_EQ(sent.events[0].kind, Kind::registered);
  EXPECT_EQ(sent.events[0].account, alice.account);
  EXPECT_EQ(sent.events[0].key, alice.public_key());
  EXPECT_EQ(sent.events[1].kind, Kind::staked);
  EXPECT_EQ(sent.events[1].amount, units(25));
  EXPECT_EQ(sent.events[1].stake, units(25));
  EXPECT_EQ(world.weight(alice), 25U);
  const Sent more = world.stake(alice, 5);
  ASSERT_TRUE(more.succeeded) << more.error;
  EXPECT_EQ(more.events.at(0).stake, units(30));
  EXPECT_EQ(world.weight(alice), 30U);
  EXPECT_EQ(world.balance(staking_address), units(40));
  EXPECT_EQ(world.status(bob), std::nullopt);
  EXPECT_LT(sent.gas, 700'000U);
  RecordProperty("gas_register", std::to_string(sent.gas));
}

TEST(Staking, NobodyRegistersWhatIsNotTheirs) {
  StakingWorld world;
  const auto with = [&](const Person& by, const bft::ValidatorKey& key, bft::Signature proof) {
    return world.send(by.account, encode_register(key, proof), units(10)).error;
  };
  const bft::Signature proof = sign_proof(alice.key, world.domain, alice.account);
  // Bob has seen what Alice sent.
  EXPECT_EQ(with(bob, alice.public_key(), proof), "BadProof");
  EXPECT_EQ(with(alice, bob.public_key(), proof), "BadProof");
  EXPECT_EQ(with(alice, {}, proof), "BadProof");
  EXPECT_EQ(with(alice, alice.public_key(), sign_proof(alice.key, Hash(), alice.account)),
            "BadProof");
  bft::Signature broken = proof;
  broken[40] ^= 1;
  EXPECT_EQ(with(alice, alice.public_key(), broken), "BadProof");
  EXPECT_EQ(with(alice, alice.public_key(), proof), "");
  EXPECT_EQ(with(alice, bob.public_key(), sign_proof(bob.key, world.domain, alice.account)),
            "AlreadyRegistered");
  EXPECT_EQ(with(bob, alice.public_key(), sign_proof(alice.key, world.domain, bob.account)),
            "KeyTaken");
  EXPECT_EQ(with(bob, first.public_key(), proof), "KeyTaken");
  // A proof of another length.
  Bytes call = encode_register(bob.public_key(), sign_proof(bob.key, world.domain, bob.account));
  call[4 + 64 + 31] = 63;
  EXPECT_EQ(world.send(bob.account, call, units(10)).error, "BadProof");
}

TEST(Staking, AmountsAreWholeAndWithinTheirBounds) {
  StakingWorld world;
  const auto proof = sign_proof(alice.key, world.domain, alice.account);
  const Bytes call = encode_register(alice.public_key(), proof);
  const auto with = [&](const U256& value) { return world.send(alice.account, call, value).error; };
  EXPECT_EQ(with(0), "NotWholeUnits");
  EXPECT_EQ(with(units(10) + 1), "NotWholeUnits");
  EXPECT_EQ(with(units(9)), "BelowMinimum");
  EXPECT_EQ(world.stake(alice, 10).error, "NotRegistered");
  EXPECT_EQ(with(units(10)), "");
  EXPECT_EQ(world.send(alice.account, encode_stake(), 1).error, "NotWholeUnits");
  EXPECT_EQ(world.send(alice.account, encode_unstake(0)).error, "NotWholeUnits");
  EXPECT_EQ(world.send(alice.account, encode_unstake(units(1) - 1)).error, "NotWholeUnits");
  EXPECT_EQ(world.unstake(alice, 11).error, "InsufficientStake");
  EXPECT_EQ(world.unstake(alice, 1).error, "BelowMinimum");
  EXPECT_EQ(world.send(alice.account, encode_unstake(U256::max() - U256::max() % units(1))).error,
            "InsufficientStake");
  EXPECT_EQ(world.unstake(bob, 1).error, "NotRegistered");

  MemoryState::Account rich = *world.state.find(bob.account);
  rich.balance = units(stake_max) * 2;
  world.state.set(bob.account, rich);
  EXPECT_EQ(world.enroll(bob, stake_max + 1).error, "StakeTooLarge");
  EXPECT_TRUE(world.enroll(bob, stake_max).succeeded);
  EXPECT_EQ(world.stake(bob, 1).error, "StakeTooLarge");
  EXPECT_EQ(world.weight(bob), stake_max);
}

TEST(Staking, CoinsThatAreSentWithoutACallAreRefused) {
  StakingWorld world;
  EXPECT_FALSE(world.send(alice.account, {}, units(10)).succeeded);
  EXPECT_FALSE(world.send(alice.account, encode_withdraw(), units(10)).succeeded);
  EXPECT_FALSE(world.send(alice.account, *from_hex("12345678"), 0).succeeded);
  EXPECT_EQ(world.balance(alice.account), units(StakingWorld::wallet));
}

TEST(Staking, WhatIsTakenBackWaits) {
  StakingWorld world;
  world.enroll(alice, 50);
  world.go_to_epoch(3);
  const Sent sent = world.unstake(alice, 20);
  ASSERT_TRUE(sent.succeeded) << sent.error;
  EXPECT_EQ(sent.events.at(0).kind, Kind::unstaked);
  EXPECT_EQ(sent.events[0].amount, units(20));
  EXPECT_EQ(sent.events[0].stake, units(30));
  EXPECT_EQ(sent.events[0].time, world.block.timestamp + 1'000);
  EXPECT_EQ(world.weight(alice), 30U);
  EXPECT_EQ(world.status(alice)->unbonding, units(20));
  world.pass(999);
  EXPECT_EQ(world.withdraw(alice).error, "NothingToWithdraw");
  EXPECT_EQ(world.withdraw(bob).error, "NotRegistered");
  world.pass(1);
  EXPECT_EQ(world.status(alice)->withdrawable, units(20));
  const Sent paid = world.withdraw(alice);
  ASSERT_TRUE(paid.succeeded) << paid.error;
  EXPECT_EQ(paid.events.at(0).kind, Kind::withdrawn);
  EXPECT_EQ(paid.events[0].amount, units(20));
  EXPECT_EQ(world.balance(alice.account), units(StakingWorld::wallet - 30));
  EXPECT_EQ(world.withdraw(alice).error, "NothingToWithdraw");
}

TEST(Staking, WhoTakesAllBackIsGoneAndMayComeAgain) {
  StakingWorld world;
  world.enroll(alice, 50);
  ASSERT_TRUE(world.unstake(alice, 50).succeeded);
  EXPECT_EQ(world.weight(alice), 0U);
  EXPECT_FALSE(world.status(alice)->is_active);
  EXPECT_EQ(world.stake(alice, 9).error, "BelowMinimum");
  EXPECT_TRUE(world.stake(alice, 12).succeeded);
  EXPECT_EQ(world.weight(alice), 12U);
  // The last one may go as well: whoever reads it then is told.
  world.unstake(alice, 12);
  world.unstake(first, 10);
  EXPECT_TRUE(read_validators(world.state).error().is(StakingError::no_validators));
}

TEST(Staking, UnbondingsAreFewAndPaidInAnyOrder) {
  StakingWorld world;
  world.enroll(alice, 100);
  for (std::size_t i = 0; i < unbondings_max; ++i) {
    EXPECT_TRUE(world.unstake(alice, i + 1).succeeded);
    world.pass(10);
  }
  EXPECT_EQ(world.unstake(alice, 1).error, "TooManyUnbondings");
  // The first three are over, then the rest.
  world.pass(1'000 - 60);
  EXPECT_EQ(world.status(alice)->withdrawable, units(1 + 2 + 3));
  EXPECT_EQ(world.withdraw(alice).events.at(0).amount, units(6));
  EXPECT_TRUE(world.unstake(alice, 1).succeeded);
  world.pass(999);
  EXPECT_EQ(world.withdraw(alice).events.at(0).amount, units(36 - 6));
  EXPECT_EQ(world.status(alice)->unbonding, units(1));
}

TEST(Staking, TheMostStakeValidatesAndTiesGoToTheLesserKey) {
  StakingWorld world;
  std::vector<Person> all{first};
  for (std::uint64_t i = 1; i <= 5; ++i) {
    all.push_back(person(i));
    EXPECT_TRUE(world.enroll(all.back(), 10).succeeded);
  }
  std::ranges::sort(all, {}, &Person::public_key);
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(world.weight(all[i]), i < 4 ? 10U : 0U) << i;
  world.stake(all[5], 1);
  EXPECT_EQ(world.weight(all[5]), 11U);
  EXPECT_EQ(world.weight(all[3]), 0U);
  // Who goes makes room for the best of those who wait.
  world.unstake(all[0], 10);
  EXPECT_EQ(world.weight(all[3]), 10U);
  EXPECT_EQ(world.weight(all[4]), 0U);
}

// Evidence.

TEST(StakingEvidence, CostsStakeAndFreedom) {
  StakingWorld world;
  world.enroll(alice, 1'000);
  world.go_to_epoch(2);
  const Sent sent = world.report(bob, alice, world.evidence(alice, 2, 5));
  ASSERT_TRUE(sent.succeeded) << sent.error;
  ASSERT_EQ(sent.events.size(), 2U);
  EXPECT_EQ(sent.events[0].kind, Kind::slashed);
  EXPECT_EQ(sent.events[0].account, alice.account);
  EXPECT_EQ(sent.events[0].epoch, 2U);
  EXPECT_EQ(sent.events[0].view, 5U);
  EXPECT_EQ(sent.events[0].amount, units(50));
  EXPECT_EQ(sent.events[0].reporter, bob.account);
  EXPECT_EQ(sent.events[0].reward, units(5));
  EXPECT_EQ(sent.events[1].kind, Kind::jailed);
  EXPECT_EQ(sent.events[1].time, world.block.timestamp + 500);
  EXPECT_EQ(world.weight(alice), 0U);
  EXPECT_EQ(world.status(alice)->staked, units(950));
  EXPECT_EQ(world.status(alice)->jailed_until, world.block.timestamp + 500);
  EXPECT_EQ(world.balance(bob.account), units(StakingWorld::wallet + 5));
  EXPECT_EQ(world.balance(Address()), units(45));
  EXPECT_EQ(world.balance(staking_address), units(960));
  // Both signatures and all else: a fifteenth of what a transaction may use.
  EXPECT_LT(sent.gas, 1'000'000U);
  RecordProperty("gas_evidence", std::to_string(sent.gas));
}

TEST(StakingEvidence, EachKindOfConflictCounts) {
  StakingWorld world;
  world.enroll(alice, 1'000);
  using enum bft::VoteKind;
  const auto of = [&](bft::VoteKind a, bft::Proposal about_a, bft::VoteKind b,
                      bft::Proposal about_b) {
    const auto evidence =
        bft::Evidence::of(world.vote(alice, {0, a, about_a}), world.vote(alice, {0, b, about_b}));
    const Sent sent = world.report(bob, alice, evidence);
    EXPECT_TRUE(sent.succeeded) << sent.error;
  };
  const Hash x{{1}};
  const Hash y{{2}};
  of(notarize, {1, 0, x}, notarize, {1, 0, y});
  of(notarize, {2, 0, x}, notarize, {2, 1, x});
  of(finalize, {3, 0, x}, finalize, {3, 2, y});
  of(nullify, {4, 0, {}}, finalize, {4, 3, y});
  // Of the largest numbers that are written differently.
  of(finalize, {bft::view_max - 1, 1'000'000, x}, finalize, {bft::view_max - 1, 255, y});
  // 5 % of what is left each time, rounded up: 1000, 950, 902, 856, 813, 772.
  EXPECT_EQ(world.status(alice)->staked, units(772));
}

TEST(StakingEvidence, HonestVotesAreNone) {
  StakingWorld world;
  world.enroll(alice, 1'000);
  using enum bft::VoteKind;
  const Hash x{{1}};
  const Hash y{{2}};
  const auto of = [&](const bft::Statement& a, const bft::Statement& b) {
    // As evidence, which they are not.
    return world.report(bob, alice, {world.vote(alice, a), world.vote(alice, b)}).error;
  };
  EXPECT_EQ(of({0, notarize, {1, 0, x}}, {0, nullify, {1, 0, {}}}), "NoConflict");
  EXPECT_EQ(of({0, notarize, {1, 0, x}}, {0, finalize, {1, 0, y}}), "NoConflict");
  EXPECT_EQ(of({0, notarize, {1, 0, x}}, {0, notarize, {2, 0, y}}), "NoConflict");
  EXPECT_EQ(of({0, notarize, {1, 0, x}}, {1, notarize, {1, 0, y}}), "NoConflict");
  EXPECT_EQ(of({0, notarize, {1, 0, x}}, {0, notarize, {1, 0, x}}), "NoConflict");
  EXPECT_EQ(of({0, nullify, {1, 0, {}}}, {0, nullify, {1, 0, {}}}), "NoConflict");
  // The right votes in the wrong order.
  EXPECT_EQ(of({0, notarize, {1, 0, y}}, {0, notarize, {1, 0, x}}), "MalformedEvidence");
  EXPECT_EQ(of({0, finalize, {1, 0, y}}, {0, nullify, {1, 0, {}}}), "MalformedEvidence");
}

TEST(StakingEvidence, IsOfWhoSignedOnThisChain) {
  StakingWorld world;
  world.enroll(alice, 1'000);
  world.enroll(bob, 1'000);
  const bft::Evidence evidence = world.evidence(alice, 0, 1);
  EXPECT_EQ(world.report(bob, carol, evidence).error, "UnknownKey");
  EXPECT_EQ(world.report(carol, bob, evidence).error, "BadSignature");
  bft::Evidence half = evidence;
  half.second.signature[3] ^= 1;
  EXPECT_EQ(world.report(bob, alice, half).error, "BadSignature");
  half = evidence;
  half.first.signature[60] ^= 1;
  EXPECT_EQ(world.report(bob, alice, half).error, "BadSignature");
  const Hash own = world.domain;
  world.domain.bytes[0] ^= 1;
  const bft::Evidence elsewhere = world.evidence(alice, 0, 1);
  world.domain = own;
  EXPECT_EQ(world.report(bob, alice, elsewhere).error, "BadSignature");
  EXPECT_EQ(world.report(bob, alice, evidence).error, "");
}

TEST(StakingEvidence, CountsOnceAView) {
  StakingWorld world;
  world.enroll(alice, 1'000);
  EXPECT_TRUE(world.report(bob, alice, world.evidence(alice, 0, 1)).succeeded);
  EXPECT_EQ(world.report(bob, alice, world.evidence(alice, 0, 1)).error, "AlreadyPunished");
  // Other votes of the same view are the same offence.
  const auto other =
      bft::Evidence::of(world.vote(alice, {0, bft::VoteKind::notarize, {1, 0, Hash{{1}}}}),
                        world.vote(alice, {0, bft::VoteKind::notarize, {1, 0, Hash{{2}}}}));
  EXPECT_EQ(world.report(bob, alice, other).error, "AlreadyPunished");
  EXPECT_TRUE(world.report(bob, alice, world.evidence(alice, 0, 2)).succeeded);
  world.go_to_epoch(1);
  EXPECT_TRUE(world.report(bob, alice, world.evidence(alice, 1, 1)).succeeded);
  EXPECT_EQ(world.report(bob, first, world.evidence(first, 0, 1)).error, "");
}

TEST(StakingEvidence, IsOfEpochsWithinTheUnbondingPeriod) {
  StakingWorld world;
  world.enroll(alice, 1'000);
  world.go_to_epoch(5);
  EXPECT_EQ(world.report(bob, alice, world.evidence(alice, 6, 1)).error, "FutureEpoch");
  EXPECT_EQ(world.report(bob, alice, world.evidence(alice, ~0ULL, 1)).error, "FutureEpoch");
  // Epoch 5 ends with block 60; 1,000 blocks later it is too late.
  world.block.number = 60 + 1'000;
  EXPECT_EQ(world.report(bob, alice, world.evidence(alice, 5, 1)).error, "");
  world.block.number += 1;
  EXPECT_EQ(world.report(bob, alice, world.evidence(alice, 5, 2)).error, "EvidenceTooOld");
}

TEST(StakingEvidence, ReachesWhatWasAtStakeAndIsUnbonding) {
  StakingWorld world;
  world.enroll(alice, 1'000);
  world.go_to_epoch(2);
  world.unstake(alice, 100);
  world.pass(10);
  world.go_to_epoch(4);
  world.unstake(alice, 900);
  EXPECT_EQ(world.weight(alice), 0U);
  // In epoch 3 the first 100 weren't at stake any more.
  const Sent of_3 = world.report(bob, alice, world.evidence(alice, 3, 1));
  ASSERT_TRUE(of_3.succeeded) << of_3.error;
  EXPECT_EQ(of_3.events[0].amount, units(45));
  // In epoch 2 all of it was.
  EXPECT_EQ(world.report(bob, alice, world.evidence(alice, 2, 1)).events.at(0).amount,
            units(5 + 43));
  // The first 95 are free when their time is over, withdrawn or not.
  world.pass(990);
  EXPECT_EQ(world.report(bob, alice, world.evidence(alice, 2, 2)).events.at(0).amount, units(41));
  EXPECT_EQ(world.withdraw(alice).events.at(0).amount, units(95));
  world.pass(10);
  EXPECT_EQ(world.report(bob, alice, world.evidence(alice, 2, 3)).error, "NothingToSlash");
  EXPECT_EQ(world.withdraw(alice).events.at(0).amount, units(900 - 45 - 43 - 41));
  EXPECT_EQ(world.balance(staking_address), units(10));
}

TEST(StakingEvidence, WhoIsJailedComesBackByAskingWhenTheTimeIsOver) {
  StakingWorld world;
  world.enroll(alice, 10);
  EXPECT_EQ(world.unjail(alice).error, "NotJailed");
  EXPECT_EQ(world.unjail(bob).error, "NotRegistered");
  ASSERT_TRUE(world.report(bob, alice, world.evidence(alice, 0, 1)).succeeded);
  EXPECT_EQ(world.unjail(alice).error, "StillJailed");
  world.pass(499);
  EXPECT_EQ(world.unjail(alice).error, "StillJailed");
  world.pass(1);
  // A twentieth of ten, rounded up, is one.
  EXPECT_EQ(world.unjail(alice).error, "BelowMinimum");
  EXPECT_TRUE(world.stake(alice, 1).succeeded);
  EXPECT_EQ(world.weight(alice), 0U);
  const Sent sent = world.unjail(alice);
  ASSERT_TRUE(sent.succeeded) << sent.error;
  EXPECT_EQ(sent.events.at(0).kind, Kind::unjailed);
  EXPECT_EQ(world.weight(alice), 10U);
  // In jail one may leave, and an offence more makes it longer.
  world.report(bob, alice, world.evidence(alice, 0, 2));
  world.pass(100);
  world.report(bob, alice, world.evidence(alice, 0, 3));
  world.pass(400);
  EXPECT_EQ(world.unjail(alice).error, "StillJailed");
  EXPECT_TRUE(world.unstake(alice, 8).succeeded);
}

TEST(StakingEvidence, AllOfItIsLostWhereTheGenesisSaysSo) {
  StakingParameters parameters = small_parameters();
  parameters.slash_basis_points = basis_points;
  parameters.reward_basis_points = 0;
  StakingWorld world(parameters);
  world.enroll(alice, 1'000);
  ASSERT_TRUE(world.report(bob, alice, world.evidence(alice, 0, 1)).succeeded);
  EXPECT_EQ(world.status(alice)->staked, U256(0));
  EXPECT_EQ(world.balance(Address()), units(1'000));
  EXPECT_EQ(world.balance(bob.account), units(StakingWorld::wallet));
  EXPECT_EQ(world.report(bob, alice, world.evidence(alice, 0, 2)).error, "NothingToSlash");
}

/// One byte more, less or another one, or an end; more often than not among the first.
void change(Bytes& bytes, Prng& random) {
  const std::size_t bound =
      random.chance(0.6) ? std::min<std::size_t>(8, bytes.size()) : bytes.size();
  const auto where = static_cast<std::size_t>(random.below(bound));
  const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(where);
  const auto byte = static_cast<std::uint8_t>(random.next());
  switch (random.below(5)) {
    case 0:
      bytes.insert(at, byte);
      break;
    case 1:
      bytes.erase(at);
      break;
    case 2:
      *at = byte;
      break;
    case 3:
      *at ^= static_cast<std::uint8_t>(1U << byte % 8);
      break;
    default:
      bytes.resize(where + 1);
  }
}

TEST(StakingEvidence, OfAnyBytesTheContractSaysWhatTheDecoderSays) {
  StakingWorld world;
  world.enroll(alice, 1'000);
  Prng random(22);
  std::vector<bft::Validator> only{{alice.public_key(), 1}};
  const bft::Ed25519Verifier verifier(world.domain, *bft::ValidatorSet::make(std::move(only)));
  std::map<std::string_view, int> seen;
  for (int round = 0; round < 1'000; ++round) {
    const bft::View view = 1 + random.next() % (random.chance(0.5) ? 100 : bft::view_max - 1);
    Bytes bytes = world.evidence(alice, random.chance(0.1) ? 1 : 0, view).encode();
    for (std::uint64_t changes = random.below(3); changes > 0 && !bytes.empty(); --changes)
      change(bytes, random);
    std::string_view expected;
    if (const auto read = bft::Evidence::decode(bytes); !read) {
      expected = read.error() == bft::BftError::no_conflict ? "NoConflict" : "MalformedEvidence";
    } else if (read->first.says.epoch != 0) {
      expected = "FutureEpoch";
    } else if (!verifier.verify(read->first.says, 0, read->first.signature) ||
               !verifier.verify(read->second.says, 0, read->second.signature)) {
      expected = "BadSignature";
    }
    Bytes call = encode_submit_evidence(alice.public_key(), world.evidence(alice, 0, 1));
    call.resize(4 + 64);
    append(call, U256(bytes.size()).to_be());
    append(call, bytes);
    MemoryState before = world.state;
    const Sent sent = world.send(bob.account, call);
    world.state = std::move(before);
    EXPECT_EQ(sent.error, expected) << to_hex(bytes);
    EXPECT_EQ(sent.succeeded, expected.empty()) << to_hex(bytes);
    ++seen[expected];
  }
  // Each of them is reached.
  for (const std::string_view kind :
       {"", "MalformedEvidence", "NoConflict", "FutureEpoch", "BadSignature"})
    EXPECT_GT(seen[kind], 5) << kind;
}

// Contracts that do harm.

class HostileOperator : public ::testing::Test {
 protected:
  HostileOperator() {
    world.state.set(hostile.account, {.nonce = 1,
                                      .balance = units(1'000),
                                      .code = *from_hex(hostile_code_hex()),
                                      .storage = {}});
    world.enroll(alice, 100);
    const auto proof = sign_proof(hostile.key, world.domain, hostile.account);
    prepare({}, false);
    EXPECT_TRUE(call(encode_register(hostile.public_key(), proof), 100).succeeded);
  }

  static Bytes call_data(std::string_view form, std::span<const U256> words, ByteView string) {
    const Hash hash = keccak256(as_bytes(form));
    Bytes out(hash.bytes.begin(), hash.bytes.begin() + 4);
    for (const U256& word : words)
      append(out, word.to_be());
    append(out, U256(string.size()).to_be());
    append(out, string);
    out.resize(out.size() + 32);
    return out;
  }
  /// What it calls when it is paid, and whether it takes the money.
  void prepare(const Bytes& again, bool refuses) {
    const U256 words[] = {staking_address.to_word(), 96, refuses};
    EXPECT_TRUE(world
                    .send(bob.account, call_data("prepare(address,bytes,bool)", words, again), 0,
                          hostile.account)
                    .succeeded);
  }
  Sent call(const Bytes& data, std::uint64_t value = 0) {
    const U256 words[] = {64, units(value)};
    return world.send(bob.account, call_data("call(bytes,uint256)", words, data), 0,
                      hostile.account);
  }
  U256 ask(std::string_view form) {
    const Hash hash = keccak256(as_bytes(form));
    return U256::from_be(world
                             .send(bob.account, Bytes(hash.bytes.begin(), hash.bytes.begin() + 4),
                                   0, hostile.account)
                             .output);
  }

  StakingWorld world;
  Person hostile = person(60);
};

TEST_F(HostileOperator, IsPaidOnceForOneWithdrawal) {
  EXPECT_TRUE(call(encode_unstake(units(60))).succeeded);
  world.pass(1'000);
  prepare(encode_withdraw(), false);
  const U256 before = world.balance(staking_address);
  EXPECT_TRUE(call(encode_withdraw()).succeeded);
  EXPECT_EQ(ask("paid()"), U256(1));
  EXPECT_EQ(ask("succeeded()"), U256(0));
  EXPECT_EQ(world.balance(staking_address), before - units(60));
}

TEST_F(HostileOperator, IsRewardedOnceForOneOffence) {
  const Bytes report = encode_submit_evidence(alice.public_key(), world.evidence(alice, 0, 1));
  prepare(report, false);
  EXPECT_TRUE(call(report).succeeded);
  EXPECT_EQ(ask("paid()"), U256(1));
  EXPECT_EQ(ask("succeeded()"), U256(0));
  EXPECT_EQ(world.status(alice)->staked, units(95));
}

TEST_F(HostileOperator, FindsEverythingDoneWhenItIsPaid) {
  // Paid for a report, it takes stake back at once: allowed, and nothing is counted twice.
  prepare(encode_unstake(units(40)), false);
  EXPECT_TRUE(
      call(encode_submit_evidence(alice.public_key(), world.evidence(alice, 0, 1))).succeeded);
  EXPECT_EQ(ask("succeeded()"), U256(1));
  EXPECT_EQ(world.weight(hostile), 60U);
  EXPECT_EQ(world.weight(alice), 0U);
  EXPECT_EQ(world.status(hostile)->unbonding, units(40));
  EXPECT_EQ(world.balance(staking_address), units(10 + 95 + 100));
}

TEST_F(HostileOperator, LosesNothingOfOthersByRefusingItsMoney) {
  EXPECT_TRUE(call(encode_unstake(units(60))).succeeded);
  world.pass(1'000);
  prepare({}, true);
  EXPECT_EQ(call(encode_withdraw()).error, "PaymentFailed");
  EXPECT_EQ(world.status(hostile)->withdrawable, units(60));
  EXPECT_EQ(call(encode_submit_evidence(alice.public_key(), world.evidence(alice, 0, 1))).error,
            "PaymentFailed");
  EXPECT_EQ(world.weight(alice), 100U);
  EXPECT_TRUE(world.report(bob, alice, world.evidence(alice, 0, 1)).succeeded);
}

// Many.

/// Ten thousand, all with the least stake but some.
StakingWorld flooded() {
  StakingParameters parameters;
  parameters.epoch_blocks = 10;
  std::vector<InitialValidator> crowd;
  Prng random(1);
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    InitialValidator one{Address::of_number(0xf100'0000 + i), {}, 1'000};
    random.fill(one.key);
    crowd.push_back(one);
  }
  for (std::uint64_t i = 0; i < 3; ++i)
    crowd[i] = {person(i).account, person(i).public_key(), i == 1 ? 1'000U : 2'000U};
  return StakingWorld(parameters, std::move(crowd));
}

TEST(StakingFlood, TenThousandTinyStakesCostOthersNothing) {
  StakingWorld world = flooded();
  ASSERT_EQ(read_validators(world.state)->size(), bft::validators_max);
  std::map<std::string, std::uint64_t> gas;
  const auto note = [&](const char* name, const Sent& sent) {
    EXPECT_TRUE(sent.succeeded) << name << ' ' << sent.error;
    gas[name] = sent.gas;
  };
  note("gas_register", world.enroll(carol, 1'000));
  note("gas_rise", world.stake(carol, 5'000));
  EXPECT_EQ(world.weight(carol), 6'000U);
  note("gas_fall", world.unstake(carol, 5'000));
  note("gas_leave_crowd", world.unstake(carol, 1'000));
  note("gas_leave_validators", world.unstake(first, 2'000));
  note("gas_slash", world.report(carol, bob, world.evidence(bob, 0, 1)));
  note("gas_validators", world.send(carol.account, encode_validators()));
  EXPECT_EQ(read_validators(world.state)->size(), bft::validators_max);
  for (const auto& [name, used] : gas) {
    EXPECT_LT(used, 1'500'000U) << name;
    RecordProperty(name, std::to_string(used));
  }
}

}  // namespace
}  // namespace kith::ledger::staking
