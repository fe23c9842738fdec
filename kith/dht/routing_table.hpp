// RoutingTable: the peers that a node asks first and tells others of: up to k for each number of
// leading bits that a peer's key shares with ours (libp2p/specs kad-dht/README.md, "Kademlia
// routing table"; one bucket a prefix length, as go-libp2p-kbucket ends up with).
//
//   newcomer --> bucket has room --> in
//            \-> bucket is full  --> waits; who wasn't heard of for the longest time is to be
//            asked,
//                                    and if it fails, goes, and the newcomer takes its place
//
// So who answers stays, however many come: a peer that has been here for long is likelier to be
// here tomorrow, and an attacker can't flush a table with new ids. Nor can one with few networks
// fill it: no more than group_in_bucket_max peers of an IpGroup are in a bucket and
// group_in_table_max in the table (go-libp2p-kad-dht has the same numbers).
// Pure; the caller says what time it is, and which group an address has, none if groups don't
// matter (on a local network).
#pragma once

#include <map>
#include <optional>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/dht/ip_group.hpp>
#include <kith/dht/key.hpp>
#include <kith/dht/limits.hpp>

namespace kith::dht {

class RoutingTable {
 public:
  explicit RoutingTable(Key self, std::size_t bucket_size = dht::bucket_size)
      : self_(self), bucket_size_(bucket_size) {}

  enum class Outcome : std::uint8_t {
    added,
    known,    ///< and now heard from
    waiting,  ///< its bucket is full
    crowded,  ///< too many of its group are there
    itself,   ///< that's us
  };
  struct Added {
    Outcome outcome;
    /// Who is to be asked whether it is still there: heard_from() or remove() tells.
    std::optional<PeerId> doubtful;
  };
  /// A peer that has just been heard from, and that serves the DHT.
  Added add(const PeerId& peer, std::vector<IpGroup> groups, Instant now);

  /// It has answered, or asked something. Nothing happens to one that isn't in the table.
  void heard_from(const PeerId& peer, Instant now);

  /// It doesn't answer, or doesn't serve any more. True if it was in the table (not just waiting).
  bool remove(const PeerId& peer);

  bool contains(const PeerId& peer) const { return find(Key::of(peer)) != nullptr; }
  std::size_t size() const noexcept { return size_; }
  std::size_t bucket_size() const noexcept { return bucket_size_; }
  const Key& self() const noexcept { return self_; }

  /// At most `count`, the nearest first.
  std::vector<PeerId> nearest(const Key& target, std::size_t count) const;

  /// Whether looking for more peers of a bucket is worth it: it has room, or somebody in it wasn't
  /// heard from since. Those that hold our own nearest neighbours never are: a lookup of oneself
  /// fills them.
  bool needs_refresh(std::size_t shared_bits, Instant since) const;

  /// One more than the last bucket that has somebody; 0 for an empty table.
  std::size_t bucket_count() const noexcept;
  std::vector<PeerId> bucket(std::size_t shared_bits) const;
  std::vector<PeerId> peers() const;
  /// As they were given with the peer; none if it isn't in the table.
  std::vector<IpGroup> groups(const PeerId& peer) const;

  /// Those that weren't heard from since, longest first, at most `count`.
  std::vector<PeerId> silent_since(Instant then, std::size_t count) const;

 private:
  struct Entry {
    PeerId peer;
    Key key;
    std::vector<IpGroup> groups;
    Instant heard;
    /// When it was last given as doubtful.
    std::optional<Instant> doubted;
  };
  struct Bucket {
    std::vector<Entry> in;
    std::vector<Entry> waiting;  ///< the newest last
  };

  const Entry* find(const Key& key) const;
  Entry* find(const Key& key) {
    return const_cast<Entry*>(static_cast<const RoutingTable&>(*this).find(key));
  }
  Bucket& bucket_of(const Key& key);
  bool crowded(const Bucket& bucket, const Entry& entry) const;
  void put_in(Bucket& bucket, Entry entry);
  static void wait_in(Bucket& bucket, Entry entry);
  static std::optional<PeerId> doubtful_of(Bucket& bucket, Instant now);
  void collect(std::size_t first, std::size_t last, const Key& target, std::size_t count,
               std::vector<PeerId>& into) const;

  Key self_;
  std::size_t bucket_size_;
  /// By shared bits, as many as there were ever needed.
  std::vector<Bucket> buckets_;
  std::map<IpGroup, std::size_t> groups_;
  std::size_t size_ = 0;
};

}  // namespace kith::dht
