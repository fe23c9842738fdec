// routing findprovs, findpeer, provide, get, put; stats dht. Values are Kubo's query events, of
// which only the outcome is told: {Extra, ID, Responses: [{ID, Addrs}], Type}.
#include <deque>
#include <set>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/ipld/walk.hpp>
#include <kith/multiformats/multibase.hpp>
#include <kith/node/node.hpp>
#include <kith/routing/limits.hpp>

namespace kith::api {
namespace {

using multiformats::Cid;
using multiformats::Multiaddr;
using multiformats::PeerId;
using routing::PeerAddresses;
using routing::RoutingError;

/// Of one look-up, if the caller's --timeout isn't shorter.
constexpr Duration search_deadline = 2min;
constexpr std::int64_t providers_default = 20;

/// The types of go-libp2p's query events.
enum class EventType : std::uint8_t { final_peer = 2, provider = 4, value = 5 };

json::object event(EventType type, json::value responses = nullptr) {
  json::object value;
  value["Extra"] = "";
  value["ID"] = "";
  value["Responses"] = std::move(responses);
  value["Type"] = static_cast<int>(type);
  return value;
}

json::array responses(const PeerAddresses& peer) {
  json::array addresses;
  for (const Multiaddr& address : peer.addresses)
    addresses.emplace_back(address.to_string());
  json::object one;
  one["Addrs"] = std::move(addresses);
  one["ID"] = peer.peer.to_string();
  json::array all;
  all.push_back(std::move(one));
  return all;
}

/// The peer of an event; an empty object if it has none.
const json::value& response_of(const json::value& event) {
  static const json::value none = json::object();
  const json::array& all = list_of(event, "Responses");
  return all.empty() ? none : all.front();
}

Result<routing::Routing*> router_of(Context& context) {
  if (routing::Routing* router = context.node->routing()) return router;
  return std::unexpected(say("this node takes part in no DHT: Routing.Type is \"none\""));
}

/// Who is told that nobody could be asked wants to know what to do.
Error explained(const Context& context, const Error& error) {
  if (error.is(RoutingError::not_found)) return say("routing: not found");
  if (!error.is(RoutingError::no_peers) && !error.is(RoutingError::none_took_it)) return error;
  return say(
      fmt::format("{}: connect to somebody with `{} swarm connect <address>`, or see what "
                  "is wrong with `{} doctor`",
                  error.message(), context.program, context.program));
}

Instant search_end(Context& context) {
  return context.env.clock.now() + search_deadline;
}

// findprovs

/// Providers as they are found, for whoever tells of them.
struct Found {
  explicit Found(port::Clock& clock) : changed(clock) {}

  std::deque<PeerAddresses> providers;
  std::size_t wanted = 0;
  std::set<PeerId> peers;
  std::optional<Result<void>> outcome;
  port::Event changed;
};

Task<void> look_for(routing::Routing& router, multiformats::Multihash content, Found& found,
                    Instant deadline) {
  auto on_provider = [&found](const PeerAddresses& provider) {
    if (!found.peers.insert(provider.peer).second) return true;
    found.providers.push_back(provider);
    found.changed.notify_all();
    return found.peers.size() < found.wanted;
  };
  found.outcome = co_await router.find_providers(content, on_provider, deadline);
  found.changed.notify_all();
  co_return Result<void>{};
}

Task<void> tell_of(Found& found, Output& output) {
  for (;;) {
    while (!found.providers.empty()) {
      PeerAddresses provider = std::move(found.providers.front());
      found.providers.pop_front();
      json::value value = event(EventType::provider, responses(provider));
      KITH_CO_CHECK(co_await output.value(std::move(value)));
      KITH_CO_CHECK(co_await output.flush());
    }
    if (found.outcome) co_return Result<void>{};
    KITH_CO_CHECK(co_await found.changed.wait());
  }
}

Task<void> run_findprovs(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(routing::Routing * router, router_of(context));
  KITH_CO_TRY(Cid cid, parse_cid(request.argument(0)));
  const std::int64_t wanted = request.integer("num-providers").value_or(providers_default);
  if (wanted < 1) {
    co_return std::unexpected(
        Error(Errc::invalid_argument, "number of providers must be greater than 0"));
  }
  Found found(context.env.clock);
  found.wanted = static_cast<std::size_t>(wanted);
  port::TaskGroup group(context.env.executor, context.env.clock);
  group.spawn(look_for(*router, cid.hash(), found, search_end(context)));
  Result<void> told = co_await tell_of(found, output);
  group.cancel();
  co_await group.join_shielded();
  // That nobody was there to be asked is no failure to Kubo either: nothing is found.
  co_return told;
}

Result<void> show_provider(const json::value& value, const RenderContext& context) {
  const json::value& provider = response_of(value);
  if (!context.request.flag("verbose")) {
    return context.terminal.out(printable(text_of(provider, "ID")) + "\n");
  }
  std::string out = fmt::format("provider: {}\n", printable(text_of(provider, "ID")));
  for (const json::value& address : list_of(provider, "Addrs"))
    out += fmt::format("\t{}\n", printable(text_of(address)));
  return context.terminal.out(out);
}

// findpeer

Task<void> run_findpeer(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(routing::Routing * router, router_of(context));
  KITH_CO_TRY(PeerId peer, parse_peer(request.argument(0)));
  auto found = co_await router->find_peer(peer, search_end(context));
  if (!found) co_return std::unexpected(explained(context, found.error()));
  json::value value = event(EventType::final_peer, responses(*found));
  co_return co_await output.value(std::move(value));
}

Result<void> show_addresses(const json::value& value, const RenderContext& context) {
  std::string out;
  for (const json::value& address : list_of(response_of(value), "Addrs"))
    out += printable(text_of(address)) + "\n";
  return context.terminal.out(out);
}

// provide

Task<void> provide_all(Context& context, routing::Routing& router, Cid root, bool below) {
  if (!below) co_return co_await router.provide(root.hash(), search_end(context));
  ipld::DagWalk walk(context.node->store(), root);
  for (;;) {
    KITH_CO_TRY(std::optional<ipld::Block> block, co_await walk.next());
    if (!block) co_return Result<void>{};
    KITH_CO_CHECK(co_await router.provide(block->cid.hash(), search_end(context)));
  }
}

Task<void> run_provide(Context& context, const Request& request, Output&) {
  KITH_CO_TRY(routing::Routing * router, router_of(context));
  if (!context.node->settings().providing.enabled) {
    co_return std::unexpected(say("invalid configuration: Provide.Enabled is set to 'false'"));
  }
  if (context.node->swarm().connection_count() == 0) {
    co_return std::unexpected(
        say(fmt::format("cannot provide, no connected peers: connect to somebody with `{} swarm "
                        "connect <address>`, or see what is wrong with `{} doctor`",
                        context.program, context.program)));
  }
  std::vector<Cid> roots;
  for (const std::string& argument : request.arguments()) {
    KITH_CO_TRY(Cid cid, parse_cid(argument));
    KITH_CO_TRY(bool here, co_await context.node->store().has(cid));
    if (!here) {
      co_return std::unexpected(
          say(fmt::format("block {} not found locally, cannot provide", cid.to_string())));
    }
    roots.push_back(cid);
  }
  const bool below = request.flag("recursive");
  for (const Cid& root : roots) {
    auto provided = co_await provide_all(context, *router, root, below);
    if (!provided) co_return std::unexpected(explained(context, provided.error()));
  }
  co_return Result<void>{};
}

// get, put

/// "/pk/" or "/ipns/" and a peer id as text, as a key has it: the id's bytes.
Result<Bytes> value_key(std::string_view text) {
  std::size_t end = text.starts_with('/') ? text.find('/', 1) : std::string_view::npos;
  if (end == std::string_view::npos || end == 1 || end + 1 == text.size()) {
    return std::unexpected(
        Error(Errc::invalid_argument,
              fmt::format("key \"{}\": /pk/<peer id> and /ipns/<name> are some", text)));
  }
  KITH_TRY(PeerId peer, parse_peer(text.substr(end + 1)));
  Bytes key = to_bytes(text.substr(0, end + 1));
  append(key, peer.bytes());
  return key;
}

Task<void> run_get_value(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(routing::Routing * router, router_of(context));
  KITH_CO_TRY(Bytes key, value_key(request.argument(0)));
  auto got = co_await router->get_value(std::move(key), search_end(context));
  if (!got) co_return std::unexpected(explained(context, got.error()));
  json::object value = event(EventType::value);
  value["Extra"] = multiformats::base_encode(multiformats::Base::base64pad, *got).value_or("");
  co_return co_await output.value(std::move(value));
}

Result<void> show_got(const json::value& value, const RenderContext& context) {
  std::string extra = text_of(value, "Extra");
  if (context.request.flag("verbose")) {
    return context.terminal.out(fmt::format("got value: '{}'\n", printable(extra)));
  }
  auto decoded = multiformats::base_decode(multiformats::Base::base64pad, extra);
  if (!decoded) return std::unexpected(Error(decoded.error()).with_context("the value"));
  return context.terminal.out(as_text(*decoded));
}

Task<void> run_put_value(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(routing::Routing * router, router_of(context));
  KITH_CO_TRY(Bytes key, value_key(request.argument(0)));
  if (!request.files) co_return std::unexpected(Error(Errc::invalid_argument, "no value"));
  KITH_CO_TRY(std::optional<InputEntry> entry, co_await request.files->next());
  if (!entry) co_return std::unexpected(Error(Errc::invalid_argument, "no value"));
  Bytes content;
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await request.files->read(routing::value_bytes_max + 1));
    if (part.empty()) break;
    append(content, part);
    if (content.size() > routing::value_bytes_max) {
      co_return std::unexpected(RoutingError::too_long);
    }
  }
  Instant deadline = search_end(context);
  auto put = co_await router->put_value(std::move(key), std::move(content), deadline);
  if (!put) co_return std::unexpected(explained(context, put.error()));
  json::object value = event(EventType::value);
  value["ID"] = context.node->peer().to_string();
  co_return co_await output.value(std::move(value));
}

Result<void> show_put(const json::value& value, const RenderContext& context) {
  return context.terminal.out(printable(text_of(value, "ID")) + "\n");
}

// stats dht

json::object bucket_value(dht::Dht& dht, net::Swarm& swarm, std::size_t bucket) {
  json::array peers;
  for (const PeerId& peer : dht.table().bucket(bucket)) {
    json::object one;
    one["ID"] = peer.to_string();
    one["Connected"] = swarm.connected(peer);
    one["AgentVersion"] = swarm.peer_store().agent(peer);
    one["LastUsefulAt"] = "";
    one["LastQueriedAt"] = "";
    peers.push_back(std::move(one));
  }
  json::object value;
  value["LastRefresh"] = "";
  value["Peers"] = std::move(peers);
  return value;
}

Task<void> run_stats(Context& context, const Request& request, Output& output) {
  dht::DualDht* both = context.node->dht();
  if (both == nullptr) co_return std::unexpected(router_of(context).error());
  std::vector<std::string> names = request.arguments();
  if (names.empty()) names = {"wan", "lan"};
  for (const std::string& name : names) {
    if (name != "wan" && name != "lan") {
      co_return std::unexpected(
          Error(Errc::invalid_argument, fmt::format("unknown dht type: {} (wan or lan)", name)));
    }
    dht::Dht& dht = name == "wan" ? both->wide() : both->local();
    json::array buckets;
    for (std::size_t i = 0; i < dht.table().bucket_count(); ++i)
      buckets.push_back(bucket_value(dht, context.node->swarm(), i));
    json::object value;
    value["Buckets"] = std::move(buckets);
    value["Name"] = name;
    KITH_CO_CHECK(co_await output.value(std::move(value)));
  }
  co_return Result<void>{};
}

Result<void> show_stats(const json::value& value, const RenderContext& context) {
  const json::array& buckets = list_of(value, "Buckets");
  std::size_t peers = 0;
  for (const json::value& bucket : buckets)
    peers += list_of(bucket, "Peers").size();
  std::string out = fmt::format("DHT {} ({} peers):\n", text_of(value, "Name"), peers);
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    out += fmt::format("  Bucket {:2} ({} peers)\n", i, list_of(buckets[i], "Peers").size());
    for (const json::value& peer : list_of(buckets[i], "Peers")) {
      out += fmt::format("  {} {} {}\n", flag_of(peer, "Connected") ? "@" : " ",
                         printable(text_of(peer, "ID")), printable(text_of(peer, "AgentVersion")));
    }
  }
  return context.terminal.out(out);
}

OptionSpec verbose_option() {
  return {"verbose", 'v', OptionKind::flag, "Print more.", ""};
}

}  // namespace

void add_routing_commands(CommandTable& table) {
  using enum OptionKind;
  table.describe_group("routing", "Ask the DHTs.");
  table.add(
      {.path = "routing findprovs",
       .tagline = "Find peers that have a piece of content.",
       .arguments = {{.name = "key", .variadic = true, .help = "Its CID."}},
       .options = {verbose_option(), {"num-providers", 'n', integer, "How many are enough.", "20"}},
       .where = Where::network,
       .streams = true,
       .run = run_findprovs,
       .renderer = [](const RenderContext& context) {
         return text_renderer(context, show_provider);
       }});
  table.add({.path = "routing findpeer",
             .tagline = "Find the addresses of a peer.",
             .arguments = {{.name = "peerID", .variadic = true, .help = "Its id."}},
             .options = {verbose_option()},
             .where = Where::network,
             .streams = true,
             .run = run_findpeer,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_addresses);
             }});
  table.add(
      {.path = "routing provide",
       .tagline = "Tell the network that this node has some content.",
       .arguments = {{.name = "key",
                      .variadic = true,
                      .help = "CIDs of blocks that are here.",
                      .from_stdin = true}},
       .options = {verbose_option(), {"recursive", 'r', flag, "And all that they link to.", ""}},
       .where = Where::network,
       .streams = true,
       .run = run_provide});
  table.add(
      {.path = "routing get",
       .tagline = "Find the best value for a key.",
       .description =
           "Keys are /pk/<peer id>, its public key, and /ipns/<name>, the record of the name.",
       .arguments = {{.name = "key", .variadic = true, .help = "The key."}},
       .options = {verbose_option()},
       .where = Where::network,
       .streams = true,
       .run = run_get_value,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_got); }});
  table.add(
      {.path = "routing put",
       .tagline = "Store a value for a key with the peers nearest to it.",
       .arguments = {{.name = "key", .help = "The key."},
                     {.name = "value-file",
                      .help = "A file that holds the value.",
                      .kind = ArgumentKind::file,
                      .from_stdin = true}},
       .options = {verbose_option()},
       .where = Where::network,
       .streams = true,
       .run = run_put_value,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_put); }});
  table.add({.path = "stats dht",
             .tagline = "Show the routing tables of the DHTs.",
             .arguments = {{.name = "dht",
                            .required = false,
                            .variadic = true,
                            .help = "wan or lan: the wide or the local one. Default: both."}},
             .where = Where::network,
             .streams = true,
             .run = run_stats,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_stats);
             }});
}

}  // namespace kith::api
