// ChainDesk: what changes a chain, one change at a time, with the pool kept in step: blocks of
// others, blocks of one's own, which branch it is, what is final.
//
// Thread: any; changes wait for one another and compute, so they are for workers. Whoever has many
// of them queues them on the loop instead of filling the workers with waiters.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <kith/ledger/chain/block_builder.hpp>
#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/consensus/pow/fork_choice.hpp>
#include <kith/ledger/network/tx_desk.hpp>

namespace kith::ledger {

/// What became of a block, and of the chain by it.
struct Taking {
  enum class Verdict : std::uint8_t {
    taken,
    known,           ///< it was here before
    unknown_parent,  ///< nothing against it: what comes before it is missing
    not_yet,         ///< nothing against it: it can't be told now (its time has yet to come)
    refused,         ///< and so is whatever is built on it
  };
  Verdict verdict = Verdict::taken;
  /// Of a refused one: of itself, or of a block before it which running it showed to be wrong.
  std::optional<ChainRefusal> why;
  /// What stood in the way of telling now.
  std::optional<Error> obstacle;
  HeadChange head;
};

class ChainDesk {
 public:
  /// All outlive it. `rule` is the node's own coin between branches of equal weight.
  ChainDesk(Chain& chain, TxDesk& pool, ForkRule rule) : chain_(chain), pool_(pool), rule_(rule) {}

  /// Takes a block and, if its branch is the better one by weight, makes that the chain.
  Result<Taking> take(const Block& block);
  /// Takes blocks that follow one another, and chooses once. The first that isn't taken ends it.
  Result<Taking> take_all(std::span<const Block> blocks);
  /// Takes a block without choosing: for chains where finality does.
  Result<Taking> keep(const Block& block);

  /// Begins a block and fills it with what pays most, until it is full or `is_late` says so.
  Result<std::unique_ptr<BlockBuilder>> build(const BlockPlan& plan,
                                              const std::function<bool()>& is_late) const;
  /// Takes the builder's block, sealed meanwhile, and chooses.
  Result<Taking> adopt(const BlockBuilder& builder, const Block& sealed);
  /// The same without choosing.
  Result<Taking> keep_own(const BlockBuilder& builder, const Block& sealed);

  /// Runs the block on its parent's state, if that hasn't been done.
  Result<std::optional<ChainRefusal>> run(const Hash& hash);
  /// The block is the chain's for good, and all before it.
  Result<Taking> finalize(const Hash& hash);

 private:
  Result<Taking> keep_now(const Block& block);
  Result<void> choose(const Hash& hash, Taking& taking);
  Result<void> move_to(const Hash& hash, Taking& taking);
  Result<void> tell_pool(const HeadChange& change);
  static Result<Taking> judged(const Result<std::expected<Chain::Added, InvalidBlock>>& added,
                               const Header& header, const Hash& hash);

  Chain& chain_;
  TxDesk& pool_;
  ForkRule rule_;
  std::mutex mutex_;
};

}  // namespace kith::ledger
