// Which transport a multiaddr is for, and what it says about where to go
// (libp2p/specs addressing/README.md). Pure. Thread: any.
//
//   /ip4/A/tcp/P                          tcp
//   /ip4/A/tcp/P/ws                       websocket
//   /ip4/A/tcp/P/tls[/sni/N]/ws, .../wss  websocket, tls
//   /ip4/A/udp/P/quic-v1                  quic
//   <any>/p2p/R/p2p-circuit               circuit, through the relay R
//   /memory/N                             memory
//
// ip6, and ip6zone with the number of an interface before it, stand where ip4 does. One /p2p part
// may stand at the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <kith/multiformats/multiaddr.hpp>
#include <kith/port/ip.hpp>

namespace kith::net {

enum class TransportKind : std::uint8_t { memory, quic, tcp, websocket, circuit };

struct TransportAddress {
  TransportKind kind{};
  /// Of the machine to send to: a circuit's is its relay's. Nothing for memory, and for a circuit
  /// whose relay is only named.
  std::optional<port::Endpoint> endpoint{};
  bool tls = false;
  std::string server_name{};  ///< what TLS is to ask for; empty if not said
};

/// Nothing for addresses of other kinds, and for names, which are to be resolved first.
std::optional<TransportAddress> transport_address(const multiformats::Multiaddr& address);

/// What people and programs are told of an address's transport: "memory", "quic", "tcp",
/// "websocket", "websocket-tls", "relay"; "" where transport_address() gives nothing.
std::string_view transport_name(const multiformats::Multiaddr& address);

/// The endpoint that the address begins with, IP and then TCP or UDP port, whatever follows.
std::optional<port::Endpoint> endpoint_of(const multiformats::Multiaddr& address);

/// "/ip4/.../tcp/..." and the like of an endpoint, with /ip6zone where it has a scope. `transport`
/// is one whose value is a port.
multiformats::Multiaddr ip_address(const port::Endpoint& endpoint,
                                   multiformats::Protocol transport);
/// What stands behind the TCP or UDP port, without a /p2p at the end: "/ws", say. Empty if there is
/// nothing.
multiformats::Multiaddr behind_port(const multiformats::Multiaddr& address);
/// "/ip4/.../udp/.../quic-v1"
multiformats::Multiaddr quic_address(const port::Endpoint& endpoint);

}  // namespace kith::net
