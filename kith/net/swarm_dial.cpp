// How a Swarm comes by its connections: listening and dialing.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <kith/net/detail/swarm_parts.hpp>
#include <kith/net/multistream.hpp>
#include <kith/net/resolve.hpp>
#include <kith/net/security/noise_error.hpp>
#include <kith/net/swarm.hpp>
#include <kith/net/transports/tcp.hpp>
#include <kith/net/upgrade.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

/// What a handshake ends with when TCP has made one connection of two dials that crossed, and each
/// side takes the other's words for an answer to its own: another first proposal, or the first
/// Noise message in place of the second. Whoever notices first cuts the other off.
bool dialed_at_once(const Error& why) {
  return why.is(MultistreamError::unexpected_answer) || why.is(NoiseError::message_too_short) ||
         why.is(NoiseError::handshake_cut);
}

}  // namespace

// Listening.

Result<void> Swarm::listen(const Multiaddr& address) {
  std::optional<port::Endpoint> endpoint = tcp_endpoint(address);
  if (!endpoint) {
    return std::unexpected(Error(
        Errc::unsupported, address.to_string() + " (this node listens on /ip4/.../tcp/... and "
                                                 "/ip6/.../tcp/...)"));
  }
  if (!transports_.tcp) {
    return std::unexpected(
        Error(Errc::unsupported, address.to_string() + " (Swarm.Transports.Network.TCP is off)"));
  }
  port::TcpListenOptions options;
  options.reuse_port = true;
  auto socket = env_.net.listen_tcp(*endpoint, options);
  if (!socket && socket.error().is_errno(EADDRINUSE)) {
    return std::unexpected(SwarmError::address_in_use);
  }
  if (!socket) return std::unexpected(socket.error());
  auto listener = std::make_unique<Listener>();
  listener->address = tcp_address((*socket)->local_endpoint());
  listener->socket = *std::move(socket);
  accepting_.spawn(accept_loop(*listener));
  listeners_.push_back(std::move(listener));
  for (SwarmObserver* observer : std::vector(observers_))
    observer->on_listen_addresses_changed();
  return {};
}

std::vector<Multiaddr> Swarm::listen_addresses() const {
  std::vector<Multiaddr> addresses;
  for (const auto& listener : listeners_)
    addresses.push_back(listener->address);
  return addresses;
}

std::vector<Multiaddr> Swarm::reachable_addresses() const {
  std::vector<Multiaddr> addresses;
  std::vector<port::InterfaceAddress> interfaces =
      env_.net.interfaces().value_or(std::vector<port::InterfaceAddress>{});
  for (const auto& listener : listeners_) {
    port::Endpoint endpoint = listener->socket->local_endpoint();
    if (!endpoint.address.is_unspecified()) {
      addresses.push_back(listener->address);
      continue;
    }
    for (const port::InterfaceAddress& one : interfaces) {
      // A link-local address means nothing on another link.
      if (!one.up || one.address.family() != endpoint.address.family()) continue;
      if (one.address.is_link_local()) continue;
      addresses.push_back(tcp_address({one.address, endpoint.port}));
    }
  }
  return addresses;
}

std::vector<Multiaddr> Swarm::announced_addresses() const {
  return announced(announce_rules_, reachable_addresses());
}

void Swarm::set_announce_rules(AnnounceRules rules) {
  announce_rules_ = std::move(rules);
  for (SwarmObserver* observer : std::vector(observers_))
    observer->on_listen_addresses_changed();
}

Task<void> Swarm::accept_loop(Listener& listener) {
  for (;;) {
    auto accepted = co_await listener.socket->accept();
    if (!accepted) {
      const Error& why = accepted.error();
      if (why.is(Errc::closed) || why.is(Errc::cancelled)) co_return std::unexpected(why);
      // Whatever it is, a node that nobody can reach any more is worse.
      KITH_LOG_WARN(log_, "accepting on {}: {}; trying again in a moment",
                    listener.address.to_string(), why.message());
      KITH_CO_CHECK(co_await port::sleep_for(env_.clock, accept_retry_delay));
      continue;
    }
    std::unique_ptr<port::TcpStream> stream = *std::move(accepted);
    const Multiaddr remote = tcp_address(stream->remote_endpoint());
    Result<std::unique_ptr<ConnectionGrant>> grant = std::unexpected(Errc::refused);
    if (gater_ == nullptr || gater_->allow_accept(remote))
      grant = resources_.open_connection(Direction::inbound, remote, env_.clock.now());
    if (grant) {
      handshakes_.spawn(handshake_inbound(std::move(stream), *std::move(grant)));
    } else {
      stream->reset();
    }
  }
}

Task<void> Swarm::handshake_inbound(std::unique_ptr<port::TcpStream> stream,
                                    std::unique_ptr<ConnectionGrant> grant) {
  const port::Endpoint from = stream->remote_endpoint();
  auto outcome = co_await upgrade_inbound(std::move(stream), std::move(grant));
  if (!outcome) {
    KITH_LOG_DEBUG(log_, "inbound from {}: {}", from.to_string(), outcome.error().message());
  }
  co_return Result<void>{};
}

UpgradeOptions Swarm::upgrade_options(Direction direction, const port::TcpStream& stream,
                                      Budget& memory) {
  const ResourceLimits& limits = limits_.resources;
  UpgradeOptions options{.direction = direction, .identity = identity_};
  options.local_address = tcp_address(stream.local_endpoint());
  options.remote_address = tcp_address(stream.remote_endpoint());
  options.limits.streams_inbound_max = limits.connection[Resource::streams_inbound];
  options.limits.memory_bytes_max = limits.connection[Resource::memory];
  options.limits.stream_memory_bytes_max = limits.stream[Resource::memory];
  options.memory = &memory;
  const std::uint64_t places = limits.transient[Resource::connections_inbound];
  const bool crowded = direction == Direction::inbound && 2 * handshakes_.size() > places;
  options.deadline = env_.clock.now() + (crowded ? handshake_timeout_crowded : handshake_timeout);
  return options;
}

Task<void> Swarm::upgrade_inbound(std::unique_ptr<port::TcpStream> stream,
                                  std::unique_ptr<ConnectionGrant> grant) {
  UpgradeOptions options = upgrade_options(Direction::inbound, *stream, grant->memory());
  KITH_CO_TRY(std::unique_ptr<Connection> connection,
              co_await upgrade(env_, std::move(stream), std::move(options)));
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

Swarm::Dial::Dial(Swarm& swarm, PeerId to)
    : peer(to),
      deadline(swarm.env_.clock.now() + dial_peer_timeout),
      queue(to, swarm.limits_.dials_per_peer_max,
            [&swarm, to, own = swarm.reachable_addresses()](const Multiaddr& address) {
              if (!swarm.transports_.tcp) return DialChoice::no_transport;
              if (std::ranges::find(own, address) != own.end()) return DialChoice::ourselves;
              const bool allowed = swarm.backoff_.allows(to, address, swarm.env_.clock.now());
              return allowed ? DialChoice::go : DialChoice::leave_alone;
            }),
      progress(swarm.env_.clock),
      done(swarm.env_.clock),
      tasks(swarm.env_.executor, swarm.env_.clock) {}

Task<ConnectionId> Swarm::connect(PeerId peer, std::vector<Multiaddr> addresses, Instant deadline) {
  if (peer == local_peer_) co_return std::unexpected(SwarmError::dial_self);
  if (closing_) co_return std::unexpected(Errc::closed);
  if (Link* link = best_link(peer)) co_return link->id;
  if (gater_ != nullptr && !gater_->allow_dial_peer(peer)) co_return std::unexpected(Errc::refused);

  KITH_CO_TRY(const std::shared_ptr<Dial> dial, dial_of(peer, std::move(addresses)));
  const DialWaiter waiter(dial);
  co_return co_await dial->done.wait(deadline);
}

/// The dial of the peer that goes on, or a new one, with these addresses among what it tries.
Result<std::shared_ptr<Swarm::Dial>> Swarm::dial_of(const PeerId& peer,
                                                    std::vector<Multiaddr> given) {
  auto found = dials_.find(peer);
  if (found != dials_.end()) {
    found->second->add(std::move(given));
    return found->second;
  }
  auto dial = std::make_shared<Dial>(*this, peer);
  dial->add(std::move(given));
  for (Multiaddr& address : peers_.addresses(peer, env_.wall.now())) {
    // A name that a stranger says is its own may stand for a neighbour of ours.
    const bool trusted = peers_.says(AddressSource::given, peer, address, env_.wall.now());
    dial->queue.add({std::move(address)}, trusted);
  }
  if (!dialing_.spawn(run_dial(dial))) return std::unexpected(Errc::closed);
  dials_.emplace(peer, dial);
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
  dials_.erase(dial->peer);
  dial->done.set(outcome_of(*dial, std::move(raced)));
  dial->tasks.cancel();
  co_await dial->tasks.join_shielded();
  co_return Result<void>{};
}

/// Goes on until there is a connection, or no hope for one, or nobody who waits.
Task<void> Swarm::race(Dial& dial) {
  for (;;) {
    // The peer may reach us meanwhile.
    if (dial.winner || best_link(dial.peer) != nullptr) co_return Result<void>{};
    if (dial.waiting == 0) co_return std::unexpected(Errc::cancelled);
    if (env_.clock.now() >= dial.deadline) {
      dial.failures.emplace_back("the time for a dial is up");
      co_return std::unexpected(failure_of(dial));
    }
    while (auto name = dial.queue.next_name())
      dial.tasks.spawn(look_up(dial, *std::move(name)));
    while (auto address = dial.queue.next_attempt(env_.clock.now()))
      dial.tasks.spawn(attempt(dial, *std::move(address), DialAttempt(dial)));
    if (dial.queue.exhausted()) co_return std::unexpected(failure_of(dial));
    const Instant next = std::min(dial.queue.next_attempt_at(), dial.deadline);
    auto woken = co_await dial.progress.wait(next);
    if (!woken && !woken.error().is(Errc::timed_out)) co_return std::unexpected(Errc::closed);
  }
}

Result<ConnectionId> Swarm::outcome_of(Dial& dial, Result<void> raced) {
  if (!raced) return std::unexpected(raced.error());
  if (!dial.winner) return best_link(dial.peer)->id;
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

Task<void> Swarm::attempt(Dial& dial, Multiaddr address, DialAttempt) {
  auto slot = co_await dial_slots_.take(dial.deadline);
  if (!slot) {
    note_failure(dial, address, slot.error());
    co_return std::unexpected(slot.error());
  }
  auto dialed = co_await dial_address(dial.peer, address, dial.deadline);
  if (!dialed) {
    // Ours not to dial, or not to wait any more: the address is none the worse for it.
    const Error& why = dialed.error();
    const bool ours =
        why.is(Errc::cancelled) || why.is(Errc::refused) || why.is(SwarmError::limit_reached);
    if (!ours) backoff_.failed(dial.peer, address, env_.clock.now());
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

Task<Swarm::Admitted> Swarm::dial_address(PeerId peer, Multiaddr address, Instant dial_deadline) {
  if (gater_ != nullptr && !gater_->allow_dial_address(peer, address)) {
    co_return std::unexpected(Errc::refused);
  }
  std::optional<port::Endpoint> remote = tcp_endpoint(address);
  if (!remote) co_return std::unexpected(SwarmError::no_transport);
  KITH_CO_TRY(std::unique_ptr<ConnectionGrant> grant, grant_dial(peer, address));
  Budget& memory = grant->memory();
  bool local = remote->address.is_loopback() || remote->address.is_private();
  Instant deadline =
      std::min(dial_deadline, env_.clock.now() + (local ? dial_timeout_local : dial_timeout));
  std::optional<port::Endpoint> local_end = dial_from(*remote);
  auto dialed = co_await dial_endpoint(peer, *remote, local_end, memory, deadline, dial_deadline);
  if (!dialed && local_end && dialed_at_once(dialed.error())) {
    // Both sides dialed each other from their listening ports at the same moment. Another port and
    // a moment's patience of random length end that.
    Duration patience{static_cast<std::int64_t>(env_.prng.below(Duration(200ms).count()))};
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, patience));
    dialed = co_await dial_endpoint(peer, *remote, std::nullopt, memory, deadline, dial_deadline);
  }
  if (!dialed) co_return std::unexpected(dialed.error());
  co_return Admitted{std::move(grant), *std::move(dialed)};
}

Task<std::unique_ptr<Connection>> Swarm::dial_endpoint(PeerId peer, port::Endpoint remote,
                                                       std::optional<port::Endpoint> local,
                                                       Budget& memory, Instant deadline,
                                                       Instant dial_deadline) {
  port::TcpDialOptions options;
  options.local = local;
  KITH_CO_TRY(std::unique_ptr<port::TcpStream> stream,
              co_await env_.net.dial_tcp(remote, options, deadline));
  UpgradeOptions upgrading = upgrade_options(Direction::outbound, *stream, memory);
  upgrading.expected_peer = peer;
  upgrading.deadline = std::min(upgrading.deadline, dial_deadline);
  co_return co_await upgrade(env_, std::move(stream), std::move(upgrading));
}

std::optional<port::Endpoint> Swarm::dial_from(const port::Endpoint& remote) const {
  // From the listening port a NAT makes one mapping for both directions, and the peer sees where we
  // listen.
  for (const auto& listener : listeners_) {
    port::Endpoint local = listener->socket->local_endpoint();
    if (local.address.family() != remote.address.family()) continue;
    if (local.address.is_loopback() != remote.address.is_loopback() &&
        !local.address.is_unspecified()) {
      continue;
    }
    return local;
  }
  return std::nullopt;
}

}  // namespace kith::net
