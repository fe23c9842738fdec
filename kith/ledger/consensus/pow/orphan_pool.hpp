// Blocks that came before their parents. Anybody can make a block whose parent nobody knows, so
// there is room for few, each peer has its own share of it, and a peer that sends more pushes out
// its own. Pure: it is told the time. Thread: an object belongs to one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/time.hpp>
#include <kith/ledger/consensus/pow/limits.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger {

struct Orphan {
  Hash hash;
  Hash parent;
  std::uint64_t peer = 0;  ///< the caller's name for who sent it
  Bytes bytes;             ///< the header or the block, as it came
};

class OrphanPool {
 public:
  struct Limits {
    std::size_t count_max = pow_limits::orphans_max;
    std::size_t bytes_max = pow_limits::orphan_bytes_max;
    std::size_t count_of_peer_max = pow_limits::orphans_of_peer_max;
    std::size_t bytes_of_peer_max = pow_limits::orphan_bytes_of_peer_max;
    Duration lifetime = pow_limits::orphan_lifetime;
  };

  OrphanPool() : OrphanPool(Limits()) {}
  explicit OrphanPool(const Limits& limits) : limits_(limits) {}

  /// False if it is there already or larger than a peer's share. Makes room: first of what has
  /// expired, then of the same peer's oldest, then of the oldest of the peer that takes most.
  bool add(Orphan orphan, Instant now);

  /// Those whose parent is `parent`, oldest first, taken out: what comes next once that one is
  /// known.
  std::vector<Orphan> take_children(const Hash& parent);

  void drop_peer(std::uint64_t peer);
  /// Drops what has been here for its lifetime.
  void expire(Instant now);
  /// When the oldest expires; `never` if nothing is here.
  Instant next_expiry() const noexcept;

  bool contains(const Hash& hash) const noexcept { return by_hash_.contains(hash); }
  std::size_t size() const noexcept { return orphans_.size(); }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  /// In the order of their coming.
  using Age = std::uint64_t;
  struct Entry {
    Orphan orphan;
    Instant expires;
  };
  struct Share {
    std::map<Age, std::size_t> bytes_by_age;
    std::size_t bytes = 0;
  };

  static std::size_t size_of(const Orphan& orphan) noexcept;
  Orphan take(Age age);
  Age oldest_of_the_largest() const;

  Limits limits_;
  std::map<Age, Entry> orphans_;
  std::map<Hash, Age> by_hash_;
  std::map<Hash, std::vector<Age>> by_parent_;
  std::map<std::uint64_t, Share> shares_;
  std::size_t bytes_ = 0;
  Age next_age_ = 0;
};

}  // namespace kith::ledger
