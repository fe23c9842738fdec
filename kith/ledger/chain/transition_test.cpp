#include <gtest/gtest.h>

#include <kith/ledger/chain/transition.hpp>
#include <kith/ledger/state/memory_state.hpp>

namespace kith::ledger {
namespace {

const Address sender = Address::of_number(0x5e4d);
const Address contract = Address::of_number(0xc0de);
constexpr std::uint64_t plenty = 1'000'000;

/// A state whose nth answer is an error.
class FailingState final : public StateReader {
 public:
  FailingState(MemoryState& state, std::uint64_t fails_at) : state_(state), left_(fails_at) {}

  Result<std::optional<AccountState>> account(const Address& address) override {
    if (fails()) return std::unexpected(Errc::corrupt);
    return state_.account(address);
  }
  Result<U256> storage(const Address& address, const U256& key) override {
    if (fails()) return std::unexpected(Errc::corrupt);
    return state_.storage(address, key);
  }
  Result<CodePointer> code(const Hash& hash) override {
    if (fails()) return std::unexpected(Errc::corrupt);
    return state_.code(hash);
  }
  bool has_failed() const { return failed_; }

 private:
  bool fails() {
    if (left_-- != 0) return false;
    failed_ = true;
    return true;
  }

  MemoryState& state_;
  std::uint64_t left_;
  bool failed_ = false;
};

class TransitionTest : public ::testing::Test {
 protected:
  TransitionTest() {
    state.set(sender, {.nonce = 5, .balance = 10 * plenty, .code = {}, .storage = {}});
    block.number = 1'000;
    block.gas_limit = 30 * plenty;
    block.base_fee = 1;
    block.block_hash = [](std::uint64_t number) -> Result<Hash> { return Hash::from_word(number); };
    transaction.type = Transaction::Type::dynamic_fee;
    transaction.chain_id = 1;
    transaction.nonce = 5;
    transaction.max_fee = 2;
    transaction.max_priority_fee = 1;
    transaction.gas_limit = plenty;
    transaction.to = contract;
  }

  /// SLOADs, a call, BLOCKHASH, EXTCODESIZE: whatever asks somebody.
  void give_code(std::string_view hex) {
    state.set(contract, {.nonce = 1, .balance = 0, .code = *from_hex(hex), .storage = {{1, 7}}});
  }

  Result<std::expected<TransactionResult, InvalidTransaction>> apply(StateReader& reader) {
    World world(reader, Revision::osaka, 1);
    Machine machine(world);
    return apply_transaction(world, machine, block, {}, transaction, sender, block.gas_limit);
  }
  InvalidTransaction refusal() {
    auto applied = apply(state);
    EXPECT_TRUE(applied.has_value() && !applied->has_value());
    return applied && !*applied ? applied->error() : InvalidTransaction();
  }

  MemoryState state;
  BlockContext block;
  Transaction transaction;
};

TEST_F(TransitionTest, ATransferCostsWhatATransferCosts) {
  transaction.value = 3;
  World world(state, Revision::osaka, 1);
  Machine machine(world);
  const auto applied =
      apply_transaction(world, machine, block, {}, transaction, sender, block.gas_limit);
  ASSERT_TRUE(applied.has_value() && applied->has_value());
  EXPECT_EQ((**applied).gas_used, 21'000U);
  EXPECT_EQ((**applied).effective_gas_price, U256(2));
  EXPECT_EQ(world.account(sender).balance, U256(10 * plenty - 42'000 - 3));
  EXPECT_EQ(world.account(sender).nonce, 6U);
  EXPECT_EQ(world.account(contract).balance, U256(3));
  // The base fee is burnt, the rest is the block's author's.
  EXPECT_EQ(world.account(block.coinbase).balance, U256(21'000));
}

TEST_F(TransitionTest, WhatMayNotRunSaysWhy) {
  transaction.nonce = 4;
  EXPECT_EQ(refusal(), InvalidTransaction::nonce_too_low);
  transaction.nonce = 6;
  EXPECT_EQ(refusal(), InvalidTransaction::nonce_too_high);
  transaction.nonce = 5;
  transaction.value = 9 * plenty;
  EXPECT_EQ(refusal(), InvalidTransaction::insufficient_funds);
  transaction.value = 0;
  transaction.gas_limit = 20'999;
  EXPECT_EQ(refusal(), InvalidTransaction::intrinsic_gas_too_low);
  transaction.gas_limit = transaction_gas_max + 1;
  EXPECT_EQ(refusal(), InvalidTransaction::gas_limit_too_high);
  transaction.gas_limit = plenty;
  transaction.data = Bytes(60'000, 1);
  EXPECT_EQ(refusal(), InvalidTransaction::floor_gas_too_low);
  transaction.data.clear();
  transaction.max_fee = 0;
  transaction.max_priority_fee = 0;
  EXPECT_EQ(refusal(), InvalidTransaction::fee_below_base_fee);
  transaction.max_priority_fee = 1;
  EXPECT_EQ(refusal(), InvalidTransaction::tip_above_fee);
  transaction.max_fee = U256::max();
  EXPECT_EQ(refusal(), InvalidTransaction::cost_overflow);
  transaction.max_fee = 2;
  block.gas_limit = plenty - 1;
  EXPECT_EQ(refusal(), InvalidTransaction::block_gas_exceeded);
}

TEST_F(TransitionTest, OfAStateThatCannotBeReadHasNoResult) {
  // SLOAD 1, EXTCODESIZE 9, CALL 8 with 1 wei, SSTORE 2.
  transaction.value = 1;
  give_code(
      "60015450"
      "60093b50"
      "5f5f5f5f600160085af150"
      "6001600255"
      "00");
  bool all_read = false;
  std::uint64_t failures = 0;
  for (std::uint64_t at = 0; !all_read && at < 100; ++at) {
    FailingState failing(state, at);
    const auto applied = apply(failing);
    all_read = !failing.has_failed();
    EXPECT_EQ(applied.has_value(), all_read) << at;
    if (!all_read) ++failures;
  }
  // The sender, the contract, its code, the author's and three accounts more, two slots.
  EXPECT_GE(failures, 7U);
}

TEST_F(TransitionTest, OfAChainWhoseHashesCannotBeReadHasNoResult) {
  give_code("6103e7405000");
  block.block_hash = [](std::uint64_t) -> Result<Hash> { return std::unexpected(Errc::corrupt); };
  const auto applied = apply(state);
  ASSERT_FALSE(applied.has_value());
  EXPECT_TRUE(applied.error().is(Errc::corrupt));
}

}  // namespace
}  // namespace kith::ledger
