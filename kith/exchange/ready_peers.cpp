#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/exchange/ready_peers.hpp>

namespace kith::exchange {

void ReadyPeers::update(Node& node) noexcept {
  node.least_needed =
      std::min({node.bytes_needed, least_needed(node.before), least_needed(node.after)});
}

/// What stands before the place, and the rest.
std::pair<ReadyPeers::Tree, ReadyPeers::Tree> ReadyPeers::split(Tree tree,
                                                                const Place& place) noexcept {
  if (!tree) return {};
  if (tree->place < place) {
    auto [before, after] = split(std::move(tree->after), place);
    tree->after = std::move(before);
    update(*tree);
    return {std::move(tree), std::move(after)};
  }
  auto [before, after] = split(std::move(tree->before), place);
  tree->before = std::move(after);
  update(*tree);
  return {std::move(before), std::move(tree)};
}

/// All of `before` stands before all of `after`.
ReadyPeers::Tree ReadyPeers::join(Tree before, Tree after) noexcept {
  if (!before) return after;
  if (!after) return before;
  if (before->weight >= after->weight) {
    before->after = join(std::move(before->after), std::move(after));
    update(*before);
    return before;
  }
  after->before = join(std::move(before), std::move(after->before));
  update(*after);
  return after;
}

void ReadyPeers::insert(Tree& tree, Tree added) noexcept {
  if (!tree || tree->weight < added->weight) {
    auto [before, after] = split(std::move(tree), added->place);
    added->before = std::move(before);
    added->after = std::move(after);
    tree = std::move(added);
  } else {
    ASSERT(tree->place != added->place);
    insert(added->place < tree->place ? tree->before : tree->after, std::move(added));
  }
  update(*tree);
}

void ReadyPeers::erase(Tree& tree, const Place& place) noexcept {
  ASSERT(tree);
  if (tree->place == place) {
    tree = join(std::move(tree->before), std::move(tree->after));
    return;
  }
  erase(place < tree->place ? tree->before : tree->after, place);
  update(*tree);
}

void ReadyPeers::insert(const Place& place, std::uint64_t bytes_needed) {
  insert(root_, std::make_unique<Node>(place, bytes_needed, prng_.next()));
  ++size_;
}

void ReadyPeers::erase(const Place& place) {
  erase(root_, place);
  --size_;
}

const ReadyPeers::Place* ReadyPeers::first(std::uint64_t bytes) const noexcept {
  if (least_needed(root_) > bytes) return nullptr;
  const Node* node = root_.get();
  while (true) {
    if (least_needed(node->before) <= bytes) {
      node = node->before.get();
    } else if (node->bytes_needed <= bytes) {
      return &node->place;
    } else {
      node = node->after.get();
    }
  }
}

}  // namespace kith::exchange
