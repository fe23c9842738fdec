#include <charconv>

#include <kith/base/assert.hpp>
#include <kith/net/transports/tcp.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::Protocol;

namespace {

/// Nothing stands behind the first port but at most one /p2p.
bool ends_with_port(const Multiaddr& address) {
  bool port = false, peer = false;
  for (const multiformats::Component& part : address.components()) {
    if (port) {
      if (part.protocol != Protocol::p2p || peer) return false;
      peer = true;
    }
    port |= part.protocol == Protocol::tcp;
  }
  return port;
}

}  // namespace

std::optional<port::Endpoint> tcp_endpoint(const Multiaddr& address) {
  std::optional<multiformats::IpAndPort> start = address.ip_and_port();
  if (!start || start->transport != Protocol::tcp) return std::nullopt;
  if (!ends_with_port(address)) return std::nullopt;
  std::optional<port::IpAddress> ip = port::IpAddress::from_bytes(start->address());
  ASSERT(ip.has_value());
  if (!start->zone.empty()) {
    std::uint32_t scope = 0;
    const char* end = start->zone.data() + start->zone.size();
    auto [stop, failure] = std::from_chars(start->zone.data(), end, scope);
    // A zone by name would have to be looked up; Net takes the interface's number.
    if (failure != std::errc{} || stop != end || ip->is_v4()) return std::nullopt;
    std::array<std::uint8_t, 16> bytes;
    std::ranges::copy(ip->bytes(), bytes.begin());
    ip = port::IpAddress::v6(bytes, scope);
  }
  return port::Endpoint{*ip, start->port};
}

Multiaddr tcp_address(const port::Endpoint& endpoint) {
  Multiaddr plain = Multiaddr::of_ip(endpoint.address.bytes(), Protocol::tcp, endpoint.port);
  if (endpoint.address.scope() == 0) return plain;
  auto zone = Multiaddr::parse("/ip6zone/" + std::to_string(endpoint.address.scope()));
  ASSERT(zone.has_value());
  return zone->encapsulate(plain).value_or(plain);
}

}  // namespace kith::net
