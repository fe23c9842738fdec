#include <algorithm>

#include <kith/net/address_rank.hpp>
#include <kith/net/transports/tcp.hpp>

namespace kith::net {
namespace {

struct Candidate {
  multiformats::Multiaddr address;
  port::Endpoint endpoint;
};

/// 0 loopback, 1 private and link-local, 2 public.
int group_of(const port::IpAddress& ip) {
  if (ip.is_loopback()) return 0;
  return ip.is_private() || ip.is_link_local() ? 1 : 2;
}

/// Within one group: by port, and IPv6 and IPv4 in turns, IPv6 first.
void interleave(std::vector<Candidate>& group) {
  std::ranges::stable_sort(group, {}, [](const Candidate& one) { return one.endpoint.port; });
  std::vector<Candidate> six, four;
  for (Candidate& one : group) {
    (one.endpoint.address.is_v4() ? four : six).push_back(std::move(one));
  }
  group.clear();
  for (std::size_t i = 0; i < std::max(six.size(), four.size()); ++i) {
    if (i < six.size()) group.push_back(std::move(six[i]));
    if (i < four.size()) group.push_back(std::move(four[i]));
  }
}

}  // namespace

std::vector<RankedAddress> rank_addresses(std::vector<multiformats::Multiaddr> addresses) {
  std::vector<Candidate> groups[3];
  std::vector<multiformats::Multiaddr> seen;
  for (multiformats::Multiaddr& address : addresses) {
    std::optional<port::Endpoint> endpoint = tcp_endpoint(address);
    if (!endpoint || endpoint->port == 0 || endpoint->address.is_unspecified() ||
        endpoint->address.is_multicast()) {
      continue;
    }
    if (std::ranges::find(seen, address) != seen.end()) continue;
    seen.push_back(address);
    groups[group_of(endpoint->address)].push_back({std::move(address), *endpoint});
  }
  std::vector<RankedAddress> ranked;
  for (int group = 0; group < 3; ++group) {
    interleave(groups[group]);
    for (Candidate& one : groups[group]) {
      Duration delay = group == 2 ? public_attempt_delay : private_attempt_delay;
      if (ranked.empty()) delay = Duration(0);
      ranked.push_back({std::move(one.address), delay});
    }
  }
  return ranked;
}

}  // namespace kith::net
