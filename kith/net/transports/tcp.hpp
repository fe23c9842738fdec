// TCP addresses of libp2p: /ip4/1.2.3.4/tcp/4001 and /ip6/::1/tcp/4001, and nothing behind them.
// Pure. Thread: any.
#pragma once

#include <optional>

#include <kith/multiformats/multiaddr.hpp>
#include <kith/port/ip.hpp>

namespace kith::net {

/// The endpoint, if the address is an IP address, a TCP port, and at most a /p2p part.
std::optional<port::Endpoint> tcp_endpoint(const multiformats::Multiaddr& address);

/// "/ip4/.../tcp/..." of an endpoint, with /ip6zone where it has a scope.
multiformats::Multiaddr tcp_address(const port::Endpoint& endpoint);

}  // namespace kith::net
