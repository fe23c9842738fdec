// Peering: peers that this node is to be connected with always (Peering.Peers, `swarm peering`).
//
//   listed --> connected --> lost --> dialed again after peering_wait, later each time that fails
//
// They are protected from trimming, and what the swarm holds against their addresses doesn't count.
// Of more than peering_peers_max none is taken. Whoever is told to keep a peer on both sides has a
// connection that comes back soon after either of them. Ownership: the swarm outlives it;
// close_shielded() before the swarm is closed. Loop thread only.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include <kith/net/swarm.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::node {

/// One that is to be kept, and where it is, without /p2p; none: wherever it is known to be.
struct PeeredPeer {
  multiformats::PeerId peer;
  std::vector<multiformats::Multiaddr> addresses;
};

inline constexpr std::size_t peering_peers_max = 256;
inline constexpr std::size_t peering_addresses_max = 32;
inline constexpr std::size_t peering_dials_at_once = 8;
/// Before the first attempt that follows a loss or a failure; half as much again for each further
/// failure, and up to as much by chance.
inline constexpr Duration peering_wait = 5s;
inline constexpr Duration peering_wait_max = 10min;
static_assert(peering_wait < peering_wait_max);

class Peering final : public net::SwarmObserver {
 public:
  Peering(port::Env& env, net::Swarm& swarm);
  ~Peering() override;

  /// Keeps the peer from now on; addresses take the place of those that it had. Errc::refused for
  /// this node itself, Errc::limit_exceeded.
  Result<void> add(PeeredPeer peer);
  /// Keeps it no more; its connection stays as long as others want it. False if it wasn't kept.
  bool remove(const multiformats::PeerId& peer);
  std::vector<PeeredPeer> list() const;
  bool keeps(const multiformats::PeerId& peer) const { return kept_.contains(peer); }

  Task<void> close_shielded();

  void on_connected(const net::ConnectionInfo& connection) override;
  void on_disconnected(const net::ConnectionInfo& connection, bool last) override;

 private:
  struct Kept {
    std::vector<multiformats::Multiaddr> addresses;
    Instant next_try{};
    Duration wait = peering_wait;
    bool dialing = false;
  };
  Task<void> run();
  Task<void> dial(multiformats::PeerId peer);

  port::Env& env_;
  port::Logger log_;
  net::Swarm& swarm_;
  std::map<multiformats::PeerId, Kept> kept_;
  port::Event changed_;
  port::TaskGroup dials_;
  port::TaskGroup tasks_;
};

}  // namespace kith::node
