// How a transaction comes into the pool, and what gives way to it.
#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/ledger/txpool/tx_pool.hpp>

namespace kith::ledger {
namespace {

/// A peer's fault must cost nothing; a person wants to know the numbers.
template <class Text>
Error refusal(PoolError reason, TransactionOrigin origin, Text text) {
  if (origin == TransactionOrigin::remote) return reason;
  return {reason, text()};
}

}  // namespace

Result<TxPool::Added> TxPool::add(PoolTransactionPointer transaction, TransactionOrigin origin,
                                  Instant now) {
  ASSERT(transaction != nullptr);
  const PoolTransactionPointer one = std::move(transaction);
  if (by_hash_.contains(one->hash)) return std::unexpected(PoolError::already_known);
  auto found = accounts_.find(one->sender);
  const bool is_local =
      found != accounts_.end() ? found->second.is_local : options_.locals.contains(one->sender);
  const TransactionOrigin treated = is_local ? TransactionOrigin::local : origin;
  KITH_CHECK(rules().check(one->transaction, one->bytes, treated));
  if (found == accounts_.end()) {
    KITH_TRY(const AccountFacts facts, read_facts(*head_.state, one->sender));
    open_account(one->sender, facts, now);
    found = accounts_.find(one->sender);
  }
  auto added = add_to(found->second, one, treated, now);
  settle(one->sender);
  finish(now);
  // Its account may be the one that had to give way.
  if (added && !by_hash_.contains(one->hash)) return std::unexpected(PoolError::full);
  if (added) added->is_pending = is_pending(one->hash);
  return added;
}

Result<TxPool::Added> TxPool::add_to(Account& account, PoolTransactionPointer transaction,
                                     TransactionOrigin origin, Instant now) {
  const PoolTransaction& one = *transaction;
  const bool is_local = origin == TransactionOrigin::local || account.is_local;
  KITH_CHECK(check_sender(account, one, origin));
  KITH_CHECK(check_delegation(account, one));
  Entry* old = find_nonce(account, one.transaction.nonce);
  KITH_CHECK(check_place(account, one, is_local, old));
  KITH_CHECK(make_room(account, one, is_local, old));
  // It may have been the end of a queue that has become too long.
  old = find_nonce(account, one.transaction.nonce);
  if (is_local) make_local(account);
  Added added;
  Entry& entry = insert(std::move(transaction), is_local);
  if (old != nullptr) {
    added.replaced = old->transaction;
    account.heartbeat = now;
    replace(account, *old, entry);
  } else {
    put_in_queue(account, entry);
  }
  promote(account, now);
  cap_queue(account);
  return added;
}

Result<void> TxPool::check_sender(const Account& account, const PoolTransaction& one,
                                  TransactionOrigin origin) const {
  const std::uint64_t nonce = one.transaction.nonce;
  if (nonce < account.facts.nonce) {
    return std::unexpected(refusal(PoolError::nonce_too_low, origin, [&] {
      return "next nonce " + std::to_string(account.facts.nonce) + ", tx nonce " +
             std::to_string(nonce);
    }));
  }
  if (account.facts.is_contract) return std::unexpected(PoolError::sender_is_contract);
  U256 spent = account.pending_cost;
  if (nonce < account.next_nonce())
    spent -= account.pending[nonce - account.facts.nonce]->transaction->cost;
  bool overflow = false;
  const U256 needed = U256::add(spent, one.cost, overflow);
  if (!overflow && !(account.facts.balance < needed)) return {};
  return std::unexpected(refusal(PoolError::insufficient_funds, origin, [&] {
    return "balance " + account.facts.balance.to_decimal() + ", queued cost " + spent.to_decimal() +
           ", tx cost " + one.cost.to_decimal();
  }));
}

std::expected<void, PoolError> TxPool::check_delegation(const Account& account,
                                                        const PoolTransaction& one) const {
  if (is_limited(account) && one.transaction.nonce >= account.next_nonce()) {
    if (!account.pending.empty()) return std::unexpected(PoolError::delegated_account_in_use);
    if (one.transaction.nonce != account.facts.nonce)
      return std::unexpected(PoolError::delegated_account_gap);
  }
  for (const Address& authority : one.authorities) {
    const auto found = accounts_.find(authority);
    if (found == accounts_.end()) continue;
    if (found->second.pending.size() + found->second.queued.size() > 1)
      return std::unexpected(PoolError::authority_reserved);
  }
  return {};
}

std::expected<void, PoolError> TxPool::check_place(const Account& account,
                                                   const PoolTransaction& one, bool is_local,
                                                   const Entry* old) const {
  if (old != nullptr) {
    if (!outbids(one, *old->transaction))
      return std::unexpected(PoolError::replacement_underpriced);
    return {};
  }
  if (is_local || account.queued.size() < options_.account_queue) return {};
  if (is_gapped(account, one.transaction.nonce) &&
      one.transaction.nonce > account.queued.back()->nonce())
    return std::unexpected(PoolError::account_limit_exceeded);
  return {};
}

/// Both fees, by price_bump percent and at least by one. No product is beyond 2^256: a fee is below
/// 2^256 / 21,000, since its product with the gas is (check_transaction).
bool TxPool::outbids(const PoolTransaction& one, const PoolTransaction& old) const noexcept {
  const auto is_enough = [this](const U256& now, const U256& before) {
    const U256 wanted = before * U256(100 + options_.price_bump) / U256(100);
    return before < now && !(now < wanted);
  };
  return is_enough(one.transaction.max_fee, old.transaction.max_fee) &&
         is_enough(one.transaction.max_priority_fee, old.transaction.max_priority_fee);
}

bool TxPool::is_gapped(const Account& account, std::uint64_t nonce) noexcept {
  std::uint64_t expected = account.next_nonce();
  for (const Entry* entry : account.queued) {
    if (expected >= nonce || entry->nonce() != expected) break;
    ++expected;
  }
  return expected < nonce;
}

std::expected<void, PoolError> TxPool::make_room(const Account& account, const PoolTransaction& one,
                                                 bool is_local, const Entry* old) {
  KITH_TRY(const Entries victims, choose_victims(one, is_local, old));
  if (victims.empty()) return {};
  // Too many evictions between two heads are an attack, or do no good.
  if (!is_local && evicted_since_head_ > options_.global_slots / 4)
    return std::unexpected(PoolError::full);
  // One that can't run yet must not cost one that can: it need never be paid for.
  if (is_gapped(account, one.transaction.nonce) && std::ranges::any_of(victims, &Entry::is_pending))
    return std::unexpected(PoolError::future_replaces_pending);
  evicted_since_head_ += victims.size();
  std::set<Address> senders;
  for (Entry* victim : victims) {
    senders.insert(victim->transaction->sender);
    drop(*victim, DropReason::priced_out);
  }
  // What came after the victims waits in the queues now.
  for (const Address& sender : senders) {
    cap_queue(accounts_.at(sender));
    if (sender != account.address) settle(sender);
  }
  return {};
}

std::expected<TxPool::Entries, PoolError> TxPool::choose_victims(const PoolTransaction& one,
                                                                 bool is_local,
                                                                 const Entry* old) const {
  std::size_t slots = slots_ + one.slots();
  std::size_t memory = memory_bytes_ + one.memory_bytes;
  const auto without = [&](const PoolTransaction& gone) {
    slots -= gone.slots();
    memory -= gone.memory_bytes;
  };
  const auto fits = [&] {
    return slots <= options_.global_slots + options_.global_queue && memory <= options_.memory_max;
  };
  if (old != nullptr) without(*old->transaction);
  Entries victims;
  const PriceKey price = price_of(one, arrivals_ + 1);
  for (const auto& [key, entry] : by_price_) {
    if (fits()) break;
    if (entry == old) continue;
    if (!is_local && !key.pays_less(price)) return std::unexpected(PoolError::underpriced);
    without(*entry->transaction);
    victims.push_back(entry);
  }
  if (!fits()) return std::unexpected(PoolError::full);
  return victims;
}

void TxPool::enforce_limits() {
  while (pending_count_ > options_.global_slots && !crowd_pending_.empty()) {
    const CrowdKey most = *crowd_pending_.rbegin();
    if (most.count <= options_.account_slots) break;
    drop(*accounts_.at(most.address).pending.back(), DropReason::truncated);
    settle(most.address);
  }
  while (queued_count_ > options_.global_queue && !crowd_queued_.empty()) {
    const Address address = crowd_queued_.rbegin()->address;
    drop(*accounts_.at(address).queued.back(), DropReason::truncated);
    settle(address);
  }
}

void TxPool::finish(Instant now) {
  promote_released(now);
  enforce_limits();
  tell_promoted();
}

void TxPool::cap_queue(Account& account) {
  while (!account.is_local && account.queued.size() > options_.account_queue)
    drop(*account.queued.back(), DropReason::truncated);
}

}  // namespace kith::ledger
