// Network: what the DHT needs of a swarm, and nothing else, so that tests put hundreds of nodes in
// one process in its place (test_network.hpp). swarm_network.hpp makes one of a net::Swarm. Which
// peers and addresses belong to this DHT, the wide or the local one, is the network's to know. Loop
// thread only.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <vector>

#include <kith/dht/message.hpp>
#include <kith/dht/server.hpp>
#include <kith/port/task.hpp>

namespace kith::dht {

/// What a peer has answered, and what is known of it by then.
struct Answer {
  Message message;
  /// The groups of the address at which it is; nothing if that isn't known.
  std::optional<std::vector<IpGroup>> seen_at{};
  /// Whether it may be in the table: it serves this DHT, at an address that belongs to it.
  bool belongs = false;
};

class NetworkObserver {
 public:
  virtual ~NetworkObserver() = default;
  /// A connected peer serves this DHT, at an address of these groups. Told again when it has
  /// connected anew.
  virtual void on_server(const PeerId& peer, std::vector<IpGroup> groups) = 0;
  /// A connected peer doesn't serve it any more.
  virtual void on_no_server(const PeerId& peer) = 0;
};

/// Server::answer, but for the time.
using RequestHandler = std::function<std::expected<std::optional<Message>, Server::Refused>(
    const PeerId& from, std::optional<IpGroup> group, const Message& request)>;

class Network {
 public:
  virtual ~Network() = default;

  virtual const PeerId& self() const = 0;

  /// Dials if there is no connection, asks, and waits for the answer. Errc::busy if it is this
  /// node's own limits that forbid it: that says nothing of the peer. Every other error but
  /// Errc::cancelled is the peer's.
  virtual Task<Answer> request(PeerId peer, Message request, Instant deadline) = 0;
  /// The same for what isn't answered. Returns once it is sent.
  virtual Task<void> tell(PeerId peer, Message message, Instant deadline) = 0;
  /// Likewise several, one after the other on one stream: all that `next` gives until it gives
  /// nothing.
  virtual Task<void> tell_all(PeerId peer, std::function<std::optional<Message>()> next,
                              Instant deadline) = 0;
  /// Returns once there is a connection, whatever the peer speaks.
  virtual Task<void> reach(PeerId peer, Instant deadline) = 0;
  virtual bool connected(const PeerId& peer) const = 0;

  /// Where a peer is that others of this DHT can use, our own addresses for ourselves.
  virtual std::vector<multiformats::Multiaddr> addresses(const PeerId& peer) const = 0;
  /// Those that others of this DHT, and we, can use.
  virtual std::vector<multiformats::Multiaddr> usable(
      std::vector<multiformats::Multiaddr> addresses) const = 0;
  /// Somebody has said that the peer is there.
  virtual void heard(const PeerId& peer, const std::vector<multiformats::Multiaddr>& addresses) = 0;
  /// None if groups don't matter in this DHT.
  virtual std::vector<IpGroup> groups(std::span<const multiformats::Multiaddr> addresses) const = 0;

  /// Answers requests from now on, and says so to peers.
  virtual void serve(RequestHandler handler) = 0;
  virtual void stop_serving() = 0;

  /// One at a time. It is told at once of the peers that are connected.
  virtual void observe(NetworkObserver& observer) = 0;
  virtual void stop_observing() = 0;
};

}  // namespace kith::dht
