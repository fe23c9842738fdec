#include <algorithm>
#include <map>

#include <kith/node/bootstrap.hpp>
#include <kith/port/task_group.hpp>

namespace kith::node {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

struct Candidate {
  PeerId peer;
  std::vector<Multiaddr> addresses;
};

Task<void> dial(port::Env& env, net::Swarm& swarm, Candidate candidate) {
  Instant deadline = env.clock.now() + net::dial_timeout * 2;
  co_await swarm.connect(candidate.peer, std::move(candidate.addresses), deadline);
  co_return Result<void>{};
}

/// Bootstrap peers first, then remembered ones, each part in a random order.
std::vector<Candidate> candidates(port::Env& env, net::Swarm& swarm,
                                  const std::map<PeerId, std::vector<Multiaddr>>& bootstrap) {
  std::vector<Candidate> all;
  auto shuffle_from = [&env, &all](std::size_t first) {
    for (std::size_t i = all.size(); i > first + 1; --i) {
      std::swap(all[i - 1], all[first + env.prng.below(i - first)]);
    }
  };
  for (const auto& [peer, addresses] : bootstrap) {
    if (!swarm.connected(peer)) all.push_back({peer, addresses});
  }
  shuffle_from(0);
  std::size_t remembered = all.size();
  for (const PeerId& peer : swarm.peer_store().peers()) {
    if (swarm.connected(peer) || bootstrap.contains(peer) || peer == swarm.local_peer()) continue;
    if (!swarm.peer_store().addresses(peer, env.wall.now()).empty()) all.push_back({peer, {}});
  }
  shuffle_from(remembered);
  return all;
}

}  // namespace

Task<void> keep_bootstrapped(port::Env& env, net::Swarm& swarm, std::vector<Multiaddr> bootstrap) {
  std::map<PeerId, std::vector<Multiaddr>> by_peer;
  for (Multiaddr& address : bootstrap) {
    std::optional<PeerId> peer = address.peer_id();
    if (peer && *peer != swarm.local_peer()) by_peer[*peer].push_back(std::move(address));
  }
  Duration wait = bootstrap_interval;
  for (;;) {
    std::size_t before = swarm.connected_peers().size();
    if (before < bootstrap_peers_wanted) {
      std::vector<Candidate> next = candidates(env, swarm, by_peer);
      if (next.size() > bootstrap_dials_at_once) next.resize(bootstrap_dials_at_once);
      port::TaskGroup dials(env.executor, env.clock, bootstrap_dials_at_once);
      for (Candidate& candidate : next)
        dials.spawn(dial(env, swarm, std::move(candidate)));
      auto joined = co_await dials.join();
      dials.cancel();
      co_await dials.join_shielded();
      KITH_CO_CHECK(std::move(joined));
      bool better = swarm.connected_peers().size() > before;
      wait = better ? bootstrap_interval : std::min(wait * 2, bootstrap_interval_max);
    }
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, wait));
  }
}

}  // namespace kith::node
