// A block in the making: transactions run one by one on the state after its parent, and the header
// that follows. Thread: one at a time; calls block.
#pragma once

#include <memory>

#include <kith/ledger/chain/processor.hpp>
#include <kith/ledger/state/state_tree.hpp>

namespace kith::ledger {

class Chain;

class BlockBuilder {
 public:
  ~BlockBuilder();

  /// The header so far; its roots come with finish().
  const Header& header() const noexcept { return block_.header; }
  std::uint64_t gas_left() const noexcept {
    return block_.header.gas_limit - processor_.gas_used();
  }
  /// Bytes that the block has taken so far, of block_bytes_max.
  std::size_t bytes() const noexcept { return bytes_; }
  std::size_t count() const noexcept { return block_.transactions.size(); }

  /// What isn't asked of transactions: for development alone, as no other node takes the block.
  void set_rules(const CallRules& rules) noexcept { processor_.set_rules(rules); }

  /// Why the transaction can't be the next one; the block is as before then, and goes on.
  Result<std::expected<void, Error>> add(const Transaction& transaction, const Address& sender);

  /// The block as it is to be sealed. After that nothing can be added.
  Result<std::expected<Block, BlockRefusal>> finish();
  /// What the finished block's transactions did.
  const std::vector<Receipt>& receipts() const noexcept { return done_.receipts; }

 private:
  friend class Chain;
  BlockBuilder(const Chain& chain, const StateTree& states, std::unique_ptr<StateReader> reader,
               Revision revision, std::uint64_t seed, Header header);

  const StateTree& states_;
  std::unique_ptr<StateReader> reader_;
  World world_;
  Processor processor_;
  Block block_;
  std::size_t bytes_ = 0;
  ProcessedBlock done_;
  StateTree::Prepared prepared_;
};

}  // namespace kith::ledger
