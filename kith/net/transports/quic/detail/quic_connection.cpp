#include <algorithm>

#include <errno.h>

#include <kith/base/assert.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/net/transports/quic.hpp>
#include <kith/net/transports/quic/detail/quic_connection.hpp>
#include <kith/net/transports/quic/detail/quic_endpoint.hpp>

namespace kith::net::detail {
namespace {

/// One direction of a stream, held by the call that is inside.
class Turn {
 public:
  explicit Turn(bool& taken) noexcept : taken_(taken) { taken_ = true; }
  ~Turn() { taken_ = false; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  bool& taken_;
};

/// What says that nothing can be sent there now, as against a datagram that was too large.
bool no_way_there(const Error& why) noexcept {
  return why.is_errno(ENETUNREACH) || why.is_errno(EHOSTUNREACH) || why.is_errno(EACCES) ||
         why.is_errno(EPERM) || why.is_errno(EADDRNOTAVAIL) || why.is_errno(EAFNOSUPPORT) ||
         why.is_errno(EINVAL) || why.is_errno(ENETDOWN);
}

}  // namespace

QuicConnection::QuicConnection(std::shared_ptr<QuicEndpoint> endpoint,
                               const QuicSessionOptions& options,
                               std::unique_ptr<QuicHalfOpen> half_open)
    : endpoint_(std::move(endpoint)),
      half_open_(std::move(half_open)),
      env_(endpoint_->env()),
      direction_(options.direction),
      local_peer_(endpoint_->tls()->local_peer()),
      local_address_(quic_address(options.local)),
      remote_address_(quic_address(options.remote)),
      opened_at_(env_.clock.now()),
      changed_(env_.clock),
      openable_(env_.clock),
      acceptable_(env_.clock),
      callers_left_(env_.clock) {
  endpoint_->enter(*this);
}

Result<std::unique_ptr<QuicConnection>> QuicConnection::make(
    std::shared_ptr<QuicEndpoint> endpoint, QuicSessionOptions options,
    std::unique_ptr<QuicHalfOpen> half_open) {
  std::unique_ptr<QuicConnection> made(
      new QuicConnection(std::move(endpoint), options, std::move(half_open)));
  if (options.direction == Direction::inbound) {
    made->ids_.insert(options.initial.destination);
    made->endpoint_->route(options.initial.destination, *made);
  }
  QuicHost& host = *made;
  KITH_TRY(made->session_, QuicSession::make(made->endpoint_->tls(), host, std::move(options),
                                             made->env_.clock.now()));
  made->step();
  return made;
}

QuicConnection::~QuicConnection() {
  if (session_ != nullptr) {
    session_->close(env_.clock.now());
    outcome_ = outcome_.value_or(Errc::closed);
    detach_streams();
  }
  leave_endpoint();
  session_.reset();
}

std::string_view QuicConnection::security() const noexcept {
  return quic_security_protocol;
}

std::string_view QuicConnection::muxer() const noexcept {
  return quic_protocol;
}

// What the session asks.

void QuicConnection::fill_random(MutableBytes out) {
  env_.random.fill(out);
}

QuicId QuicConnection::issue_id(QuicResetToken& token) {
  const QuicId id = endpoint_->new_id(token);
  ids_.insert(id);
  endpoint_->route(id, *this);
  return id;
}

void QuicConnection::retire_id(const QuicId& id) {
  if (ids_.erase(id) != 0) endpoint_->forget(id);
}

void QuicConnection::learn_reset_token(const QuicResetToken& token) {
  if (reset_tokens_.insert(token).second) endpoint_->learn_reset_token(token, *this);
}

void QuicConnection::forget_reset_token(const QuicResetToken& token) {
  if (reset_tokens_.erase(token) != 0) endpoint_->forget_reset_token(token);
}

// What the endpoint and the clock bring.

void QuicConnection::receive(const port::Endpoint& from, ByteView datagram, port::Ecn ecn,
                             Instant now) {
  session_->receive(from, datagram, ecn, now);
}

void QuicConnection::settle(Instant now) {
  session_->settle(now);
  step();
}

bool QuicConnection::produce(QuicOutput& into, Instant now) {
  const bool more = session_->produce(into, now);
  step();
  rearm();
  return more;
}

void QuicConnection::on_fire() {
  const Instant now = env_.clock.now();
  session_->on_deadline(now);
  settle(now);
  rearm();
}

void QuicConnection::on_reset() {
  session_->on_reset();
  step();
}

void QuicConnection::on_send_error(const Error& why) {
  if (session_->established() || !no_way_there(why)) return;
  ended(why);
}

void QuicConnection::rearm() {
  Instant at = at_endpoint_ ? session_->deadline() : never;
  // Acknowledgements wait for an eighth of a round trip, which on a short way is too little to wake
  // up for.
  if (at != never && !session_->has_ready()) {
    at = std::max(at, env_.clock.now() + quic_timer_granularity);
  }
  env_.clock.arm(*this, at);
}

/// Wakes whom the session's last step concerns.
void QuicConnection::step() {
  while (auto one = session_->next_touched()) {
    auto* stream = static_cast<QuicStream*>(one->owner);
    if (one->readable) stream->readable_.notify_all();
    if (one->writable) stream->writable_.notify_all();
  }
  if (session_->established() && !std::exchange(was_established_, true)) {
    half_open_.reset();
    changed_.notify_all();
  }
  if (session_->outcome()) {
    ended(*session_->outcome());
    return;
  }
  if (session_->can_accept()) acceptable_.notify_one();
  if (openable_.has_waiters() && session_->can_open()) openable_.notify_one();
  if (session_->wants_output()) endpoint_->want_output(*this);
  if (phase_ == Phase::closing && session_->idle()) changed_.notify_all();
}

/// The first reason counts.
void QuicConnection::ended(Error why) {
  if (!outcome_) outcome_ = std::move(why);
  half_open_.reset();
  phase_ = Phase::ended;
  leave_endpoint();
  changed_.notify_all();
  openable_.notify_all();
  acceptable_.notify_all();
}

void QuicConnection::leave_endpoint() {
  if (!std::exchange(at_endpoint_, false)) return;
  env_.clock.disarm(*this);
  const bool goodbye = session_ != nullptr && !session_->goodbye().empty();
  if (goodbye) endpoint_->say_goodbye(session_->goodbye(), session_->remote_endpoint(), ids_);
  for (const QuicId& id : ids_)
    endpoint_->forget(id);
  for (const QuicResetToken& token : reset_tokens_)
    endpoint_->forget_reset_token(token);
  ids_.clear();
  reset_tokens_.clear();
  endpoint_->leave(*this);
}

// Those who use it.

Task<void> QuicConnection::handshake(Instant deadline) {
  while (!outcome_ && !session_->established())
    KITH_CO_CHECK(co_await changed_.wait(deadline));
  if (outcome_) co_return std::unexpected(*outcome_);
  opened_at_ = env_.clock.now();
  co_return Result<void>{};
}

Task<void> QuicConnection::run() {
  auto watched = co_await watch();
  if (!watched && !outcome_) outcome_ = watched.error();
  session_->close(env_.clock.now());
  step();
  detach_streams();
  while (callers_ != 0)
    co_await callers_left_.wait_shielded();
  co_return std::unexpected(*outcome_);
}

/// Returns when the connection is at its end; an error if this task is cancelled.
Task<void> QuicConnection::watch() {
  while (phase_ != Phase::ended) {
    if (phase_ == Phase::closing && session_->idle()) break;
    auto waited = co_await changed_.wait(give_up_at_);
    if (!waited && !waited.error().is(Errc::timed_out)) co_return std::unexpected(waited.error());
    if (env_.clock.now() >= give_up_at_) break;
  }
  co_return Result<void>{};
}

void QuicConnection::close() noexcept {
  if (phase_ != Phase::open) return;
  outcome_ = Errc::closed;
  phase_ = Phase::closing;
  give_up_at_ = env_.clock.now() + quic_close_time;
  openable_.notify_all();
  acceptable_.notify_all();
  changed_.notify_all();
}

void QuicConnection::detach_streams() noexcept {
  const Instant now = env_.clock.now();
  std::vector<std::pair<QuicStreamId, QuicStream*>> held;
  session_->for_each_owner([&held](QuicStreamId id, void* owner) {
    held.emplace_back(id, static_cast<QuicStream*>(owner));
  });
  std::ranges::sort(held);
  for (auto [id, stream] : held) {
    QuicReceiveQueue received = session_->take_received(id);
    auto end = session_->read_end(id);
    const bool whole = end.has_value() && end->has_value();
    stream->detach(std::move(received), whole, *outcome_);
    session_->release(id, now);
  }
}

Task<std::unique_ptr<MuxedStream>> QuicConnection::open_stream(Instant deadline) {
  ++callers_;
  Result<void> waited{};
  while (waited && phase_ == Phase::open && !session_->can_open())
    waited = co_await openable_.wait(deadline);
  --callers_;
  callers_left_.notify_all();
  if (!waited) co_return std::unexpected(waited.error());
  if (phase_ != Phase::open) co_return std::unexpected(Errc::closed);
  auto stream = std::make_unique<QuicStream>(*this, Direction::outbound);
  auto id = session_->open(stream.get(), env_.clock.now());
  if (!id) {
    stream->connection_ = nullptr;
    co_return std::unexpected(id.error());
  }
  stream->id_ = *id;
  if (session_->can_open()) openable_.notify_one();
  co_return stream;
}

Task<std::unique_ptr<MuxedStream>> QuicConnection::accept_stream() {
  ++callers_;
  Result<void> waited{};
  while (waited && phase_ == Phase::open && !session_->can_accept())
    waited = co_await acceptable_.wait();
  --callers_;
  callers_left_.notify_all();
  if (!waited) co_return std::unexpected(waited.error());
  if (phase_ != Phase::open) co_return std::unexpected(Errc::closed);
  auto stream = std::make_unique<QuicStream>(*this, Direction::inbound);
  stream->id_ = session_->accept(stream.get()).value();
  step();
  co_return stream;
}

ConnectionStats QuicConnection::stats() const noexcept {
  ConnectionStats stats;
  stats.bytes_received = session_->bytes_received();
  stats.bytes_sent = session_->bytes_sent();
  stats.streams_inbound = session_->streams_inbound();
  stats.streams_outbound = session_->streams_outbound();
  stats.round_trip = session_->round_trip();
  stats.opened_at = opened_at_;
  return stats;
}

// Streams.

QuicStream::QuicStream(QuicConnection& connection, Direction direction)
    : connection_(&connection),
      direction_(direction),
      readable_(connection.env_.clock),
      writable_(connection.env_.clock) {}

QuicStream::~QuicStream() {
  if (connection_ == nullptr) return;
  session().release(id_, connection_->env_.clock.now());
  connection_->step();
  connection_->rearm();
}

void QuicStream::detach(QuicReceiveQueue received, bool whole, Error why) noexcept {
  connection_ = nullptr;
  if (whole) received_ = std::move(received);
  whole_ = whole;
  why_ = std::move(why);
  readable_.notify_all();
  writable_.notify_all();
}

/// True if there is data, false at the end.
Task<bool> QuicStream::await_readable(Instant deadline) {
  for (;;) {
    if (connection_ == nullptr) {
      if (!received_.empty()) co_return true;
      if (whole_) co_return false;
      co_return std::unexpected(why_);
    }
    if (session().buffered_bytes(id_) != 0) co_return true;
    auto end = session().read_end(id_);
    if (end && *end) co_return false;
    if (end) co_return std::unexpected(end->error());
    KITH_CO_CHECK(co_await readable_.wait(deadline));
  }
}

Task<std::size_t> QuicStream::read_some(MutableBytes into, Instant deadline) {
  if (reading_) co_return std::unexpected(Errc::busy);
  const Turn turn(reading_);
  KITH_CO_TRY(const bool some, co_await await_readable(deadline));
  if (!some) co_return std::size_t{0};
  if (connection_ == nullptr) co_return received_.read(into);
  const std::size_t size = session().read(id_, into, connection_->env_.clock.now());
  connection_->step();
  co_return size;
}

Task<Buffer> QuicStream::read_buffer(std::size_t size_max, Instant deadline) {
  if (reading_) co_return std::unexpected(Errc::busy);
  const Turn turn(reading_);
  KITH_CO_TRY(const bool some, co_await await_readable(deadline));
  if (!some) co_return Buffer();
  if (connection_ == nullptr) co_return received_.pop(size_max);
  Buffer part = session().read_buffer(id_, size_max, connection_->env_.clock.now());
  connection_->step();
  co_return part;
}

Task<void> QuicStream::write(ByteView bytes, Instant deadline) {
  const ByteView pieces[] = {bytes};
  const std::span<const ByteView> all = pieces;
  co_return co_await write_all(all, deadline);
}

Task<void> QuicStream::write_all(std::span<const ByteView> pieces, Instant deadline) {
  if (write_closed_) co_return std::unexpected(Errc::closed);
  if (connection_ == nullptr) co_return std::unexpected(why_);
  if (writing_) co_return std::unexpected(Errc::busy);
  const Turn turn(writing_);
  KITH_CO_CHECK(session().write(id_, pieces));
  connection_->step();
  Result<void> waited{};
  while (waited && connection_ != nullptr && session().writing(id_))
    waited = co_await writable_.wait(deadline);
  if (connection_ == nullptr) co_return std::unexpected(why_);
  if (session().writing(id_)) {
    session().cancel_write(id_);
    connection_->step();
    co_return std::unexpected(waited.error());
  }
  // Ended by the peer or by us while it waited.
  if (auto error = session().write_error(id_); error && !write_closed_) {
    co_return std::unexpected(*error);
  }
  co_return Result<void>{};
}

Task<void> QuicStream::close_write(Instant) {
  if (connection_ == nullptr) co_return std::unexpected(why_);
  session().close_write(id_);
  connection_->step();
  // Then it was a reset, which the caller has to hear of.
  if (session().write_torn(id_)) co_return std::unexpected(Errc::reset);
  write_closed_ = true;
  co_return Result<void>{};
}

void QuicStream::reset() noexcept {
  if (connection_ == nullptr) {
    received_.clear();
    whole_ = false;
    why_ = Errc::reset;
    return;
  }
  session().reset(id_);
  connection_->step();
}

std::size_t QuicStream::buffered_bytes() const noexcept {
  return connection_ == nullptr ? received_.size() : connection_->session_->buffered_bytes(id_);
}

bool QuicStream::charge_to(Budget& budget) noexcept {
  return connection_ == nullptr || session().charge_to(id_, budget);
}

}  // namespace kith::net::detail
