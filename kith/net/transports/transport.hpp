// Transport: one way to come by connections (TCP, WebSocket, QUIC, a relay's circuit, memory). The
// seam between the Swarm, which knows peers, limits and who is refused, and what moves bytes.
//
//   dial:    Swarm picks addresses and grants a place in its limits -> Transport::dial ->
//   Connection listen:  Transport::listen -> Listener::accept -> Incoming: somebody at the door, on
//   whom next to
//            nothing has been spent -> Swarm asks its gater and limits -> Incoming::upgrade ->
//            Connection; or the Incoming is destroyed, which turns the stranger away
//
// What a Connection does afterwards is said in connection.hpp; run() it in a task of its own.
// Ownership: the swarm owns transports and listeners; what they give refers to the Env, the
// identity and the terms' budget, which outlive it, and may outlive the listener. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/base/budget.hpp>
#include <kith/base/time.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/connection.hpp>
#include <kith/port/stream.hpp>
#include <kith/port/task.hpp>

namespace kith::net {

/// What one connection may use of this node.
struct ConnectionTerms {
  std::size_t streams_inbound_max = 1024;
  /// What all streams of the connection may hold and promise together, and each by itself.
  std::uint64_t memory_bytes_max = std::uint64_t{64} << 20;
  std::uint64_t stream_memory_bytes_max = UINT64_MAX;
  /// The parent of the connection's own budget; outlives the connection. Nothing is counted
  /// without.
  Budget* memory = nullptr;
  /// By when the connection must be there, with security and muxer agreed on.
  Instant deadline = never;
  /// Set while holes are punched into NATs: the other side dials us at the same moment, and this is
  /// our part in what comes about. A TCP transport then dials from where it listens and nowhere
  /// else, and takes the handshake's part that this says. A QUIC transport dials as ever if it is
  /// outbound; else it sends datagrams of random bytes there from where it listens, 10 to 200 ms
  /// apart, until the deadline or until it is cancelled, and the connection comes to its listener.
  std::optional<Direction> punching{};
  /// For who comes to a listener and turns out to be no peer (WebSocketOptions::plain_http): gives
  /// the stream to them the connection's place in the limits, which counts until the stream that is
  /// returned dies, before the swarm; and holds it to the limits of bandwidth, as if it were of
  /// this protocol. At most once, and then no Connection comes of it. Errc::limit_exceeded. Empty:
  /// there are no limits.
  std::function<Result<port::StreamPtr>(port::StreamPtr stream, const std::string& protocol)>
      keep_place{};
};

/// Somebody who wants to connect. Destroying it without upgrade() turns them away.
class Incoming {
 public:
  Incoming() = default;
  Incoming(const Incoming&) = delete;
  Incoming& operator=(const Incoming&) = delete;
  virtual ~Incoming() = default;

  /// Where they are seen at, without /p2p. What is known only after the first bytes (whether a TCP
  /// connection carries WebSocket) may be missing.
  virtual const multiformats::Multiaddr& remote_address() const noexcept = 0;

  /// Proves who they are. Called at most once. The handshake's errors, Errc::timed_out.
  virtual Task<std::unique_ptr<Connection>> upgrade(ConnectionTerms terms) = 0;
};

class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  /// The next one. At most one call at a time. Errc::closed after close(); other errors may pass,
  /// and the caller tries again after a moment.
  virtual Task<std::unique_ptr<Incoming>> accept() = 0;
  /// As it was given to listen(), with the port that was chosen; unspecified IP addresses stay.
  /// Empty when it has none now (a relay's reservation that was lost).
  virtual std::vector<multiformats::Multiaddr> addresses() const = 0;
  /// Idempotent. Connections that were accepted go on.
  virtual void close() noexcept = 0;
};

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  /// For logs: "tcp", "quic-v1".
  virtual std::string_view name() const noexcept = 0;
  /// Whether `address` (without /p2p at the end, names resolved) is of a kind that it can dial.
  virtual bool dials(const multiformats::Multiaddr& address) const = 0;
  /// Whether it can listen on such an address.
  virtual bool listens(const multiformats::Multiaddr& address) const = 0;

  /// For an address that it listens(). SwarmError::address_in_use, errno errors.
  virtual Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) = 0;

  /// A connection with this very peer, else the handshake's error. For an address that it dials(),
  /// without /p2p. The terms' deadline is that of the whole dial, which has other addresses to try:
  /// a transport gives an attempt up earlier (dial_timeout, handshake_timeout in limits.hpp).
  virtual Task<std::unique_ptr<Connection>> dial(multiformats::PeerId peer,
                                                 multiformats::Multiaddr address,
                                                 ConnectionTerms terms) = 0;

  /// Ends what goes on in the background and waits for it. All connections have ended by then.
  virtual Task<void> close_shielded() { co_return Result<void>{}; }
};

}  // namespace kith::net
