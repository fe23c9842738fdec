#include <gtest/gtest.h>

#include <kith/ledger/chain/block_builder.hpp>
#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/consensus/bft_driver/bft_consensus.hpp>
#include <kith/port/memory_key_value.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint64_t beginning = 1'700'000'000;

BftParameters parameters() {
  return {
      .epoch_length = 3, .block_time_s = 2, .contract = Address::of_number(7), .validators = {}};
}

Header header_zero() {
  Header first;
  first.timestamp = beginning;
  first.extra_data = Bytes(32, 0x11);
  return first;
}

/// Rules and the headers of a chain, one after the other.
struct Rules {
  Rules() {
    consensus = *BftConsensus::make(parameters(), header_zero(), [this] { return now; });
  }

  Header after(const Header& parent) const {
    Header next;
    next.number = parent.number + 1;
    next.parent = parent.hash();
    next.timestamp = consensus->earliest_after(parent);
    next.mix_hash = BftConsensus::mix_hash_after(parent);
    next.extra_data = parent.extra_data;
    return next;
  }
  BlockValid check(const Header& header, const Header& parent) {
    return *consensus->check(header, parent);
  }

  std::uint64_t now = beginning + 100;
  std::unique_ptr<BftConsensus> consensus;
};

TEST(BftConsensus, TakesWhatFollows) {
  Rules rules;
  Header parent = header_zero();
  for (int i = 0; i < 8; ++i) {
    const Header next = rules.after(parent);
    EXPECT_TRUE(rules.check(next, parent).has_value());
    EXPECT_EQ(rules.consensus->weight(next), U256(1));
    parent = next;
  }
}

TEST(BftConsensus, RefusesWhatDoesNot) {
  Rules rules;
  const Header parent = rules.after(header_zero());
  const auto reason_of = [&](const auto& change) {
    Header next = rules.after(parent);
    change(next);
    const BlockValid checked = rules.check(next, parent);
    return checked ? InvalidBlock{} : checked.error();
  };
  EXPECT_EQ(reason_of([](Header& h) { h.difficulty = 1; }), InvalidBlock::wrong_difficulty);
  EXPECT_EQ(reason_of([](Header& h) { h.nonce[7] = 1; }), InvalidBlock::contradicts_consensus);
  EXPECT_EQ(reason_of([](Header& h) { h.timestamp -= 1; }), InvalidBlock::timestamp_not_later);
  EXPECT_EQ(reason_of([](Header& h) { h.mix_hash.bytes[0] ^= 1; }),
            InvalidBlock::contradicts_consensus);
  EXPECT_EQ(reason_of([](Header& h) { h.extra_data[0] ^= 1; }),
            InvalidBlock::contradicts_consensus);
  EXPECT_EQ(reason_of([](Header& h) { h.extra_data.pop_back(); }),
            InvalidBlock::contradicts_consensus);
}

TEST(BftConsensus, TheSetChangesInAnEpochsLastBlockAlone) {
  Rules rules;
  Header parent = header_zero();
  for (std::uint64_t number = 1; number <= 7; ++number) {
    Header next = rules.after(parent);
    Header changed = next;
    changed.extra_data = Bytes(32, 0x22);
    EXPECT_EQ(rules.check(changed, parent).has_value(), number % 3 == 0) << number;
    changed.extra_data = Bytes(31, 0x22);
    EXPECT_FALSE(rules.check(changed, parent).has_value()) << number;
    parent = next;
  }
}

TEST(BftConsensus, WhatIsTooEarlyIsNoFault) {
  Rules rules;
  const Header parent = header_zero();
  Header next = rules.after(parent);
  next.timestamp = rules.now + parameters().future_limit_s();
  EXPECT_TRUE(rules.check(next, parent).has_value());
  next.timestamp += 1;
  const auto early = rules.consensus->check(next, parent);
  ASSERT_FALSE(early.has_value());
  EXPECT_TRUE(early.error().is(BftFault::too_early));
  rules.now += 1;
  EXPECT_TRUE(rules.check(next, parent).has_value());
  // A fault that stays is told first.
  next.timestamp += 1;
  next.mix_hash.bytes[0] ^= 1;
  EXPECT_FALSE(rules.check(next, parent).has_value());
}

TEST(BftConsensus, TheGenesisMustFit) {
  const auto fits = [](const BftParameters& with, const auto& change) {
    Header first = header_zero();
    change(first);
    return BftConsensus::make(with, first, [] { return beginning; }).has_value();
  };
  const auto nothing = [](Header&) {};
  EXPECT_TRUE(fits(parameters(), nothing));
  EXPECT_FALSE(fits(parameters(), [](Header& h) { h.difficulty = 1; }));
  EXPECT_FALSE(fits(parameters(), [](Header& h) { h.nonce[0] = 1; }));
  EXPECT_FALSE(fits(parameters(), [](Header& h) { h.number = 1; }));
  EXPECT_FALSE(fits(parameters(), [](Header& h) { h.extra_data.clear(); }));
  BftParameters with_set = parameters();
  with_set.validators.push_back({.key = {1}, .stake = 5, .operated_by = {}});
  EXPECT_FALSE(fits(with_set, nothing));
  const Hash set = with_set.first_set()->hash();
  EXPECT_TRUE(fits(with_set, [&](Header& h) { h.extra_data = to_bytes(set.view()); }));
  BftParameters without_contract = parameters();
  without_contract.contract = {};
  EXPECT_FALSE(fits(without_contract, nothing));
}

TEST(BftConsensus, AChainOfItGrows) {
  Genesis first =
      Genesis::of({.chain_id = 99, .timestamp = beginning, .difficulty = {}, .state = {}});
  first.block.header.extra_data = Bytes(32, 0x11);
  std::uint64_t now = beginning + 1'000;
  const auto consensus =
      *BftConsensus::make(parameters(), first.block.header, [&now] { return now; });
  port::MemoryKeyValue store{Chain::namespaces().size()};
  MemoryBlocks log;
  const auto chain = *Chain::open(store, 0, log, first, *consensus, {});
  for (int i = 0; i < 7; ++i) {
    const Header before = *chain->header(chain->head().hash);
    const auto builder = *chain->build({.parent = chain->head().hash,
                                        .timestamp = consensus->earliest_after(before),
                                        .gas_limit = before.gas_limit,
                                        .coinbase = Address::of_number(7),
                                        .mix_hash = BftConsensus::mix_hash_after(before),
                                        .difficulty = {},
                                        .extra_data = before.extra_data});
    const Block block = **builder->finish();
    ASSERT_EQ(**chain->add(block), Chain::Added::newly);
    ASSERT_TRUE(chain->set_head(block.header.hash())->has_value());
  }
  EXPECT_EQ(chain->head().number, 7U);
  EXPECT_EQ(*chain->total_weight(chain->head().hash), U256(8));
}

}  // namespace
}  // namespace kith::ledger
