#include <algorithm>
#include <map>
#include <set>

#include <kith/net/nat/nat_mapping.hpp>

namespace kith::net {

using multiformats::Multiaddr;

std::string_view to_string(NatMapping mapping) noexcept {
  switch (mapping) {
    case NatMapping::none:
      return "none";
    case NatMapping::endpoint_independent:
      return "endpoint-independent";
    case NatMapping::endpoint_dependent:
      return "endpoint-dependent";
    case NatMapping::unknown:
      break;
  }
  return "unknown";
}

NatMapping nat_mapping(const std::vector<Sighting>& sightings, const std::vector<Multiaddr>& own) {
  using Networks = std::set<Bytes>;
  std::map<Multiaddr, std::map<Multiaddr, Networks>> by_local;
  for (const Sighting& one : sightings) {
    if (std::ranges::find(own, one.seen) != own.end()) return NatMapping::none;
    by_local[one.local][one.seen].insert(one.network);
  }
  // Each port of ours is a question by itself; one that is answered by many counts.
  std::size_t most_witnesses = 0;
  NatMapping found = NatMapping::unknown;
  for (const auto& [local, by_seen] : by_local) {
    Networks all;
    std::size_t agreeing = 0;
    for (const auto& [seen, networks] : by_seen) {
      all.insert(networks.begin(), networks.end());
      agreeing = std::max(agreeing, networks.size());
    }
    if (all.size() < nat_witnesses_least || all.size() <= most_witnesses) continue;
    most_witnesses = all.size();
    found = NatMapping::unknown;
    if (agreeing * 2 > all.size()) found = NatMapping::endpoint_independent;
    if (agreeing == 1) found = NatMapping::endpoint_dependent;
  }
  return found;
}

}  // namespace kith::net
