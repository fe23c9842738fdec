#include <algorithm>
#include <cstring>
#include <limits>

#include <kith/base/assert.hpp>
#include <kith/net/muxers/yamux.hpp>

namespace kith::net {
namespace {

enum Type : std::uint8_t { type_data = 0, type_window_update = 1, type_ping = 2, type_go_away = 3 };
enum Flag : std::uint16_t { flag_syn = 1, flag_ack = 2, flag_fin = 4, flag_rst = 8 };

/// Counted for every entry, beside its data.
constexpr std::uint64_t stream_overhead_bytes = 512;
/// How long ago credit was last given if it was used up so fast that a larger window would help.
constexpr int round_trips_before_growth = 4;
constexpr std::uint64_t stream_id_end = std::uint64_t{1} << 32;

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "yamux"; }
  std::string message(int code) const override {
    switch (static_cast<YamuxError>(code)) {
      case YamuxError::bad_version:
        return "a yamux frame has an unknown version";
      case YamuxError::bad_type:
        return "a yamux frame has an unknown type";
      case YamuxError::bad_stream_id:
        return "the peer opened a stream with an id of ours";
      case YamuxError::duplicate_stream:
        return "the peer opened a stream twice";
      case YamuxError::window_overrun:
        return "the peer sent more than its window allows";
      case YamuxError::flooded:
        return "the peer opens streams faster than they can be refused";
      case YamuxError::remote_protocol_error:
        return "the peer says that the yamux protocol was broken";
      case YamuxError::remote_internal_error:
        return "the peer ended the connection after a fault of its own";
      case YamuxError::keep_alive_timeout:
        return "the peer doesn't answer";
      case YamuxError::no_more_streams:
        return "the connection has no stream ids left";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

}  // namespace

const ErrorDomain& error_domain(YamuxError) noexcept {
  return domain;
}

struct Yamux::Header {
  std::uint8_t type;
  std::uint16_t flags;
  YamuxStreamId stream;
  std::uint32_t length;
  bool has(Flag flag) const noexcept { return (flags & flag) != 0; }
};

struct Yamux::Output {
  YamuxSink& sink;
  std::size_t room;

  bool fits(std::size_t payload_bytes = 0) const noexcept {
    return room >= yamux_header_bytes + payload_bytes;
  }
  void put_header(Type type, std::uint16_t flags, YamuxStreamId stream, std::uint32_t length) {
    std::uint8_t header[yamux_header_bytes];
    header[0] = 0;
    header[1] = type;
    store_be(header + 2, flags);
    store_be(header + 4, stream);
    store_be(header + 8, length);
    sink.put(header);
    room -= yamux_header_bytes;
  }
};

Yamux::Yamux(Role role, YamuxLimits limits, Budget* memory, Instant now)
    : role_(role),
      limits_(limits),
      memory_(limits.memory_bytes_max, memory),
      next_id_(role == Role::client ? 1 : 2),
      next_ping_(now + yamux_ping_interval),
      last_received_(now) {}

Yamux::~Yamux() {
  for (auto& [id, stream] : streams_)
    discharge(*stream, stream->charged);
}

Yamux::Stream* Yamux::find(YamuxStreamId id) const noexcept {
  auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

Yamux::Stream& Yamux::owned(YamuxStreamId id) const noexcept {
  Stream* stream = find(id);
  ASSERT(stream != nullptr && stream->owner != nullptr);
  return *stream;
}

// Receiving.

Result<void> Yamux::receive(Buffer bytes, Instant now) {
  if (failed_) return std::unexpected(Errc::closed);
  last_received_ = now;
  while (!bytes.empty()) {
    if (payload_left_ == 0) {
      const std::size_t part = std::min(yamux_header_bytes - header_size_, bytes.size());
      std::memcpy(header_ + header_size_, bytes.data(), part);
      header_size_ += part;
      bytes.remove_prefix(part);
      if (header_size_ < yamux_header_bytes) break;
      header_size_ = 0;
      KITH_CHECK(on_header(now));
      continue;
    }
    const std::size_t part = std::min<std::size_t>(payload_left_, bytes.size());
    payload_left_ -= static_cast<std::uint32_t>(part);
    Stream* stream = find(payload_stream_);
    if (stream != nullptr) on_payload(*stream, bytes.slice(0, part));
    bytes.remove_prefix(part);
    if (payload_left_ == 0 && payload_fin_) {
      stream = find(payload_stream_);
      if (stream != nullptr) on_fin(*stream);
    }
  }
  return {};
}

Result<void> Yamux::fail(YamuxError error) noexcept {
  failed_ = true;
  local_away_ = true;
  go_away_unsent_ = YamuxGoAway::protocol_error;
  return std::unexpected(error);
}

Result<void> Yamux::on_header(Instant now) {
  if (header_[0] != 0) return fail(YamuxError::bad_version);
  const Header header{header_[1], load_be<std::uint16_t>(header_ + 2),
                      load_be<std::uint32_t>(header_ + 4), load_be<std::uint32_t>(header_ + 8)};
  switch (header.type) {
    case type_data:
    case type_window_update:
      return on_stream_frame(header, now);
    case type_ping:
      on_ping(header, now);
      return {};
    case type_go_away:
      return on_go_away(header);
  }
  return fail(YamuxError::bad_type);
}

Result<void> Yamux::on_stream_frame(const Header& header, Instant now) {
  if (header.has(flag_syn)) KITH_CHECK(on_syn(header, now));
  if (header.type == type_data) {
    payload_left_ = header.length;
    payload_stream_ = 0;
    payload_fin_ = false;
  }
  Stream* stream = find(header.stream);
  if (stream == nullptr || stream->ended) return {};
  acknowledge(*stream);
  if (header.has(flag_rst)) {
    if (finished(*stream)) return {};
    end(*stream, Errc::reset);
    erase_if_done(*stream);
    return {};
  }
  if (header.type == type_window_update) {
    const std::uint32_t room = std::numeric_limits<std::uint32_t>::max() - stream->send_window;
    stream->send_window += std::min(header.length, room);
    want_data(*stream);
    if (header.has(flag_fin)) on_fin(*stream);
    return {};
  }
  if (header.length > stream->credit) return fail(YamuxError::window_overrun);
  if (header.length != 0) {
    payload_stream_ = header.stream;
    payload_fin_ = header.has(flag_fin);
  } else if (header.has(flag_fin)) {
    on_fin(*stream);
  }
  return {};
}

Result<void> Yamux::on_syn(const Header& header, Instant now) {
  const bool odd = header.stream % 2 == 1;
  if (header.stream == 0 || odd != (role_ == Role::server)) {
    return fail(YamuxError::bad_stream_id);
  }
  if (find(header.stream) != nullptr) return fail(YamuxError::duplicate_stream);
  // Streams that were refused, or accepted and reset, by a peer that doesn't read the answers.
  if (resets_.size() >= yamux_resets_queued_max) return fail(YamuxError::flooded);
  if (local_away_ || inbound_ >= limits_.streams_inbound_max ||
      to_accept_.size() >= yamux_accept_backlog_max) {
    resets_.push_back(header.stream);
    return {};
  }
  auto made = std::make_unique<Stream>(header.stream);
  Stream& stream = *made;
  stream.inbound = true;
  stream.acknowledged = true;
  stream.epoch = now;
  if (!recharge(stream)) {
    resets_.push_back(header.stream);
    return {};
  }
  streams_.emplace(header.stream, std::move(made));
  ++inbound_;
  to_accept_.push_back(header.stream);
  return {};
}

void Yamux::on_payload(Stream& stream, Buffer bytes) {
  stream.credit -= static_cast<std::uint32_t>(bytes.size());
  if (stream.ended || stream.fin_received) return;
  if (stream.lingering.linked) {
    stream.dropped += bytes.size();
    if (stream.dropped > yamux_linger_bytes_max) {
      reset_stream(stream, Errc::reset);
      erase_if_done(stream);
    }
    return;
  }
  stream.received.append(std::move(bytes));
  if (!recharge(stream)) {
    reset_stream(stream, Errc::limit_exceeded);
    return;
  }
  touch(stream, true, false);
}

void Yamux::on_fin(Stream& stream) {
  if (stream.fin_received || stream.ended) return;
  stream.fin_received = true;
  recharge(stream);
  touch(stream, true, false);
  erase_if_done(stream);
}

void Yamux::on_ping(const Header& header, Instant now) {
  if (header.has(flag_syn)) {
    if (pongs_.size() < yamux_pongs_max) pongs_.push_back(header.length);
    return;
  }
  if (!ping_outstanding_ || header.length != ping_id_) return;
  ping_outstanding_ = false;
  // Not zero, which would mean that it isn't known.
  const Duration sample = std::max(now - ping_sent_, Duration(1));
  round_trip_ = round_trip_ == Duration(0) ? sample : (round_trip_ + sample) / 2;
}

Result<void> Yamux::on_go_away(const Header& header) {
  remote_away_ = true;
  switch (static_cast<YamuxGoAway>(header.length)) {
    case YamuxGoAway::normal:
      return {};
    case YamuxGoAway::protocol_error:
      failed_ = true;
      return std::unexpected(YamuxError::remote_protocol_error);
    case YamuxGoAway::internal_error:
      break;
  }
  failed_ = true;
  return std::unexpected(YamuxError::remote_internal_error);
}

// Sending.

bool Yamux::wants_output() const noexcept {
  if (failed_) return go_away_unsent_.has_value();
  return ping_wanted_ || !control_.empty() || !ready_.empty() || !resets_.empty() ||
         !pongs_.empty() || go_away_unsent_.has_value();
}

void Yamux::produce(std::size_t bytes_max, Instant now, YamuxSink& sink) {
  ASSERT(bytes_max >= yamux_header_bytes);
  Output out{sink, bytes_max};
  if (failed_) {
    put_go_away(out);
    return;
  }
  put_session_frames(out, now);
  while (out.fits() && !control_.empty()) {
    Stream& stream = *control_.pop();
    put_control(out, stream);
    erase_if_done(stream);
  }
  while (out.fits(1) && !ready_.empty())
    put_data(out, *ready_.pop());
  // A peer may close as soon as it sees this, so it comes after everything else.
  if (out.fits() && control_.empty() && ready_.empty() && resets_.empty()) put_go_away(out);
}

void Yamux::put_go_away(Output& out) {
  if (!go_away_unsent_) return;
  out.put_header(type_go_away, 0, 0, static_cast<std::uint32_t>(*go_away_unsent_));
  go_away_unsent_.reset();
}

void Yamux::put_session_frames(Output& out, Instant now) {
  while (!pongs_.empty() && out.fits()) {
    out.put_header(type_ping, flag_ack, 0, pongs_.front());
    pongs_.pop_front();
  }
  if (ping_wanted_ && out.fits()) {
    ping_wanted_ = false;
    ping_outstanding_ = true;
    ping_sent_ = now;
    next_ping_ = now + yamux_ping_interval;
    out.put_header(type_ping, flag_syn, 0, ++ping_id_);
  }
  std::size_t sent = 0;
  while (sent < resets_.size() && out.fits())
    out.put_header(type_window_update, flag_rst, resets_[sent++], 0);
  resets_.erase(resets_.begin(), resets_.begin() + static_cast<std::ptrdiff_t>(sent));
}

void Yamux::put_control(Output& out, Stream& stream) {
  // Flags alone can travel with the data that is about to go.
  const bool fin = stream.fin_wanted && !stream.fin_sent && !stream.writing_now;
  if (stream.credit_unsent == 0 && !fin && stream.ready.linked) return;
  std::uint16_t flags = 0;
  if (std::exchange(stream.syn_unsent, false)) flags |= flag_syn;
  if (std::exchange(stream.ack_unsent, false)) flags |= flag_ack;
  if (fin) {
    flags |= flag_fin;
    stream.fin_sent = true;
  }
  const std::uint32_t credit = std::exchange(stream.credit_unsent, 0);
  if (flags == 0 && credit == 0) return;
  out.put_header(type_window_update, flags, stream.id, credit);
}

void Yamux::put_data(Output& out, Stream& stream) {
  std::size_t left = 0;
  for (ByteView piece : stream.writing)
    left += piece.size();
  left -= stream.written;
  const std::size_t size = std::min({left, std::size_t{stream.send_window},
                                     yamux_frame_payload_bytes_max, out.room - yamux_header_bytes});
  std::uint16_t flags = 0;
  if (std::exchange(stream.syn_unsent, false)) flags |= flag_syn;
  if (std::exchange(stream.ack_unsent, false)) flags |= flag_ack;
  out.put_header(type_data, flags, stream.id, static_cast<std::uint32_t>(size));
  for (std::size_t rest = size; rest != 0;) {
    const ByteView piece = stream.writing.front().subspan(stream.written);
    const std::size_t part = std::min(piece.size(), rest);
    if (part != 0) out.sink.put(piece.first(part));
    rest -= part;
    stream.written += part;
    if (part == piece.size()) {
      stream.writing = stream.writing.subspan(1);
      stream.written = 0;
    }
  }
  out.room -= size;
  stream.send_window -= static_cast<std::uint32_t>(size);
  if (size == left) {
    stream.writing = {};
    stream.written = 0;
    stream.writing_now = false;
    touch(stream, false, true);
    if (stream.fin_wanted) want_control(stream);
  } else {
    want_data(stream);
  }
}

Instant Yamux::deadline() const noexcept {
  Instant next =
      ping_outstanding_ ? std::max(ping_sent_, last_received_) + yamux_ping_timeout : next_ping_;
  if (!lingering_.empty()) next = std::min(next, lingering_.first->linger_until);
  return next;
}

Result<void> Yamux::on_deadline(Instant now) {
  while (!lingering_.empty() && lingering_.first->linger_until <= now) {
    Stream& stream = *lingering_.first;
    reset_stream(stream, Errc::timed_out);
    erase_if_done(stream);
  }
  if (ping_outstanding_) {
    if (std::max(ping_sent_, last_received_) + yamux_ping_timeout <= now) {
      failed_ = true;
      return std::unexpected(YamuxError::keep_alive_timeout);
    }
  } else if (next_ping_ <= now) {
    ping_wanted_ = true;
    next_ping_ = now + yamux_ping_interval;
  }
  return {};
}

void Yamux::go_away(YamuxGoAway code) noexcept {
  if (local_away_) return;
  local_away_ = true;
  go_away_unsent_ = code;
}

// Streams.

std::optional<Yamux::Touched> Yamux::next_touched() noexcept {
  Stream* stream = touched_.pop();
  if (stream == nullptr) return std::nullopt;
  return Touched{stream->id, stream->owner, std::exchange(stream->readable, false),
                 std::exchange(stream->writable, false)};
}

void Yamux::touch(Stream& stream, bool readable, bool writable) noexcept {
  if (stream.owner == nullptr) return;
  stream.readable |= readable;
  stream.writable |= writable;
  touched_.push(stream);
}

void Yamux::want_control(Stream& stream) noexcept {
  if (!stream.ended) control_.push(stream);
}

void Yamux::want_data(Stream& stream) noexcept {
  if (stream.writing_now && stream.send_window != 0 && !stream.ended) ready_.push(stream);
}

/// Makes the budget show what the stream holds and has promised. False if there is too little left.
bool Yamux::recharge(Stream& stream) noexcept {
  const std::uint64_t held = stream.received.size();
  std::uint64_t wanted = stream_overhead_bytes + held;
  if (!stream.ended && !stream.fin_received) {
    wanted = stream_overhead_bytes + (stream.window - yamux_window_bytes_initial) +
             std::min<std::uint64_t>(held, yamux_window_bytes_initial);
  }
  if (wanted > stream.charged) return charge(stream, wanted - stream.charged);
  discharge(stream, stream.charged - wanted);
  return true;
}

bool Yamux::charge(Stream& stream, std::uint64_t amount) noexcept {
  if (stream.charged + amount > limits_.stream_memory_bytes_max) return false;
  if (!memory_.try_reserve(amount)) return false;
  if (stream.also_charged != nullptr && !stream.also_charged->try_reserve(amount)) {
    memory_.release(amount);
    return false;
  }
  stream.charged += amount;
  return true;
}

void Yamux::discharge(Stream& stream, std::uint64_t amount) noexcept {
  memory_.release(amount);
  if (stream.also_charged != nullptr) stream.also_charged->release(amount);
  stream.charged -= amount;
}

bool Yamux::charge_to(YamuxStreamId id, Budget& budget) noexcept {
  Stream& stream = owned(id);
  ASSERT(stream.also_charged == nullptr);
  if (!budget.try_reserve(stream.charged)) return false;
  stream.also_charged = &budget;
  return true;
}

/// Gives the peer new credit once half of the window is used up and read.
void Yamux::after_read(Stream& stream, Instant now) {
  recharge(stream);
  if (stream.fin_received || stream.ended) return;
  const std::uint64_t current = std::uint64_t{stream.credit} + stream.received.size();
  if (current > stream.window / 2) return;
  const bool fast =
      round_trip_ != Duration(0) && now - stream.epoch < round_trip_ * round_trips_before_growth;
  if (fast && stream.window < limits_.window_bytes_max) {
    const std::uint32_t before = stream.window;
    stream.window = before > limits_.window_bytes_max / 2 ? limits_.window_bytes_max : 2 * before;
    if (!recharge(stream)) stream.window = before;
  }
  const auto more = static_cast<std::uint32_t>(stream.window - current);
  stream.epoch = now;
  stream.credit += more;
  stream.credit_unsent += more;
  want_control(stream);
}

Result<YamuxStreamId> Yamux::open(void* owner, Instant now) {
  ASSERT(owner != nullptr);
  if (failed_ || local_away_ || remote_away_) return std::unexpected(Errc::closed);
  if (!can_open()) return std::unexpected(Errc::limit_exceeded);
  if (next_id_ >= stream_id_end) return std::unexpected(YamuxError::no_more_streams);
  auto made = std::make_unique<Stream>(static_cast<YamuxStreamId>(next_id_));
  Stream& stream = *made;
  stream.accepted = true;
  stream.owner = owner;
  stream.syn_unsent = true;
  stream.epoch = now;
  if (!recharge(stream)) return std::unexpected(Errc::limit_exceeded);
  next_id_ += 2;
  ++unacknowledged_;
  streams_.emplace(stream.id, std::move(made));
  want_control(stream);
  return stream.id;
}

std::optional<YamuxStreamId> Yamux::accept(void* owner) {
  ASSERT(owner != nullptr);
  if (to_accept_.empty()) return std::nullopt;
  const YamuxStreamId id = to_accept_.front();
  to_accept_.pop_front();
  Stream* stream = find(id);
  ASSERT(stream != nullptr);
  stream->accepted = true;
  stream->owner = owner;
  stream->ack_unsent = true;
  want_control(*stream);
  return id;
}

std::size_t Yamux::buffered_bytes(YamuxStreamId id) const noexcept {
  return owned(id).received.size();
}

std::uint32_t Yamux::receive_window(YamuxStreamId id) const noexcept {
  return owned(id).window;
}

std::size_t Yamux::read(YamuxStreamId id, MutableBytes into, Instant now) {
  Stream& stream = owned(id);
  const std::size_t size = stream.received.read(into);
  if (size != 0) after_read(stream, now);
  return size;
}

Buffer Yamux::read_buffer(YamuxStreamId id, std::size_t size_max, Instant now) {
  Stream& stream = owned(id);
  Buffer part = stream.received.pop(size_max);
  if (!part.empty()) after_read(stream, now);
  return part;
}

std::optional<Result<void>> Yamux::read_end(YamuxStreamId id) const noexcept {
  const Stream& stream = owned(id);
  if (!stream.received.empty()) return std::nullopt;
  if (stream.fin_received) return Result<void>{};
  if (stream.ended) return std::unexpected(*stream.ended);
  return std::nullopt;
}

std::optional<Error> Yamux::write_error(YamuxStreamId id) const noexcept {
  const Stream& stream = owned(id);
  if (stream.fin_wanted) return Errc::closed;
  if (stream.write_torn && !stream.ended) return Errc::reset;
  return stream.ended;
}

Result<void> Yamux::write(YamuxStreamId id, std::span<const ByteView> pieces) {
  Stream& stream = owned(id);
  ASSERT(!stream.writing_now);
  if (auto error = write_error(id)) return std::unexpected(*error);
  const bool some = std::ranges::any_of(pieces, [](ByteView piece) { return !piece.empty(); });
  if (!some) return {};
  stream.writing = pieces;
  stream.written = 0;
  stream.writing_now = true;
  want_data(stream);
  return {};
}

bool Yamux::writing(YamuxStreamId id) const noexcept {
  return owned(id).writing_now;
}

void Yamux::cancel_write(YamuxStreamId id) noexcept {
  Stream& stream = owned(id);
  ASSERT(stream.writing_now);
  stream.writing_now = false;
  stream.writing = {};
  stream.write_torn = true;
  ready_.remove(stream);
  if (stream.fin_wanted && !stream.fin_sent) {
    reset_stream(stream, Errc::reset);
    return;
  }
  // Flags that would have travelled with the data.
  want_control(stream);
}

void Yamux::close_write(YamuxStreamId id) noexcept {
  Stream& stream = owned(id);
  if (stream.fin_wanted || stream.ended) return;
  if (stream.write_torn) {
    reset_stream(stream, Errc::reset);
    return;
  }
  stream.fin_wanted = true;
  want_control(stream);
}

YamuxQueue Yamux::take_received(YamuxStreamId id) noexcept {
  Stream& stream = owned(id);
  YamuxQueue received = std::exchange(stream.received, {});
  recharge(stream);
  return received;
}

/// Both sides have ended theirs, in order.
bool Yamux::finished(const Stream& stream) const noexcept {
  return stream.fin_sent && stream.fin_received;
}

void Yamux::acknowledge(Stream& stream) noexcept {
  if (stream.acknowledged) return;
  stream.acknowledged = true;
  --unacknowledged_;
}

/// Nothing comes or goes any more. What a peer that had ended its side sent can still be read.
void Yamux::end(Stream& stream, Error why) noexcept {
  acknowledge(stream);
  stream.ended = why;
  if (!stream.fin_received) stream.received.clear();
  stream.writing_now = false;
  stream.writing = {};
  control_.remove(stream);
  ready_.remove(stream);
  recharge(stream);
  touch(stream, true, true);
}

void Yamux::reset_stream(Stream& stream, Error why) noexcept {
  if (stream.ended || finished(stream)) return;
  // Bounded, since on_syn takes no stream while there are too many.
  if (!stream.syn_unsent) resets_.push_back(stream.id);
  stream.fin_received = false;
  end(stream, why);
}

void Yamux::reset(YamuxStreamId id) noexcept {
  reset_stream(owned(id), Errc::reset);
}

void Yamux::release(YamuxStreamId id, Instant now) noexcept {
  Stream& stream = owned(id);
  if (!stream.fin_wanted) reset_stream(stream, Errc::reset);
  stream.owner = nullptr;
  touched_.remove(stream);
  stream.received.clear();
  recharge(stream);
  if (!stream.ended && !finished(stream) && !stream.fin_received) {
    stream.linger_until = now + yamux_linger_time;
    lingering_.push(stream);
  }
  erase_if_done(stream);
}

void Yamux::erase_if_done(Stream& stream) noexcept {
  if (stream.owner != nullptr) return;
  if (!stream.ended && !(stream.accepted && finished(stream))) return;
  erase(stream);
}

void Yamux::erase(Stream& stream) noexcept {
  if (!stream.accepted) std::erase(to_accept_, stream.id);
  acknowledge(stream);
  control_.remove(stream);
  ready_.remove(stream);
  touched_.remove(stream);
  lingering_.remove(stream);
  discharge(stream, stream.charged);
  if (stream.inbound) --inbound_;
  streams_.erase(stream.id);
}

}  // namespace kith::net
