#include <kith/ledger/txpool/tx_announcer.hpp>

namespace kith::ledger {

bool TxAnnouncer::add_peer(GossipPeer peer, std::span<const PoolTransactionPointer> pending) {
  if (peers_.size() >= gossip_peers_max || peers_.contains(peer)) return false;
  Peer& added =
      peers_.emplace(peer, Peer{.known = HashFilter(known_hashes_max, seed_), .queue = {}})
          .first->second;
  for (const PoolTransactionPointer& one : pending)
    queue(added, *one);
  return true;
}

void TxAnnouncer::queue(Peer& peer, const PoolTransaction& one) {
  if (peer.queue.size() < announce_queue_max && !peer.known.contains(one.hash))
    peer.queue.push_back(announced(one));
}

void TxAnnouncer::on_pending(const PoolTransaction& one) {
  for (auto& [number, peer] : peers_)
    queue(peer, one);
}

void TxAnnouncer::on_peer_knows(GossipPeer peer, const Hash& hash) {
  const auto found = peers_.find(peer);
  if (found != peers_.end()) found->second.known.insert(hash);
}

bool TxAnnouncer::has_for(GossipPeer peer) const {
  const auto found = peers_.find(peer);
  return found != peers_.end() && !found->second.queue.empty();
}

TxAnnouncement TxAnnouncer::next_for(GossipPeer peer,
                                     const std::function<bool(const Hash&)>& is_there) {
  TxAnnouncement next;
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return next;
  Peer& to = found->second;
  while (!to.queue.empty() && next.transactions.size() < announcement_hashes_max) {
    const AnnouncedTransaction one = to.queue.front();
    to.queue.pop_front();
    if (to.known.contains(one.hash) || !is_there(one.hash)) continue;
    to.known.insert(one.hash);
    next.transactions.push_back(one);
  }
  return next;
}

}  // namespace kith::ledger
