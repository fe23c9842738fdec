#include <kith/crypto/hash.hpp>
#include <kith/pubsub/options.hpp>

namespace kith::pubsub {
namespace {

Result<void> wants(bool condition, const char* what) {
  if (condition) return {};
  return std::unexpected(Error(Errc::invalid_argument, what));
}

bool is_decay(double factor) {
  return factor > 0 && factor < 1;
}

Result<void> check_mesh(const MeshOptions& mesh) {
  KITH_CHECK(wants(mesh.history_gossip <= mesh.history_length && mesh.history_gossip > 0,
                   "the gossip history is part of the message history"));
  KITH_CHECK(wants(mesh.heartbeat > 0s, "a heartbeat takes some time"));
  KITH_CHECK(wants(mesh.opportunistic_graft_ticks > 0 && mesh.direct_connect_ticks > 0,
                   "an interval has at least one heartbeat"));
  // Who only introduces peers to each other has no mesh at all.
  if (mesh.degree == 0 && mesh.degree_low == 0 && mesh.degree_high == 0 && mesh.degree_out == 0)
    return {};
  KITH_CHECK(wants(mesh.degree_low <= mesh.degree && mesh.degree <= mesh.degree_high,
                   "the degree is between the low one and the high one"));
  KITH_CHECK(wants(mesh.degree_score <= mesh.degree, "D_score is at most D"));
  return wants(mesh.degree_out < mesh.degree_low && mesh.degree_out <= mesh.degree / 2,
               "D_out is less than D_lo, and at most half of D");
}

Result<void> check_topic(const TopicScore& topic) {
  KITH_CHECK(wants(topic.weight >= 0, "a topic's weight isn't negative"));
  KITH_CHECK(wants(topic.time_in_mesh_weight >= 0 && topic.time_in_mesh_quantum > 0s &&
                       topic.first_deliveries_weight >= 0,
                   "what is good doesn't count as bad"));
  KITH_CHECK(wants(topic.mesh_deliveries_weight <= 0 && topic.mesh_failure_weight <= 0 &&
                       topic.invalid_weight <= 0,
                   "what is bad doesn't count as good"));
  return wants(is_decay(topic.first_deliveries_decay) && is_decay(topic.mesh_deliveries_decay) &&
                   is_decay(topic.mesh_failure_decay) && is_decay(topic.invalid_decay),
               "a decay is between 0 and 1");
}

Result<void> check_scores(const ScoreOptions& scores) {
  for (const auto& [name, topic] : scores.topics)
    KITH_CHECK(check_topic(topic));
  if (scores.other_topics) KITH_CHECK(check_topic(*scores.other_topics));
  KITH_CHECK(wants(scores.colocation_weight <= 0 && scores.behaviour_weight <= 0,
                   "what is bad doesn't count as good"));
  KITH_CHECK(wants(is_decay(scores.behaviour_decay) && is_decay(scores.decay_to_zero) &&
                       scores.decay_interval > 0s,
                   "a decay is between 0 and 1"));
  return wants(scores.graylist_threshold <= scores.publish_threshold &&
                   scores.publish_threshold <= scores.gossip_threshold &&
                   scores.gossip_threshold <= 0 && scores.accept_exchange_threshold >= 0 &&
                   scores.opportunistic_graft_threshold >= 0,
               "the thresholds are in order: graylist, publish, gossip, 0, and the others");
}

}  // namespace

ScoreOptions careful_scores() {
  ScoreOptions scores;
  TopicScore topic;
  // An hour in the mesh is worth as much as ten new messages.
  topic.time_in_mesh_weight = 1.0 / 360;
  topic.first_deliveries_weight = 1;
  topic.first_deliveries_decay = 0.999;
  topic.first_deliveries_cap = 20;
  // Three invalid messages take the peer out of gossip, nine out of everything.
  topic.invalid_weight = -1;
  topic.invalid_decay = 0.999;
  scores.other_topics = topic;
  scores.topic_score_cap = 30;
  // Behind one address may be a whole office.
  scores.colocation_weight = -5;
  scores.colocation_threshold = 16;
  // Now and then a peer breaks a promise because of us or of the line.
  scores.behaviour_weight = -1;
  scores.behaviour_threshold = 6;
  scores.behaviour_decay = 0.99;
  return scores;
}

MessageId default_message_id(const Message& message) {
  if (!message.from() && !message.sequence()) {
    const crypto::Sha256Digest digest = crypto::sha256(message.data());
    return MessageId(as_text(digest));
  }
  MessageId id(as_text(message.from().value_or(ByteView{})));
  id += as_text(message.sequence().value_or(ByteView{}));
  return id;
}

Result<void> check(const RouterOptions& options) {
  KITH_CHECK(check_mesh(options.mesh));
  if (options.scores) KITH_CHECK(check_scores(*options.scores));
  return wants(options.message_id != nullptr && options.seen_ttl > 0s,
               "messages have ids, and are remembered for some time");
}

}  // namespace kith::pubsub
