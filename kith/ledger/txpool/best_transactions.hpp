// What a block's author takes next: of all accounts' next transactions the one that pays most, each
// account's in the order of their nonces; of equals the one that came first.
//
//   for (auto best = pool.best(base_fee); !best.empty();)
//     it ran, or another block may have it   best.next()
//     it can't run, nor what comes after it  best.skip_account()
//
// A copy of the pool's pending transactions as they were: the pool may change meanwhile, and the
// block be built on a worker. Building the heap takes time in proportion to the accounts, each step
// the logarithm of that. Thread: one at a time.
#pragma once

#include <cstdint>
#include <vector>

#include <kith/ledger/txpool/pool_rules.hpp>

namespace kith::ledger {

class BestTransactions {
 public:
  explicit BestTransactions(const U256& base_fee, const U256& tip_min = 0) noexcept
      : base_fee_(base_fee), tip_min_(tip_min) {}

  // For the pool. An account's transactions are added one after the other, by nonce; those from the
  // first on that pays too little are left out.
  void begin_account() noexcept { run_begin_ = all_.size(); }
  /// `arrival` orders those that pay the same.
  void add(PoolTransactionPointer transaction, std::uint64_t arrival);
  void end_account();
  /// All accounts are there.
  void ready();

  bool empty() const noexcept { return heads_.empty(); }
  // Of the best one; there must be one.
  const PoolTransactionPointer& best() const noexcept { return all_[heads_.front().at].pointer; }
  /// What the block's author gets of each gas.
  const U256& tip() const noexcept { return heads_.front().tip; }
  void next();
  void skip_account();

 private:
  struct One {
    PoolTransactionPointer pointer;
    std::uint64_t arrival;
  };
  struct Head {
    U256 tip;
    std::uint64_t arrival;
    std::uint32_t at;
    std::uint32_t end;
  };
  static bool is_worse(const Head& a, const Head& b) noexcept;
  bool pays(const PoolTransaction& one) const noexcept;
  Head head_at(std::size_t at, std::size_t end) const noexcept;

  U256 base_fee_;
  U256 tip_min_;
  std::vector<One> all_;
  std::vector<Head> heads_;
  std::size_t run_begin_ = 0;
  bool run_ended_ = false;
};

}  // namespace kith::ledger
