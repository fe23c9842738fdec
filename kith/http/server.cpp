#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include <kith/http/detail/server_connection.hpp>
#include <kith/http/server.hpp>

namespace kith::http {

using detail::ServerConnection;
using detail::ServerState;

Task<Buffer> RequestBody::read_buffer(std::size_t size_max, Instant deadline) {
  if (broken_) co_return std::unexpected(HttpError::bad_framing);
  if (announced().value_or(0) > bytes_max_ - std::min(bytes_, bytes_max_))
    co_return std::unexpected(HttpError::body_too_large);
  if (continue_due_) {
    continue_due_ = false;
    if (!decoder_.done() && connection_.inbox().drained())
      KITH_CO_CHECK(co_await connection_.send_continue());
  }
  connection_.expect_much();
  auto part = co_await detail::read_payload(connection_.inbox(), decoder_, size_max, deadline);
  if (!part) {
    broken_ = !part.error().is(Errc::timed_out);
    co_return std::unexpected(part.error());
  }
  bytes_ += part->size();
  if (bytes_ > bytes_max_) {
    broken_ = true;
    co_return std::unexpected(HttpError::body_too_large);
  }
  co_return *std::move(part);
}

ResponseWriter::ResponseWriter(ServerConnection& connection, port::Clock& clock, bool to_head,
                               int version_minor) noexcept
    : connection_(connection),
      to_head_(to_head),
      version_minor_(version_minor),
      interim_sent_(clock) {}

void ResponseWriter::compose_head(std::optional<std::uint64_t> whole_size) {
  std::optional<std::uint64_t> length = whole_size;
  if (auto set = headers.get("content-length"); set && !length) {
    std::uint64_t value = 0;
    auto [end, failure] = std::from_chars(set->data(), set->data() + set->size(), value);
    if (failure == std::errc() && end == set->data() + set->size()) length = value;
  }
  keep_alive_ =
      keep_alive_ && !headers.has_token("connection", "close") && !connection_.state().stopping;
  headers.remove("content-length");
  headers.remove("transfer-encoding");
  if (!taken_over_) headers.remove("connection");
  bool bodiless = status < 200 || status == 204 || status == 304;
  if (bodiless || to_head_) {
    mode_ = Mode::discard;
  } else if (length) {
    mode_ = Mode::length;
    left_ = *length;
  } else if (version_minor_ > 0) {
    mode_ = Mode::chunked;
  } else {
    mode_ = Mode::until_close;
    keep_alive_ = false;
  }
  ResponseHead start;
  start.status = status;
  head_ = to_text(start);
  head_.resize(head_.size() - 2);
  if (!headers.has("date") && status >= 200) {
    head_ += fmt::format("Date: {}\r\n", http_date(connection_.state().env.wall.now()));
  }
  append_fields(head_, headers);
  if (length && !bodiless) head_ += fmt::format("Content-Length: {}\r\n", *length);
  if (mode_ == Mode::chunked) head_ += "Transfer-Encoding: chunked\r\n";
  if (!taken_over_ && !keep_alive_) head_ += "Connection: close\r\n";
  if (!taken_over_ && keep_alive_ && version_minor_ == 0) head_ += "Connection: keep-alive\r\n";
  head_ += "\r\n";
}

Task<void> ResponseWriter::wait_for_interim() {
  while (interim_in_flight_)
    KITH_CO_CHECK(co_await interim_sent_.wait());
  co_return Result<void>{};
}

/// Sends the head if it is due, the pieces in the body's framing, and the body's end if it is the
/// last of it.
Task<void> ResponseWriter::put(std::span<const ByteView> pieces, bool last) {
  if (broken_) co_return std::unexpected(Errc::reset);
  if (finished_) co_return std::unexpected(HttpError::wrong_length);
  pieces_.clear();
  if (!head_sent_) pieces_.push_back(as_bytes(head_));
  head_sent_ = true;
  finished_ = last;
  std::uint64_t size = 0;
  for (ByteView piece : pieces)
    size += piece.size();
  bool framed = mode_ == Mode::chunked;
  broken_ = mode_ == Mode::length && (size > left_ || (last && size != left_));
  if (broken_) co_return std::unexpected(HttpError::wrong_length);
  if (mode_ == Mode::length) left_ -= size;
  tail_.clear();
  if (size > 0 && mode_ != Mode::discard) {
    if (framed) {
      chunk_head_ = fmt::format("{:x}\r\n", size);
      pieces_.push_back(as_bytes(chunk_head_));
      tail_ = "\r\n";
    }
    pieces_.insert(pieces_.end(), pieces.begin(), pieces.end());
  }
  if (last && framed) {
    tail_ += "0\r\n";
    append_fields(tail_, trailers);
    tail_ += "\r\n";
  }
  if (!tail_.empty()) pieces_.push_back(as_bytes(tail_));
  if (pieces_.empty()) co_return Result<void>{};
  KITH_CO_CHECK(co_await wait_for_interim());
  Instant deadline = connection_.write_deadline();
  std::span<const ByteView> all = pieces_;
  connection_.writing();
  auto sent = co_await connection_.stream().write_all(all, deadline);
  connection_.written();
  broken_ = !sent;
  co_return sent;
}

Task<void> ResponseWriter::flush() {
  if (head_sent_) co_return Result<void>{};
  compose_head(std::nullopt);
  std::span<const ByteView> nothing;
  co_return co_await put(nothing, false);
}

Task<void> ResponseWriter::write(ByteView bytes) {
  std::span<const ByteView> pieces(&bytes, 1);
  co_return co_await write_all(pieces);
}

Task<void> ResponseWriter::write_all(std::span<const ByteView> pieces) {
  if (!head_sent_) compose_head(std::nullopt);
  co_return co_await put(pieces, false);
}

Task<void> ResponseWriter::send(int with_status, std::string_view content_type, ByteView body) {
  if (head_sent_) co_return std::unexpected(HttpError::head_already_sent);
  status = with_status;
  if (!content_type.empty()) headers.set("Content-Type", std::string(content_type));
  compose_head(body.size());
  std::span<const ByteView> pieces(&body, 1);
  co_return co_await put(pieces, true);
}

Task<void> ResponseWriter::finish() {
  if (finished_) co_return Result<void>{};
  if (!head_sent_) compose_head(to_head_ ? std::nullopt : std::optional<std::uint64_t>(0));
  std::span<const ByteView> nothing;
  co_return co_await put(nothing, true);
}

Task<port::Stream*> ResponseWriter::take_over() {
  if (head_sent_) co_return std::unexpected(HttpError::head_already_sent);
  if (status == 200) status = 101;
  taken_over_ = true;
  connection_.taken_over();
  connection_.expect_much();
  compose_head(std::nullopt);
  mode_ = Mode::discard;
  std::span<const ByteView> nothing;
  KITH_CO_CHECK(co_await put(nothing, true));
  co_return &connection_.taken_stream();
}

port::IpAddress counted_as(const port::IpAddress& address) {
  if (address.is_v4()) return address;
  std::array<std::uint8_t, 16> bytes{};
  std::ranges::copy(address.bytes().first(8), bytes.begin());
  return port::IpAddress::v6(bytes);
}

namespace {

Task<void> serve_connection(ServerState& state, port::StreamPtr stream, port::Endpoint local,
                            port::Endpoint remote) {
  if (!state.stopping) {
    ServerConnection connection(state, std::move(stream), local, remote);
    (void)co_await connection.run();
  }
  port::IpAddress address = counted_as(remote.address);
  if (--state.connections_by_address[address] == 0) state.connections_by_address.erase(address);
  --state.admitted;
  state.ended.notify_all();
  co_return Result<void>{};
}

Task<void> say_too_many(port::Clock& clock, port::StreamPtr stream, std::string limit) {
  const std::string body = fmt::format("too many connections: {}\n", limit);
  const std::string answer = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n"
      "Retry-After: 5\r\nConnection: close\r\n\r\n{}",
      body.size(), body);
  Instant deadline = clock.now() + refusal_time;
  KITH_CO_CHECK(co_await stream->write(as_bytes(answer), deadline));
  KITH_CO_CHECK(co_await stream->close_write(deadline));
  // Its request must be read, or the reset that greets it takes our answer along.
  for (std::size_t dropped = 0; dropped < linger_bytes_max;) {
    KITH_CO_TRY(Buffer part, co_await stream->read_buffer(small_read_bytes, deadline));
    if (part.empty()) break;
    dropped += part.size();
  }
  co_return Result<void>{};
}

std::size_t connections_from(const ServerState& state, const port::IpAddress& address) {
  auto from = state.connections_by_address.find(address);
  return from == state.connections_by_address.end() ? 0 : from->second;
}

bool address_is_full(const ServerState& state, const port::IpAddress& address) {
  return connections_from(state, address) >= state.limits.connections_per_address_max;
}

std::string limit_reached(const ServerState& state, const port::IpAddress& address) {
  if (!address_is_full(state, address))
    return fmt::format("{} at a time", state.limits.connections_max);
  return fmt::format("{} of one address at a time", state.limits.connections_per_address_max);
}

bool has_room(const ServerState& state, const port::IpAddress& address) {
  return state.admitted < state.limits.connections_max && !address_is_full(state, address);
}

/// Who asks for nothing gives way to who comes: an attacker that holds connections open, or sends
/// heads by drips, locks nobody out. Who waits longest goes first, of those that stand in the way.
/// It ends in its own time, very soon; until then it is one too many.
bool make_room(ServerState& state, const port::IpAddress& address) {
  const bool of_address = address_is_full(state, address);
  auto waiting = std::ranges::find_if(state.connections, [&](ServerConnection* connection) {
    return connection->may_give_way() && (!of_address || connection->counted_for() == address);
  });
  if (waiting == state.connections.end()) return false;
  (*waiting)->give_way();
  return true;
}

bool admit(ServerState& state, port::StreamPtr stream, port::Endpoint local,
           port::Endpoint remote) {
  if (state.stopping) return false;
  const port::IpAddress address = counted_as(remote.address);
  if (!has_room(state, address) && !make_room(state, address)) {
    KITH_LOG_DEBUG(state.log, "too many connections: {} is refused", remote.to_string());
    state.refusing.spawn(
        say_too_many(state.env.clock, std::move(stream), limit_reached(state, address)));
    return false;
  }
  ++state.connections_by_address[address];
  ++state.admitted;
  // It is never full nor cancelled.
  return state.serving.spawn(serve_connection(state, std::move(stream), local, remote));
}

Task<void> accept_on(ServerState& state, port::TcpListener& listener) {
  for (;;) {
    auto accepted = co_await listener.accept();
    if (!accepted) {
      if (!accepted.error().is(Errc::closed) && !accepted.error().is(Errc::cancelled)) {
        KITH_LOG_ERROR(state.log, "{} takes no more connections: {}",
                       listener.local_endpoint().to_string(), accepted.error().message());
      }
      co_return std::unexpected(accepted.error());
    }
    std::unique_ptr<port::TcpStream> stream = *std::move(accepted);
    port::Endpoint local = stream->local_endpoint();
    port::Endpoint remote = stream->remote_endpoint();
    admit(state, std::move(stream), local, remote);
  }
}

}  // namespace

namespace detail {

ServerState::ServerState(port::Env& environment, ServerLimits some, Handler answering)
    : env(environment),
      limits(some),
      handler(std::move(answering)),
      log(environment.log, "http"),
      ended(environment.clock),
      listening(environment.executor, environment.clock),
      serving(environment.executor, environment.clock),
      refusing(environment.executor, environment.clock, refusals_max) {}

}  // namespace detail

Server::Server(port::Env& env, ServerLimits limits, Handler handler)
    : state_(std::make_unique<ServerState>(env, limits, std::move(handler))) {}

Server::~Server() = default;

Result<port::Endpoint> Server::listen(port::Endpoint local, port::TcpListenOptions options) {
  if (state_->stopping) return std::unexpected(Errc::closed);
  KITH_TRY(auto listener, state_->env.net.listen_tcp(local, options));
  port::Endpoint at = listener->local_endpoint();
  state_->listeners.push_back(std::move(listener));
  state_->listening.spawn(accept_on(*state_, *state_->listeners.back()));
  return at;
}

std::vector<port::Endpoint> Server::endpoints() const {
  std::vector<port::Endpoint> all;
  for (const auto& listener : state_->listeners)
    all.push_back(listener->local_endpoint());
  return all;
}

bool Server::serve(port::StreamPtr stream, port::Endpoint local, port::Endpoint remote) {
  return admit(*state_, std::move(stream), local, remote);
}

std::size_t Server::connections() const noexcept {
  return state_->admitted;
}
std::size_t Server::requests_in_flight() const noexcept {
  return state_->handlers_running;
}

Task<void> Server::stop(Duration grace) {
  ServerState& state = *state_;
  state.stopping = true;
  for (auto& listener : state.listeners)
    listener->close();
  state.refusing.cancel();
  for (ServerConnection* connection : state.connections)
    connection->close_soon();
  Instant deadline = state.env.clock.now() + grace;
  while (state.admitted > 0) {
    auto waited = co_await state.ended.wait_shielded(deadline);
    if (!waited) break;
  }
  for (ServerConnection* connection : state.connections)
    connection->abandon();
  KITH_CO_CHECK(co_await state.serving.join_shielded());
  KITH_CO_CHECK(co_await state.refusing.join_shielded());
  KITH_CO_CHECK(co_await state.listening.join_shielded());
  co_return Result<void>{};
}

}  // namespace kith::http
