// PortMapper: has the router pass on connections to where we listen, by PCP, NAT-PMP or UPnP
// (mapping_gateway.hpp).
//
// Routers are those of the machine's default routes, asked in turn and in that order of protocols
// until one opens a port; but for UPnP's search, which is multicast, nothing is sent anywhere else.
// Each TCP port and each QUIC port that the swarm listens on for more than loopback is asked for,
// renewed at half of its lifetime or when the router has begun anew, and given back at the end or
// when nobody listens there any more. What a router says is believed as far as it can be true: an
// address that isn't public (a router behind another one) helps nobody and isn't told.
// Limits: limits.hpp. Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <kith/net/nat/mapping_gateway.hpp>
#include <kith/net/nat/pcp.hpp>
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
  struct Opened {
    IpTransport transport{};
    std::uint16_t inside = 0;
    port::Endpoint outside;
    Instant until;
    std::string_view protocol;  ///< MappingGateway::protocol
  };
  /// Those mappings, whether their address is public or not.
  std::vector<Opened> opened() const;

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
    port::Endpoint outside{};
    Instant renew_at{};
    Instant until{};
    std::string_view protocol{};
  };

  Task<void> run();
  Task<void> look();
  Task<void> find_gateway(std::vector<Key> keys);
  Task<void> renew(MappingGateway& gateway, std::vector<Key> keys);
  Task<void> map(MappingGateway& gateway, Key key);
  Task<void> give_back(std::vector<Key> keep);
  std::vector<Key> wanted() const;
  static std::optional<Key> mappable(const multiformats::Multiaddr& address);
  Instant next_look() const;
  void renew_all();

  port::Env& env_;
  port::Logger log_;
  Swarm& swarm_;
  Gateways gateways_;
  Changed changed_;
  PcpNonce nonce_{};
  std::unique_ptr<MappingGateway> gateway_;  ///< that has opened a port
  std::optional<port::IpAddress> router_;    ///< where that one is
  std::map<Key, Mapping> mappings_;
  std::string last_failure_;
  port::Event changed_ports_;
  port::TaskGroup tasks_;
};

}  // namespace kith::net
