// swarm peering add, ls, rm, as Kubo has them: peers to be connected with always, until the daemon
// ends. Those of the setting Peering.Peers are there from the start.
#include <map>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

json::object outcome_value(const PeerId& peer) {
  json::object value;
  value["ID"] = peer.to_string();
  value["Status"] = "success";
  return value;
}

Task<void> run_add(Context& context, const Request& request, Output& output) {
  std::map<PeerId, std::vector<Multiaddr>> wanted;
  for (const std::string& argument : request.arguments()) {
    KITH_CO_TRY(Multiaddr address, parse_peer_address(argument));
    std::vector<Multiaddr>& addresses = wanted[*address.peer_id()];
    const Multiaddr place = address.without_peer_id();
    if (!place.empty()) addresses.push_back(place);
  }
  for (auto& [peer, addresses] : wanted) {
    KITH_CO_CHECK(context.node->peering().add({peer, std::move(addresses)}));
    KITH_CO_CHECK(co_await output.value(outcome_value(peer)));
  }
  co_return Result<void>{};
}

Task<void> run_rm(Context& context, const Request& request, Output& output) {
  std::vector<PeerId> peers;
  for (const std::string& argument : request.arguments()) {
    KITH_CO_TRY(PeerId peer, parse_peer(argument));
    peers.push_back(peer);
  }
  for (const PeerId& peer : peers) {
    // Kubo, too, says of one that isn't listed that it isn't any more.
    context.node->peering().remove(peer);
    KITH_CO_CHECK(co_await output.value(outcome_value(peer)));
  }
  co_return Result<void>{};
}

Task<void> run_ls(Context& context, const Request&, Output& output) {
  json::array peers;
  for (const node::PeeredPeer& one : context.node->peering().list()) {
    json::array addresses;
    for (const Multiaddr& address : one.addresses)
      addresses.emplace_back(address.to_string());
    json::object peer;
    peer["ID"] = one.peer.to_string();
    peer["Addrs"] = std::move(addresses);
    peers.push_back(std::move(peer));
  }
  json::object value;
  value["Peers"] = std::move(peers);
  co_return co_await output.value(std::move(value));
}

Result<void> show_list(const json::value& value, const RenderContext& context) {
  std::string out;
  for (const json::value& peer : list_of(value, "Peers")) {
    out += printable(text_of(peer, "ID")) + "\n";
    for (const json::value& address : list_of(peer, "Addrs"))
      out += fmt::format("\t{}\n", printable(text_of(address)));
  }
  return context.terminal.out(out);
}

Result<void> show_added(const json::value& value, const RenderContext& context) {
  return context.terminal.out(fmt::format("add {} {}\n", printable(text_of(value, "ID")),
                                          printable(text_of(value, "Status"))));
}

Result<void> show_removed(const json::value& value, const RenderContext& context) {
  return context.terminal.out(fmt::format("remove {} {}\n", printable(text_of(value, "ID")),
                                          printable(text_of(value, "Status"))));
}

}  // namespace

void add_peering_commands(CommandTable& table) {
  table.add({.path = "swarm peering add",
             .tagline = "Stay connected with peers, until the daemon ends.",
             .description = "A connection that is lost is made again, later each time that this "
                            "fails. The setting Peering.Peers keeps peers for good.",
             .arguments = {{.name = "address",
                            .variadic = true,
                            .help = "/ip4/.../tcp/.../p2p/<peer id>."}},
             .where = Where::network,
             .streams = true,
             .run = run_add,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_added);
             }});
  table.add(
      {.path = "swarm peering ls",
       .tagline = "List the peers with which this node stays connected.",
       .where = Where::network,
       .run = run_ls,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_list); }});
  table.add({.path = "swarm peering rm",
             .tagline = "Stay connected with peers no longer.",
             .arguments = {{.name = "ID", .variadic = true, .help = "Peer ids."}},
             .where = Where::network,
             .streams = true,
             .run = run_rm,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_removed);
             }});
}

}  // namespace kith::api
