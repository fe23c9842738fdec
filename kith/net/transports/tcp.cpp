#include <kith/net/transports/address.hpp>
#include <kith/net/transports/tcp.hpp>

namespace kith::net {

using multiformats::Multiaddr;

std::optional<port::Endpoint> tcp_endpoint(const Multiaddr& address) {
  const std::optional<TransportAddress> found = transport_address(address);
  return found && found->kind == TransportKind::tcp ? found->endpoint : std::nullopt;
}

Multiaddr tcp_address(const port::Endpoint& endpoint) {
  return ip_address(endpoint, multiformats::Protocol::tcp);
}

}  // namespace kith::net
