#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/pubsub/router.hpp>

namespace kith::pubsub {

std::string_view protocol_id(Protocol protocol) noexcept {
  switch (protocol) {
    case Protocol::floodsub:
      return "/floodsub/1.0.0";
    case Protocol::gossipsub_1_0:
      return "/meshsub/1.0.0";
    case Protocol::gossipsub_1_1:
      return "/meshsub/1.1.0";
    case Protocol::gossipsub_1_2:
      return "/meshsub/1.2.0";
  }
  return {};
}

std::optional<Protocol> protocol_from(std::string_view id) noexcept {
  using enum Protocol;
  for (Protocol protocol : {floodsub, gossipsub_1_0, gossipsub_1_1, gossipsub_1_2}) {
    if (protocol_id(protocol) == id) return protocol;
  }
  return std::nullopt;
}

GossipRouter::GossipRouter(PeerId self, RouterOptions options, Prng prng, IdHash hash, Instant now)
    : self_(self),
      options_(std::move(options)),
      prng_(prng),
      id_hash_(hash),
      seen_(options_.seen_ttl, options_.seen_strategy, hash),
      cache_(options_.mesh.history_length, options_.mesh.history_gossip, hash),
      verifying_(0, id_hash_),
      next_heartbeat_(now + options_.mesh.first_heartbeat),
      next_decay_(never) {
  ASSERT(check(options_).has_value());
  if (!options_.scores) return;
  scores_.emplace(*options_.scores, options_.seen_ttl, hash);
  next_decay_ = now + options_.scores->decay_interval;
}

// Output.

Rpc& GossipRouter::out(const PeerId& peer) {
  Peer* found = find(peer);
  ASSERT(found != nullptr);
  return out(peer, *found);
}

Rpc& GossipRouter::out(const PeerId& id, Peer& peer) {
  if (!peer.has_out) has_out_.push_back(id);
  peer.has_out = true;
  return peer.out;
}

std::optional<Outgoing> GossipRouter::next_rpc() {
  while (!has_out_.empty()) {
    const PeerId id = has_out_.front();
    has_out_.pop_front();
    Peer* peer = find(id);
    if (peer == nullptr || !peer->has_out) continue;
    peer->has_out = false;
    Outgoing made{id, std::exchange(peer->out, {})};
    if (!made.rpc.empty()) return made;
  }
  return std::nullopt;
}

std::optional<Event> GossipRouter::next_event() {
  if (events_.empty()) return std::nullopt;
  Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

// Peers.

GossipRouter::Peer* GossipRouter::find(const PeerId& peer) {
  auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : &found->second;
}

bool GossipRouter::add_peer(const PeerId& id, PeerInfo info) {
  if (peers_.size() >= peers_max && !has_peer(id)) return false;
  if (scores_) scores_->add_peer(id, info.addresses);
  auto [place, added] = peers_.try_emplace(id);
  Peer& peer = place->second;
  if (!added && !peer.gossips()) --floodsub_peers_;
  peer.info = std::move(info);
  if (!peer.gossips()) ++floodsub_peers_;
  if (added) count_pending(id, peer);
  if (joined_topics_ == 0) return true;
  Rpc& hello = out(id, peer);
  for (const auto& [name, topic] : topics_) {
    if (topic.joined) hello.subscriptions.push_back({name, true});
    if (topic.mesh.contains(id)) hello.graft.push_back(name);
  }
  return true;
}

/// Who comes back while its messages wait has no more room than before.
void GossipRouter::count_pending(const PeerId& id, Peer& peer) const {
  for (const auto& [ticket, pending] : pending_) {
    if (pending.from != id) continue;
    ++peer.pending;
    peer.pending_bytes += pending.message->bytes();
  }
}

void GossipRouter::remove_peer(const PeerId& id, Instant now) {
  auto found = peers_.find(id);
  if (found == peers_.end()) return;
  // Before the mesh is left, since what was missing there is blamed on the peer.
  if (scores_) scores_->remove_peer(id, now);
  const std::set<std::string_view> names = found->second.topics;
  for (std::string_view name : names) {
    if (topics_.find(name)->second.mesh.erase(id) > 0)
      events_.emplace_back(MeshChange{id, std::string(name), false});
    drop_subscription(id, found->second, name);
  }
  if (!found->second.gossips()) --floodsub_peers_;
  peers_.erase(found);
}

void GossipRouter::set_addresses(const PeerId& peer,
                                 const std::vector<multiformats::Multiaddr>& addresses) {
  if (scores_) scores_->set_addresses(peer, addresses);
}

void GossipRouter::penalize(const PeerId& peer, double count) {
  if (scores_) scores_->penalize(peer, count);
}

double GossipRouter::score(const PeerId& peer) const {
  return scores_ ? scores_->score(peer) : 0;
}

/// Without scores nobody is below one, nor above.
double GossipRouter::threshold(double ScoreOptions::* which) const {
  return options_.scores ? (*options_.scores).*which : 0;
}

// Topics.

GossipRouter::Topic& GossipRouter::topic_entry(std::string_view name) {
  auto found = topics_.find(name);
  if (found == topics_.end()) found = topics_.try_emplace(std::string(name)).first;
  return found->second;
}

void GossipRouter::drop_if_unused(Topics::iterator place) {
  const Topic& topic = place->second;
  if (topic.joined || topic.published || !topic.peers.empty() || !topic.backoff.empty()) return;
  topics_.erase(place);
}

Result<void> GossipRouter::subscribe(std::string_view name, Instant now) {
  if (name.empty() || name.size() > topic_bytes_max)
    return std::unexpected(Error(Errc::invalid_argument, "a topic has 1 to 1024 bytes"));
  Topic& topic = topic_entry(name);
  if (topic.joined) return {};
  if (joined_topics_ >= topics_joined_max) {
    drop_if_unused(topics_.find(name));
    return std::unexpected(Errc::limit_exceeded);
  }
  topic.joined = true;
  ++joined_topics_;
  for (const PeerId& peer : topic.peers)
    --find(peer)->foreign;
  foreign_topics_ -= topic.peers.size();
  for (auto& [id, peer] : peers_)
    out(id, peer).subscriptions.push_back({std::string(name), true});
  const std::set<PeerId> known = std::exchange(topic.fanout, {});
  topic.published.reset();
  if (options_.flood_only) return {};
  auto usable = [&](const PeerId& id, const Peer&) {
    return !topic.mesh.contains(id) && !is_direct(id) && !stays_away(topic, id, now) &&
           score(id) >= 0;
  };
  for (const PeerId& id : known) {
    if (usable(id, *find(id))) into_mesh(topic, name, id, now);
  }
  const std::size_t degree = options_.mesh.degree;
  const std::size_t missing = degree - std::min(degree, topic.mesh.size());
  for (const PeerId& id : choose(topic, missing, usable))
    into_mesh(topic, name, id, now);
  for (const PeerId& id : topic.mesh)
    out(id).graft.emplace_back(name);
  return {};
}

void GossipRouter::unsubscribe(std::string_view name, Instant now) {
  auto place = topics_.find(name);
  if (place == topics_.end() || !place->second.joined) return;
  Topic& topic = place->second;
  const std::set<PeerId> mesh = topic.mesh;
  for (const PeerId& id : mesh) {
    out_of_mesh(topic, name, id);
    send_prune(
        id, make_prune(name, topic, id, options_.peer_exchange, options_.mesh.unsubscribe_backoff));
    add_backoff(topic, id, options_.mesh.unsubscribe_backoff, now);
  }
  topic.joined = false;
  --joined_topics_;
  for (const PeerId& peer : topic.peers)
    ++find(peer)->foreign;
  foreign_topics_ += topic.peers.size();
  for (auto& [id, peer] : peers_)
    out(id, peer).subscriptions.push_back({std::string(name), false});
  drop_if_unused(place);
}

void GossipRouter::into_mesh(Topic& topic, std::string_view name, const PeerId& peer, Instant now) {
  topic.mesh.insert(peer);
  if (scores_) scores_->graft(peer, name, now);
  events_.emplace_back(MeshChange{peer, std::string(name), true});
}

bool GossipRouter::out_of_mesh(Topic& topic, std::string_view name, const PeerId& peer) {
  if (topic.mesh.erase(peer) == 0) return false;
  if (scores_) scores_->prune(peer, name);
  events_.emplace_back(MeshChange{peer, std::string(name), false});
  return true;
}

// Subscriptions of others.

void GossipRouter::on_subscription(const PeerId& id, Peer& peer, const SubscriptionChange& change) {
  if (change.topic.empty()) return;
  if (change.subscribe) return add_subscription(id, peer, change.topic);
  auto place = topics_.find(change.topic);
  if (place == topics_.end()) return;
  out_of_mesh(place->second, place->first, id);
  drop_subscription(id, peer, place->first);
}

void GossipRouter::add_subscription(const PeerId& id, Peer& peer, std::string_view name) {
  if (peer.topics.contains(name)) return;
  auto place = topics_.find(name);
  const bool foreign = place == topics_.end() || !place->second.joined;
  if (foreign && peer.foreign >= topics_per_peer_max) {
    ++counts_.subscriptions_ignored;
    return;
  }
  if (foreign && foreign_topics_ >= foreign_topics_max) {
    take_from_greediest();
    place = topics_.find(name);
  }
  if (place == topics_.end()) place = topics_.try_emplace(std::string(name)).first;
  place->second.peers.insert(id);
  peer.topics.insert(place->first);
  if (!foreign) return;
  ++peer.foreign;
  ++foreign_topics_;
}

void GossipRouter::drop_subscription(const PeerId& id, Peer& peer, std::string_view name) {
  if (peer.topics.erase(name) == 0) return;
  auto place = topics_.find(name);
  place->second.peers.erase(id);
  place->second.fanout.erase(id);
  if (!place->second.joined) {
    --peer.foreign;
    --foreign_topics_;
  }
  drop_if_unused(place);
}

void GossipRouter::take_from_greediest() {
  auto by_foreign = [](const Peers::value_type& entry) { return entry.second.foreign; };
  auto most = std::ranges::max_element(peers_, {}, by_foreign);
  ++counts_.subscriptions_ignored;
  for (std::string_view name : most->second.topics) {
    if (topics_.find(name)->second.joined) continue;
    drop_subscription(most->first, most->second, name);
    return;
  }
}

// Messages.

void GossipRouter::on_rpc(const PeerId& from, Rpc rpc, Instant now) {
  Peer* peer = find(from);
  if (peer == nullptr) return;
  for (const SubscriptionChange& change : rpc.subscriptions)
    on_subscription(from, *peer, change);
  if (!is_direct(from) && score(from) < threshold(&ScoreOptions::graylist_threshold)) {
    ++counts_.graylisted;
    return;
  }
  for (const MessagePtr& message : rpc.messages)
    on_message(from, *peer, message, now);
  if (options_.flood_only || !peer->gossips()) return;
  on_prune(from, rpc.prune, now);
  on_graft(from, *peer, rpc.graft, now);
  on_ihave(from, *peer, rpc.ihave, now);
  on_idontwant(*peer, rpc.idontwant);
  on_iwant(from, *peer, rpc.iwant);
}

bool GossipRouter::follows_policy(const Message& message) const {
  // Eight bytes, or else two ids could be made of the same bytes.
  const bool stamped = message.author().has_value() && message.sequence() &&
                       message.sequence()->size() == sizeof(std::uint64_t);
  switch (options_.signing) {
    case Signing::strict:
      return stamped && message.signature();
    case Signing::author:
      return stamped && !message.signature() && !message.key();
    case Signing::anonymous:
      return !message.from() && !message.sequence() && !message.signature() && !message.key();
  }
  return false;
}

void GossipRouter::on_message(const PeerId& from, Peer& peer, const MessagePtr& message,
                              Instant now) {
  auto topic = topics_.find(message->topic());
  const bool joined = topic != topics_.end() && topic->second.joined;
  // Of what we don't want any more only a promise to send it is of interest.
  if (!joined && promises_.size() == 0) return;
  MessageId id;
  const bool proper = follows_policy(*message);
  if (proper) id = options_.message_id(*message);
  if (!joined) return promises_.keep(id);
  if (id.empty() || id.size() > message_id_bytes_max) {
    ++counts_.invalid;
    if (scores_) scores_->invalid(from, message->topic());
    return;
  }
  if (seen_.seen(id, now)) {
    ++counts_.duplicates;
    if (scores_) scores_->duplicate(from, id, message->topic(), now);
    return;
  }
  // Ours, from before we were started anew.
  if (message->author() == self_) return promises_.keep(id);
  if (is_copy(from, id, *message)) return;
  begin(from, peer, message, std::move(id), now);
}

/// Whether the very same is being looked at already, of which this is another copy.
bool GossipRouter::is_copy(const PeerId& from, const MessageId& id, const Message& message) {
  auto found = verifying_.find(id);
  if (found == verifying_.end()) return false;
  for (Ticket ticket : found->second) {
    Pending& other = pending_.at(ticket);
    if (!equal(other.message->encoded(), message.encoded())) continue;
    if (other.from != from && other.copies.size() < copies_max) other.copies.push_back(from);
    ++counts_.duplicates;
    return true;
  }
  return false;
}

void GossipRouter::begin(const PeerId& from, Peer& peer, const MessagePtr& message, MessageId id,
                         Instant now) {
  const std::size_t size = message->bytes();
  const bool full =
      pending_.size() >= pending_messages_max || pending_bytes_ + size > pending_bytes_max;
  const bool greedy =
      peer.pending >= pending_messages_share || peer.pending_bytes + size > pending_bytes_share;
  if (full || greedy) {
    ++counts_.throttled;
    // That we have no time for it isn't the fault of who sent what we asked for.
    promises_.keep(id);
    return;
  }
  const Ticket ticket{next_ticket_++};
  pending_bytes_ += message->bytes();
  ++peer.pending;
  peer.pending_bytes += message->bytes();
  verifying_[id].push_back(ticket);
  pending_.emplace(ticket, Pending{from, message, std::move(id), false, {}});
  if (options_.signing != Signing::strict) return signature_checked(ticket, true, now);
  events_.emplace_back(CheckSignature{ticket, message, from});
}

std::optional<GossipRouter::Pending> GossipRouter::take(Ticket ticket) {
  auto found = pending_.find(ticket);
  if (found == pending_.end()) return std::nullopt;
  Pending pending = std::move(found->second);
  pending_.erase(found);
  pending_bytes_ -= pending.message->bytes();
  if (!pending.validating) stop_verifying(pending.id, ticket);
  // The peer may have gone meanwhile.
  if (Peer* peer = find(pending.from); peer != nullptr && peer->pending > 0) {
    --peer->pending;
    peer->pending_bytes -= std::min(peer->pending_bytes, pending.message->bytes());
  }
  return pending;
}

void GossipRouter::stop_verifying(const MessageId& id, Ticket ticket) {
  auto found = verifying_.find(id);
  ASSERT(found != verifying_.end());
  std::erase(found->second, ticket);
  if (found->second.empty()) verifying_.erase(found);
}

bool GossipRouter::congested(const PeerId& peer) const {
  auto found = peers_.find(peer);
  return found != peers_.end() && (found->second.pending >= pending_messages_per_peer_max ||
                                   found->second.pending_bytes >= pending_bytes_per_peer_max);
}

void GossipRouter::signature_checked(Ticket ticket, bool right, Instant now) {
  auto found = pending_.find(ticket);
  if (found == pending_.end() || found->second.validating) return;
  Pending& pending = found->second;
  const std::string_view topic = pending.message->topic();
  if (!right) {
    ++counts_.invalid;
    if (scores_) scores_->invalid(pending.from, topic);
    for (const PeerId& peer : pending.copies) {
      if (scores_) scores_->invalid(peer, topic);
    }
    take(ticket);
    return;
  }
  promises_.keep(pending.id);
  if (!seen_.add(pending.id, now)) {
    // Another one with the same id was faster.
    ++counts_.duplicates;
    if (scores_) scores_->duplicate(pending.from, pending.id, topic, now);
    take(ticket);
    return;
  }
  if (scores_) scores_->validating(pending.id, now);
  for (const PeerId& peer : pending.copies) {
    if (scores_) scores_->duplicate(peer, pending.id, topic, now);
  }
  stop_verifying(pending.id, ticket);
  pending.validating = true;
  say_idontwant(pending);
  events_.emplace_back(Validate{ticket, pending.message, pending.from});
}

void GossipRouter::say_idontwant(const Pending& pending) {
  if (options_.flood_only) return;
  if (pending.message->data().size() < options_.mesh.idontwant_bytes_min) return;
  auto topic = topics_.find(pending.message->topic());
  if (topic == topics_.end()) return;
  for (const PeerId& id : topic->second.mesh) {
    Peer& peer = *find(id);
    const bool has_it =
        id == pending.from || std::ranges::find(pending.copies, id) != pending.copies.end();
    if (has_it || peer.info.protocol != Protocol::gossipsub_1_2) continue;
    out(id, peer).idontwant.push_back(pending.id);
  }
}

void GossipRouter::throttled(Ticket ticket) {
  const std::optional<Pending> pending = take(ticket);
  if (!pending) return;
  ++counts_.throttled;
  if (scores_) scores_->ignored(pending->id);
}

void GossipRouter::validated(Ticket ticket, Verdict verdict, Instant now) {
  const std::optional<Pending> pending = take(ticket);
  if (!pending) return;
  const std::string_view topic = pending->message->topic();
  switch (verdict) {
    case Verdict::reject:
      ++counts_.rejected;
      if (scores_) scores_->rejected(pending->from, pending->id, topic);
      return;
    case Verdict::ignore:
      ++counts_.ignored;
      if (scores_) scores_->ignored(pending->id);
      return;
    case Verdict::accept:
      break;
  }
  if (scores_) scores_->delivered(pending->from, pending->id, topic, now);
  ++counts_.delivered;
  spread(pending->id, pending->message, pending->from, now);
  events_.emplace_back(Deliver{pending->message, pending->from});
}

Result<MessageId> GossipRouter::publish(const MessagePtr& message, Instant now) {
  if (message->bytes() > message_bytes_max || message->topic().size() > topic_bytes_max)
    return std::unexpected(Errc::limit_exceeded);
  MessageId id = options_.message_id(*message);
  if (id.empty() || id.size() > message_id_bytes_max)
    return std::unexpected(Errc::invalid_argument);
  if (!seen_.add(id, now)) return std::unexpected(Errc::already_exists);
  ++counts_.published;
  spread(id, message, self_, now);
  auto topic = topics_.find(message->topic());
  if (topic != topics_.end() && topic->second.joined) events_.emplace_back(Deliver{message, self_});
  return id;
}

void GossipRouter::spread(const MessageId& id, const MessagePtr& message, const PeerId& from,
                          Instant now) {
  cache_.put(id, message);
  const std::optional<PeerId> author = message->author();
  for (auto* its : receivers(id, *message, from, now)) {
    auto& [peer_id, peer] = *its;
    if (peer_id != from && peer_id != author) out(peer_id, peer).messages.push_back(message);
  }
}

std::vector<GossipRouter::Peers::value_type*> GossipRouter::receivers(const MessageId& id,
                                                                      const Message& message,
                                                                      const PeerId& from,
                                                                      Instant now) {
  const bool ours = from == self_;
  if (ours) topic_entry(message.topic());
  auto place = topics_.find(message.topic());
  if (place == topics_.end()) return {};
  Topic& topic = place->second;
  const double good = threshold(&ScoreOptions::publish_threshold);
  const std::uint64_t hash = id_hash_(id);
  std::vector<Peers::value_type*> all;
  auto add = [&](const PeerId& peer, const auto& filter) {
    Peers::value_type& its = *peers_.find(peer);
    if (filter(its.second) && !its.second.unwanted.contains(hash)) all.push_back(&its);
  };
  const bool flood = options_.flood_only || (ours && options_.flood_publish);
  // Most topics have none but gossiping peers, and the mesh is a small part of them.
  const bool beside_mesh = flood || floodsub_peers_ > 0 || !options_.direct_peers.empty();
  if (beside_mesh) {
    for (const PeerId& peer : topic.peers) {
      add(peer, [&](const Peer& its) {
        return is_direct(peer) || ((flood || !its.gossips()) && score(peer) >= good);
      });
    }
  }
  if (options_.flood_only) {
    drop_if_unused(place);
    return all;
  }
  // Also when our own message floods, so that the peers stay known for those that follow.
  const std::set<PeerId>& chosen = topic.joined ? topic.mesh : fanout_of(topic, now);
  for (const PeerId& peer : chosen)
    add(peer, [](const Peer&) { return true; });
  if (!beside_mesh) return all;
  std::ranges::sort(all, {}, [](const Peers::value_type* its) { return its->first; });
  const auto twice = std::ranges::unique(all);
  all.erase(twice.begin(), twice.end());
  return all;
}

std::set<PeerId>& GossipRouter::fanout_of(Topic& topic, Instant now) {
  if (!topic.published) limit_fanouts();
  topic.published = now;
  if (!topic.fanout.empty()) return topic.fanout;
  const double good = threshold(&ScoreOptions::publish_threshold);
  auto usable = [&](const PeerId& id, const Peer&) { return !is_direct(id) && score(id) >= good; };
  for (const PeerId& id : choose(topic, options_.mesh.degree, usable))
    topic.fanout.insert(id);
  return topic.fanout;
}

/// Makes room for one more topic that we publish to without being subscribed.
void GossipRouter::limit_fanouts() {
  std::size_t count = 0;
  auto oldest = topics_.end();
  for (auto place = topics_.begin(); place != topics_.end(); ++place) {
    if (!place->second.published) continue;
    ++count;
    if (oldest == topics_.end() || place->second.published < oldest->second.published)
      oldest = place;
  }
  if (count < topics_fanout_max) return;
  oldest->second.published.reset();
  oldest->second.fanout.clear();
  drop_if_unused(oldest);
}

// For people.

std::vector<std::string> GossipRouter::topics() const {
  std::vector<std::string> names;
  for (const auto& [name, topic] : topics_) {
    if (topic.joined) names.push_back(name);
  }
  return names;
}

std::vector<PeerId> GossipRouter::peers() const {
  std::vector<PeerId> all;
  for (const auto& [id, peer] : peers_)
    all.push_back(id);
  return all;
}

namespace {
std::vector<PeerId> list_of(const std::set<PeerId>& peers) {
  return {peers.begin(), peers.end()};
}
}  // namespace

std::vector<PeerId> GossipRouter::peers(std::string_view topic) const {
  auto found = topics_.find(topic);
  return found == topics_.end() ? std::vector<PeerId>() : list_of(found->second.peers);
}

std::vector<PeerId> GossipRouter::mesh(std::string_view topic) const {
  auto found = topics_.find(topic);
  return found == topics_.end() ? std::vector<PeerId>() : list_of(found->second.mesh);
}

std::vector<PeerId> GossipRouter::fanout(std::string_view topic) const {
  auto found = topics_.find(topic);
  return found == topics_.end() ? std::vector<PeerId>() : list_of(found->second.fanout);
}

bool GossipRouter::backing_off(std::string_view topic, const PeerId& peer, Instant now) const {
  auto found = topics_.find(topic);
  return found != topics_.end() && stays_away(found->second, peer, now);
}

ScoreReport GossipRouter::score_report(const PeerId& peer) const {
  return scores_ ? scores_->report(peer) : ScoreReport();
}

std::size_t GossipRouter::unwanted(const PeerId& peer) const {
  auto found = peers_.find(peer);
  return found == peers_.end() ? 0 : found->second.unwanted.size();
}

}  // namespace kith::pubsub
