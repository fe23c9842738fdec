// Reach: everything that makes a peer reachable, and tells whether it is: relays for us and
// us as a relay, hole punching, AutoNAT both ways, ports mapped by the router, and the addresses
// that others see us at, wired by hand.
//
//   AutonatClient says     reachable    -> the relay service is served (if the settings want it)
//                          unreachable  -> AutoRelay seeks relays, AutoNAT v1 isn't served
//                          unknown      -> neither
//
// Ownership: whoever has the swarm, which outlives it. begin_close() before
// the swarm is closed, close_shielded() after. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <kith/net/identify.hpp>
#include <kith/net/nat/autonat_client.hpp>
#include <kith/net/nat/autonat_server.hpp>
#include <kith/net/nat/nat_mapping.hpp>
#include <kith/net/nat/port_mapper.hpp>
#include <kith/net/relay/auto_relay.hpp>
#include <kith/net/relay/client.hpp>
#include <kith/net/relay/hole_puncher.hpp>
#include <kith/net/relay/server.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/env.hpp>
#include <kith/port/task_group.hpp>

namespace kith::net {

struct ReachOptions {
  bool relays = true;                        ///< without it nothing of relays
  bool relay_client = true;                  ///< relays are sought while we can't be reached
  std::vector<StaticRelay> static_relays{};  ///< in place of those that are found
  bool relay_service = true;                 ///< we are a relay while we can be reached
  RelayServiceOptions relay_limits{};
  bool hole_punching = true;
  bool port_mapping = true;
  bool autonat_service = true;
  AutonatServerOptions autonat{};
  /// What AutoNAT needn't find out; unknown if it shall.
  Reachability forced = Reachability::unknown;
  /// Told of each verdict until begin_close(); the first one inside the constructor.
  std::function<void(Reachability)> on_verdict{};
};

class Reach {
 public:
  /// After the swarm's transports were set, before it listens.
  Reach(port::Env& env, Swarm& swarm, Identify& identify, ReachOptions options,
        AnnounceRules announce = {});

  Reachability verdict() const;
  /// Reservations that we hold or seek at relays.
  std::vector<RelayReservation> reservations() const;
  /// Null unless this node serves as a relay.
  const RelayServer* relay_service() const noexcept { return server_.get(); }

  // For people.

  const ReachOptions& options() const noexcept { return settings_; }
  /// Null where the settings say what it would find out.
  const AutonatClient* autonat() const noexcept { return autonat_.get(); }
  /// Null where the settings don't want it, as the next two.
  const PortMapper* port_mapper() const noexcept { return mapper_.get(); }
  const HolePuncher* hole_puncher() const noexcept { return puncher_.get(); }
  const AutoRelay* auto_relay() const noexcept { return auto_relay_.get(); }
  NatMapping nat_mapping() const;

  Task<void> begin_close();
  Task<void> close_shielded();

 private:
  void adapt();
  Task<void> watch_loop();
  void announce_outside();
  std::vector<multiformats::Multiaddr> outside(std::size_t networks_least) const;
  std::vector<multiformats::Multiaddr> candidates(std::size_t networks_least) const;

  port::Env& env_;
  Swarm& swarm_;
  Identify& identify_;
  ReachOptions settings_;
  AnnounceRules announce_;
  RelayTransport* transport_ = nullptr;  ///< the swarm's
  std::unique_ptr<RelayServer> server_;
  std::unique_ptr<AutoRelay> auto_relay_;
  std::unique_ptr<HolePuncher> puncher_;
  std::unique_ptr<AutonatServer> autonat_server_;
  std::unique_ptr<AutonatClient> autonat_;
  std::unique_ptr<PortMapper> mapper_;
  std::vector<multiformats::Multiaddr> announced_;  ///< besides what we listen on
  port::TaskGroup tasks_;
};

}  // namespace kith::net
