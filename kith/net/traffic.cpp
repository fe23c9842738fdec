#include <algorithm>

#include <kith/net/traffic.hpp>

namespace kith::net {

using multiformats::PeerId;

std::vector<ProtocolId> protocols_of(const StreamRecords& records) {
  std::vector<ProtocolId> protocols;
  protocols.reserve(records.size());
  for (const StreamRecord* record : records)
    protocols.push_back(record->protocol());
  std::ranges::sort(protocols);
  return protocols;
}

std::shared_ptr<ProtocolTraffic> TrafficLedger::of(const ProtocolId& protocol) {
  if (auto found = protocols_.find(protocol); found != protocols_.end()) return found->second;
  auto made = std::make_shared<ProtocolTraffic>(protocol);
  if (protocols_.size() < protocols_max_) protocols_.emplace(protocol, made);
  return made;
}

Traffic TrafficLedger::total(const ProtocolId& protocol) const {
  auto found = protocols_.find(protocol);
  return found == protocols_.end() ? Traffic() : found->second->traffic;
}

void TrafficLedger::ended(const PeerId& peer, Traffic traffic) {
  auto found = ended_by_peer_.find(peer);
  if (found != ended_by_peer_.end()) {
    found->second->second += traffic;
    ended_.splice(ended_.begin(), ended_, found->second);
    return;
  }
  ended_.emplace_front(peer, traffic);
  ended_by_peer_.emplace(peer, ended_.begin());
  if (ended_.size() <= peers_max_) return;
  ended_by_peer_.erase(ended_.back().first);
  ended_.pop_back();
}

Traffic TrafficLedger::total_ended(const PeerId& peer) const {
  auto found = ended_by_peer_.find(peer);
  return found == ended_by_peer_.end() ? Traffic() : found->second->second;
}

}  // namespace kith::net
