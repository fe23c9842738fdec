// How a Swarm comes by its connections: listening and dialing.
#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <kith/net/detail/swarm_parts.hpp>
#include <kith/net/resolve.hpp>
#include <kith/net/swarm.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/net/transports/quic.hpp>
#include <kith/net/transports/tcp.hpp>
#include <kith/net/transports/websocket.hpp>
#include <kith/port/holding_stream.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

/// Why nobody listens on such an address.
std::string why_not(const Multiaddr& address) {
  const std::optional<TransportAddress> known = transport_address(address);
  if (!known || known->kind == TransportKind::memory) {
    return " (this node listens on /ip4/.../udp/.../quic-v1, /ip4/.../tcp/..., "
           "/ip4/.../tcp/.../ws and the same with ip6)";
  }
  constexpr std::array names{"", "QUIC", "TCP", "Websocket", "Relay"};
  return fmt::format(" (Swarm.Transports.Network.{} is off)",
                     names[static_cast<std::size_t>(known->kind)]);
}

/// With every IP address of the machine in place of an unspecified one.
void add_reachable(const Multiaddr& listening,
                   const std::vector<port::InterfaceAddress>& interfaces,
                   std::vector<Multiaddr>& into) {
  if (!listening.is_unspecified()) {
    into.push_back(listening);
    return;
  }
  const std::size_t bytes = listening.ip()->size();
  for (const port::InterfaceAddress& one : interfaces) {
    // A link-local address means nothing on another link.
    if (!one.up || one.address.bytes().size() != bytes || one.address.is_link_local()) continue;
    if (auto address = listening.with_ip(one.address.bytes())) into.push_back(*std::move(address));
  }
}

}  // namespace

// Listening.

void Swarm::set_transports(Transports which) {
  ASSERT(doors_.empty() && dials_.empty());
  transports_.clear();
  which_ = which;
  channels_ = std::make_shared<SecureChannels>(identity_, std::move(which.security));
  const auto ports = std::make_shared<TcpPorts>(env_);
  if (which.tcp) {
    transports_.push_back(std::make_unique<TcpTransport>(env_, identity_, channels_, ports));
  }
  if (which.websocket) {
    WebSocketOptions options;
    if (which.websocket_options) options = *which.websocket_options;
    transports_.push_back(std::make_unique<WebSocketTransport>(env_, identity_, std::move(options),
                                                               channels_, ports));
  }
  if (which.quic) transports_.push_back(std::make_unique<QuicTransport>(env_, identity_));
}

void Swarm::add_transport(std::unique_ptr<Transport> transport) {
  transports_.push_back(std::move(transport));
}

Transport* Swarm::dialer_of(const Multiaddr& address) const {
  for (const auto& transport : transports_) {
    if (transport->dials(address)) return transport.get();
  }
  return nullptr;
}

Result<void> Swarm::listen(const Multiaddr& address) {
  const Multiaddr where = address.without_peer_id();
  auto transport = std::ranges::find_if(
      transports_, [&where](const auto& candidate) { return candidate->listens(where); });
  if (transport == transports_.end()) {
    return std::unexpected(Error(Errc::unsupported, address.to_string() + why_not(where)));
  }
  KITH_TRY(std::unique_ptr<Listener> listener, (*transport)->listen(where));
  auto door = std::make_shared<Door>(where, std::move(listener));
  doors_.push_back(door);
  accepting_.spawn(accept_loop(std::move(door)));
  listen_addresses_changed();
  return {};
}

bool Swarm::stop_listening(const Multiaddr& address) {
  const Multiaddr where = address.without_peer_id();
  auto door = std::ranges::find_if(doors_, [&where](const auto& one) {
    const std::vector<Multiaddr> in_use = one->listener->addresses();
    return one->given == where || std::ranges::find(in_use, where) != in_use.end();
  });
  if (door == doors_.end()) return false;
  (*door)->listener->close();
  doors_.erase(door);
  listen_addresses_changed();
  return true;
}

void Swarm::listen_addresses_changed() {
  for (SwarmObserver* observer : std::vector(observers_))
    observer->on_listen_addresses_changed();
}

std::vector<Multiaddr> Swarm::listen_addresses() const {
  std::vector<Multiaddr> all;
  for (const auto& door : doors_) {
    for (Multiaddr& address : door->listener->addresses())
      all.push_back(std::move(address));
  }
  return all;
}

std::vector<Multiaddr> Swarm::reachable_addresses() const {
  const std::vector<port::InterfaceAddress> interfaces =
      env_.net.interfaces().value_or(std::vector<port::InterfaceAddress>{});
  std::vector<Multiaddr> all;
  for (const Multiaddr& listening : listen_addresses())
    add_reachable(listening, interfaces, all);
  return all;
}

std::vector<Multiaddr> Swarm::announced_addresses() const {
  return announced(announce_rules_, reachable_addresses());
}

void Swarm::set_announce_rules(AnnounceRules rules) {
  announce_rules_ = std::move(rules);
  listen_addresses_changed();
}

Task<void> Swarm::accept_loop(std::shared_ptr<Door> door) {
  for (;;) {
    auto accepted = co_await door->listener->accept();
    if (!accepted) {
      const Error& why = accepted.error();
      if (why.is(Errc::closed) || why.is(Errc::cancelled)) co_return std::unexpected(why);
      // Whatever it is, a node that nobody can reach any more is worse.
      KITH_LOG_WARN(log_, "accepting on {}: {}; trying again in a moment", door->given.to_string(),
                    why.message());
      KITH_CO_CHECK(co_await port::sleep_for(env_.clock, accept_retry_delay));
      continue;
    }
    std::unique_ptr<Incoming> incoming = *std::move(accepted);
    const Multiaddr& remote = incoming->remote_address();
    if (gater_ != nullptr && !gater_->allow_accept(remote)) continue;
    auto grant = resources_.open_connection(Direction::inbound, remote, env_.clock.now());
    if (grant) handshakes_.spawn(handshake_inbound(std::move(incoming), *std::move(grant)));
  }
}

Task<void> Swarm::handshake_inbound(std::unique_ptr<Incoming> incoming,
                                    std::unique_ptr<ConnectionGrant> grant) {
  auto outcome = co_await upgrade_inbound(*incoming, std::move(grant));
  if (!outcome) {
    KITH_LOG_DEBUG(log_, "inbound from {}: {}", incoming->remote_address().to_string(),
                   outcome.error().message());
  }
  co_return Result<void>{};
}

ConnectionTerms Swarm::terms_for(Budget& memory, Instant deadline) const {
  const ResourceLimits& limits = limits_.resources;
  return {.streams_inbound_max = limits.connection[Resource::streams_inbound],
          .memory_bytes_max = limits.connection[Resource::memory],
          .stream_memory_bytes_max = limits.stream[Resource::memory],
          .memory = &memory,
          .deadline = deadline};
}

Task<void> Swarm::upgrade_inbound(Incoming& incoming, std::unique_ptr<ConnectionGrant> grant) {
  const std::uint64_t places = limits_.resources.transient[Resource::connections_inbound];
  const bool crowded = 2 * handshakes_.size() > places;
  const Instant deadline =
      env_.clock.now() + (crowded ? handshake_timeout_crowded : handshake_timeout);
  ConnectionTerms terms = terms_for(grant->memory(), deadline);
  terms.keep_place = [this, &grant](port::StreamPtr stream,
                                    const ProtocolId& protocol) -> Result<port::StreamPtr> {
    KITH_CHECK(grant->stay_unknown());
    std::shared_ptr<ConnectionGrant> place = std::move(grant);
    return std::make_unique<port::HoldingStream>(bandwidth_.hold(std::move(stream), protocol),
                                                 std::move(place));
  };
  KITH_CO_TRY(std::unique_ptr<Connection> connection, co_await incoming.upgrade(terms));
  if (connection->remote_peer() == local_peer_) co_return std::unexpected(SwarmError::dial_self);
  if (gater_ != nullptr && !gater_->allow_peer(connection->remote_peer(), Direction::inbound,
                                               connection->remote_address())) {
    co_return std::unexpected(Errc::refused);
  }
  KITH_CO_CHECK(grant->set_peer(connection->remote_peer()));
  Admitted admitted{std::move(grant), std::move(connection)};
  KITH_CO_CHECK(add_link(std::move(admitted)));
  co_return Result<void>{};
}

// Dialing.

void Swarm::clear_backoff(const PeerId& peer) {
  backoff_.clear(peer);
}

Swarm::Dial::Dial(Swarm& swarm, PeerId to, bool only_unrelayed)
    : peer(to),
      deadline(swarm.env_.clock.now() + dial_peer_timeout),
      queue(to, swarm.limits_.dials_per_peer_max,
            [&swarm, to, only_unrelayed,
             own = swarm.reachable_addresses()](const Multiaddr& address) {
              if (only_unrelayed && address.is_relayed()) return DialChoice::no_transport;
              if (swarm.dialer_of(address) == nullptr) return DialChoice::no_transport;
              // A relay's circuits are as many peers' as it serves.
              const bool ours = std::ranges::find(own, address) != own.end();
              if (ours && !address.is_relayed()) return DialChoice::ourselves;
              const bool allowed = swarm.backoff_.allows(to, address, swarm.env_.clock.now());
              return allowed ? DialChoice::go : DialChoice::leave_alone;
            }),
      unrelayed(only_unrelayed),
      progress(swarm.env_.clock),
      done(swarm.env_.clock),
      tasks(swarm.env_.executor, swarm.env_.clock) {}

Swarm::Dial::Dial(Swarm& swarm, PeerId to, std::optional<Direction> its_punching)
    : peer(to),
      deadline(swarm.env_.clock.now() + dial_timeout),
      queue(to, dial_addresses_max,
            [&swarm, own = swarm.reachable_addresses()](const Multiaddr& address) {
              const bool ours = std::ranges::find(own, address) != own.end();
              if (ours) return DialChoice::ourselves;
              const bool dials = !address.is_relayed() && swarm.dialer_of(address) != nullptr;
              return dials ? DialChoice::go : DialChoice::no_transport;
            }),
      punching(its_punching),
      directly(true),
      unrelayed(true),
      progress(swarm.env_.clock),
      done(swarm.env_.clock),
      tasks(swarm.env_.executor, swarm.env_.clock) {}

Task<ConnectionId> Swarm::connect_directly(PeerId peer, std::vector<Multiaddr> addresses,
                                           std::optional<Direction> punching, Instant deadline) {
  if (peer == local_peer_) co_return std::unexpected(SwarmError::dial_self);
  if (closing_) co_return std::unexpected(Errc::closed);
  if (Link* link = direct_link(peer)) co_return link->id;
  if (gater_ != nullptr && !gater_->allow_dial_peer(peer)) co_return std::unexpected(Errc::refused);
  auto dial = std::make_shared<Dial>(*this, peer, punching);
  dial->deadline = std::min(dial->deadline, deadline);
  std::erase_if(addresses, [](const Multiaddr& one) { return one.dns_name().has_value(); });
  dial->queue.add(std::move(addresses), false);
  if (!dialing_.spawn(run_direct_dial(dial))) co_return std::unexpected(Errc::closed);
  direct_dials_.emplace(peer, dial);
  const DialWaiter waiter(dial);
  co_return co_await dial->done.wait();
}

Task<void> Swarm::run_direct_dial(std::shared_ptr<Dial> dial) {
  while (dial->queue.next_attempt_at() != never) {
    auto address = dial->queue.next_attempt(dial->queue.next_attempt_at());
    if (address) spawn_attempt(*dial, *std::move(address));
  }
  auto raced = co_await race_directly(*dial);
  std::erase_if(direct_dials_, [&dial](const auto& entry) { return entry.second == dial; });
  // The attempts that are given up take their time, and what has come about may end in it.
  dial->done.set(outcome_of(*dial, std::move(raced)));
  dial->tasks.cancel();
  co_await dial->tasks.join_shielded();
  co_return Result<void>{};
}

/// Goes on until there is a direct connection, also one that came to us, or no hope for one.
Task<void> Swarm::race_directly(Dial& dial) {
  while (!dial.winner && direct_link(dial.peer) == nullptr) {
    if (dial.waiting == 0) co_return std::unexpected(Errc::cancelled);
    const bool late = env_.clock.now() >= dial.deadline;
    if (late) dial.failures.emplace_back("the time for a dial is up");
    if (late || dial.queue.exhausted()) co_return std::unexpected(failure_of(dial));
    auto woken = co_await dial.progress.wait(dial.deadline);
    if (!woken && !woken.error().is(Errc::timed_out)) co_return std::unexpected(Errc::closed);
  }
  co_return Result<void>{};
}

Task<ConnectionId> Swarm::connect(PeerId peer, std::vector<Multiaddr> addresses, Instant deadline) {
  return connect_in_turn(peer, std::move(addresses), false, deadline);
}

Task<ConnectionId> Swarm::connect_unrelayed(PeerId peer, std::vector<Multiaddr> addresses,
                                            Instant deadline) {
  return connect_in_turn(peer, std::move(addresses), true, deadline);
}

Swarm::Link* Swarm::link_for(const PeerId& peer, bool unrelayed) const {
  return unrelayed ? direct_link(peer) : best_link(peer);
}

Task<ConnectionId> Swarm::connect_in_turn(PeerId peer, std::vector<Multiaddr> addresses,
                                          bool unrelayed, Instant deadline) {
  if (peer == local_peer_) co_return std::unexpected(SwarmError::dial_self);
  if (closing_) co_return std::unexpected(Errc::closed);
  if (Link* link = link_for(peer, unrelayed)) co_return link->id;
  if (gater_ != nullptr && !gater_->allow_dial_peer(peer)) co_return std::unexpected(Errc::refused);

  KITH_CO_TRY(const std::shared_ptr<Dial> dial, dial_of(peer, std::move(addresses), unrelayed));
  const DialWaiter waiter(dial);
  co_return co_await dial->done.wait(deadline);
}

/// The dial of the peer that goes on, or a new one, with these addresses among what it tries.
Result<std::shared_ptr<Swarm::Dial>> Swarm::dial_of(const PeerId& peer,
                                                    std::vector<Multiaddr> given, bool unrelayed) {
  auto found = dials_.find({peer, unrelayed});
  if (found != dials_.end()) {
    found->second->add(std::move(given));
    return found->second;
  }
  auto dial = std::make_shared<Dial>(*this, peer, unrelayed);
  dial->add(std::move(given));
  for (Multiaddr& address : peers_.addresses(peer, env_.wall.now())) {
    // A name that a stranger says is its own may stand for a neighbour of ours.
    const bool trusted = peers_.says(AddressSource::given, peer, address, env_.wall.now());
    dial->queue.add({std::move(address)}, trusted);
  }
  if (!dialing_.spawn(run_dial(dial))) return std::unexpected(Errc::closed);
  dials_.emplace(std::pair(peer, unrelayed), dial);
  return dial;
}

void Swarm::Dial::add(std::vector<Multiaddr> addresses) {
  for (const Multiaddr& address : addresses) {
    if (given.size() < dial_addresses_max) given.push_back(address);
  }
  queue.add(std::move(addresses), true);
  progress.notify_all();
}

Task<void> Swarm::run_dial(std::shared_ptr<Dial> dial) {
  auto raced = co_await race(*dial);
  // Whoever comes now begins anew.
  dials_.erase({dial->peer, dial->unrelayed});
  dial->done.set(outcome_of(*dial, std::move(raced)));
  dial->tasks.cancel();
  co_await dial->tasks.join_shielded();
  co_return Result<void>{};
}

/// Goes on until there is a connection, or no hope for one, or nobody who waits.
Task<void> Swarm::race(Dial& dial) {
  for (;;) {
    // The peer may reach us meanwhile.
    if (dial.winner || link_for(dial.peer, dial.unrelayed) != nullptr) co_return Result<void>{};
    if (dial.waiting == 0) co_return std::unexpected(Errc::cancelled);
    if (env_.clock.now() >= dial.deadline) {
      dial.failures.emplace_back("the time for a dial is up");
      co_return std::unexpected(failure_of(dial));
    }
    while (auto name = dial.queue.next_name())
      dial.tasks.spawn(look_up(dial, *std::move(name)));
    while (auto address = dial.queue.next_attempt(env_.clock.now()))
      spawn_attempt(dial, *std::move(address));
    if (dial.queue.exhausted()) co_return std::unexpected(failure_of(dial));
    const Instant next = std::min(dial.queue.next_attempt_at(), dial.deadline);
    auto woken = co_await dial.progress.wait(next);
    if (!woken && !woken.error().is(Errc::timed_out)) co_return std::unexpected(Errc::closed);
  }
}

Result<ConnectionId> Swarm::outcome_of(Dial& dial, Result<void> raced) {
  if (!raced) return std::unexpected(raced.error());
  if (!dial.winner) {
    const Link* came = link_for(dial.peer, dial.unrelayed);
    if (came == nullptr) return std::unexpected(Errc::closed);
    return came->id;
  }
  const Multiaddr& remote = dial.winner->connection->remote_address();
  if (gater_ != nullptr && !gater_->allow_peer(dial.peer, Direction::outbound, remote)) {
    return std::unexpected(Errc::refused);
  }
  // Names that led there are worth as much: what they stand for may change.
  peers_.add_addresses(dial.peer, dial.given, AddressSource::given, env_.wall.now());
  peers_.add_addresses(dial.peer, {remote}, AddressSource::connected, env_.wall.now());
  return add_link(*std::move(dial.winner));
}

Error Swarm::failure_of(const Dial& dial) {
  if (dial.queue.offered() == 0) return SwarmError::no_addresses;
  if (!dial.failures.empty()) {
    return {SwarmError::all_dials_failed, fmt::format("{}", fmt::join(dial.failures, "; "))};
  }
  if (dial.queue.left_alone() > 0) return SwarmError::dial_backoff;
  return dial.queue.ourselves() > 0 ? SwarmError::dial_self : SwarmError::no_transport;
}

void Swarm::note_failure(Dial& dial, const Multiaddr& address, const Error& why) {
  if (dial.failures.size() == dial_failures_told_max) dial.failures.emplace_back("and others");
  if (dial.failures.size() > dial_failures_told_max) return;
  dial.failures.push_back(address.to_string() + ": " + why.message());
}

Task<void> Swarm::look_up(Dial& dial, DialQueue::Name name) {
  const Instant deadline = std::min(dial.deadline, env_.clock.now() + resolve_timeout);
  auto found = co_await resolve_name(env_.net, name.address, deadline);
  if (!found) note_failure(dial, name.address, found.error());
  dial.queue.resolved(name, found.value_or(std::vector<Multiaddr>{}));
  dial.progress.notify_all();
  co_return Result<void>{};
}

void Swarm::spawn_attempt(Dial& dial, Multiaddr address) {
  DialAttempt begun(dial, address);
  dial.tasks.spawn(attempt(dial, std::move(address), std::move(begun)));
}

Task<void> Swarm::attempt(Dial& dial, Multiaddr address, DialAttempt) {
  // A circuit waits for the dial of its relay, which has places of its own.
  DialSlots& slots = address.is_relayed() ? circuit_dial_slots_
                     : dial.directly      ? direct_dial_slots_
                                          : dial_slots_;
  auto slot = co_await slots.take(dial.deadline);
  if (slot && closing_) slot = std::unexpected(Errc::closed);
  if (!slot) {
    note_failure(dial, address, slot.error());
    co_return std::unexpected(slot.error());
  }
  auto dialed = co_await dial_address(dial, address);
  if (!dialed) {
    // Ours not to dial, or not to wait any more: the address is none the worse for it.
    const Error& why = dialed.error();
    const bool ours =
        why.is(Errc::cancelled) || why.is(Errc::refused) || why.is(SwarmError::limit_reached);
    if (!ours && !dial.directly) backoff_.failed(dial.peer, address, env_.clock.now());
    note_failure(dial, address, why);
  } else if (!dial.winner) {
    dial.winner = *std::move(dialed);
  }
  co_return Result<void>{};
}

Result<std::unique_ptr<ConnectionGrant>> Swarm::grant_dial(const PeerId& peer,
                                                           const Multiaddr& address) {
  auto grant = resources_.open_connection(Direction::outbound, address, env_.clock.now());
  if (!grant) return std::unexpected(limit_reached());
  if (!(*grant)->set_peer(peer)) return std::unexpected(limit_reached());
  return grant;
}

Task<Swarm::Admitted> Swarm::dial_address(const Dial& dial, Multiaddr address) {
  const PeerId peer = dial.peer;
  if (gater_ != nullptr && !gater_->allow_dial_address(peer, address)) {
    co_return std::unexpected(Errc::refused);
  }
  Transport* transport = dialer_of(address);
  if (transport == nullptr) co_return std::unexpected(SwarmError::no_transport);
  KITH_CO_TRY(std::unique_ptr<ConnectionGrant> grant, grant_dial(peer, address));
  ConnectionTerms terms = terms_for(grant->memory(), dial.deadline);
  terms.punching = dial.punching;
  KITH_CO_TRY(std::unique_ptr<Connection> connection,
              co_await transport->dial(peer, std::move(address), terms));
  co_return Admitted{std::move(grant), std::move(connection)};
}

}  // namespace kith::net
