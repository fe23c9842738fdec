#include <algorithm>
#include <cmath>
#include <cstring>

#include <errno.h>

#include <kith/base/assert.hpp>
#include <kith/sim/detail/tcp.hpp>
#include <kith/sim/heap.hpp>

namespace kith::sim {
namespace {

/// What one segment holds at most; the grain of rates and of partial writes.
constexpr std::size_t segment_bytes_max = 64 * 1024;
/// How long after healing what was held back is sent again, at most.
constexpr Duration resend_delay_max = 400ms;

Error timed_out_error() {
  return Error::from_errno(ETIMEDOUT);
}

}  // namespace

Pipe::Pipe(TcpConnection& of, int sending_side, Link& over)
    : connection(of),
      side(sending_side),
      link(over),
      last_arrival(of.network.clock().now()),
      readable(of.network.clock()),
      writable(of.network.clock()),
      credit_timer(*this),
      ack_timer(*this) {}

void Pipe::on_fire() {
  // Delivering may end the connection, and with it this pipe.
  auto keep = connection.shared_from_this();
  VirtualClock& clock = connection.network.clock();
  if (held) {
    held = false;
    in_flight.clear();
    waiting.clear();
    connection.fail(side, timed_out_error());
    return;
  }
  while (!in_flight.empty() && in_flight.front().at <= clock.now()) {
    if (!connection.network.reachable(link)) {
      if (in_flight.front().kind == Segment::Kind::rst) {
        in_flight.pop();
        continue;
      }
      held = true;
      clock.arm(*this, clock.now() + connection.network.options().tcp_timeout);
      return;
    }
    if (clock.now() < link.opens_at()) break;
    if (!may_arrive(in_flight.front())) break;
    connection.deliver(side, in_flight.pop());
  }
  if (!in_flight.empty()) clock.arm(*this, std::max(in_flight.front().at, link.opens_at()));
}

bool Pipe::may_arrive(Segment& segment) {
  if (segment.in_line || segment.bytes.empty()) return true;
  Network& network = connection.network;
  const Instant reached = segment.at;
  segment.in_line = true;
  segment.at = network.arrival_down(link, segment.bytes.size());
  const Duration waited = segment.at - reached;
  if (waited > network.line(link.to).options.queue_max &&
      segment.signal == Congestion::Signal::none) {
    segment.signal = Congestion::Signal::slow_down;
  }
  return segment.at <= network.clock().now();
}

Duration Pipe::round_trip() noexcept {
  return link.options.latency + connection.incoming(side).link.options.latency;
}

void Pipe::send(Segment::Kind kind, Buffer bytes) {
  if (!link.options.congestion || (waiting.empty() && bytes.empty())) {
    transmit({.kind = kind, .bytes = std::move(bytes)});
    return;
  }
  waiting.push({.kind = kind, .bytes = std::move(bytes)});
  send_waiting();
}

void Pipe::send_waiting() {
  VirtualClock& clock = connection.network.clock();
  while (!acks.empty() && acks.front().at <= clock.now()) {
    const Credit ack = acks.pop();
    congestion.acknowledged(ack.size, ack.signal, clock.now(), round_trip());
  }
  while (!waiting.empty()) {
    Segment& front = waiting.front();
    if (front.bytes.empty()) {
      transmit(waiting.pop());
      continue;
    }
    const std::size_t size =
        std::min(front.bytes.size(), congestion.room(clock.now(), round_trip()));
    if (size == 0) break;
    congestion.sent(size, clock.now());
    if (size == front.bytes.size()) {
      transmit(waiting.pop());
    } else {
      transmit({.bytes = front.bytes.slice(0, size)});
      front.bytes.remove_prefix(size);
    }
  }
  if (!waiting.empty() && !acks.empty()) clock.arm(ack_timer, acks.front().at);
}

void Pipe::acknowledge(const Segment& segment) {
  if (!link.options.congestion || segment.bytes.empty()) return;
  VirtualClock& clock = connection.network.clock();
  const Instant at = clock.now() + connection.incoming(side).link.options.latency;
  acks.push({at, segment.bytes.size(), segment.signal});
  if (!waiting.empty() && !ack_timer.armed()) clock.arm(ack_timer, acks.front().at);
}

void Pipe::AckTimer::on_fire() {
  pipe.send_waiting();
}

/// Whether a packet of it is lost; then it comes later.
bool Pipe::lose(Segment& segment, Instant& arrival) {
  const double packets =
      std::ceil(static_cast<double>(segment.bytes.size()) / static_cast<double>(packet_bytes));
  if (!link.prng.chance(1 - std::pow(1 - link.options.tcp_loss, packets))) return false;
  // Three packets that come after it tell the sender.
  const bool noticed = congestion.flight() > 3 * packet_bytes;
  arrival += noticed ? round_trip() : Congestion::timeout(round_trip());
  segment.signal = noticed ? Congestion::Signal::slow_down : Congestion::Signal::timed_out;
  return true;
}

void Pipe::transmit(Segment segment) {
  Network& network = connection.network;
  const bool queue_full = network.wait_up(link) > network.line(link.from).options.queue_max;
  Instant arrival = network.arrival(link, segment.bytes.size());
  if (link.options.congestion && !segment.bytes.empty()) {
    const bool lost = link.options.tcp_loss > 0 && lose(segment, arrival);
    if (!lost && queue_full) segment.signal = Congestion::Signal::slow_down;
  }
  last_arrival = std::max(last_arrival, arrival);
  segment.at = last_arrival;
  in_flight.push(std::move(segment));
  if (in_flight.size() == 1 && !held) {
    network.clock().arm(*this, std::max(last_arrival, link.opens_at()));
  }
}

void Pipe::send_rst() {
  drop_unsent();
  // A reset is not sent again: behind a cut it is lost.
  if (held) return;
  VirtualClock& clock = connection.network.clock();
  last_arrival = std::max(last_arrival, clock.now() + link.options.latency);
  in_flight.push({.kind = Segment::Kind::rst, .at = last_arrival});
  clock.arm(*this, std::max(in_flight.front().at, link.opens_at()));
}

void Pipe::wake() {
  VirtualClock& clock = connection.network.clock();
  if (held) {
    if (!connection.network.reachable(link)) return;
    held = false;
    clock.disarm(*this);
    Instant at = clock.now() + link.options.latency +
                 Duration(connection.prng.below(resend_delay_max.count()));
    for (std::size_t i = 0; i < in_flight.size(); ++i) {
      in_flight[i].at = std::max(in_flight[i].at, at);
      in_flight[i].signal = Congestion::Signal::timed_out;
    }
    last_arrival = std::max(last_arrival, at);
  }
  if (in_flight.empty()) return;
  clock.arm(*this, std::max({in_flight.front().at, clock.now(), link.opens_at()}));
}

void Pipe::disarm() noexcept {
  VirtualClock& clock = connection.network.clock();
  clock.disarm(*this);
  clock.disarm(credit_timer);
  clock.disarm(ack_timer);
}

void Pipe::drop_unsent() noexcept {
  waiting.clear();
  // What has not left yet arrives later than what leaves now.
  Instant now = connection.network.clock().now();
  while (!in_flight.empty() && (held || in_flight.back().at > now + link.options.latency))
    in_flight.pop_back();
  last_arrival = in_flight.empty() ? now : in_flight.back().at;
}

std::size_t Pipe::space() noexcept {
  Instant now = connection.network.clock().now();
  while (!credits.empty() && credits.front().at <= now)
    outstanding_bytes -= credits.pop().size;
  std::size_t window = link.options.window_bytes;
  return outstanding_bytes < window ? window - outstanding_bytes : 0;
}

void Pipe::consumed(std::size_t size) {
  received_bytes -= size;
  Link& back = connection.incoming(side).link;
  Instant at = connection.network.clock().now() + back.options.latency;
  if (!credits.empty() && credits.back().at >= at) {
    credits.back().size += size;
  } else {
    credits.push({at, size});
  }
  if (writable.has_waiters()) await_credit();
}

void Pipe::await_credit() {
  if (!credits.empty() && !credit_timer.armed()) {
    connection.network.clock().arm(credit_timer, credits.front().at);
  }
}

void Pipe::CreditTimer::on_fire() {
  pipe.writable.notify_all();
}

TcpConnection::TcpConnection(Network& in, std::uint64_t number, std::array<End, 2> both)
    : network(in),
      id(number),
      prng(mix(in.seed_, number)),
      ends(std::move(both)),
      pipes{Pipe(*this, 0, in.link(ends[0].host->node(), ends[1].host->node())),
            Pipe(*this, 1, in.link(ends[1].host->node(), ends[0].host->node()))} {
  for (End& end : ends) {
    const End& other = &end == ends.data() ? ends[1] : ends[0];
    end.host->tuples_.emplace(end.endpoint, other.endpoint);
  }
}

TcpConnection::~TcpConnection() {
  drop();
}

void TcpConnection::drop() noexcept {
  for (Pipe& pipe : pipes) {
    pipe.disarm();
    pipe.waiting.clear();
    pipe.in_flight.clear();
  }
}

std::unique_ptr<TcpHalf> TcpConnection::open(int side) {
  ASSERT(!ends[side].open);
  ends[side].open = true;
  return std::make_unique<TcpHalf>(shared_from_this(), side);
}

void TcpConnection::release(int side) noexcept {
  End& end = ends[side];
  // After close_write what was written still goes out; otherwise the other side sees a reset.
  if (!end.write_closed && !end.failure) reset(side);
  end.open = false;
  const End& other = ends[1 - side];
  end.host->tuples_.erase({end.endpoint, other.endpoint});
  if (!other.open && !establishing) forget();
}

void TcpConnection::forget() noexcept {
  drop();
  for (int side = 0; side < 2; ++side) {
    ends[side].host->tuples_.erase({ends[side].endpoint, ends[1 - side].endpoint});
  }
  network.connections_.erase(id);
}

void TcpConnection::fail(int side, Error why) noexcept {
  if (ends[side].failure) return;
  ends[side].failure = std::move(why);
  incoming(side).readable.notify_all();
  outgoing(side).writable.notify_all();
}

void TcpConnection::reset(int side) noexcept {
  Pipe& in = incoming(side);
  in.received.clear();
  in.received_bytes = 0;
  if (ends[side].failure) return;
  fail(side, Errc::reset);
  outgoing(side).send_rst();
}

void TcpConnection::host_died(int side, bool lost_power) noexcept {
  if (lost_power) {
    outgoing(side).drop_unsent();
    fail(side, Error::from_errno(ENETDOWN));
  } else {
    reset(side);
  }
}

void TcpConnection::establish() {
  establishing = false;
  End& server = ends[1];
  SimTcpListener* listener = server.host->listener_at(server.endpoint);
  if (listener != nullptr && listener->has_place()) {
    listener->push(open(1));
  } else {
    // Opened and dropped at once: the other side is told.
    open(1).reset();
  }
}

void TcpConnection::deliver(int from_side, Segment segment) {
  int to_side = 1 - from_side;
  network.trace_.add(id * 8 + static_cast<std::uint64_t>(to_side) * 4 +
                     static_cast<std::uint64_t>(segment.kind));
  ++network.packets_delivered_;
  End& end = ends[to_side];
  Pipe& pipe = pipes[from_side];
  switch (segment.kind) {
    case Segment::Kind::established:
      if (end.host->alive()) return establish();
      establishing = false;
      pipes[to_side].send_rst();
      return;
    case Segment::Kind::data:
      network.trace_.add(segment.bytes.view());
      network.bytes_delivered_ += segment.bytes.size();
      pipe.acknowledge(segment);
      if (!end.open || end.failure) {
        pipes[to_side].send_rst();
        return;
      }
      pipe.received_bytes += segment.bytes.size();
      pipe.received.push(std::move(segment.bytes));
      break;
    case Segment::Kind::fin:
      pipe.fin_received = true;
      break;
    case Segment::Kind::rst:
      // The system may or may not still hand out what had come before.
      if (prng.chance(0.5)) {
        pipe.received.clear();
        pipe.received_bytes = 0;
      }
      pipes[to_side].drop_unsent();
      fail(to_side, Errc::reset);
      return;
  }
  pipe.readable.notify_all();
}

std::size_t TcpConnection::read_size(std::size_t available) {
  if (available > 1 && prng.chance(network.options().short_read)) {
    return 1 + prng.below(available - 1);
  }
  return available;
}

std::optional<Result<std::size_t>> TcpConnection::try_read(int side, MutableBytes into) {
  Pipe& in = incoming(side);
  if (in.received_bytes == 0) {
    if (ends[side].failure) return std::unexpected(*ends[side].failure);
    if (in.fin_received) return 0;
    return std::nullopt;
  }
  std::size_t wanted = read_size(std::min(into.size(), in.received_bytes));
  std::size_t done = 0;
  while (done < wanted) {
    Buffer& front = in.received.front();
    std::size_t size = std::min(wanted - done, front.size());
    std::memcpy(into.data() + done, front.data(), size);
    done += size;
    front.remove_prefix(size);
    if (front.empty()) in.received.pop();
  }
  in.consumed(done);
  return done;
}

std::optional<Result<Buffer>> TcpConnection::try_read_buffer(int side, std::size_t size_max) {
  Pipe& in = incoming(side);
  if (in.received_bytes == 0) {
    if (ends[side].failure) return std::unexpected(*ends[side].failure);
    if (in.fin_received) return Buffer();
    return std::nullopt;
  }
  Buffer& front = in.received.front();
  std::size_t size = read_size(std::min(size_max, front.size()));
  Buffer part = front.slice(0, size);
  front.remove_prefix(size);
  if (front.empty()) in.received.pop();
  in.consumed(size);
  return part;
}

Result<std::size_t> TcpConnection::try_write(int side, ByteView bytes) {
  End& end = ends[side];
  if (end.failure) return std::unexpected(*end.failure);
  if (end.write_closed) return std::unexpected(Errc::closed);
  Pipe& out = outgoing(side);
  std::size_t size = std::min({bytes.size(), out.space(), segment_bytes_max});
  if (size == 0) return 0;
  const heap::Scope nobody(0);
  out.outstanding_bytes += size;
  out.send(Segment::Kind::data, Buffer::copy_of(bytes.first(size)));
  return size;
}

Task<std::size_t> TcpHalf::read_some(MutableBytes into, Instant deadline) {
  ASSERT(!into.empty());
  for (;;) {
    auto got = connection_->try_read(side_, into);
    if (got) co_return *std::move(got);
    KITH_CO_CHECK(co_await connection_->incoming(side_).readable.wait(deadline));
  }
}

Task<Buffer> TcpHalf::read_buffer(std::size_t size_max, Instant deadline) {
  ASSERT(size_max > 0);
  for (;;) {
    auto got = connection_->try_read_buffer(side_, size_max);
    if (got) co_return *std::move(got);
    KITH_CO_CHECK(co_await connection_->incoming(side_).readable.wait(deadline));
  }
}

Task<void> TcpHalf::write(ByteView bytes, Instant deadline) {
  for (;;) {
    KITH_CO_TRY(std::size_t size, connection_->try_write(side_, bytes));
    bytes = bytes.subspan(size);
    if (bytes.empty()) co_return Result<void>{};
    if (size != 0) continue;
    Pipe& out = connection_->outgoing(side_);
    out.await_credit();
    KITH_CO_CHECK(co_await out.writable.wait(deadline));
  }
}

Task<void> TcpHalf::write_all(std::span<const ByteView> pieces, Instant deadline) {
  Bytes joined;
  for (ByteView piece : pieces)
    append(joined, piece);
  ByteView all = joined;
  co_return co_await write(all, deadline);
}

Task<void> TcpHalf::close_write(Instant) {
  TcpConnection::End& end = connection_->ends[side_];
  if (end.failure) co_return std::unexpected(*end.failure);
  if (!end.write_closed) {
    end.write_closed = true;
    connection_->outgoing(side_).send(Segment::Kind::fin, {});
  }
  co_return Result<void>{};
}

SimTcpListener::SimTcpListener(Host& host, port::Endpoint local, std::size_t backlog)
    : host_(host), local_(local), backlog_(backlog), acceptable_(host.network().clock()) {
  host_.listeners_.emplace(local_, this);
}

SimTcpListener::~SimTcpListener() {
  close();
}

Task<std::unique_ptr<port::TcpStream>> SimTcpListener::accept() {
  for (;;) {
    if (failure_) co_return std::unexpected(*failure_);
    if (closed_) co_return std::unexpected(Errc::closed);
    if (!pending_.empty()) co_return pending_.pop();
    KITH_CO_CHECK(co_await acceptable_.wait());
  }
}

void SimTcpListener::close() noexcept {
  if (closed_) return;
  closed_ = true;
  host_.listeners_.erase(local_);
  pending_.clear();
  acceptable_.notify_all();
}

void SimTcpListener::push(std::unique_ptr<TcpHalf> half) {
  pending_.push(std::move(half));
  acceptable_.notify_one();
}

}  // namespace kith::sim
