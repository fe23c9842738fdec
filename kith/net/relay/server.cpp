#include <algorithm>

#include <kith/net/address_scope.hpp>
#include <kith/net/relay/server.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

constexpr std::string_view reservation_tag = "relay-reservation";
constexpr std::int32_t reservation_value = 10;
constexpr std::string_view circuit_tag = "relay-circuit";
constexpr std::int32_t circuit_value = 2;

std::uint64_t unix_seconds(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
  return seconds.count() < 0 ? 0 : static_cast<std::uint64_t>(seconds.count());
}

}  // namespace

/// A circuit's place among those of both its peers.
class RelayServer::Place {
 public:
  Place(RelayServer& server, PeerId from, PeerId to)
      : server_(server), from_(from), to_(to), number_(server.next_circuit_++) {
    server_.open_[number_] = {.from = from_, .to = to_, .opened_at = server_.env_.clock.now()};
    add(from_);
    add(to_);
    ++server_.counters_.circuits;
    ++server_.counters_.circuits_ever;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    remove(from_);
    remove(to_);
    --server_.counters_.circuits;
    server_.open_.erase(number_);
  }

  CircuitReport& report() const { return server_.open_.at(number_); }

 private:
  void add(const PeerId& peer) {
    if (++server_.circuits_[peer] == 1) server_.swarm_.tag_peer(peer, circuit_tag, circuit_value);
  }
  void remove(const PeerId& peer) {
    auto found = server_.circuits_.find(peer);
    if (--found->second > 0) return;
    server_.circuits_.erase(found);
    server_.swarm_.untag_peer(peer, circuit_tag);
  }

  RelayServer& server_;
  PeerId from_;
  PeerId to_;
  std::uint64_t number_;
};

struct RelayServer::Circuit {
  port::Stream& near;
  port::BufferedReader& near_reader;
  port::Stream& far;
  port::BufferedReader& far_reader;
  CircuitReport& report;
  Instant deadline = never;
};

/// One direction of a circuit.
struct RelayServer::Flow {
  port::BufferedReader& from;
  port::Stream& to;
  std::uint64_t& carried;
};

RelayServer::RelayServer(port::Env& env, Swarm& swarm, RelayServiceOptions options)
    : env_(env),
      log_(env.log, "relay"),
      swarm_(swarm),
      options_(options),
      reservations_(options.reservations),
      tasks_(env.executor, env.clock) {
  options_.buffer_bytes =
      std::clamp(options_.buffer_bytes, relay_buffer_bytes_least, relay_buffer_bytes_most);
  swarm_.observe(*this);
  tasks_.spawn(sweep_loop());
  resume();
}

RelayServer::~RelayServer() {
  swarm_.stop_observing(*this);
}

void RelayServer::resume() {
  if (std::exchange(serving_, true)) return;
  HandlerOptions few;
  few.streams_per_peer_max =
      options_.circuits_per_peer_max + hop_streams_per_peer_max - relay_circuits_per_peer_max;
  swarm_.handle(
      ProtocolId(hop_protocol),
      [this](std::unique_ptr<Stream> stream) { return serve(std::move(stream)); }, few);
}

void RelayServer::stop() {
  if (!std::exchange(serving_, false)) return;
  swarm_.stop_handling(ProtocolId(hop_protocol));
  while (!reservations_.all().empty())
    end_reservation(PeerId(reservations_.all().begin()->first));
}

Task<void> RelayServer::close_shielded() {
  tasks_.cancel();
  co_return co_await tasks_.join_shielded();
}

void RelayServer::end_reservation(const PeerId& peer) {
  reservations_.end(peer);
  swarm_.untag_peer(peer, reservation_tag);
}

void RelayServer::on_disconnected(const ConnectionInfo& connection, bool) {
  if (!swarm_.direct_connection_to(connection.peer)) end_reservation(connection.peer);
}

Task<void> RelayServer::sweep_loop() {
  for (;;) {
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, relay_sweep_interval));
    for (const PeerId& peer : reservations_.sweep(env_.clock.now()))
      swarm_.untag_peer(peer, reservation_tag);
  }
}

std::optional<CircuitLimit> RelayServer::circuit_limit() const {
  const auto duration = std::chrono::ceil<std::chrono::seconds>(options_.circuit_duration_max);
  if (duration.count() <= 0 && options_.circuit_bytes_max == 0) return std::nullopt;
  return CircuitLimit{
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(duration.count(), 0, UINT32_MAX)),
      options_.circuit_bytes_max};
}

Task<void> RelayServer::answer(port::Stream& stream, HopMessage message) {
  const Instant deadline = env_.clock.now() + hop_request_timeout;
  const Bytes encoded = encode(message);
  co_return co_await port::write_message(stream, encoded, deadline);
}

Task<void> RelayServer::refuse(port::Stream& stream, RelayStatus why) {
  ++counters_.refusals;
  HopMessage refusal{.type = HopMessage::Type::status, .status = why};
  KITH_CO_CHECK(co_await answer(stream, std::move(refusal)));
  co_return co_await stream.close_write(env_.clock.now() + hop_request_timeout);
}

Task<void> RelayServer::serve(std::unique_ptr<Stream> stream) {
  port::BufferedReader reader(*stream, relay_message_bytes_max);
  const Instant deadline = env_.clock.now() + hop_request_timeout;
  auto bytes = co_await reader.read_message(relay_message_bytes_max, deadline);
  const std::optional<ConnectionInfo> from = swarm_.info(stream->connection());
  if (!from) co_return std::unexpected(Errc::closed);
  if (!bytes && !bytes.error().is(Errc::limit_exceeded)) co_return std::unexpected(bytes.error());
  auto request = bytes ? decode_hop(*bytes) : std::unexpected(bytes.error());
  if (!request) co_return co_await refuse(*stream, RelayStatus::malformed_message);
  switch (request->type) {
    case HopMessage::Type::reserve: {
      HopMessage made = reserve(*from);
      if (made.status != RelayStatus::ok) co_return co_await refuse(*stream, made.status);
      KITH_CO_CHECK(co_await answer(*stream, std::move(made)));
      co_return co_await stream->close_write(deadline);
    }
    case HopMessage::Type::connect: {
      const PeerId to = request->peer->id;
      co_return co_await connect(std::move(stream), reader, *from, to);
    }
    case HopMessage::Type::status:
      break;
  }
  co_return co_await refuse(*stream, RelayStatus::unexpected_message);
}

HopMessage RelayServer::reserve(const ConnectionInfo& from) {
  HopMessage made{.type = HopMessage::Type::status, .status = RelayStatus::permission_denied};
  if (!serving_ || from.remote_address.is_relayed()) return made;
  const std::optional<port::IpAddress> ip = ip_of(from.remote_address);
  if (!ip) return made;
  made.status = RelayStatus::reservation_refused;
  const Instant now = env_.clock.now();
  const Duration ttl = options_.reservation_ttl;
  if (!reservations_.reserve(from.peer, *ip, now, now + ttl)) return made;
  const std::uint64_t expires = unix_seconds(env_.wall.now() + ttl);
  auto voucher = seal_voucher(swarm_.identity(), from.peer, expires);
  if (!voucher) {
    KITH_LOG_ERROR(log_, "signing a voucher: {}", voucher.error().message());
    end_reservation(from.peer);
    return made;
  }
  made.status = RelayStatus::ok;
  made.limit = circuit_limit();
  made.reservation = ReservationMessage{
      .expires_unix_s = expires, .addresses = {}, .voucher = *std::move(voucher)};
  for (const Multiaddr& own :
       addresses_for(scope_of(from.remote_address), swarm_.announced_addresses())) {
    auto named = own.with_peer_id(swarm_.local_peer());
    if (named && !own.is_relayed()) made.reservation->addresses.push_back(*std::move(named));
  }
  swarm_.tag_peer(from.peer, reservation_tag, reservation_value);
  return made;
}

std::size_t RelayServer::circuits_of(const PeerId& peer) const {
  auto found = circuits_.find(peer);
  return found == circuits_.end() ? 0 : found->second;
}

RelayStatus RelayServer::may_connect(const ConnectionInfo& from, const PeerId& to) const {
  if (!serving_ || from.remote_address.is_relayed() || from.peer == to)
    return RelayStatus::permission_denied;
  if (!reservations_.holds(to, env_.clock.now())) return RelayStatus::no_reservation;
  if (circuits_of(from.peer) >= options_.circuits_per_peer_max ||
      circuits_of(to) >= options_.circuits_per_peer_max) {
    return RelayStatus::resource_limit_exceeded;
  }
  return RelayStatus::ok;
}

Task<void> RelayServer::connect(std::unique_ptr<Stream> stream, port::BufferedReader& reader,
                                const ConnectionInfo& from, PeerId to) {
  const RelayStatus allowed = may_connect(from, to);
  if (allowed != RelayStatus::ok) co_return co_await refuse(*stream, allowed);
  const Place place(*this, from.peer, to);
  const Instant deadline = env_.clock.now() + stop_handshake_timeout;
  const std::optional<ConnectionId> way = swarm_.direct_connection_to(to);
  if (!way) co_return co_await refuse(*stream, RelayStatus::connection_failed);
  std::vector<ProtocolId> protocols = {ProtocolId(stop_protocol)};
  auto far = co_await swarm_.open_stream_on(*way, std::move(protocols), deadline);
  if (!far) co_return co_await refuse(*stream, RelayStatus::connection_failed);
  port::BufferedReader far_reader(**far, options_.buffer_bytes);
  auto agreed = co_await stop_handshake(**far, far_reader, from.peer, deadline);
  if (!agreed) {
    (*far)->reset();
    co_return co_await refuse(*stream, RelayStatus::connection_failed);
  }
  HopMessage done{
      .type = HopMessage::Type::status, .limit = circuit_limit(), .status = RelayStatus::ok};
  KITH_CO_CHECK(co_await answer(*stream, std::move(done)));
  KITH_LOG_DEBUG(log_, "circuit from {} to {}", from.peer.to_string(), to.to_string());
  Circuit circuit{*stream, reader, **far, far_reader, place.report()};
  if (options_.circuit_duration_max > Duration{0})
    circuit.deadline = env_.clock.now() + options_.circuit_duration_max;
  co_return co_await carry_both_ways(circuit);
}

Task<void> RelayServer::stop_handshake(port::Stream& stream, port::BufferedReader& reader,
                                       PeerId from, Instant deadline) {
  StopMessage request{
      .type = StopMessage::Type::connect, .peer = RelayedPeer{from, {}}, .limit = circuit_limit()};
  const Bytes encoded = encode(request);
  KITH_CO_CHECK(co_await port::write_message(stream, encoded, deadline));
  KITH_CO_TRY(const Buffer bytes, co_await reader.read_message(relay_message_bytes_max, deadline));
  KITH_CO_TRY(const StopMessage reply, decode_stop(bytes));
  const bool ok = reply.type == StopMessage::Type::status && reply.status == RelayStatus::ok;
  if (!ok) co_return std::unexpected(Errc::refused);
  co_return Result<void>{};
}

Task<void> RelayServer::carry_both_ways(Circuit& circuit) {
  port::TaskGroup flows(env_.executor, env_.clock);
  flows.spawn(carry(circuit, {circuit.near_reader, circuit.far, circuit.report.bytes_forth}));
  flows.spawn(carry(circuit, {circuit.far_reader, circuit.near, circuit.report.bytes_back}));
  auto ended = co_await flows.join();
  flows.cancel();
  co_await flows.join_shielded();
  co_return ended;
}

Task<void> RelayServer::carry(Circuit& circuit, Flow flow) {
  const std::uint64_t bytes_max =
      options_.circuit_bytes_max == 0 ? UINT64_MAX : options_.circuit_bytes_max;
  for (;;) {
    auto part = co_await flow.from.read_buffer(options_.buffer_bytes, circuit.deadline);
    if (part && part->empty()) {
      auto closed = co_await flow.to.close_write(circuit.deadline);
      if (closed) co_return closed;
      break;
    }
    if (!part) break;
    // What it may carry arrives, to the last byte.
    const ByteView allowed =
        ByteView(*part).first(std::min<std::uint64_t>(part->size(), bytes_max - flow.carried));
    flow.carried += allowed.size();
    counters_.bytes_carried += allowed.size();
    auto written = co_await flow.to.write(allowed, circuit.deadline);
    if (!written || allowed.size() < part->size()) break;
  }
  circuit.near.reset();
  circuit.far.reset();
  co_return Result<void>{};
}

}  // namespace kith::net
