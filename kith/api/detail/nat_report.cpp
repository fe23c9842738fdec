#include <algorithm>
#include <map>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <kith/api/detail/nat_report.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/net/address_scope.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using net::NatMapping;
using net::Reachability;

std::size_t speakers(net::Swarm& swarm, const std::vector<PeerId>& peers,
                     std::string_view protocol) {
  return static_cast<std::size_t>(std::ranges::count_if(peers, [&](const PeerId& peer) {
    return std::ranges::binary_search(swarm.peer_store().protocols(peer), protocol) &&
           swarm.direct_connection_to(peer).has_value();
  }));
}

std::string_view transport_name(net::IpTransport transport) {
  return transport == net::IpTransport::tcp ? "tcp" : "udp";
}

/// 100.64/10, which providers share among customers (RFC 6598).
bool is_shared_by_customers(const port::IpAddress& address) {
  return address.is_v4() && address.bytes()[0] == 100 && (address.bytes()[1] & 0xc0) == 64;
}

/// The machine's address in its network, for whoever opens a port to it.
std::string own_address(const NatReport& report) {
  for (const Multiaddr& one : report.listening) {
    const std::optional<port::Endpoint> endpoint = net::endpoint_of(one);
    if (endpoint && endpoint->address.is_v4()) return endpoint->address.to_string();
  }
  return {};
}

std::string relay_names(const NatReport& report) {
  std::string names;
  for (const net::RelayReservation& one : report.reservations) {
    if (one.addresses.empty()) continue;
    names += (names.empty() ? "" : ", ") + one.relay.to_string();
  }
  return names;
}

std::string by_relays(const NatReport& report) {
  const std::size_t held = report.relays_held();
  if (held == 0) return {};
  return fmt::format("peers reach you by {} {}", held == 1 ? "relay" : "the relays",
                     relay_names(report));
}

std::string port_advice(const NatReport& report) {
  if (report.behind() == "cgnat") {
    return fmt::format(
        "Your provider shares the address {} among customers, so no port can be opened in your "
        "router: ask the provider for an address of your own, or for IPv6.",
        report.router.outside->to_string());
  }
  if (report.behind() == "double-nat") {
    return fmt::format(
        "Your router ({}) stands behind another one (it is at {}): open {} in both, or connect "
        "this machine to the outer one.",
        report.router.router->to_string(), report.router.outside->to_string(), report.ports());
  }
  const std::string own = own_address(report);
  const std::string to = own.empty() ? "" : " to " + own;
  if (!report.router.mappings.empty()) {
    return fmt::format(
        "Your router passes {} on, and still nobody gets through: look for a firewall on this "
        "machine.",
        report.ports());
  }
  if (!report.port_mapping) {
    return fmt::format(
        "Open {} in your router{}; the setting Swarm.DisableNatPortMap keeps this "
        "node from asking the router itself.",
        report.ports(), to);
  }
  return fmt::format("Open {} in your router{}, or turn on automatic port mapping there.",
                     report.ports(), to);
}

std::string relay_advice(const NatReport& report) {
  if (!report.relays || !report.relay_client) {
    return "Until then nobody can call this node: Swarm.RelayClient.Enabled would let relays help.";
  }
  if (report.relays_held() > 0) return "Or leave it: " + by_relays(report) + ".";
  for (const net::RelayReservation& one : report.reservations) {
    if (one.last_failure.empty()) continue;
    return fmt::format("No relay serves you yet: the last that was asked ({}) said: {}.",
                       one.relay.to_string(), one.last_failure);
  }
  if (report.relays_known == 0) {
    return "No relay is known yet: one comes with more peers, or name some in "
           "Swarm.RelayClient.StaticRelays.";
  }
  return "Relays are being asked: look again in half a minute.";
}

std::vector<std::string> unknown_advice(const NatReport& report) {
  if (report.peers == 0) {
    return {
        "Connect to somebody: `swarm connect <address>`, or check that this machine is "
        "online."};
  }
  if (report.peers_asked_v1 + report.peers_asked_v2 == 0) {
    return {
        "Nobody you are connected to tries out addresses for others: it will be known once "
        "more peers are connected."};
  }
  return {"Peers are being asked: look again in half a minute."};
}

json::value text_or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

json::object address_value(const NatReport& report, const net::AddressReachability::Report& known) {
  json::object value;
  value["Address"] = known.address.to_string();
  value["Reachability"] = net::to_string(known.verdict);
  value["Reached"] = known.reached;
  value["Failed"] = known.failed;
  value["Refused"] = known.refused;
  value["Since"] =
      text_or_null(known.since.transform([&](Instant at) { return report.time_of(at); }));
  value["Asked"] =
      text_or_null(known.asked_at.transform([&](Instant at) { return report.time_of(at); }));
  return value;
}

json::object router_value(const NatReport& report) {
  const net::PortMappings& router = report.router;
  json::object value;
  value["Enabled"] = report.port_mapping;
  value["Protocol"] = router.protocol;
  value["Router"] = router.router ? router.router->to_string() : "";
  value["Outside"] = router.outside ? router.outside->to_string() : "";
  json::array mappings;
  for (const net::PortMappings::One& one : router.mappings) {
    json::object mapping;
    mapping["Transport"] = transport_name(one.transport);
    mapping["Inside"] = one.inside;
    mapping["Outside"] = one.outside;
    mapping["Until"] = report.time_of(one.until);
    mappings.push_back(std::move(mapping));
  }
  value["Mappings"] = std::move(mappings);
  value["LastFailure"] = router.last_failure;
  return value;
}

}  // namespace

std::string NatReport::time_of(Instant instant) const {
  return rfc3339(wall + (instant - now));
}

std::string NatReport::ports() const {
  std::map<std::uint16_t, std::set<std::string_view>> kinds;
  for (const Multiaddr& one : listening) {
    const std::optional<net::TransportAddress> found = net::transport_address(one);
    if (!found || !found->endpoint || one.is_relayed()) continue;
    kinds[found->endpoint->port].insert(found->kind == net::TransportKind::quic ? "UDP" : "TCP");
  }
  std::string text;
  for (const auto& [port, names] : kinds) {
    text += fmt::format("{}{} port {}", text.empty() ? "" : ", ", fmt::join(names, " and "), port);
  }
  return text.empty() ? "a port" : text;
}

std::size_t NatReport::relays_held() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      reservations, [](const net::RelayReservation& one) { return !one.addresses.empty(); }));
}

std::string_view NatReport::behind() const {
  if (!router.router || !router.outside) return "";
  if (is_shared_by_customers(*router.outside)) return "cgnat";
  return net::scope_of(*router.outside) == net::AddressScope::global ? "" : "double-nat";
}

NatReport gather(node::Node& node) {
  NatReport report;
  net::Swarm& swarm = node.swarm();
  const net::Reach& reach = node.reach();
  report.now = node.env().clock.now();
  report.wall = node.env().wall.now();
  if (const net::AutonatClient* autonat = reach.autonat()) {
    report.overall = autonat->overall();
    report.addresses = autonat->address_reports();
  } else {
    report.forced = true;
    report.overall.verdict = reach.verdict();
  }
  const std::vector<PeerId> peers = swarm.connected_peers();
  report.peers = peers.size();
  report.peers_asked_v1 = speakers(swarm, peers, net::autonat_v1_protocol);
  report.peers_asked_v2 = speakers(swarm, peers, net::autonat_dial_protocol);
  for (Multiaddr& one : swarm.reachable_addresses()) {
    if (net::scope_of(one) != net::AddressScope::loopback) report.listening.push_back(one);
  }
  report.observed = node.identify().observed_addresses();
  std::ranges::stable_sort(report.observed, std::ranges::greater{},
                           &net::Identify::Observed::networks);
  report.mapping = reach.nat_mapping();
  if (const net::PortMapper* mapper = reach.port_mapper()) {
    report.port_mapping = true;
    report.router = mapper->report();
  }
  report.relays = reach.options().relays;
  report.relay_client = reach.auto_relay() != nullptr;
  report.relays_wanted = report.relay_client && reach.auto_relay()->wants_relays();
  report.reservations = reach.reservations();
  report.relays_known = speakers(swarm, peers, net::hop_protocol);
  if (const net::HolePuncher* puncher = reach.hole_puncher()) {
    report.hole_punching = true;
    report.punches = puncher->counters();
  }
  return report;
}

std::string nat_summary(const NatReport& report) {
  const std::string since =
      report.overall.since ? fmt::format(" (for {})", how_long(report.now - *report.overall.since))
                           : "";
  const std::string by_setting = report.forced ? ", by the settings" : "";
  switch (report.overall.verdict) {
    case Reachability::reachable:
      return fmt::format("Others reach this node directly{}{}.", by_setting, since);
    case Reachability::unreachable:
      return fmt::format("Nobody who tried reached {}{}{}.", report.ports(), by_setting, since);
    case Reachability::unknown:
      break;
  }
  return "Whether others can reach this node isn't known yet.";
}

std::vector<std::string> nat_advice(const NatReport& report) {
  std::vector<std::string> advice;
  if (report.listening.empty()) {
    return {"This node listens on nothing but this computer itself: Addresses.Swarm says where."};
  }
  if (report.overall.verdict == Reachability::reachable) return advice;
  if (report.overall.verdict == Reachability::unknown) return unknown_advice(report);
  advice.push_back(port_advice(report));
  advice.push_back(relay_advice(report));
  if (report.hole_punching && report.mapping == NatMapping::endpoint_dependent) {
    advice.emplace_back(
        "Your NAT shows another port to each peer, so that direct connections with others behind "
        "a NAT mostly fail: an open port is worth the more.");
  }
  return advice;
}

json::array reservations_value(const NatReport& report) {
  json::array all;
  for (const net::RelayReservation& one : report.reservations) {
    json::object value;
    value["Relay"] = one.relay.to_string();
    const bool held = !one.addresses.empty();
    value["Held"] = held;
    value["Expires"] = held ? json::value(rfc3339(one.expires)) : json::value(nullptr);
    json::array addresses;
    for (const Multiaddr& address : one.addresses)
      addresses.emplace_back(address.to_string());
    value["Addresses"] = std::move(addresses);
    json::value& limit = value["Limit"];
    if (one.limit) {
      limit = {{"Seconds", one.limit->duration_s}, {"Bytes", one.limit->data_bytes}};
    }
    value["Failures"] = one.failures;
    value["LastFailure"] = one.last_failure;
    all.push_back(std::move(value));
  }
  return all;
}

json::object nat_value(const NatReport& report) {
  json::object value;
  value["Reachability"] = net::to_string(report.overall.verdict);
  value["Since"] =
      text_or_null(report.overall.since.transform([&](Instant at) { return report.time_of(at); }));
  const bool known = report.overall.verdict != Reachability::unknown;
  value["By"] = report.forced          ? "settings"
                : !known               ? ""
                : report.overall.by_v1 ? "autonat-v1"
                                       : "autonat-v2";
  value["AnswersV1"] = report.overall.answers_v1;
  value["AnswersV2"] = report.overall.answers_v2;
  value["Summary"] = nat_summary(report);
  const std::vector<std::string> advice = nat_advice(report);
  value["Advice"] = json::array(advice.begin(), advice.end());
  json::array addresses;
  for (const net::AddressReachability::Report& one : report.addresses)
    addresses.push_back(address_value(report, one));
  value["Addresses"] = std::move(addresses);
  json::array observed;
  for (const net::Identify::Observed& one : report.observed) {
    observed.push_back({{"Address", one.address.to_string()},
                        {"Peers", one.peers},
                        {"Networks", one.networks},
                        {"Believed", one.networks >= net::observers_wanted}});
  }
  value["Observed"] = std::move(observed);
  value["NAT"] = {{"Mapping", net::to_string(report.mapping)}, {"Behind", report.behind()}};
  value["PortMapping"] = router_value(report);
  value["Relays"] = {{"Enabled", report.relay_client},
                     {"Wanted", report.relays_wanted},
                     {"Known", report.relays_known},
                     {"Reservations", reservations_value(report)}};
  value["HolePunching"] = {{"Enabled", report.hole_punching},
                           {"Begun", report.punches.begun},
                           {"Dialed", report.punches.dialed},
                           {"Punched", report.punches.punched},
                           {"Failed", report.punches.failed}};
  return value;
}

}  // namespace kith::api
