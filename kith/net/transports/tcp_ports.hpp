// TcpPorts: the TCP ports that a node listens on. One port serves several kinds of guests at once:
// who listens for libp2p on /ip4/A/tcp/P and for WebSocket on /ip4/A/tcp/P/ws has one socket, and
// the first byte that a guest sends says whose it is. (A server that speaks first has no place
// here; nobody's protocol of libp2p does.)
//
//   0x13               multistream-select: the length of "/multistream/1.0.0\n"
//   an upper letter    HTTP: the method of a request
//   0x16               TLS: the type of a record with a ClientHello
//
// Where a port has one kind alone, nothing is looked at. Of port 0, kinds share what is chosen for
// the first of them, as in go-libp2p.
//
// Ownership: a port lives as long as a listener on it; what it gives refers to the Env. Loop thread
// only.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include <kith/multiformats/multiaddr.hpp>
#include <kith/net/transports/transport.hpp>
#include <kith/port/env.hpp>
#include <kith/port/ip.hpp>

namespace kith::net {

enum class GuestKind : std::uint8_t { multistream, http, tls };
inline constexpr std::size_t guest_kinds = 3;

/// Whose bytes begin so; nothing if nobody's do.
std::optional<GuestKind> guest_kind(std::uint8_t first_byte) noexcept;

struct TcpGuest {
  /// From its first byte on.
  port::StreamPtr stream;
  port::Endpoint local;
  port::Endpoint remote;
};

/// Makes a connection of a guest; as Incoming::upgrade().
using GuestUpgrade =
    std::function<Task<std::unique_ptr<Connection>>(TcpGuest guest, ConnectionTerms terms)>;

class TcpPorts {
 public:
  explicit TcpPorts(port::Env& env) noexcept : env_(env) {}
  TcpPorts(const TcpPorts&) = delete;
  TcpPorts& operator=(const TcpPorts&) = delete;
  /// Listeners may outlive it.
  ~TcpPorts();

  /// Takes guests of this kind there. `behind_port`: the rest of the listener's address.
  /// SwarmError::address_in_use also if the kind has that port already; errno errors.
  Result<std::unique_ptr<Listener>> listen(const port::Endpoint& local, GuestKind kind,
                                           multiformats::Multiaddr behind_port,
                                           GuestUpgrade upgrade);

  /// Where guests of this kind are taken now.
  std::vector<port::Endpoint> endpoints(GuestKind kind) const;

 private:
  struct Port;
  class Door;
  class TcpIncoming;

  port::Env& env_;
  std::vector<std::weak_ptr<Port>> ports_;
};

}  // namespace kith::net
