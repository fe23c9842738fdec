#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/http/client.hpp>
#include <kith/http/tls_stream.hpp>
#include <kith/http/websocket_stream.hpp>
#include <kith/net/limits.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/net/transports/tcp.hpp>
#include <kith/net/transports/websocket.hpp>
#include <kith/net/upgrade.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::PeerId;
using multiformats::Protocol;

namespace {

constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;
/// ALPN: WebSocket begins as this, and not as HTTP/2.
constexpr std::string_view http_1_1 = "http/1.1";

std::optional<TransportAddress> websocket_address(const Multiaddr& address) {
  std::optional<TransportAddress> found = transport_address(address);
  const bool ours = found && found->kind == TransportKind::websocket;
  return ours ? found : std::nullopt;
}

/// What stands behind the port of a guest, of whom nothing but TLS is known.
Multiaddr behind_guests_port(bool tls) {
  Multiaddr rest;
  if (tls) rest = rest.with(Protocol::tls).value();
  return rest.with(Protocol::ws).value();
}

Multiaddr address_at(const port::Endpoint& endpoint, const Multiaddr& behind) {
  auto whole = ip_address(endpoint, Protocol::tcp).encapsulate(behind);
  ASSERT(whole.has_value());
  return *std::move(whole);
}

/// What TLS and HTTP call the server.
std::string host_of(const TransportAddress& where) {
  return where.server_name.empty() ? where.endpoint->address.to_string() : where.server_name;
}

std::string authority_of(const TransportAddress& where) {
  const std::uint16_t usual = where.tls ? https_port : http_port;
  const std::uint16_t port = where.endpoint->port;
  return http::authority_of(host_of(where), port == usual ? std::nullopt : std::optional(port));
}

}  // namespace

Result<std::shared_ptr<const crypto::TlsContext>> websocket_server_tls(
    const crypto::TlsCredentials& credentials) {
  return crypto::TlsContext::make({.side = crypto::TlsSide::server,
                                   .trust = crypto::TlsTrust::anybody,
                                   .credentials = &credentials,
                                   .protocols = {std::string(http_1_1)},
                                   .also_tls12 = true});
}

struct WebSocketTransport::Shared {
  port::Env& env;
  crypto::PrivateKey identity;
  WebSocketOptions options;
  std::shared_ptr<SecureChannels> channels;
  std::shared_ptr<const crypto::TlsContext> client_tls{};  ///< once it was needed

  /// Doesn't outlive the terms' swarm.
  http::WebSocketDoor door_for(const TcpGuest& guest, const ConnectionTerms& terms) const {
    http::WebSocketDoor door{.allows = options.allows};
    if (!options.plain_http) return door;
    door.plain = [plain_http = options.plain_http, keep_place = terms.keep_place,
                  local = guest.local, remote = guest.remote](port::StreamPtr stream) {
      if (keep_place) {
        auto counted = keep_place(std::move(stream), std::string(http_protocol));
        if (!counted) return;
        stream = *std::move(counted);
      }
      plain_http({std::move(stream), local, remote});
    };
    return door;
  }

  /// Makes a connection of who came to a listener.
  static Task<std::unique_ptr<Connection>> let_in(std::shared_ptr<const Shared> self, bool tls,
                                                  Multiaddr behind, TcpGuest guest,
                                                  ConnectionTerms terms) {
    port::Env& env = self->env;
    UpgradeOptions upgrading =
        upgrade_options(Direction::inbound, self->identity, address_at(guest.local, behind),
                        address_at(guest.remote, behind_guests_port(tls)), terms);
    upgrading.channels = self->channels;
    Buffer nothing;
    if (tls) {
      crypto::TlsSession session{.now = env.wall.now()};
      Buffer none;
      KITH_CO_TRY(guest.stream, co_await http::tls_handshake(
                                    env.clock, std::move(guest.stream), self->options.server_tls,
                                    std::move(session), std::move(none), terms.deadline));
    }
    http::WebSocketDoor door = self->door_for(guest, terms);
    KITH_CO_TRY(port::StreamPtr stream,
                co_await http::websocket_accept(env, std::move(guest.stream), std::move(nothing),
                                                std::move(door), terms.deadline));
    co_return co_await net::upgrade(env, std::move(stream), std::move(upgrading));
  }

  /// Reading the system's roots takes a while, and is done when somebody needs them.
  static Task<std::shared_ptr<const crypto::TlsContext>> trust(std::shared_ptr<Shared> self) {
    if (self->client_tls) co_return self->client_tls;
    auto make = [self] {
      return crypto::TlsContext::make({.side = crypto::TlsSide::client,
                                       .trust = crypto::TlsTrust::roots,
                                       .protocols = {std::string(http_1_1)},
                                       .also_tls12 = true,
                                       .system_roots = self->options.system_roots,
                                       .roots = self->options.roots});
    };
    KITH_CO_TRY(self->client_tls, co_await port::run_on(self->env.pool, std::move(make)));
    co_return self->client_tls;
  }
};

WebSocketTransport::WebSocketTransport(port::Env& env, crypto::PrivateKey identity,
                                       WebSocketOptions options,
                                       std::shared_ptr<SecureChannels> channels,
                                       std::shared_ptr<TcpPorts> ports)
    : shared_(std::make_shared<Shared>(env, std::move(identity), std::move(options),
                                       std::move(channels))),
      ports_(ports ? std::move(ports) : std::make_shared<TcpPorts>(env)) {}

WebSocketTransport::~WebSocketTransport() = default;

bool WebSocketTransport::dials(const Multiaddr& address) const {
  return websocket_address(address).has_value();
}

bool WebSocketTransport::listens(const Multiaddr& address) const {
  return websocket_address(address).has_value();
}

Result<std::unique_ptr<Listener>> WebSocketTransport::listen(const Multiaddr& address) {
  const std::optional<TransportAddress> where = websocket_address(address);
  if (!where) return std::unexpected(Errc::unsupported);
  if (where->tls && !shared_->options.server_tls) {
    return std::unexpected(
        Error(Errc::unsupported, address.to_string() + " (TLS needs a certificate)"));
  }
  const Multiaddr behind = behind_port(address);
  GuestUpgrade upgrade = [shared = shared_, tls = where->tls, behind](TcpGuest guest,
                                                                      ConnectionTerms terms) {
    return Shared::let_in(shared, tls, behind, std::move(guest), terms);
  };
  const GuestKind kind = where->tls ? GuestKind::tls : GuestKind::http;
  return ports_->listen(*where->endpoint, kind, behind, std::move(upgrade));
}

Task<std::unique_ptr<Connection>> WebSocketTransport::dial(PeerId peer, Multiaddr address,
                                                           ConnectionTerms terms) {
  const std::optional<TransportAddress> where = websocket_address(address);
  if (!where) co_return std::unexpected(Errc::unsupported);
  const std::shared_ptr<Shared> shared = shared_;
  port::Env& env = shared->env;
  std::shared_ptr<const crypto::TlsContext> tls;
  if (where->tls) {
    KITH_CO_TRY(tls, co_await Shared::trust(shared));
  }
  const port::Endpoint remote = *where->endpoint;
  const bool near = remote.address.is_loopback() || remote.address.is_private();
  const Instant connected_by =
      std::min(terms.deadline, env.clock.now() + (near ? dial_timeout_local : dial_timeout));
  port::TcpDialOptions dialing;
  KITH_CO_TRY(std::unique_ptr<port::TcpStream> socket,
              co_await env.net.dial_tcp(remote, dialing, connected_by));
  terms.deadline = std::min(terms.deadline, env.clock.now() + handshake_timeout);
  const Multiaddr behind = behind_guests_port(where->tls);
  UpgradeOptions upgrading =
      upgrade_options(Direction::outbound, shared->identity,
                      address_at(socket->local_endpoint(), behind), std::move(address), terms);
  upgrading.channels = shared->channels;
  upgrading.expected_peer = peer;
  port::StreamPtr stream = std::move(socket);
  if (where->tls) {
    crypto::TlsSession session{.host = host_of(*where), .now = env.wall.now()};
    Buffer nothing;
    KITH_CO_TRY(stream, co_await http::tls_handshake(env.clock, std::move(stream), std::move(tls),
                                                     std::move(session), std::move(nothing),
                                                     terms.deadline));
  }
  std::string target = "/";
  KITH_CO_TRY(stream, co_await http::websocket_connect(env, std::move(stream), authority_of(*where),
                                                       std::move(target), terms.deadline));
  co_return co_await upgrade(env, std::move(stream), std::move(upgrading));
}

}  // namespace kith::net
