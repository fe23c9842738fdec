#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/exchange/swarm_network.hpp>

namespace kith::exchange {

SwarmNetwork::~SwarmNetwork() {
  ASSERT(observer_ == nullptr);
}

Task<std::unique_ptr<net::Stream>> SwarmNetwork::open_stream(PeerId peer,
                                                             std::vector<net::ProtocolId> protocols,
                                                             Instant deadline) {
  std::optional<net::ConnectionId> connection = swarm_.connection_to(peer);
  if (!connection) co_return std::unexpected(Errc::closed);
  auto stream = co_await swarm_.open_stream_on(*connection, std::move(protocols), deadline);
  if (!stream && stream.error().is(net::SwarmError::protocol_refused)) {
    co_return std::unexpected(Errc::unsupported);
  }
  co_return stream;
}

void SwarmNetwork::handle(net::ProtocolId protocol, NetworkHandler handler,
                          std::size_t per_peer_max) {
  net::HandlerOptions options;
  options.streams_per_peer_max = per_peer_max;
  swarm_.handle(std::move(protocol), std::move(handler), options);
}

void SwarmNetwork::observe(NetworkObserver& observer) {
  ASSERT(observer_ == nullptr);
  observer_ = &observer;
  swarm_.observe(*this);
}

void SwarmNetwork::stop_observing(NetworkObserver& observer) {
  ASSERT(observer_ == &observer);
  observer_ = nullptr;
  swarm_.stop_observing(*this);
}

void SwarmNetwork::on_connected(const net::ConnectionInfo& connection) {
  // Who dials though there is a connection has lost it, and perhaps all that it knew of us, unless
  // we dialed at the same time. Our side of it may stay silent for a minute before it fails.
  auto lost = [this, &connection](const net::ConnectionInfo& other) {
    return other.id != connection.id && !swarm_.crossed(other.id, connection.id);
  };
  bool comes_anew = connection.direction == net::Direction::inbound &&
                    std::ranges::any_of(swarm_.connections_of(connection.peer), lost);
  if (comes_anew) observer_->on_disconnected(connection.peer);
  observer_->on_connected(connection.peer);
}

void SwarmNetwork::on_disconnected(const net::ConnectionInfo& connection, bool last) {
  if (last) observer_->on_disconnected(connection.peer);
}

}  // namespace kith::exchange
