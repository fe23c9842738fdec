#include <algorithm>

#include <kith/net/limits.hpp>
#include <kith/net/multistream.hpp>
#include <kith/net/security/noise_error.hpp>
#include <kith/net/security/tls_error.hpp>
#include <kith/net/swarm.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/net/transports/tcp.hpp>
#include <kith/net/upgrade.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

/// Between attempts at the same endpoint while holes are punched.
constexpr Duration punch_again_after = 100ms;

/// What a handshake ends with when TCP has made one connection of two dials that crossed, and each
/// side takes the other's words for an answer to its own: another first proposal, or the first
/// message of Noise or TLS in place of the second. Whoever notices first cuts the other off.
bool dialed_at_once(const Error& why) {
  return why.is(MultistreamError::unexpected_answer) || why.is(NoiseError::message_too_short) ||
         why.is(NoiseError::handshake_cut) || why.is(crypto::TlsError::unexpected_message) ||
         why.is(crypto::TlsAlert::unexpected_message) || why.is(TlsPeerError::handshake_cut);
}

UpgradeOptions options_of(Direction direction, const crypto::PrivateKey& identity,
                          std::shared_ptr<SecureChannels> channels, const port::Endpoint& local,
                          const port::Endpoint& remote, const ConnectionTerms& terms) {
  UpgradeOptions options =
      upgrade_options(direction, identity, tcp_address(local), tcp_address(remote), terms);
  options.channels = std::move(channels);
  return options;
}

}  // namespace

std::optional<port::Endpoint> tcp_endpoint(const Multiaddr& address) {
  const std::optional<TransportAddress> found = transport_address(address);
  return found && found->kind == TransportKind::tcp ? found->endpoint : std::nullopt;
}

Multiaddr tcp_address(const port::Endpoint& endpoint) {
  return ip_address(endpoint, multiformats::Protocol::tcp);
}

TcpTransport::TcpTransport(port::Env& env, crypto::PrivateKey identity,
                           std::shared_ptr<SecureChannels> channels,
                           std::shared_ptr<TcpPorts> ports)
    : env_(env),
      identity_(std::move(identity)),
      channels_(std::move(channels)),
      ports_(ports ? std::move(ports) : std::make_shared<TcpPorts>(env)) {}

bool TcpTransport::dials(const Multiaddr& address) const {
  return tcp_endpoint(address).has_value();
}

bool TcpTransport::listens(const Multiaddr& address) const {
  return tcp_endpoint(address).has_value();
}

Result<std::unique_ptr<Listener>> TcpTransport::listen(const Multiaddr& address) {
  const std::optional<port::Endpoint> endpoint = tcp_endpoint(address);
  if (!endpoint) return std::unexpected(Errc::unsupported);
  GuestUpgrade upgrade = [&env = env_, identity = identity_, channels = channels_](
                             TcpGuest guest, ConnectionTerms terms) {
    UpgradeOptions options =
        options_of(Direction::inbound, identity, channels, guest.local, guest.remote, terms);
    return net::upgrade(env, std::move(guest.stream), std::move(options));
  };
  return ports_->listen(*endpoint, GuestKind::multistream, Multiaddr(), std::move(upgrade));
}

Task<std::unique_ptr<Connection>> TcpTransport::dial(PeerId peer, Multiaddr address,
                                                     ConnectionTerms terms) {
  const std::optional<port::Endpoint> remote = tcp_endpoint(address);
  if (!remote) co_return std::unexpected(Errc::unsupported);
  const bool near = remote->address.is_loopback() || remote->address.is_private();
  const Instant connected_by =
      std::min(terms.deadline, env_.clock.now() + (near ? dial_timeout_local : dial_timeout));
  const std::optional<port::Endpoint> local = dial_from(*remote);
  if (terms.punching) co_return co_await punch(peer, *remote, local, connected_by, terms);
  auto dialed = co_await dial_endpoint(peer, *remote, local, connected_by, terms);
  if (dialed || !local || !dialed_at_once(dialed.error())) co_return dialed;
  const Duration patience{static_cast<std::int64_t>(env_.prng.below(Duration(200ms).count()))};
  KITH_CO_CHECK(co_await port::sleep_for(env_.clock, patience));
  co_return co_await dial_endpoint(peer, *remote, std::nullopt, connected_by, terms);
}

Task<std::unique_ptr<Connection>> TcpTransport::punch(PeerId peer, port::Endpoint remote,
                                                      std::optional<port::Endpoint> local,
                                                      Instant connected_by, ConnectionTerms terms) {
  for (;;) {
    auto dialed = co_await dial_endpoint(peer, remote, local, connected_by, terms);
    // A NAT that the other side hasn't opened yet may say no on its behalf.
    const bool early = !dialed && dialed.error().is_errno(ECONNREFUSED);
    if (!early || env_.clock.now() + punch_again_after >= connected_by) co_return dialed;
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, punch_again_after));
  }
}

Task<std::unique_ptr<Connection>> TcpTransport::dial_endpoint(PeerId peer, port::Endpoint remote,
                                                              std::optional<port::Endpoint> local,
                                                              Instant connected_by,
                                                              ConnectionTerms terms) {
  port::TcpDialOptions dialing;
  dialing.local = local;
  KITH_CO_TRY(std::unique_ptr<port::TcpStream> stream,
              co_await env_.net.dial_tcp(remote, dialing, connected_by));
  const Direction part = terms.punching.value_or(Direction::outbound);
  UpgradeOptions options = options_of(part, identity_, channels_, stream->local_endpoint(),
                                      stream->remote_endpoint(), terms);
  options.expected_peer = peer;
  options.deadline = std::min(terms.deadline, env_.clock.now() + handshake_timeout);
  co_return co_await upgrade(env_, std::move(stream), std::move(options));
}

std::optional<port::Endpoint> TcpTransport::dial_from(const port::Endpoint& remote) const {
  for (const port::Endpoint& local : ports_->endpoints(GuestKind::multistream)) {
    if (local.address.family() != remote.address.family()) continue;
    if (local.address.is_loopback() != remote.address.is_loopback() &&
        !local.address.is_unspecified()) {
      continue;
    }
    return local;
  }
  return std::nullopt;
}

}  // namespace kith::net
