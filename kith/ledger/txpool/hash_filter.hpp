// HashFilter: the latest hashes that were put in, of which it keeps eight bytes each. Of those that
// come when it is full the oldest half is forgotten at once. Two hashes are taken for one with a
// chance of 2^-50 at most, and nobody who doesn't know the seed can make that happen. Thread: one
// at a time.
#pragma once

#include <cstdint>
#include <vector>

#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger {

class HashFilter {
 public:
  /// Keeps between `count` and twice that. Memory grows with what is in it, up to 64 bytes each.
  HashFilter(std::size_t count, std::uint64_t seed) noexcept : count_max_(count), hasher_{seed} {}

  void insert(const Hash& hash);
  bool contains(const Hash& hash) const noexcept;
  /// Forgets what was put in before the last call of it.
  void age();
  std::size_t size() const noexcept { return young_.count + old_.count; }

 private:
  /// Open addressing; at most half of the places are taken; 0 is none.
  struct Table {
    std::vector<std::uint64_t> places;
    std::size_t count = 0;

    bool contains(std::uint64_t mark) const noexcept;
    void insert(std::uint64_t mark);
  };

  std::uint64_t mark_of(const Hash& hash) const noexcept { return hasher_(hash) | 1; }

  std::size_t count_max_;
  SeededHasher hasher_;
  Table young_;
  Table old_;
};

}  // namespace kith::ledger
