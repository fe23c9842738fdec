// RelayTransport: connections through relays, both ways (libp2p/specs relay/circuit-v2.md).
//
//   dial     /ip4/.../tcp/.../p2p/R/p2p-circuit: connects to R, asks it for a circuit to the peer,
//            and makes a connection of that stream, with security and a muxer of its own
//   listen   the same address: a reservation at R, renewed before it runs out and after it was
//   lost;
//            the listener has addresses while there is one. Circuits are taken only from relays
//            where one is held.
//
// Circuits of a relay that limits them are limited connections (connection.hpp). No circuit leads
// through a circuit: relays are reached directly or not at all.
// A relay is not trusted: whom it brings proves who they are, what it says of its own addresses
// counts only as far as it is seen itself, and of how long it serves us at most
// relay_reservation_ttl_most.
// Limits: limits.hpp. The swarm owns it, and outlives it. Loop thread only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <kith/net/relay/limits.hpp>
#include <kith/net/relay/message.hpp>
#include <kith/net/swarm.hpp>
#include <kith/net/transports/transport.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::net {

/// A reservation that is held, or sought.
struct RelayReservation {
  multiformats::PeerId relay;
  /// While it is held: where we are reached through the relay.
  std::vector<multiformats::Multiaddr> addresses;
  WallTime expires{};
  std::optional<CircuitLimit> limit;
  std::size_t failures = 0;  ///< in a row
  std::string last_failure;
};

class RelayTransport final : public Transport, public SwarmObserver {
 public:
  RelayTransport(port::Env& env, Swarm& swarm);
  ~RelayTransport() override;

  std::string_view name() const noexcept override { return "p2p-circuit"; }
  bool dials(const multiformats::Multiaddr& address) const override;
  bool listens(const multiformats::Multiaddr& address) const override { return dials(address); }
  /// Returns at once: the reservation comes by and by.
  Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) override;
  /// Errc::refused with the relay's status if it says no.
  Task<std::unique_ptr<Connection>> dial(multiformats::PeerId peer, multiformats::Multiaddr address,
                                         ConnectionTerms terms) override;
  Task<void> close_shielded() override;

  std::vector<RelayReservation> reservations() const;

  void on_disconnected(const ConnectionInfo& connection, bool last) override;

 private:
  class Door;
  class Handle;
  struct Arrival;
  class CircuitIncoming;

  Task<ConnectionId> reach(multiformats::PeerId relay, multiformats::Multiaddr address,
                           AddressSource source, Instant deadline);
  Task<std::unique_ptr<Stream>> ask(ConnectionId relay, HopMessage request, HopMessage& reply,
                                    Instant deadline);
  Task<void> hold(std::shared_ptr<Door> door);
  Task<void> reserve(Door& door);
  Instant fail(Door& door, std::string why);
  void withdraw(Door& door);
  Result<void> take(Door& door, const ConnectionInfo& way, const HopMessage& reply);
  Task<void> serve(std::unique_ptr<Stream> stream);
  Task<void> answer(port::Stream& stream, RelayStatus status, Instant deadline);
  std::shared_ptr<Door> door_of(const multiformats::PeerId& relay) const;

  port::Env& env_;
  port::Logger log_;
  Swarm& swarm_;
  std::map<multiformats::PeerId, std::weak_ptr<Door>> doors_;
  bool closed_ = false;
  port::TaskGroup tasks_;
};

}  // namespace kith::net
