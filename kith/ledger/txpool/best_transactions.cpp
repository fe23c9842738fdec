#include <algorithm>

#include <kith/ledger/txpool/best_transactions.hpp>

namespace kith::ledger {

bool BestTransactions::is_worse(const Head& a, const Head& b) noexcept {
  if (a.tip != b.tip) return a.tip < b.tip;
  return a.arrival > b.arrival;
}

bool BestTransactions::pays(const PoolTransaction& one) const noexcept {
  const auto tip = effective_tip(one.transaction, base_fee_);
  return tip && !(*tip < tip_min_);
}

BestTransactions::Head BestTransactions::head_at(std::size_t at, std::size_t end) const noexcept {
  const One& one = all_[at];
  return {.tip = effective_tip(one.pointer->transaction, base_fee_).value_or(0),
          .arrival = one.arrival,
          .at = static_cast<std::uint32_t>(at),
          .end = static_cast<std::uint32_t>(end)};
}

void BestTransactions::add(PoolTransactionPointer transaction, std::uint64_t arrival) {
  run_ended_ = run_ended_ || !pays(*transaction);
  if (!run_ended_) all_.push_back({std::move(transaction), arrival});
}

void BestTransactions::end_account() {
  if (all_.size() > run_begin_) heads_.push_back(head_at(run_begin_, all_.size()));
  run_ended_ = false;
}

void BestTransactions::ready() {
  std::ranges::make_heap(heads_, is_worse);
}

void BestTransactions::next() {
  std::ranges::pop_heap(heads_, is_worse);
  Head& done = heads_.back();
  if (done.at + 1 == done.end) {
    heads_.pop_back();
    return;
  }
  done = head_at(done.at + 1, done.end);
  std::ranges::push_heap(heads_, is_worse);
}

void BestTransactions::skip_account() {
  std::ranges::pop_heap(heads_, is_worse);
  heads_.pop_back();
}

}  // namespace kith::ledger
