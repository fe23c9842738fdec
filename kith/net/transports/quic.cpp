#include <algorithm>
#include <array>

#include <errno.h>

#include <kith/base/assert.hpp>
#include <kith/net/swarm.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/net/transports/quic.hpp>
#include <kith/net/transports/quic/detail/quic_endpoint.hpp>
#include <kith/net/transports/quic_limits.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "quic"; }
  std::string message(int code) const override {
    switch (static_cast<QuicError>(code)) {
      case QuicError::tls_failed:
        return "TLS for QUIC can't be set up";
      case QuicError::unexpected_peer:
        return "another peer answered than the one that was dialed";
      case QuicError::handshake_failed:
        return "the QUIC handshake failed";
      case QuicError::protocol_violation:
        return "the peer broke the QUIC protocol";
      case QuicError::remote_error:
        return "the peer ended the connection because of an error";
      case QuicError::idle_timeout:
        return "the peer doesn't answer";
      case QuicError::version:
        return "the peer doesn't speak version 1 of QUIC";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

class QuicListener final : public Listener {
 public:
  QuicListener(std::shared_ptr<detail::QuicEndpoint> endpoint) noexcept
      : endpoint_(std::move(endpoint)) {}
  ~QuicListener() override { close(); }

  Task<std::unique_ptr<Incoming>> accept() override { return endpoint_->accept(); }
  std::vector<Multiaddr> addresses() const override { return {quic_address(endpoint_->local())}; }
  void close() noexcept override {
    if (!std::exchange(closed_, true)) endpoint_->stop_listening();
  }

 private:
  std::shared_ptr<detail::QuicEndpoint> endpoint_;
  bool closed_ = false;
};

std::optional<port::Endpoint> quic_endpoint(const Multiaddr& address) {
  const std::optional<TransportAddress> found = transport_address(address);
  return found && found->kind == TransportKind::quic ? found->endpoint : std::nullopt;
}

}  // namespace

const ErrorDomain& error_domain(QuicError) noexcept {
  return domain;
}

struct QuicTransport::Parts {
  port::Env& env;
  crypto::PrivateKey identity;
  std::shared_ptr<const detail::QuicTls> tls;  ///< null until it is needed
  std::vector<std::shared_ptr<detail::QuicEndpoint>> endpoints;

  void forget_finished() {
    std::erase_if(endpoints, [](const auto& one) { return one->finished(); });
  }
  Result<std::shared_ptr<detail::QuicEndpoint>> bind(const port::Endpoint& local, bool keep) {
    if (tls == nullptr) {
      KITH_TRY(tls, detail::QuicTls::make(env, identity));
    }
    KITH_TRY(std::unique_ptr<port::UdpSocket> socket, env.net.bind_udp(local, {.coalesce = true}));
    auto made = std::make_shared<detail::QuicEndpoint>(env, tls, std::move(socket));
    made->start(keep);
    endpoints.push_back(made);
    return made;
  }
  /// From where we listen, if that reaches the other side.
  Result<std::shared_ptr<detail::QuicEndpoint>> for_dialing(const port::Endpoint& remote) {
    forget_finished();
    std::shared_ptr<detail::QuicEndpoint> best;
    for (const auto& one : endpoints) {
      if (!one->reaches(remote)) continue;
      if (best == nullptr || (one->listening() && !best->listening())) best = one;
    }
    if (best != nullptr) return best;
    return bind({port::IpAddress::any(remote.address.family()), 0}, true);
  }
};

QuicTransport::QuicTransport(port::Env& env, crypto::PrivateKey identity)
    : parts_(new Parts{env, std::move(identity), nullptr, {}}) {}

QuicTransport::~QuicTransport() {
  parts_->forget_finished();
  ASSERT(parts_->endpoints.empty());
}

namespace {

/// Random datagrams (libp2p/specs relay/DCUtR.md), until the deadline or until we are cancelled:
/// the connection comes to our listener.
Task<std::unique_ptr<Connection>> punch(std::shared_ptr<detail::QuicEndpoint> endpoint,
                                        port::Endpoint remote, Instant deadline) {
  port::Env& env = endpoint->env();
  while (env.clock.now() < deadline && !endpoint->closed()) {
    std::array<std::uint8_t, quic_punch_bytes> datagram{};
    env.random.fill(datagram);
    // No version of QUIC begins so, and nobody answers it.
    datagram[0] &= 0x3f;
    endpoint->punch(remote, datagram);
    const auto spread =
        static_cast<std::uint64_t>((quic_punch_interval_max - quic_punch_interval_min).count());
    const Duration wait =
        quic_punch_interval_min + Duration(static_cast<std::int64_t>(env.prng.below(spread)));
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, wait));
  }
  co_return std::unexpected(Errc::timed_out);
}

}  // namespace

bool QuicTransport::dials(const Multiaddr& address) const {
  const auto endpoint = quic_endpoint(address);
  return endpoint && endpoint->port != 0 && !endpoint->address.is_unspecified() &&
         !endpoint->address.is_multicast();
}

bool QuicTransport::listens(const Multiaddr& address) const {
  const auto endpoint = quic_endpoint(address);
  return endpoint && !endpoint->address.is_multicast();
}

Result<std::unique_ptr<Listener>> QuicTransport::listen(const Multiaddr& address) {
  const auto endpoint = quic_endpoint(address);
  if (!endpoint) return std::unexpected(Errc::unsupported);
  parts_->forget_finished();
  // Connections of an earlier listener may hold the socket still.
  for (const auto& one : parts_->endpoints) {
    if (one->closed() || one->local() != *endpoint) continue;
    if (one->listening()) return std::unexpected(SwarmError::address_in_use);
    one->listen();
    return std::make_unique<QuicListener>(one);
  }
  auto bound = parts_->bind(*endpoint, false);
  if (!bound && bound.error().is_errno(EADDRINUSE)) {
    return std::unexpected(SwarmError::address_in_use);
  }
  if (!bound) return std::unexpected(bound.error());
  (*bound)->listen();
  return std::make_unique<QuicListener>(*bound);
}

Task<std::unique_ptr<Connection>> QuicTransport::dial(multiformats::PeerId peer, Multiaddr address,
                                                      ConnectionTerms terms) {
  const auto remote = quic_endpoint(address);
  if (!remote) co_return std::unexpected(Errc::unsupported);
  KITH_CO_TRY(const std::shared_ptr<detail::QuicEndpoint> endpoint, parts_->for_dialing(*remote));
  if (terms.punching == Direction::inbound)
    co_return co_await punch(endpoint, *remote, terms.deadline);
  // As long as TCP waits for the connection alone; a QUIC one is whole by then.
  const bool near = remote->address.is_loopback() || remote->address.is_private();
  const Instant deadline = std::min(
      terms.deadline, parts_->env.clock.now() + (near ? dial_timeout_local : dial_timeout));
  terms.deadline = deadline;
  detail::QuicSessionOptions options{.direction = Direction::outbound,
                                     .local = endpoint->local(),
                                     .remote = *remote,
                                     .expected_peer = peer,
                                     .terms = terms};
  KITH_CO_TRY(std::unique_ptr<detail::QuicConnection> made,
              detail::QuicConnection::make(endpoint, std::move(options), nullptr));
  KITH_CO_CHECK(co_await made->handshake(deadline));
  std::unique_ptr<Connection> connection = std::move(made);
  co_return connection;
}

Task<void> QuicTransport::close_shielded() {
  const std::vector<std::shared_ptr<detail::QuicEndpoint>> all = parts_->endpoints;
  for (const auto& one : all)
    one->close();
  for (const auto& one : all)
    co_await one->join_shielded();
  parts_->forget_finished();
  co_return Result<void>{};
}

}  // namespace kith::net
