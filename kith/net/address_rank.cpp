#include <algorithm>

#include <kith/net/address_rank.hpp>
#include <kith/net/address_scope.hpp>
#include <kith/net/transports/tcp.hpp>

namespace kith::net {
namespace {

struct Candidate {
  multiformats::Multiaddr address;
  port::Endpoint endpoint;
};

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

/// The endpoint of a dialable address.
std::optional<port::Endpoint> dial_endpoint(const multiformats::Multiaddr& address) {
  std::optional<port::Endpoint> endpoint = tcp_endpoint(address);
  if (!endpoint || endpoint->port == 0) return std::nullopt;
  if (endpoint->address.is_unspecified() || endpoint->address.is_multicast()) return std::nullopt;
  return endpoint;
}

}  // namespace

bool dialable(const multiformats::Multiaddr& address) {
  return dial_endpoint(address).has_value();
}

std::vector<RankedAddress> rank_addresses(std::vector<multiformats::Multiaddr> addresses) {
  std::array<std::vector<Candidate>, address_scopes> groups;
  std::vector<multiformats::Multiaddr> seen;
  for (multiformats::Multiaddr& address : addresses) {
    std::optional<port::Endpoint> endpoint = dial_endpoint(address);
    if (!endpoint) continue;
    if (std::ranges::find(seen, address) != seen.end()) continue;
    seen.push_back(address);
    auto group = static_cast<std::size_t>(scope_of(endpoint->address));
    groups[group].push_back({std::move(address), *endpoint});
  }
  std::vector<RankedAddress> ranked;
  for (std::vector<Candidate>& group : groups) {
    interleave(group);
    for (Candidate& one : group) {
      bool global = scope_of(one.endpoint.address) == AddressScope::global;
      Duration delay = global ? public_attempt_delay : private_attempt_delay;
      ranked.push_back({std::move(one.address), delay});
    }
  }
  return ranked;
}

}  // namespace kith::net
