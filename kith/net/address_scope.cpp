#include <algorithm>
#include <optional>
#include <string>

#include <kith/net/address_scope.hpp>
#include <kith/net/ip_network.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;

constexpr std::string_view local_names[] = {"local", "internal", "home.arpa"};

bool is_below(std::string_view name, std::string_view domain) {
  if (!name.ends_with(domain)) return false;
  name.remove_suffix(domain.size());
  return name.empty() || name.ends_with('.');
}

AddressScope scope_of_name(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  });
  if (name.ends_with('.')) name.pop_back();
  if (is_below(name, "localhost")) return AddressScope::loopback;
  bool local = std::ranges::any_of(
      local_names, [&name](std::string_view domain) { return is_below(name, domain); });
  return local ? AddressScope::local : AddressScope::global;
}

bool is_somewhere(const Multiaddr& address) {
  std::optional<port::IpAddress> ip = ip_of(address);
  return !ip || !(ip->is_unspecified() || ip->is_multicast());
}

}  // namespace

std::optional<port::IpAddress> ip_of(const Multiaddr& address) {
  std::optional<ByteView> bytes = address.ip();
  if (!bytes) return std::nullopt;
  std::optional<port::IpAddress> ip = port::IpAddress::from_bytes(*bytes);
  return ip ? std::optional(unmapped(*ip)) : std::nullopt;
}

AddressScope scope_of(const port::IpAddress& address) {
  port::IpAddress ip = unmapped(address);
  // 0.0.0.0 and its network are the machine itself to whoever connects to them.
  bool this_host = ip.is_v4() ? ip.bytes()[0] == 0 : ip.is_unspecified();
  if (ip.is_loopback() || this_host) return AddressScope::loopback;
  return ip.is_private() || ip.is_link_local() ? AddressScope::local : AddressScope::global;
}

AddressScope scope_of(const Multiaddr& address) {
  if (std::optional<port::IpAddress> ip = ip_of(address)) return scope_of(*ip);
  if (auto name = address.dns_name()) return scope_of_name(name->value_text());
  return AddressScope::global;
}

std::vector<Multiaddr> addresses_for(AddressScope seen_at,
                                     const std::vector<Multiaddr>& addresses) {
  std::vector<Multiaddr> meant;
  for (const Multiaddr& address : addresses) {
    if (is_somewhere(address) && scope_of(address) >= seen_at) meant.push_back(address);
  }
  return meant;
}

std::vector<Multiaddr> without_own(std::vector<Multiaddr> addresses,
                                   const std::vector<Multiaddr>& own) {
  std::erase_if(addresses, [&own](const Multiaddr& address) {
    return std::ranges::find(own, address.without_peer_id()) != own.end();
  });
  return addresses;
}

}  // namespace kith::net
