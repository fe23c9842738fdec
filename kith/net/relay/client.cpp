#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <kith/net/address_scope.hpp>
#include <kith/net/relay/client.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/net/upgrade.hpp>
#include <kith/port/holding_stream.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::PeerId;
using multiformats::Protocol;

namespace {

constexpr std::string_view relay_tag = "relay";

/// A message and not a byte more: what comes behind it belongs to the circuit.
Task<Bytes> read_message_alone(port::Stream& stream, Instant deadline) {
  std::size_t size = 0;
  for (int shift = 0;; shift += 7) {
    std::array<std::uint8_t, 1> byte;
    MutableBytes into = byte;
    KITH_CO_CHECK(co_await port::read_exactly(stream, into, deadline));
    size |= static_cast<std::size_t>(byte[0] & 0x7f) << shift;
    if (size > relay_message_bytes_max) co_return std::unexpected(Errc::limit_exceeded);
    if ((byte[0] & 0x80) == 0) break;
    if (shift >= 14) co_return std::unexpected(Errc::limit_exceeded);
  }
  Bytes message(size);
  MutableBytes into = message;
  if (size > 0) KITH_CO_CHECK(co_await port::read_exactly(stream, into, deadline));
  co_return message;
}

Result<Multiaddr> circuit_address(const Multiaddr& relay_address, const PeerId& relay) {
  auto named = relay_address.with_peer_id(relay);
  if (!named) return std::unexpected(Errc::limit_exceeded);
  auto circuit = named->with(Protocol::p2p_circuit);
  if (!circuit) return std::unexpected(Errc::limit_exceeded);
  return *std::move(circuit);
}

/// The relay's address, without its name, and its name.
struct Way {
  PeerId relay;
  Multiaddr address;
};
std::optional<Way> way_of(const Multiaddr& circuit) {
  const std::optional<TransportAddress> found = transport_address(circuit);
  if (!found || found->kind != TransportKind::circuit) return std::nullopt;
  const auto split = circuit.split_relay();
  const std::optional<PeerId> relay = split->first.peer_id();
  if (!relay) return std::nullopt;
  return Way{*relay, split->first.without_peer_id()};
}

}  // namespace

/// A circuit that a relay has brought: whoever takes the stream first has it.
struct RelayTransport::Arrival {
  explicit Arrival(port::Clock& clock) : decided(clock), ended(clock) {}

  std::unique_ptr<Stream> stream;
  Multiaddr local;
  Multiaddr remote;
  bool limited = false;
  port::OneShot<bool> decided;  ///< whether it was taken
  port::OneShot<bool> ended;
};

class RelayTransport::CircuitIncoming final : public Incoming {
 public:
  CircuitIncoming(port::Env& env, const Swarm& swarm, std::shared_ptr<Arrival> arrival)
      : env_(env),
        identity_(swarm.identity()),
        channels_(swarm.secure_channels()),
        arrival_(std::move(arrival)) {}
  ~CircuitIncoming() override { arrival_->decided.set(false); }

  const Multiaddr& remote_address() const noexcept override { return arrival_->remote; }

  Task<std::unique_ptr<Connection>> upgrade(ConnectionTerms terms) override {
    if (!arrival_->stream) co_return std::unexpected(Errc::timed_out);
    // Until it has ended the relay's stream keeps its place in the limits.
    port::StreamPtr stream = port::with_end(std::move(arrival_->stream),
                                            [arrival = arrival_] { arrival->ended.set(true); });
    arrival_->decided.set(true);
    const StopMessage taken{.type = StopMessage::Type::status, .status = RelayStatus::ok};
    const Bytes encoded = encode(taken);
    KITH_CO_CHECK(co_await port::write_message(*stream, encoded, terms.deadline));
    UpgradeOptions options =
        upgrade_options(Direction::inbound, identity_, arrival_->local, arrival_->remote, terms);
    options.channels = channels_;
    options.limited = arrival_->limited;
    co_return co_await net::upgrade(env_, std::move(stream), std::move(options));
  }

 private:
  port::Env& env_;
  crypto::PrivateKey identity_;
  std::shared_ptr<SecureChannels> channels_;
  std::shared_ptr<Arrival> arrival_;
};

/// What is listened on through one relay.
class RelayTransport::Door final {
 public:
  Door(port::Clock& clock, Way its_way)
      : way(std::move(its_way)), arrivals(clock, circuits_waiting_max), changed(clock) {}

  bool held(Instant now) const noexcept { return now < until; }

  Way way;
  std::vector<Multiaddr> addresses;
  Instant until = Instant::min();
  Instant renew_at = Instant::min();
  WallTime expires{};
  std::optional<CircuitLimit> limit;
  std::size_t failures = 0;
  std::string last_failure;
  bool closed = false;
  port::Channel<std::shared_ptr<Arrival>> arrivals;
  port::Event changed;
};

/// The listener in the swarm's hands.
class RelayTransport::Handle final : public Listener {
 public:
  Handle(port::Env& env, const Swarm& swarm, std::shared_ptr<Door> door) noexcept
      : env_(env), swarm_(swarm), door_(std::move(door)) {}
  ~Handle() override { close(); }

  Task<std::unique_ptr<Incoming>> accept() override {
    KITH_CO_TRY(std::shared_ptr<Arrival> arrival, co_await door_->arrivals.pop());
    co_return std::make_unique<CircuitIncoming>(env_, swarm_, std::move(arrival));
  }
  std::vector<Multiaddr> addresses() const override { return door_->addresses; }
  void close() noexcept override {
    door_->closed = true;
    door_->addresses.clear();
    door_->arrivals.close();
    door_->changed.notify_all();
  }

 private:
  port::Env& env_;
  const Swarm& swarm_;
  std::shared_ptr<Door> door_;
};

RelayTransport::RelayTransport(port::Env& env, Swarm& swarm)
    : env_(env), log_(env.log, "relay"), swarm_(swarm), tasks_(env.executor, env.clock) {
  HandlerOptions few;
  few.streams_per_peer_max = stop_streams_per_peer_max;
  swarm_.handle(
      ProtocolId(stop_protocol),
      [this](std::unique_ptr<Stream> stream) { return serve(std::move(stream)); }, few);
  swarm_.observe(*this);
}

RelayTransport::~RelayTransport() = default;

Task<void> RelayTransport::close_shielded() {
  if (std::exchange(closed_, true)) co_return Result<void>{};
  swarm_.stop_handling(ProtocolId(stop_protocol));
  swarm_.stop_observing(*this);
  tasks_.cancel();
  co_return co_await tasks_.join_shielded();
}

bool RelayTransport::dials(const Multiaddr& address) const {
  return way_of(address).has_value();
}

void RelayTransport::on_disconnected(const ConnectionInfo& connection, bool) {
  const std::shared_ptr<Door> door = door_of(connection.peer);
  if (!door || swarm_.direct_connection_to(connection.peer)) return;
  door->until = Instant::min();
  door->renew_at = Instant::min();
  door->changed.notify_all();
}

std::vector<RelayReservation> RelayTransport::reservations() const {
  std::vector<RelayReservation> all;
  for (const auto& [relay, weak] : doors_) {
    const std::shared_ptr<Door> door = weak.lock();
    if (!door || door->closed) continue;
    all.push_back({.relay = relay,
                   .addresses = door->addresses,
                   .expires = door->expires,
                   .limit = door->limit,
                   .failures = door->failures,
                   .last_failure = door->last_failure});
  }
  return all;
}

std::shared_ptr<RelayTransport::Door> RelayTransport::door_of(const PeerId& relay) const {
  auto found = doors_.find(relay);
  if (found == doors_.end()) return nullptr;
  std::shared_ptr<Door> door = found->second.lock();
  return door && !door->closed ? door : nullptr;
}

// Asking a relay.

Task<ConnectionId> RelayTransport::reach(PeerId relay, Multiaddr address, AddressSource source,
                                         Instant deadline) {
  if (relay == swarm_.local_peer()) co_return std::unexpected(SwarmError::dial_self);
  if (auto there = swarm_.direct_connection_to(relay)) co_return *there;
  if (!address.empty()) {
    swarm_.peer_store().add_addresses(relay, {std::move(address)}, source, env_.wall.now());
  }
  auto reached = co_await swarm_.connect_unrelayed(relay, {}, deadline);
  if (!reached && swarm_.connected(relay)) co_return std::unexpected(SwarmError::only_relayed);
  co_return reached;
}

/// The stream on which the relay has said OK.
Task<std::unique_ptr<Stream>> RelayTransport::ask(ConnectionId relay, HopMessage request,
                                                  HopMessage& reply, Instant deadline) {
  std::vector<ProtocolId> protocols = {ProtocolId(hop_protocol)};
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await swarm_.open_stream_on(relay, std::move(protocols), deadline));
  const Bytes encoded = encode(request);
  KITH_CO_CHECK(co_await port::write_message(*stream, encoded, deadline));
  KITH_CO_TRY(const Bytes bytes, co_await read_message_alone(*stream, deadline));
  KITH_CO_TRY(reply, decode_hop(bytes));
  if (reply.type != HopMessage::Type::status) co_return std::unexpected(Errc::corrupt);
  if (reply.status == RelayStatus::ok) co_return std::move(stream);
  co_return std::unexpected(
      Error(SwarmError::relay_refused, fmt::format("the relay says {}", to_string(reply.status))));
}

Task<std::unique_ptr<Connection>> RelayTransport::dial(PeerId peer, Multiaddr address,
                                                       ConnectionTerms terms) {
  const std::optional<Way> way = way_of(address);
  if (!way) co_return std::unexpected(Errc::unsupported);
  if (terms.punching) co_return std::unexpected(Errc::unsupported);
  const Instant deadline = std::min(terms.deadline, env_.clock.now() + relay_dial_timeout);
  KITH_CO_TRY(const ConnectionId relay,
              co_await reach(way->relay, way->address, AddressSource::heard, deadline));
  HopMessage request{.type = HopMessage::Type::connect, .peer = RelayedPeer{peer, {}}};
  HopMessage reply;
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await ask(relay, std::move(request), reply, deadline));
  const std::optional<ConnectionInfo> below = swarm_.info(stream->connection());
  if (!below) co_return std::unexpected(Errc::closed);
  KITH_CO_TRY(Multiaddr remote, circuit_address(below->remote_address, way->relay));
  UpgradeOptions options = upgrade_options(Direction::outbound, swarm_.identity(),
                                           below->local_address, std::move(remote), terms);
  options.channels = swarm_.secure_channels();
  options.expected_peer = peer;
  options.limited = reply.limit.has_value();
  options.deadline = std::min(deadline, env_.clock.now() + handshake_timeout);
  co_return co_await upgrade(env_, std::move(stream), std::move(options));
}

// Being reached.

Result<std::unique_ptr<Listener>> RelayTransport::listen(const Multiaddr& address) {
  std::optional<Way> way = way_of(address);
  if (!way) return std::unexpected(Errc::unsupported);
  if (door_of(way->relay)) return std::unexpected(SwarmError::address_in_use);
  auto door = std::make_shared<Door>(env_.clock, *std::move(way));
  doors_[door->way.relay] = door;
  if (!tasks_.spawn(hold(door))) return std::unexpected(Errc::closed);
  return std::make_unique<Handle>(env_, swarm_, std::move(door));
}

/// Makes the reservation, renews it, and makes it anew when it was lost, until nobody listens.
Task<void> RelayTransport::hold(std::shared_ptr<Door> door) {
  const PeerId relay = door->way.relay;
  while (!door->closed) {
    const Instant begun = env_.clock.now();
    auto reserved = co_await reserve(*door);
    Instant next = door->renew_at;
    if (!reserved) next = fail(*door, reserved.error().message());
    if (!door->held(env_.clock.now())) withdraw(*door);
    while (!door->closed && env_.clock.now() < next) {
      const bool held = door->held(env_.clock.now());
      const Instant until = held ? std::min(next, door->until) : next;
      auto woken = co_await door->changed.wait(until);
      if (!woken && !woken.error().is(Errc::timed_out)) co_return std::unexpected(woken.error());
      if (!held || door->held(env_.clock.now())) continue;
      // A relay that takes back at once what it gives is asked as seldom as one that gives nothing.
      withdraw(*door);
      const bool lasted = env_.clock.now() - begun >= relay_reservation_short;
      if (lasted) door->failures = 0;
      next = lasted ? env_.clock.now() + relay_renew_least : fail(*door, "it didn't last");
    }
    if (door->held(env_.clock.now())) door->failures = 0;
  }
  swarm_.unprotect(relay, std::string(relay_tag));
  if (!door_of(relay)) doors_.erase(relay);
  co_return Result<void>{};
}

/// When to try again.
Instant RelayTransport::fail(Door& door, std::string why) {
  ++door.failures;
  door.last_failure = std::move(why);
  KITH_LOG_DEBUG(log_, "reservation at {}: {}", door.way.relay.to_string(), door.last_failure);
  const int doublings = static_cast<int>(std::min<std::size_t>(door.failures - 1, 7));
  return env_.clock.now() +
         std::min(auto_relay_backoff_base * (1 << doublings), auto_relay_backoff_max);
}

/// Nobody can reach us by it any more.
void RelayTransport::withdraw(Door& door) {
  if (std::exchange(door.addresses, {}).empty()) return;
  swarm_.unprotect(door.way.relay, std::string(relay_tag));
  swarm_.listen_addresses_changed();
}

Task<void> RelayTransport::reserve(Door& door) {
  const Instant deadline = env_.clock.now() + relay_reserve_timeout;
  const PeerId relay = door.way.relay;
  KITH_CO_TRY(const ConnectionId way,
              co_await reach(relay, door.way.address, AddressSource::given, deadline));
  HopMessage reply;
  HopMessage request{.type = HopMessage::Type::reserve};
  KITH_CO_TRY(const std::unique_ptr<Stream> stream,
              co_await ask(way, std::move(request), reply, deadline));
  const std::optional<ConnectionInfo> info = swarm_.info(stream->connection());
  if (!info || door.closed) co_return std::unexpected(Errc::closed);
  KITH_CO_CHECK(take(door, *info, reply));
  door.last_failure.clear();
  swarm_.protect(relay, std::string(relay_tag));
  co_return Result<void>{};
}

/// What the relay has promised, as far as it is believed.
Result<void> RelayTransport::take(Door& door, const ConnectionInfo& way, const HopMessage& reply) {
  if (!reply.reservation) return std::unexpected(Errc::corrupt);
  if (!reply.reservation->voucher.empty()) {
    KITH_TRY(const Voucher voucher, open_voucher(reply.reservation->voucher));
    const bool ours = voucher.relay == way.peer && voucher.peer == swarm_.local_peer();
    if (!ours) return std::unexpected(Errc::refused);
  }
  const auto now_s = std::chrono::floor<std::chrono::seconds>(env_.wall.now().time_since_epoch());
  const auto now_unix_s = static_cast<std::uint64_t>(std::max<std::int64_t>(now_s.count(), 0));
  const std::uint64_t expires = reply.reservation->expires_unix_s;
  if (expires <= now_unix_s) return std::unexpected(Error(Errc::refused, "it is over already"));
  const auto most = static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::seconds>(relay_reservation_ttl_most).count());
  const Duration left = std::chrono::seconds(std::min(expires - now_unix_s, most));
  std::vector<Multiaddr> told;
  for (const Multiaddr& one : reply.reservation->addresses) {
    const bool plain = !one.is_relayed() && (!one.peer_id() || one.peer_id() == way.peer);
    if (plain) told.push_back(one.without_peer_id());
  }
  told = addresses_for(scope_of(way.remote_address), told);
  // One that says nothing of its addresses is where we have found it.
  if (told.empty() && way.direction == Direction::outbound) told.push_back(way.remote_address);
  std::vector<Multiaddr> circuits;
  for (const Multiaddr& one : told) {
    auto circuit = circuit_address(one, way.peer);
    const bool fresh = circuit && std::ranges::find(circuits, *circuit) == circuits.end();
    if (fresh) circuits.push_back(*std::move(circuit));
  }
  if (circuits.empty()) {
    return std::unexpected(Error(Errc::refused, "it tells no address at which it is reached"));
  }

  door.until = env_.clock.now() + left;
  door.expires = env_.wall.now() + left;
  door.renew_at =
      env_.clock.now() + std::max(left - std::min(relay_renew_before, left / 2), relay_renew_least);
  door.limit = reply.limit;
  if (std::exchange(door.addresses, circuits) != circuits) swarm_.listen_addresses_changed();
  return {};
}

Task<void> RelayTransport::answer(port::Stream& stream, RelayStatus status, Instant deadline) {
  const StopMessage reply{.type = StopMessage::Type::status, .status = status};
  const Bytes encoded = encode(reply);
  KITH_CO_CHECK(co_await port::write_message(stream, encoded, deadline));
  co_return co_await stream.close_write(deadline);
}

Task<void> RelayTransport::serve(std::unique_ptr<Stream> stream) {
  const Instant deadline = env_.clock.now() + circuit_accept_timeout;
  KITH_CO_TRY(const Bytes bytes, co_await read_message_alone(*stream, deadline));
  auto request = decode_stop(bytes);
  if (!request) co_return co_await answer(*stream, RelayStatus::malformed_message, deadline);
  if (request->type != StopMessage::Type::connect)
    co_return co_await answer(*stream, RelayStatus::unexpected_message, deadline);
  const std::shared_ptr<Door> door = door_of(stream->remote_peer());
  const std::optional<ConnectionInfo> below = swarm_.info(stream->connection());
  if (!door || !below || below->remote_address.is_relayed() || !door->held(env_.clock.now()))
    co_return co_await answer(*stream, RelayStatus::permission_denied, deadline);
  KITH_CO_TRY(Multiaddr remote, circuit_address(below->remote_address, below->peer));

  auto arrival = std::make_shared<Arrival>(env_.clock);
  arrival->stream = std::move(stream);
  arrival->local = below->local_address;
  arrival->remote = std::move(remote);
  arrival->limited = request->limit.has_value();
  const bool waits = door->arrivals.try_push(arrival);
  Result<bool> taken = false;
  if (waits) taken = co_await arrival->decided.wait(deadline);
  if (arrival->stream) {
    stream = std::move(arrival->stream);
    const Instant soon = env_.clock.now() + circuit_accept_timeout;
    co_return co_await answer(*stream, RelayStatus::resource_limit_exceeded, soon);
  }
  if (!taken) co_return std::unexpected(taken.error());
  KITH_CO_CHECK(co_await arrival->ended.wait());
  co_return Result<void>{};
}

}  // namespace kith::net
