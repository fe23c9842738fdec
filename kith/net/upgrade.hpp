// upgrade(): a raw stream becomes a Connection.
// Specification: libp2p/specs connections/README.md, "Upgrading Connections".
//
//   multistream-select: /noise, /tls/1.0.0  ->  Noise or TLS, which may settle the muxer too  ->
//   multistream-select: /yamux/1.0.0 if it didn't  ->  YamuxConnection
//
// The dialer proposes the secure channels in the order of UpgradeOptions::channels, the listener
// takes each that is among them.
//
// Everything within one deadline; a peer that stalls on the way costs a few KiB until then. The raw
// stream dies with an upgrade that fails. Loop thread only.
#pragma once

#include <memory>
#include <optional>

#include <kith/base/budget.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/connection.hpp>
#include <kith/net/muxers/limits.hpp>
#include <kith/net/security/channels.hpp>
#include <kith/net/transports/transport.hpp>
#include <kith/port/env.hpp>
#include <kith/port/stream.hpp>

namespace kith::net {

struct UpgradeOptions {
  Direction direction = Direction::inbound;
  crypto::PrivateKey identity;
  /// Of the same identity; null: Noise alone.
  std::shared_ptr<SecureChannels> channels{};
  /// Any other peer is refused: NoiseError::unexpected_peer, TlsPeerError::unexpected_peer.
  std::optional<multiformats::PeerId> expected_peer{};
  /// Both without /p2p part.
  multiformats::Multiaddr local_address{};
  multiformats::Multiaddr remote_address{};
  /// Of the connection (Connection::limited).
  bool limited = false;
  YamuxLimits limits{};
  /// The parent of the connection's memory budget; outlives the connection.
  Budget* memory = nullptr;
  Instant deadline = never;
};

/// What a transport that upgrades streams makes of a connection's terms. Addresses without /p2p;
/// the channels are for it to say.
UpgradeOptions upgrade_options(Direction direction, const crypto::PrivateKey& identity,
                               multiformats::Multiaddr local_address,
                               multiformats::Multiaddr remote_address,
                               const ConnectionTerms& terms);

/// MultistreamError, NoiseError, what tls_handshake can say, Errc::timed_out, end_of_stream,
/// cancelled, the stream's own.
Task<std::unique_ptr<Connection>> upgrade(port::Env& env, port::StreamPtr stream,
                                          UpgradeOptions options);

}  // namespace kith::net
