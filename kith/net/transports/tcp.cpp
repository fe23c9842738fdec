#include <algorithm>
#include <cerrno>

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

/// What a handshake ends with when TCP has made one connection of two dials that crossed, and each
/// side takes the other's words for an answer to its own: another first proposal, or the first
/// message of Noise or TLS in place of the second. Whoever notices first cuts the other off.
bool dialed_at_once(const Error& why) {
  return why.is(MultistreamError::unexpected_answer) || why.is(NoiseError::message_too_short) ||
         why.is(NoiseError::handshake_cut) || why.is(crypto::TlsError::unexpected_message) ||
         why.is(crypto::TlsAlert::unexpected_message) || why.is(TlsPeerError::handshake_cut);
}

UpgradeOptions options_of(Direction direction, const crypto::PrivateKey& identity,
                          std::shared_ptr<SecureChannels> channels, const port::TcpStream& stream,
                          const ConnectionTerms& terms) {
  UpgradeOptions options =
      upgrade_options(direction, identity, tcp_address(stream.local_endpoint()),
                      tcp_address(stream.remote_endpoint()), terms);
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

class TcpTransport::TcpIncoming final : public Incoming {
 public:
  TcpIncoming(port::Env& env, crypto::PrivateKey identity, std::shared_ptr<SecureChannels> channels,
              std::unique_ptr<port::TcpStream> stream)
      : env_(env),
        identity_(std::move(identity)),
        channels_(std::move(channels)),
        stream_(std::move(stream)),
        remote_(tcp_address(stream_->remote_endpoint())) {}
  ~TcpIncoming() override {
    if (stream_) stream_->reset();
  }

  const Multiaddr& remote_address() const noexcept override { return remote_; }

  Task<std::unique_ptr<Connection>> upgrade(ConnectionTerms terms) override {
    UpgradeOptions options = options_of(Direction::inbound, identity_, channels_, *stream_, terms);
    co_return co_await net::upgrade(env_, std::move(stream_), std::move(options));
  }

 private:
  port::Env& env_;
  crypto::PrivateKey identity_;
  std::shared_ptr<SecureChannels> channels_;
  std::unique_ptr<port::TcpStream> stream_;
  Multiaddr remote_;
};

/// A port that is listened on.
class TcpTransport::Door final : public Listener {
 public:
  Door(TcpTransport& transport, std::unique_ptr<port::TcpListener> socket)
      : env_(transport.env_),
        identity_(transport.identity_),
        channels_(transport.channels_),
        doors_(transport.doors_),
        socket_(std::move(socket)) {
    doors_->push_back(socket_->local_endpoint());
  }
  ~Door() override { forget(); }

  Task<std::unique_ptr<Incoming>> accept() override {
    KITH_CO_TRY(std::unique_ptr<port::TcpStream> stream, co_await socket_->accept());
    co_return std::make_unique<TcpIncoming>(env_, identity_, channels_, std::move(stream));
  }
  std::vector<Multiaddr> addresses() const override {
    return {tcp_address(socket_->local_endpoint())};
  }
  void close() noexcept override {
    forget();
    socket_->close();
  }

 private:
  void forget() noexcept { std::erase(*doors_, socket_->local_endpoint()); }

  port::Env& env_;
  crypto::PrivateKey identity_;
  std::shared_ptr<SecureChannels> channels_;
  std::shared_ptr<std::vector<port::Endpoint>> doors_;
  std::unique_ptr<port::TcpListener> socket_;
};

TcpTransport::TcpTransport(port::Env& env, crypto::PrivateKey identity,
                           std::shared_ptr<SecureChannels> channels)
    : env_(env),
      identity_(std::move(identity)),
      channels_(std::move(channels)),
      doors_(std::make_shared<std::vector<port::Endpoint>>()) {}

TcpTransport::~TcpTransport() = default;

bool TcpTransport::dials(const Multiaddr& address) const {
  return tcp_endpoint(address).has_value();
}

bool TcpTransport::listens(const Multiaddr& address) const {
  return tcp_endpoint(address).has_value();
}

Result<std::unique_ptr<Listener>> TcpTransport::listen(const Multiaddr& address) {
  const std::optional<port::Endpoint> endpoint = tcp_endpoint(address);
  if (!endpoint) return std::unexpected(Errc::unsupported);
  port::TcpListenOptions options;
  options.reuse_port = true;
  auto socket = env_.net.listen_tcp(*endpoint, options);
  if (!socket && socket.error().is_errno(EADDRINUSE)) {
    return std::unexpected(SwarmError::address_in_use);
  }
  if (!socket) return std::unexpected(socket.error());
  return std::make_unique<Door>(*this, *std::move(socket));
}

Task<std::unique_ptr<Connection>> TcpTransport::dial(PeerId peer, Multiaddr address,
                                                     ConnectionTerms terms) {
  const std::optional<port::Endpoint> remote = tcp_endpoint(address);
  if (!remote) co_return std::unexpected(Errc::unsupported);
  const bool near = remote->address.is_loopback() || remote->address.is_private();
  const Instant connected_by =
      std::min(terms.deadline, env_.clock.now() + (near ? dial_timeout_local : dial_timeout));
  const std::optional<port::Endpoint> local = dial_from(*remote);
  auto dialed = co_await dial_endpoint(peer, *remote, local, connected_by, terms);
  if (dialed || !local || !dialed_at_once(dialed.error())) co_return dialed;
  const Duration patience{static_cast<std::int64_t>(env_.prng.below(Duration(200ms).count()))};
  KITH_CO_CHECK(co_await port::sleep_for(env_.clock, patience));
  co_return co_await dial_endpoint(peer, *remote, std::nullopt, connected_by, terms);
}

Task<std::unique_ptr<Connection>> TcpTransport::dial_endpoint(PeerId peer, port::Endpoint remote,
                                                              std::optional<port::Endpoint> local,
                                                              Instant connected_by,
                                                              ConnectionTerms terms) {
  port::TcpDialOptions dialing;
  dialing.local = local;
  KITH_CO_TRY(std::unique_ptr<port::TcpStream> stream,
              co_await env_.net.dial_tcp(remote, dialing, connected_by));
  UpgradeOptions options = options_of(Direction::outbound, identity_, channels_, *stream, terms);
  options.expected_peer = peer;
  options.deadline = std::min(terms.deadline, env_.clock.now() + handshake_timeout);
  co_return co_await upgrade(env_, std::move(stream), std::move(options));
}

std::optional<port::Endpoint> TcpTransport::dial_from(const port::Endpoint& remote) const {
  for (const port::Endpoint& local : *doors_) {
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
