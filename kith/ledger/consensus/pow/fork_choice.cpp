#include <algorithm>

#include <kith/ledger/consensus/pow/fork_choice.hpp>

namespace kith::ledger {

bool ForkRule::prefers(const BranchTip& candidate, const BranchTip& head) const noexcept {
  if (candidate.total_work != head.total_work) return candidate.total_work > head.total_work;
  const std::size_t coins[] = {coin_(candidate.hash), coin_(head.hash)};
  // The hashes themselves decide once in 2^64.
  return coins[0] != coins[1] ? coins[0] > coins[1] : candidate.hash > head.hash;
}

ForkChoice::ForkChoice(const BranchTip& root, std::uint64_t seed, std::size_t blocks_max)
    : rule_(seed),
      blocks_max_(blocks_max),
      nodes_(16, SeededHasher{seed}),
      root_(root.hash),
      head_(root) {
  nodes_.emplace(root.hash, Node{.tip = root, .parent = {}});
}

ForkChoice::Added ForkChoice::add(const Hash& block, const Hash& parent, const U256& work) {
  if (nodes_.contains(block)) return Added::known;
  const auto found = nodes_.find(parent);
  if (found == nodes_.end()) return Added::unknown_parent;
  const Node& before = found->second;
  if (!before.is_valid) return Added::invalid_parent;
  if (nodes_.size() >= blocks_max_) return Added::full;
  bool overflow = false;
  BranchTip tip{.hash = block,
                .number = before.tip.number + 1,
                .total_work = U256::add(before.tip.total_work, work, overflow)};
  if (overflow) tip.total_work = U256::max();
  nodes_.emplace(block, Node{.tip = tip, .parent = parent});
  if (!rule_.prefers(tip, head_)) return Added::side;
  head_ = tip;
  return Added::new_head;
}

bool ForkChoice::invalidate(const Hash& block) {
  const auto found = nodes_.find(block);
  if (found == nodes_.end() || block == root_) return false;
  for (Node* node : branches_upon(block))
    node->is_valid = false;
  find_head();
  return true;
}

bool ForkChoice::settle(const Hash& block) {
  const auto found = nodes_.find(block);
  if (found == nodes_.end() || !found->second.is_valid) return false;
  Nodes kept(16, nodes_.hash_function());
  for (const Node* node : branches_upon(block))
    kept.emplace(node->tip.hash, *node);
  nodes_ = std::move(kept);
  root_ = block;
  if (!nodes_.contains(head_.hash)) find_head();
  return true;
}

const BranchTip* ForkChoice::find(const Hash& block) const noexcept {
  const auto found = nodes_.find(block);
  return found == nodes_.end() ? nullptr : &found->second.tip;
}

bool ForkChoice::is_valid(const Hash& block) const noexcept {
  const auto found = nodes_.find(block);
  return found != nodes_.end() && found->second.is_valid;
}

Hash ForkChoice::common_ancestor(const Hash& a, const Hash& b) const {
  const Node* left = &nodes_.at(a);
  const Node* right = &nodes_.at(b);
  while (left != right) {
    const Node*& higher = left->tip.number >= right->tip.number ? left : right;
    higher = &nodes_.at(higher->parent);
  }
  return left->tip.hash;
}

/// It and all that is built on it, each after its parent.
std::vector<ForkChoice::Node*> ForkChoice::branches_upon(const Hash& base) {
  std::vector<Node*> above;
  const std::uint64_t number = nodes_.at(base).tip.number;
  for (auto& [hash, node] : nodes_) {
    node.is_upon_base = hash == base;
    if (node.tip.number >= number) above.push_back(&node);
  }
  std::ranges::sort(above, {}, [](const Node* node) { return node->tip.number; });
  for (Node* node : above) {
    if (node->tip.number > number) node->is_upon_base = nodes_.at(node->parent).is_upon_base;
  }
  std::erase_if(above, [](const Node* node) { return !node->is_upon_base; });
  return above;
}

void ForkChoice::find_head() {
  head_ = nodes_.at(root_).tip;
  for (const auto& [hash, node] : nodes_) {
    if (node.is_valid && rule_.prefers(node.tip, head_)) head_ = node.tip;
  }
}

}  // namespace kith::ledger
