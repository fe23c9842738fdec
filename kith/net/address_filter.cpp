#include <algorithm>

#include <kith/net/address_filter.hpp>

namespace kith::net {

void AddressFilter::add(const IpNetwork& network) {
  if (std::ranges::find(networks_, network) == networks_.end()) networks_.push_back(network);
}

bool AddressFilter::remove(const IpNetwork& network) {
  return std::erase(networks_, network) != 0;
}

bool AddressFilter::allows(const multiformats::Multiaddr& address) const noexcept {
  return std::ranges::none_of(
      networks_, [&address](const IpNetwork& network) { return network.contains(address); });
}

}  // namespace kith::net
