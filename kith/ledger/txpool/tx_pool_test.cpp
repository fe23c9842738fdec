#include <gtest/gtest.h>

#include <kith/ledger/chain/transition.hpp>
#include <kith/ledger/txpool/test_pool.hpp>

namespace kith::ledger {
namespace {

template <class T>
::testing::AssertionResult refused(const Result<T>& result, PoolError reason) {
  if (result) return ::testing::AssertionFailure() << "was taken";
  if (result.error().is(reason)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "was refused otherwise: " << result.error().message();
}

std::vector<std::string> reasons(const PoolEvents& events) {
  std::vector<std::string> all;
  for (const PoolEvents::Dropped& one : events.dropped)
    all.push_back(std::to_string(one.transaction->transaction.nonce) + " " +
                  std::string(name_of(one.reason)));
  return all;
}

using Texts = std::vector<std::string>;

TEST(TxPool, MakesPendingWhatFollowsAndQueuesWhatDoesNot) {
  TestPool test;
  test.give_many(1);
  EXPECT_TRUE(test.add({.nonce = 0})->is_pending);
  EXPECT_FALSE(test.add({.nonce = 2})->is_pending);
  EXPECT_FALSE(test.add({.nonce = 4})->is_pending);
  EXPECT_EQ(test.nonces(0), "0 | 2 4");
  EXPECT_EQ(test.pool.take_events().pending.size(), 1U);
  EXPECT_TRUE(test.add({.nonce = 1})->is_pending);
  EXPECT_EQ(test.nonces(0), "0 1 2 | 4");
  EXPECT_EQ(test.pool.take_events().pending.size(), 2U);
  EXPECT_EQ(test.pool.next_nonce(test_address(0)), 3U);
  EXPECT_EQ(test.pool.next_nonce(test_address(9)), 0U);
  const PoolStatus status = test.pool.status();
  EXPECT_EQ(status.pending, 3U);
  EXPECT_EQ(status.queued, 1U);
  EXPECT_EQ(status.slots, 4U);
}

TEST(TxPool, RefusesInTheWordsThatToolsLookFor) {
  TestPool test({.account_queue = 2});
  test.give(0, 1'000'000'000, 3);
  const auto message = [&](const TestTransaction& one) {
    const auto added = test.add(one);
    return added ? "taken" : added.error().message();
  };
  EXPECT_EQ(message({.nonce = 2}), "nonce too low");
  EXPECT_EQ(message({.nonce = 3, .value = 1'000'000'000}),
            "insufficient funds for gas * price + value");
  EXPECT_EQ(message({.nonce = 3, .gas = 20'999}), "intrinsic gas too low");
  EXPECT_EQ(message({.nonce = 3, .gas = 25'000, .data = 600}),
            "insufficient gas for floor data gas cost");
  EXPECT_EQ(message({.nonce = 3, .tip = 2, .fee = 1}),
            "max priority fee per gas higher than max fee per gas");
  EXPECT_EQ(message({.nonce = 3, .tip = 0}), "transaction gas price below minimum");
  EXPECT_EQ(message({.nonce = 3, .gas = transaction_gas_max + 1}),
            "transaction gas limit too high");
  EXPECT_EQ(message({.nonce = 3, .gas = 10'000'000, .data = pool_transaction_bytes_max}),
            "oversized data");
  EXPECT_EQ(message({.nonce = ~0ULL}), "nonce has max value");
  EXPECT_EQ(message({.nonce = 3}), "taken");
  EXPECT_EQ(message({.nonce = 3}), "already known");
  EXPECT_EQ(message({.nonce = 3, .mark = 1}), "replacement transaction underpriced");
  EXPECT_EQ(message({.from = 1}), "insufficient funds for gas * price + value");
  EXPECT_EQ(message({.nonce = 5}), "taken");
  EXPECT_EQ(message({.nonce = 6}), "taken");
  EXPECT_EQ(message({.nonce = 7}), "account limit exceeded");
  ASSERT_TRUE(test.pool.on_head(test.head(7, 100'000), {}, test.now).has_value());
  EXPECT_EQ(message({.nonce = 4, .gas = 100'001}), "exceeds block gas limit");
}

TEST(TxPool, TellsTheOwnerTheNumbers) {
  TestPool test;
  test.give(0, 100, 3);
  EXPECT_EQ(test.add_local({.nonce = 1}).error().message(),
            "next nonce 3, tx nonce 1: nonce too low");
  EXPECT_EQ(test.add_local({.nonce = 3}).error().message(),
            "balance 100, queued cost 0, tx cost 2100000: insufficient funds for gas * price + "
            "value");
}

TEST(TxPool, TakesNoBlobsAndNothingOfAnotherChainOrFork) {
  TestPool test;
  test.give_many(1);
  Transaction blob = TestTransaction{}.plain();
  blob.type = Transaction::Type::blob;
  blob.blob_hashes = {Hash{{1}}};
  EXPECT_TRUE(refused(test.add(PoolTransaction::make(blob, test_address(0))), PoolError::no_blobs));
  Transaction foreign = TestTransaction{}.plain();
  foreign.chain_id = 2;
  EXPECT_TRUE(
      refused(test.add(PoolTransaction::make(foreign, test_address(0))), PoolError::foreign_chain));
  PoolHead berlin = test.head();
  berlin.revision = Revision::berlin;
  ASSERT_TRUE(test.pool.on_head(berlin, {}, test.now).has_value());
  EXPECT_TRUE(refused(test.add(TestTransaction{}), PoolError::type_not_supported));
}

TEST(TxPool, ReplacesForTenPercentMoreOfBothFees) {
  TestPool test;
  test.give_many(1);
  ASSERT_TRUE(test.add({.nonce = 0, .tip = 10, .fee = 100}).has_value());
  ASSERT_TRUE(test.add({.nonce = 2, .tip = 10, .fee = 100}).has_value());
  for (const std::uint64_t nonce : {0, 2}) {
    EXPECT_TRUE(refused(test.add({.nonce = nonce, .tip = 11, .fee = 109}),
                        PoolError::replacement_underpriced));
    EXPECT_TRUE(refused(test.add({.nonce = nonce, .tip = 10, .fee = 110}),
                        PoolError::replacement_underpriced));
    test.pool.take_events();
    const auto added = test.add({.nonce = nonce, .tip = 11, .fee = 110});
    ASSERT_TRUE(added.has_value());
    EXPECT_EQ(added->replaced->transaction.max_fee, U256(100));
    EXPECT_EQ(added->is_pending, nonce == 0);
    const PoolEvents events = test.pool.take_events();
    EXPECT_EQ(reasons(events), Texts{std::to_string(nonce) + " replaced"});
    EXPECT_EQ(events.pending.size(), nonce == 0 ? 1U : 0U);
    EXPECT_FALSE(test.pool.contains(added->replaced->hash));
  }
  EXPECT_EQ(test.nonces(0), "0 | 2");
}

TEST(TxPool, WantsMoreThanBeforeHoweverLittleTheFeesAre) {
  TestPool test({.price_limit = 0}, 0);
  test.give_many(1);
  ASSERT_TRUE(test.add({.nonce = 0, .tip = 0, .fee = 0}).has_value());
  EXPECT_TRUE(refused(test.add({.nonce = 0, .tip = 0, .fee = 0, .mark = 1}),
                      PoolError::replacement_underpriced));
  EXPECT_TRUE(
      refused(test.add({.nonce = 0, .tip = 0, .fee = 1}), PoolError::replacement_underpriced));
  EXPECT_TRUE(test.add({.nonce = 0, .tip = 1, .fee = 1}).has_value());
}

TEST(TxPool, KnowsChainsWithoutFeesAndWithFixedOnes) {
  TestPool without({.price_limit = 0}, 0);
  without.give(0, 0);
  EXPECT_TRUE(without.add({.nonce = 0, .tip = 0, .fee = 0})->is_pending);
  EXPECT_EQ(without.pool.best(0).empty(), false);
  TestPool fixed({.price_limit = 0, .base_fee_min = 50}, 50);
  fixed.give_many(1);
  EXPECT_TRUE(refused(fixed.add({.nonce = 0, .tip = 0, .fee = 49}), PoolError::fee_below_base_fee));
  EXPECT_TRUE(fixed.add({.nonce = 0, .tip = 0, .fee = 50})->is_pending);
}

TEST(TxPool, WantsABalanceThatCoversAllThatIsPending) {
  TestPool test;
  test.give(0, 5'000'000);  // two of 2,100,000, and a bit
  ASSERT_TRUE(test.add({.nonce = 0}).has_value());
  ASSERT_TRUE(test.add({.nonce = 1}).has_value());
  EXPECT_TRUE(refused(test.add({.nonce = 2}), PoolError::insufficient_funds));
  EXPECT_TRUE(refused(test.add({.nonce = 1, .tip = 2, .fee = 150}), PoolError::insufficient_funds));
  EXPECT_TRUE(test.add({.nonce = 1, .tip = 2, .fee = 130}).has_value());
  EXPECT_EQ(test.nonces(0), "0 1 |");
}

TEST(TxPool, KeepsQueuedWhatTheBalanceDoesNotCoverYet) {
  TestPool test;
  test.give(0, 5'000'000);
  ASSERT_TRUE(test.add({.nonce = 1}).has_value());
  ASSERT_TRUE(test.add({.nonce = 2}).has_value());
  ASSERT_TRUE(test.add({.nonce = 0}).has_value());
  EXPECT_EQ(test.nonces(0), "0 1 | 2");
  test.give(0, 10'000'000);
  ASSERT_TRUE(test.new_head().has_value());
  EXPECT_EQ(test.nonces(0), "0 1 2 |");
  test.give(0, 4'200'000);
  ASSERT_TRUE(test.new_head().has_value());
  EXPECT_EQ(test.nonces(0), "0 1 | 2");
  test.give(0, 2'000'000);
  test.pool.take_events();
  ASSERT_TRUE(test.new_head().has_value());
  EXPECT_EQ(test.nonces(0), "|");
  EXPECT_EQ(reasons(test.pool.take_events()), (Texts{"0 unpayable", "1 unpayable", "2 unpayable"}));
}

TEST(TxPool, LetsGoWhatABlockHasIncludedOrOvertaken) {
  TestPool test;
  test.give_many(1);
  const auto first = TestTransaction{.nonce = 0}.made();
  ASSERT_TRUE(test.add(first).has_value());
  ASSERT_TRUE(test.add({.nonce = 1}).has_value());
  ASSERT_TRUE(test.add({.nonce = 2}).has_value());
  test.pool.take_events();
  test.give(0, 1'000'000'000, 2);
  ASSERT_TRUE(test.new_head({.included = {first->hash}, .removed = {}}).has_value());
  EXPECT_EQ(test.nonces(0), "2 |");
  const PoolEvents events = test.pool.take_events();
  EXPECT_EQ(reasons(events), (Texts{"0 included", "1 overtaken"}));
  EXPECT_TRUE(events.pending.empty());
}

TEST(TxPool, PutsBackWhatAReorganisationTookOut) {
  TestPool test;
  test.give(0, 1'000'000'000, 2);
  ASSERT_TRUE(test.add({.nonce = 2}).has_value());
  test.give(0, 1'000'000'000, 0);
  const auto zero = TestTransaction{.nonce = 0}.made();
  const auto one = TestTransaction{.nonce = 1}.made();
  const auto elsewhere = TestTransaction{.from = 1}.made();  // whose sender has nothing
  test.pool.take_events();
  ASSERT_TRUE(test.new_head({.included = {}, .removed = {zero, one, elsewhere}}).has_value());
  EXPECT_EQ(test.nonces(0), "0 1 2 |");
  EXPECT_EQ(test.pool.status().accounts, 1U);
  EXPECT_EQ(test.pool.take_events().pending.size(), 2U);
}

TEST(TxPool, PutsNothingBackThatTheOtherBranchHasToo) {
  TestPool test;
  test.give(0, 1'000'000'000, 1);
  const auto zero = TestTransaction{.nonce = 0}.made();
  ASSERT_TRUE(test.new_head({.included = {zero->hash}, .removed = {zero}}).has_value());
  EXPECT_EQ(test.nonces(0), "|");
  EXPECT_EQ(test.pool.status().accounts, 0U);
}

TEST(TxPool, ChangesNothingIfTheStateCannotBeRead) {
  TestPool test;
  test.give_many(2);
  const auto zero = TestTransaction{.nonce = 0}.made();
  ASSERT_TRUE(test.add(zero).has_value());
  test.give(0, 1'000'000'000, 1);
  test.state->fails = true;
  EXPECT_TRUE(
      test.new_head({.included = {zero->hash}, .removed = {}}, 9).error().is(Errc::corrupt));
  EXPECT_EQ(test.nonces(0), "0 |");
  EXPECT_EQ(test.pool.head().base_fee, U256(7));
  EXPECT_TRUE(test.add({.from = 1}).error().is(Errc::corrupt));
  EXPECT_FALSE(test.pool.next_nonce(test_address(1)).has_value());
  EXPECT_EQ(test.pool.status().accounts, 1U);
  test.state->fails = false;
  EXPECT_TRUE(test.new_head({.included = {zero->hash}, .removed = {}}, 9).has_value());
  EXPECT_EQ(test.nonces(0), "|");
}

TEST(TxPool, DropsWhatAForkOrASmallerBlockRulesOut) {
  TestPool test;
  test.give_many(2, U256(100'000'000'000'000));
  PoolHead prague = test.head();
  prague.revision = Revision::prague;
  ASSERT_TRUE(test.pool.on_head(prague, {}, test.now).has_value());
  ASSERT_TRUE(test.add({.nonce = 0, .gas = transaction_gas_max + 1}).has_value());
  ASSERT_TRUE(test.add({.nonce = 1}).has_value());
  ASSERT_TRUE(test.add({.from = 1, .nonce = 0, .gas = 10'000'000}).has_value());
  test.pool.take_events();
  ASSERT_TRUE(test.new_head().has_value());
  EXPECT_EQ(reasons(test.pool.take_events()), Texts{"0 invalid"});
  EXPECT_EQ(test.nonces(0), "| 1");
  ASSERT_TRUE(test.pool.on_head(test.head(7, 9'000'000), {}, test.now).has_value());
  EXPECT_EQ(reasons(test.pool.take_events()), Texts{"0 gas limit"});
}

// Full pools.

PoolOptions small_pool() {
  return {.account_slots = 2, .global_slots = 8, .account_queue = 3, .global_queue = 4};
}

TEST(TxPool, LetsTheAccountWithMostPendingGiveWay) {
  TestPool test(small_pool());
  test.give_many(4);
  for (std::uint64_t nonce = 0; nonce < 6; ++nonce)
    ASSERT_TRUE(test.add({.from = 0, .nonce = nonce}).has_value());
  ASSERT_TRUE(test.add({.from = 1, .nonce = 0}).has_value());
  ASSERT_TRUE(test.add({.from = 1, .nonce = 1}).has_value());
  ASSERT_TRUE(test.add({.from = 2, .nonce = 0}).has_value());
  EXPECT_EQ(test.nonces(0), "0 1 2 3 4 |");
  ASSERT_TRUE(test.add({.from = 2, .nonce = 1}).has_value());
  ASSERT_TRUE(test.add({.from = 3, .nonce = 0}).has_value());
  EXPECT_EQ(test.nonces(0), "0 1 2 |");
  EXPECT_EQ(test.nonces(1), "0 1 |");
  // Who has most is who adds.
  EXPECT_TRUE(refused(test.add({.from = 0, .nonce = 3, .tip = 50}), PoolError::full));
  EXPECT_EQ(test.pool.status().pending, 8U);
}

TEST(TxPool, GuaranteesEachAccountItsSlots) {
  TestPool test(small_pool());
  test.give_many(6);
  for (std::uint64_t from = 0; from < 6; ++from) {
    for (std::uint64_t nonce = 0; nonce < 2; ++nonce)
      ASSERT_TRUE(test.add({.from = from, .nonce = nonce}).has_value());
  }
  EXPECT_EQ(test.pool.status().pending, 12U);
}

TEST(TxPool, LetsTheLongestQueueGiveWayAndOfEqualsTheStillest) {
  TestPool test(small_pool());
  test.give_many(5);
  for (const std::uint64_t nonce : {5, 6, 7})
    ASSERT_TRUE(test.add({.from = 0, .nonce = nonce}).has_value());
  for (std::uint64_t from = 1; from < 5; ++from) {
    test.now += 1s;
    ASSERT_TRUE(test.add({.from = from, .nonce = 5}).has_value());
  }
  EXPECT_EQ(test.nonces(0), "|");
  EXPECT_EQ(test.nonces(1), "| 5");
  EXPECT_EQ(test.nonces(4), "| 5");
  EXPECT_EQ(test.pool.status().queued, 4U);
}

TEST(TxPool, OfAnAccountsQueueDropsTheEnd) {
  TestPool test(small_pool());
  test.give_many(1);
  for (const std::uint64_t nonce : {5, 7, 9})
    ASSERT_TRUE(test.add({.nonce = nonce}).has_value());
  EXPECT_TRUE(refused(test.add({.nonce = 10}), PoolError::account_limit_exceeded));
  ASSERT_TRUE(test.add({.nonce = 6}).has_value());
  EXPECT_EQ(test.nonces(0), "| 5 6 7");
}

TEST(TxPool, FullTakesOnlyWhatPaysMoreThanTheCheapest) {
  TestPool test(small_pool());
  test.give_many(20);
  for (std::uint64_t from = 0; from < 12; ++from)
    ASSERT_TRUE(test.add({.from = from, .tip = 10 + from}).has_value());
  EXPECT_TRUE(refused(test.add({.from = 12, .tip = 10}), PoolError::underpriced));
  test.pool.take_events();
  ASSERT_TRUE(test.add({.from = 12, .tip = 11}).has_value());
  const PoolEvents events = test.pool.take_events();
  EXPECT_EQ(reasons(events), Texts{"0 priced out"});
  EXPECT_EQ(events.dropped[0].transaction->sender, test_address(0));
  EXPECT_EQ(test.pool.status().slots, 12U);
}

TEST(TxPool, OfEquallyPaidOnesTheLatestLeaves) {
  TestPool test(small_pool());
  test.give_many(20);
  for (std::uint64_t from = 0; from < 12; ++from)
    ASSERT_TRUE(test.add({.from = from, .tip = 10}).has_value());
  ASSERT_TRUE(test.add({.from = 12, .tip = 11}).has_value());
  EXPECT_EQ(test.nonces(11), "|");
  EXPECT_EQ(test.nonces(0), "0 |");
}

TEST(TxPool, FullNeedsNoRoomForAReplacementOfTheSameSize) {
  TestPool test(small_pool());
  test.give_many(20, U256(1'000'000'000'000'000));
  for (std::uint64_t from = 0; from < 12; ++from)
    ASSERT_TRUE(test.add({.from = from, .tip = 10 + from}).has_value());
  test.pool.take_events();
  ASSERT_TRUE(test.add({.from = 5, .tip = 20, .fee = 150}).has_value());
  EXPECT_EQ(reasons(test.pool.take_events()), Texts{"0 replaced"});
  // For a larger one something else must leave, be it dearer than what is replaced.
  const auto added = test.add({.from = 0, .tip = 30, .fee = 150, .gas = 3'000'000, .data = 40'000});
  ASSERT_TRUE(added.has_value());
  ASSERT_NE(added->replaced, nullptr);
  EXPECT_EQ(added->replaced->sender, test_address(0));
  EXPECT_EQ(test.nonces(1), "|");
  EXPECT_EQ(test.pool.status().slots, 12U);
}

TEST(TxPool, KeepsNoLongerQueueOfWhatCameAfterAnEvictedOne) {
  TestPool test({.account_slots = 10, .global_slots = 8, .account_queue = 3, .global_queue = 8});
  test.give_many(20);
  for (std::uint64_t nonce = 0; nonce < 6; ++nonce)
    ASSERT_TRUE(test.add({.from = 0, .nonce = nonce, .tip = nonce == 0 ? 1ULL : 50}).has_value());
  for (std::uint64_t from = 1; from <= 10; ++from)
    ASSERT_TRUE(test.add({.from = from, .tip = 10}).has_value());
  ASSERT_TRUE(test.add({.from = 11, .tip = 20}).has_value());
  EXPECT_EQ(test.nonces(0), "| 1 2 3");
}

TEST(TxPool, RefusesAReplacementWhoseAccountLosesItsPlaceByIt) {
  PoolOptions options = small_pool();
  options.global_queue = 1;
  TestPool test(options);
  test.give_many(20, U256(1'000'000'000'000'000));
  for (std::uint64_t nonce = 0; nonce < 6; ++nonce)
    ASSERT_TRUE(test.add({.from = 0, .nonce = nonce, .tip = nonce == 0 ? 1ULL : 50}).has_value());
  for (const std::uint64_t from : {1, 2})
    ASSERT_TRUE(test.add({.from = from, .tip = 90}).has_value());
  ASSERT_TRUE(test.add({.from = 3, .nonce = 1, .tip = 90}).has_value());
  ASSERT_EQ(test.pool.status().slots, 9U);
  EXPECT_TRUE(refused(
      test.add({.from = 0, .nonce = 5, .tip = 80, .fee = 200, .gas = 3'000'000, .data = 40'000}),
      PoolError::full));
  EXPECT_EQ(test.pool.content_from(test_address(0)).pending.size(), 0U);
}

TEST(TxPool, CountsWhatIsBelowTheBaseFeeAsCheapestHoweverHighItsTip) {
  TestPool test(small_pool());
  test.give_many(20);
  ASSERT_TRUE(test.add({.from = 0, .tip = 6, .fee = 6}).has_value());
  for (std::uint64_t from = 1; from < 12; ++from)
    ASSERT_TRUE(test.add({.from = from, .tip = 1}).has_value());
  EXPECT_TRUE(refused(test.add({.from = 12, .tip = 5, .fee = 6}), PoolError::underpriced));
  ASSERT_TRUE(test.add({.from = 12, .tip = 1}).has_value());
  EXPECT_EQ(test.nonces(0), "|");
  // With a lower base fee it would have been the best.
  ASSERT_TRUE(test.new_head({}, 1).has_value());
  EXPECT_TRUE(test.add({.from = 0, .tip = 6, .fee = 6}).has_value());
}

TEST(TxPool, FullOfLargeOnesCountsTheirSlots) {
  TestPool test(small_pool());
  test.give_many(20, U256(1'000'000'000'000'000));
  for (std::uint64_t from = 0; from < 3; ++from) {
    ASSERT_TRUE(test.add({.from = from, .tip = 2, .gas = 10'000'000, .data = 130'000}).has_value());
  }
  EXPECT_EQ(test.pool.status().slots, 12U);
  ASSERT_TRUE(test.add({.from = 3, .tip = 3}).has_value());
  EXPECT_EQ(test.pool.status().slots, 9U);
}

TEST(TxPool, IsBoundedByMemoryToo) {
  PoolOptions options;
  options.memory_max = 300'000;
  TestPool test(options);
  test.give_many(20, U256(1'000'000'000'000'000));
  for (std::uint64_t from = 0; from < 20; ++from) {
    EXPECT_TRUE(
        test.add({.from = from, .tip = 2 + from, .gas = 10'000'000, .data = 50'000}).has_value());
    EXPECT_LE(test.pool.status().memory_bytes, 300'000U);
  }
  EXPECT_EQ(test.pool.status().pending, 5U);
}

TEST(TxPool, LetsNoFutureTransactionChaseAwayAPendingOne) {
  TestPool test(small_pool());
  test.give_many(20);
  for (std::uint64_t from = 0; from < 12; ++from)
    ASSERT_TRUE(test.add({.from = from, .tip = 10}).has_value());
  EXPECT_TRUE(
      refused(test.add({.from = 12, .nonce = 1, .tip = 50}), PoolError::future_replaces_pending));
  EXPECT_EQ(test.pool.status().pending, 12U);
}

TEST(TxPool, EvictsOnlySoMuchBetweenTwoHeads) {
  TestPool test(small_pool());
  test.give_many(40);
  for (std::uint64_t from = 0; from < 12; ++from)
    ASSERT_TRUE(test.add({.from = from, .tip = 10}).has_value());
  for (std::uint64_t from = 12; from < 15; ++from)
    ASSERT_TRUE(test.add({.from = from, .tip = 20}).has_value());
  EXPECT_TRUE(refused(test.add({.from = 15, .tip = 20}), PoolError::full));
  ASSERT_TRUE(test.new_head().has_value());
  EXPECT_TRUE(test.add({.from = 15, .tip = 20}).has_value());
}

TEST(TxPool, QueuesWhatCameAfterAnEvictedOne) {
  TestPool test(small_pool());
  test.give_many(20);
  ASSERT_TRUE(test.add({.from = 0, .nonce = 0, .tip = 5}).has_value());
  ASSERT_TRUE(test.add({.from = 0, .nonce = 1, .tip = 50}).has_value());
  for (std::uint64_t from = 1; from < 11; ++from)
    ASSERT_TRUE(test.add({.from = from, .tip = 10}).has_value());
  ASSERT_TRUE(test.add({.from = 11, .tip = 10}).has_value());
  EXPECT_EQ(test.nonces(0), "| 1");
}

TEST(TxPool, NeitherPricesNorEvictsLocalOnes) {
  TestPool test(small_pool());
  test.give_many(40);
  for (std::uint64_t nonce = 0; nonce < 10; ++nonce)
    ASSERT_TRUE(test.add_local({.from = 0, .nonce = nonce, .tip = 0}).has_value());
  for (const std::uint64_t nonce : {20, 21})
    ASSERT_TRUE(test.add_local({.from = 0, .nonce = nonce, .tip = 0}).has_value());
  EXPECT_EQ(test.nonces(0), "0 1 2 3 4 5 6 7 8 9 | 20 21");
  EXPECT_TRUE(refused(test.add({.from = 1, .tip = 90}), PoolError::full));
  EXPECT_TRUE(refused(test.add_local({.from = 2}), PoolError::full));
  EXPECT_EQ(test.pool.locals().size(), 12U);
}

TEST(TxPool, LetsALocalOneTakeTheCheapestPlace) {
  TestPool test(small_pool());
  test.give_many(40);
  for (std::uint64_t from = 0; from < 12; ++from)
    ASSERT_TRUE(test.add({.from = from, .tip = 10}).has_value());
  ASSERT_TRUE(test.add_local({.from = 12, .tip = 0}).has_value());
  EXPECT_TRUE(test.pool.is_pending(TestTransaction{.from = 12, .tip = 0}.made()->hash));
  EXPECT_EQ(test.pool.status().pending, 12U);
}

TEST(TxPool, CountsAllOfAnAccountAsLocalOnceItHasOne) {
  PoolOptions options = small_pool();
  options.locals = {test_address(5)};
  TestPool test(options);
  test.give_many(6);
  ASSERT_TRUE(test.add({.from = 0, .nonce = 1}).has_value());
  ASSERT_TRUE(test.add_local({.from = 0, .nonce = 0}).has_value());
  EXPECT_EQ(test.pool.locals().size(), 2U);
  EXPECT_TRUE(test.add({.from = 0, .nonce = 2, .tip = 0}).has_value());
  EXPECT_TRUE(test.add({.from = 5, .tip = 0}).has_value());
  EXPECT_EQ(test.pool.locals().size(), 4U);
}

TEST(TxPool, ForgetsTheQueuedAfterItsLifetimeButNotLocalOnes) {
  TestPool test;
  test.give_many(3);
  ASSERT_TRUE(test.add({.from = 0, .nonce = 0}).has_value());
  ASSERT_TRUE(test.add({.from = 0, .nonce = 2}).has_value());
  ASSERT_TRUE(test.add_local({.from = 1, .nonce = 2}).has_value());
  test.now += 3h;
  // That others of the account go on being pending is no sign of life.
  ASSERT_TRUE(test.new_head().has_value());
  ASSERT_TRUE(test.add({.from = 2, .nonce = 2}).has_value());
  test.pool.take_events();
  test.pool.on_time(test.now);
  EXPECT_TRUE(test.pool.take_events().dropped.empty());
  test.now = test.pool.next_deadline();
  test.pool.on_time(test.now);
  EXPECT_EQ(reasons(test.pool.take_events()), Texts{"2 expired"});
  EXPECT_EQ(test.nonces(0), "0 |");
  EXPECT_EQ(test.nonces(1), "| 2");
  EXPECT_EQ(test.nonces(2), "| 2");
}

// EIP-7702.

PoolTransactionPointer authorizing(std::uint64_t from, std::uint64_t authority_secret,
                                   std::uint64_t nonce = 0) {
  // A signature of anything is somebody's.
  Transaction one = TestTransaction{.from = from, .nonce = nonce, .gas = 100'000}.plain();
  one.type = Transaction::Type::set_code;
  Authorization authorization;
  authorization.address = Address::of_number(0x99);
  authorization.r = authority_secret;
  authorization.s = 1;
  one.authorizations = {authorization};
  return PoolTransaction::make(one, test_address(from));
}

/// r that is some point's coordinate, and whose that signature is.
struct Authority {
  std::uint64_t r = 1;
  Address address;

  Authority() {
    while (authorizing(0, r)->authorities.empty())
      ++r;
    address = authorizing(0, r)->authorities.front();
  }
};

TEST(TxPool, GivesADelegatedAccountOnePlaceWithoutGaps) {
  TestPool test;
  test.give(0, 1'000'000'000, 5, Code::delegating_to(Address::of_number(0x99)));
  EXPECT_TRUE(refused(test.add({.nonce = 6}), PoolError::delegated_account_gap));
  EXPECT_TRUE(test.add({.nonce = 5})->is_pending);
  EXPECT_TRUE(refused(test.add({.nonce = 6}), PoolError::delegated_account_in_use));
  EXPECT_TRUE(test.add({.nonce = 5, .tip = 2, .fee = 120})->is_pending);
}

TEST(TxPool, QueuesAllButOneOfAnAccountThatBecomesDelegated) {
  TestPool test;
  test.give_many(1);
  for (std::uint64_t nonce = 0; nonce < 3; ++nonce)
    ASSERT_TRUE(test.add({.nonce = nonce}).has_value());
  test.give(0, 1'000'000'000, 0, Code::delegating_to(Address::of_number(0x99)));
  ASSERT_TRUE(test.new_head().has_value());
  EXPECT_EQ(test.nonces(0), "0 | 1 2");
  test.give(0, 1'000'000'000, 1);
  ASSERT_TRUE(test.new_head().has_value());
  EXPECT_EQ(test.nonces(0), "1 2 |");
}

TEST(TxPool, TakesNothingOfAContract) {
  TestPool test;
  test.give_many(1);
  ASSERT_TRUE(test.add({.nonce = 0}).has_value());
  test.give(0, 1'000'000'000, 0, Bytes{0x00});
  test.pool.take_events();
  ASSERT_TRUE(test.new_head().has_value());
  EXPECT_EQ(reasons(test.pool.take_events()), Texts{"0 invalid"});
  EXPECT_TRUE(refused(test.add({.nonce = 0}), PoolError::sender_is_contract));
}

TEST(TxPool, GivesWhoAuthorizedOnePlaceWhileTheAuthorizationWaits) {
  const Authority authority;
  TestPool test;
  test.give_many(2);
  test.state->memory.set(authority.address,
                         {.nonce = 0, .balance = 1'000'000'000, .code = {}, .storage = {}});
  const auto of_authority = [&](std::uint64_t nonce) {
    return PoolTransaction::make(TestTransaction{.nonce = nonce}.plain(), authority.address);
  };
  const auto setter = authorizing(0, authority.r);
  ASSERT_TRUE(test.add(setter).has_value());
  ASSERT_TRUE(test.add(of_authority(0))->is_pending);
  EXPECT_TRUE(refused(test.add(of_authority(1)), PoolError::delegated_account_in_use));
  // When the authorization has left without effect the account is as any other.
  test.give(0, 1'000'000'000, 1);
  ASSERT_TRUE(test.new_head({.included = {setter->hash}, .removed = {}}).has_value());
  EXPECT_TRUE(test.add(of_authority(1))->is_pending);
  EXPECT_TRUE(refused(test.add(authorizing(1, authority.r)), PoolError::authority_reserved));
}

TEST(TxPool, LetsTheRestFollowWhenAnAuthorizationHasGone) {
  const Authority authority;
  TestPool test;
  test.give_many(1);
  test.state->memory.set(authority.address,
                         {.nonce = 0, .balance = 1'000'000'000, .code = {}, .storage = {}});
  const auto of_authority = [&](std::uint64_t nonce) {
    return PoolTransaction::make(TestTransaction{.nonce = nonce}.plain(), authority.address);
  };
  ASSERT_TRUE(test.add(of_authority(1)).has_value());
  ASSERT_TRUE(test.add(authorizing(0, authority.r)).has_value());
  ASSERT_TRUE(test.add(of_authority(0)).has_value());
  EXPECT_FALSE(test.pool.is_pending(of_authority(1)->hash));
  test.pool.take_events();
  ASSERT_TRUE(test.add({.from = 0, .tip = 2, .fee = 120}).has_value());
  EXPECT_TRUE(test.pool.is_pending(of_authority(1)->hash));
  EXPECT_EQ(test.pool.take_events().pending.size(), 2U);
}

TEST(TxPool, WantsAuthorizationsInATransactionThatSetsCode) {
  TestPool test;
  test.give_many(1);
  Transaction none = TestTransaction{.gas = 100'000}.plain();
  none.type = Transaction::Type::set_code;
  EXPECT_TRUE(refused(test.add(PoolTransaction::make(none, test_address(0))),
                      PoolError::no_authorizations));
}

// Views and building.

TEST(TxPool, ShowsItsContentByAddressAndNonce) {
  TestPool test;
  test.give_many(3);
  ASSERT_TRUE(test.add({.from = 2, .nonce = 0}).has_value());
  ASSERT_TRUE(test.add({.from = 1, .nonce = 3}).has_value());
  const auto content = test.pool.content();
  ASSERT_EQ(content.size(), 2U);
  EXPECT_EQ(content[0].address, test_address(1));
  EXPECT_EQ(content[0].queued.size(), 1U);
  EXPECT_EQ(content[1].pending.size(), 1U);
  EXPECT_EQ(test.pool.find(content[1].pending[0]->hash), content[1].pending[0]);
  EXPECT_EQ(test.pool.find(Hash()), nullptr);
  EXPECT_TRUE(test.pool.content_from(test_address(7)).pending.empty());
  EXPECT_EQ(test.pool.pending().size(), 1U);
  EXPECT_EQ(inspect_line(content[1].pending[0]->transaction),
            "0x0000000000000000000000000000000000000070: 0 wei + 21000 gas × 100 wei");
}

std::string order_of(BestTransactions best) {
  std::string text;
  for (; !best.empty(); best.next()) {
    const auto from = best.best()->sender.to_word() - test_address(0).to_word();
    text += std::to_string(from.low()) + "." + std::to_string(best.best()->transaction.nonce) + " ";
  }
  return text;
}

TEST(BestTransactions, GoByTipKeepEachAccountsOrderAndOfEqualsTheFirstThatCame) {
  TestPool test;
  test.give_many(5);
  ASSERT_TRUE(test.add({.from = 0, .nonce = 0, .tip = 1}).has_value());
  ASSERT_TRUE(test.add({.from = 0, .nonce = 1, .tip = 9}).has_value());
  ASSERT_TRUE(test.add({.from = 1, .nonce = 0, .tip = 5}).has_value());
  ASSERT_TRUE(test.add({.from = 2, .nonce = 0, .tip = 50, .fee = 12}).has_value() == false);
  ASSERT_TRUE(test.add({.from = 2, .nonce = 0, .tip = 12, .fee = 12}).has_value());
  ASSERT_TRUE(test.add({.from = 3, .nonce = 0, .tip = 2, .fee = 6}).has_value());
  EXPECT_EQ(order_of(test.pool.best(7)), "1.0 2.0 0.0 0.1 ");
  EXPECT_EQ(order_of(test.pool.best(0)), "2.0 1.0 3.0 0.0 0.1 ");
  EXPECT_EQ(order_of(test.pool.best(7, 2)), "1.0 2.0 ");
  EXPECT_EQ(order_of(test.pool.best(1'000)), "");
}

TEST(BestTransactions, LeaveAnAccountOutOnceOneOfItsFails) {
  TestPool test;
  test.give_many(2);
  ASSERT_TRUE(test.add({.from = 0, .nonce = 0, .tip = 9}).has_value());
  ASSERT_TRUE(test.add({.from = 0, .nonce = 1, .tip = 9}).has_value());
  ASSERT_TRUE(test.add({.from = 1, .nonce = 0, .tip = 1}).has_value());
  BestTransactions best = test.pool.best(7);
  EXPECT_EQ(best.tip(), U256(9));
  best.skip_account();
  EXPECT_EQ(order_of(std::move(best)), "1.0 ");
}

TEST(BestTransactions, DoNotMindThatThePoolChanges) {
  TestPool test;
  test.give_many(2);
  ASSERT_TRUE(test.add({.from = 0, .nonce = 0}).has_value());
  const BestTransactions best = test.pool.best(7);
  test.give(0, 1'000'000'000, 1);
  ASSERT_TRUE(test.new_head().has_value());
  EXPECT_EQ(order_of(best), "0.0 ");
}

TEST(PoolHead, IsOfTheBlockAfter) {
  Header header;
  header.number = 10;
  header.timestamp = 1'000;
  header.gas_limit = 30'000'000;
  header.gas_used = 30'000'000;
  header.base_fee = 800;
  ForkSchedule schedule;
  const PoolHead head = PoolHead::after(header, schedule, std::make_shared<TestState>());
  EXPECT_EQ(head.base_fee, U256(900));
  EXPECT_EQ(head.gas_limit, 30'000'000U);
  EXPECT_EQ(head.revision, Revision::osaka);
}

}  // namespace
}  // namespace kith::ledger
