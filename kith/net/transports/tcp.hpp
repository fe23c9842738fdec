// Connections over TCP: Noise or TLS and yamux on a stream (upgrade.hpp), and the addresses of
// such, /ip4/1.2.3.4/tcp/4001 and /ip6/::1/tcp/4001 (libp2p/specs connections/README.md).
//
// It dials from the listening port where there is one: a NAT then makes one mapping for both
// directions, and the peer sees where we listen. Two that dial each other so at the same moment get
// one TCP connection of both dials, whose handshake fails; each then waits a random moment and
// tries from another port. Loop thread only.
#pragma once

#include <memory>
#include <optional>

#include <kith/crypto/keys.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/net/security/channels.hpp>
#include <kith/net/transports/tcp_ports.hpp>
#include <kith/net/transports/transport.hpp>
#include <kith/port/env.hpp>
#include <kith/port/ip.hpp>

namespace kith::net {

/// The endpoint, if the address is an IP address, a TCP port, and at most a /p2p part.
std::optional<port::Endpoint> tcp_endpoint(const multiformats::Multiaddr& address);

/// "/ip4/.../tcp/..." of an endpoint, with /ip6zone where it has a scope.
multiformats::Multiaddr tcp_address(const port::Endpoint& endpoint);

class TcpTransport final : public Transport {
 public:
  /// `channels` are of the same identity; null: Noise alone. `ports`: those that it shares with
  /// others; its own without.
  TcpTransport(port::Env& env, crypto::PrivateKey identity,
               std::shared_ptr<SecureChannels> channels = nullptr,
               std::shared_ptr<TcpPorts> ports = nullptr);

  std::string_view name() const noexcept override { return "tcp"; }
  bool dials(const multiformats::Multiaddr& address) const override;
  bool listens(const multiformats::Multiaddr& address) const override;
  Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) override;
  Task<std::unique_ptr<Connection>> dial(multiformats::PeerId peer, multiformats::Multiaddr address,
                                         ConnectionTerms terms) override;

 private:
  Task<std::unique_ptr<Connection>> dial_endpoint(multiformats::PeerId peer, port::Endpoint remote,
                                                  std::optional<port::Endpoint> local,
                                                  Instant connected_by, ConnectionTerms terms);
  Task<std::unique_ptr<Connection>> punch(multiformats::PeerId peer, port::Endpoint remote,
                                          std::optional<port::Endpoint> local, Instant connected_by,
                                          ConnectionTerms terms);
  std::optional<port::Endpoint> dial_from(const port::Endpoint& remote) const;

  port::Env& env_;
  crypto::PrivateKey identity_;
  std::shared_ptr<SecureChannels> channels_;
  std::shared_ptr<TcpPorts> ports_;
};

}  // namespace kith::net
