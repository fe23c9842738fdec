#include <algorithm>
#include <map>

#include <kith/net/address_scope.hpp>
#include <kith/net/nat/observed.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::Protocol;

std::vector<Multiaddr> confirmed_addresses(std::vector<Identify::Observed> observed,
                                           std::size_t networks_least) {
  std::ranges::stable_sort(observed, std::ranges::greater{}, &Identify::Observed::networks);
  std::map<std::vector<Protocol>, std::size_t> of_kind;
  std::vector<Multiaddr> confirmed;
  for (Identify::Observed& one : observed) {
    if (one.networks < networks_least || one.address.is_relayed()) continue;
    if (!one.address.ip_and_port() || scope_of(one.address) == AddressScope::loopback) continue;
    if (++of_kind[one.address.protocols()] > observed_addresses_per_local_max) continue;
    confirmed.push_back(std::move(one.address));
  }
  return confirmed;
}

}  // namespace kith::net
