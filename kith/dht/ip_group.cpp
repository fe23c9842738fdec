#include <algorithm>

#include <kith/dht/ip_group.hpp>
#include <kith/dht/limits.hpp>
#include <kith/net/address_scope.hpp>

namespace kith::dht {

using multiformats::Multiaddr;

std::optional<IpGroup> group_of(const Multiaddr& address) {
  std::optional<port::IpAddress> ip = net::ip_of(address);
  if (!ip || net::scope_of(*ip) != net::AddressScope::global) return std::nullopt;
  constexpr std::uint64_t v6_mark = std::uint64_t{1} << 32;
  if (ip->is_v4()) return IpGroup{load_be<std::uint16_t>(ip->bytes().data())};
  return IpGroup{v6_mark | load_be<std::uint32_t>(ip->bytes().data())};
}

std::vector<IpGroup> groups_of(std::span<const Multiaddr> addresses) {
  std::vector<IpGroup> groups;
  for (const Multiaddr& address : addresses) {
    std::optional<IpGroup> group = group_of(address);
    if (!group || std::ranges::find(groups, *group) != groups.end()) continue;
    groups.push_back(*group);
    if (groups.size() == ip_groups_per_peer_max) break;
  }
  return groups;
}

}  // namespace kith::dht
