#include <algorithm>
#include <utility>

#include <kith/base/assert.hpp>
#include <kith/ledger/txpool/tx_pool.hpp>

namespace kith::ledger {
namespace {

PoolOptions sensible(PoolOptions options) {
  options.price_bump = std::clamp<std::uint64_t>(options.price_bump, 1, 1'000);
  options.account_slots = std::max<std::size_t>(options.account_slots, 1);
  options.global_slots = std::max<std::size_t>(options.global_slots, 1);
  options.account_queue = std::max<std::size_t>(options.account_queue, 1);
  options.global_queue = std::max<std::size_t>(options.global_queue, 1);
  options.lifetime = std::max<Duration>(options.lifetime, 1s);
  return options;
}

}  // namespace

bool TxPool::PriceKey::pays_less(const PriceKey& other) const noexcept {
  if (is_payable != other.is_payable) return other.is_payable;
  if (tip != other.tip) return tip < other.tip;
  if (max_fee != other.max_fee) return max_fee < other.max_fee;
  return max_priority_fee < other.max_priority_fee;
}

bool TxPool::PriceKey::operator<(const PriceKey& other) const noexcept {
  if (pays_less(other)) return true;
  return !other.pays_less(*this) && arrival > other.arrival;
}

bool TxPool::CrowdKey::operator<(const CrowdKey& other) const noexcept {
  if (count != other.count) return count < other.count;
  if (since != other.since) return since > other.since;
  return address < other.address;
}

TxPool::TxPool(PoolOptions options, PoolHead head, std::uint64_t seed)
    : options_(sensible(std::move(options))),
      head_(std::move(head)),
      by_hash_(0, SeededHasher{seed}) {
  ASSERT(head_.state != nullptr);
}

TxPool::~TxPool() = default;

PoolRules TxPool::rules() const noexcept {
  return {.chain_id = options_.chain_id,
          .revision = head_.revision,
          .gas_limit = head_.gas_limit,
          .price_limit = options_.price_limit,
          .base_fee_min = options_.base_fee_min};
}

// Accounts.

Result<TxPool::AccountFacts> TxPool::read_facts(StateReader& state, const Address& address) {
  KITH_TRY(const std::optional<AccountState> account, state.account(address));
  AccountFacts facts;
  if (!account) return facts;
  facts.nonce = account->nonce;
  facts.balance = account->balance;
  if (account->code_hash == empty_code_hash) return facts;
  KITH_TRY(const CodePointer code, state.code(account->code_hash));
  facts.is_delegated = code->delegate().has_value();
  facts.is_contract = !facts.is_delegated;
  return facts;
}

TxPool::Account& TxPool::open_account(const Address& address, const AccountFacts& facts,
                                      Instant now) {
  const auto [place, is_new] = accounts_.try_emplace(address);
  Account& account = place->second;
  if (is_new) {
    account.address = address;
    account.is_local = options_.locals.contains(address);
    account.heartbeat = now;
  }
  account.facts = facts;
  return account;
}

void TxPool::settle(const Address& address) {
  const auto found = accounts_.find(address);
  if (found == accounts_.end()) return;
  Account& account = found->second;
  if (account.pending_key) crowd_pending_.erase(*account.pending_key);
  if (account.queued_key) crowd_queued_.erase(*account.queued_key);
  account.pending_key.reset();
  account.queued_key.reset();
  if (account.pending.empty() && account.queued.empty()) {
    accounts_.erase(found);
    return;
  }
  if (account.is_local) return;
  if (!account.pending.empty()) {
    account.pending_key = CrowdKey{account.pending.size(), account.heartbeat, address};
    crowd_pending_.insert(*account.pending_key);
  }
  if (!account.queued.empty()) {
    account.queued_key = CrowdKey{account.queued.size(), account.heartbeat, address};
    crowd_queued_.insert(*account.queued_key);
  }
}

bool TxPool::is_limited(const Account& account) const {
  return account.facts.is_delegated || authorities_.contains(account.address);
}

TxPool::Entry* TxPool::find_nonce(const Account& account, std::uint64_t nonce) noexcept {
  if (nonce < account.facts.nonce) return nullptr;
  if (nonce < account.next_nonce()) return account.pending[nonce - account.facts.nonce];
  const auto found = std::ranges::lower_bound(account.queued, nonce, {}, &Entry::nonce);
  return found != account.queued.end() && (*found)->nonce() == nonce ? *found : nullptr;
}

// Entries.

TxPool::PriceKey TxPool::price_of(const PoolTransaction& one,
                                  std::uint64_t arrival) const noexcept {
  const auto tip = effective_tip(one.transaction, head_.base_fee);
  return {.is_payable = tip.has_value(),
          .tip = tip.value_or(0),
          .max_fee = one.transaction.max_fee,
          .max_priority_fee = one.transaction.max_priority_fee,
          .arrival = arrival};
}

void TxPool::rebuild_prices() {
  by_price_.clear();
  for (auto& [hash, entry] : by_hash_) {
    if (!entry.is_local) by_price_.emplace(price_of(*entry.transaction, entry.arrival), &entry);
  }
}

TxPool::Entry& TxPool::insert(PoolTransactionPointer transaction, bool is_local) {
  const PoolTransaction& one = *transaction;
  Entry& entry =
      by_hash_.try_emplace(one.hash, Entry{std::move(transaction), ++arrivals_, is_local})
          .first->second;
  slots_ += one.slots();
  memory_bytes_ += one.memory_bytes;
  for (const Address& authority : one.authorities)
    ++authorities_[authority];
  if (!is_local) by_price_.emplace(price_of(one, entry.arrival), &entry);
  return entry;
}

void TxPool::forget(Entry& entry) {
  const PoolTransactionPointer one = entry.transaction;
  slots_ -= one->slots();
  memory_bytes_ -= one->memory_bytes;
  for (const Address& authority : one->authorities) {
    const auto found = authorities_.find(authority);
    if (--found->second > 0) continue;
    authorities_.erase(found);
    released_.push_back(authority);
  }
  if (!entry.is_local) by_price_.erase(price_of(*one, entry.arrival));
  by_hash_.erase(one->hash);
}

void TxPool::put_in_queue(Account& account, Entry& entry) {
  account.queued.insert(std::ranges::lower_bound(account.queued, entry.nonce(), {}, &Entry::nonce),
                        &entry);
  ++queued_count_;
}

void TxPool::replace(Account& account, Entry& old, Entry& entry) {
  if (old.is_pending) {
    account.pending[old.nonce() - account.facts.nonce] = &entry;
    account.pending_cost -= old.transaction->cost;
    account.pending_cost += entry.transaction->cost;
    entry.is_pending = true;
    promoted_.push_back(entry.transaction->hash);
  } else {
    *std::ranges::lower_bound(account.queued, old.nonce(), {}, &Entry::nonce) = &entry;
  }
  tell_dropped(old, DropReason::replaced);
  forget(old);
}

void TxPool::promote(Account& account, Instant now) {
  std::size_t count = 0;
  for (; count < account.queued.size(); ++count) {
    Entry& entry = *account.queued[count];
    if (entry.nonce() != account.next_nonce()) break;
    if (is_limited(account) && !account.pending.empty()) break;
    bool overflow = false;
    const U256 cost = U256::add(account.pending_cost, entry.transaction->cost, overflow);
    if (overflow || account.facts.balance < cost) break;
    account.pending_cost = cost;
    account.pending.push_back(&entry);
    entry.is_pending = true;
    if (entry.is_told) continue;
    promoted_.push_back(entry.transaction->hash);
    account.heartbeat = now;
  }
  account.queued.erase(account.queued.begin(),
                       account.queued.begin() + static_cast<std::ptrdiff_t>(count));
  queued_count_ -= count;
  pending_count_ += count;
}

void TxPool::promote_released(Instant now) {
  for (const Address& address : std::exchange(released_, {})) {
    const auto found = accounts_.find(address);
    if (found == accounts_.end()) continue;
    promote(found->second, now);
    settle(address);
  }
}

void TxPool::take_out(Account& account, Entry& entry) {
  if (!entry.is_pending) {
    account.queued.erase(
        std::ranges::lower_bound(account.queued, entry.nonce(), {}, &Entry::nonce));
    --queued_count_;
    return;
  }
  const auto at =
      account.pending.begin() + static_cast<std::ptrdiff_t>(entry.nonce() - account.facts.nonce);
  const auto leaving = static_cast<std::size_t>(account.pending.end() - at);
  for (auto one = at; one != account.pending.end(); ++one) {
    (*one)->is_pending = false;
    account.pending_cost -= (*one)->transaction->cost;
  }
  account.queued.insert(account.queued.begin(), at + 1, account.pending.end());
  account.pending.erase(at, account.pending.end());
  pending_count_ -= leaving;
  queued_count_ += leaving - 1;
}

void TxPool::drop(Entry& entry, DropReason reason) {
  take_out(accounts_.at(entry.transaction->sender), entry);
  tell_dropped(entry, reason);
  forget(entry);
}

void TxPool::make_local(Account& account) {
  if (account.is_local) return;
  account.is_local = true;
  for (const Entries* list : {&account.pending, &account.queued}) {
    for (Entry* entry : *list) {
      by_price_.erase(price_of(*entry->transaction, entry->arrival));
      entry->is_local = true;
    }
  }
}

// Heads and time.

Result<TxPool::Facts> TxPool::read_all(StateReader& state, const PoolHeadChange& change) const {
  Facts facts;
  facts.of_accounts.reserve(accounts_.size());
  for (const auto& [address, account] : accounts_) {
    KITH_TRY(facts.of_accounts.emplace_back(), read_facts(state, address));
  }
  for (const PoolTransactionPointer& one : change.removed) {
    if (facts.of_removed.contains(one->sender)) continue;
    KITH_TRY(facts.of_removed[one->sender], read_facts(state, one->sender));
  }
  return facts;
}

Result<void> TxPool::on_head(PoolHead head, const PoolHeadChange& change, Instant now) {
  ASSERT(head.state != nullptr);
  KITH_TRY(const Facts facts, read_all(*head.state, change));
  const bool rules_changed = head.revision != head_.revision;
  const bool prices_changed = head.base_fee != head_.base_fee;
  head_ = std::move(head);
  if (prices_changed) rebuild_prices();
  evicted_since_head_ = 0;
  const std::set<Hash> included(change.included.begin(), change.included.end());
  std::vector<Address> addresses;
  for (auto& [address, account] : accounts_) {
    account.facts = facts.of_accounts[addresses.size()];
    queue_all(account, included, rules_changed);
    addresses.push_back(address);
  }
  // Only now is it known which authorizations are still here.
  for (auto& [address, account] : accounts_) {
    promote(account, now);
    cap_queue(account);
  }
  for (const Address& address : addresses)
    settle(address);
  put_back(change, facts, now);
  finish(now);
  return {};
}

void TxPool::queue_all(Account& account, const std::set<Hash>& included, bool rules_changed) {
  Entries all = std::move(account.pending);
  all.insert(all.end(), account.queued.begin(), account.queued.end());
  pending_count_ -= all.size() - account.queued.size();
  queued_count_ -= account.queued.size();
  account.pending.clear();
  account.queued.clear();
  account.pending_cost = 0;
  for (Entry* entry : all) {
    entry->is_pending = false;
    if (const auto reason = reason_to_drop(account, *entry, included, rules_changed)) {
      tell_dropped(*entry, *reason);
      forget(*entry);
    } else {
      account.queued.push_back(entry);
      ++queued_count_;
    }
  }
}

std::optional<DropReason> TxPool::reason_to_drop(const Account& account, const Entry& entry,
                                                 const std::set<Hash>& included,
                                                 bool rules_changed) const {
  const PoolTransaction& one = *entry.transaction;
  if (entry.nonce() < account.facts.nonce)
    return included.contains(one.hash) ? DropReason::included : DropReason::overtaken;
  if (account.facts.is_contract) return DropReason::invalid;
  if (one.transaction.gas_limit > head_.gas_limit) return DropReason::gas_limit;
  const auto origin = entry.is_local ? TransactionOrigin::local : TransactionOrigin::remote;
  if (rules_changed && !rules().check(one.transaction, one.bytes, origin))
    return DropReason::invalid;
  if (account.facts.balance < one.cost) return DropReason::unpayable;
  return std::nullopt;
}

/// Who can't come back is no news: it isn't in the pool, and who sent it has been told that it was
/// included. What is in the new blocks, too, has a nonce that is too low now.
void TxPool::put_back(const PoolHeadChange& change, const Facts& facts, Instant now) {
  for (const PoolTransactionPointer& one : change.removed) {
    if (by_hash_.contains(one->hash)) continue;
    Account& account = open_account(one->sender, facts.of_removed.at(one->sender), now);
    const auto origin = account.is_local ? TransactionOrigin::local : TransactionOrigin::remote;
    if (rules().check(one->transaction, one->bytes, origin))
      static_cast<void>(add_to(account, one, origin, now));
    settle(one->sender);
  }
}

void TxPool::on_time(Instant now) {
  if (now < next_expiry_) return;
  next_expiry_ = now + pool_expiry_interval;
  std::vector<Address> stale;
  for (const auto& [address, account] : accounts_) {
    if (!account.is_local && !account.queued.empty() && now - account.heartbeat > options_.lifetime)
      stale.push_back(address);
  }
  for (const Address& address : stale) {
    Account& account = accounts_.at(address);
    while (!account.queued.empty())
      drop(*account.queued.back(), DropReason::expired);
    settle(address);
  }
  finish(now);
}

// Events.

void TxPool::tell_dropped(const Entry& entry, DropReason reason) {
  if (events_.dropped.size() < pool_events_max) {
    events_.dropped.push_back({entry.transaction, reason});
  } else {
    ++events_.lost;
  }
}

void TxPool::tell_promoted() {
  for (const Hash& hash : promoted_) {
    const auto found = by_hash_.find(hash);
    if (found == by_hash_.end() || !found->second.is_pending || found->second.is_told) continue;
    found->second.is_told = true;
    if (events_.pending.size() < pool_events_max) {
      events_.pending.push_back(found->second.transaction);
    } else {
      ++events_.lost;
    }
  }
  promoted_.clear();
}

PoolEvents TxPool::take_events() {
  return std::exchange(events_, {});
}

// Views.

PoolStatus TxPool::status() const noexcept {
  return {.pending = pending_count_,
          .queued = queued_count_,
          .accounts = accounts_.size(),
          .slots = slots_,
          .memory_bytes = memory_bytes_};
}

PoolTransactionPointer TxPool::find(const Hash& hash) const {
  const auto found = by_hash_.find(hash);
  return found == by_hash_.end() ? nullptr : found->second.transaction;
}

bool TxPool::is_pending(const Hash& hash) const {
  const auto found = by_hash_.find(hash);
  return found != by_hash_.end() && found->second.is_pending;
}

Result<std::uint64_t> TxPool::next_nonce(const Address& address) const {
  const auto found = accounts_.find(address);
  if (found != accounts_.end()) return found->second.next_nonce();
  KITH_TRY(const std::optional<AccountState> account, head_.state->account(address));
  return account ? account->nonce : 0;
}

AccountContent TxPool::content_from(const Address& address) const {
  AccountContent content{.address = address, .pending = {}, .queued = {}};
  const auto found = accounts_.find(address);
  if (found == accounts_.end()) return content;
  for (const Entry* entry : found->second.pending)
    content.pending.push_back(entry->transaction);
  for (const Entry* entry : found->second.queued)
    content.queued.push_back(entry->transaction);
  return content;
}

std::vector<AccountContent> TxPool::content() const {
  std::vector<AccountContent> all;
  all.reserve(accounts_.size());
  for (const auto& [address, account] : accounts_)
    all.push_back(content_from(address));
  return all;
}

template <class Wanted>
std::vector<PoolTransactionPointer> TxPool::by_arrival(Wanted is_wanted) const {
  std::vector<const Entry*> wanted;
  for (const auto& [hash, entry] : by_hash_) {
    if (is_wanted(entry)) wanted.push_back(&entry);
  }
  std::ranges::sort(wanted, {}, &Entry::arrival);
  std::vector<PoolTransactionPointer> pointers;
  pointers.reserve(wanted.size());
  for (const Entry* entry : wanted)
    pointers.push_back(entry->transaction);
  return pointers;
}

std::vector<PoolTransactionPointer> TxPool::locals() const {
  return by_arrival([](const Entry& entry) { return entry.is_local; });
}

std::vector<PoolTransactionPointer> TxPool::pending() const {
  return by_arrival([](const Entry& entry) { return entry.is_pending; });
}

BestTransactions TxPool::best(const U256& base_fee, const U256& tip_min) const {
  BestTransactions best(base_fee, tip_min);
  for (const auto& [address, account] : accounts_) {
    best.begin_account();
    for (const Entry* entry : account.pending)
      best.add(entry->transaction, entry->arrival);
    best.end_account();
  }
  best.ready();
  return best;
}

}  // namespace kith::ledger
