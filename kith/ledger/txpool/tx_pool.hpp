// TxPool: the transactions that wait for a block. The rules, their names and numbers are geth's
// (core/txpool/legacypool); the EIPs are 1559, 2681, 3607, 7623, 7702, 7825.
//
//                    gap in the nonces, or
//                    the balance is spent
//     add() ── queued ─────────────────► waits; until lifetime, or until the queue is full
//                │  nonce follows, balance covers it
//                ▼
//             pending ──► best() ──► a block ──► on_head(): included
//                └── on_head(): back to the queue, or dropped
//
// Invariants, after every call:
//   - an account's pending transactions have the nonces from the account's own on, without a gap,
//     and its balance covers the costs of all of them;
//   - an account that runs another one's code, or for which an authorization to do so waits here,
//     has one pending transaction (EIP-7702: somebody else may spend its balance at any time);
//   - all together take no more than global_slots + global_queue slots and memory_max bytes; more
//     than global_slots are pending only while no remote account has more than account_slots; more
//     than global_queue are queued only if all of them are local; of a remote account no more than
//     account_queue are.
// Who gives way: of the pending, the account that has most loses its last; of the queued likewise,
// and of equals who has been still for longest; in a full pool the one that pays least. Local
// transactions (of this node's owner, and of accounts that have one here) never do.
//
// Where geth differs: it only looks at whether a balance covers each transaction alone when a head
// comes, drops a queue's overflow without saying so, and orders evictions by two heaps where this
// has one order (the effective tip, then the highest fee).
//
// A pure structure: it is told the time and the state, and polled for its events (take_events). No
// blob transactions. Thread: one at a time; on_head and add read the state, so that where it is on
// a disk they are for a worker.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/ledger/txpool/best_transactions.hpp>
#include <kith/ledger/txpool/pool_rules.hpp>

namespace kith::ledger {

struct PoolEvents {
  struct Dropped {
    PoolTransactionPointer transaction;
    DropReason reason;
  };
  /// Became pending for the first time: to be announced, and told to who subscribed.
  std::vector<PoolTransactionPointer> pending;
  std::vector<Dropped> dropped;
  /// Events beyond pool_events_max, which are lost.
  std::uint64_t lost = 0;
};

struct PoolStatus {
  std::size_t pending = 0;
  std::size_t queued = 0;
  std::size_t accounts = 0;
  std::size_t slots = 0;
  std::size_t memory_bytes = 0;
};

/// By nonce.
struct AccountContent {
  Address address;
  std::vector<PoolTransactionPointer> pending;
  std::vector<PoolTransactionPointer> queued;
};

/// What has happened to the chain since the last head.
struct PoolHeadChange {
  /// Of the transactions of blocks that are new in it.
  std::vector<Hash> included;
  /// Those of blocks that aren't in it any more, oldest block first.
  std::vector<PoolTransactionPointer> removed;
};

class TxPool {
 public:
  struct Added {
    bool is_pending = false;
    PoolTransactionPointer replaced;
  };

  /// `seed` is for tables whose keys strangers choose. Numbers of `options` that make no sense
  /// become the nearest that do.
  TxPool(PoolOptions options, PoolHead head, std::uint64_t seed);
  TxPool(const TxPool&) = delete;
  TxPool& operator=(const TxPool&) = delete;
  ~TxPool();

  /// A PoolError, or what the state's reader says: then nothing has changed and nothing is known of
  /// the transaction. Of a local transaction the error tells the numbers, too.
  Result<Added> add(PoolTransactionPointer transaction, TransactionOrigin origin, Instant now);

  /// The chain has a new head: what is in it leaves, what has left it comes back. If the state
  /// can't be read nothing changes, and the same may be tried again.
  Result<void> on_head(PoolHead head, const PoolHeadChange& change, Instant now);

  /// Drops what has been queued for too long; to be called at next_deadline().
  void on_time(Instant now);
  Instant next_deadline() const noexcept { return next_expiry_; }

  /// What has happened since it was last asked: to be taken after each call.
  PoolEvents take_events();

  /// For PoolRules::check on a worker, before a transaction's signer is recovered.
  PoolRules rules() const noexcept;
  const PoolHead& head() const noexcept { return head_; }

  PoolStatus status() const noexcept;
  /// Null if it isn't here.
  PoolTransactionPointer find(const Hash& hash) const;
  bool contains(const Hash& hash) const { return by_hash_.contains(hash); }
  bool is_pending(const Hash& hash) const;
  /// Of an account's next transaction: the tag "pending" of eth_getTransactionCount.
  Result<std::uint64_t> next_nonce(const Address& address) const;
  AccountContent content_from(const Address& address) const;
  /// In the order of addresses.
  std::vector<AccountContent> content() const;
  /// In the order in which they came: for the journal.
  std::vector<PoolTransactionPointer> locals() const;
  /// In that order, too: what a new peer is told.
  std::vector<PoolTransactionPointer> pending() const;

  /// For a block with that base fee, without those whose author would get less than `tip_min`.
  BestTransactions best(const U256& base_fee, const U256& tip_min = 0) const;

 private:
  /// Of remote transactions, the first to give way first.
  struct PriceKey {
    bool is_payable;
    U256 tip;
    U256 max_fee;
    U256 max_priority_fee;
    std::uint64_t arrival;  ///< the latest gives way first

    bool pays_less(const PriceKey& other) const noexcept;
    bool operator<(const PriceKey& other) const noexcept;
  };
  /// Of remote accounts, who gives way first last.
  struct CrowdKey {
    std::size_t count;
    Instant since;
    Address address;

    bool operator<(const CrowdKey& other) const noexcept;
  };
  struct AccountFacts {
    std::uint64_t nonce = 0;
    U256 balance;
    bool is_delegated = false;
    bool is_contract = false;
  };
  struct Entry {
    PoolTransactionPointer transaction;
    std::uint64_t arrival;
    bool is_local;
    bool is_pending = false;
    bool is_told = false;  ///< has been pending once

    std::uint64_t nonce() const noexcept { return transaction->transaction.nonce; }
  };
  using Entries = std::vector<Entry*>;
  struct Account {
    Address address;
    AccountFacts facts;
    bool is_local = false;
    Instant heartbeat;
    Entries pending;
    Entries queued;  ///< by nonce, none of which is below the pending ones'
    U256 pending_cost;
    std::optional<CrowdKey> pending_key;
    std::optional<CrowdKey> queued_key;

    std::uint64_t next_nonce() const noexcept { return facts.nonce + pending.size(); }
  };
  struct Facts {
    std::vector<AccountFacts> of_accounts;  ///< in the order of accounts_
    std::map<Address, AccountFacts> of_removed;
  };

  static Result<AccountFacts> read_facts(StateReader& state, const Address& address);
  Result<Facts> read_all(StateReader& state, const PoolHeadChange& change) const;

  Account& open_account(const Address& address, const AccountFacts& facts, Instant now);
  /// Puts it into the tables of who has most; forgets it if it has no transactions.
  void settle(const Address& address);

  // Of add().
  Result<Added> add_to(Account& account, PoolTransactionPointer transaction,
                       TransactionOrigin origin, Instant now);
  Result<void> check_sender(const Account& account, const PoolTransaction& one,
                            TransactionOrigin origin) const;
  std::expected<void, PoolError> check_delegation(const Account& account,
                                                  const PoolTransaction& one) const;
  std::expected<void, PoolError> check_place(const Account& account, const PoolTransaction& one,
                                             bool is_local, const Entry* old) const;
  bool outbids(const PoolTransaction& one, const PoolTransaction& old) const noexcept;
  bool is_limited(const Account& account) const;
  static bool is_gapped(const Account& account, std::uint64_t nonce) noexcept;
  static Entry* find_nonce(const Account& account, std::uint64_t nonce) noexcept;

  // Room. `old` is what the transaction replaces, or null.
  std::expected<void, PoolError> make_room(const Account& account, const PoolTransaction& one,
                                           bool is_local, const Entry* old);
  std::expected<Entries, PoolError> choose_victims(const PoolTransaction& one, bool is_local,
                                                   const Entry* old) const;
  void enforce_limits();
  /// At the end of each call that changes something.
  void finish(Instant now);
  void cap_queue(Account& account);

  // Entries.
  Entry& insert(PoolTransactionPointer transaction, bool is_local);
  void forget(Entry& entry);
  void put_in_queue(Account& account, Entry& entry);
  void replace(Account& account, Entry& old, Entry& entry);
  void promote(Account& account, Instant now);
  /// Out of its account's lists; what depended on it goes to the queue.
  void take_out(Account& account, Entry& entry);
  void drop(Entry& entry, DropReason reason);
  void make_local(Account& account);
  PriceKey price_of(const PoolTransaction& one, std::uint64_t arrival) const noexcept;
  void rebuild_prices();

  // Of on_head().
  void queue_all(Account& account, const std::set<Hash>& included, bool rules_changed);
  std::optional<DropReason> reason_to_drop(const Account& account, const Entry& entry,
                                           const std::set<Hash>& included,
                                           bool rules_changed) const;
  void put_back(const PoolHeadChange& change, const Facts& facts, Instant now);

  /// Those whose authorizations have gone may have more than one pending again.
  void promote_released(Instant now);

  void tell_dropped(const Entry& entry, DropReason reason);
  void tell_promoted();
  template <class Wanted>
  std::vector<PoolTransactionPointer> by_arrival(Wanted is_wanted) const;

  PoolOptions options_;
  PoolHead head_;
  std::map<Address, Account> accounts_;
  std::unordered_map<Hash, Entry, SeededHasher> by_hash_;
  std::map<PriceKey, Entry*> by_price_;  ///< remote ones
  std::set<CrowdKey> crowd_pending_;
  std::set<CrowdKey> crowd_queued_;
  /// How many transactions here have its authorization.
  std::map<Address, std::size_t> authorities_;
  std::vector<Address> released_;  ///< from it, in the call under way
  std::vector<Hash> promoted_;     ///< in the call under way
  PoolEvents events_;
  std::size_t pending_count_ = 0;
  std::size_t queued_count_ = 0;
  std::size_t slots_ = 0;
  std::size_t memory_bytes_ = 0;
  std::size_t evicted_since_head_ = 0;
  std::uint64_t arrivals_ = 0;
  Instant next_expiry_;
};

}  // namespace kith::ledger
