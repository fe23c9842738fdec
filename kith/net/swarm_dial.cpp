// How a Swarm comes by its connections: listening and dialing.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <kith/net/address_rank.hpp>
#include <kith/net/address_scope.hpp>
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
    port::IpAddress from = stream->remote_endpoint().address;
    std::size_t& of_address = handshakes_by_address_[from];
    bool allowed =
        of_address < limits_.handshakes_per_address_max &&
        links_.size() < limits_.connections_max &&
        (gater_ == nullptr || gater_->allow_accept(tcp_address(stream->remote_endpoint())));
    if (!allowed) {
      if (of_address == 0) handshakes_by_address_.erase(from);
      stream->reset();
      continue;
    }
    ++of_address;
    if (!handshakes_.spawn(handshake_inbound(std::move(stream)))) {
      if (--handshakes_by_address_[from] == 0) handshakes_by_address_.erase(from);
    }
  }
}

Task<void> Swarm::handshake_inbound(std::unique_ptr<port::TcpStream> stream) {
  port::IpAddress from = stream->remote_endpoint().address;
  auto outcome = co_await upgrade_inbound(std::move(stream));
  if (!outcome) {
    KITH_LOG_DEBUG(log_, "inbound from {}: {}", from.to_string(), outcome.error().message());
  }
  if (--handshakes_by_address_[from] == 0) handshakes_by_address_.erase(from);
  co_return Result<void>{};
}

UpgradeOptions Swarm::upgrade_options(Direction direction, const port::TcpStream& stream) {
  UpgradeOptions options{.direction = direction, .identity = identity_};
  options.local_address = tcp_address(stream.local_endpoint());
  options.remote_address = tcp_address(stream.remote_endpoint());
  options.limits.streams_inbound_max = limits_.streams_inbound_per_connection_max;
  options.memory = &memory_;
  options.deadline = env_.clock.now() + handshake_timeout;
  return options;
}

Task<void> Swarm::upgrade_inbound(std::unique_ptr<port::TcpStream> stream) {
  UpgradeOptions options = upgrade_options(Direction::inbound, *stream);
  KITH_CO_TRY(std::unique_ptr<Connection> connection,
              co_await upgrade(env_, std::move(stream), std::move(options)));
  if (connection->remote_peer() == local_peer_) co_return std::unexpected(SwarmError::dial_self);
  if (gater_ != nullptr && !gater_->allow_peer(connection->remote_peer(), Direction::inbound,
                                               connection->remote_address())) {
    co_return std::unexpected(Errc::refused);
  }
  KITH_CO_CHECK(add_link(std::move(connection)));
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
  const std::vector<Multiaddr> asked_for = given;
  std::vector<Multiaddr> known = peers_.addresses(peer, env_.wall.now());
  std::ranges::move(known, std::back_inserter(given));
  if (given.empty()) co_return std::unexpected(SwarmError::no_addresses);

  Instant deadline = env_.clock.now() + dial_timeout;
  std::vector<Multiaddr> addresses;
  for (Multiaddr& address : given) {
    std::optional<PeerId> named = address.peer_id();
    if (named && *named != peer) continue;
    // A name that a stranger says is its own may stand for a neighbour of ours.
    bool trusted = !address.dns_name() ||
                   std::ranges::find(asked_for, address) != asked_for.end() ||
                   peers_.says(AddressSource::given, peer, address, env_.wall.now());
    KITH_CO_TRY(std::vector<Multiaddr> resolved,
                co_await resolve_address(env_.net, std::move(address), peer, deadline));
    if (!trusted) resolved = addresses_for(AddressScope::global, resolved);
    for (Multiaddr& one : resolved)
      addresses.push_back(one.without_peer_id());
  }
  bool any = !addresses.empty();
  addresses = without_own(std::move(addresses), reachable_addresses());
  if (any && addresses.empty()) co_return std::unexpected(SwarmError::dial_self);
  Race race(env_, peer, limits_.dials_per_peer_max);
  auto raced = co_await race_attempts(race, std::move(addresses));
  race.attempts.cancel();
  co_await race.attempts.join_shielded();
  if (!raced) {
    // The peer may have reached us meanwhile.
    if (Link* link = best_link(peer)) co_return link->id;
    co_return std::unexpected(raced.error());
  }
  if (gater_ != nullptr &&
      !gater_->allow_peer(peer, Direction::outbound, race.winner->remote_address())) {
    co_return std::unexpected(Errc::refused);
  }
  // Names that led there are worth as much: what they stand for may change.
  peers_.add_addresses(peer, asked_for, AddressSource::given, env_.wall.now());
  peers_.add_addresses(peer, {race.winner->remote_address()}, AddressSource::connected,
                       env_.wall.now());
  co_return add_link(std::move(race.winner));
}

Task<void> Swarm::race_attempts(Race& race, std::vector<Multiaddr> addresses) {
  std::vector<RankedAddress> ranked = rank_addresses(std::move(addresses));
  if (ranked.empty()) co_return std::unexpected(SwarmError::no_transport);
  for (const RankedAddress& next : ranked) {
    if (!backoff_.allows(race.peer, next.address, env_.clock.now())) {
      ++race.skipped_by_backoff;
      continue;
    }
    // The next attempt waits for its turn, unless all before it have failed.
    Instant turn = env_.clock.now() + next.delay;
    while (!race.winner && (race.running > 0 || attempts_running_ >= limits_.dials_max)) {
      bool full =
          race.running >= limits_.dials_per_peer_max || attempts_running_ >= limits_.dials_max;
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
    bool given_up = dialed.error().is(Errc::cancelled);
    if (!given_up) backoff_.failed(race.peer, address, env_.clock.now());
    race.failures.push_back(address.to_string() + ": " + dialed.error().message());
  } else if (!race.winner) {
    race.winner = *std::move(dialed);
  }
  race.progress.notify_all();
  co_return Result<void>{};
}

Task<std::unique_ptr<Connection>> Swarm::dial_address(PeerId peer, Multiaddr address) {
  if (gater_ != nullptr && !gater_->allow_dial_address(peer, address)) {
    co_return std::unexpected(Errc::refused);
  }
  std::optional<port::Endpoint> remote = tcp_endpoint(address);
  if (!remote) co_return std::unexpected(SwarmError::no_transport);
  bool local = remote->address.is_loopback() || remote->address.is_private();
  Instant deadline = env_.clock.now() + (local ? dial_timeout_local : dial_timeout);
  std::optional<port::Endpoint> local_end = dial_from(*remote);
  auto dialed = co_await dial_endpoint(peer, *remote, local_end, deadline);
  if (dialed || !local_end || !dialed_at_once(dialed.error())) co_return dialed;
  // Both sides dialed each other from their listening ports at the same moment. Another port and a
  // moment's patience of random length end that.
  Duration patience{static_cast<std::int64_t>(env_.prng.below(Duration(200ms).count()))};
  KITH_CO_CHECK(co_await port::sleep_for(env_.clock, patience));
  co_return co_await dial_endpoint(peer, *remote, std::nullopt, deadline);
}

Task<std::unique_ptr<Connection>> Swarm::dial_endpoint(PeerId peer, port::Endpoint remote,
                                                       std::optional<port::Endpoint> local,
                                                       Instant deadline) {
  port::TcpDialOptions options;
  options.local = local;
  KITH_CO_TRY(std::unique_ptr<port::TcpStream> stream,
              co_await env_.net.dial_tcp(remote, options, deadline));
  UpgradeOptions upgrading = upgrade_options(Direction::outbound, *stream);
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
