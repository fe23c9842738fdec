#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/net/muxers/yamux_connection.hpp>
#include <kith/net/security/limits.hpp>

namespace kith::net {

static_assert(yamux_frame_payload_bytes_max + yamux_header_bytes <= noise_plaintext_bytes_max);

namespace {

/// Puts frames into the secure stream's queue.
class QueueSink final : public YamuxSink {
 public:
  explicit QueueSink(SecureStream& secure) noexcept : secure_(secure) {}
  void put(ByteView bytes) override {
    if (!failure) {
      auto queued = secure_.queue(bytes);
      if (!queued) failure = queued.error();
    }
  }
  std::optional<Error> failure;

 private:
  SecureStream& secure_;
};

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

}  // namespace

YamuxConnection::YamuxConnection(port::Env& env, std::unique_ptr<SecureStream> secure,
                                 ConnectionFacts facts, YamuxLimits limits, Budget* memory)
    : env_(env),
      secure_(std::move(secure)),
      facts_(std::move(facts)),
      core_(facts_.direction == Direction::outbound ? Yamux::Role::client : Yamux::Role::server,
            limits, memory, env.clock.now()),
      opened_at_(env.clock.now()),
      output_(env.clock),
      changed_(env.clock),
      openable_(env.clock),
      acceptable_(env.clock),
      callers_left_(env.clock) {}

YamuxConnection::~YamuxConnection() {
  // For a connection that never ran; run() leaves nothing to detach.
  outcome_ = Errc::closed;
  detach_streams();
}

Task<void> YamuxConnection::run() {
  port::TaskGroup tasks(env_.executor, env_.clock, 2);
  tasks.spawn(read_loop());
  tasks.spawn(write_loop());
  auto watched = co_await watch();
  if (!watched) ended(watched.error());
  if (!outcome_) outcome_ = core_.remote_going_away() ? Error(Errc::closed) : *write_failure_;
  phase_ = Phase::ended;
  secure_->reset();
  tasks.cancel();
  co_await tasks.join_shielded();
  detach_streams();
  openable_.notify_all();
  acceptable_.notify_all();
  while (callers_ != 0)
    co_await callers_left_.wait_shielded();
  co_return std::unexpected(*outcome_);
}

/// Returns when the connection is at its end; an error if this task is cancelled.
Task<void> YamuxConnection::watch() {
  while (phase_ != Phase::ended) {
    if (goodbye_sent_ && (phase_ == Phase::failing || peer_ended_)) break;
    const Instant next = std::min(core_.deadline(), give_up_at_);
    auto waited = co_await changed_.wait(next);
    if (!waited && !waited.error().is(Errc::timed_out)) co_return std::unexpected(waited.error());
    const Instant now = env_.clock.now();
    if (now >= give_up_at_) break;
    if (now < core_.deadline()) continue;
    auto alive = core_.on_deadline(now);
    if (!alive) ended(alive.error());
    after_step();
  }
  co_return Result<void>{};
}

/// The first reason counts.
void YamuxConnection::ended(Error why) noexcept {
  if (!outcome_) outcome_ = why;
  phase_ = Phase::ended;
  changed_.notify_all();
}

void YamuxConnection::leave(Phase phase, std::optional<Error> why) noexcept {
  if (!outcome_) outcome_ = std::move(why);
  if (phase_ != Phase::open) return;
  phase_ = phase;
  give_up_at_ = env_.clock.now() + yamux_close_time;
  openable_.notify_all();
  acceptable_.notify_all();
  output_.notify_all();
  changed_.notify_all();
}

void YamuxConnection::close() noexcept {
  if (phase_ != Phase::open) return;
  core_.go_away(YamuxGoAway::normal);
  leave(Phase::closing, Errc::closed);
}

void YamuxConnection::after_step() {
  while (auto touched = core_.next_touched()) {
    auto* stream = static_cast<YamuxStream*>(touched->owner);
    if (touched->readable) stream->readable_.notify_all();
    if (touched->writable) stream->writable_.notify_all();
  }
  if (core_.can_accept()) acceptable_.notify_one();
  if (core_.can_open()) openable_.notify_one();
  if (core_.wants_output()) output_.notify_one();
  if (!core_.remote_going_away()) return;
  openable_.notify_all();
  // A peer that has said goodbye and left nothing open is done.
  if (core_.streams_inbound() + core_.streams_outbound() == 0) close();
}

Task<void> YamuxConnection::read_loop() {
  while (phase_ != Phase::ended) {
    auto chunk = co_await secure_->read_buffer(SIZE_MAX);
    if (!chunk) {
      // After a goodbye the peer may leave as it likes.
      ended(core_.remote_going_away() ? Error(Errc::closed) : chunk.error());
      break;
    }
    if (chunk->empty()) {
      peer_ended_ = true;
      const bool expected =
          core_.remote_going_away() || phase_ != Phase::open ||
          (core_.streams_inbound() + core_.streams_outbound() == 0 && !core_.inside_frame());
      if (phase_ == Phase::open) ended(expected ? Errc::closed : Errc::end_of_stream);
      changed_.notify_all();
      break;
    }
    if (phase_ == Phase::failing) continue;
    auto taken = core_.receive(*std::move(chunk), env_.clock.now());
    after_step();
    if (!taken) leave(Phase::failing, taken.error());
  }
  co_return Result<void>{};
}

Task<void> YamuxConnection::write_loop() {
  QueueSink sink(*secure_);
  while (phase_ != Phase::ended) {
    const Instant now = env_.clock.now();
    if (core_.wants_output()) {
      core_.produce(yamux_batch_bytes, now, sink);
      after_step();
      if (sink.failure) {
        ended(*sink.failure);
        break;
      }
      auto written = co_await secure_->flush(now + yamux_write_timeout);
      if (!written) {
        // What the peer sent before it left may still be there to be read.
        write_failure_ = written.error();
        leave(Phase::closing, std::nullopt);
        goodbye_sent_ = true;
        break;
      }
    } else if (phase_ == Phase::open) {
      KITH_CO_CHECK(co_await output_.wait());
    } else {
      auto closed = co_await secure_->close_write(now + yamux_close_time);
      static_cast<void>(closed);
      goodbye_sent_ = true;
      changed_.notify_all();
      break;
    }
  }
  co_return Result<void>{};
}

void YamuxConnection::detach_streams() noexcept {
  const Instant now = env_.clock.now();
  std::vector<std::pair<YamuxStreamId, YamuxStream*>> held;
  core_.for_each_owner([&held](YamuxStreamId id, void* owner) {
    held.emplace_back(id, static_cast<YamuxStream*>(owner));
  });
  for (auto [id, stream] : held) {
    YamuxQueue received = core_.take_received(id);
    auto end = core_.read_end(id);
    const bool whole = end.has_value() && end->has_value();
    stream->detach(std::move(received), whole, *outcome_);
    core_.release(id, now);
  }
}

Task<std::unique_ptr<MuxedStream>> YamuxConnection::open_stream(Instant deadline) {
  ++callers_;
  Result<void> waited{};
  while (waited && phase_ == Phase::open && !core_.remote_going_away() && !core_.can_open())
    waited = co_await openable_.wait(deadline);
  --callers_;
  callers_left_.notify_all();
  if (!waited) co_return std::unexpected(waited.error());
  if (phase_ != Phase::open) co_return std::unexpected(Errc::closed);
  auto stream = std::make_unique<YamuxStream>(*this, Direction::outbound);
  auto id = core_.open(stream.get(), env_.clock.now());
  if (!id) {
    stream->connection_ = nullptr;
    co_return std::unexpected(id.error());
  }
  stream->id_ = *id;
  after_step();
  co_return stream;
}

Task<std::unique_ptr<MuxedStream>> YamuxConnection::accept_stream() {
  ++callers_;
  Result<void> waited{};
  while (waited && phase_ == Phase::open && !core_.can_accept())
    waited = co_await acceptable_.wait();
  --callers_;
  callers_left_.notify_all();
  if (!waited) co_return std::unexpected(waited.error());
  if (phase_ != Phase::open) co_return std::unexpected(Errc::closed);
  auto stream = std::make_unique<YamuxStream>(*this, Direction::inbound);
  stream->id_ = core_.accept(stream.get()).value();
  after_step();
  co_return stream;
}

ConnectionStats YamuxConnection::stats() const noexcept {
  ConnectionStats stats;
  stats.bytes_received = secure_->wire_bytes_received();
  stats.bytes_sent = secure_->wire_bytes_sent();
  stats.streams_inbound = core_.streams_inbound();
  stats.streams_outbound = core_.streams_outbound();
  stats.round_trip = core_.round_trip();
  stats.opened_at = opened_at_;
  return stats;
}

YamuxStream::YamuxStream(YamuxConnection& connection, Direction direction)
    : connection_(&connection),
      direction_(direction),
      readable_(connection.env_.clock),
      writable_(connection.env_.clock) {}

YamuxStream::~YamuxStream() {
  if (connection_ == nullptr) return;
  connection_->core_.release(id_, connection_->env_.clock.now());
  connection_->after_step();
}

void YamuxStream::detach(YamuxQueue received, bool whole, Error why) noexcept {
  connection_ = nullptr;
  if (whole) received_ = std::move(received);
  whole_ = whole;
  why_ = std::move(why);
  readable_.notify_all();
  writable_.notify_all();
}

/// True if there is data, false at the end.
Task<bool> YamuxStream::await_readable(Instant deadline) {
  for (;;) {
    if (connection_ == nullptr) {
      if (!received_.empty()) co_return true;
      if (whole_) co_return false;
      co_return std::unexpected(why_);
    }
    Yamux& core = connection_->core_;
    if (core.buffered_bytes(id_) != 0) co_return true;
    auto end = core.read_end(id_);
    if (end && *end) co_return false;
    if (end) co_return std::unexpected(end->error());
    KITH_CO_CHECK(co_await readable_.wait(deadline));
  }
}

Task<std::size_t> YamuxStream::read_some(MutableBytes into, Instant deadline) {
  if (reading_) co_return std::unexpected(Errc::busy);
  const Turn turn(reading_);
  KITH_CO_TRY(const bool some, co_await await_readable(deadline));
  if (!some) co_return std::size_t{0};
  if (connection_ == nullptr) co_return received_.read(into);
  const std::size_t size = connection_->core_.read(id_, into, connection_->env_.clock.now());
  connection_->after_step();
  co_return size;
}

Task<Buffer> YamuxStream::read_buffer(std::size_t size_max, Instant deadline) {
  if (reading_) co_return std::unexpected(Errc::busy);
  const Turn turn(reading_);
  KITH_CO_TRY(const bool some, co_await await_readable(deadline));
  if (!some) co_return Buffer();
  if (connection_ == nullptr) co_return received_.pop(size_max);
  Buffer part = connection_->core_.read_buffer(id_, size_max, connection_->env_.clock.now());
  connection_->after_step();
  co_return part;
}

Task<void> YamuxStream::write(ByteView bytes, Instant deadline) {
  const ByteView pieces[] = {bytes};
  const std::span<const ByteView> all = pieces;
  co_return co_await write_all(all, deadline);
}

Task<void> YamuxStream::write_all(std::span<const ByteView> pieces, Instant deadline) {
  if (write_closed_) co_return std::unexpected(Errc::closed);
  if (connection_ == nullptr) co_return std::unexpected(why_);
  // Asked of the call, not of the core: that may be done with a write whose task is still to wake.
  if (writing_) co_return std::unexpected(Errc::busy);
  const Turn turn(writing_);
  KITH_CO_CHECK(connection_->core_.write(id_, pieces));
  connection_->after_step();
  Result<void> waited{};
  while (waited && connection_ != nullptr && connection_->core_.writing(id_))
    waited = co_await writable_.wait(deadline);
  if (connection_ == nullptr) co_return std::unexpected(why_);
  if (connection_->core_.writing(id_)) {
    connection_->core_.cancel_write(id_);
    connection_->after_step();
    co_return std::unexpected(waited.error());
  }
  // Ended by the peer or by us while it waited.
  if (auto error = connection_->core_.write_error(id_); error && !write_closed_) {
    co_return std::unexpected(*error);
  }
  co_return Result<void>{};
}

Task<void> YamuxStream::close_write(Instant) {
  if (connection_ == nullptr) co_return std::unexpected(why_);
  connection_->core_.close_write(id_);
  connection_->after_step();
  // Then it was a reset, which the caller has to hear of.
  if (connection_->core_.write_torn(id_)) co_return std::unexpected(Errc::reset);
  write_closed_ = true;
  co_return Result<void>{};
}

void YamuxStream::reset() noexcept {
  if (connection_ == nullptr) {
    received_.clear();
    whole_ = false;
    why_ = Errc::reset;
    return;
  }
  connection_->core_.reset(id_);
  connection_->after_step();
}

std::size_t YamuxStream::buffered_bytes() const noexcept {
  return connection_ == nullptr ? received_.size() : connection_->core_.buffered_bytes(id_);
}

bool YamuxStream::charge_to(Budget& budget) noexcept {
  return connection_ == nullptr || connection_->core_.charge_to(id_, budget);
}

}  // namespace kith::net
