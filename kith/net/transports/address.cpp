#include <charconv>

#include <kith/base/assert.hpp>
#include <kith/net/transports/address.hpp>

namespace kith::net {

using multiformats::Component;
using multiformats::Multiaddr;
using multiformats::Protocol;

namespace {

std::optional<port::Endpoint> endpoint_from(const multiformats::IpAndPort& start) {
  std::optional<port::IpAddress> ip = port::IpAddress::from_bytes(start.address());
  ASSERT(ip.has_value());
  if (!start.zone.empty()) {
    std::uint32_t scope = 0;
    const char* end = start.zone.data() + start.zone.size();
    auto [stop, failure] = std::from_chars(start.zone.data(), end, scope);
    // A zone by name would have to be looked up; Net takes the interface's number.
    if (failure != std::errc{} || stop != end || ip->is_v4()) return std::nullopt;
    std::array<std::uint8_t, 16> bytes;
    std::ranges::copy(ip->bytes(), bytes.begin());
    ip = port::IpAddress::v6(bytes, scope);
  }
  return port::Endpoint{*ip, start.port};
}

/// What stands behind the port, without a /p2p at the end.
std::vector<Component> parts_behind_port(const Multiaddr& address) {
  std::vector<Component> rest;
  bool port = false;
  for (const Component& part : address.components()) {
    if (port) rest.push_back(part);
    port |= part.protocol == Protocol::tcp || part.protocol == Protocol::udp;
  }
  if (!rest.empty() && rest.back().protocol == Protocol::p2p) rest.pop_back();
  return rest;
}

/// How what stands behind a TCP port is spoken to.
bool read_tcp(const std::vector<Component>& rest, TransportAddress& into) {
  into.kind = rest.empty() ? TransportKind::tcp : TransportKind::websocket;
  if (rest.empty()) return true;
  const Protocol last = rest.back().protocol;
  if (rest.size() == 1) {
    into.tls = last == Protocol::wss;
    return last == Protocol::ws || last == Protocol::wss;
  }
  if (rest.front().protocol != Protocol::tls || last != Protocol::ws) return false;
  into.tls = true;
  if (rest.size() == 2) return true;
  if (rest.size() > 3 || rest[1].protocol != Protocol::sni) return false;
  into.server_name = rest[1].value_text();
  return true;
}

bool read_circuit(const Multiaddr& address, TransportAddress& into) {
  auto split = address.split_relay();
  if (!split) return false;
  const auto& [relay, behind] = *split;
  // Through one relay, that is named, to whom the connection itself ends at.
  if (relay.is_relayed() || !relay.peer_id()) return false;
  if (!behind.without_peer_id().empty()) return false;
  into.kind = TransportKind::circuit;
  if (const auto start = relay.ip_and_port()) into.endpoint = endpoint_from(*start);
  return true;
}

}  // namespace

std::optional<TransportAddress> transport_address(const Multiaddr& address) {
  TransportAddress found;
  if (address.is_relayed()) {
    return read_circuit(address, found) ? std::optional(std::move(found)) : std::nullopt;
  }
  const std::vector<Protocol> parts = address.without_peer_id().protocols();
  if (parts.size() == 1 && parts.front() == Protocol::memory) {
    found.kind = TransportKind::memory;
    return found;
  }
  const std::optional<multiformats::IpAndPort> start = address.ip_and_port();
  if (!start) return std::nullopt;
  found.endpoint = endpoint_from(*start);
  if (!found.endpoint) return std::nullopt;
  const std::vector<Component> rest = parts_behind_port(address);
  if (start->transport == Protocol::tcp) {
    return read_tcp(rest, found) ? std::optional(std::move(found)) : std::nullopt;
  }
  found.kind = TransportKind::quic;
  const bool quic = rest.size() == 1 && rest.front().protocol == Protocol::quic_v1;
  return quic ? std::optional(std::move(found)) : std::nullopt;
}

std::string_view transport_name(const Multiaddr& address) {
  const auto found = transport_address(address);
  if (!found) return "";
  switch (found->kind) {
    case TransportKind::tcp:
      return "tcp";
    case TransportKind::quic:
      return "quic";
    case TransportKind::websocket:
      return found->tls ? "websocket-tls" : "websocket";
    case TransportKind::circuit:
      return "relay";
    case TransportKind::memory:
      return "memory";
  }
  return "";
}

std::optional<port::Endpoint> endpoint_of(const Multiaddr& address) {
  const std::optional<multiformats::IpAndPort> start = address.ip_and_port();
  return start ? endpoint_from(*start) : std::nullopt;
}

Multiaddr ip_address(const port::Endpoint& endpoint, Protocol transport) {
  Multiaddr plain = Multiaddr::of_ip(endpoint.address.bytes(), transport, endpoint.port);
  if (endpoint.address.scope() == 0) return plain;
  auto zone = Multiaddr::parse("/ip6zone/" + std::to_string(endpoint.address.scope()));
  ASSERT(zone.has_value());
  return zone->encapsulate(plain).value_or(plain);
}

Multiaddr behind_port(const Multiaddr& address) {
  Multiaddr rest;
  for (const Component& part : parts_behind_port(address))
    rest = rest.encapsulate(Multiaddr::from_bytes(part.bytes).value()).value_or(rest);
  return rest;
}

Multiaddr quic_address(const port::Endpoint& endpoint) {
  auto address = ip_address(endpoint, Protocol::udp).with(Protocol::quic_v1);
  ASSERT(address.has_value());
  return *std::move(address);
}

}  // namespace kith::net
