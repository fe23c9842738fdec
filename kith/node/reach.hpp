// Reach: everything that makes an online node reachable, and tells whether it is: relays for us and
// us as a relay, hole punching, AutoNAT both ways, ports mapped by the router, and the addresses
// that others see us at. Wired by hand, as the node is.
//
//   AutonatClient says     reachable    -> the relay service is served (if the settings want it)
//                          unreachable  -> AutoRelay seeks relays, AutoNAT v1 isn't served
//                          unknown      -> neither
//
// Ownership: the node's network owns it, beside the swarm, which outlives it. begin_close() before
// the swarm is closed, close_shielded() after. Loop thread only.
#pragma once

#include <memory>
#include <vector>

#include <kith/net/identify.hpp>
#include <kith/net/nat/autonat_client.hpp>
#include <kith/net/nat/autonat_server.hpp>
#include <kith/net/nat/port_mapper.hpp>
#include <kith/net/relay/auto_relay.hpp>
#include <kith/net/relay/client.hpp>
#include <kith/net/relay/hole_puncher.hpp>
#include <kith/net/relay/server.hpp>
#include <kith/net/swarm.hpp>
#include <kith/node/config.hpp>
#include <kith/port/env.hpp>
#include <kith/port/task_group.hpp>

namespace kith::node {

class Reach {
 public:
  /// After the swarm's transports were set, before it listens.
  Reach(port::Env& env, net::Swarm& swarm, net::Identify& identify, const NodeSettings& settings);

  net::Reachability verdict() const;
  /// Reservations that we hold or seek at relays.
  std::vector<net::RelayReservation> reservations() const;
  /// Null unless this node serves as a relay.
  const net::RelayServer* relay_service() const noexcept { return server_.get(); }

  Task<void> begin_close();
  Task<void> close_shielded();

 private:
  void adapt();
  Task<void> watch_loop();
  void announce_outside();
  std::vector<multiformats::Multiaddr> outside(std::size_t networks_least) const;
  std::vector<multiformats::Multiaddr> candidates(std::size_t networks_least) const;

  port::Env& env_;
  net::Swarm& swarm_;
  net::Identify& identify_;
  ReachabilitySettings settings_;
  net::AnnounceRules announce_;
  net::RelayTransport* transport_ = nullptr;  ///< the swarm's
  std::unique_ptr<net::RelayServer> server_;
  std::unique_ptr<net::AutoRelay> auto_relay_;
  std::unique_ptr<net::HolePuncher> puncher_;
  std::unique_ptr<net::AutonatServer> autonat_server_;
  std::unique_ptr<net::AutonatClient> autonat_;
  std::unique_ptr<net::PortMapper> mapper_;
  std::vector<multiformats::Multiaddr> announced_;  ///< besides what we listen on
  port::TaskGroup tasks_;
};

}  // namespace kith::node
