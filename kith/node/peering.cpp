#include <algorithm>

#include <kith/node/peering.hpp>

namespace kith::node {

using multiformats::PeerId;

namespace {

constexpr std::string_view peering_tag = "peering";

}  // namespace

Peering::Peering(port::Env& env, net::Swarm& swarm)
    : env_(env),
      log_(env.log, "peering"),
      swarm_(swarm),
      changed_(env.clock),
      dials_(env.executor, env.clock, peering_dials_at_once),
      tasks_(env.executor, env.clock) {
  swarm_.observe(*this);
  tasks_.spawn(run());
}

Peering::~Peering() {
  swarm_.stop_observing(*this);
}

Task<void> Peering::close_shielded() {
  tasks_.cancel();
  dials_.cancel();
  co_await tasks_.join_shielded();
  co_return co_await dials_.join_shielded();
}

Result<void> Peering::add(PeeredPeer peer) {
  if (peer.peer == swarm_.local_peer())
    return std::unexpected(Error(Errc::refused, "a node is always connected with itself"));
  if (!kept_.contains(peer.peer) && kept_.size() >= peering_peers_max)
    return std::unexpected(Error(Errc::limit_exceeded, "no more peers can be kept"));
  if (peer.addresses.size() > peering_addresses_max) peer.addresses.resize(peering_addresses_max);
  Kept& kept = kept_[peer.peer];
  kept.addresses = std::move(peer.addresses);
  kept.wait = peering_wait;
  kept.next_try = env_.clock.now();
  swarm_.protect(peer.peer, std::string(peering_tag));
  changed_.notify_all();
  return {};
}

bool Peering::remove(const PeerId& peer) {
  if (kept_.erase(peer) == 0) return false;
  swarm_.unprotect(peer, std::string(peering_tag));
  return true;
}

std::vector<PeeredPeer> Peering::list() const {
  std::vector<PeeredPeer> all;
  for (const auto& [peer, kept] : kept_)
    all.push_back({peer, kept.addresses});
  return all;
}

void Peering::on_connected(const net::ConnectionInfo& connection) {
  auto found = kept_.find(connection.peer);
  if (found != kept_.end()) found->second.wait = peering_wait;
}

void Peering::on_disconnected(const net::ConnectionInfo& connection, bool last) {
  auto found = kept_.find(connection.peer);
  if (!last || found == kept_.end()) return;
  found->second.next_try = env_.clock.now() + found->second.wait;
  changed_.notify_all();
}

Task<void> Peering::run() {
  for (;;) {
    const Instant now = env_.clock.now();
    Instant next = never;
    for (auto& [peer, kept] : kept_) {
      if (kept.dialing || swarm_.connected(peer)) continue;
      if (kept.next_try <= now) {
        // Those that find no room wait for one of the others to end.
        kept.dialing = dials_.spawn(dial(peer));
      } else {
        next = std::min(next, kept.next_try);
      }
    }
    auto woken = co_await changed_.wait(next);
    if (!woken && !woken.error().is(Errc::timed_out)) co_return std::unexpected(woken.error());
  }
}

Task<void> Peering::dial(PeerId peer) {
  std::vector<multiformats::Multiaddr> addresses = kept_[peer].addresses;
  swarm_.clear_backoff(peer);
  const Instant deadline = env_.clock.now() + net::dial_timeout * 2;
  auto outcome = co_await swarm_.connect(peer, std::move(addresses), deadline);
  if (!outcome && outcome.error().is(Errc::cancelled)) co_return std::unexpected(outcome.error());
  auto found = kept_.find(peer);
  if (found != kept_.end()) {
    Kept& kept = found->second;
    kept.dialing = false;
    if (!outcome) {
      KITH_LOG_DEBUG(log_, "{}: {}", peer.to_string(), outcome.error().message());
      kept.next_try = env_.clock.now() + kept.wait;
      const auto chance = env_.prng.below(static_cast<std::uint64_t>(kept.wait.count()));
      kept.wait = std::min(kept.wait * 3 / 2 + Duration(static_cast<std::int64_t>(chance)),
                           peering_wait_max);
    }
  }
  // Someone else's turn, which needs this task's place.
  changed_.notify_all();
  co_return Result<void>{};
}

}  // namespace kith::node
