#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/net/transports/quic/detail/quic_session_parts.hpp>

namespace kith::net::detail {
namespace {

/// go-libp2p's, for every end.
constexpr std::uint64_t no_error = 0;

}  // namespace

QuicSession::Stream* QuicSession::find(QuicStreamId id) const noexcept {
  auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

QuicSession::Stream& QuicSession::owned(QuicStreamId id) const noexcept {
  Stream* stream = find(id);
  ASSERT(stream != nullptr && stream->owner != nullptr);
  return *stream;
}

// What ngtcp2 tells.

QuicSession::Stream* QuicSession::make_stream(QuicStreamId id, bool inbound, Instant now) {
  auto made = std::make_unique<Stream>(id, inbound);
  Stream& stream = *made;
  stream.epoch = now;
  const bool room = recharge(stream);
  streams_.emplace(id, std::move(made));
  if (!inbound) return &stream;
  ++inbound_;
  if (room) {
    to_accept_.push_back(id);
  } else {
    stream.accepted = true;
    end_reading(stream, Errc::limit_exceeded);
    to_reset_.push_back(id);
  }
  return &stream;
}

void QuicSession::on_data(QuicStreamId id, ByteView data, bool last) {
  // What has come in order is charged to the stream that holds it. The connection's window bounds
  // only what hasn't: a stream that nobody reads holds up no other.
  give_credit(data.size());
  Stream* stream = find(id);
  if (stream == nullptr || stream->read_error) return;
  stream->credit -= std::min<std::uint64_t>(stream->credit, data.size());
  if (stream->lingers) {
    stream->dropped += data.size();
    if (stream->dropped > quic_linger_bytes_max) to_reset_.push_back(id);
  } else if (!data.empty()) {
    stream->received.append(data);
    if (!recharge(*stream)) {
      end_reading(*stream, Errc::limit_exceeded);
      to_reset_.push_back(id);
      return;
    }
  }
  if (last) {
    stream->end_received = true;
    shrink(*stream);
    recharge(*stream);
  }
  touch(*stream, true, false);
}

void QuicSession::on_stream_reset(QuicStreamId id) noexcept {
  Stream* stream = find(id);
  if (stream == nullptr || stream->end_received) return;
  end_reading(*stream, Errc::reset);
}

void QuicSession::on_stream_closed(QuicStreamId id, bool with_error) noexcept {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  stream->gone = true;
  if (!stream->end_received) end_reading(*stream, Errc::reset);
  if (with_error || !stream->end_sent) end_writing(*stream, Errc::reset);
  outgoing_bytes_ -= stream->outgoing.size();
  stream->outgoing = QuicSendQueue();
  recharge(*stream);
  if (stream->owner == nullptr && !stream->accepted && stream->read_error) {
    std::erase(to_accept_, id);
    stream->accepted = true;
  }
  erase_if_done(*stream);
}

void QuicSession::on_acknowledged(QuicStreamId id, std::uint64_t offset) noexcept {
  Stream* stream = find(id);
  if (stream == nullptr) return;
  const std::size_t before = stream->outgoing.size();
  stream->outgoing.acknowledged(offset);
  outgoing_bytes_ -= before - stream->outgoing.size();
  recharge(*stream);
  fill(*stream);
}

/// The peer may have told us to stop, which ngtcp2 tells only to who wants to write: so it's asked
/// with more bytes than a stream can have, which it refuses without doing anything.
void QuicSession::find_stopped_writers() noexcept {
  const ngtcp2_vec too_much{nullptr, SIZE_MAX};
  std::vector<QuicStreamId> left;
  for (const QuicStreamId id : std::exchange(writers_, {})) {
    Stream* stream = find(id);
    if (stream == nullptr || !stream->writing_now) continue;
    std::uint8_t unused = 0;
    const ngtcp2_ssize answer = ngtcp2_conn_writev_stream(
        connection_->conn, nullptr, nullptr, &unused, 0, nullptr, NGTCP2_WRITE_STREAM_FLAG_NONE, id,
        &too_much, 1, quic_time(time_));
    if (answer == NGTCP2_ERR_STREAM_SHUT_WR || answer == NGTCP2_ERR_STREAM_NOT_FOUND) {
      end_writing(*stream, Errc::reset);
      continue;
    }
    left.push_back(id);
    fill(*stream);
  }
  for (const QuicStreamId id : left) {
    const Stream* stream = find(id);
    if (stream != nullptr && stream->writing_now) writers_.push_back(id);
  }
}

std::optional<QuicSession::Touched> QuicSession::next_touched() noexcept {
  while (!touched_.empty()) {
    Stream* stream = find(touched_.front());
    touched_.erase(touched_.begin());
    if (stream == nullptr) continue;
    stream->touched = false;
    const Touched told{stream->id, stream->owner, std::exchange(stream->readable, false),
                       std::exchange(stream->writable, false)};
    if (told.owner != nullptr) return told;
  }
  return std::nullopt;
}

void QuicSession::touch(Stream& stream, bool readable, bool writable) noexcept {
  if (stream.owner == nullptr) return;
  stream.readable |= readable;
  stream.writable |= writable;
  if (std::exchange(stream.touched, true)) return;
  touched_.push_back(stream.id);
}

void QuicSession::make_ready(Stream& stream) noexcept {
  if (stream.ready || stream.gone || stream.write_error || outcome_) return;
  const bool data = stream.outgoing.unsent() != 0 && !stream.blocked;
  const bool only_end =
      stream.outgoing.unsent() == 0 && stream.end_wanted && !stream.end_sent && !stream.writing_now;
  if (!data && !only_end) return;
  stream.ready = true;
  ready_.push_back(stream.id);
  wants_output_ = true;
}

// Memory.

/// Makes the budget show what the stream holds and has promised. False if there is too little left.
bool QuicSession::recharge(Stream& stream) noexcept {
  const std::uint64_t held = stream.received.size();
  std::uint64_t wanted = quic_stream_overhead_bytes + stream.outgoing.size() + held;
  if (!stream.read_error && !stream.end_received) {
    wanted += stream.window - quic_stream_window_bytes;
    wanted -= held - std::min(held, quic_stream_window_bytes);
  }
  if (wanted > stream.charged) return charge(stream, wanted - stream.charged);
  discharge(stream, stream.charged - wanted);
  return true;
}

bool QuicSession::charge(Stream& stream, std::uint64_t amount) noexcept {
  if (amount > options_.terms.stream_memory_bytes_max - stream.charged) return false;
  if (!memory_.try_reserve(amount)) return false;
  if (stream.also_charged != nullptr && !stream.also_charged->try_reserve(amount)) {
    memory_.release(amount);
    return false;
  }
  stream.charged += amount;
  return true;
}

void QuicSession::discharge(Stream& stream, std::uint64_t amount) noexcept {
  memory_.release(amount);
  if (stream.also_charged != nullptr) stream.also_charged->release(amount);
  stream.charged -= amount;
}

bool QuicSession::charge_to(QuicStreamId id, Budget& budget) noexcept {
  Stream& stream = owned(id);
  ASSERT(stream.also_charged == nullptr);
  if (!budget.try_reserve(stream.charged)) return false;
  stream.also_charged = &budget;
  return true;
}

/// So many bytes have come in order: the connection's window opens again, as far as it is meant to.
void QuicSession::give_credit(std::uint64_t consumed) noexcept {
  outstanding_ -= std::min(outstanding_, consumed);
  const std::uint64_t target = quic_connection_window_bytes + growth_;
  if (target <= outstanding_ || outcome_) return;
  const std::uint64_t more = target - outstanding_;
  ngtcp2_conn_extend_max_offset(connection_->conn, more);
  outstanding_ = target;
  given_ += more;
  // ngtcp2 tells the peer when half of the first window has come together.
  if (given_ < quic_connection_window_bytes / 4) return;
  given_ = 0;
  wants_output_ = true;
}

/// A stream on which no more comes needs no window, and pays for none.
void QuicSession::shrink(Stream& stream) noexcept {
  growth_ -= stream.window - quic_stream_window_bytes;
  stream.window = quic_stream_window_bytes;
}

/// Gives the peer new credit once more than half of the window is used up and read.
void QuicSession::after_read(Stream& stream, Instant now) {
  recharge(stream);
  if (!stream.end_received && !stream.read_error && !outcome_) {
    const std::uint64_t current = stream.credit + stream.received.size();
    if (current < stream.window / 2) {
      const bool fast = round_trip_ != Duration(0) &&
                        now - stream.epoch < round_trip_ * quic_round_trips_before_growth;
      if (fast && stream.window < quic_stream_window_bytes_max) {
        const std::uint64_t before = stream.window;
        stream.window = std::min(2 * before, quic_stream_window_bytes_max);
        if (recharge(stream)) {
          growth_ += stream.window - before;
        } else {
          stream.window = before;
        }
      }
      const std::uint64_t more = stream.window - current;
      stream.epoch = now;
      stream.credit += more;
      ngtcp2_conn_extend_max_stream_offset(connection_->conn, stream.id, more);
      wants_output_ = true;
    }
  }
}

// Streams.

bool QuicSession::can_open() const noexcept {
  return established_ && !outcome_ && ngtcp2_conn_get_streams_bidi_left(connection_->conn) != 0;
}

Result<QuicStreamId> QuicSession::open(void* owner, Instant now) {
  ASSERT(owner != nullptr);
  if (outcome_) return std::unexpected(Errc::closed);
  if (!can_open()) return std::unexpected(Errc::limit_exceeded);
  if (!memory_.try_reserve(quic_stream_overhead_bytes)) {
    return std::unexpected(Errc::limit_exceeded);
  }
  memory_.release(quic_stream_overhead_bytes);
  QuicStreamId id = -1;
  if (ngtcp2_conn_open_bidi_stream(connection_->conn, &id, nullptr) != 0) {
    return std::unexpected(Errc::limit_exceeded);
  }
  Stream* stream = make_stream(id, false, now);
  stream->accepted = true;
  stream->owner = owner;
  return id;
}

std::optional<QuicStreamId> QuicSession::accept(void* owner) {
  ASSERT(owner != nullptr);
  if (to_accept_.empty()) return std::nullopt;
  const QuicStreamId id = to_accept_.front();
  to_accept_.erase(to_accept_.begin());
  Stream* stream = find(id);
  ASSERT(stream != nullptr);
  stream->accepted = true;
  stream->owner = owner;
  return id;
}

std::size_t QuicSession::buffered_bytes(QuicStreamId id) const noexcept {
  return owned(id).received.size();
}

std::size_t QuicSession::read(QuicStreamId id, MutableBytes into, Instant now) {
  Stream& stream = owned(id);
  const std::size_t size = stream.received.read(into);
  if (size != 0) after_read(stream, now);
  return size;
}

Buffer QuicSession::read_buffer(QuicStreamId id, std::size_t size_max, Instant now) {
  Stream& stream = owned(id);
  Buffer part = stream.received.pop(size_max);
  if (!part.empty()) after_read(stream, now);
  return part;
}

std::optional<Result<void>> QuicSession::read_end(QuicStreamId id) const noexcept {
  const Stream& stream = owned(id);
  if (!stream.received.empty()) return std::nullopt;
  if (stream.read_error) return std::unexpected(*stream.read_error);
  if (stream.end_received) return Result<void>{};
  return std::nullopt;
}

std::optional<Error> QuicSession::write_error(QuicStreamId id) const noexcept {
  const Stream& stream = owned(id);
  if (stream.end_wanted) return Errc::closed;
  if (stream.write_torn && !stream.write_error) return Errc::reset;
  return stream.write_error;
}

bool QuicSession::write_torn(QuicStreamId id) const noexcept {
  return owned(id).write_torn;
}

Result<void> QuicSession::write(QuicStreamId id, std::span<const ByteView> pieces) {
  Stream& stream = owned(id);
  ASSERT(!stream.writing_now);
  if (auto error = write_error(id)) return std::unexpected(*error);
  const bool some = std::ranges::any_of(pieces, [](ByteView piece) { return !piece.empty(); });
  if (!some) return {};
  stream.writing = pieces;
  stream.written = 0;
  stream.writing_now = true;
  fill(stream);
  if (stream.writing_now) writers_.push_back(id);
  return {};
}

/// Copies as much of what is offered as may be held.
void QuicSession::fill(Stream& stream) noexcept {
  while (stream.writing_now) {
    if (stream.writing.empty()) {
      stream.writing_now = false;
      touch(stream, false, true);
      break;
    }
    const ByteView piece = stream.writing.front().subspan(stream.written);
    const std::size_t held = stream.outgoing.size();
    const bool crowded = outgoing_bytes_ >= std::max(send_bytes_max_, quic_send_bytes_together);
    const std::size_t most = crowded ? quic_send_bytes_each : send_bytes_max_;
    const std::size_t room = most - std::min(most, held);
    if (!piece.empty() && room == 0) break;
    const std::size_t part = std::min({piece.size(), room, quic_block_bytes});
    if (part != 0 && !charge(stream, part)) {
      if (held == 0) end_writing(stream, Errc::limit_exceeded);
      break;
    }
    stream.outgoing.append(piece.first(part));
    outgoing_bytes_ += part;
    stream.written += part;
    if (part == piece.size()) {
      stream.writing = stream.writing.subspan(1);
      stream.written = 0;
    }
  }
  make_ready(stream);
}

bool QuicSession::writing(QuicStreamId id) const noexcept {
  return owned(id).writing_now;
}

void QuicSession::cancel_write(QuicStreamId id) noexcept {
  Stream& stream = owned(id);
  ASSERT(stream.writing_now);
  stream.writing_now = false;
  stream.writing = {};
  stream.write_torn = true;
  if (stream.end_wanted && !stream.end_sent) reset_stream(stream, Errc::reset);
}

void QuicSession::close_write(QuicStreamId id) noexcept {
  Stream& stream = owned(id);
  if (stream.end_wanted || stream.write_error) return;
  if (stream.write_torn) {
    reset_stream(stream, Errc::reset);
    return;
  }
  stream.end_wanted = true;
  make_ready(stream);
}

QuicReceiveQueue QuicSession::take_received(QuicStreamId id) noexcept {
  Stream& stream = owned(id);
  QuicReceiveQueue received = std::exchange(stream.received, {});
  recharge(stream);
  return received;
}

/// What the peer had ended before can still be read.
void QuicSession::end_reading(Stream& stream, Error why) noexcept {
  if (stream.read_error || stream.end_received) return;
  stream.read_error = std::move(why);
  stream.received.clear();
  shrink(stream);
  recharge(stream);
  touch(stream, true, false);
}

void QuicSession::end_writing(Stream& stream, Error why) noexcept {
  if (!stream.write_error) stream.write_error = std::move(why);
  if (!stream.writing_now) return;
  stream.writing_now = false;
  stream.writing = {};
  touch(stream, false, true);
}

void QuicSession::reset_stream(Stream& stream, Error why) noexcept {
  const bool all_said = stream.end_sent && stream.end_received;
  if (!all_said && !stream.gone && !outcome_) {
    ngtcp2_conn_shutdown_stream(connection_->conn, stream.id, no_error);
    wants_output_ = true;
  }
  if (all_said) return;
  stream.received.clear();
  stream.end_received = false;
  end_reading(stream, why);
  end_writing(stream, why);
  if (std::exchange(stream.ready, false)) std::erase(ready_, stream.id);
}

/// The same, but for what was written and ended before.
void QuicSession::stop_stream(Stream& stream, Error why) noexcept {
  if (!stream.end_wanted) {
    reset_stream(stream, std::move(why));
    return;
  }
  if (!stream.gone && !outcome_) {
    ngtcp2_conn_shutdown_stream_read(connection_->conn, stream.id, no_error);
    wants_output_ = true;
  }
  end_reading(stream, std::move(why));
}

void QuicSession::reset(QuicStreamId id) noexcept {
  reset_stream(owned(id), Errc::reset);
}

void QuicSession::release(QuicStreamId id, Instant now) noexcept {
  Stream& stream = owned(id);
  if (!stream.end_wanted) reset_stream(stream, Errc::reset);
  stream.owner = nullptr;
  stream.received.clear();
  recharge(stream);
  stream.lingers = !stream.gone && !stream.end_received && !stream.read_error;
  if (!stream.gone) lingering_.push_back({now + quic_linger_time, id, stream.outgoing.size()});
  erase_if_done(stream);
}

/// A stream whose owner has gone has had quic_linger_time: the peer is told to stop, and if it
/// takes nothing of what it is sent either, that ends, too.
void QuicSession::end_lingering(const Lingering& lingering, Instant now) noexcept {
  Stream* stream = find(lingering.id);
  if (stream == nullptr || stream->gone) return;
  const std::size_t left = stream->outgoing.size();
  const bool stuck = left != 0 && left == lingering.outgoing_bytes;
  if (stuck) {
    reset_stream(*stream, Errc::timed_out);
  } else if (!stream->read_error && !stream->end_received) {
    stop_stream(*stream, Errc::timed_out);
  }
  if (!stuck && left != 0) lingering_.push_back({now + quic_linger_time, stream->id, left});
}

void QuicSession::erase_if_done(Stream& stream) noexcept {
  if (stream.owner != nullptr || !stream.gone || !stream.accepted) return;
  if (stream.ready) std::erase(ready_, stream.id);
  shrink(stream);
  discharge(stream, stream.charged);
  if (stream.inbound) {
    --inbound_;
    if (!outcome_) ngtcp2_conn_extend_max_streams_bidi(connection_->conn, 1);
    wants_output_ = true;
  }
  streams_.erase(stream.id);
}

}  // namespace kith::net::detail
