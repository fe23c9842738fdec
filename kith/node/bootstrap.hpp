// Bootstrap: keeps a node in touch with the network. While it has fewer than peers_wanted
// connections it dials peers of its bootstrap list and peers it knew before, a few at a time, and
// waits longer after each round that brings none. An empty list is fine: then there are only the
// remembered peers, and those who connect to us. Loop thread only.
#pragma once

#include <vector>

#include <kith/multiformats/multiaddr.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/env.hpp>

namespace kith::node {

inline constexpr std::size_t bootstrap_peers_wanted = 4;
inline constexpr std::size_t bootstrap_dials_at_once = 4;
inline constexpr Duration bootstrap_interval = 30s;
inline constexpr Duration bootstrap_interval_max = 10min;

/// Runs until it is cancelled. Addresses without a /p2p part are left out.
Task<void> keep_bootstrapped(port::Env& env, net::Swarm& swarm,
                             std::vector<multiformats::Multiaddr> bootstrap);

}  // namespace kith::node
