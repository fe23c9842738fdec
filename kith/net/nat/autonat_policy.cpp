#include <algorithm>

#include <kith/net/address_scope.hpp>
#include <kith/net/nat/autonat_policy.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::PeerId;

std::vector<Multiaddr> autonat_v1_targets(const Multiaddr& observed,
                                          const std::vector<Multiaddr>& requested,
                                          const DialsAddress& dials) {
  const std::optional<ByteView> ip = observed.ip();
  if (!ip || observed.is_relayed()) return {};
  std::vector<Multiaddr> targets;
  auto add = [&](const Multiaddr& address) {
    const bool fresh = std::ranges::find(targets, address) == targets.end();
    if (fresh && targets.size() < autonat_v1_addresses_max && dials(address))
      targets.push_back(address);
  };
  add(observed.without_peer_id());
  for (const Multiaddr& address : requested) {
    const std::optional<ByteView> its = address.ip();
    if (!its || its->size() != ip->size() || address.is_relayed()) continue;
    auto moved = address.without_peer_id().with_ip(*ip);
    if (moved) add(*moved);
  }
  return targets;
}

std::optional<std::size_t> autonat_v2_target(const AutonatDialRequest& request,
                                             const DialsAddress& dials) {
  for (std::size_t i = 0; i < request.addresses.size(); ++i) {
    const std::optional<Multiaddr>& address = request.addresses[i];
    if (address && !address->is_relayed() && dials(*address)) return i;
  }
  return std::nullopt;
}

bool autonat_costs_data(const Multiaddr& observed, const Multiaddr& target) {
  const std::optional<port::IpAddress> seen_at = ip_of(observed);
  return !seen_at || observed.is_relayed() || ip_of(target) != seen_at;
}

bool DialRates::take(const PeerId& peer, Instant now) {
  while (!taken_.empty() && now >= taken_.front().at + interval_)
    taken_.pop_front();
  const auto of_peer = static_cast<std::size_t>(std::ranges::count(taken_, peer, &Taken::peer));
  if (taken_.size() >= all_max_ || of_peer >= per_peer_max_) return false;
  taken_.push_back({peer, now});
  return true;
}

}  // namespace kith::net
