// swarm connect, disconnect, peers, addrs; bootstrap; stats bw, stats bitswap, bitswap stat,
// bitswap wantlist.
#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/values.hpp>
#include <kith/api/duration.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

constexpr Duration connect_deadline = 60s;

json::object strings_value(std::vector<std::string> texts) {
  json::object value;
  value["Strings"] = json::array(texts.begin(), texts.end());
  return value;
}

Result<void> show_strings(const json::value& value, const RenderContext& context) {
  std::string out;
  for (const json::value& text : value.at("Strings").as_array())
    out += std::string(text.as_string()) + "\n";
  return context.terminal.out(out);
}

Task<void> run_connect(Context& context, const Request& request, Output& output) {
  net::Swarm& swarm = context.node->swarm();
  for (const std::string& argument : request.arguments()) {
    std::vector<Multiaddr> addresses;
    bool only_peer = argument.starts_with("/p2p/") || !argument.starts_with('/');
    if (!only_peer) {
      KITH_CO_TRY(Multiaddr address, parse_peer_address(argument));
      addresses.push_back(std::move(address));
    }
    KITH_CO_TRY(PeerId peer, parse_peer(argument));
    // A person asks now: failures of a moment ago don't count.
    swarm.clear_backoff(peer);
    Instant deadline = context.env.clock.now() + connect_deadline;
    auto connected = co_await swarm.connect(peer, std::move(addresses), deadline);
    if (!connected) {
      co_return std::unexpected(
          connected.error().with_context(fmt::format("connect {} failure", peer.to_string())));
    }
    std::vector<std::string> line = {fmt::format("connect {} success", peer.to_string())};
    KITH_CO_CHECK(co_await output.value(strings_value(std::move(line))));
  }
  co_return Result<void>{};
}

Task<void> run_disconnect(Context& context, const Request& request, Output& output) {
  for (const std::string& argument : request.arguments()) {
    KITH_CO_TRY(PeerId peer, parse_peer(argument));
    if (!context.node->swarm().disconnect(peer)) {
      co_return std::unexpected(Error(
          Errc::not_found, fmt::format("disconnect {} failure: not connected", peer.to_string())));
    }
    std::vector<std::string> line = {fmt::format("disconnect {} success", peer.to_string())};
    KITH_CO_CHECK(co_await output.value(strings_value(std::move(line))));
  }
  co_return Result<void>{};
}

Task<void> run_peers(Context& context, const Request& request, Output& output) {
  bool verbose = request.flag("verbose");
  net::Swarm& swarm = context.node->swarm();
  json::array peers;
  for (const net::ConnectionInfo& connection : swarm.connections()) {
    json::object peer;
    peer["Addr"] = connection.remote_address.to_string();
    peer["Peer"] = connection.peer.to_string();
    Duration round_trip = connection.stats.round_trip;
    bool latency = verbose || request.flag("latency");
    peer["Latency"] = !latency                   ? ""
                      : round_trip > Duration(0) ? format_duration(round_trip)
                                                 : "n/a";
    peer["Muxer"] = verbose ? connection.muxer : "";
    peer["Direction"] = verbose || request.flag("direction")
                            ? (connection.direction == net::Direction::inbound ? 1 : 2)
                            : 0;
    peer["Streams"] = nullptr;
    json::object identify;
    if (verbose || request.flag("identify")) {
      net::PeerStore& store = swarm.peer_store();
      identify["ID"] = connection.peer.to_string();
      identify["AgentVersion"] = store.agent(connection.peer);
      const std::vector<std::string>& protocols = store.protocols(connection.peer);
      identify["Protocols"] = json::array(protocols.begin(), protocols.end());
      json::array addresses;
      for (const Multiaddr& address : store.addresses(connection.peer, context.env.wall.now())) {
        addresses.emplace_back(address.to_string());
      }
      identify["Addresses"] = std::move(addresses);
    }
    peer["Identify"] = std::move(identify);
    peers.push_back(std::move(peer));
  }
  json::object value;
  value["Peers"] = std::move(peers);
  co_return co_await output.value(std::move(value));
}

Result<void> show_peers(const json::value& value, const RenderContext& context) {
  std::vector<std::string> lines;
  for (const json::value& peer : value.at("Peers").as_array()) {
    std::string line = text_of(peer, "Addr") + "/p2p/" + text_of(peer, "Peer");
    if (std::string latency = text_of(peer, "Latency"); !latency.empty()) line += " " + latency;
    std::int64_t direction = number_of(peer, "Direction");
    if (direction != 0) line += direction == 1 ? " inbound" : " outbound";
    if (context.request.flag("verbose")) line += " " + text_of(peer.at("Identify"), "AgentVersion");
    lines.push_back(line + "\n");
  }
  std::ranges::sort(lines);
  std::string out;
  for (const std::string& line : lines)
    out += line;
  return context.terminal.out(out);
}

Task<void> run_addrs(Context& context, const Request&, Output& output) {
  net::PeerStore& store = context.node->swarm().peer_store();
  json::object addresses;
  for (const PeerId& peer : store.peers()) {
    json::array list;
    for (const Multiaddr& address : store.addresses(peer, context.env.wall.now())) {
      list.emplace_back(address.to_string());
    }
    addresses[peer.to_string()] = std::move(list);
  }
  json::object value;
  value["Addrs"] = std::move(addresses);
  co_return co_await output.value(std::move(value));
}

Result<void> show_addrs(const json::value& value, const RenderContext& context) {
  std::string out;
  for (const auto& [peer, addresses] : value.at("Addrs").as_object()) {
    out += fmt::format("{} ({})\n", std::string_view(peer), addresses.as_array().size());
    for (const json::value& address : addresses.as_array()) {
      out += fmt::format("\t{}\n", std::string_view(address.as_string()));
    }
  }
  return context.terminal.out(out);
}

Task<void> list_own(Context& context, const Request& request, Output& output,
                    std::vector<Multiaddr> addresses) {
  std::vector<std::string> texts;
  for (const Multiaddr& address : addresses) {
    texts.push_back(address.to_string());
    if (request.flag("id")) texts.back() += "/p2p/" + context.node->peer().to_string();
  }
  std::ranges::sort(texts);
  co_return co_await output.value(strings_value(std::move(texts)));
}

Task<void> run_addrs_local(Context& context, const Request& request, Output& output) {
  return list_own(context, request, output, context.node->swarm().reachable_addresses());
}

Task<void> run_addrs_listen(Context& context, const Request& request, Output& output) {
  return list_own(context, request, output, context.node->swarm().listen_addresses());
}

// stats

Task<void> run_bandwidth(Context& context, const Request& request, Output& output) {
  Duration interval = 1s;
  if (request.given("interval")) {
    KITH_CO_TRY(interval, parse_duration(request.text("interval")));
  }
  if (interval < Duration(100ms)) interval = 100ms;
  net::Swarm& swarm = context.node->swarm();
  for (;;) {
    node::BandwidthRates rates = context.node->bandwidth();
    json::object value;
    value["TotalIn"] = swarm.bytes_received();
    value["TotalOut"] = swarm.bytes_sent();
    value["RateIn"] = rates.in;
    value["RateOut"] = rates.out;
    KITH_CO_CHECK(co_await output.value(std::move(value)));
    if (!request.flag("poll")) co_return Result<void>{};
    KITH_CO_CHECK(co_await output.flush());
    KITH_CO_CHECK(co_await port::sleep_for(context.env.clock, interval));
  }
}

double real_of(const json::value& value, std::string_view key) {
  boost::system::error_code failure;
  double number = value.at(key).to_number<double>(failure);
  return failure ? 0 : number;
}

Result<void> show_bandwidth(const json::value& value, const RenderContext& context) {
  return context.terminal.out(
      fmt::format("Bandwidth\nTotalIn: {}\nTotalOut: {}\nRateIn: {}/s\nRateOut: {}/s\n",
                  human_bytes(real_of(value, "TotalIn")), human_bytes(real_of(value, "TotalOut")),
                  human_bytes(real_of(value, "RateIn")), human_bytes(real_of(value, "RateOut"))));
}

json::array cid_links(const std::vector<multiformats::Cid>& cids, const CidText& text) {
  json::array list;
  for (const multiformats::Cid& cid : cids) {
    json::object link;
    link["/"] = text(cid);
    list.push_back(std::move(link));
  }
  return list;
}

Task<void> run_bitswap_stat(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(CidText text, CidText::of(request));
  exchange::BitswapStats stats = context.node->bitswap().stats();
  json::object value;
  value["Wantlist"] = cid_links(stats.wantlist, text);
  json::array partners;
  for (const PeerId& peer : stats.partners)
    partners.emplace_back(peer.to_string());
  value["Peers"] = std::move(partners);
  value["BlocksReceived"] = stats.client.blocks_received;
  value["DataReceived"] = stats.client.data_received;
  value["DupBlksReceived"] = stats.client.duplicate_blocks;
  value["DupDataReceived"] = stats.client.duplicate_data;
  value["MessagesReceived"] = stats.client.messages_received;
  value["BlocksSent"] = stats.blocks_sent;
  value["DataSent"] = stats.data_sent;
  co_return co_await output.value(std::move(value));
}

Result<void> show_bitswap_stat(const json::value& value, const RenderContext& context) {
  bool human = context.request.flag("human");
  auto bytes = [&value, human](std::string_view key) {
    std::int64_t number = number_of(value, key);
    return human ? human_bytes(static_cast<double>(number)) : std::to_string(number);
  };
  std::string out = "bitswap status\n";
  out += fmt::format("\tblocks received: {}\n", number_of(value, "BlocksReceived"));
  out += fmt::format("\tblocks sent: {}\n", number_of(value, "BlocksSent"));
  out += fmt::format("\tdata received: {}\n", bytes("DataReceived"));
  out += fmt::format("\tdata sent: {}\n", bytes("DataSent"));
  out += fmt::format("\tdup blocks received: {}\n", number_of(value, "DupBlksReceived"));
  out += fmt::format("\tdup data received: {}\n", bytes("DupDataReceived"));
  const json::array& wants = value.at("Wantlist").as_array();
  out += fmt::format("\twantlist [{} keys]\n", wants.size());
  for (const json::value& want : wants)
    out += "\t\t" + text_of(want, "/") + "\n";
  const json::array& peers = value.at("Peers").as_array();
  out += fmt::format("\tpartners [{}]\n", peers.size());
  if (context.request.flag("verbose")) {
    for (const json::value& peer : peers)
      out += "\t\t" + std::string(peer.as_string()) + "\n";
  }
  return context.terminal.out(out);
}

Task<void> run_wantlist(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(CidText text, CidText::of(request));
  json::object value;
  if (std::string peer_name = request.text("peer"); !peer_name.empty()) {
    KITH_CO_TRY(PeerId peer, parse_peer(peer_name));
    value["Keys"] = cid_links(context.node->bitswap().wants_of(peer), text);
  } else {
    value["Keys"] = cid_links(context.node->bitswap().stats().wantlist, text);
  }
  co_return co_await output.value(std::move(value));
}

Result<void> show_wantlist(const json::value& value, const RenderContext& context) {
  std::string out;
  for (const json::value& key : value.at("Keys").as_array())
    out += text_of(key, "/") + "\n";
  return context.terminal.out(out);
}

Command bitswap_stat_command(std::string path) {
  using enum OptionKind;
  return {.path = std::move(path),
          .tagline = "Show what Bitswap has sent, received and still wants.",
          .options = {{"verbose", 'v', flag, "With the partners.", ""},
                      {"human", 0, flag, "Readable sizes.", ""}},
          .where = Where::network,
          .run = run_bitswap_stat,
          .renderer = [](const RenderContext& context) {
            return text_renderer(context, show_bitswap_stat);
          }};
}

}  // namespace

void add_swarm_commands(CommandTable& table) {
  using enum OptionKind;
  auto strings = [](const RenderContext& context) { return text_renderer(context, show_strings); };
  table.describe_group("swarm", "Manage connections to peers.");
  table.describe_group("stats", "Show statistics.");
  table.describe_group("bitswap", "Look into Bitswap.");
  table.add({.path = "swarm connect",
             .tagline = "Connect to peers.",
             .arguments = {{.name = "address",
                            .variadic = true,
                            .help = "/ip4/.../tcp/.../p2p/<peer id>.",
                            .from_stdin = true}},
             .where = Where::network,
             .run = run_connect,
             .renderer = strings});
  table.add({.path = "swarm disconnect",
             .tagline = "Close connections to peers.",
             .arguments = {{.name = "address",
                            .variadic = true,
                            .help = "Address or peer id.",
                            .from_stdin = true}},
             .where = Where::network,
             .run = run_disconnect,
             .renderer = strings});
  table.add({.path = "swarm peers",
             .tagline = "List connected peers.",
             .options = {{"verbose", 'v', flag, "All there is to know.", ""},
                         {"streams", 0, flag, "Accepted for Kubo's sake.", ""},
                         {"latency", 0, flag, "With round-trip times.", ""},
                         {"direction", 0, flag, "With who dialed.", ""},
                         {"identify", 0, flag, "With what the peer says of itself.", ""}},
             .where = Where::network,
             .run = run_peers,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_peers);
             }});
  table.add({.path = "swarm addrs",
             .tagline = "List the known addresses of peers.",
             .where = Where::network,
             .run = run_addrs,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_addrs);
             }});
  table.add({.path = "swarm addrs local",
             .tagline = "List the addresses at which this node can be reached.",
             .options = {{"id", 0, flag, "With the peer id.", ""}},
             .where = Where::network,
             .run = run_addrs_local,
             .renderer = strings});
  table.add({.path = "swarm addrs listen",
             .tagline = "List the addresses on which this node listens.",
             .options = {{"id", 0, flag, "With the peer id.", ""}},
             .where = Where::network,
             .run = run_addrs_listen,
             .renderer = strings});
  table.add({.path = "stats bw",
             .tagline = "Show bandwidth.",
             .options = {{"peer", 'p', text, "Accepted for Kubo's sake.", ""},
                         {"proto", 't', text, "Accepted for Kubo's sake.", ""},
                         {"poll", 0, flag, "Again and again.", ""},
                         {"interval", 'i', text, "How often.", "1s"}},
             .where = Where::network,
             .run = run_bandwidth,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_bandwidth);
             }});
  table.add(bitswap_stat_command("stats bitswap"));
  table.add(bitswap_stat_command("bitswap stat"));
  table.add({.path = "bitswap wantlist",
             .tagline = "List the blocks that are wanted.",
             .options = {{"peer", 'p', text, "Wanted by this peer, not by us.", ""}},
             .where = Where::network,
             .run = run_wantlist,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_wantlist);
             }});
}

}  // namespace kith::api
