// Bootstrap: keeps a node in touch with the network. While it has fewer than peers_wanted
// connections it dials a few peers at a time, half of them from its bootstrap list and half from
// those that it knew before (either's share goes to the other if it has none), so that a list whose
// peers are all down doesn't keep it from the peers that it remembers, nor the other way round. It
// waits longer after each round that brings none, and asks a peer of the list that failed only
// after a pause that grows, of random length, so that those who were cut off at one moment don't
// all come back at another. With enough connections nobody is asked.
//
// Of the remembered ones those come first that we have reached before and that haven't failed since
// they were last all tried, else in random order. Peers that the swarm leaves alone for now cost
// nothing but their turn. An empty list is fine: then there are only the remembered peers, and
// those who connect to us. Loop thread only.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include <kith/multiformats/multiaddr.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/env.hpp>

namespace kith::discovery {

inline constexpr std::size_t bootstrap_peers_wanted = 4;
inline constexpr std::size_t bootstrap_dials_at_once = 4;
/// Peers that are looked at in a round for each that is really dialed.
inline constexpr std::size_t bootstrap_candidates_per_dial = 16;
inline constexpr Duration bootstrap_interval = 30s;
inline constexpr Duration bootstrap_interval_max = 10min;
/// Of a listed peer that failed, doubled by each further failure. A node that was offline for long
/// shall be back soon.
inline constexpr Duration bootstrap_pause = 1min;
inline constexpr Duration bootstrap_pause_max = 15min;

/// Which peers of the list failed, and until when they are left in peace. Pure.
class BootstrapPauses {
 public:
  bool allows(const multiformats::PeerId& peer, Instant now) const;
  /// `chance` is a random number below 1,000,000: a pause is between the half and the whole of what
  /// the failures come to.
  void failed(const multiformats::PeerId& peer, Instant now, std::uint64_t chance);
  void succeeded(const multiformats::PeerId& peer) { pauses_.erase(peer); }
  /// When the next pause is over; `never` if there is none.
  Instant next_over(Instant now) const;

 private:
  struct Pause {
    int failures = 0;
    Instant until{};
  };
  std::map<multiformats::PeerId, Pause> pauses_;
};
inline constexpr std::uint64_t bootstrap_chances = 1'000'000;

/// The peers of the public IPFS network to begin with, each an address that ends in /p2p.
const std::vector<std::string_view>& default_bootstrap();

/// Runs until it is cancelled. Addresses without a /p2p part are left out.
Task<void> keep_bootstrapped(port::Env& env, net::Swarm& swarm,
                             std::vector<multiformats::Multiaddr> bootstrap);

}  // namespace kith::discovery
