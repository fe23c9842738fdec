// Direct and relayed connections of a peer. Loop thread only.
#pragma once

#include <optional>

#include <kith/net/swarm.hpp>

namespace kith::net {

/// The connection that a stream belongs to, while it is there.
inline std::optional<ConnectionInfo> connection_of(const Swarm& swarm, const Stream& stream) {
  for (ConnectionInfo& one : swarm.connections_of(stream.remote_peer())) {
    if (one.id == stream.connection()) return std::move(one);
  }
  return std::nullopt;
}

/// A connection with the peer that doesn't lead through a relay; the swarm's choice if it is one.
inline std::optional<ConnectionId> direct_connection(const Swarm& swarm,
                                                     const multiformats::PeerId& peer) {
  const std::optional<ConnectionId> best = swarm.connection_to(peer);
  std::optional<ConnectionId> any;
  for (const ConnectionInfo& one : swarm.connections_of(peer)) {
    if (one.remote_address.is_relayed()) continue;
    if (one.id == best) return best;
    any = one.id;
  }
  return any;
}

}  // namespace kith::net
