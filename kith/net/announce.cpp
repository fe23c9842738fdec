#include <algorithm>

#include <kith/net/announce.hpp>

namespace kith::net {

using multiformats::Multiaddr;

std::vector<Multiaddr> announced(const AnnounceRules& rules, std::vector<Multiaddr> own) {
  std::vector<Multiaddr> all = std::move(own);
  if (!rules.instead.empty()) all = rules.instead;
  all.insert(all.end(), rules.also.begin(), rules.also.end());
  std::vector<Multiaddr> told;
  for (const Multiaddr& given : all) {
    Multiaddr address = given.without_peer_id();
    bool left_out = std::ranges::find(rules.never, address) != rules.never.end() ||
                    std::ranges::any_of(rules.never_of, [&address](const IpNetwork& network) {
                      return network.contains(address);
                    });
    if (left_out || std::ranges::find(told, address) != told.end()) continue;
    told.push_back(std::move(address));
  }
  return told;
}

}  // namespace kith::net
