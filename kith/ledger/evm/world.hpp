// The accounts as a block's transactions see and change them: what was read is kept, what was
// written stays here until the block is done, and every change can be taken back to a checkpoint.
//
//   StateReader     the state that the block begins with; asked once for each account and slot
//   World           accounts and storage with the changes of this block so far
//     begin_transaction()
//       checkpoint() ... revert_to()      a call that fails takes its changes with it
//     finish_transaction()                what ended in it goes: destroyed and empty accounts
//
// A reader that can't answer (a disk fails, a state has been pruned) is remembered in fault(): the
// answers after it mean nothing, and neither does a result that is made of them. So whoever runs a
// transaction looks at it afterwards. Thread: one at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/ledger/evm/code.hpp>
#include <kith/ledger/evm/revision.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {

/// What the state holds of an account, but for its storage (Yellow Paper, 4.1).
struct AccountState {
  std::uint64_t nonce = 0;
  U256 balance;
  Hash code_hash = empty_code_hash;
  bool has_storage = false;
};

/// The state after some block. Implementations may be used by several worlds at a time if they say
/// so.
class StateReader {
 public:
  virtual ~StateReader() = default;
  /// Nothing if there is no such account.
  virtual Result<std::optional<AccountState>> account(const Address& address) = 0;
  /// 0 if nothing is stored there.
  virtual Result<U256> storage(const Address& address, const U256& key) = 0;
  /// Of a hash that an account has; never null.
  virtual Result<CodePointer> code(const Hash& hash) = 0;
};

/// What a contract told the world outside (Yellow Paper, 4.3.1).
struct LogEntry {
  Address address;
  std::vector<Hash> topics;
  Bytes data;
};

class World {
 public:
  struct Slot {
    U256 current;
    U256 original;  ///< when the transaction began
    U256 before;    ///< when the block began
    std::uint32_t seen_in = 0;
    std::uint32_t warm_in = 0;
  };

  struct Account {
    Address address;
    std::uint64_t nonce = 0;
    U256 balance;
    Hash code_hash = empty_code_hash;
    CodePointer code;  ///< null until it's asked for
    bool exists = false;
    /// Its storage is what is here: the reader isn't asked, since the account is new.
    bool storage_is_new = false;
    bool had_storage = false;  ///< the reader's word
    bool always_warm = false;  ///< a precompiled contract
    bool changed = false;      ///< in this block
    // Numbers of transactions.
    std::uint32_t warm_in = 0;
    std::uint32_t touched_in = 0;
    std::uint32_t created_in = 0;
    std::uint32_t destroyed_in = 0;
    std::unordered_map<U256, Slot, SeededHasher> storage;

    bool has_code() const noexcept { return code_hash != empty_code_hash; }
    /// Without nonce, balance and code (EIP-161).
    bool is_empty() const noexcept { return nonce == 0 && balance.is_zero() && !has_code(); }
  };

  struct Checkpoint {
    std::size_t changes;
    std::size_t logs;
    std::int64_t refund;
  };

  /// `seed` is for tables whose keys strangers choose.
  World(StateReader& reader, Revision revision, std::uint64_t seed);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  Revision revision() const noexcept { return revision_; }
  const std::optional<Error>& fault() const noexcept { return fault_; }
  /// What the machine can't do, as a state that it can't read. The first fault stays.
  void fail(Error error) {
    if (!fault_) fault_ = std::move(error);
  }

  void begin_transaction();
  /// Removes what has been destroyed, and from Spurious Dragon on what was touched and is empty.
  /// The logs are the caller's.
  std::vector<LogEntry> finish_transaction();

  /// Where the account is kept: as long as the world lives.
  Account& account(const Address& address);
  const CodePointer& code_of(Account& account);
  /// Valid until the account's storage is cleared at the end of a transaction.
  Slot& slot(Account& account, const U256& key);

  /// True if it was warm already (EIP-2929).
  bool warm(Account& account);
  bool warm(Account& account, Slot& slot);

  // Changes. Each touches its account.
  void touch(Account& account);
  void set_balance(Account& account, const U256& balance);
  void add_balance(Account& account, const U256& amount) {
    set_balance(account, account.balance + amount);
  }
  void subtract_balance(Account& account, const U256& amount) {
    set_balance(account, account.balance - amount);
  }
  void set_nonce(Account& account, std::uint64_t nonce);
  void set_code(Account& account, CodePointer code, const Hash& hash);
  void set_storage(Account& account, Slot& slot, const U256& value);
  /// Nothing is stored there any more. Can't be taken back to a checkpoint: for what-if calls.
  void clear_storage(Account& account);
  /// An account of a contract that is being created; its balance stays.
  void create(Account& account, std::uint64_t nonce);
  /// At the end of the transaction it will be gone.
  void destroy(Account& account);
  void add_log(LogEntry entry);
  void add_refund(std::int64_t amount) noexcept { refund_ += amount; }
  std::int64_t refund() const noexcept { return refund_; }
  /// The number of the transaction that is under way.
  std::uint32_t transaction() const noexcept { return transaction_; }

  U256 transient(const Address& address, const U256& key) const;
  void set_transient(const Address& address, const U256& key, const U256& value);

  Checkpoint checkpoint() const noexcept;
  void revert_to(const Checkpoint& checkpoint);

  /// There is no account, or from Spurious Dragon on an empty one.
  bool is_dead(const Account& account) const noexcept {
    return revision_ >= Revision::spurious_dragon ? account.is_empty() : !account.exists;
  }

  /// All accounts that were looked at in this block, in no order that means anything.
  const std::deque<Account>& accounts() const noexcept { return accounts_; }
  std::deque<Account>& accounts() noexcept { return accounts_; }

 private:
  struct Undo;
  struct TransientKey {
    Address address;
    U256 key;
    friend bool operator==(const TransientKey&, const TransientKey&) = default;
  };
  struct TransientHasher {
    SeededHasher hasher;
    std::size_t operator()(const TransientKey& one) const noexcept {
      return hasher(one.address) ^ hasher(one.key);
    }
  };

  void load(Account& account);

  StateReader& reader_;
  Revision revision_;
  SeededHasher hasher_;
  std::uint32_t transaction_ = 0;
  std::int64_t refund_ = 0;
  std::optional<Error> fault_;
  std::deque<Account> accounts_;
  std::unordered_map<Address, Account*, SeededHasher> by_address_;
  std::vector<Account*> touched_;
  std::vector<Undo> undo_;
  std::vector<LogEntry> logs_;
  std::unordered_map<TransientKey, U256, TransientHasher> transient_;
};

}  // namespace kith::ledger
