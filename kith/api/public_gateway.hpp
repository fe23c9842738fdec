// PublicGateway: blocks and archives of what is here, over HTTP, for whoever reaches this node. It
// is Kubo's Experimental.GatewayOverLibp2p (core/corehttp/gateway.go, Libp2pGatewayOption), and
// asks for nothing but /ipfs/CID and nothing that the client can't check (trustless-gateway). Two
// doors:
//
//   a stream of /http/1.1     HTTP/1.1, one request a stream (libp2p/specs http/README.md)
//   the swarm's TCP ports     plain HTTP/1.1 where WebSocket is listened for, HTTPS where it is so
//                             within TLS; Kubo hasn't this
//
//   GET /ipfs/CID?format=raw, /ipfs/CID/path?format=car     as gateway.hpp has it
//   GET /.well-known/libp2p/protocols                       {"/ipfs/gateway": {"path": "/"}}
//   all else                                                404, 405, 406
//
// Nothing is fetched, and there is no way from here to the RPC or the page. Limits stand in
// gateway_limits.hpp; connections and streams also count among the swarm's. Loop thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include <kith/api/gateway.hpp>
#include <kith/http/server.hpp>
#include <kith/net/swarm.hpp>
#include <kith/net/transports/tcp_ports.hpp>

namespace kith::api {

class PublicGateway {
 public:
  /// Serves nobody yet.
  PublicGateway(port::Env& env, OpenBlockSource open);
  /// Serves by both doors if the node is online and its settings say so. The node outlives stop().
  explicit PublicGateway(node::Node& node);
  /// stop() has returned.
  ~PublicGateway();
  PublicGateway(const PublicGateway&) = delete;
  PublicGateway& operator=(const PublicGateway&) = delete;

  /// Serves streams of /http/1.1 from now on. The swarm outlives stop().
  void serve_streams(net::Swarm& swarm);
  /// Serves one who came to a TCP port.
  void serve(net::TcpGuest guest);

  /// TCP connections.
  std::size_t connections() const noexcept { return connections_.connections(); }
  std::size_t streams() const noexcept { return streams_.connections(); }

  /// Takes nobody any more, and returns when all have ended. Idempotent.
  Task<void> stop(Duration grace);

 private:
  Task<void> answer(http::Request& request, http::ResponseWriter& response);
  Task<void> serve_stream(std::unique_ptr<net::Stream> stream);

  port::Env& env_;
  Gateway gateway_;
  http::Server connections_;
  http::Server streams_;
  node::Node* node_ = nullptr;   ///< while guests of its ports are served
  net::Swarm* swarm_ = nullptr;  ///< while streams are served
};

}  // namespace kith::api
