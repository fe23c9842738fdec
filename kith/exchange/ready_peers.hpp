// ReadyPeers: who waits to be served, by the bytes that each was given so far.
//
// Whom to serve next is the one that was given the least among those that need no more room than
// there is. When little room is left, thousands may stand before the first that it suffices for, so
// each subtree of the search tree knows the least that any of its peers needs. The tree is a treap
// (Seidel and Aragon, Algorithmica 1996): what decides its shape is drawn from the seed, which no
// peer knows, so insert(), erase() and first() take O(log n) whatever order peers come in. Pure.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include <kith/base/prng.hpp>
#include <kith/multiformats/peer_id.hpp>

namespace kith::exchange {

class ReadyPeers {
 public:
  /// By the bytes served, then by id.
  using Place = std::pair<std::uint64_t, multiformats::PeerId>;
  static constexpr std::uint64_t nobody = std::numeric_limits<std::uint64_t>::max();

  explicit ReadyPeers(std::uint64_t seed) : prng_(seed) {}

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  /// Adds a peer that isn't there, and needs at least so much room.
  void insert(const Place& place, std::uint64_t bytes_needed);
  /// Removes a peer that is there.
  void erase(const Place& place);
  /// The first that needs no more than this; null if there is none. Valid until the next change.
  const Place* first(std::uint64_t bytes) const noexcept;
  /// What the one that needs the least needs, or `nobody`.
  std::uint64_t least_needed() const noexcept { return least_needed(root_); }

 private:
  struct Node;
  using Tree = std::unique_ptr<Node>;
  struct Node {
    Place place;
    std::uint64_t bytes_needed = 0;
    std::uint64_t weight = 0;        ///< not less than any of its subtrees'
    std::uint64_t least_needed = 0;  ///< of it and all below
    Tree before{};
    Tree after{};
  };

  static std::uint64_t least_needed(const Tree& tree) noexcept {
    return tree ? tree->least_needed : nobody;
  }
  static void update(Node& node) noexcept;
  static std::pair<Tree, Tree> split(Tree tree, const Place& place) noexcept;
  static Tree join(Tree before, Tree after) noexcept;
  static void insert(Tree& tree, Tree added) noexcept;
  static void erase(Tree& tree, const Place& place) noexcept;

  Prng prng_;
  Tree root_;
  std::size_t size_ = 0;
};

}  // namespace kith::exchange
