// Gateway: content over HTTP for browsers and other programs, read only
// (specs.ipfs.tech/http-gateways: path-gateway, trustless-gateway; IPIP-0402, 0412, 0523, 0524).
//
//   GET /ipfs/CID/a/b.txt               the file: ranges, entity tags, a content type
//   GET /ipfs/CID/a/                    index.html, else a listing
//   GET /ipfs/CID/a?format=raw          the block            Accept: application/vnd.ipld.raw
//   GET /ipfs/CID/a?format=car          an archive that proves the answer, with dag-scope,
//                                       entity-bytes, car-dups; streamed, depth first
//   GET /ipfs/CID                       of codec json, cbor, dag-json, dag-cbor: the block
//
//   Gateway gateway(node);
//   http::Server server(env, gateway_server_limits(),
//                       [&](auto& request, auto& response) { return gateway.serve(..); });
//
// A block that isn't here is awaited from the network for fetch_timeout (504), unless no_fetch is
// set or the client says only-if-cached (404, 412). A client that goes away cancels what is done
// for it. An error after an answer has begun resets the connection, so that a part isn't taken for
// the whole. Memory of a request: what a reader reads ahead, one page of listing, and what it must
// remember of a DAG, which parts_max and archive_blocks_max bound: beyond them it fails.
//
// No address may have more requests at work than are left for others (429), but for this machine's
// own, where a proxy may be. So one that asks for what nobody has takes half of them at most.
//
// Any page that is served here is of the gateway's origin: where the same address has something to
// protect, as the RPC's has, set `sandboxed`, which takes scripts and the origin from it.
//
// Different from the specification: a range's entity tag is that of the whole, as RFC 9110 wants it
// for If-Range to work. Not here: IPNS, TAR, subdomains, _redirects, conversions between codecs.
// Loop thread only.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>

#include <kith/api/gateway_limits.hpp>
#include <kith/http/server.hpp>
#include <kith/ipld/block.hpp>
#include <kith/port/env.hpp>
#include <kith/port/task.hpp>

namespace kith::node {
class Node;
}

namespace kith::api {

struct GatewayOptions {
  /// Serve what is in the store and nothing else (Kubo's Gateway.NoFetch).
  bool no_fetch = false;
  /// Browsers treat what is served as of no origin, and run no scripts in it.
  bool sandboxed = false;
  /// Nothing of a path's content but blocks and archives, which the client checks by itself
  /// (trustless-gateway; Kubo's Gateway.DeserializedResponses: false): else 406.
  bool trustless = false;
  Duration fetch_timeout = gateway_fetch_timeout;
  std::size_t requests_max = gateway_requests_max;
  std::size_t parts_max = gateway_parts_max;
  std::size_t archive_blocks_max = gateway_archive_blocks_max;
};

/// What one request reads its blocks through: with `fetch` also from peers.
using OpenBlockSource = std::function<std::unique_ptr<ipld::BlockSource>(bool fetch)>;

/// The node's own, which outlives what is opened.
OpenBlockSource blocks_of(node::Node& node);

class Gateway {
 public:
  /// The node outlives the gateway.
  explicit Gateway(node::Node& node, GatewayOptions options = {});
  Gateway(port::Env& env, OpenBlockSource open, GatewayOptions options = {});
  /// No request is being served any more.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// Answers one request, whatever its method and path.
  Task<void> serve(http::Request& request, http::ResponseWriter& response);

  std::size_t requests_in_flight() const noexcept { return requests_; }

 private:
  bool has_its_share(const port::IpAddress& address) const;

  port::Env& env_;
  OpenBlockSource open_;
  GatewayOptions options_;
  std::size_t requests_ = 0;
  std::map<port::IpAddress, std::size_t> by_address_;
};

/// Limits for a server that has nothing but a gateway: no bodies, and slow clients don't hold a
/// place for ever.
http::ServerLimits gateway_server_limits();

}  // namespace kith::api
