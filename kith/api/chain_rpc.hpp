// A chain's JSON-RPC for programs and pages, at one port: POST / with a request or a batch, and
// WebSocket at the same place, with subscriptions. What geth's HTTP and WebSocket servers do:
//
//   403  a Host that is neither a number nor one of `virtual_hosts`: a name of somebody else's that
//        leads here (DNS rebinding); a WebSocket of a page whose origin isn't allowed
//   405  another method; GET without a body says 200, as load balancers ask
//   413  a body of more than `request_bytes_max`
//   415  a body that doesn't say that it is JSON: a foreign page can't say so without asking first
//        (CORS), and is told no unless its origin is in `allowed_origins`
//   503  more bodies at a time than there is room for
//
// Calls run on workers, some at a time, the others wait; nothing is computed on the loop. A
// WebSocket's calls run side by side up to `calls_per_connection_max`, then it isn't read; its
// answers come as they are ready. A connection that doesn't take the news it has subscribed to is
// closed with a line in the log.
//
//   ChainRpcServer rpc(env, handler, options);
//   http::Server server(env, chain_rpc_server_limits(), [&](auto& request, auto& response) {
//     return rpc.serve(request, response); });
//   ...
//   rpc.close_connections();
//   co_await server.stop(grace);
//   co_await rpc.stop();
//
// Loop thread only, but tell().
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <kith/http/server.hpp>
#include <kith/ledger/rpc/subscriptions.hpp>
#include <kith/port/env.hpp>

namespace kith::api {

struct ChainRpcLimits {
  std::size_t request_bytes_max = 5 << 20;        ///< geth's
  std::size_t all_request_bytes_max = 128 << 20;  ///< of requests that wait or run
  std::size_t calls_per_connection_max = 32;
  /// Half of what one address may have of connections, so that requests have a place.
  std::size_t websockets_max = 128;
  std::size_t subscriptions_max = ledger::subscriptions_max;
  /// Of news and answers; the longest answer has its place.
  std::size_t waiting_bytes_max = 48 << 20;
  /// While so much of its answers waits, a connection is asked for no more requests.
  std::size_t answered_bytes_max = 1 << 20;
  /// Of what happened and wasn't told yet, blocks mostly: beyond, who subscribed is let go.
  std::size_t news_max = 200'000;
  Duration body_timeout = 30s;  ///< geth's
};

struct ChainRpcOptions {
  /// Pages of these may ask; "*": all. None: only WebSockets of localhost's pages.
  std::vector<std::string> allowed_origins{};
  /// Besides numbers; "*": all.
  std::vector<std::string> virtual_hosts{"localhost"};
  /// Told what happens, in its order, on a worker.
  std::function<void(const ledger::HeadChange&, const std::vector<ledger::Hash>&)> watch{};
  /// Called on the loop after each call.
  std::function<void()> called{};
  ChainRpcLimits limits{};
};

http::ServerLimits chain_rpc_server_limits();

class ChainRpcServer {
 public:
  /// `chain` is called by many workers at the same time; what it refers to outlives this.
  ChainRpcServer(port::Env& env, ledger::RpcHandler chain, ChainRpcOptions options);
  /// stop() has returned.
  ~ChainRpcServer();
  ChainRpcServer(const ChainRpcServer&) = delete;
  ChainRpcServer& operator=(const ChainRpcServer&) = delete;

  Task<void> serve(http::Request& request, http::ResponseWriter& response);

  /// What has happened, for subscriptions. Thread: any; told after the call that made it happen, or
  /// at wake().
  void tell(ledger::HeadChange change, std::vector<ledger::Hash> pending);
  void wake();

  std::size_t websockets() const noexcept;

  /// Says goodbye to every WebSocket; whoever doesn't answer is for http::Server::stop.
  void close_connections();
  /// Once no request is served any more.
  Task<void> stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kith::api
