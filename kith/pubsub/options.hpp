// What an application may choose of gossipsub, with the values of libp2p/specs
// pubsub/gossipsub/gossipsub-v1.{0,1}.md as go-libp2p-pubsub has them. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/net/ip_network.hpp>
#include <kith/pubsub/message.hpp>

namespace kith::pubsub {

/// The shape of the mesh, and of the gossip beside it.
struct MeshOptions {
  std::size_t degree = 6;        ///< D
  std::size_t degree_low = 5;    ///< D_lo: with fewer peers, more are grafted
  std::size_t degree_high = 12;  ///< D_hi: with as many, some are pruned
  std::size_t degree_score = 4;  ///< D_score: so many of those that stay have the best scores
  std::size_t degree_out = 2;    ///< D_out: and so many we dialed ourselves
  std::size_t degree_lazy = 6;  ///< D_lazy: at least so many are told what there is, each heartbeat
  double gossip_factor = 0.25;  ///< or this part of those who aren't in the mesh
  std::size_t history_length = 5;   ///< heartbeats that messages are kept for who asks
  std::size_t history_gossip = 3;   ///< and are told of
  std::size_t retransmissions = 3;  ///< how often one peer may ask for the same message
  Duration heartbeat = 1s;
  Duration first_heartbeat = 100ms;
  Duration fanout_ttl = 60s;
  std::size_t prune_peers = 16;  ///< told of in peer exchange
  Duration prune_backoff = 1min;
  Duration unsubscribe_backoff = 10s;
  /// A graft that comes so soon after a prune costs twice.
  Duration graft_flood = 10s;
  std::uint64_t opportunistic_graft_ticks = 60;
  std::size_t opportunistic_graft_peers = 2;
  std::uint64_t direct_connect_ticks = 300;
  std::size_t ihave_ids_max = 5000;        ///< in one IHAVE, and asked for of one peer a heartbeat
  std::size_t ihave_messages_max = 10;     ///< IHAVEs looked at of one peer a heartbeat
  Duration iwant_follow_up = 3s;           ///< then a promise is broken
  std::size_t idontwant_bytes_min = 1024;  ///< only of longer messages we say that we have them
  std::size_t idontwant_messages_max = 1000;  ///< RPCs with IDONTWANT of one peer a heartbeat
  int idontwant_heartbeats = 3;               ///< that we remember them
};

/// How peers are judged in one topic. Weights of P3, P3b and P4 are at most zero, and so are those
/// of penalties in ScoreOptions; decays are factors for one ScoreOptions::decay_interval.
struct TopicScore {
  double weight = 1;
  // P1: time in the mesh.
  double time_in_mesh_weight = 0;
  Duration time_in_mesh_quantum = 1s;
  double time_in_mesh_cap = 3600;
  // P2: messages that the peer brought first.
  double first_deliveries_weight = 0;
  double first_deliveries_decay = 0.5;
  double first_deliveries_cap = 2000;
  // P3: messages that a peer of the mesh brought, soon enough, against a least number.
  double mesh_deliveries_weight = 0;
  double mesh_deliveries_decay = 0.5;
  double mesh_deliveries_cap = 100;
  double mesh_deliveries_threshold = 20;
  Duration mesh_deliveries_window = 10ms;
  Duration mesh_deliveries_activation = 1s;
  // P3b: what was missing when a peer was pruned sticks to it.
  double mesh_failure_weight = 0;
  double mesh_failure_decay = 0.5;
  // P4: invalid messages, squared.
  double invalid_weight = 0;
  double invalid_decay = 0.3;
};

/// How peers are judged as a whole, and what follows.
struct ScoreOptions {
  std::map<std::string, TopicScore, std::less<>> topics{};
  /// Of topics that we are subscribed to and that aren't among `topics`; none: they don't count.
  std::optional<TopicScore> other_topics{};
  double topic_score_cap = 0;  ///< of the sum over topics; 0: none
  // P5: what the application thinks of a peer.
  std::function<double(const PeerId&)> application{};
  double application_weight = 0;
  // P6: peers beyond so many at one address, squared.
  double colocation_weight = 0;
  std::size_t colocation_threshold = 10;
  std::vector<net::IpNetwork> colocation_allowed{};
  // P7: misbehaviour, beyond a threshold squared.
  double behaviour_weight = 0;
  double behaviour_threshold = 0;
  double behaviour_decay = 0.99;

  Duration decay_interval = 1s;
  double decay_to_zero = 0.01;
  /// So long the score of a peer that has gone is kept, if it isn't above zero.
  Duration retain = 1h;

  /// Below these scores: no gossip with the peer; our own messages aren't sent to it; nothing it
  /// says is heard. Each at most the one before, and zero.
  double gossip_threshold = -10;
  double publish_threshold = -50;
  double graylist_threshold = -80;
  /// From this score on we connect to peers that the peer tells of.
  double accept_exchange_threshold = 10;
  /// If half of a mesh has less, better peers are grafted.
  double opportunistic_graft_threshold = 5;
};

/// Scores for a node that knows nothing of its topics: whoever sends what can't be right, floods,
/// or breaks promises loses its place, and nobody is blamed for a silent topic.
ScoreOptions careful_scores();

/// Which of a message's fields there are (libp2p/specs pubsub/README.md, "Signature Policy").
enum class Signing : std::uint8_t {
  strict,     ///< StrictSign: author, sequence number and signature, or it is refused
  author,     ///< author and number, and no signature: what Kubo's Pubsub.DisableSigning means
  anonymous,  ///< StrictNoSign: none of them
};

/// What a message is called. All peers of a topic must agree on it. At most message_id_bytes_max
/// bytes and at least one, or the message is refused.
using MessageIdFunction = std::function<MessageId(const Message&)>;

/// The author and the number, one after the other; of an anonymous message the SHA-256 of the data.
MessageId default_message_id(const Message& message);

/// When a message that was seen is forgotten.
enum class SeenStrategy : std::uint8_t {
  first_seen,  ///< so long after it came first
  last_seen,   ///< so long after it came last
};

struct RouterOptions {
  MeshOptions mesh{};
  std::optional<ScoreOptions> scores{};  ///< none: everybody's is 0
  Signing signing = Signing::strict;
  MessageIdFunction message_id = default_message_id;
  Duration seen_ttl = 120s;
  SeenStrategy seen_strategy = SeenStrategy::first_seen;
  /// Our own messages go to everybody in the topic instead of to the mesh.
  bool flood_publish = true;
  /// Peers that we prune are told of others.
  bool peer_exchange = false;
  /// Everything goes to everybody, as in /floodsub/1.0.0; no mesh, no gossip.
  bool flood_only = false;
  /// Peers that always get everything and are never part of a mesh.
  std::set<PeerId> direct_peers{};
};

/// Errc::invalid_argument says which values don't go together.
Result<void> check(const RouterOptions& options);

}  // namespace kith::pubsub
