// Which of several branches a node takes for the chain: the one with most work. Between branches of
// equal work a coin of the node's own decides, and not which came first: who has half a second's
// advantage in the network wins no more ties than anybody else, which is what selfish mining lives
// on (Eyal and Sirer, arXiv:1311.0243, section 6). No credit for uncles, which would pay for
// losing.
//
// Invalid blocks, and whatever is built on them, don't count. What a branch holds is checked by
// others, who say so by invalidate(). Adding takes the same time however much is known,
// invalidate() and settle() look at all of it. Pure. Thread: an object belongs to one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include <kith/ledger/consensus/pow/limits.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {

struct BranchTip {
  Hash hash;
  std::uint64_t number = 0;
  U256 total_work;

  friend bool operator==(const BranchTip&, const BranchTip&) = default;
};

/// The rule alone, for whoever has a tree already.
class ForkRule {
 public:
  /// `seed`: the node's own, and never told: who knows it can make blocks that win its ties.
  explicit ForkRule(std::uint64_t seed) noexcept : coin_{seed} {}

  /// A strict order of all tips: never of one against itself, nor both ways.
  bool prefers(const BranchTip& candidate, const BranchTip& head) const noexcept;

 private:
  SeededHasher coin_;
};

/// The tree of what is known above the last block that nothing will take back.
class ForkChoice {
 public:
  enum class Added {
    new_head,
    side,
    known,           ///< also a block that is known to be invalid
    unknown_parent,  ///< also one that has been forgotten
    invalid_parent,
    full,  ///< blocks_max are known: something must be settled first
  };

  ForkChoice(const BranchTip& root, std::uint64_t seed,
             std::size_t blocks_max = pow_limits::fork_choice_blocks_max);

  /// `work`: the block's own. A sum of more than 256 bits counts as the largest number there is.
  Added add(const Hash& block, const Hash& parent, const U256& work);

  /// The block and all that is built on it never count any more. False if it isn't known or is the
  /// root.
  bool invalidate(const Hash& block);

  /// The block becomes the root, and what isn't built on it is forgotten, the head also if it has
  /// to be. False if it isn't known or invalid.
  bool settle(const Hash& block);

  const BranchTip& head() const noexcept { return head_; }
  const Hash& root() const noexcept { return root_; }
  /// Null if it isn't known. Also of an invalid one.
  const BranchTip* find(const Hash& block) const noexcept;
  bool is_valid(const Hash& block) const noexcept;
  /// The last block that both branches have. Both are known.
  Hash common_ancestor(const Hash& a, const Hash& b) const;
  std::size_t size() const noexcept { return nodes_.size(); }

 private:
  struct Node {
    BranchTip tip;
    Hash parent;
    bool is_valid = true;
    bool is_upon_base = false;  ///< scratch of branches_upon
  };
  using Nodes = std::unordered_map<Hash, Node, SeededHasher>;

  std::vector<Node*> branches_upon(const Hash& base);
  void find_head();

  ForkRule rule_;
  std::size_t blocks_max_;
  Nodes nodes_;
  Hash root_;
  BranchTip head_;
};

}  // namespace kith::ledger
