// PeerScore: what a peer's behaviour so far is worth to us (gossipsub-v1.1.md, "Peer Scoring").
// Nobody is told; each node judges for itself.
//
//   score(p) = cap( sum over topics of weight * (P1 + P2 + P3 + P3b + P4) ) + P5 + P6 + P7
//
//   P1 time in the mesh         P2 first deliveries       P3 too few deliveries in the mesh,
//   squared P3b the same, at a prune    P4 invalid messages, squared P5 the application's        P6
//   peers at one address   P7 misbehaviour, squared
//
// A peer that leaves with a score of zero or less keeps it for a while, undecayed, so that coming
// back cleans nobody; its good deeds are forgotten. Bounded: limits.hpp. Pure; the caller says what
// time it is and calls decay() every decay_interval.
#pragma once

#include <list>
#include <map>
#include <unordered_map>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/pubsub/id_hash.hpp>
#include <kith/pubsub/options.hpp>

namespace kith::pubsub {

/// A score and what it is made of, for people.
struct ScoreReport {
  double score = 0;
  struct Topic {
    Duration time_in_mesh{};
    double first_deliveries = 0;
    double mesh_deliveries = 0;
    double mesh_failures = 0;
    double invalid = 0;
  };
  std::map<std::string, Topic> topics;
  double application = 0;
  double colocation = 0;
  double behaviour = 0;
};

class PeerScore {
 public:
  /// `record_ttl` is how long late copies of a message are counted.
  PeerScore(ScoreOptions options, Duration record_ttl, IdHash hash);

  const ScoreOptions& options() const noexcept { return options_; }

  /// `addresses` are where it is connected from.
  void add_peer(const PeerId& peer, const std::vector<multiformats::Multiaddr>& addresses);
  void remove_peer(const PeerId& peer, Instant now);
  void set_addresses(const PeerId& peer, const std::vector<multiformats::Multiaddr>& addresses);

  void graft(const PeerId& peer, std::string_view topic, Instant now);
  void prune(const PeerId& peer, std::string_view topic);
  /// Misbehaviour (P7).
  void penalize(const PeerId& peer, double count);

  // The life of a message whose signature is right, from the first copy on.
  void validating(const MessageId& id, Instant now);
  void delivered(const PeerId& from, const MessageId& id, std::string_view topic, Instant now);
  void rejected(const PeerId& from, const MessageId& id, std::string_view topic);
  /// Without a verdict, or to be left alone.
  void ignored(const MessageId& id);
  void duplicate(const PeerId& from, const MessageId& id, std::string_view topic, Instant now);
  /// One that was refused before it could have an id.
  void invalid(const PeerId& from, std::string_view topic);

  void decay(Instant now);

  /// 0 for a peer that isn't known.
  double score(const PeerId& peer) const;
  ScoreReport report(const PeerId& peer) const;

  std::size_t retained() const noexcept { return leaving_.size(); }
  std::size_t records() const noexcept { return records_.size(); }

 private:
  struct TopicStats {
    bool in_mesh = false;
    Instant grafted_at{};
    Duration mesh_time{};
    bool deliveries_active = false;
    double first_deliveries = 0;
    double mesh_deliveries = 0;
    double mesh_failures = 0;
    double invalid = 0;
  };
  struct Stats {
    bool connected = true;
    std::map<std::string, TopicStats, std::less<>> topics;
    std::vector<Bytes> addresses;
    double behaviour = 0;
    std::list<std::pair<Instant, PeerId>>::iterator leaving{};
    /// The sum as of that state of everything; state 0 is none.
    mutable double sum = 0;
    mutable std::uint64_t sum_at = 0;
  };
  enum class Status : std::uint8_t { unknown, valid, invalid, ignored };
  struct Record {
    Status status = Status::unknown;
    Instant validated{};
    Instant until{};
    std::vector<PeerId> peers;
  };

  const TopicScore* scoring(std::string_view topic) const;
  TopicStats* stats(const PeerId& peer, std::string_view topic);
  double topics_score(const Stats& stats) const;
  double colocation(const Stats& stats) const;
  double total(const PeerId& peer, const Stats& stats) const;
  double fresh_total(const PeerId& peer, const Stats& stats) const;
  void add_failure(TopicStats& stats, const TopicScore& scoring) const;
  void count_mesh_delivery(const PeerId& peer, std::string_view topic);
  void count_addresses(Stats& stats, int change);
  void decay_topics(Stats& stats, Instant now);
  void forget(const PeerId& peer);
  Record& record(const MessageId& id, Instant now);

  ScoreOptions options_;
  Duration record_ttl_;
  std::map<PeerId, Stats> peers_;
  /// Who has gone, in the order in which they are forgotten.
  std::list<std::pair<Instant, PeerId>> leaving_;
  std::map<Bytes, std::size_t> peers_at_;
  /// Counts what changes many scores: time, and who is at which address.
  std::uint64_t state_ = 1;
  std::unordered_map<MessageId, Record, IdHash> records_;
  std::list<MessageId> record_order_;
};

}  // namespace kith::pubsub
