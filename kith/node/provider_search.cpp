#include <algorithm>
#include <deque>

#include <kith/node/provider_search.hpp>

namespace kith::node {

using multiformats::Multihash;
using multiformats::PeerId;
using transfer::Waiting;

ProviderSearch::ProviderSearch(port::Env& env, net::Swarm& swarm, routing::Routing& routing)
    : env_(env),
      log_(env.log, "node"),
      swarm_(swarm),
      routing_(routing),
      tasks_(env.executor, env.clock, provider_searches_max) {}

Task<void> ProviderSearch::close_shielded() {
  tasks_.cancel();
  co_return co_await tasks_.join_shielded();
}

void ProviderSearch::look(std::uint64_t transfer, const exchange::TransferStatus& status) {
  const Instant now = env_.clock.now();
  auto [at, fresh] = looked_at_.try_emplace(transfer);
  Seen& seen = at->second;
  const bool stands_still =
      status.waiting == Waiting::no_sources || status.waiting == Waiting::nobody_has ||
      status.waiting == Waiting::searching || status.waiting == Waiting::stalled;
  if (fresh || !stands_still || status.blocks_received != seen.blocks) {
    seen = Seen{status.blocks_received, now, now + provider_search_delay, provider_search_pause};
    return;
  }
  if (now < seen.next || status.waiting_cid.empty()) return;
  if (!tasks_.spawn(search(status.waiting_cid.hash()))) return;
  ++searches_;
  seen.next = now + seen.pause;
  seen.pause = std::min(2 * seen.pause, provider_search_pause_max);
}

Task<void> ProviderSearch::dial(PeerId peer, Instant deadline) {
  // One that tells no address is looked for first, which connects to it.
  Result<void> outcome;
  if (swarm_.peer_store().addresses(peer, env_.wall.now()).empty()) {
    auto found = co_await routing_.find_peer(peer, deadline);
    if (!found) outcome = std::unexpected(found.error());
  }
  if (outcome && !swarm_.connected(peer)) {
    std::vector<multiformats::Multiaddr> known;
    auto connection = co_await swarm_.connect(peer, std::move(known), deadline);
    if (!connection) outcome = std::unexpected(connection.error());
  }
  if (!outcome) {
    KITH_LOG_DEBUG(log_, "provider {}: {}", peer.to_string(), outcome.error().message());
  }
  co_return outcome;
}

/// What a search has found and not dialed yet.
struct ProviderSearch::Dialing {
  Instant deadline;
  std::deque<PeerId> candidates{};
  std::size_t connected = 0;

  bool enough() const noexcept { return connected >= provider_connections_enough; }
};

/// One after another, until there is enough or nobody is left.
Task<void> ProviderSearch::dial_some(Dialing& dialing) {
  while (!dialing.enough() && !dialing.candidates.empty()) {
    const PeerId peer = dialing.candidates.front();
    dialing.candidates.pop_front();
    auto outcome = co_await dial(peer, dialing.deadline);
    if (outcome) ++dialing.connected;
    if (!outcome && outcome.error().is(Errc::cancelled)) break;
  }
  co_return Result<void>{};
}

Task<void> ProviderSearch::search(Multihash content) {
  Dialing dialing{env_.clock.now() + provider_search_timeout};
  port::TaskGroup dials(env_.executor, env_.clock, provider_connections_enough);
  auto on_provider = [&](const routing::PeerAddresses& provider) {
    const bool known =
        provider.peer == swarm_.local_peer() || swarm_.connected(provider.peer) ||
        std::ranges::find(dialing.candidates, provider.peer) != dialing.candidates.end();
    if (!known && dialing.candidates.size() < provider_candidates_max) {
      dialing.candidates.push_back(provider.peer);
      // Where all are busy, one of them takes it next.
      static_cast<void>(dials.spawn(dial_some(dialing)));
    }
    return !dialing.enough();
  };
  auto found = co_await routing_.find_providers(content, on_provider, dialing.deadline);
  Result<void> outcome;
  if (!found) outcome = std::unexpected(found.error());
  const bool cancelled = !outcome && outcome.error().is(Errc::cancelled);
  if (!cancelled) outcome = co_await dials.join(dialing.deadline);
  dials.cancel();
  co_await dials.join_shielded();
  co_return outcome;
}

}  // namespace kith::node
