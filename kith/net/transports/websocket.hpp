// Connections over WebSocket: Noise and yamux as over TCP (upgrade.hpp), on binary messages as a
// flow of bytes (http/websocket_stream.hpp). It is how pages in browsers reach a node, and passes
// proxies that let nothing but HTTP through.
// Specification: libp2p/specs websockets/README.md; go-libp2p's p2p/transport/websocket.
//
//   /ip4/A/tcp/P/ws                      shares its port with TCP (tcp_ports.hpp)
//   /ip4/A/tcp/P/tls/ws, /wss            the same within TLS, which pages of https need
//   /ip4/A/tcp/P/tls/sni/example.org/ws  what /dns4/example.org/tcp/P/wss is resolved to
//
// A server's certificate is checked as browsers do, against the roots of the system (or those of
// the options) and the name, or the IP address if there is none. That is no matter of who the peer
// is, which Noise proves within; it is what go-libp2p does, and keeps others from seeing that this
// is libp2p.
//
// Any page of any origin may open a WebSocket to us, as to other libp2p peers: what it carries
// proves who they are, and gives it nothing that a TCP connection wouldn't. Requests at such a port
// that ask for no WebSocket go to whoever serves pages there (WebSocketOptions::plain_http), else
// they get a short answer. HTTP paths (/http-path) aren't supported.
//
// All of the handshakes, HTTP's too, have the one deadline of the terms. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <kith/crypto/keys.hpp>
#include <kith/crypto/tls/engine.hpp>
#include <kith/http/message.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/net/security/channels.hpp>
#include <kith/net/transports/tcp_ports.hpp>
#include <kith/net/transports/transport.hpp>
#include <kith/port/env.hpp>

namespace kith::net {

/// HTTP on a stream of libp2p (libp2p/specs http/README.md). What limits say of it counts for plain
/// requests at WebSocket's ports, too.
inline constexpr std::string_view http_protocol = "/http/1.1";

struct WebSocketOptions {
  /// Whether the sender of this request may connect; everybody if it is empty.
  std::function<bool(const http::RequestHead& request)> allows{};
  /// Serves HTTP requests that ask for no WebSocket: the stream begins with the request, counts
  /// among the swarm's connections while it lives, and dies before the swarm. The handshake's
  /// deadline is no longer its.
  std::function<void(TcpGuest guest)> plain_http{};
  /// For listening on /tls/ws and /wss, which can't be done without (websocket_server_tls()).
  std::shared_ptr<const crypto::TlsContext> server_tls{};
  /// Whom to trust when dialing: the system's roots and these, DER.
  bool system_roots = true;
  std::vector<Bytes> roots{};
};

/// What a server with this certificate and key has for WebSocketOptions::server_tls.
Result<std::shared_ptr<const crypto::TlsContext>> websocket_server_tls(
    const crypto::TlsCredentials& credentials);

class WebSocketTransport final : public Transport {
 public:
  /// `channels` are of the same identity; null: Noise alone. `ports`: those that it shares with
  /// TCP; its own without.
  WebSocketTransport(port::Env& env, crypto::PrivateKey identity, WebSocketOptions options = {},
                     std::shared_ptr<SecureChannels> channels = nullptr,
                     std::shared_ptr<TcpPorts> ports = nullptr);
  ~WebSocketTransport() override;

  std::string_view name() const noexcept override { return "websocket"; }
  bool dials(const multiformats::Multiaddr& address) const override;
  bool listens(const multiformats::Multiaddr& address) const override;
  Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) override;
  Task<std::unique_ptr<Connection>> dial(multiformats::PeerId peer, multiformats::Multiaddr address,
                                         ConnectionTerms terms) override;

 private:
  struct Shared;
  /// What connections that come need; those that are under way may outlive the transport.
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<TcpPorts> ports_;
};

}  // namespace kith::net
