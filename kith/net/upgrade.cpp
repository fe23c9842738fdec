#include <algorithm>

#include <kith/net/multistream_session.hpp>
#include <kith/net/muxers/yamux_connection.hpp>
#include <kith/net/security/noise_stream.hpp>
#include <kith/net/security/tls_stream.hpp>
#include <kith/net/upgrade.hpp>

namespace kith::net {
namespace {

/// Protocols of ours, best first, proposed or awaited.
Task<Negotiated> agree_on(port::Stream& stream, Direction direction,
                          std::vector<std::string> protocols, Instant deadline) {
  if (direction == Direction::outbound) {
    co_return co_await multistream_propose(stream, std::move(protocols), deadline);
  }
  std::function<bool(std::string_view)> supports = [&protocols](std::string_view proposed) {
    return std::ranges::find(protocols, proposed) != protocols.end();
  };
  co_return co_await multistream_respond(stream, std::move(supports), deadline);
}

std::vector<std::string> secure_protocols(const UpgradeOptions& options) {
  std::vector<std::string> protocols;
  if (options.channels == nullptr) protocols.emplace_back(noise_protocol);
  if (options.channels != nullptr) {
    for (const SecureProtocol protocol : options.channels->order())
      protocols.emplace_back(protocol_id(protocol));
  }
  return protocols;
}

Task<std::unique_ptr<SecureStream>> start_noise(port::Env& env, port::StreamPtr stream,
                                                Buffer received, const UpgradeOptions& options) {
  NoiseConfig config{.initiator = options.direction == Direction::outbound,
                     .identity = options.identity,
                     .expected_peer = options.expected_peer,
                     .muxers = {std::string(yamux_protocol)}};
  env.random.fill(config.static_key.mutable_bytes());
  env.random.fill(config.ephemeral_key.mutable_bytes());
  co_return co_await noise_handshake(std::move(stream), std::move(config), std::move(received),
                                     options.deadline);
}

Task<std::unique_ptr<SecureStream>> start_tls(port::Env& env, port::StreamPtr stream,
                                              Buffer received, const UpgradeOptions& options) {
  const auto side =
      options.direction == Direction::outbound ? crypto::TlsSide::client : crypto::TlsSide::server;
  TlsHandshakeConfig config{.expected_peer = options.expected_peer, .now = env.wall.now()};
  KITH_CO_TRY(config.context, options.channels->tls_context(side, env.random));
  co_return co_await tls_handshake(std::move(stream), std::move(config), std::move(received),
                                   options.deadline);
}

Task<std::unique_ptr<SecureStream>> secure(port::Env& env, port::StreamPtr stream,
                                           const UpgradeOptions& options) {
  std::vector<std::string> protocols = secure_protocols(options);
  KITH_CO_TRY(Negotiated agreed, co_await agree_on(*stream, options.direction, std::move(protocols),
                                                   options.deadline));
  const bool tls = agreed.protocol == tls_protocol;
  Result<std::unique_ptr<SecureStream>> secured;
  if (tls) {
    secured = co_await start_tls(env, std::move(stream), std::move(agreed.rest), options);
  } else {
    secured = co_await start_noise(env, std::move(stream), std::move(agreed.rest), options);
  }
  // Not before a protocol was agreed on, when it means that the peer wants no connection at all.
  const bool cut =
      !secured && (secured.error().is(Errc::reset) || secured.error().is(Errc::end_of_stream));
  if (cut && tls) co_return std::unexpected(TlsPeerError::handshake_cut);
  if (cut) co_return std::unexpected(NoiseError::handshake_cut);
  co_return secured;
}

}  // namespace

UpgradeOptions upgrade_options(Direction direction, const crypto::PrivateKey& identity,
                               multiformats::Multiaddr local_address,
                               multiformats::Multiaddr remote_address,
                               const ConnectionTerms& terms) {
  UpgradeOptions options{.direction = direction, .identity = identity};
  options.local_address = std::move(local_address);
  options.remote_address = std::move(remote_address);
  options.limits.streams_inbound_max = terms.streams_inbound_max;
  options.limits.memory_bytes_max = terms.memory_bytes_max;
  options.limits.stream_memory_bytes_max = terms.stream_memory_bytes_max;
  options.memory = terms.memory;
  options.deadline = terms.deadline;
  return options;
}

Task<std::unique_ptr<Connection>> upgrade(port::Env& env, port::StreamPtr stream,
                                          UpgradeOptions options) {
  KITH_CO_TRY(std::unique_ptr<SecureStream> secured,
              co_await secure(env, std::move(stream), options));
  if (secured->muxer().empty()) {
    std::vector<std::string> muxers;
    muxers.emplace_back(yamux_protocol);
    KITH_CO_TRY(Negotiated agreed, co_await agree_on(*secured, options.direction, std::move(muxers),
                                                     options.deadline));
    secured->unread(std::move(agreed.rest));
  }
  ConnectionFacts facts{
      .direction = options.direction,
      .local_peer = multiformats::PeerId::from_public_key(options.identity.public_key()),
      .local_address = std::move(options.local_address),
      .remote_address = std::move(options.remote_address),
      .limited = options.limited};
  co_return std::make_unique<YamuxConnection>(env, std::move(secured), std::move(facts),
                                              options.limits, options.memory);
}

}  // namespace kith::net
