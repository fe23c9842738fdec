// swarm connect, disconnect, peers, addrs; bootstrap; stats bw, stats bitswap, bitswap stat,
// bitswap wantlist.
#include <algorithm>
#include <functional>
#include <map>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/base/duration.hpp>
#include <kith/multiformats/multibase.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

constexpr Duration connect_deadline = 60s;
constexpr Duration disconnect_patience = 2s;
constexpr Duration rate_interval = 1s;

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
    KITH_CO_CHECK(co_await output.value(strings_value(line)));
  }
  co_return Result<void>{};
}

Task<void> run_disconnect(Context& context, const Request& request, Output& output) {
  for (const std::string& argument : request.arguments()) {
    KITH_CO_TRY(PeerId peer, parse_peer(argument));
    // Of several peers each gets its line, also if one isn't connected.
    net::Swarm& swarm = context.node->swarm();
    bool connected = swarm.disconnect(peer);
    // Closing takes a moment, and who asks for the peers next expects it to be over.
    Instant give_up = context.env.clock.now() + disconnect_patience;
    while (connected && swarm.connected(peer) && context.env.clock.now() < give_up)
      KITH_CO_CHECK(co_await port::sleep_for(context.env.clock, 5ms));
    std::string_view outcome = connected ? "success" : "failure: conn not found";
    std::vector<std::string> line = {fmt::format("disconnect {} {}", peer.to_string(), outcome)};
    KITH_CO_CHECK(co_await output.value(strings_value(line)));
  }
  co_return Result<void>{};
}

/// What identify has told of a peer, in full or as Kubo leaves it when nobody asked.
json::object identify_value(net::PeerStore& store, const PeerId& peer, bool asked, WallTime now) {
  json::object value;
  value["ID"] = asked ? peer.to_string() : "";
  value["PublicKey"] = "";
  value["Addresses"] = nullptr;
  value["AgentVersion"] = "";
  value["Protocols"] = nullptr;
  if (!asked) return value;
  if (auto key = store.public_key(peer)) {
    value["PublicKey"] =
        multiformats::base_encode(multiformats::Base::base64pad, key->encoded()).value_or("");
  }
  std::vector<std::string> addresses;
  for (const Multiaddr& address : store.addresses(peer, now)) {
    addresses.push_back(address.to_string() + "/p2p/" + peer.to_string());
  }
  std::ranges::sort(addresses);
  value["Addresses"] = json::array(addresses.begin(), addresses.end());
  value["AgentVersion"] = store.agent(peer);
  const std::vector<std::string>& protocols = store.protocols(peer);
  value["Protocols"] = json::array(protocols.begin(), protocols.end());
  return value;
}

json::array streams_value(const std::vector<net::ProtocolId>& protocols) {
  json::array streams;
  for (const net::ProtocolId& protocol : protocols) {
    json::object stream;
    stream["Protocol"] = protocol;
    streams.push_back(std::move(stream));
  }
  return streams;
}

/// How we came to know of a peer: whoever is most trusted of those who said where it is.
std::string_view found_by(node::Node& node, const net::ConnectionInfo& connection, WallTime now) {
  const PeerId& peer = connection.peer;
  if (node.peering().keeps(peer)) return "peering";
  const std::vector<Multiaddr>& bootstrap = node.settings().bootstrap;
  const bool listed = std::ranges::any_of(
      bootstrap, [&peer](const Multiaddr& address) { return address.peer_id() == peer; });
  if (listed) return "bootstrap";
  net::PeerStore& store = node.swarm().peer_store();
  const std::vector<Multiaddr> known = store.addresses(peer, now);
  auto said_by = [&](net::AddressSource source) {
    return std::ranges::any_of(
        known, [&](const Multiaddr& address) { return store.says(source, peer, address, now); });
  };
  if (said_by(net::AddressSource::discovered)) return "mdns";
  if (connection.direction == net::Direction::inbound) return "inbound";
  if (said_by(net::AddressSource::given)) return "given";
  if (said_by(net::AddressSource::heard)) return "dht";
  return "remembered";
}

/// What Kubo doesn't tell of a connection.
void add_details(Context& context, const net::ConnectionInfo& connection, json::object& peer) {
  const Instant opened = connection.stats.opened_at;
  const Duration age = context.env.clock.now() - opened;
  peer["Transport"] = net::transport_name(connection.remote_address);
  peer["Security"] = connection.security;
  peer["Muxer"] = connection.muxer;
  peer["Relayed"] = connection.remote_address.is_relayed();
  peer["Limited"] = connection.limited;
  peer["FoundBy"] = found_by(*context.node, connection, context.env.wall.now());
  peer["OpenedAt"] = rfc3339(context.env.wall.now() - age);
  peer["Seconds"] = std::chrono::duration<double>(age).count();
  peer["BytesIn"] = connection.stats.bytes_received;
  peer["BytesOut"] = connection.stats.bytes_sent;
  peer["StreamsIn"] = connection.stats.streams_inbound;
  peer["StreamsOut"] = connection.stats.streams_outbound;
  json::array tags(connection.protected_by.begin(), connection.protected_by.end());
  peer["ProtectedBy"] = std::move(tags);
}

/// A rate is what comes between two looks.
using Traffics = std::map<net::ConnectionId, net::Traffic>;

Task<Traffics> look_twice(Context& context) {
  Traffics before;
  for (const net::ConnectionInfo& one : context.node->swarm().connections())
    before[one.id] = {one.stats.bytes_received, one.stats.bytes_sent};
  KITH_CO_CHECK(co_await port::sleep_for(context.env.clock, rate_interval));
  co_return before;
}

void add_rates(const Traffics& before, const net::ConnectionInfo& connection, json::object& peer) {
  auto found = before.find(connection.id);
  if (found == before.end()) return;
  constexpr double seconds = std::chrono::duration<double>(rate_interval).count();
  auto rate = [](std::uint64_t was, std::uint64_t is) {
    return static_cast<double>(is - was) / seconds;
  };
  peer["RateIn"] = rate(found->second.received, connection.stats.bytes_received);
  peer["RateOut"] = rate(found->second.sent, connection.stats.bytes_sent);
}

Task<void> run_peers(Context& context, const Request& request, Output& output) {
  bool verbose = request.flag("verbose");
  const bool details = request.flag("details") || request.flag("rates");
  net::Swarm& swarm = context.node->swarm();
  Traffics before;
  if (request.flag("rates")) {
    KITH_CO_TRY(before, co_await look_twice(context));
  }
  json::array peers;
  std::vector<net::ConnectionInfo> connections = swarm.connections();
  std::ranges::stable_sort(connections, {}, [](const net::ConnectionInfo& connection) {
    return connection.remote_address.to_string();
  });
  for (const net::ConnectionInfo& connection : connections) {
    json::object peer;
    peer["Addr"] = connection.remote_address.to_string();
    peer["Peer"] = connection.peer.to_string();
    Duration round_trip = connection.stats.round_trip;
    if (verbose || details || request.flag("latency")) {
      peer["Latency"] = round_trip > Duration(0) ? format_duration(round_trip) : "n/a";
    }
    if (verbose) peer["Muxer"] = connection.muxer;
    if (verbose || details || request.flag("direction")) {
      peer["Direction"] = connection.direction == net::Direction::inbound ? 1 : 2;
    }
    // Kubo leaves the list out if it's empty.
    std::vector<net::ProtocolId> streams;
    if (verbose || request.flag("streams")) streams = swarm.stream_protocols(connection.id);
    if (!streams.empty()) peer["Streams"] = streams_value(streams);
    peer["Identify"] = identify_value(swarm.peer_store(), connection.peer,
                                      verbose || request.flag("identify"), context.env.wall.now());
    if (details) add_details(context, connection, peer);
    if (request.flag("rates")) add_rates(before, connection, peer);
    peers.push_back(std::move(peer));
  }
  json::object value;
  value["Peers"] = std::move(peers);
  co_return co_await output.value(std::move(value));
}

std::string found_words(std::string_view found_by) {
  constexpr std::pair<std::string_view, std::string_view> words[] = {
      {"bootstrap", "from the bootstrap list"},
      {"peering", "kept by peering"},
      {"mdns", "found in the local network"},
      {"dht", "found by the DHT"},
      {"given", "named by somebody here"},
      {"remembered", "remembered"},
      {"inbound", "it called us"}};
  const auto found =
      std::ranges::find(words, found_by, &std::pair<std::string_view, std::string_view>::first);
  return found == std::end(words) ? "" : std::string(found->second);
}

/// The lines below a peer that tell what Kubo doesn't.
std::string details_text(const json::value& peer) {
  std::string way = flag_of(peer, "Relayed") ? "by a relay" : "direct";
  if (flag_of(peer, "Limited")) way += ", which carries little";
  std::string out = fmt::format("\n  {}, {}", way, printable(text_of(peer, "Transport")));
  for (const char* name : {"Security", "Muxer"}) {
    if (std::string text = text_of(peer, name); !text.empty()) out += " " + printable(text);
  }
  if (std::string found = found_words(text_of(peer, "FoundBy")); !found.empty())
    out += ", " + found;
  const double seconds = std::clamp(real_of(peer, "Seconds"), 0.0, 1e9);
  out += ", for " + how_long(std::chrono::round<Duration>(std::chrono::duration<double>(seconds)));
  out += fmt::format("\n  in {}, out {}", si_bytes(real_of(peer, "BytesIn")),
                     si_bytes(real_of(peer, "BytesOut")));
  if (!member(peer, "RateIn").is_null()) {
    out += fmt::format("; now in {}/s, out {}/s", si_bytes(real_of(peer, "RateIn")),
                       si_bytes(real_of(peer, "RateOut")));
  }
  return out;
}

Result<void> show_peers(const json::value& value, const RenderContext& context) {
  std::string out;
  for (const json::value& peer : list_of(value, "Peers")) {
    std::string line = text_of(peer, "Addr") + "/p2p/" + text_of(peer, "Peer");
    if (std::string latency = text_of(peer, "Latency"); !latency.empty()) line += " " + latency;
    std::int64_t direction = number_of(peer, "Direction");
    if (direction != 0) line += direction == 1 ? " inbound" : " outbound";
    if (!member(peer, "FoundBy").is_null()) line += details_text(peer);
    for (const json::value& stream : list_of(peer, "Streams")) {
      std::string protocol = printable(text_of(stream, "Protocol"));
      line += "\n  " + (protocol.empty() ? "<no protocol name>" : protocol);
    }
    out += line + "\n";
  }
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
  const json::value& peers = member(value, "Addrs");
  if (!peers.is_object()) return {};
  for (const auto& [peer, list] : peers.as_object()) {
    const json::array& addresses = list_of(peers, peer);
    out += fmt::format("{} ({})\n", std::string_view(peer), addresses.size());
    for (const json::value& address : addresses)
      out += fmt::format("\t{}\n", text_of(address));
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
  co_return co_await output.value(strings_value(texts));
}

Task<void> run_addrs_local(Context& context, const Request& request, Output& output) {
  return list_own(context, request, output, context.node->swarm().announced_addresses());
}

Task<void> run_addrs_listen(Context& context, const Request& request, Output& output) {
  return list_own(context, request, output, context.node->swarm().listen_addresses());
}

// stats

/// Nobody measures a single peer or protocol all the time, so a rate is what comes between two
/// looks.
Task<void> run_bandwidth_of(Context& context, const Request& request,
                            std::function<net::Traffic()> look, Duration interval, Output& output) {
  double seconds = std::chrono::duration<double>(interval).count();
  auto rate = [seconds](std::uint64_t before, std::uint64_t after) {
    return after < before ? 0.0 : static_cast<double>(after - before) / seconds;
  };
  net::Traffic before = look();
  for (;;) {
    KITH_CO_CHECK(co_await port::sleep_for(context.env.clock, interval));
    net::Traffic after = look();
    json::object value;
    value["TotalIn"] = after.received;
    value["TotalOut"] = after.sent;
    value["RateIn"] = rate(before.received, after.received);
    value["RateOut"] = rate(before.sent, after.sent);
    before = after;
    KITH_CO_CHECK(co_await output.value(std::move(value)));
    if (!request.flag("poll")) co_return Result<void>{};
    KITH_CO_CHECK(co_await output.flush());
  }
}

/// What --peer or --proto asks for; nothing without either.
Result<std::function<net::Traffic()>> bandwidth_wanted(const net::Swarm& swarm,
                                                       const Request& request) {
  if (request.given("peer") && request.given("proto"))
    return std::unexpected(say("please only specify peer OR protocol"));
  if (request.given("proto")) {
    return [&swarm, protocol = request.text("proto")] { return swarm.traffic_of(protocol); };
  }
  if (!request.given("peer")) return std::function<net::Traffic()>();
  KITH_TRY(PeerId peer, parse_peer(request.text("peer")));
  return [&swarm, peer] { return swarm.traffic_with(peer); };
}

Task<void> run_bandwidth(Context& context, const Request& request, Output& output) {
  if (!context.node->settings().measure_bandwidth) {
    co_return std::unexpected(say("bandwidth reporter disabled in config"));
  }
  Duration interval = 1s;
  if (request.given("interval")) {
    KITH_CO_TRY(interval, parse_duration(request.text("interval")));
  }
  if (interval < Duration(100ms)) interval = 100ms;
  net::Swarm& swarm = context.node->swarm();
  KITH_CO_TRY(std::function<net::Traffic()> look, bandwidth_wanted(swarm, request));
  if (look)
    co_return co_await run_bandwidth_of(context, request, std::move(look), interval, output);
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

Result<void> show_bandwidth(const json::value& value, const RenderContext& context) {
  return context.terminal.out(
      fmt::format("Bandwidth\nTotalIn: {}\nTotalOut: {}\nRateIn: {}/s\nRateOut: {}/s\n",
                  si_bytes(real_of(value, "TotalIn")), si_bytes(real_of(value, "TotalOut")),
                  si_bytes(real_of(value, "RateIn")), si_bytes(real_of(value, "RateOut"))));
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
    return human ? si_bytes(static_cast<double>(number)) : std::to_string(number);
  };
  std::string out = "bitswap status\n";
  out += fmt::format("\tblocks received: {}\n", number_of(value, "BlocksReceived"));
  out += fmt::format("\tblocks sent: {}\n", number_of(value, "BlocksSent"));
  out += fmt::format("\tdata received: {}\n", bytes("DataReceived"));
  out += fmt::format("\tdata sent: {}\n", bytes("DataSent"));
  out += fmt::format("\tdup blocks received: {}\n", number_of(value, "DupBlksReceived"));
  out += fmt::format("\tdup data received: {}\n", bytes("DupDataReceived"));
  const json::array& wants = list_of(value, "Wantlist");
  out += fmt::format("\twantlist [{} keys]\n", wants.size());
  for (const json::value& want : wants)
    out += "\t\t" + text_of(want, "/") + "\n";
  const json::array& peers = list_of(value, "Peers");
  out += fmt::format("\tpartners [{}]\n", peers.size());
  if (context.request.flag("verbose")) {
    for (const json::value& peer : peers)
      out += "\t\t" + text_of(peer) + "\n";
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
  for (const json::value& key : list_of(value, "Keys"))
    out += text_of(key, "/") + "\n";
  return context.terminal.out(out);
}

// transfers

/// kith's own: Kubo has nothing like it.
Task<void> run_transfers(Context& context, const Request& request, Output& output) {
  std::string wanted = request.argument(0);
  Instant now = context.env.clock.now();
  json::array transfers;
  for (const node::TransferInfo& info : context.node->transfers()) {
    if (!wanted.empty() && info.id != wanted) continue;
    const exchange::TransferStatus& status = info.status;
    json::array peers;
    for (const exchange::PeerStatus& peer : status.peers) {
      json::object one;
      one["Peer"] = peer.peer.to_string();
      one["Blocks"] = peer.source.units;
      one["Bytes"] = peer.source.bytes;
      one["Rate"] = peer.source.bytes_per_second;
      one["Stalled"] = peer.source.stalled;
      peers.push_back(std::move(one));
    }
    json::object value;
    value["Id"] = info.id;
    value["What"] = info.what;
    value["Seconds"] = std::chrono::duration<double>(now - info.begun_at).count();
    value["BlocksWanted"] = status.blocks_wanted;
    value["BlocksReceived"] = status.blocks_received;
    value["BytesReceived"] = status.bytes_received;
    value["Rate"] = status.bytes_per_second;
    value["Peers"] = std::move(peers);
    bool waiting = status.waiting != exchange::Waiting::nothing;
    json::array left;
    for (const PeerId& peer : status.left)
      left.emplace_back(peer.to_string());
    value["Left"] = std::move(left);
    value["Fetching"] = status.waiting == exchange::Waiting::fetching;
    value["Waiting"] = waiting ? exchange::describe(status) : "";
    transfers.push_back(std::move(value));
  }
  json::object value;
  value["Transfers"] = std::move(transfers);
  co_return co_await output.value(std::move(value));
}

Result<void> show_transfers(const json::value& value, const RenderContext& context) {
  std::string out;
  for (const json::value& transfer : list_of(value, "Transfers")) {
    out += fmt::format("{}: {} blocks, {}, {}/s from {} peers\n", text_of(transfer, "What"),
                       number_of(transfer, "BlocksReceived"),
                       si_bytes(real_of(transfer, "BytesReceived")),
                       si_bytes(real_of(transfer, "Rate")), list_of(transfer, "Peers").size());
    std::string waiting = text_of(transfer, "Waiting");
    if (!waiting.empty()) out += "  " + waiting + "\n";
  }
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
             .examples = {{"swarm connect /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW...",
                           "An address as `id` shows it on the other side."}},
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
             .options = {{"verbose", 'v', flag, "With all that the other options tell.", ""},
                         {"streams", 0, flag, "With what the open streams speak.", ""},
                         {"latency", 0, flag, "With round-trip times.", ""},
                         {"direction", 0, flag, "With who dialed.", ""},
                         {"identify", 0, flag, "With what the peer says of itself.", ""},
                         {"details", 0, flag,
                          "With transport, security, how long, bytes, direct or relayed, and "
                          "where it was found.",
                          ""},
                         {"rates", 0, flag, "The same, and bytes a second, after a second.", ""}},
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
             .options = {{"peer", 'p', text, "Of the connections with this peer.", ""},
                         {"proto", 't', text, "Of the streams of this protocol.", ""},
                         {"poll", 0, flag, "Again and again.", ""},
                         {"interval", 'i', text, "How often.", "1s"}},
             .where = Where::network,
             .streams = true,
             .run = run_bandwidth,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_bandwidth);
             }});
  table.add(
      {.path = "stats transfers",
       .tagline = "Show what is being fetched now, from whom, and what it waits for.",
       .description =
           "Every cat, get, ls, refs, dag and block command that may fetch is one transfer. "
           "The RPC's answer is {\"Transfers\": [{Id, What, Seconds, BlocksWanted, "
           "BlocksReceived, BytesReceived, Rate, Peers: [{Peer, Blocks, Bytes, Rate, "
           "Stalled}], Left, Fetching, Waiting}]}; Left are peers that sent something and are "
           "gone; Id is what the command was given as "
           "--transfer-id, and Waiting a sentence that says what hasn't come yet and why.",
       .arguments = {{.name = "id", .required = false, .help = "Only this one."}},
       .where = Where::daemon,
       .run = run_transfers,
       .renderer = [](const RenderContext& context) {
         return text_renderer(context, show_transfers);
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
