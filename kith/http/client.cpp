#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include <kith/http/client.hpp>
#include <kith/http/detail/input.hpp>
#include <kith/http/error.hpp>
#include <kith/port/task_group.hpp>

namespace kith::http {

namespace detail {

struct ClientConnection {
  ClientConnection(std::string to_host, std::uint16_t to_port, port::StreamPtr over)
      : host(std::move(to_host)), port(to_port), stream(std::move(over)), input(*stream) {}

  std::string host;
  std::uint16_t port;
  port::StreamPtr stream;
  StreamInput input;
  bool kept = false;  ///< it has served a request before
  bool uploading = false;
  std::optional<Error> upload_failure;  ///< of the body that was to be sent, not of the connection
};

struct ClientState {
  ClientState(port::Env& environment, ClientOptions some)
      : env(environment), options(std::move(some)), uploads(env.executor, env.clock) {}

  std::shared_ptr<ClientConnection> take_idle(const std::string& host, std::uint16_t port);
  void keep(std::shared_ptr<ClientConnection> connection);

  port::Env& env;
  ClientOptions options;
  std::vector<std::shared_ptr<ClientConnection>> idle;
  port::TaskGroup uploads;
  bool closed = false;
};

std::shared_ptr<ClientConnection> ClientState::take_idle(const std::string& host,
                                                         std::uint16_t port) {
  auto found = std::ranges::find_if(
      idle, [&](const auto& kept) { return kept->host == host && kept->port == port; });
  if (found == idle.end()) return nullptr;
  std::shared_ptr<ClientConnection> connection = std::move(*found);
  idle.erase(found);
  return connection;
}

void ClientState::keep(std::shared_ptr<ClientConnection> connection) {
  if (closed || options.idle_connections_max == 0) return;
  if (idle.size() >= options.idle_connections_max) idle.erase(idle.begin());
  connection->kept = true;
  idle.push_back(std::move(connection));
}

}  // namespace detail

using detail::ClientConnection;
using detail::ClientState;

namespace {

/// Writes a request's body in its framing. `left` is what was announced.
Task<void> write_body(port::Stream& stream, BodyReader& body, std::optional<std::uint64_t> left,
                      std::optional<Error>& failure) {
  for (;;) {
    auto part = co_await body.read_buffer(upload_read_bytes);
    if (!part) {
      failure = part.error();
      co_return std::unexpected(part.error());
    }
    bool fits = !left || (part->empty() ? *left == 0 : part->size() <= *left);
    if (!fits) {
      failure = Error(HttpError::wrong_length, "the data to send changed while it was read");
      co_return std::unexpected(*failure);
    }
    if (left && part->empty()) co_return Result<void>{};
    if (part->empty()) co_return co_await stream.write(as_bytes("0\r\n\r\n"));
    if (left) {
      *left -= part->size();
      KITH_CO_CHECK(co_await stream.write(*part));
      continue;
    }
    std::string chunk_head = fmt::format("{:x}\r\n", part->size());
    const ByteView pieces[] = {as_bytes(chunk_head), *part, as_bytes("\r\n")};
    std::span<const ByteView> all = pieces;
    KITH_CO_CHECK(co_await stream.write_all(all));
  }
}

Task<void> upload(std::shared_ptr<ClientConnection> connection, std::unique_ptr<BodyReader> body,
                  std::optional<std::uint64_t> body_bytes) {
  auto sent =
      co_await write_body(*connection->stream, *body, body_bytes, connection->upload_failure);
  connection->uploading = false;
  // Half a body must not be taken for a whole one. If it is the server that wants no more of it,
  // its answer may still be on the way to us.
  if (connection->upload_failure) connection->stream->reset();
  co_return sent;
}

Error unreachable(const Error& why, const std::string& host, std::uint16_t port,
                  const std::string& hint) {
  if (why.is(Errc::cancelled)) return why;
  const std::string at = authority_of(host, port);
  return why.with_context(hint.empty() ? "can't reach " + at
                                       : fmt::format("can't reach {} ({})", at, hint));
}

std::string host_field(const std::string& host, std::uint16_t port) {
  return authority_of(host, port == 80 ? std::nullopt : std::optional(port));
}

/// Resets the connection unless told that all is well.
class ResetUnless {
 public:
  explicit ResetUnless(ClientConnection& connection) noexcept : connection_(&connection) {}
  ResetUnless(const ResetUnless&) = delete;
  ResetUnless& operator=(const ResetUnless&) = delete;
  ~ResetUnless() {
    if (connection_ != nullptr) connection_->stream->reset();
  }
  void well() noexcept { connection_ = nullptr; }

 private:
  ClientConnection* connection_;
};

}  // namespace

std::string authority_of(const std::string& host, std::optional<std::uint16_t> port) {
  std::string text = host.find(':') == std::string::npos ? host : '[' + host + ']';
  if (port) text += ':' + std::to_string(*port);
  return text;
}

Response::Response(std::shared_ptr<ClientState> state, std::shared_ptr<ClientConnection> connection,
                   ResponseHead head, Framing framing)
    : status(head.status),
      reason(std::move(head.reason)),
      headers(std::move(head.headers)),
      state_(std::move(state)),
      connection_(std::move(connection)),
      decoder_(framing),
      reusable_(head.version_minor > 0 && !headers.has_token("connection", "close") &&
                framing.kind != Framing::Kind::until_close) {
  if (decoder_.done()) ended();
}

Response::~Response() {
  if (connection_) connection_->stream->reset();
}

void Response::ended() {
  at_end_ = true;
  std::shared_ptr<ClientConnection> connection = std::exchange(connection_, nullptr);
  if (reusable_ && !connection->uploading && connection->input.held().empty()) {
    state_->keep(std::move(connection));
  } else {
    connection->stream->reset();
  }
}

Task<Buffer> Response::read_buffer(std::size_t size_max, Instant deadline) {
  if (at_end_) co_return Buffer();
  if (!connection_) co_return std::unexpected(Errc::reset);
  auto part = co_await detail::read_payload(connection_->input, decoder_, size_max, deadline);
  if (!part && connection_->upload_failure && !part.error().is(Errc::cancelled))
    co_return std::unexpected(*connection_->upload_failure);
  if (!part && part.error().is(Errc::timed_out)) co_return std::unexpected(part.error());
  if (!part) {
    std::exchange(connection_, nullptr)->stream->reset();
    co_return std::unexpected(part.error());
  }
  if (part->empty() || decoder_.done()) ended();
  co_return *std::move(part);
}

Client::Client(port::Env& env, ClientOptions options)
    : state_(std::make_shared<ClientState>(env, std::move(options))) {}

Client::~Client() = default;

Task<Client::ConnectionPtr> Client::connect(std::string host, std::uint16_t port) {
  port::Env& env = state_->env;
  Instant deadline = env.clock.now() + state_->options.connect_timeout;
  std::vector<port::IpAddress> addresses;
  if (auto literal = port::IpAddress::parse(host)) {
    addresses.push_back(*literal);
  } else {
    auto resolved = co_await env.net.resolve(host, std::nullopt, deadline);
    if (!resolved)
      co_return std::unexpected(
          unreachable(resolved.error(), host, port, state_->options.unreachable_hint));
    addresses = *std::move(resolved);
  }
  Error last = Errc::not_found;
  for (const port::IpAddress& address : addresses) {
    port::Endpoint remote{address, port};
    port::TcpDialOptions options;
    auto stream = co_await env.net.dial_tcp(remote, options, deadline);
    if (stream) co_return std::make_shared<ClientConnection>(host, port, *std::move(stream));
    last = stream.error();
    if (last.is(Errc::cancelled)) break;
  }
  co_return std::unexpected(unreachable(last, host, port, state_->options.unreachable_hint));
}

Task<ResponsePtr> Client::send(ClientRequest request, Instant deadline) {
  if (state_->closed) co_return std::unexpected(Errc::closed);
  ConnectionPtr kept;
  if (!request.body) kept = state_->take_idle(request.host, request.port);
  if (kept) {
    auto response = co_await exchange(kept, request, deadline);
    // Else the server closed it while we kept it, and nobody saw the request.
    if (response || !port::ended_by_peer(response.error())) co_return response;
  }
  KITH_CO_TRY(ConnectionPtr fresh, co_await connect(request.host, request.port));
  auto response = co_await exchange(fresh, request, deadline);
  if (!response && port::ended_by_peer(response.error())) {
    co_return std::unexpected(response.error().with_context(fmt::format(
        "{} closed the connection without an answer", host_field(request.host, request.port))));
  }
  co_return response;
}

Task<ResponsePtr> Client::exchange(ConnectionPtr connection, ClientRequest& request,
                                   Instant deadline) {
  if (!is_token(request.method) || request.target.find_first_of(" \r\n") != std::string::npos)
    co_return std::unexpected(Error(Errc::invalid_argument, "HTTP request to " + request.target));
  ResetUnless guard(*connection);
  RequestHead head;
  head.method = request.method;
  head.target = request.target;
  head.headers = request.headers;
  head.headers.set("Host", host_field(request.host, request.port));
  head.headers.remove("content-length");
  head.headers.remove("transfer-encoding");
  std::uint64_t announced = request.body_bytes.value_or(0);
  if (request.body && !request.body_bytes) {
    head.headers.add("Transfer-Encoding", "chunked");
  } else if (request.body || request.method != "GET") {
    head.headers.add("Content-Length", std::to_string(request.body ? announced : 0));
  }
  std::string text = to_text(head);
  KITH_CO_CHECK(co_await connection->stream->write(as_bytes(text), deadline));
  if (request.body) {
    connection->uploading = true;
    state_->uploads.spawn(upload(connection, std::move(request.body), request.body_bytes));
  }
  ResponseHead answer;
  for (std::size_t i = 0;; ++i) {
    if (i > interim_responses_max) co_return std::unexpected(HttpError::bad_start_line);
    HeadScanner scanner(HeadScanner::Kind::head);
    auto complete = co_await detail::read_section(connection->input, scanner, deadline);
    if (complete && !*complete) complete = std::unexpected(Errc::end_of_stream);
    if (!complete && connection->upload_failure && !complete.error().is(Errc::cancelled))
      co_return std::unexpected(*connection->upload_failure);
    if (!complete) co_return std::unexpected(complete.error());
    auto parsed = parse_response_head(scanner.text());
    if (!parsed) co_return std::unexpected(parsed.error());
    answer = *std::move(parsed);
    if (answer.status >= 200) break;
  }
  auto framing = response_framing(answer, request.method == "HEAD");
  if (!framing) co_return std::unexpected(framing.error());
  guard.well();
  co_return ResponsePtr(new Response(state_, connection, std::move(answer), *framing));
}

Task<void> Client::close() {
  state_->closed = true;
  for (const auto& connection : state_->idle)
    connection->stream->reset();
  state_->idle.clear();
  state_->uploads.cancel();
  co_return co_await state_->uploads.join_shielded();
}

}  // namespace kith::http
