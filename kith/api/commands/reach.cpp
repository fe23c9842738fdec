// nat status; relay status, ls; swarm addrs autonat: whether and how others reach this node, and
// whom it helps to be reached. All but the last are kith's own.
#include <algorithm>
#include <utility>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/nat_report.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

using multiformats::PeerId;

/// A heading's column.
constexpr std::size_t name_columns = 14;

std::string row(std::string_view name, std::string_view text) {
  return fmt::format("{:<{}} {}\n", name, name_columns, text);
}

// nat status

Task<void> run_nat_status(Context& context, const Request&, Output& output) {
  const NatReport report = gather(*context.node);
  co_return co_await output.value(nat_value(report));
}

/// What peers found of one address, in words.
std::string found_words(const json::value& address) {
  const std::int64_t reached = number_of(address, "Reached");
  const std::int64_t tries = reached + number_of(address, "Failed");
  const std::string verdict = text_of(address, "Reachability");
  std::string words = verdict == "Public"    ? "reached"
                      : verdict == "Private" ? "not reached"
                                             : "not known yet";
  if (tries > 0) words += fmt::format(", {} of {} tries got through", reached, tries);
  if (tries == 0 && flag_of(address, "Refused")) words += ", nobody dials such an address";
  if (std::string since = text_of(address, "Since"); !since.empty()) words += ", since " + since;
  return words;
}

std::string mapping_words(std::string_view mapping) {
  if (mapping == "none") return "none: peers see this machine's own address";
  if (mapping == "endpoint-independent")
    return "endpoint-independent: hole punching can make direct connections";
  if (mapping == "endpoint-dependent")
    return "endpoint-dependent: another port for each peer, hole punching mostly fails";
  return "not known yet: it takes peers in two networks";
}

std::string router_rows(const json::value& router) {
  if (!flag_of(router, "Enabled")) return row("Router", "isn't asked for ports, by the settings");
  const std::string protocol = printable(text_of(router, "Protocol"));
  if (protocol.empty()) return row("Router", "none answers that opens ports");
  const std::string outside = text_of(router, "Outside");
  std::string rows = row(
      "Router", fmt::format("{} by {}, outside address {}", printable(text_of(router, "Router")),
                            protocol, outside.empty() ? "unknown" : printable(outside)));
  for (const json::value& one : list_of(router, "Mappings")) {
    rows += row("", fmt::format("{} port {} outside leads to {} here, until {}",
                                printable(text_of(one, "Transport")), number_of(one, "Outside"),
                                number_of(one, "Inside"), printable(text_of(one, "Until"))));
  }
  std::string failure = printable(text_of(router, "LastFailure"));
  return failure.empty() ? rows : rows + row("", "the last request failed: " + failure);
}

std::string reservation_rows(const json::array& reservations) {
  std::string rows;
  for (const json::value& one : reservations) {
    std::string text = printable(text_of(one, "Relay"));
    if (flag_of(one, "Held")) {
      text += " until " + printable(text_of(one, "Expires"));
    } else {
      const std::string failure = printable(text_of(one, "LastFailure"));
      text += failure.empty() ? " is being asked" : " refused: " + failure;
    }
    rows += row("", text);
  }
  return rows;
}

std::string relay_words(const json::value& relays) {
  if (!flag_of(relays, "Enabled")) return "aren't used, by the settings";
  const json::array& all = list_of(relays, "Reservations");
  const auto held =
      std::ranges::count_if(all, [](const json::value& one) { return flag_of(one, "Held"); });
  const std::int64_t known = number_of(relays, "Known");
  if (!flag_of(relays, "Wanted")) return fmt::format("not needed ({} known)", known);
  return fmt::format("{} reserved ({} known)", held, known);
}

std::string hole_words(const json::value& holes) {
  if (!flag_of(holes, "Enabled")) return "off, by the settings";
  const std::int64_t begun = number_of(holes, "Begun");
  if (begun == 0) return "nobody has called through a relay yet";
  return fmt::format("{} begun: {} reached without, {} punched, {} failed", begun,
                     number_of(holes, "Dialed"), number_of(holes, "Punched"),
                     number_of(holes, "Failed"));
}

Result<void> show_nat_status(const json::value& value, const RenderContext& context) {
  std::string out = printable(text_of(value, "Summary")) + "\n";
  for (const json::value& one : list_of(value, "Advice"))
    out += "  " + printable(text_of(one)) + "\n";
  out += "\n";
  std::string_view name = "Addresses";
  for (const json::value& one : list_of(value, "Addresses")) {
    out += row(std::exchange(name, ""), printable(text_of(one, "Address")));
    out += row("", "  " + printable(found_words(one)));
  }
  if (!name.empty()) out += row(name, "none that the internet could reach");
  name = "Seen at";
  for (const json::value& one : list_of(value, "Observed")) {
    const std::int64_t networks = number_of(one, "Networks");
    out += row(std::exchange(name, ""),
               fmt::format("{} from {} network{}", printable(text_of(one, "Address")), networks,
                           networks == 1 ? "" : "s"));
  }
  if (!name.empty()) out += row(name, "nobody has said yet where it sees this node");
  const json::value& nat = member(value, "NAT");
  out += row("NAT", mapping_words(text_of(nat, "Mapping")));
  const std::string behind = text_of(nat, "Behind");
  if (behind == "cgnat") out += row("", "the provider shares one address among customers");
  if (behind == "double-nat") out += row("", "the router stands behind another one");
  out += router_rows(member(value, "PortMapping"));
  const json::value& relays = member(value, "Relays");
  out += row("Relays", relay_words(relays));
  out += reservation_rows(list_of(relays, "Reservations"));
  out += row("Hole punching", hole_words(member(value, "HolePunching")));
  return context.terminal.out(out);
}

// swarm addrs autonat

Task<void> run_addrs_autonat(Context& context, const Request&, Output& output) {
  const NatReport report = gather(*context.node);
  // Kubo leaves out lists that are empty.
  json::object value;
  value["reachability"] = net::to_string(report.overall.verdict);
  if (!report.behind().empty()) value["nat"] = report.behind();
  constexpr std::pair<const char*, net::Reachability> lists[] = {
      {"reachable", net::Reachability::reachable},
      {"unreachable", net::Reachability::unreachable},
      {"unknown", net::Reachability::unknown},
  };
  for (const auto& [key, verdict] : lists) {
    for (const net::AddressReachability::Report& one : report.addresses) {
      if (one.verdict != verdict) continue;
      json::value& list = value[key];
      if (list.is_null()) list.emplace_array();
      list.as_array().emplace_back(one.address.to_string());
    }
  }
  co_return co_await output.value(std::move(value));
}

Result<void> show_addrs_autonat(const json::value& value, const RenderContext& context) {
  std::string out = "AutoNAT V2 Status:\n";
  out += fmt::format("  Reachability: {}\n", printable(text_of(value, "reachability")));
  if (std::string nat = text_of(value, "nat"); !nat.empty())
    out += fmt::format("  NAT: {}\n", printable(nat));
  out += "\nPer-Address Reachability:\n";
  bool any = false;
  constexpr std::pair<const char*, const char*> lists[] = {
      {"reachable", "Reachable"}, {"unreachable", "Unreachable"}, {"unknown", "Unknown"}};
  for (const auto& [key, title] : lists) {
    const json::array& addresses = list_of(value, key);
    if (addresses.empty()) continue;
    any = true;
    out += fmt::format("  {}:\n", title);
    for (const json::value& address : addresses)
      out += fmt::format("    {}\n", printable(text_of(address)));
  }
  if (!any) out += "  (no address reachability data available)\n";
  return context.terminal.out(out);
}

// relay status

json::object relay_limits_value(const net::RelayServiceOptions& options) {
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  return {{"Reservations", options.reservations.all_max},
          {"ReservationsPerIP", options.reservations.per_ip_max},
          {"ReservationsPerNetwork", options.reservations.per_network_max},
          {"ReservationSeconds", duration_cast<seconds>(options.reservation_ttl).count()},
          {"CircuitsPerPeer", options.circuits_per_peer_max},
          {"CircuitSeconds", duration_cast<seconds>(options.circuit_duration_max).count()},
          {"CircuitBytes", options.circuit_bytes_max}};
}

json::object relay_service_value(const NatReport& report, const net::Reach& reach) {
  json::object value;
  const net::RelayServer* server = reach.relay_service();
  value["Enabled"] = server != nullptr;
  value["Serving"] = server != nullptr && server->serving();
  if (server == nullptr) return value;
  json::array reservations;
  for (const auto& [peer, held] : server->reservations().all()) {
    reservations.push_back({{"Peer", peer.to_string()},
                            {"IP", held.from.to_string()},
                            {"Expires", report.time_of(held.until)}});
  }
  value["Reservations"] = std::move(reservations);
  json::array circuits;
  for (const auto& [number, one] : server->open_circuits()) {
    circuits.push_back({{"From", one.from.to_string()},
                        {"To", one.to.to_string()},
                        {"OpenedAt", report.time_of(one.opened_at)},
                        {"BytesForth", one.bytes_forth},
                        {"BytesBack", one.bytes_back}});
  }
  value["Circuits"] = std::move(circuits);
  const net::RelayServer::Counters& counters = server->counters();
  value["CircuitsEver"] = counters.circuits_ever;
  value["Refusals"] = counters.refusals;
  value["BytesCarried"] = counters.bytes_carried;
  value["Limits"] = relay_limits_value(server->options());
  return value;
}

Task<void> run_relay_status(Context& context, const Request&, Output& output) {
  const NatReport report = gather(*context.node);
  json::object value;
  value["Client"] = {{"Enabled", report.relay_client},
                     {"Wanted", report.relays_wanted},
                     {"Known", report.relays_known},
                     {"Reservations", reservations_value(report)}};
  value["Service"] = relay_service_value(report, context.node->reach());
  co_return co_await output.value(std::move(value));
}

std::string service_words(const json::value& service) {
  if (!flag_of(service, "Enabled")) return "off, by the settings";
  if (!flag_of(service, "Serving"))
    return "not now: it begins once peers have found that they can reach this node";
  const json::value& limits = member(service, "Limits");
  return fmt::format("{} of {} places taken, {} circuits open",
                     list_of(service, "Reservations").size(), number_of(limits, "Reservations"),
                     list_of(service, "Circuits").size());
}

Result<void> show_relay_status(const json::value& value, const RenderContext& context) {
  const json::value& client = member(value, "Client");
  std::string out = row("Our relays", relay_words(client));
  out += reservation_rows(list_of(client, "Reservations"));
  for (const json::value& one : list_of(client, "Reservations")) {
    for (const json::value& address : list_of(one, "Addresses"))
      out += row("", "  " + printable(text_of(address)));
  }
  const json::value& service = member(value, "Service");
  out += row("For others", service_words(service));
  for (const json::value& one : list_of(service, "Reservations")) {
    out += row("", fmt::format("{} at {} until {}", printable(text_of(one, "Peer")),
                               printable(text_of(one, "IP")), printable(text_of(one, "Expires"))));
  }
  for (const json::value& one : list_of(service, "Circuits")) {
    out += row(
        "", fmt::format("{} -> {}: {} there, {} back, since {}", printable(text_of(one, "From")),
                        printable(text_of(one, "To")), si_bytes(real_of(one, "BytesForth")),
                        si_bytes(real_of(one, "BytesBack")), printable(text_of(one, "OpenedAt"))));
  }
  if (flag_of(service, "Enabled")) {
    const json::value& limits = member(service, "Limits");
    out += row("So far", fmt::format("{} circuits, {} carried, {} requests refused",
                                     number_of(service, "CircuitsEver"),
                                     si_bytes(real_of(service, "BytesCarried")),
                                     number_of(service, "Refusals")));
    const std::int64_t bytes = number_of(limits, "CircuitBytes");
    const std::int64_t seconds = number_of(limits, "CircuitSeconds");
    out += row("A circuit",
               fmt::format("carries {} each way, for {}",
                           bytes == 0 ? "any amount" : si_bytes(double(bytes)),
                           seconds == 0 ? "any time" : "at most " + how_long(1s * seconds)));
  }
  return context.terminal.out(out);
}

// relay ls

Task<void> run_relay_ls(Context& context, const Request&, Output& output) {
  net::Swarm& swarm = context.node->swarm();
  const std::vector<net::RelayReservation> ours = context.node->reach().reservations();
  json::array relays;
  for (const PeerId& peer : swarm.connected_peers()) {
    const auto& spoken = swarm.peer_store().protocols(peer);
    if (!std::ranges::binary_search(spoken, net::hop_protocol)) continue;
    for (const net::ConnectionInfo& one : swarm.connections_of(peer)) {
      if (one.remote_address.is_relayed()) continue;
      const auto held = std::ranges::find(ours, peer, &net::RelayReservation::relay);
      relays.push_back({{"Peer", peer.to_string()},
                        {"Addr", one.remote_address.to_string()},
                        {"Agent", swarm.peer_store().agent(peer)},
                        {"Reserved", held != ours.end() && !held->addresses.empty()}});
      break;
    }
  }
  json::object value;
  value["Relays"] = std::move(relays);
  co_return co_await output.value(std::move(value));
}

Result<void> show_relay_ls(const json::value& value, const RenderContext& context) {
  std::string out;
  for (const json::value& one : list_of(value, "Relays")) {
    out +=
        fmt::format("{}/p2p/{}{}\n", printable(text_of(one, "Addr")),
                    printable(text_of(one, "Peer")), flag_of(one, "Reserved") ? " reserved" : "");
  }
  return context.terminal.out(out);
}

}  // namespace

void add_reach_commands(CommandTable& table) {
  table.describe_group("nat", "See whether others can reach this node.");
  table.describe_group("relay", "See through whom this node is reached, and whom it helps.");
  table.add(
      {.path = "nat status",
       .tagline = "Show whether others can reach this node, and what to do if they can't.",
       .description =
           "AutoNAT asks peers to dial this node: version 1 for all of it, version 2 for each "
           "address. The RPC's answer is {Reachability, Since, By, AnswersV1, AnswersV2, Summary, "
           "Advice, Addresses: [{Address, Reachability, Reached, Failed, Refused, Since, Asked}], "
           "Observed: [{Address, Peers, Networks, Believed}], NAT: {Mapping, Behind}, "
           "PortMapping: {Enabled, Protocol, Router, Outside, Mappings: [{Transport, Inside, "
           "Outside, Until}], LastFailure}, Relays: {Enabled, Wanted, Known, Reservations: "
           "[{Relay, Held, Expires, Addresses, Limit, Failures, LastFailure}]}, HolePunching: "
           "{Enabled, Begun, Dialed, Punched, Failed}}.",
       .where = Where::network,
       .run = run_nat_status,
       .renderer = [](const RenderContext& context) {
         return text_renderer(context, show_nat_status);
       }});
  table.add({.path = "swarm addrs autonat",
             .tagline = "Show which addresses others could reach.",
             .where = Where::network,
             .run = run_addrs_autonat,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_addrs_autonat);
             }});
  table.add({.path = "relay status",
             .tagline = "Show the relays that hold a place for us, and for whom we hold one.",
             .description =
                 "The RPC's answer is {Client: {Enabled, Wanted, Known, Reservations}, "
                 "Service: {Enabled, Serving, Reservations: [{Peer, IP, Expires}], Circuits: "
                 "[{From, To, OpenedAt, BytesForth, BytesBack}], CircuitsEver, Refusals, "
                 "BytesCarried, Limits}}. The limits are those of Swarm.RelayService.",
             .where = Where::network,
             .run = run_relay_status,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_relay_status);
             }});
  table.add({.path = "relay ls",
             .tagline = "List the connected peers that are relays.",
             .description = "Such an address is what Swarm.RelayClient.StaticRelays takes.",
             .where = Where::network,
             .run = run_relay_ls,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_relay_ls);
             }});
}

}  // namespace kith::api
