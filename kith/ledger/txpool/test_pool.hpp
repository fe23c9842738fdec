// The small language of the pool's tests: accounts with balances, transactions in a line, a clock.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <kith/ledger/state/memory_state.hpp>
#include <kith/ledger/txpool/tx_pool.hpp>

namespace kith::ledger {

/// A state whose accounts may change, and which may fail.
class TestState final : public StateReader {
 public:
  Result<std::optional<AccountState>> account(const Address& address) override {
    ++reads;
    if (fails) return std::unexpected(Errc::corrupt);
    return memory.account(address);
  }
  Result<U256> storage(const Address& address, const U256& key) override {
    return memory.storage(address, key);
  }
  Result<CodePointer> code(const Hash& hash) override { return memory.code(hash); }

  MemoryState memory;
  bool fails = false;
  std::uint64_t reads = 0;
};

inline Address test_address(std::uint64_t number) {
  return Address::of_number(0x1'0000 + number);
}

/// As it comes from a peer, but for its signature, which the pool doesn't look at.
struct TestTransaction {
  std::uint64_t from = 0;
  std::uint64_t nonce = 0;
  std::uint64_t tip = 1;
  std::uint64_t fee = 100;
  std::uint64_t gas = 21'000;
  std::uint64_t value = 0;
  std::size_t data = 0;
  std::uint64_t mark = 0;  ///< two that differ in nothing else

  Transaction plain() const {
    Transaction one;
    one.type = Transaction::Type::dynamic_fee;
    one.chain_id = 1;
    one.nonce = nonce;
    one.max_priority_fee = tip;
    one.max_fee = fee;
    one.gas_limit = gas;
    one.to = Address::of_number(0x70);
    one.value = value;
    one.data = Bytes(data);
    // Instead of a signature: what makes the hash another one.
    one.signature.r = from + 1;
    one.signature.s = mark + 1;
    return one;
  }
  PoolTransactionPointer made() const { return PoolTransaction::make(plain(), test_address(from)); }
};

struct TestPool {
  explicit TestPool(PoolOptions options = {}, std::uint64_t base_fee = 7)
      : state(std::make_shared<TestState>()), pool(std::move(options), head(base_fee), 1) {}

  PoolHead head(std::uint64_t base_fee = 7, std::uint64_t gas_limit = 30'000'000) const {
    PoolHead head;
    head.base_fee = base_fee;
    head.gas_limit = gas_limit;
    head.state = state;
    return head;
  }
  void give(std::uint64_t account, const U256& balance, std::uint64_t nonce = 0, Bytes code = {}) {
    state->memory.set(test_address(account),
                      {.nonce = nonce, .balance = balance, .code = std::move(code), .storage = {}});
  }
  void give_many(std::uint64_t count, const U256& balance = U256(1'000'000'000'000)) {
    for (std::uint64_t account = 0; account < count; ++account)
      give(account, balance);
  }
  Result<TxPool::Added> add(const TestTransaction& one) { return add(one.made()); }
  Result<TxPool::Added> add(const PoolTransactionPointer& one) {
    return pool.add(one, TransactionOrigin::remote, now);
  }
  Result<TxPool::Added> add_local(const TestTransaction& one) {
    return pool.add(one.made(), TransactionOrigin::local, now);
  }
  Result<void> new_head(const PoolHeadChange& change = {}, std::uint64_t base_fee = 7) {
    return pool.on_head(head(base_fee), change, now);
  }
  /// The nonces of an account, "0 1 | 5": pending | queued.
  std::string nonces(std::uint64_t account) const {
    const AccountContent content = pool.content_from(test_address(account));
    std::string text;
    for (const PoolTransactionPointer& one : content.pending)
      text += std::to_string(one->transaction.nonce) + " ";
    text += "|";
    for (const PoolTransactionPointer& one : content.queued)
      text += " " + std::to_string(one->transaction.nonce);
    return text;
  }

  std::shared_ptr<TestState> state;
  TxPool pool;
  Instant now{1h};
};

}  // namespace kith::ledger
