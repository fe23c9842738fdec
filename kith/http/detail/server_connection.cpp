#include <algorithm>
#include <cstring>

#include <kith/http/detail/server_connection.hpp>

namespace kith::http::detail {

Task<void> Inbox::wait_for_space(Instant deadline) {
  while (memory_bytes_ >= inbox_bytes_max)
    KITH_CO_CHECK(co_await space_.wait(deadline));
  co_return Result<void>{};
}

void Inbox::push(Buffer bytes) {
  bytes = std::move(bytes).compacted();
  memory_bytes_ += bytes.memory_bytes();
  queue_.push_back(std::move(bytes));
  readable_.notify_all();
}

void Inbox::end(std::optional<Error> why) {
  ended_ = true;
  failure_ = std::move(why);
  readable_.notify_all();
}

Task<Buffer> Inbox::receive(Instant deadline) {
  while (queue_.empty()) {
    if (failure_) co_return std::unexpected(*failure_);
    if (ended_) co_return Buffer();
    KITH_CO_CHECK(co_await readable_.wait(deadline));
  }
  Buffer front = std::move(queue_.front());
  queue_.pop_front();
  memory_bytes_ -= front.memory_bytes();
  space_.notify_all();
  co_return front;
}

Task<std::size_t> TakenStream::read_some(MutableBytes into, Instant deadline) {
  KITH_CO_TRY(bool more, co_await input_.fill(deadline));
  if (!more) co_return std::size_t{0};
  std::size_t size = std::min(into.size(), input_.held().size());
  std::memcpy(into.data(), input_.held().data(), size);
  input_.consume(size);
  co_return size;
}

Task<Buffer> TakenStream::read_buffer(std::size_t size_max, Instant deadline) {
  KITH_CO_TRY(bool more, co_await input_.fill(deadline));
  if (!more) co_return Buffer();
  co_return input_.take(std::min(size_max, input_.held().size()));
}

ServerConnection::ServerConnection(ServerState& state, port::StreamPtr stream, port::Endpoint local,
                                   port::Endpoint remote)
    : state_(state),
      stream_(std::move(stream)),
      local_(local),
      remote_(remote),
      counted_for_(counted_as(remote.address)),
      inbox_(state.env.clock),
      taken_stream_(*stream_, inbox_),
      reading_(state.env.executor, state.env.clock),
      working_(state.env.executor, state.env.clock),
      place_(state.connections.insert(state.connections.end(), this)) {}

ServerConnection::~ServerConnection() {
  state_.connections.erase(place_);
}

bool ServerConnection::may_give_way() const noexcept {
  return waiting_ && inbox_.drained() && waiting_since_ + give_way_after <= state_.env.clock.now();
}

void ServerConnection::give_way() noexcept {
  if (!may_give_way()) return;
  waiting_ = false;
  gave_way_ = true;
  working_.cancel();
}

void ServerConnection::close_soon() noexcept {
  if (idle_) working_.cancel();
}

void ServerConnection::abandon() noexcept {
  reset_ = true;
  working_.cancel();
  stream_->reset();
}

Instant ServerConnection::write_deadline() const noexcept {
  Duration timeout = state_.limits.write_timeout;
  return timeout == Duration(0) ? never : state_.env.clock.now() + timeout;
}

Task<void> ServerConnection::run() {
  reading_.spawn(pump());
  working_.spawn(serve());
  KITH_CO_CHECK(co_await working_.join_shielded());
  if (!reset_) {
    auto closed = co_await say_goodbye();
    reset_ = !closed;
  }
  if (reset_) stream_->reset();
  reading_.cancel();
  co_return co_await reading_.join_shielded();
}

Task<void> ServerConnection::say_goodbye() {
  Instant deadline = state_.env.clock.now() + linger_time;
  KITH_CO_CHECK(co_await stream_->close_write(deadline));
  std::size_t dropped = 0;
  // Who gives way makes room at once.
  while (lingers_ && !gave_way_ && dropped < linger_bytes_max) {
    auto more = co_await inbox_.fill(deadline);
    if (!more || !*more) break;
    dropped += inbox_.held().size();
    inbox_.consume(inbox_.held().size());
  }
  co_return Result<void>{};
}

Task<void> ServerConnection::pump() {
  for (;;) {
    KITH_CO_CHECK(co_await wait_for_space());
    std::size_t size = expects_much_ ? large_read_bytes : small_read_bytes;
    auto got = co_await stream_->read_buffer(size);
    if (!got && got.error().is(Errc::cancelled)) co_return std::unexpected(got.error());
    if (!got) {
      inbox_.end(got.error());
      if (!taken_over_) abandon();
      co_return Result<void>{};
    }
    if (got->empty()) break;
    inbox_.push(*std::move(got));
  }
  inbox_.end(std::nullopt);
  co_return co_await watch_half_closed();
}

void ServerConnection::written() noexcept {
  writing_ = false;
  last_word_ = state_.env.clock.now();
}

bool ServerConnection::silent_for(Duration time) const noexcept {
  return response_ != nullptr && !taken_over_ && !writing_ &&
         (inbox_.drained() || body_->at_end()) && last_word_ + time <= state_.env.clock.now();
}

Task<void> ServerConnection::wait_for_space() {
  while (!taken_over_) {
    Instant next = std::max(state_.env.clock.now(), last_word_) + pipelining_patience;
    auto space = co_await inbox_.wait_for_space(next);
    if (space || !space.error().is(Errc::timed_out)) co_return space;
    if (!silent_for(pipelining_patience)) continue;
    KITH_LOG_DEBUG(state_.log, "{} sends on and on: its request is given up", remote_.to_string());
    abandon();
  }
  co_return co_await inbox_.wait_for_space(never);
}

/// A client that reads on shows itself by what it takes.
Task<void> ServerConnection::watch_half_closed() {
  port::Clock& clock = state_.env.clock;
  Duration grace = std::max<Duration>(state_.limits.half_close_grace, 1ms);
  Instant next = clock.now() + grace;
  while (!taken_over_) {
    KITH_CO_CHECK(co_await port::sleep_until(clock, next));
    if (silent_for(grace)) {
      KITH_LOG_DEBUG(state_.log, "{} has gone: its request is given up", remote_.to_string());
      abandon();
      break;
    }
    const bool spoke = last_word_ + grace > clock.now();
    next = (spoke ? last_word_ : clock.now()) + grace;
  }
  co_return Result<void>{};
}

Task<void> ServerConnection::serve() {
  for (;;) {
    auto another = co_await serve_one();
    // Cancelled between requests, its owner wants it closed; cancelled in one, it was reset.
    if (!another && !another.error().is(Errc::cancelled)) {
      KITH_LOG_DEBUG(state_.log, "{}: {}", remote_.to_string(), another.error().message());
      reset_ = true;
    }
    if (!another || !*another || state_.stopping) break;
  }
  co_return Result<void>{};
}

Task<bool> ServerConnection::read_head(HeadScanner& scanner) {
  Instant idle_end = state_.env.clock.now() + state_.limits.idle_timeout;
  auto first = co_await inbox_.fill(idle_end);
  if (!first && first.error().is(Errc::timed_out)) co_return false;
  if (!first) co_return std::unexpected(first.error());
  if (!*first) co_return false;
  idle_ = false;
  Instant deadline = state_.env.clock.now() + state_.limits.head_deadline;
  co_return co_await read_section(inbox_, scanner, deadline);
}

Task<bool> ServerConnection::serve_one() {
  idle_ = true;
  waiting_ = true;
  waiting_since_ = state_.env.clock.now();
  state_.connections.splice(state_.connections.end(), state_.connections, place_);
  expects_much_ = false;
  HeadScanner scanner(HeadScanner::Kind::head, state_.limits.head_bytes_max);
  auto complete = co_await read_head(scanner);
  waiting_ = false;
  if (!complete) {
    Error why = complete.error();
    if (&why.domain() != &error_domain(HttpError()) && !why.is(Errc::timed_out))
      co_return std::unexpected(why);
    int status = why.is(Errc::timed_out) ? 408 : status_of(why);
    KITH_CO_CHECK(co_await refuse(status, why));
    co_return false;
  }
  if (!*complete) co_return false;
  // It was to end before its request came: whoever sent that sees that nobody has begun with it.
  const bool cancelled = co_await port::is_cancelled();
  if (cancelled) co_return std::unexpected(Errc::cancelled);
  auto head = parse_request_head(scanner.text(), state_.limits.head_fields_max);
  std::expected<void, HttpError> fits;
  std::expected<Framing, HttpError> framing;
  std::expected<Target, HttpError> target;
  if (!head) fits = std::unexpected(head.error());
  if (fits) fits = check_host(*head);
  if (fits) framing = request_framing(*head);
  if (fits && !framing) fits = std::unexpected(framing.error());
  if (fits) target = parse_target(head->method, head->target);
  if (fits && !target) fits = std::unexpected(target.error());
  if (fits && head->headers.has("expect") && !head->headers.has_token("expect", "100-continue"))
    fits = std::unexpected(HttpError::unsupported_expectation);
  if (!fits) {
    Error why = fits.error();
    int status = status_of(why);
    KITH_CO_CHECK(co_await refuse(status, why));
    co_return false;
  }
  RequestHead request_head = *std::move(head);
  Target request_target = *std::move(target);
  Framing request_body_framing = *framing;
  co_return co_await answer(std::move(request_head), request_body_framing,
                            std::move(request_target));
}

Task<bool> ServerConnection::answer(RequestHead head, Framing framing, Target target) {
  bool expects_continue = head.version_minor > 0 && head.headers.has("expect");
  RequestBody body(*this, framing, state_.limits.body_bytes_max, expects_continue);
  ResponseWriter response(*this, state_.env.clock, head.method == "HEAD", head.version_minor);
  response.keep_alive_ = head.version_minor > 0
                             ? !head.headers.has_token("connection", "close")
                             : head.headers.has_token("connection", "keep-alive");
  std::string host = target.authority;
  if (host.empty()) host = head.headers.get("host").value_or("");
  Request request{std::move(head.method),
                  std::move(head.target),
                  std::move(target.raw_path),
                  std::move(target.path),
                  std::move(target.raw_query),
                  std::move(target.query),
                  std::move(head.headers),
                  std::move(host),
                  head.version_minor,
                  local_,
                  remote_,
                  body};
  KITH_LOG_TRACE(state_.log, "{}: {} {}", remote_.to_string(), request.method, request.target);
  response_ = &response;
  body_ = &body;
  last_word_ = state_.env.clock.now();
  writing_ = false;
  ++state_.handlers_running;
  Task<void> work = state_.handler(request, response);
  auto outcome = co_await std::move(work);
  --state_.handlers_running;
  if (outcome && !taken_over_) outcome = co_await response.finish();
  response_ = nullptr;
  body_ = nullptr;
  if (taken_over_) {
    lingers_ = true;
    co_return false;
  }
  bool cancelled = co_await port::is_cancelled();
  if (cancelled) {
    reset_ = true;
    co_return std::unexpected(Errc::cancelled);
  }
  if (!outcome && !response.head_sent()) {
    const Error& why = outcome.error();
    int status = status_of(why);
    KITH_CO_CHECK(co_await refuse(status, why));
    co_return false;
  }
  if (!outcome) co_return std::unexpected(outcome.error());
  KITH_CO_TRY(bool drained, co_await drain(body));
  co_return drained&& response.keep_alive_;
}

/// True if the connection stands at the next request.
Task<bool> ServerConnection::drain(RequestBody& body) {
  // What is unread when we close makes the kernel send a reset, which may overtake the answer.
  lingers_ = !body.at_end() || !inbox_.drained();
  if (body.at_end()) co_return true;
  std::uint64_t left = state_.limits.drain_bytes_max;
  if (body.continue_due_ || body.broken_ || body.announced().value_or(0) > left) co_return false;
  Instant deadline = state_.env.clock.now() + linger_time;
  while (!body.at_end()) {
    auto part = co_await read_payload(inbox_, body.decoder_, large_read_bytes, deadline);
    if (!part && part.error().is(Errc::cancelled)) co_return std::unexpected(Errc::cancelled);
    if (!part || part->size() > left) co_return false;
    left -= part->size();
  }
  lingers_ = !inbox_.drained();
  co_return true;
}

Task<void> ServerConnection::refuse(int status, Error why) {
  lingers_ = true;
  std::string text = why.message() + '\n';
  ResponseHead head;
  head.status = status;
  head.headers.add("Date", http_date(state_.env.wall.now()));
  head.headers.add("Content-Type", "text/plain; charset=utf-8");
  head.headers.add("Content-Length", std::to_string(text.size()));
  head.headers.add("Connection", "close");
  std::string whole = to_text(head) + text;
  Instant deadline = state_.env.clock.now() + refusal_time;
  co_return co_await stream_->write(as_bytes(whole), deadline);
}

Task<void> ServerConnection::send_continue() {
  if (response_ == nullptr || response_->head_sent_) co_return Result<void>{};
  ResponseWriter& response = *response_;
  response.interim_in_flight_ = true;
  auto sent = co_await stream_->write(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"), write_deadline());
  response.interim_in_flight_ = false;
  response.interim_sent_.notify_all();
  co_return sent;
}

}  // namespace kith::http::detail
