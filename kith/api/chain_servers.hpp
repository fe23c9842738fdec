// The JSON-RPC of all of a node's chains, at one address (Addresses.Chain): /NAME is the chain of
// that name, / the one that the node has if it has one alone. What is served there is
// ChainRpcServer's business (chain_rpc.hpp).
//
// It listens from the first chain on, so that who has none has no port open for it, and says where
// in the file chain-rpc of the home. The node outlives it; stop() before it dies. Loop thread only.
#pragma once

#include <map>
#include <memory>
#include <string>

#include <kith/api/chain_rpc.hpp>
#include <kith/http/server.hpp>
#include <kith/node/chains.hpp>
#include <kith/node/node.hpp>

namespace kith::api {

class ChainServers {
 public:
  explicit ChainServers(node::Node& node);
  ~ChainServers();
  ChainServers(const ChainServers&) = delete;
  ChainServers& operator=(const ChainServers&) = delete;

  /// Where it listens; nothing before the first chain.
  const std::vector<multiformats::Multiaddr>& listening() const noexcept { return listening_; }
  Task<void> stop(Duration grace);

 private:
  Task<void> serve(http::Request& request, http::ResponseWriter& response);
  void open(ledger::ChainNode& chain);
  void listen();

  node::Node& node_;
  port::Logger log_;
  ChainRpcOptions options_;
  http::Server server_;
  bool tried_ = false;
  std::vector<multiformats::Multiaddr> listening_;
  std::map<std::string, std::unique_ptr<ChainRpcServer>, std::less<>> servers_;
};

}  // namespace kith::api
