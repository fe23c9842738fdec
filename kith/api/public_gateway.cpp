#include <string>

#include <kith/api/public_gateway.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/net/transports/websocket.hpp>
#include <kith/node/node.hpp>
#include <kith/port/holding_stream.hpp>

namespace kith::api {
namespace {

constexpr std::string_view protocols_path = "/.well-known/libp2p/protocols";
constexpr std::string_view protocols_json = R"({"/ipfs/gateway":{"path":"/"}})";

GatewayOptions gateway_options() {
  GatewayOptions options;
  options.no_fetch = true;
  options.trustless = true;
  options.requests_max = public_gateway_requests_max;
  options.archive_blocks_max = public_gateway_archive_blocks_max;
  return options;
}

http::ServerLimits connection_limits() {
  http::ServerLimits limits = gateway_server_limits();
  limits.idle_timeout = public_gateway_idle_timeout;
  limits.connections_max = public_gateway_connections_max;
  limits.connections_per_address_max = public_gateway_connections_per_address_max;
  return limits;
}

http::ServerLimits stream_limits() {
  http::ServerLimits limits = connection_limits();
  // The swarm counts them by peer. Behind a relay, or one address, there may be many.
  limits.connections_max = public_gateway_streams_max;
  limits.connections_per_address_max = public_gateway_streams_max;
  // Who has asked closes their side, and goes by a reset.
  limits.half_close_grace = gateway_write_timeout;
  return limits;
}

Task<void> tell_protocols(const http::Request& request, http::ResponseWriter& response) {
  if (request.method != "GET" && request.method != "HEAD") {
    response.headers.set("Allow", "GET, HEAD");
    co_return co_await response.send(405, "text/plain", as_bytes("Use GET or HEAD.\n"));
  }
  co_return co_await response.send(200, "application/json", as_bytes(protocols_json));
}

Task<void> tell_nothing_here(http::ResponseWriter& response) {
  co_return co_await response.send(404, "text/plain",
                                   as_bytes("There is nothing here but /ipfs/CID.\n"));
}

}  // namespace

PublicGateway::PublicGateway(port::Env& env, OpenBlockSource open)
    : env_(env),
      gateway_(env, std::move(open), gateway_options()),
      connections_(env, connection_limits(),
                   [this](http::Request& request, http::ResponseWriter& response) {
                     return answer(request, response);
                   }),
      streams_(env, stream_limits(),
               [this](http::Request& request, http::ResponseWriter& response) {
                 response.headers.set("Connection", "close");
                 return answer(request, response);
               }) {}

PublicGateway::PublicGateway(node::Node& node) : PublicGateway(node.env(), blocks_of(node)) {
  if (!node.online() || !node.settings().gateway_over_libp2p) return;
  node_ = &node;
  node.serve_plain_http([this](net::TcpGuest guest) { serve(std::move(guest)); });
  serve_streams(node.swarm());
}

PublicGateway::~PublicGateway() = default;

Task<void> PublicGateway::answer(http::Request& request, http::ResponseWriter& response) {
  if (request.path == protocols_path) return tell_protocols(request, response);
  if (!request.path.starts_with("/ipfs/")) return tell_nothing_here(response);
  return gateway_.serve(request, response);
}

void PublicGateway::serve(net::TcpGuest guest) {
  connections_.serve(std::move(guest.stream), guest.local, guest.remote);
}

void PublicGateway::serve_streams(net::Swarm& swarm) {
  swarm_ = &swarm;
  net::HandlerOptions options;
  options.streams_max = public_gateway_streams_max;
  options.streams_per_peer_max = public_gateway_streams_per_peer_max;
  swarm.handle(
      net::ProtocolId(net::http_protocol),
      [this](std::unique_ptr<net::Stream> stream) { return serve_stream(std::move(stream)); },
      options);
}

/// Lasts as long as the server has the stream, so that the swarm counts it.
Task<void> PublicGateway::serve_stream(std::unique_ptr<net::Stream> stream) {
  if (swarm_ == nullptr) co_return std::unexpected(Errc::closed);
  const std::optional<net::ConnectionInfo> connection = swarm_->info(stream->connection());
  if (!connection) co_return std::unexpected(Errc::closed);
  const auto endpoint = [](const multiformats::Multiaddr& address) {
    return net::endpoint_of(address).value_or(port::Endpoint());
  };
  auto ended = std::make_shared<port::OneShot<void>>(env_.clock);
  streams_.serve(port::with_end(std::move(stream), [ended] { ended->set({}); }),
                 endpoint(connection->local_address), endpoint(connection->remote_address));
  co_return co_await ended->wait();
}

Task<void> PublicGateway::stop(Duration grace) {
  if (node_ != nullptr) node_->serve_plain_http({});
  node_ = nullptr;
  if (swarm_ != nullptr) swarm_->stop_handling(net::ProtocolId(net::http_protocol));
  swarm_ = nullptr;
  co_await connections_.stop(grace);
  co_return co_await streams_.stop(grace);
}

}  // namespace kith::api
