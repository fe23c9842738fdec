#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/pubsub/peer_score.hpp>

namespace kith::pubsub {
namespace {

using multiformats::Multiaddr;

/// An IPv6 address also counts as its /64, which one machine has all of.
constexpr std::size_t subnet_bytes_v6 = 8;

double squared(double value) {
  return value * value;
}

double share(Duration part, Duration whole) {
  return static_cast<double>(part.count()) / static_cast<double>(whole.count());
}

}  // namespace

PeerScore::PeerScore(ScoreOptions options, Duration record_ttl, IdHash hash)
    : options_(std::move(options)), record_ttl_(record_ttl), records_(0, hash) {}

// Peers.

void PeerScore::add_peer(const PeerId& peer, const std::vector<Multiaddr>& addresses) {
  auto [place, added] = peers_.try_emplace(peer);
  Stats& stats = place->second;
  if (!added && !stats.connected) {
    leaving_.erase(stats.leaving);
    stats.connected = true;
  }
  set_addresses(peer, addresses);
}

void PeerScore::set_addresses(const PeerId& peer, const std::vector<Multiaddr>& addresses) {
  auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  Stats& stats = found->second;
  count_addresses(stats, -1);
  stats.addresses.clear();
  for (const Multiaddr& given : addresses) {
    if (stats.addresses.size() >= addresses_per_peer_max) break;
    // Where its relay is says nothing of it.
    const std::optional<ByteView> bytes = given.ip();
    if (!bytes || given.is_relayed()) continue;
    const port::IpAddress address = net::unmapped(*port::IpAddress::from_bytes(*bytes));
    auto covers = [&given](const net::IpNetwork& network) { return network.contains(given); };
    if (address.is_loopback() || std::ranges::any_of(options_.colocation_allowed, covers)) continue;
    stats.addresses.push_back(to_bytes(address.bytes()));
    if (!address.is_v4())
      stats.addresses.push_back(to_bytes(address.bytes().first(subnet_bytes_v6)));
  }
  std::ranges::sort(stats.addresses);
  const auto twice = std::ranges::unique(stats.addresses);
  stats.addresses.erase(twice.begin(), twice.end());
  count_addresses(stats, 1);
}

void PeerScore::count_addresses(Stats& stats, int change) {
  if (!stats.addresses.empty()) ++state_;
  for (const Bytes& address : stats.addresses) {
    std::size_t& peers = peers_at_[address];
    peers += static_cast<std::size_t>(change);
    if (peers == 0) peers_at_.erase(address);
  }
}

void PeerScore::remove_peer(const PeerId& peer, Instant now) {
  auto found = peers_.find(peer);
  if (found == peers_.end() || !found->second.connected) return;
  Stats& stats = found->second;
  if (total(peer, stats) > 0) {
    forget(peer);
    return;
  }
  stats.sum_at = 0;
  for (auto& [topic, its] : stats.topics) {
    its.first_deliveries = 0;
    if (const TopicScore* scored = scoring(topic); scored != nullptr && its.in_mesh)
      add_failure(its, *scored);
    its.in_mesh = false;
    its.deliveries_active = false;
  }
  stats.connected = false;
  if (leaving_.size() >= retained_scores_max) forget(leaving_.front().second);
  stats.leaving = leaving_.insert(leaving_.end(), {now + options_.retain, peer});
}

void PeerScore::forget(const PeerId& peer) {
  auto found = peers_.find(peer);
  ASSERT(found != peers_.end());
  count_addresses(found->second, -1);
  if (!found->second.connected) leaving_.erase(found->second.leaving);
  peers_.erase(found);
}

// What they do.

const TopicScore* PeerScore::scoring(std::string_view topic) const {
  auto found = options_.topics.find(topic);
  if (found != options_.topics.end()) return &found->second;
  return options_.other_topics ? &*options_.other_topics : nullptr;
}

PeerScore::TopicStats* PeerScore::stats(const PeerId& peer, std::string_view topic) {
  auto found = peers_.find(peer);
  if (found == peers_.end() || scoring(topic) == nullptr) return nullptr;
  // Who asks is about to change it.
  found->second.sum_at = 0;
  auto& topics = found->second.topics;
  auto place = topics.find(topic);
  if (place == topics.end()) place = topics.try_emplace(std::string(topic)).first;
  return &place->second;
}

void PeerScore::graft(const PeerId& peer, std::string_view topic, Instant now) {
  TopicStats* its = stats(peer, topic);
  if (its == nullptr) return;
  its->in_mesh = true;
  its->grafted_at = now;
  its->mesh_time = {};
  its->deliveries_active = false;
}

void PeerScore::prune(const PeerId& peer, std::string_view topic) {
  TopicStats* its = stats(peer, topic);
  if (its == nullptr) return;
  add_failure(*its, *scoring(topic));
  its->in_mesh = false;
  its->deliveries_active = false;
}

void PeerScore::add_failure(TopicStats& its, const TopicScore& scored) const {
  if (!its.deliveries_active || its.mesh_deliveries >= scored.mesh_deliveries_threshold) return;
  its.mesh_failures += squared(scored.mesh_deliveries_threshold - its.mesh_deliveries);
}

void PeerScore::penalize(const PeerId& peer, double count) {
  auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  found->second.behaviour += count;
  found->second.sum_at = 0;
}

PeerScore::Record& PeerScore::record(const MessageId& id, Instant now) {
  auto found = records_.find(id);
  if (found != records_.end()) return found->second;
  if (records_.size() >= delivery_records_max) {
    records_.erase(record_order_.front());
    record_order_.pop_front();
  }
  record_order_.push_back(id);
  Record& made = records_[id];
  made.until = now + record_ttl_;
  return made;
}

void PeerScore::validating(const MessageId& id, Instant now) {
  record(id, now);
}

void PeerScore::count_mesh_delivery(const PeerId& peer, std::string_view topic) {
  TopicStats* its = stats(peer, topic);
  if (its == nullptr || !its->in_mesh) return;
  its->mesh_deliveries = std::min(its->mesh_deliveries + 1, scoring(topic)->mesh_deliveries_cap);
}

void PeerScore::delivered(const PeerId& from, const MessageId& id, std::string_view topic,
                          Instant now) {
  const TopicScore* scored = scoring(topic);
  if (scored == nullptr) return;
  if (TopicStats* its = stats(from, topic)) {
    its->first_deliveries = std::min(its->first_deliveries + 1, scored->first_deliveries_cap);
  }
  count_mesh_delivery(from, topic);
  Record& its_record = record(id, now);
  if (its_record.status != Status::unknown) return;
  its_record.status = Status::valid;
  its_record.validated = now;
  for (const PeerId& peer : its_record.peers) {
    if (peer != from) count_mesh_delivery(peer, topic);
  }
}

void PeerScore::rejected(const PeerId& from, const MessageId& id, std::string_view topic) {
  invalid(from, topic);
  auto found = records_.find(id);
  if (found == records_.end() || found->second.status != Status::unknown) return;
  found->second.status = Status::invalid;
  for (const PeerId& peer : found->second.peers) {
    if (peer != from) invalid(peer, topic);
  }
  found->second.peers = {};
}

void PeerScore::ignored(const MessageId& id) {
  auto found = records_.find(id);
  if (found == records_.end() || found->second.status != Status::unknown) return;
  found->second.status = Status::ignored;
  found->second.peers = {};
}

void PeerScore::duplicate(const PeerId& from, const MessageId& id, std::string_view topic,
                          Instant now) {
  const TopicScore* scored = scoring(topic);
  auto found = records_.find(id);
  if (scored == nullptr || found == records_.end()) return;
  Record& its_record = found->second;
  if (its_record.status == Status::invalid) invalid(from, topic);
  if (its_record.status == Status::invalid || its_record.status == Status::ignored) return;
  if (its_record.peers.size() >= copies_max) return;
  if (std::ranges::find(its_record.peers, from) != its_record.peers.end()) return;
  its_record.peers.push_back(from);
  const bool in_time = now - its_record.validated <= scored->mesh_deliveries_window;
  if (its_record.status == Status::valid && in_time) count_mesh_delivery(from, topic);
}

void PeerScore::invalid(const PeerId& from, std::string_view topic) {
  if (TopicStats* its = stats(from, topic)) its->invalid += 1;
}

// Time.

void PeerScore::decay(Instant now) {
  ++state_;
  while (!leaving_.empty() && leaving_.front().first <= now)
    forget(leaving_.front().second);
  for (auto& [peer, its] : peers_) {
    if (!its.connected) continue;
    decay_topics(its, now);
    its.behaviour *= options_.behaviour_decay;
    if (its.behaviour < options_.decay_to_zero) its.behaviour = 0;
  }
  while (!record_order_.empty()) {
    auto found = records_.find(record_order_.front());
    ASSERT(found != records_.end());
    if (found->second.until > now) break;
    records_.erase(found);
    record_order_.pop_front();
  }
}

void PeerScore::decay_topics(Stats& of_peer, Instant now) {
  auto decayed = [this](double& value, double factor) {
    value *= factor;
    if (value < options_.decay_to_zero) value = 0;
  };
  for (auto place = of_peer.topics.begin(); place != of_peer.topics.end();) {
    TopicStats& its = place->second;
    const TopicScore* scored = scoring(place->first);
    ASSERT(scored != nullptr);
    decayed(its.first_deliveries, scored->first_deliveries_decay);
    decayed(its.mesh_deliveries, scored->mesh_deliveries_decay);
    decayed(its.mesh_failures, scored->mesh_failure_decay);
    decayed(its.invalid, scored->invalid_decay);
    if (its.in_mesh) {
      its.mesh_time = now - its.grafted_at;
      its.deliveries_active = its.mesh_time > scored->mesh_deliveries_activation;
    }
    const bool blank = !its.in_mesh && its.first_deliveries == 0 && its.mesh_deliveries == 0 &&
                       its.mesh_failures == 0 && its.invalid == 0;
    place = blank ? of_peer.topics.erase(place) : std::next(place);
  }
}

// The sum.

double PeerScore::topics_score(const Stats& of_peer) const {
  double sum = 0;
  for (const auto& [topic, its] : of_peer.topics) {
    const TopicScore* scored = scoring(topic);
    double score = 0;
    if (its.in_mesh) {
      const double quanta = share(its.mesh_time, scored->time_in_mesh_quantum);
      score += std::min(quanta, scored->time_in_mesh_cap) * scored->time_in_mesh_weight;
    }
    score += its.first_deliveries * scored->first_deliveries_weight;
    if (its.deliveries_active && its.mesh_deliveries < scored->mesh_deliveries_threshold) {
      const double missing = scored->mesh_deliveries_threshold - its.mesh_deliveries;
      score += squared(missing) * scored->mesh_deliveries_weight;
    }
    score += its.mesh_failures * scored->mesh_failure_weight;
    score += squared(its.invalid) * scored->invalid_weight;
    sum += score * scored->weight;
  }
  const double cap = options_.topic_score_cap;
  return cap > 0 ? std::min(sum, cap) : sum;
}

double PeerScore::colocation(const Stats& of_peer) const {
  double sum = 0;
  for (const Bytes& address : of_peer.addresses) {
    const std::size_t peers = peers_at_.at(address);
    if (peers > options_.colocation_threshold)
      sum += squared(static_cast<double>(peers - options_.colocation_threshold));
  }
  return sum;
}

/// What the application thinks may change at any time; all else changes here.
double PeerScore::total(const PeerId& peer, const Stats& of_peer) const {
  if (options_.application) return fresh_total(peer, of_peer);
  if (of_peer.sum_at != state_) {
    of_peer.sum = fresh_total(peer, of_peer);
    of_peer.sum_at = state_;
  }
  return of_peer.sum;
}

double PeerScore::fresh_total(const PeerId& peer, const Stats& of_peer) const {
  double score = topics_score(of_peer);
  if (options_.application) score += options_.application(peer) * options_.application_weight;
  if (options_.colocation_weight != 0) score += colocation(of_peer) * options_.colocation_weight;
  if (of_peer.behaviour > options_.behaviour_threshold) {
    const double excess = of_peer.behaviour - options_.behaviour_threshold;
    score += squared(excess) * options_.behaviour_weight;
  }
  return score;
}

double PeerScore::score(const PeerId& peer) const {
  auto found = peers_.find(peer);
  return found == peers_.end() ? 0 : total(peer, found->second);
}

ScoreReport PeerScore::report(const PeerId& peer) const {
  ScoreReport made;
  auto found = peers_.find(peer);
  if (found == peers_.end()) return made;
  const Stats& its = found->second;
  made.score = total(peer, its);
  for (const auto& [topic, of_topic] : its.topics) {
    made.topics[topic] = {of_topic.in_mesh ? of_topic.mesh_time : Duration{},
                          of_topic.first_deliveries, of_topic.mesh_deliveries,
                          of_topic.mesh_failures, of_topic.invalid};
  }
  if (options_.application) made.application = options_.application(peer);
  made.colocation = colocation(its);
  made.behaviour = its.behaviour;
  return made;
}

}  // namespace kith::pubsub
