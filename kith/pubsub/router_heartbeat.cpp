// What the router does every second (gossipsub-v1.1.md, "Heartbeat").
#include <algorithm>
#include <cmath>
#include <limits>

#include <kith/pubsub/router.hpp>

namespace kith::pubsub {
namespace {
/// Heartbeats between two looks at who may come back.
constexpr std::uint64_t backoff_ticks = 15;
}  // namespace

Instant GossipRouter::deadline() const noexcept {
  return std::min(next_heartbeat_, next_decay_);
}

void GossipRouter::tick(Instant now) {
  if (now >= next_decay_) {
    scores_->decay(now);
    next_decay_ = now + scores_->options().decay_interval;
  }
  if (now < next_heartbeat_) return;
  next_heartbeat_ = now + options_.mesh.heartbeat;
  heartbeat(now);
}

void GossipRouter::heartbeat(Instant now) {
  ++ticks_;
  seen_.expire(now);
  connect_direct_peers();
  if (options_.flood_only) return;
  begin_heartbeat(now);
  auto ids = cache_.gossip();
  auto ids_of = [&ids](std::string_view name) {
    auto found = ids.find(name);
    return found == ids.end() ? std::vector<MessageId>() : std::move(found->second);
  };
  for (auto place = topics_.begin(); place != topics_.end();) {
    auto here = place++;
    auto& [name, topic] = *here;
    if (topic.joined) {
      maintain_mesh(name, topic, now);
      gossip(name, topic, topic.mesh, ids_of(name));
    } else if (topic.published) {
      if (maintain_fanout(topic, now)) gossip(name, topic, topic.fanout, ids_of(name));
      drop_if_unused(here);
    }
  }
  cache_.shift();
}

void GossipRouter::begin_heartbeat(Instant now) {
  if (ticks_ % backoff_ticks == 0) clear_backoffs(now);
  // Whom we don't read now can't keep one, and one that came waits for its signature.
  auto excused = [this](const MessageId& id, const PeerId& peer) {
    return verifying(id) || congested(peer);
  };
  for (const auto& [peer, count] :
       promises_.take_broken(now, options_.mesh.iwant_follow_up, excused)) {
    counts_.promises_broken += count;
    penalize(peer, static_cast<double>(count));
  }
  for (auto& [id, peer] : peers_) {
    peer.score = score(id);
    peer.ihaves = peer.asked = 0;
    peer.iwant_ids = peer.iwant_bytes = 0;
    peer.idontwants = peer.idontwant_ids = 0;
    for (auto entry = peer.unwanted.begin(); entry != peer.unwanted.end();)
      entry = --entry->second <= 0 ? peer.unwanted.erase(entry) : std::next(entry);
  }
}

void GossipRouter::connect_direct_peers() {
  if ((ticks_ - 1) % options_.mesh.direct_connect_ticks != 0) return;
  for (const PeerId& peer : options_.direct_peers) {
    if (!peers_.contains(peer)) events_.emplace_back(Connect{peer, {}, std::nullopt});
  }
}

void GossipRouter::clear_backoffs(Instant now) {
  for (auto place = topics_.begin(); place != topics_.end();) {
    auto here = place++;
    Topic& topic = here->second;
    std::erase_if(topic.backoff,
                  [&](const auto& entry) { return !stays_away(topic, entry.first, now); });
    drop_if_unused(here);
  }
}

void GossipRouter::maintain_mesh(std::string_view name, Topic& topic, Instant now) {
  const MeshOptions& mesh = options_.mesh;
  prune_bad(name, topic, now);
  if (topic.mesh.size() < mesh.degree_low)
    graft_some(name, topic, mesh.degree - topic.mesh.size(), false, 0, now);
  // Above D_hi the specification says, and at it go: there would be no room for who comes next.
  if (mesh.degree_high > 0 && topic.mesh.size() >= mesh.degree_high) prune_excess(name, topic, now);
  if (topic.mesh.size() >= mesh.degree_low) {
    const std::size_t dialed = outbound_in(topic.mesh);
    if (dialed < mesh.degree_out) graft_some(name, topic, mesh.degree_out - dialed, true, 0, now);
  }
  if (ticks_ % mesh.opportunistic_graft_ticks == 0 && topic.mesh.size() > 1)
    graft_better(name, topic, now);
}

void GossipRouter::prune_one(std::string_view name, Topic& topic, const PeerId& peer, bool exchange,
                             Instant now) {
  out_of_mesh(topic, name, peer);
  add_backoff(topic, peer, options_.mesh.prune_backoff, now);
  send_prune(peer, make_prune(name, topic, peer, exchange && options_.peer_exchange,
                              options_.mesh.prune_backoff));
}

void GossipRouter::prune_bad(std::string_view name, Topic& topic, Instant now) {
  const std::set<PeerId> mesh = topic.mesh;
  for (const PeerId& peer : mesh) {
    if (find(peer)->score < 0) prune_one(name, topic, peer, false, now);
  }
}

void GossipRouter::graft_some(std::string_view name, Topic& topic, std::size_t count,
                              bool outbound_only, double score_min, Instant now) {
  auto usable = [&](const PeerId& id, const Peer& peer) {
    return !topic.mesh.contains(id) && !is_direct(id) && !stays_away(topic, id, now) &&
           peer.score >= score_min && (!outbound_only || peer.info.outbound);
  };
  for (const PeerId& peer : choose(topic, count, usable)) {
    into_mesh(topic, name, peer, now);
    out(peer).graft.emplace_back(name);
  }
}

std::size_t GossipRouter::outbound_in(const std::set<PeerId>& peers) {
  auto dialed = [this](const PeerId& peer) { return find(peer)->info.outbound; };
  return static_cast<std::size_t>(std::ranges::count_if(peers, dialed));
}

void GossipRouter::prune_excess(std::string_view name, Topic& topic, Instant now) {
  const MeshOptions& mesh = options_.mesh;
  std::vector<PeerId> order(topic.mesh.begin(), topic.mesh.end());
  shuffle(order);
  auto its_score = [this](const PeerId& peer) { return find(peer)->score; };
  std::ranges::stable_sort(order, std::greater<>(), its_score);
  // The best stay, whoever is lucky of the others, and enough of those whom we dialed.
  shuffle_from(order, std::min(mesh.degree_score, order.size()));
  auto dialed = [this](const PeerId& peer) { return find(peer)->info.outbound; };
  const auto kept_end = order.begin() + static_cast<std::ptrdiff_t>(mesh.degree);
  auto kept = static_cast<std::size_t>(std::count_if(order.begin(), kept_end, dialed));
  auto place = kept_end;
  for (auto candidate = kept_end; candidate != order.end() && kept < mesh.degree_out; ++candidate) {
    if (!dialed(*candidate)) continue;
    // Takes the place of the last one of the chosen that came by itself.
    do {
      --place;
    } while (dialed(*place));
    std::iter_swap(place, candidate);
    ++kept;
  }
  for (auto peer = kept_end; peer != order.end(); ++peer)
    prune_one(name, topic, *peer, true, now);
}

void GossipRouter::graft_better(std::string_view name, Topic& topic, Instant now) {
  std::vector<double> scores;
  for (const PeerId& peer : topic.mesh)
    scores.push_back(find(peer)->score);
  std::ranges::sort(scores);
  const double median = scores[scores.size() / 2];
  if (median >= threshold(&ScoreOptions::opportunistic_graft_threshold)) return;
  const double better = std::nextafter(median, std::numeric_limits<double>::infinity());
  graft_some(name, topic, options_.mesh.opportunistic_graft_peers, false, better, now);
}

/// False if it isn't needed any more.
bool GossipRouter::maintain_fanout(Topic& topic, Instant now) {
  if (now - *topic.published > options_.mesh.fanout_ttl) {
    topic.published.reset();
    topic.fanout.clear();
    return false;
  }
  const double good = threshold(&ScoreOptions::publish_threshold);
  std::erase_if(topic.fanout, [&](const PeerId& peer) {
    return !topic.peers.contains(peer) || find(peer)->score < good;
  });
  if (topic.fanout.size() >= options_.mesh.degree) return true;
  auto usable = [&](const PeerId& id, const Peer& peer) {
    return !topic.fanout.contains(id) && !is_direct(id) && peer.score >= good;
  };
  for (const PeerId& peer : choose(topic, options_.mesh.degree - topic.fanout.size(), usable))
    topic.fanout.insert(peer);
  return true;
}

/// Tells some peers of the topic, who don't get messages at once, what there is.
void GossipRouter::gossip(std::string_view name, const Topic& topic, const std::set<PeerId>& told,
                          std::vector<MessageId> ids) {
  if (ids.empty()) return;
  const MeshOptions& mesh = options_.mesh;
  const double good = threshold(&ScoreOptions::gossip_threshold);
  auto usable = [&](const PeerId& id, const Peer& peer) {
    return !told.contains(id) && !is_direct(id) && peer.score >= good;
  };
  std::vector<PeerId> peers = choose(topic, topic.peers.size(), usable);
  const auto part =
      static_cast<std::size_t>(mesh.gossip_factor * static_cast<double>(peers.size()));
  peers.resize(std::min(peers.size(), std::max(mesh.degree_lazy, part)));
  shuffle(ids);
  for (const PeerId& peer : peers) {
    // Each hears of other ones, so that all of them are heard of.
    if (ids.size() > mesh.ihave_ids_max) shuffle(ids);
    const auto count = static_cast<std::ptrdiff_t>(std::min(ids.size(), mesh.ihave_ids_max));
    IHave ihave{std::string(name), {ids.begin(), ids.begin() + count}};
    out(peer).ihave.push_back(std::move(ihave));
  }
}

}  // namespace kith::pubsub
