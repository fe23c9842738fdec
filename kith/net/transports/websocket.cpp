#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/http/client.hpp>
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

std::optional<TransportAddress> websocket_address(const Multiaddr& address) {
  std::optional<TransportAddress> found = transport_address(address);
  const bool ours = found && found->kind == TransportKind::websocket && !found->tls;
  return ours ? found : std::nullopt;
}

/// What stands behind the port of a WebSocket address.
Multiaddr behind_port() {
  return Multiaddr().with(Protocol::ws).value();
}

Multiaddr address_at(const port::Endpoint& endpoint, const Multiaddr& behind) {
  auto whole = ip_address(endpoint, Protocol::tcp).encapsulate(behind);
  ASSERT(whole.has_value());
  return *std::move(whole);
}

}  // namespace

struct WebSocketTransport::Shared {
  port::Env& env;
  crypto::PrivateKey identity;
  WebSocketOptions options;
  std::shared_ptr<SecureChannels> channels;

  http::WebSocketDoor door_for(const TcpGuest& guest) const {
    http::WebSocketDoor door{.allows = options.allows};
    if (!options.plain_http) return door;
    door.plain = [plain_http = options.plain_http, local = guest.local, remote = guest.remote](
                     port::StreamPtr stream) { plain_http({std::move(stream), local, remote}); };
    return door;
  }

  static Task<std::unique_ptr<Connection>> upgrade(std::shared_ptr<const Shared> self,
                                                   TcpGuest guest, ConnectionTerms terms) {
    const Multiaddr behind = behind_port();
    UpgradeOptions upgrading =
        upgrade_options(Direction::inbound, self->identity, address_at(guest.local, behind),
                        address_at(guest.remote, behind), terms);
    upgrading.channels = self->channels;
    http::WebSocketDoor door = self->door_for(guest);
    Buffer nothing;
    KITH_CO_TRY(port::StreamPtr stream, co_await http::websocket_accept(
                                            self->env, std::move(guest.stream), std::move(nothing),
                                            std::move(door), terms.deadline));
    co_return co_await net::upgrade(self->env, std::move(stream), std::move(upgrading));
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
  GuestUpgrade upgrade = [shared = shared_](TcpGuest guest, ConnectionTerms terms) {
    return Shared::upgrade(shared, std::move(guest), terms);
  };
  return ports_->listen(*where->endpoint, GuestKind::http, behind_port(), std::move(upgrade));
}

Task<std::unique_ptr<Connection>> WebSocketTransport::dial(PeerId peer, Multiaddr address,
                                                           ConnectionTerms terms) {
  const std::optional<TransportAddress> where = websocket_address(address);
  if (!where) co_return std::unexpected(Errc::unsupported);
  const port::Endpoint remote = *where->endpoint;
  const std::shared_ptr<const Shared> shared = shared_;
  port::Env& env = shared->env;
  const bool near = remote.address.is_loopback() || remote.address.is_private();
  const Instant connected_by =
      std::min(terms.deadline, env.clock.now() + (near ? dial_timeout_local : dial_timeout));
  port::TcpDialOptions dialing;
  KITH_CO_TRY(std::unique_ptr<port::TcpStream> socket,
              co_await env.net.dial_tcp(remote, dialing, connected_by));
  terms.deadline = std::min(terms.deadline, env.clock.now() + handshake_timeout);
  const Multiaddr behind = behind_port();
  UpgradeOptions upgrading = upgrade_options(Direction::outbound, shared->identity,
                                             address_at(socket->local_endpoint(), behind),
                                             address_at(remote, behind), terms);
  upgrading.channels = shared->channels;
  upgrading.expected_peer = peer;
  port::StreamPtr stream = std::move(socket);
  std::string host =
      http::authority_of(remote.address.to_string(),
                         remote.port == http_port ? std::nullopt : std::optional(remote.port));
  std::string target = "/";
  KITH_CO_TRY(stream, co_await http::websocket_connect(env, std::move(stream), std::move(host),
                                                       std::move(target), terms.deadline));
  co_return co_await upgrade(env, std::move(stream), std::move(upgrading));
}

}  // namespace kith::net
