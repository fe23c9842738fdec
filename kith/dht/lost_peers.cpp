#include <algorithm>

#include <kith/dht/lost_peers.hpp>

namespace kith::dht {

using multiformats::PeerId;

void LostPeers::lost(const PeerId& peer, Instant now) {
  if (!peers_.contains(peer) && peers_.size() >= lost_peers_max) {
    auto worst = std::ranges::max_element(peers_, {}, [](const auto& one) {
      return std::pair(one.second.failures, one.second.again);
    });
    peers_.erase(worst);
  }
  Lost& its = peers_[peer];
  Duration wait = lost_peer_retry;
  for (int i = 0; i < its.failures && wait < lost_peer_retry_max; ++i)
    wait *= 2;
  ++its.failures;
  its.again = now + std::min(wait, lost_peer_retry_max);
}

std::vector<PeerId> LostPeers::due(Instant now, std::size_t count) const {
  std::vector<std::pair<Instant, PeerId>> due;
  for (const auto& [peer, lost] : peers_) {
    if (lost.again <= now) due.emplace_back(lost.again, peer);
  }
  std::ranges::sort(due);
  std::vector<PeerId> peers;
  for (const auto& [again, peer] : due) {
    if (peers.size() == count) break;
    peers.push_back(peer);
  }
  return peers;
}

}  // namespace kith::dht
