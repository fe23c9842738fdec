#include <boost/json.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <kith/api/chain_servers.hpp>
#include <kith/api/daemon.hpp>
#include <kith/api/detail/init_config.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/gateway.hpp>
#include <kith/api/page.hpp>
#include <kith/api/public_gateway.hpp>
#include <kith/api/rpc.hpp>
#include <kith/http/server.hpp>
#include <kith/io/runtime.hpp>
#include <kith/net/transports/tcp.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

using multiformats::Multiaddr;

/// What is in flight when a stop is asked for may finish within this.
constexpr Duration stop_grace = 500ms;

/// Profiles are for a home that is made. Who names one for a home that is there means it all the
/// same, and it may be what keeps the node off the public network: so the home has to have it.
Result<void> check_profiles(const ClientContext& context, const node::Home& home,
                            const std::vector<std::string>& profiles) {
  json::value wanted = home.config();
  for (const std::string& profile : profiles)
    KITH_CHECK(node::apply_profile(wanted, profile));
  if (wanted == home.config()) return {};
  std::string_view variable = context.program == "ipfs" ? "IPFS_PATH" : "KITH_PATH";
  return std::unexpected(Error(
      Errc::refused,
      fmt::format("the node in {} isn't set up as profile {} says. `{} config profile apply {}` "
                  "changes that; or use another folder (set {})",
                  home.path(), fmt::join(profiles, ","), context.program,
                  fmt::join(profiles, fmt::format("`, `{} config profile apply ", context.program)),
                  variable)));
}

Result<node::Home> open_or_make_home(ClientContext& context, const Request& request) {
  bool known = request.given("profile");
  std::vector<std::string> profiles =
      comma_separated(request.text(known ? "profile" : "init-profile"));
  KITH_TRY(node::Owner owner, node::owner_of(context.env.files, context.home));
  if (owner == node::Owner::nobody) {
    node::InitOptions options;
    options.program = context.program;
    options.profiles = profiles;
    options.passphrase = context.passphrase;
    if (std::string path = request.text("init-config"); !path.empty()) {
      KITH_TRY(Bytes read, port::read_file(context.env.files, path, node::config_bytes_max));
      const crypto::Secret text(std::move(read));
      KITH_CHECK(take_config(as_text(text.view()), options));
    }
    KITH_TRY(crypto::PrivateKey key, node::init_home(context.env, context.home, options));
    KITH_CHECK(context.terminal.out(fmt::format("made a new node in {}\n", context.home)));
  }
  KITH_TRY(node::Home home,
           node::Home::open(context.env, context.home, {context.passphrase, context.program}));
  KITH_CHECK(check_profiles(context, home, profiles));
  return home;
}

/// Listens on every address; returns where, with the ports in use.
Result<std::vector<Multiaddr>> listen_all(http::Server& server,
                                          const std::vector<Multiaddr>& addresses,
                                          std::string_view what) {
  std::vector<Multiaddr> listening;
  for (const Multiaddr& address : addresses) {
    auto endpoint = net::tcp_endpoint(address);
    if (!endpoint) {
      return std::unexpected(
          Error(Errc::unsupported,
                fmt::format("{} address {}: use /ip4/.../tcp/...", what, address.to_string())));
    }
    auto chosen = server.listen(*endpoint);
    if (!chosen) {
      return std::unexpected(chosen.error().with_context(
          fmt::format("{} address {} (another program may use the port: change Addresses.{} with "
                      "`config`, or use the profile test)",
                      what, address.to_string(), what)));
    }
    listening.push_back(net::tcp_address(*chosen));
  }
  return listening;
}

std::string url_of(const Multiaddr& address) {
  auto endpoint = net::tcp_endpoint(address);
  return endpoint ? "http://" + endpoint->to_string() : "";
}

/// The page asks where the gateway is if its configuration says "any free port".
Task<void> tell_gateway(const std::string& url, http::ResponseWriter& response) {
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("X-Content-Type-Options", "nosniff");
  const std::string text = url.empty() ? "no gateway\n" : url + "\n";
  co_return co_await response.send(url.empty() ? 404 : 200, "text/plain", as_bytes(text));
}

Result<void> write_address_file(port::Env& env, const std::string& path,
                                const std::vector<Multiaddr>& addresses, bool as_url) {
  if (addresses.empty()) return {};
  std::string text = as_url ? url_of(addresses.front()) : addresses.front().to_string();
  return port::replace_file(env.files, path, as_bytes(text), 0644);
}

Task<void> wait_signal(io::Runtime& runtime, port::Event& ended) {
  auto signal = co_await runtime.wait_signal();
  if (signal) ended.notify_all();
  co_return Result<void>{};
}

Task<void> wait_request(node::Node& node, port::Event& ended) {
  KITH_CO_CHECK(co_await node.wait_shutdown_request());
  ended.notify_all();
  co_return Result<void>{};
}

std::string swarm_lines(node::Node& node) {
  if (!node.online()) return "Swarm not listening, running in offline mode.\n";
  std::string text;
  for (const Multiaddr& address : node.swarm().reachable_addresses()) {
    text +=
        fmt::format("Swarm listening on {}/p2p/{}\n", address.to_string(), node.peer().to_string());
  }
  return text;
}

Task<void> serve_until_ended(ClientContext& context, node::Node& node) {
  port::Env& env = context.env;
  const Authorizations authorizations(node.settings().api_authorizations);
  Rpc rpc(context.table, Context{env, &node, context.home, context.program},
          {node.settings().api_origins, authorizations});
  GatewayOptions gateway_options;
  gateway_options.no_fetch = node.settings().gateway_no_fetch;
  Gateway gateway(node, gateway_options);
  // Of one origin with the RPC, what anybody published must not act as the page that is.
  gateway_options.sandboxed = true;
  Gateway sandboxed_gateway(node, gateway_options);
  std::string gateway_url;
  http::Handler api_handler = [&rpc, &authorizations, &sandboxed_gateway, &gateway_url,
                               page = context.page](http::Request& request,
                                                    http::ResponseWriter& response) {
    if (is_rpc_path(request.path)) return rpc.serve(request, response);
    if (request.path.starts_with("/ipfs/")) {
      // Who guards the API doesn't expect it to fetch for strangers.
      if (!authorizations.allow(request)) return deny(response);
      return sandboxed_gateway.serve(request, response);
    }
    if (request.path == "/webui/gateway.txt" || request.path == "/gateway.txt") {
      return tell_gateway(gateway_url, response);
    }
    return serve_page(page, request, response);
  };
  http::Handler gateway_handler = [&gateway](http::Request& request,
                                             http::ResponseWriter& response) {
    return gateway.serve(request, response);
  };
  http::ServerLimits api_limits;
  api_limits.head_bytes_max = rpc_head_bytes_max;
  http::Server api_server(env, api_limits, std::move(api_handler));
  http::Server gateway_server(env, gateway_server_limits(), std::move(gateway_handler));
  std::unique_ptr<ChainServers> chains;
  if (node.online()) chains = std::make_unique<ChainServers>(node);
  auto api = listen_all(api_server, node.settings().api_addresses, "API");
  auto gateways = listen_all(gateway_server, node.settings().gateway_addresses, "Gateway");
  Result<void> outcome;
  if (!api) outcome = std::unexpected(api.error());
  if (outcome && !gateways) outcome = std::unexpected(gateways.error());
  if (outcome && !gateways->empty()) gateway_url = url_of(gateways->front());
  std::string api_file = node.home().file("api");
  std::string gateway_file = node.home().file("gateway");
  if (outcome) outcome = write_address_file(env, api_file, *api, false);
  if (outcome) outcome = write_address_file(env, gateway_file, *gateways, true);
  if (outcome) {
    std::string text = fmt::format("PeerID: {}\n", node.peer().to_string()) + swarm_lines(node);
    for (const Multiaddr& address : *api) {
      text += fmt::format("RPC API server listening on {}\nWebUI: {}/webui\n", address.to_string(),
                          url_of(address));
    }
    for (const Multiaddr& address : *gateways) {
      text += fmt::format("Gateway server listening on {}\n", address.to_string());
    }
    if (chains) {
      for (const Multiaddr& address : chains->listening())
        text += fmt::format("Chains' JSON-RPC listening on {}\n", address.to_string());
    }
    text += "Daemon is ready\n";
    outcome = context.terminal.out(text);
  }
  if (outcome) {
    port::Event ended(env.clock);
    port::TaskGroup waiting(env.executor, env.clock);
    waiting.spawn(wait_signal(context.runtime, ended));
    waiting.spawn(wait_request(node, ended));
    outcome = co_await ended.wait();
    waiting.cancel();
    co_await waiting.join_shielded();
    static_cast<void>(context.terminal.out("stopping...\n"));
  }
  static_cast<void>(env.files.remove(api_file));
  static_cast<void>(env.files.remove(gateway_file));
  if (chains) co_await chains->stop(stop_grace);
  co_await api_server.stop(stop_grace);
  co_await gateway_server.stop(Duration(0));
  co_return outcome;
}

}  // namespace

/// There is no DHT here yet, nor what else Kubo finds content by.
Result<void> check_routing(const Request& request) {
  std::string routing = request.text("routing");
  if (routing.empty() || routing == "default" || routing == "none") return {};
  return std::unexpected(
      Error(Errc::unsupported,
            fmt::format("option --routing: \"{}\" isn't there yet (use none: peers are found by "
                        "bootstrap, in the local network, and by `swarm connect`)",
                        routing)));
}

Task<void> run_daemon(ClientContext& context, const Request& request) {
  KITH_CO_CHECK(check_routing(request));
  if (request.flag("manage-fdlimit")) io::raise_descriptor_limit();
  KITH_CO_TRY(node::Home home, open_or_make_home(context, request));
  context.passphrase.reset();
  KITH_CO_CHECK(context.terminal.out(
      fmt::format("Initializing daemon...\nkith version: {}\n", node::program_version)));
  node::NodeOptions options;
  options.agent_suffix = request.text("agent-version-suffix");
  options.online = !request.flag("offline") && !request.flag("local");
  options.pubsub = request.flag("enable-pubsub-experiment");
  KITH_CO_TRY(std::unique_ptr<node::Node> node,
              co_await node::Node::start(context.env, std::move(home), options));
  PublicGateway public_gateway(*node);
  auto served = co_await serve_until_ended(context, *node);
  co_await public_gateway.stop(Duration(0));
  auto stopped = co_await node->stop_shielded();
  if (!served && !served.error().is(Errc::cancelled)) co_return served;
  co_return stopped;
}

}  // namespace kith::api
