#include <kith/ledger/network/chain_desk.hpp>

namespace kith::ledger {

Result<Taking> ChainDesk::judged(const Result<std::expected<Chain::Added, InvalidBlock>>& added,
                                 const Header& header, const Hash& hash) {
  using enum Taking::Verdict;
  Taking taking;
  if (!added) {
    // Of a consensus that can't tell now; a disk's failures come the same way and end the same way,
    // as the block isn't here then.
    taking.verdict = not_yet;
    taking.obstacle = added.error();
  } else if (*added) {
    taking.verdict = **added == Chain::Added::newly ? taken : known;
  } else if (added->error() == InvalidBlock::unknown_parent) {
    taking.verdict = unknown_parent;
  } else {
    taking.verdict = refused;
    taking.why = ChainRefusal{.block = {header.number, hash},
                              .why = {.reason = added->error(), .cause = {}}};
  }
  return taking;
}

Result<Taking> ChainDesk::keep_now(const Block& block) {
  return judged(chain_.add(block), block.header, block.header.hash());
}

Result<Taking> ChainDesk::keep(const Block& block) {
  const std::lock_guard lock(mutex_);
  return keep_now(block);
}

Result<Taking> ChainDesk::take(const Block& block) {
  return take_all({&block, 1});
}

Result<Taking> ChainDesk::take_all(std::span<const Block> blocks) {
  using enum Taking::Verdict;
  const std::lock_guard lock(mutex_);
  Taking last;
  std::optional<Hash> best;
  for (const Block& block : blocks) {
    KITH_TRY(last, keep_now(block));
    if (last.verdict != taken && last.verdict != known) break;
    best = block.header.hash();
  }
  if (best) KITH_CHECK(choose(*best, last));
  return last;
}

Result<void> ChainDesk::choose(const Hash& hash, Taking& taking) {
  const BlockName head = chain_.head();
  if (hash == head.hash) return {};
  KITH_TRY(const Header header, chain_.header(hash));
  KITH_TRY(const U256 weight, chain_.total_weight(hash));
  KITH_TRY(const U256 head_weight, chain_.total_weight(head.hash));
  if (!rule_.prefers({hash, header.number, weight}, {head.hash, head.number, head_weight}))
    return {};
  return move_to(hash, taking);
}

Result<void> ChainDesk::move_to(const Hash& hash, Taking& taking) {
  KITH_TRY(const auto moved, chain_.set_head(hash));
  if (!moved) {
    taking.verdict = Taking::Verdict::refused;
    taking.why = moved.error();
    return {};
  }
  taking.head = *moved;
  return tell_pool(taking.head);
}

Result<void> ChainDesk::tell_pool(const HeadChange& change) {
  if (change.added.empty() && change.removed.empty()) return {};
  const BlockName head = chain_.head();
  KITH_TRY(const Header header, chain_.header(head.hash));
  KITH_TRY(std::shared_ptr<StateReader> state, chain_.state(head.hash));
  PoolHeadChange of_pool;
  for (const BlockName& name : change.added) {
    KITH_TRY(const Block block, chain_.block(name.hash));
    for (const Transaction& one : block.transactions)
      of_pool.included.push_back(one.hash());
  }
  for (auto name = change.removed.rbegin(); name != change.removed.rend(); ++name) {
    KITH_TRY(const Block block, chain_.block(name->hash));
    for (const Transaction& one : block.transactions) {
      const auto sender = one.sender();
      // They were in a block that ran, so they have one.
      if (sender) of_pool.removed.push_back(PoolTransaction::make(one, *sender));
    }
  }
  return pool_.on_head(PoolHead::after(header, chain_.schedule(), std::move(state)), of_pool);
}

Result<std::unique_ptr<BlockBuilder>> ChainDesk::build(const BlockPlan& plan,
                                                       const std::function<bool()>& is_late) const {
  KITH_TRY(auto builder, chain_.build(plan));
  auto best = pool_.best(builder->header().base_fee.value_or(0));
  while (!best.empty() && !is_late()) {
    const PoolTransactionPointer one = best.best();
    KITH_TRY(const auto added, builder->add(one->transaction, one->sender));
    if (added) {
      best.next();
    } else {
      best.skip_account();
    }
  }
  return builder;
}

Result<Taking> ChainDesk::keep_own(const BlockBuilder& builder, const Block& sealed) {
  const std::lock_guard lock(mutex_);
  return judged(chain_.adopt(builder, sealed), sealed.header, sealed.header.hash());
}

Result<Taking> ChainDesk::adopt(const BlockBuilder& builder, const Block& sealed) {
  const std::lock_guard lock(mutex_);
  const Hash hash = sealed.header.hash();
  KITH_TRY(Taking taking, judged(chain_.adopt(builder, sealed), sealed.header, hash));
  if (taking.verdict == Taking::Verdict::taken) KITH_CHECK(choose(hash, taking));
  return taking;
}

Result<std::optional<ChainRefusal>> ChainDesk::run(const Hash& hash) {
  const std::lock_guard lock(mutex_);
  KITH_TRY(const auto ran, chain_.run(hash));
  if (ran) return std::nullopt;
  return ran.error();
}

Result<Taking> ChainDesk::finalize(const Hash& hash) {
  const std::lock_guard lock(mutex_);
  Taking taking;
  KITH_CHECK(move_to(hash, taking));
  if (taking.why) return taking;
  KITH_CHECK(chain_.finalize(hash));
  return taking;
}

}  // namespace kith::ledger
