#include <kith/api/chain_servers.hpp>
#include <kith/net/transports/tcp.hpp>
#include <kith/port/file_system.hpp>

namespace kith::api {

ChainServers::ChainServers(node::Node& node)
    : node_(node),
      log_(node.env().log, "chain-rpc"),
      server_(node.env(), chain_rpc_server_limits(),
              [this](http::Request& request, http::ResponseWriter& response) {
                return serve(request, response);
              }) {
  options_.allowed_origins = node.settings().chain_origins;
  for (const std::string& name : node.settings().chain_hosts)
    options_.virtual_hosts.push_back(name);
  node_.chains().set_observer([this](ledger::ChainNode& chain, bool opened) {
    if (opened) {
      open(chain);
    } else {
      chain.set_listener({});
    }
  });
}

ChainServers::~ChainServers() {
  node_.chains().set_observer({});
}

/// A port that is in use is no reason to do without the chain.
void ChainServers::listen() {
  tried_ = true;
  for (const multiformats::Multiaddr& address : node_.settings().chain_addresses) {
    const auto endpoint = net::tcp_endpoint(address);
    auto at = endpoint ? server_.listen(*endpoint)
                       : Result<port::Endpoint>(std::unexpected(Error(Errc::unsupported)));
    if (at) {
      listening_.push_back(net::tcp_address(*at));
      continue;
    }
    KITH_LOG_WARN(log_,
                  "JSON-RPC of chains can't listen on {}: {} (another program may use the port: "
                  "change Addresses.Chain with `config`)",
                  address.to_string(), at.error().message());
  }
  if (listening_.empty()) return;
  const auto endpoint = net::tcp_endpoint(listening_.front());
  const std::string url = "http://" + endpoint->to_string() + "\n";
  const auto written =
      port::replace_file(node_.env().files, node_.home().file("chain-rpc"), as_bytes(url), 0644);
  if (!written) KITH_LOG_WARN(log_, "{}", written.error().message());
  KITH_LOG_INFO(log_, "JSON-RPC of chains at {}", endpoint->to_string());
}

void ChainServers::open(ledger::ChainNode& chain) {
  ledger::RpcHandler handler = [&chain](std::string_view text) { return chain.handle(text); };
  auto server = std::make_unique<ChainRpcServer>(node_.env(), std::move(handler), options_);
  chain.set_listener(
      [&rpc = *server](const ledger::HeadChange& change, const std::vector<ledger::Hash>& pending) {
        rpc.tell(change, pending);
        rpc.wake();
      });
  servers_[chain.name()] = std::move(server);
  if (!tried_) listen();
}

Task<void> ChainServers::serve(http::Request& request, http::ResponseWriter& response) {
  std::string_view name = request.path;
  while (name.starts_with('/'))
    name.remove_prefix(1);
  while (name.ends_with('/'))
    name.remove_suffix(1);
  const auto found = name.empty() && servers_.size() == 1 ? servers_.begin() : servers_.find(name);
  if (found != servers_.end()) co_return co_await found->second->serve(request, response);
  std::string text = "no such chain; these are here:\n";
  for (const auto& [one, server] : servers_)
    text += "/" + one + "\n";
  response.headers.set("X-Content-Type-Options", "nosniff");
  co_return co_await response.send(404, "text/plain; charset=utf-8", as_bytes(text));
}

Task<void> ChainServers::stop(Duration grace) {
  node_.chains().set_observer({});
  for (ledger::ChainNode* chain : node_.chains().all())
    chain->set_listener({});
  for (auto& [name, server] : servers_)
    server->close_connections();
  static_cast<void>(node_.env().files.remove(node_.home().file("chain-rpc")));
  co_await server_.stop(grace);
  for (auto& [name, server] : servers_)
    co_await server->stop();
  co_return Result<void>{};
}

}  // namespace kith::api
