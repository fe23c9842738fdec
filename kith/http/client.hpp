// Client: HTTP/1.1 requests over port::Net, for a command line that talks to its daemon and for
// trustless gateways. Bodies stream both ways at once: Kubo's `add` reports progress while it still
// reads.
//
//   http::Client client(env, {});
//   http::ClientRequest request{.host = "127.0.0.1", .port = 5001, .target = "/api/v0/id"};
//   KITH_CO_TRY(http::ResponsePtr response, co_await client.send(std::move(request)));
//   KITH_CO_TRY(Bytes body, co_await http::read_all(*response, 1 << 20));
//   ...
//   co_await client.close();
//
// Errors that a person can act on carry a sentence with the address and what to try
// (ClientOptions::unreachable_hint). A response is never an error, whatever its status.
// Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <kith/http/body.hpp>
#include <kith/http/message.hpp>
#include <kith/port/env.hpp>

namespace kith::http {

namespace detail {
struct ClientState;
struct ClientConnection;
}  // namespace detail

struct ClientOptions {
  /// What to try when nobody answers at the address; put behind the error.
  std::string unreachable_hint = "check the address, and that the server is running";
  /// To find the host's address and connect.
  Duration connect_timeout = 10s;
  std::size_t idle_connections_max = client_idle_connections_max;
};

/// "example.org:8080", "[::1]:80"; without a port the host alone.
std::string authority_of(const std::string& host, std::optional<std::uint16_t> port);

struct ClientRequest {
  std::string method = "POST";
  /// A name or an address without brackets.
  std::string host;
  std::uint16_t port = 80;
  /// Path and query, encoded.
  std::string target = "/";
  /// Host, Content-Length and Transfer-Encoding are the client's.
  Headers headers = {};
  /// Sent while the response is already awaited and read; nothing: no body.
  std::unique_ptr<BodyReader> body = nullptr;
  /// Content-Length of the body; without it the body is chunked.
  std::optional<std::uint64_t> body_bytes = std::nullopt;
};

/// A response whose head has come; reads its body. One that dies before its end resets the
/// connection, which tells the server to give up.
class Response final : public BodyReader {
 public:
  ~Response() override;

  int status = 0;
  std::string reason;
  Headers headers;

  /// Errc::end_of_stream if the server gave up in the middle; the error of the request's body if
  /// that is what failed.
  Task<Buffer> read_buffer(std::size_t size_max = large_read_bytes,
                           Instant deadline = never) override;
  /// Once read_buffer() has returned the end.
  const Headers& trailers() const noexcept { return decoder_.trailers(); }

 private:
  friend class Client;
  Response(std::shared_ptr<detail::ClientState> state,
           std::shared_ptr<detail::ClientConnection> connection, ResponseHead head,
           Framing framing);
  void ended();

  std::shared_ptr<detail::ClientState> state_;
  std::shared_ptr<detail::ClientConnection> connection_;
  BodyDecoder decoder_;
  bool reusable_;
  bool at_end_ = false;
};

using ResponsePtr = std::unique_ptr<Response>;

class Client {
 public:
  Client(port::Env& env, ClientOptions options);
  /// close() has returned.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Sends the request and returns when the head of the final response has come. A request without
  /// body may go over a kept connection, and is then sent once more if that turns out to be closed.
  /// Errc::timed_out at `deadline`, which is for the head alone; Errc::cancelled, in both cases
  /// resetting the connection.
  Task<ResponsePtr> send(ClientRequest request, Instant deadline = never);

  /// Ends every connection and upload; returns when that is done, also in a cancelled task.
  Task<void> close();

 private:
  using ConnectionPtr = std::shared_ptr<detail::ClientConnection>;
  Task<ConnectionPtr> connect(std::string host, std::uint16_t port);
  Task<ResponsePtr> exchange(ConnectionPtr connection, ClientRequest& request, Instant deadline);

  std::shared_ptr<detail::ClientState> state_;
};

}  // namespace kith::http
