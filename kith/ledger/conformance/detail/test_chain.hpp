// A chain with all its branches in memory, each block's state whole: what the suites' chains are.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <kith/ledger/chain/processor.hpp>
#include <kith/ledger/state/memory_state.hpp>

namespace kith::ledger::detail {

/// The schedule outlives it. Proofs of work aren't looked at.
class TestChain {
 public:
  TestChain(const ForkSchedule& schedule, Block genesis, MemoryState state)
      : schedule_(schedule), head_(genesis.header.hash()) {
    const U256 difficulty = genesis.header.difficulty;
    blocks_.emplace(head_, Stored{std::move(genesis), std::move(state), difficulty});
  }

  /// Nothing if it was taken, else why not.
  std::optional<std::string> add(ByteView encoded);
  const Hash& head() const { return head_; }
  const MemoryState& state() const { return blocks_.at(head_).state; }

 private:
  struct Stored {
    Block block;
    MemoryState state;
    U256 total_difficulty;
  };

  bool after_merge(const Stored& parent) const {
    return !schedule_.terminal_total_difficulty ||
           parent.total_difficulty >= *schedule_.terminal_total_difficulty;
  }
  Revision revision_of(const Header& header, const Stored& parent) const {
    return schedule_.revision_at(header.number, header.timestamp, after_merge(parent));
  }
  BlockValid check_after(const Header& header, const Stored& parent) const;
  BlockValid check_ommers(const Block& block) const;
  std::optional<std::string> run(const Block& block, Stored& parent, Revision revision);

  const ForkSchedule& schedule_;
  std::map<Hash, Stored> blocks_;
  Hash head_;
};

}  // namespace kith::ledger::detail
