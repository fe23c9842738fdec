// PortMapper: has the router pass on connections to where we listen (NAT-PMP, RFC 6886).
//
// Routers are those of the machine's default routes, asked in turn until one answers; nothing is
// sent anywhere else. Each TCP port and each QUIC port that the swarm listens on for more than
// loopback is asked for, renewed at half of its lifetime, and given back at the end. What a router
// says is believed as far as it can be true: an address that isn't public (a router behind another
// one) helps nobody and isn't told.
// Limits: limits.hpp. Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <kith/net/nat/nat_pmp.hpp>
#include <kith/net/nat/port_mappings.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::net {

class PortMapper final : public SwarmObserver {
 public:
  using Gateways = std::function<std::vector<port::IpAddress>()>;
  /// Told when the addresses have changed; on the loop.
  using Changed = std::function<void()>;

  PortMapper(port::Env& env, Swarm& swarm, Gateways gateways, Changed changed);
  ~PortMapper() override;

  /// Where we are reached through mappings that are in force.
  std::vector<multiformats::Multiaddr> addresses() const;

  /// What the router was asked for and has done, for people.
  PortMappings report() const;

  /// Gives back what is mapped, within a moment.
  Task<void> close_shielded();

  void on_listen_addresses_changed() override { changed_ports_.notify_all(); }

 private:
  struct Key {
    IpTransport transport{};
    std::uint16_t port = 0;
    auto operator<=>(const Key&) const = default;
  };
  struct Mapping {
    std::uint16_t outside = 0;
    Instant renew_at{};
    Instant until{};
  };

  Task<void> run();
  Task<void> look();
  Task<void> find_router();
  Task<void> map(Key key, std::uint32_t lifetime_s);
  Task<NatPmpAnswer> ask(port::IpAddress router, Bytes request);
  Task<void> give_back();
  std::vector<Key> wanted() const;
  Instant next_look() const;
  void forget_router();

  port::Env& env_;
  port::Logger log_;
  Swarm& swarm_;
  Gateways gateways_;
  Changed changed_;
  std::optional<port::IpAddress> router_;
  port::IpAddress outside_;
  std::map<Key, Mapping> mappings_;
  std::string last_failure_;
  port::Event changed_ports_;
  port::TaskGroup tasks_;
};

}  // namespace kith::net
