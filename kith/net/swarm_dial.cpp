// How a Swarm comes by its connections: listening and dialing.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <kith/net/address_rank.hpp>
#include <kith/net/detail/swarm_parts.hpp>
#include <kith/net/resolve.hpp>
#include <kith/net/swarm.hpp>
#include <kith/net/transports/tcp.hpp>
#include <kith/net/upgrade.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::PeerId;

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
  KITH_TRY(std::unique_ptr<port::TcpListener> socket, env_.net.listen_tcp(*endpoint, options));
  auto listener = std::make_unique<Listener>();
  listener->address = tcp_address(socket->local_endpoint());
  listener->socket = std::move(socket);
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
    if (!accepted) co_return std::unexpected(accepted.error());
    std::unique_ptr<port::TcpStream> stream = *std::move(accepted);
    port::IpAddress from = stream->remote_endpoint().address;
    const Multiaddr remote = tcp_address(stream->remote_endpoint());
    auto waiting = handshakes_by_address_.find(from);
    bool allowed =
        (waiting == handshakes_by_address_.end() || waiting->second < handshakes_per_address_max) &&
        (gater_ == nullptr || gater_->allow_accept(remote));
    Result<std::unique_ptr<ConnectionGrant>> grant = std::unexpected(Errc::refused);
    if (allowed) grant = resources_.open_connection(Direction::inbound, remote);
    if (!grant) {
      stream->reset();
      continue;
    }
    ++handshakes_by_address_[from];
    if (!handshakes_.spawn(handshake_inbound(std::move(stream), *std::move(grant)))) {
      if (--handshakes_by_address_[from] == 0) handshakes_by_address_.erase(from);
    }
  }
}

Task<void> Swarm::handshake_inbound(std::unique_ptr<port::TcpStream> stream,
                                    std::unique_ptr<ConnectionGrant> grant) {
  port::IpAddress from = stream->remote_endpoint().address;
  auto outcome = co_await upgrade_inbound(std::move(stream), std::move(grant));
  if (!outcome) {
    KITH_LOG_DEBUG(log_, "inbound from {}: {}", from.to_string(), outcome.error().message());
  }
  if (--handshakes_by_address_[from] == 0) handshakes_by_address_.erase(from);
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
  options.deadline = env_.clock.now() + handshake_timeout;
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

Task<ConnectionId> Swarm::connect(PeerId peer, std::vector<Multiaddr> addresses, Instant deadline) {
  if (peer == local_peer_) co_return std::unexpected(SwarmError::dial_self);
  if (closing_) co_return std::unexpected(Errc::closed);
  if (Link* link = best_link(peer)) co_return link->id;
  if (gater_ != nullptr && !gater_->allow_dial_peer(peer)) co_return std::unexpected(Errc::refused);

  auto found = dials_.find(peer);
  std::shared_ptr<PendingDial> dial;
  if (found != dials_.end()) {
    dial = found->second;
  } else {
    dial = std::make_shared<PendingDial>(env_, std::move(addresses));
    dials_.emplace(peer, dial);
    if (!dialing_.spawn(run_dial(peer, dial))) {
      dials_.erase(peer);
      co_return std::unexpected(Errc::closed);
    }
  }
  co_return co_await dial->done.wait(deadline);
}

Task<void> Swarm::run_dial(PeerId peer, std::shared_ptr<PendingDial> dial) {
  auto outcome = co_await dial_peer(peer, dial->given);
  dials_.erase(peer);
  dial->done.set(std::move(outcome));
  co_return Result<void>{};
}

Task<ConnectionId> Swarm::dial_peer(PeerId peer, std::vector<Multiaddr> given) {
  std::vector<Multiaddr> known = peers_.addresses(peer, env_.wall.now());
  std::ranges::move(known, std::back_inserter(given));
  if (given.empty()) co_return std::unexpected(SwarmError::no_addresses);

  Instant deadline = env_.clock.now() + dial_timeout;
  std::vector<Multiaddr> addresses;
  for (Multiaddr& address : given) {
    std::optional<PeerId> named = address.peer_id();
    if (named && *named != peer) continue;
    KITH_CO_TRY(std::vector<Multiaddr> resolved,
                co_await resolve_address(env_.net, std::move(address), peer, deadline));
    for (Multiaddr& one : resolved)
      addresses.push_back(one.without_peer_id());
  }
  Race race(env_, peer, dials_per_peer_max);
  auto raced = co_await race_attempts(race, std::move(addresses));
  race.attempts.cancel();
  co_await race.attempts.join_shielded();
  if (!raced) {
    // The peer may have reached us meanwhile.
    if (Link* link = best_link(peer)) co_return link->id;
    co_return std::unexpected(raced.error());
  }
  if (gater_ != nullptr &&
      !gater_->allow_peer(peer, Direction::outbound, race.winner->connection->remote_address())) {
    co_return std::unexpected(Errc::refused);
  }
  peers_.add_addresses(peer, {race.winner->connection->remote_address()}, env_.wall.now(),
                       env_.wall.now() + address_ttl_connected);
  co_return add_link(*std::move(race.winner));
}

Task<void> Swarm::race_attempts(Race& race, std::vector<Multiaddr> addresses) {
  if (!transports_.tcp) addresses.clear();
  std::vector<RankedAddress> ranked = rank_addresses(std::move(addresses));
  if (ranked.empty()) co_return std::unexpected(SwarmError::no_transport);
  for (const RankedAddress& next : ranked) {
    if (!backoff_.allows(race.peer, next.address, env_.clock.now())) {
      ++race.skipped_by_backoff;
      continue;
    }
    // The next attempt waits for its turn, unless all before it have failed.
    Instant turn = env_.clock.now() + next.delay;
    while (!race.winner && (race.running > 0 || attempts_running_ >= dials_max)) {
      bool full = race.running >= dials_per_peer_max || attempts_running_ >= dials_max;
      if (!full && env_.clock.now() >= turn) break;
      Instant until = full ? env_.clock.now() + public_attempt_delay : turn;
      auto woken = co_await race.progress.wait(until);
      if (!woken && !woken.error().is(Errc::timed_out)) co_return std::unexpected(woken.error());
    }
    if (race.winner) co_return Result<void>{};
    ++race.running;
    ++attempts_running_;
    race.attempts.spawn(attempt(race, next.address));
  }
  while (!race.winner && race.running > 0)
    KITH_CO_CHECK(co_await race.progress.wait());
  if (race.winner) co_return Result<void>{};
  if (race.failures.empty()) co_return std::unexpected(SwarmError::dial_backoff);
  co_return std::unexpected(
      Error(SwarmError::all_dials_failed, fmt::format("{}", fmt::join(race.failures, "; "))));
}

Task<void> Swarm::attempt(Race& race, Multiaddr address) {
  auto dialed = co_await dial_address(race.peer, address);
  --race.running;
  --attempts_running_;
  if (!dialed) {
    // What we ourselves don't want says nothing about the address.
    bool ours = dialed.error().is(Errc::cancelled) || dialed.error().is(Errc::refused) ||
                dialed.error().is(SwarmError::limit_reached);
    if (!ours) backoff_.failed(race.peer, address, env_.clock.now());
    race.failures.push_back(address.to_string() + ": " + dialed.error().message());
  } else if (!race.winner) {
    race.winner = *std::move(dialed);
  }
  race.progress.notify_all();
  co_return Result<void>{};
}

Result<std::unique_ptr<ConnectionGrant>> Swarm::grant_dial(const PeerId& peer,
                                                           const Multiaddr& address) {
  auto grant = resources_.open_connection(Direction::outbound, address);
  if (!grant) return std::unexpected(limit_reached());
  if (!(*grant)->set_peer(peer)) return std::unexpected(limit_reached());
  return grant;
}

Task<Swarm::Admitted> Swarm::dial_address(PeerId peer, Multiaddr address) {
  if (gater_ != nullptr && !gater_->allow_dial_address(peer, address)) {
    co_return std::unexpected(Errc::refused);
  }
  std::optional<port::Endpoint> remote = tcp_endpoint(address);
  if (!remote) co_return std::unexpected(SwarmError::no_transport);
  KITH_CO_TRY(std::unique_ptr<ConnectionGrant> grant, grant_dial(peer, address));
  bool local = remote->address.is_loopback() || remote->address.is_private();
  Instant deadline = env_.clock.now() + (local ? dial_timeout_local : dial_timeout);
  std::optional<port::Endpoint> local_end = dial_from(*remote);
  auto dialed = co_await dial_endpoint(peer, *remote, local_end, grant->memory(), deadline);
  bool again = !dialed && local_end && !dialed.error().is(Errc::cancelled) &&
               !dialed.error().is(Errc::timed_out);
  if (again) {
    // When both sides dial each other from their listening ports at the same moment, TCP makes one
    // connection in which both think they dialed, and the handshake fails on both. Another port and
    // a moment's patience of random length end that.
    Duration patience{static_cast<std::int64_t>(env_.prng.below(Duration(200ms).count()))};
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, patience));
    dialed = co_await dial_endpoint(peer, *remote, std::nullopt, grant->memory(), deadline);
  }
  if (!dialed) co_return std::unexpected(dialed.error());
  co_return Admitted{std::move(grant), *std::move(dialed)};
}

Task<std::unique_ptr<Connection>> Swarm::dial_endpoint(PeerId peer, port::Endpoint remote,
                                                       std::optional<port::Endpoint> local,
                                                       Budget& memory, Instant deadline) {
  port::TcpDialOptions options;
  options.local = local;
  KITH_CO_TRY(std::unique_ptr<port::TcpStream> stream,
              co_await env_.net.dial_tcp(remote, options, deadline));
  UpgradeOptions upgrading = upgrade_options(Direction::outbound, *stream, memory);
  upgrading.expected_peer = peer;
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
