// Server: HTTP/1.1 (RFC 9110, RFC 9112) over port::Stream, for the RPC, the gateway and the page.
//
//   Task<void> hello(http::Request& request, http::ResponseWriter& response) {
//     co_return co_await response.send(200, "text/plain", as_bytes("hello " + request.path));
//   }
//   http::Server server(env, {}, hello);
//   KITH_CO_TRY(port::Endpoint at, server.listen({loopback, 5001}));
//   ...
//   co_await server.stop(2s);
//
// Each connection has two tasks: one reads ahead into a bounded inbox and so notices a client that
// goes away, the other reads a head, awaits the handler, and again. A handler is cancelled (its
// next wait returns Errc::cancelled) when its client resets the connection, when the client has
// closed its side for ServerLimits::half_close_grace, or when a stop's grace is over. Requests that
// come before the answer to an earlier one wait in the inbox. (While the inbox is full nothing is
// read, so a client's leaving is seen only when the handler reads on.)
//
// When a limit of connections is reached, the one that asks for nothing for longest gives way to
// who comes; only if all have a handler at work, who comes is told so (503).
//
// Invariants: bytes of a request that could be read in two ways are refused with 400 and the
// connection ends; memory of a connection is bounded by inbox_bytes_max and the head's limits;
// nothing is read for a handler that doesn't read; a handler that writes waits for its client.
// A handler's Result is an answer too: an error before anything was sent becomes status_of(error)
// with the error's message as text, an error later resets the connection, so that the client can't
// take a part for the whole.
//
// Not here: TLS (give serve() a secured stream), HTTP/2, compression, WebSocket (take_over is its
// seam). Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <kith/http/body.hpp>
#include <kith/http/error.hpp>
#include <kith/http/limits.hpp>
#include <kith/http/message.hpp>
#include <kith/http/uri.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>

namespace kith::http {

namespace detail {
class ServerConnection;
struct ServerState;
}  // namespace detail

struct ServerLimits {
  std::size_t head_bytes_max = http::head_bytes_max;
  std::size_t head_fields_max = http::head_fields_max;
  Duration head_deadline = http::head_deadline;
  Duration idle_timeout = http::idle_timeout;
  std::size_t connections_max = http::connections_max;
  /// An IPv6 address stands for its /64.
  std::size_t connections_per_address_max = http::connections_per_address_max;
  /// Of each request, until its handler calls body.allow().
  std::uint64_t body_bytes_max = http::body_bytes_max;
  std::uint64_t drain_bytes_max = http::drain_bytes_max;
  Duration half_close_grace = http::half_close_grace;
  /// How long one write may wait for the client; 0: for ever (a pager at the other end may).
  Duration write_timeout{0};
};

/// A request's body. The first read tells a client that waits (Expect: 100-continue) to go on.
class RequestBody final : public BodyReader {
 public:
  /// Lets this request bring up to `bytes_max` bytes.
  void allow(std::uint64_t bytes_max) noexcept { bytes_max_ = bytes_max; }

  /// HttpError::body_too_large past what is allowed, as soon as that is clear.
  Task<Buffer> read_buffer(std::size_t size_max = large_read_bytes,
                           Instant deadline = never) override;

  /// What is still to come, if the client said how much.
  std::optional<std::uint64_t> announced() const noexcept { return decoder_.announced(); }
  bool at_end() const noexcept { return decoder_.done(); }
  /// Once at_end().
  const Headers& trailers() const noexcept { return decoder_.trailers(); }

 private:
  friend class detail::ServerConnection;
  RequestBody(detail::ServerConnection& connection, Framing framing, std::uint64_t bytes_max,
              bool expects_continue) noexcept
      : connection_(connection),
        decoder_(framing),
        bytes_max_(bytes_max),
        continue_due_(expects_continue) {}

  detail::ServerConnection& connection_;
  BodyDecoder decoder_;
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  bool continue_due_;
  bool broken_ = false;
};

struct Request {
  std::string method;
  std::string target;     ///< as it came
  std::string raw_path;   ///< as it came, without query
  std::string path;       ///< percent-decoded: may hold any bytes, "..", "//"
  std::string raw_query;  ///< as it came, without '?'
  Query query;
  Headers headers;
  std::string host;  ///< the Host field, or the authority of an absolute target
  int version_minor = 1;
  port::Endpoint local;
  port::Endpoint remote;
  RequestBody& body;
};

/// The answer. One task at a time writes it, while another may read the request's body. Set status,
/// headers and trailer names first; the first write sends them.
class ResponseWriter {
 public:
  ResponseWriter(const ResponseWriter&) = delete;
  ResponseWriter& operator=(const ResponseWriter&) = delete;

  int status = 200;
  /// Content-Length, if set, is kept to (HttpError::wrong_length otherwise); without it the body is
  /// chunked. Transfer-Encoding and Connection are the server's; "Connection: close" is obeyed.
  Headers headers;
  /// Sent after a chunked body; lost if the body has another framing. The names must be announced
  /// in a `Trailer` header for clients to look at them. May be filled until finish().
  Headers trailers;

  bool head_sent() const noexcept { return head_sent_; }

  /// Sends the head now, for a client that shall know that its answer begins.
  Task<void> flush();
  /// Waits until the bytes are taken. They go out as they are, in one gather write with head and
  /// chunk frame; nothing is copied. Errors as port::Stream::write; Errc::cancelled once the client
  /// is gone.
  Task<void> write(ByteView bytes);
  /// Several pieces in a row, as one chunk.
  Task<void> write_all(std::span<const ByteView> pieces);
  /// Head and whole body in one write, with Content-Length. Ends the response.
  Task<void> send(int with_status, std::string_view content_type, ByteView body);
  /// Ends the body. The server does it after a handler that returned no error.
  Task<void> finish();

  /// Gives the handler the raw connection: sends the head (status 101 unless set otherwise, headers
  /// as set) and returns the stream, which begins with whatever the client sent after its request.
  /// It lives until the handler returns; then the connection ends. From here on a client that
  /// closes its side is an end of the stream, and cancels nothing. HttpError::head_already_sent.
  Task<port::Stream*> take_over();

 private:
  friend class detail::ServerConnection;
  friend class RequestBody;
  enum class Mode : std::uint8_t { undecided, length, chunked, until_close, discard };

  ResponseWriter(detail::ServerConnection& connection, port::Clock& clock, bool to_head,
                 int version_minor) noexcept;
  /// Decides the framing and composes the head.
  void compose_head(std::optional<std::uint64_t> whole_size);
  Task<void> put(std::span<const ByteView> pieces, bool last);
  Task<void> wait_for_interim();

  detail::ServerConnection& connection_;
  bool to_head_;
  int version_minor_;
  bool keep_alive_ = true;
  bool head_sent_ = false;
  bool finished_ = false;
  bool broken_ = false;
  bool taken_over_ = false;
  bool interim_in_flight_ = false;
  Mode mode_ = Mode::undecided;
  std::uint64_t left_ = 0;
  std::string head_;
  std::string chunk_head_;
  std::string tail_;
  std::vector<ByteView> pieces_;
  port::Event interim_sent_;
};

/// What stands for an address when its connections, or its requests, are counted: an IPv6 address's
/// /64.
port::IpAddress counted_as(const port::IpAddress& address);

/// Answers one request. What it refers to outlives the server.
using Handler = std::function<Task<void>(Request&, ResponseWriter&)>;

class Server {
 public:
  Server(port::Env& env, ServerLimits limits, Handler handler);
  /// stop() has returned.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens there too; port 0 chooses one. Returns the endpoint with its port.
  Result<port::Endpoint> listen(port::Endpoint local, port::TcpListenOptions options = {});
  std::vector<port::Endpoint> endpoints() const;

  /// Serves one connection that came some other way (TLS, a p2p stream). False, and the stream is
  /// dropped, if the server has stopped or is full.
  bool serve(port::StreamPtr stream, port::Endpoint local, port::Endpoint remote);

  std::size_t connections() const noexcept;
  /// Handlers at work.
  std::size_t requests_in_flight() const noexcept;

  /// Takes no more requests, closes idle connections, lets handlers work for `grace` and then
  /// cancels them; returns when all have ended, also if the calling task is cancelled. Idempotent.
  Task<void> stop(Duration grace);

 private:
  std::unique_ptr<detail::ServerState> state_;
};

}  // namespace kith::http
