// TxAnnouncer: what each peer is to be told of, so that it is told once and of nothing that it
// knows: what it announced, sent or was sent itself. A pure state machine; it sends nothing.
// Thread: one at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include <kith/ledger/txpool/hash_filter.hpp>
#include <kith/ledger/txpool/tx_fetcher.hpp>

namespace kith::ledger {

class TxAnnouncer {
 public:
  explicit TxAnnouncer(std::uint64_t seed) noexcept : seed_(seed) {}

  /// `pending` is what the pool has: the peer is told of it. False if there are gossip_peers_max
  /// already, or it is one.
  bool add_peer(GossipPeer peer, std::span<const PoolTransactionPointer> pending);
  void remove_peer(GossipPeer peer) { peers_.erase(peer); }

  /// To be told to all who don't know it. A peer that has announce_queue_max to hear already won't
  /// be told.
  void on_pending(const PoolTransaction& one);
  /// The peer has announced or sent it, or was sent it.
  void on_peer_knows(GossipPeer peer, const Hash& hash);

  bool has_for(GossipPeer peer) const;
  /// The next message for that peer: at most announcement_hashes_max, of what `is_there` (the pool)
  /// still has. From then on the peer knows them. It may be empty.
  TxAnnouncement next_for(GossipPeer peer, const std::function<bool(const Hash&)>& is_there);

 private:
  struct Peer {
    HashFilter known;
    std::deque<AnnouncedTransaction> queue;
  };

  static void queue(Peer& peer, const PoolTransaction& one);

  std::uint64_t seed_;
  std::map<GossipPeer, Peer> peers_;
};

}  // namespace kith::ledger
