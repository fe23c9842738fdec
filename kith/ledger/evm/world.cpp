#include <utility>

#include <kith/base/assert.hpp>
#include <kith/ledger/evm/precompile.hpp>
#include <kith/ledger/evm/world.hpp>

namespace kith::ledger {
namespace {

/// RIPEMD-160. In block 2,675,119 of the main chain a call to it ran out of gas, and clients agreed
/// afterwards that its having been touched is not taken back.
const Address never_untouched = Address::of_number(3);

}  // namespace

struct World::Undo {
  enum class Kind : std::uint8_t {
    balance,
    nonce,
    code,
    storage,
    transient,
    existence,
    creation,
    destruction,
    touch,
    warm_account,
    warm_slot,
  };

  Kind kind;
  bool flag = false;
  Account* account = nullptr;
  Slot* slot = nullptr;
  U256 number = {};
  U256 key = {};
};

World::World(StateReader& reader, Revision revision, std::uint64_t seed)
    : reader_(reader),
      revision_(revision),
      hasher_{seed},
      by_address_(64, hasher_),
      transient_(8, TransientHasher{hasher_}) {}

World::~World() = default;

void World::begin_transaction() {
  ++transaction_;
  refund_ = 0;
  undo_.clear();
  logs_.clear();
  touched_.clear();
  transient_.clear();
}

std::vector<LogEntry> World::finish_transaction() {
  for (Account* account : touched_) {
    if (account->touched_in != transaction_) continue;
    const bool destroyed = account->destroyed_in == transaction_;
    const bool cleared = revision_ >= Revision::spurious_dragon && account->is_empty();
    if (!destroyed && !cleared) continue;
    account->changed = true;
    account->exists = false;
    account->nonce = 0;
    account->balance = 0;
    account->code_hash = empty_code_hash;
    account->code = nullptr;
    account->storage.clear();
    account->storage_is_new = true;
  }
  touched_.clear();
  undo_.clear();
  return std::exchange(logs_, {});
}

World::Account& World::account(const Address& address) {
  const auto [at, is_new] = by_address_.try_emplace(address, nullptr);
  if (is_new) {
    Account& account = accounts_.emplace_back();
    account.address = address;
    account.storage = decltype(account.storage)(0, hasher_);
    at->second = &account;
    load(account);
  }
  return *at->second;
}

void World::load(Account& account) {
  account.always_warm = precompile_at(account.address, revision_) != nullptr;
  auto found = reader_.account(account.address);
  if (!found) {
    fail(std::move(found).error());
    return;
  }
  if (!*found) {
    account.storage_is_new = true;
    return;
  }
  account.exists = true;
  account.nonce = (*found)->nonce;
  account.balance = (*found)->balance;
  account.code_hash = (*found)->code_hash;
  account.had_storage = (*found)->has_storage;
}

const CodePointer& World::code_of(Account& account) {
  if (account.code == nullptr) {
    static const CodePointer none = std::make_shared<const Code>(ByteView());
    account.code = none;
    if (account.has_code()) {
      if (auto found = reader_.code(account.code_hash)) {
        account.code = *std::move(found);
      } else {
        fail(std::move(found).error());
      }
    }
  }
  return account.code;
}

World::Slot& World::slot(Account& account, const U256& key) {
  const auto [at, is_new] = account.storage.try_emplace(key);
  Slot& slot = at->second;
  if (is_new && !account.storage_is_new) {
    if (auto found = reader_.storage(account.address, key)) {
      slot.current = slot.before = *found;
    } else {
      fail(std::move(found).error());
    }
  }
  if (slot.seen_in != transaction_) {
    slot.seen_in = transaction_;
    slot.original = slot.current;
  }
  return slot;
}

bool World::warm(Account& account) {
  if (account.warm_in == transaction_ || account.always_warm) return true;
  account.warm_in = transaction_;
  undo_.push_back({.kind = Undo::Kind::warm_account, .account = &account});
  return false;
}

bool World::warm(Account& account, Slot& slot) {
  if (slot.warm_in == transaction_) return true;
  slot.warm_in = transaction_;
  undo_.push_back({.kind = Undo::Kind::warm_slot, .account = &account, .slot = &slot});
  return false;
}

void World::touch(Account& account) {
  if (account.touched_in == transaction_) return;
  account.touched_in = transaction_;
  touched_.push_back(&account);
  undo_.push_back({.kind = Undo::Kind::touch, .account = &account});
  if (!account.exists) {
    account.exists = true;
    account.changed = true;
    undo_.push_back({.kind = Undo::Kind::existence, .account = &account});
  }
}

void World::set_balance(Account& account, const U256& balance) {
  touch(account);
  account.changed = true;
  undo_.push_back({.kind = Undo::Kind::balance, .account = &account, .number = account.balance});
  account.balance = balance;
}

void World::set_nonce(Account& account, std::uint64_t nonce) {
  touch(account);
  account.changed = true;
  undo_.push_back({.kind = Undo::Kind::nonce, .account = &account, .number = account.nonce});
  account.nonce = nonce;
}

void World::set_code(Account& account, CodePointer code, const Hash& hash) {
  touch(account);
  account.changed = true;
  // Only a new contract's can be taken back; a delegation is no part of a call (EIP-7702).
  undo_.push_back({.kind = Undo::Kind::code, .account = &account});
  account.code = std::move(code);
  account.code_hash = hash;
}

void World::set_storage(Account& account, Slot& slot, const U256& value) {
  touch(account);
  account.changed = true;
  undo_.push_back(
      {.kind = Undo::Kind::storage, .account = &account, .slot = &slot, .number = slot.current});
  slot.current = value;
}

void World::clear_storage(Account& account) {
  touch(account);
  account.changed = true;
  account.storage.clear();
  account.storage_is_new = true;
}

void World::create(Account& account, std::uint64_t nonce) {
  touch(account);
  account.changed = true;
  undo_.push_back({.kind = Undo::Kind::creation,
                   .flag = account.storage_is_new,
                   .account = &account,
                   .number = account.nonce,
                   .key = account.created_in});
  account.created_in = transaction_;
  account.nonce = nonce;
  account.storage_is_new = true;
}

void World::destroy(Account& account) {
  touch(account);
  if (account.destroyed_in == transaction_) return;
  account.destroyed_in = transaction_;
  undo_.push_back({.kind = Undo::Kind::destruction, .account = &account});
}

void World::add_log(LogEntry entry) {
  logs_.push_back(std::move(entry));
}

U256 World::transient(const Address& address, const U256& key) const {
  const auto found = transient_.find({address, key});
  return found == transient_.end() ? U256() : found->second;
}

void World::set_transient(const Address& address, const U256& key, const U256& value) {
  U256& at = transient_[{address, key}];
  undo_.push_back(
      {.kind = Undo::Kind::transient, .account = &account(address), .number = at, .key = key});
  at = value;
}

World::Checkpoint World::checkpoint() const noexcept {
  return {undo_.size(), logs_.size(), refund_};
}

void World::revert_to(const Checkpoint& checkpoint) {
  ASSERT(checkpoint.changes <= undo_.size() && checkpoint.logs <= logs_.size());
  while (undo_.size() > checkpoint.changes) {
    const Undo& last = undo_.back();
    Account& account = *last.account;
    switch (last.kind) {
      case Undo::Kind::balance:
        account.balance = last.number;
        break;
      case Undo::Kind::nonce:
        account.nonce = last.number.low();
        break;
      case Undo::Kind::code:
        account.code_hash = empty_code_hash;
        account.code = nullptr;
        break;
      case Undo::Kind::storage:
        last.slot->current = last.number;
        break;
      case Undo::Kind::transient:
        transient_[{account.address, last.key}] = last.number;
        break;
      case Undo::Kind::existence:
        account.exists = false;
        break;
      case Undo::Kind::creation:
        account.nonce = last.number.low();
        account.created_in = static_cast<std::uint32_t>(last.key.low());
        account.storage_is_new = last.flag;
        break;
      case Undo::Kind::destruction:
        account.destroyed_in = 0;
        break;
      case Undo::Kind::touch:
        if (account.address != never_untouched) account.touched_in = 0;
        break;
      case Undo::Kind::warm_account:
        account.warm_in = 0;
        break;
      case Undo::Kind::warm_slot:
        last.slot->warm_in = 0;
        break;
    }
    undo_.pop_back();
  }
  logs_.resize(checkpoint.logs);
  refund_ = checkpoint.refund;
}

}  // namespace kith::ledger
