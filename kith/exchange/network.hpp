// Network: what Bitswap needs of a swarm, and nothing else, so that tests put simulated links in
// its place. swarm_network.hpp makes one of a net::Swarm. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <kith/net/stream.hpp>
#include <kith/port/task.hpp>

namespace kith::exchange {

using multiformats::PeerId;

class NetworkObserver {
 public:
  virtual ~NetworkObserver() = default;
  /// The first connection to the peer is there, or it has come anew.
  virtual void on_connected(const PeerId& peer) = 0;
  /// The last one has gone, or the peer has given it up: what was said on it may never arrive.
  virtual void on_disconnected(const PeerId& peer) = 0;
};

using NetworkHandler = std::function<Task<void>(std::unique_ptr<net::Stream>)>;

class Network {
 public:
  virtual ~Network() = default;
  /// Opens a stream to a connected peer; never dials. Errc::unsupported if the peer speaks none of
  /// `protocols`, Errc::closed if it isn't connected.
  virtual Task<std::unique_ptr<net::Stream>> open_stream(PeerId peer,
                                                         std::vector<net::ProtocolId> protocols,
                                                         Instant deadline) = 0;
  virtual std::vector<PeerId> connected_peers() const = 0;
  virtual void handle(net::ProtocolId protocol, NetworkHandler handler,
                      std::size_t streams_per_peer_max) = 0;
  virtual void stop_handling(const net::ProtocolId& protocol) = 0;
  virtual void observe(NetworkObserver& observer) = 0;
  virtual void stop_observing(NetworkObserver& observer) = 0;
  /// The peer has given us what we wanted: when connections must go, better others.
  virtual void useful(const PeerId& peer) = 0;
  /// Closes the peer's connections: it has misbehaved.
  virtual void disconnect(const PeerId& peer) = 0;
};

}  // namespace kith::exchange
