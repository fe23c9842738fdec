#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include <kith/discovery/bootstrap.hpp>
#include <kith/port/task_group.hpp>

namespace kith::discovery {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

using BootstrapPeers = std::map<PeerId, std::vector<Multiaddr>>;

struct Candidate {
  PeerId peer;
  std::vector<Multiaddr> addresses;
};

/// Whom one round dials, the best first.
struct Candidates {
  std::deque<Candidate> listed;
  std::deque<Candidate> remembered;

  /// The next of one kind, or else of the other.
  std::optional<Candidate> take(bool from_list) {
    bool other = from_list ? listed.empty() : remembered.empty();
    std::deque<Candidate>& from = from_list != other ? listed : remembered;
    if (from.empty()) return std::nullopt;
    Candidate candidate = std::move(from.front());
    from.pop_front();
    return candidate;
  }
};

/// No attempt was made: the next one may have its turn.
bool was_passed_over(const Error& error) {
  return error.is(net::SwarmError::dial_backoff) || error.is(net::SwarmError::no_addresses) ||
         error.is(net::SwarmError::no_transport) || error.is(net::SwarmError::dial_self) ||
         error.is(Errc::refused);
}

class Bootstrap {
 public:
  Bootstrap(port::Env& env, net::Swarm& swarm, BootstrapPeers listed)
      : env_(env), swarm_(swarm), listed_(std::move(listed)) {}

  /// Dials some peers and waits for the outcome.
  Task<void> round() {
    Candidates candidates;
    candidates.listed = listed();
    candidates.remembered = remembered();
    port::TaskGroup dials(env_.executor, env_.clock, bootstrap_dials_at_once);
    for (std::size_t i = 0; i < bootstrap_dials_at_once; ++i)
      dials.spawn(dial_one(candidates, i % 2 == 0));
    auto joined = co_await dials.join();
    dials.cancel();
    co_await dials.join_shielded();
    co_return joined;
  }

  /// When a round may bring more than the last one, at the soonest.
  Instant next_turn(Instant now) const { return pauses_.next_over(now); }

 private:
  /// Dials candidates until one was really dialed.
  Task<void> dial_one(Candidates& candidates, bool from_list) {
    for (std::size_t i = 0; i < bootstrap_candidates_per_dial; ++i) {
      std::optional<Candidate> candidate = candidates.take(from_list);
      if (!candidate) break;
      Instant deadline = env_.clock.now() + net::dial_timeout * 2;
      auto outcome =
          co_await swarm_.connect(candidate->peer, std::move(candidate->addresses), deadline);
      if (outcome) {
        failed_.erase(candidate->peer);
        pauses_.succeeded(candidate->peer);
        break;
      }
      if (outcome.error().is(Errc::cancelled)) co_return std::unexpected(outcome.error());
      note_failure(candidate->peer);
      if (!was_passed_over(outcome.error())) break;
    }
    co_return Result<void>{};
  }

  void note_failure(const PeerId& peer) {
    if (listed_.contains(peer)) {
      pauses_.failed(peer, env_.clock.now(), env_.prng.below(bootstrap_chances));
    } else {
      failed_.insert(peer);
    }
  }

  std::deque<Candidate> listed() {
    std::deque<Candidate> all;
    const Instant now = env_.clock.now();
    for (const auto& [peer, addresses] : listed_) {
      const bool due = !swarm_.connected(peer) && pauses_.allows(peer, now);
      if (due) all.push_back({peer, addresses});
    }
    shuffle(all);
    return all;
  }

  std::deque<Candidate> remembered() {
    std::vector<net::PeerStore::Remembered> known = swarm_.peer_store().remembered(env_.wall.now());
    std::erase_if(known, [this](const net::PeerStore::Remembered& one) {
      return listed_.contains(one.peer) || one.peer == swarm_.local_peer();
    });
    std::erase_if(failed_, [&known](const PeerId& peer) {
      return !std::ranges::binary_search(known, peer, {}, &net::PeerStore::Remembered::peer);
    });
    shuffle(known);
    auto has_failed = [this](const net::PeerStore::Remembered& one) {
      return failed_.contains(one.peer);
    };
    // Once all were tried it is everyone's turn again.
    if (std::ranges::all_of(known, has_failed)) failed_.clear();
    std::ranges::stable_sort(known, {}, [&has_failed](const net::PeerStore::Remembered& one) {
      return std::pair(has_failed(one), !one.reached);
    });
    std::deque<Candidate> all;
    for (const net::PeerStore::Remembered& one : known) {
      if (all.size() == bootstrap_dials_at_once * bootstrap_candidates_per_dial) break;
      all.push_back({one.peer, {}});
    }
    return all;
  }

  void shuffle(auto& all) {
    for (std::size_t i = all.size(); i > 1; --i)
      std::swap(all[i - 1], all[env_.prng.below(i)]);
  }

  port::Env& env_;
  net::Swarm& swarm_;
  BootstrapPeers listed_;
  BootstrapPauses pauses_;
  /// Of the remembered ones, since all were last tried.
  std::set<PeerId> failed_;
};

}  // namespace

bool BootstrapPauses::allows(const PeerId& peer, Instant now) const {
  auto found = pauses_.find(peer);
  return found == pauses_.end() || found->second.until <= now;
}

void BootstrapPauses::failed(const PeerId& peer, Instant now, std::uint64_t chance) {
  Pause& pause = pauses_[peer];
  const Duration whole = std::min(bootstrap_pause * (1 << pause.failures), bootstrap_pause_max);
  // Beyond the longest pause there is nothing to count.
  if (whole < bootstrap_pause_max) ++pause.failures;
  const Duration half = whole / 2;
  pause.until = now + half + half / bootstrap_chances * chance;
}

Instant BootstrapPauses::next_over(Instant now) const {
  Instant next = never;
  for (const auto& [peer, pause] : pauses_) {
    if (pause.until > now) next = std::min(next, pause.until);
  }
  return next;
}

const std::vector<std::string_view>& default_bootstrap() {
  static const std::vector<std::string_view> peers = {
      "/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN",
      "/dnsaddr/bootstrap.libp2p.io/p2p/QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa",
      "/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb",
      "/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt",
      "/dnsaddr/va1.bootstrap.libp2p.io/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8",
      "/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ",
  };
  return peers;
}

Task<void> keep_bootstrapped(port::Env& env, net::Swarm& swarm, std::vector<Multiaddr> bootstrap) {
  BootstrapPeers listed;
  for (Multiaddr& address : bootstrap) {
    std::optional<PeerId> peer = address.peer_id();
    if (peer && *peer != swarm.local_peer()) listed[*peer].push_back(std::move(address));
  }
  Bootstrap dialing(env, swarm, std::move(listed));
  Duration wait = bootstrap_interval;
  for (;;) {
    std::size_t before = swarm.connected_peers().size();
    bool better = true;
    if (before < bootstrap_peers_wanted) {
      KITH_CO_CHECK(co_await dialing.round());
      better = swarm.connected_peers().size() > before;
    }
    wait = better ? bootstrap_interval : std::min(wait * 2, bootstrap_interval_max);
    const Instant now = env.clock.now();
    const Instant turn = std::max(dialing.next_turn(now), now + bootstrap_interval);
    KITH_CO_CHECK(co_await port::sleep_until(env.clock, std::min(now + wait, turn)));
  }
}

}  // namespace kith::discovery
