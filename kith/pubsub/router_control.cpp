// What peers say about the mesh and about messages: IHAVE, IWANT, GRAFT, PRUNE, IDONTWANT.
#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/pubsub/router.hpp>

namespace kith::pubsub {

// Gossip.

void GossipRouter::on_ihave(const PeerId& id, Peer& peer, const std::vector<IHave>& ihaves,
                            Instant now) {
  if (ihaves.empty()) return;
  const std::size_t asked_max = options_.mesh.ihave_ids_max;
  if (score(id) < threshold(&ScoreOptions::gossip_threshold) ||
      ++peer.ihaves > options_.mesh.ihave_messages_max || peer.asked >= asked_max) {
    ++counts_.ihaves_ignored;
    return;
  }
  std::set<MessageId> wanted;
  for (const IHave& ihave : ihaves) {
    auto topic = topics_.find(ihave.topic);
    if (topic == topics_.end() || !topic->second.joined) continue;
    const std::size_t count = std::min(ihave.ids.size(), asked_max);
    for (std::size_t i = 0; i < count; ++i) {
      const MessageId& message = ihave.ids[i];
      if (!seen_.seen(message, now) && !verifying(message)) wanted.insert(message);
    }
  }
  if (wanted.empty()) return;
  std::vector<MessageId> asked(wanted.begin(), wanted.end());
  shuffle(asked);
  if (asked.size() > asked_max - peer.asked) asked.resize(asked_max - peer.asked);
  peer.asked += asked.size();
  promises_.add(asked[prng_.below(asked.size())], id, now + promise_wait_max);
  std::ranges::move(asked, std::back_inserter(out(id, peer).iwant));
}

void GossipRouter::asked(const PeerId& peer, const std::vector<MessageId>& ids, Instant now) {
  if (promises_.size() == 0) return;
  for (const MessageId& id : ids)
    promises_.begin(id, peer, now + options_.mesh.iwant_follow_up);
}

void GossipRouter::on_iwant(const PeerId& id, Peer& peer, const std::vector<MessageId>& ids) {
  if (ids.empty()) return;
  if (score(id) < threshold(&ScoreOptions::gossip_threshold)) {
    ++counts_.iwants_ignored;
    return;
  }
  std::set<std::string_view> answered;
  for (const MessageId& message_id : ids) {
    if (++peer.iwant_ids > iwant_ids_per_heartbeat_max ||
        peer.iwant_bytes >= iwant_bytes_per_heartbeat_max) {
      ++counts_.iwants_ignored;
      return;
    }
    if (!answered.insert(message_id).second) continue;
    if (peer.unwanted.contains(id_hash_(message_id))) continue;
    MessageCache::Asked found = cache_.get(message_id, id);
    if (found.message == nullptr) continue;
    if (found.times > options_.mesh.retransmissions) {
      ++counts_.iwants_ignored;
      continue;
    }
    peer.iwant_bytes += found.message->bytes();
    out(id, peer).messages.push_back(std::move(found.message));
  }
}

void GossipRouter::on_idontwant(Peer& peer, const std::vector<MessageId>& ids) {
  if (ids.empty()) return;
  if (++peer.idontwants > options_.mesh.idontwant_messages_max) {
    ++counts_.idontwants_ignored;
    return;
  }
  for (const MessageId& id : ids) {
    if (++peer.idontwant_ids > idontwant_ids_per_heartbeat_max ||
        peer.unwanted.size() >= unwanted_per_peer_max) {
      ++counts_.idontwants_ignored;
      return;
    }
    peer.unwanted.insert_or_assign(id_hash_(id), options_.mesh.idontwant_heartbeats);
  }
}

// The mesh.

void GossipRouter::on_graft(const PeerId& id, Peer& peer, const std::vector<std::string>& names,
                            Instant now) {
  if (names.empty()) return;
  const double its_score = score(id);
  bool exchange = options_.peer_exchange;
  std::set<std::string_view> refused;
  for (const std::string& name : names) {
    auto place = topics_.find(name);
    if (place == topics_.end() || !place->second.joined) {
      // Unanswered, and who asks for what we don't have isn't told whom we know.
      exchange = false;
      continue;
    }
    Topic& topic = place->second;
    if (topic.mesh.contains(id)) continue;
    if (accepts_graft(id, peer, topic, its_score, exchange, now)) {
      // Who is in the mesh gets messages, so it is also subscribed.
      add_subscription(id, peer, place->first);
      into_mesh(topic, place->first, id, now);
    } else {
      ++counts_.grafts_refused;
      refused.insert(place->first);
    }
  }
  for (std::string_view name : refused) {
    const Topic& topic = topics_.find(name)->second;
    send_prune(id, make_prune(name, topic, id, exchange, options_.mesh.prune_backoff));
  }
}

/// Says whether it may come in; if not, it is held off, and `exchange` is false if it shall not be
/// told of others.
bool GossipRouter::accepts_graft(const PeerId& id, Peer& peer, Topic& topic, double its_score,
                                 bool& exchange, Instant now) {
  if (is_direct(id)) {
    exchange = false;
    return false;
  }
  auto backoff = topic.backoff.find(id);
  if (backoff != topic.backoff.end() && now < backoff->second) {
    exchange = false;
    penalize(id, 1);
    const Instant pruned_at = backoff->second - options_.mesh.prune_backoff;
    if (now < pruned_at + options_.mesh.graft_flood) penalize(id, 1);
    add_backoff(topic, id, options_.mesh.prune_backoff, now);
    return false;
  }
  if (its_score < 0) {
    exchange = false;
    add_backoff(topic, id, options_.mesh.prune_backoff, now);
    return false;
  }
  // A full mesh lets in whom we dialed: attackers come by themselves.
  if (topic.mesh.size() >= options_.mesh.degree_high && !peer.info.outbound) {
    add_backoff(topic, id, options_.mesh.prune_backoff, now);
    return false;
  }
  return true;
}

void GossipRouter::on_prune(const PeerId& id, std::vector<Prune>& prunes, Instant now) {
  if (prunes.empty()) return;
  const double its_score = score(id);
  for (Prune& prune : prunes) {
    auto place = topics_.find(prune.topic);
    if (place == topics_.end() || !place->second.joined) continue;
    Topic& topic = place->second;
    out_of_mesh(topic, place->first, id);
    Duration backoff = options_.mesh.prune_backoff;
    const auto most = static_cast<std::uint64_t>(backoff_max / 1s);
    if (const std::uint64_t seconds = prune.backoff_seconds.value_or(0); seconds > 0)
      backoff = std::chrono::seconds(std::min(seconds, most));
    add_backoff(topic, id, backoff, now);
    // Without scores nobody has earned that we dial whom it names.
    const bool believed =
        scores_ && its_score >= threshold(&ScoreOptions::accept_exchange_threshold);
    if (believed && !prune.peers.empty()) on_exchange(id, prune.peers);
  }
}

void GossipRouter::on_exchange(const PeerId& from, std::vector<ExchangedPeer>& told) {
  shuffle(told);
  if (told.size() > options_.mesh.prune_peers) told.resize(options_.mesh.prune_peers);
  for (ExchangedPeer& other : told) {
    if (other.peer == self_ || peers_.contains(other.peer)) continue;
    events_.emplace_back(Connect{other.peer, std::move(other.record), from});
  }
}

Prune GossipRouter::make_prune(std::string_view name, const Topic& topic, const PeerId& peer,
                               bool exchange, Duration backoff) {
  Prune prune{std::string(name)};
  if (find(peer)->info.protocol < Protocol::gossipsub_1_1) return prune;
  prune.backoff_seconds =
      static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(backoff).count());
  if (!exchange) return prune;
  auto usable = [&](const PeerId& other, const Peer&) {
    return other != peer && score(other) >= 0;
  };
  for (const PeerId& other : choose(topic, options_.mesh.prune_peers, usable))
    prune.peers.push_back({other, {}});
  return prune;
}

void GossipRouter::send_prune(const PeerId& peer, Prune prune) {
  out(peer).prune.push_back(std::move(prune));
}

void GossipRouter::add_backoff(Topic& topic, const PeerId& peer, Duration length, Instant now) {
  const Instant until = now + length;
  auto found = topic.backoff.find(peer);
  if (found == topic.backoff.end() && topic.backoff.size() >= backoffs_per_topic_max) {
    topic.backoff.erase(std::ranges::min_element(topic.backoff, {},
                                                 [](const auto& entry) { return entry.second; }));
  }
  Instant& its = topic.backoff.try_emplace(peer, until).first->second;
  its = std::max(its, until);
}

bool GossipRouter::stays_away(const Topic& topic, const PeerId& peer, Instant now) const {
  auto found = topic.backoff.find(peer);
  return found != topic.backoff.end() && now < found->second + 2 * options_.mesh.heartbeat;
}

}  // namespace kith::pubsub
