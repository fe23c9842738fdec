// RelayServer: lets peers that can't be reached be reached through this node
// (libp2p/specs relay/circuit-v2.md, the hop protocol).
//
//   A -> us   reserve            us -> A  ok, until when, our addresses, a voucher; or why not
//   B -> us   connect to A       us -> A  [stop] B is there     A -> us  ok
//                                us -> B  ok; from now on bytes go both ways
//
// Never an open proxy: a circuit leads only to a peer that holds a reservation and over a
// connection that is there already; nothing is dialed. Neither reservations nor circuits are given
// over connections that are relayed themselves. A reservation ends with the peer's last direct
// connection.
// A circuit ends, and both its streams are reset, when its time is up or one side has sent more
// than it may. What it holds in memory is one read of at most buffer_bytes in each direction: who
// reads slowly slows the other side down.
// Limits: limits.hpp. Loop thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include <kith/net/relay/message.hpp>
#include <kith/net/relay/reservations.hpp>
#include <kith/net/swarm.hpp>

namespace kith::net {

struct RelayServiceOptions {
  ReservationLimits reservations{};
  Duration reservation_ttl = relay_reservation_ttl;
  std::size_t circuits_per_peer_max = relay_circuits_per_peer_max;
  /// Of a circuit; zero is no limit.
  Duration circuit_duration_max = relay_circuit_duration_max;
  std::uint64_t circuit_bytes_max = relay_circuit_bytes_max;
  std::size_t buffer_bytes = relay_buffer_bytes;
};

class RelayServer final : public SwarmObserver {
 public:
  /// Serves from now on.
  RelayServer(port::Env& env, Swarm& swarm, RelayServiceOptions options = {});
  ~RelayServer() override;

  /// Serves nobody new, and forgets who held a reservation. Circuits go on to their ends.
  void stop();
  /// Serves again after stop().
  void resume();
  /// After the swarm has been closed.
  Task<void> close_shielded();

  const Reservations& reservations() const noexcept { return reservations_; }
  struct Counters {
    std::size_t circuits = 0;  ///< open now
    std::uint64_t circuits_ever = 0;
    std::uint64_t refusals = 0;
    std::uint64_t bytes_carried = 0;  ///< both directions
  };
  const Counters& counters() const noexcept { return counters_; }
  bool serving() const noexcept { return serving_; }
  const RelayServiceOptions& options() const noexcept { return options_; }

  /// A circuit that is open, or is being made.
  struct CircuitReport {
    multiformats::PeerId from;
    multiformats::PeerId to;
    Instant opened_at{};
    std::uint64_t bytes_forth = 0;
    std::uint64_t bytes_back = 0;
  };
  /// By age, the oldest first.
  const std::map<std::uint64_t, CircuitReport>& open_circuits() const noexcept { return open_; }

  void on_disconnected(const ConnectionInfo& connection, bool last) override;

 private:
  class Place;
  struct Circuit;
  struct Flow;

  Task<void> serve(std::unique_ptr<Stream> stream);
  Task<void> sweep_loop();
  HopMessage reserve(const ConnectionInfo& from);
  RelayStatus may_connect(const ConnectionInfo& from, const multiformats::PeerId& to) const;
  Task<void> connect(std::unique_ptr<Stream> stream, port::BufferedReader& reader,
                     const ConnectionInfo& from, multiformats::PeerId to);
  Task<void> stop_handshake(port::Stream& stream, port::BufferedReader& reader,
                            multiformats::PeerId from, Instant deadline);
  Task<void> carry_both_ways(Circuit& circuit);
  Task<void> carry(Circuit& circuit, Flow flow);
  Task<void> answer(port::Stream& stream, HopMessage message);
  Task<void> refuse(port::Stream& stream, RelayStatus why);
  std::size_t circuits_of(const multiformats::PeerId& peer) const;
  std::optional<CircuitLimit> circuit_limit() const;
  void end_reservation(const multiformats::PeerId& peer);

  port::Env& env_;
  port::Logger log_;
  Swarm& swarm_;
  RelayServiceOptions options_;
  Reservations reservations_;
  std::map<multiformats::PeerId, std::size_t> circuits_;
  Counters counters_;
  std::map<std::uint64_t, CircuitReport> open_;  ///< by number
  std::uint64_t next_circuit_ = 0;
  bool serving_ = false;
  port::TaskGroup tasks_;
};

}  // namespace kith::net
