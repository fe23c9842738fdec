// How this node is reached: what is known of it put together, as JSON and in words that a person
// can act on. `nat status`, `relay status`, `doctor` and `swarm addrs autonat` say the same since
// they all ask here.
//
// gather() looks at a node; the rest is pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include <kith/net/nat/reach.hpp>

namespace kith::node {
class Node;
}

namespace kith::api {

namespace json = boost::json;

struct NatReport {
  Instant now{};
  WallTime wall{};

  // Whether others reach us.
  bool forced = false;  ///< by the settings
  net::AutonatClient::Overall overall{};
  std::vector<net::AddressReachability::Report> addresses{};
  std::size_t peers = 0;           ///< that are connected
  std::size_t peers_asked_v1 = 0;  ///< of these, how many answer AutoNAT
  std::size_t peers_asked_v2 = 0;

  // Where.
  std::vector<multiformats::Multiaddr> listening{};  ///< on what isn't loopback
  std::vector<net::Identify::Observed> observed{};
  net::NatMapping mapping = net::NatMapping::unknown;
  bool port_mapping = false;  ///< wanted
  net::PortMappings router{};

  // Relays.
  bool relays = false;
  bool relay_client = false;
  bool relays_wanted = false;
  std::vector<net::RelayReservation> reservations{};
  std::size_t relays_known = 0;  ///< connected peers that offer it
  bool hole_punching = false;
  net::HolePuncher::Counters punches{};

  /// As text: "2026-11-30T06:30:00Z".
  std::string time_of(Instant instant) const;
  /// Ports that the router would have to pass on: "TCP and UDP port 4001".
  std::string ports() const;
  std::size_t relays_held() const;
  /// "cgnat", "double-nat", or empty if that isn't known: what stands before the router.
  std::string_view behind() const;
};

NatReport gather(node::Node& node);

/// One sentence on whether and how others reach this node.
std::string nat_summary(const NatReport& report);
/// What can be done about it, a sentence or two each, best first; nothing if all is well.
std::vector<std::string> nat_advice(const NatReport& report);

/// What `nat status` answers.
json::object nat_value(const NatReport& report);
/// The client's part of `relay status`.
json::array reservations_value(const NatReport& report);

}  // namespace kith::api
