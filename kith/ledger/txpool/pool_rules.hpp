// What can be said of a transaction before any account is asked for: a PoolTransaction is one with
// what the pool wants to know of it, PoolRules are what it must obey wherever it comes from.
// Thread: any; hashing and recovering signers is for workers.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/ledger/chain/fork_schedule.hpp>
#include <kith/ledger/chain/header.hpp>
#include <kith/ledger/chain/transaction.hpp>
#include <kith/ledger/evm/world.hpp>
#include <kith/ledger/txpool/limits.hpp>
#include <kith/ledger/txpool/pool_error.hpp>

namespace kith::ledger {

struct PoolTransaction;
using PoolTransactionPointer = std::shared_ptr<const PoolTransaction>;

struct PoolTransaction {
  Transaction transaction;
  Hash hash;
  Address sender;
  /// Of the encoding that is hashed; what eth/68 announces.
  std::size_t bytes = 0;
  /// What it takes here, at most.
  std::size_t memory_bytes = 0;
  /// Gas times the highest fee and the value: what its sender must have. 2^256 - 1 if it's more.
  U256 cost;
  /// Who has signed its authorizations, each once, valid or not (EIP-7702).
  std::vector<Address> authorities;

  /// Encodes and hashes it and recovers its authorities: PoolRules::check comes first.
  static PoolTransactionPointer make(Transaction transaction, const Address& sender);

  std::size_t slots() const noexcept { return (bytes + pool_slot_bytes - 1) / pool_slot_bytes; }
};

/// What a block's author gets of each gas. Nothing if the highest fee is below the base fee.
std::optional<U256> effective_tip(const Transaction& transaction, const U256& base_fee) noexcept;

/// As txpool_inspect shows it: "0x...: 5 wei + 21000 gas × 7 wei".
std::string inspect_line(const Transaction& transaction);

enum class TransactionOrigin : std::uint8_t {
  remote,  ///< a peer's
  local,   ///< of this node's owner: neither priced nor evicted
};

/// geth's names and numbers.
struct PoolOptions {
  std::uint64_t chain_id = 1;
  /// What a remote transaction's tip must be at least. 0 on chains without fees.
  U256 price_limit = 1;
  /// Where the chain's base fee never goes below, as on chains with a fixed one: what offers less
  /// will never be included and is refused.
  U256 base_fee_min = 0;
  /// By how many percent both fees must rise to replace a transaction. At least 1, at most 1,000.
  std::uint64_t price_bump = 10;
  /// Pending transactions that each account may have however full the pool is.
  std::size_t account_slots = 16;
  std::size_t global_slots = 5120;
  /// Transactions of an account that wait for nonces before them.
  std::size_t account_queue = 64;
  std::size_t global_queue = 1024;
  Duration lifetime = 3h;
  /// Of all transactions, in memory: with the slots above a hostile pool could take some 200 MB.
  std::size_t memory_max = std::size_t{192} << 20;
  /// Accounts whose transactions count as local wherever they come from.
  std::set<Address> locals = {};
};

/// What a chain's head means for the transactions of the next block.
struct PoolHead {
  Revision revision = newest_revision;
  U256 base_fee;
  std::uint64_t gas_limit = 0;
  /// After the head. Never null.
  std::shared_ptr<StateReader> state;

  /// `state` is that after `header`.
  static PoolHead after(const Header& header, const ForkSchedule& schedule,
                        std::shared_ptr<StateReader> state);
};

struct PoolRules {
  std::uint64_t chain_id = 1;
  Revision revision = newest_revision;
  std::uint64_t gas_limit = 0;
  U256 price_limit;
  U256 base_fee_min;

  /// `bytes` is the length of its encoding. The price limit is of remote ones.
  std::expected<void, PoolError> check(const Transaction& transaction, std::size_t bytes,
                                       TransactionOrigin origin) const noexcept;
};

}  // namespace kith::ledger
