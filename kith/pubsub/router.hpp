// GossipRouter: whom a message goes to, and whom we ask for what we haven't got.
// Specification: libp2p/specs pubsub/gossipsub/gossipsub-v1.0.md (mesh, fanout, gossip), v1.1
// (scores, backoff, peer exchange, promises, flood publishing), v1.2 (IDONTWANT). Peers of
// /meshsub/1.0.0, 1.1.0, 1.2.0 and /floodsub/1.0.0 are told what they understand.
//
//   a message that comes:  graylist, policy, seen?  ->  CheckSignature  ->  Validate  ->  Deliver
//                          and to the mesh               signature_checked()  validated()
//
// A pure state machine: it is fed events and the time, and is polled for RPCs (next_rpc), events
// (next_event) and its deadline. All chance comes from the generator that it is given, and nothing
// depends on the order of addresses in memory, so that a run is its seed. Nothing that a peer sends
// allocates beyond limits.hpp.
//
// A message is marked as seen, and IDONTWANT sent, only when its signature is right: or anybody
// could keep a message from us by sending a false one of the same id first (go says IDONTWANT
// before).
// What it does not do: encode, sign, verify, dial. Loop thread only.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include <kith/base/prng.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/pubsub/message.hpp>
#include <kith/pubsub/message_cache.hpp>
#include <kith/pubsub/options.hpp>
#include <kith/pubsub/peer_score.hpp>
#include <kith/pubsub/promises.hpp>
#include <kith/pubsub/seen_cache.hpp>

namespace kith::pubsub {

enum class Protocol : std::uint8_t { floodsub, gossipsub_1_0, gossipsub_1_1, gossipsub_1_2 };

/// "/meshsub/1.2.0".
std::string_view protocol_id(Protocol protocol) noexcept;
std::optional<Protocol> protocol_from(std::string_view id) noexcept;

/// What the router is told of a peer that comes.
struct PeerInfo {
  Protocol protocol = Protocol::gossipsub_1_2;
  bool outbound = false;  ///< we dialed it
  std::vector<multiformats::Multiaddr> addresses{};
};

/// What is thought of a message by who knows what it means.
enum class Verdict : std::uint8_t {
  accept,
  reject,  ///< it can't be right, and who sent it should have known
  ignore,  ///< don't pass it on, and blame nobody
};

/// A message that waits for an answer.
enum class Ticket : std::uint64_t {};

/// Answer with signature_checked().
struct CheckSignature {
  Ticket ticket;
  MessagePtr message;
  PeerId from;
};
/// Answer with validated().
struct Validate {
  Ticket ticket;
  MessagePtr message;
  PeerId from;
};
/// For the subscriptions to its topic.
struct Deliver {
  MessagePtr message;
  PeerId from;
};
/// Somebody to connect to: told of by a peer, with a record that isn't opened yet and may be
/// empty, or a direct peer.
struct Connect {
  PeerId peer;
  Bytes record;
  std::optional<PeerId> told_by{};
};
struct MeshChange {
  PeerId peer;
  std::string topic;
  bool joined = false;
};
using Event = std::variant<CheckSignature, Validate, Deliver, Connect, MeshChange>;

struct Outgoing {
  PeerId peer;
  Rpc rpc;
};

/// What happened so far, for tests and people.
struct RouterCounts {
  std::uint64_t published = 0;
  std::uint64_t delivered = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t invalid = 0;     ///< policy or signature
  std::uint64_t rejected = 0;    ///< by a validator
  std::uint64_t ignored = 0;     ///< by a validator
  std::uint64_t throttled = 0;   ///< too many waited
  std::uint64_t graylisted = 0;  ///< RPCs that weren't looked at
  std::uint64_t grafts_refused = 0;
  std::uint64_t ihaves_ignored = 0;
  std::uint64_t iwants_ignored = 0;
  std::uint64_t idontwants_ignored = 0;
  std::uint64_t subscriptions_ignored = 0;
  std::uint64_t promises_broken = 0;
};

class GossipRouter {
 public:
  /// `options` have been checked (options.hpp, check). `hash` has a secret key.
  GossipRouter(PeerId self, RouterOptions options, Prng prng, IdHash hash, Instant now);

  // Peers.

  /// A peer that we can send to. It is told of our subscriptions, and of the meshes that it is in
  /// if it is there already: a new stream may have taken the place of one that lost what we said.
  /// False, and it is left out, if there are peers_max.
  bool add_peer(const PeerId& peer, PeerInfo info);
  void remove_peer(const PeerId& peer, Instant now);
  bool has_peer(const PeerId& peer) const { return peers_.contains(peer); }
  void set_addresses(const PeerId& peer, const std::vector<multiformats::Multiaddr>& addresses);

  // Topics.

  /// Errc::invalid_argument for a topic that is empty or too long, Errc::limit_exceeded.
  Result<void> subscribe(std::string_view topic, Instant now);
  void unsubscribe(std::string_view topic, Instant now);

  // Messages.

  /// Sends a message of our own, which also comes to our subscriptions. Errc::already_exists if it
  /// was seen, Errc::limit_exceeded if it is too long.
  Result<MessageId> publish(const MessagePtr& message, Instant now);
  /// What a peer that was added has sent.
  void on_rpc(const PeerId& from, Rpc rpc, Instant now);
  /// An IWANT has gone out to the peer: from now on it has time to answer.
  void asked(const PeerId& peer, const std::vector<MessageId>& ids, Instant now);
  void signature_checked(Ticket ticket, bool right, Instant now);
  void validated(Ticket ticket, Verdict verdict, Instant now);
  /// There was no room for it in front of the validators: it is dropped and may not come again.
  void throttled(Ticket ticket);
  /// Whether so much of the peer waits for answers that nothing more should be read from it.
  bool congested(const PeerId& peer) const;

  // Time.

  Instant deadline() const noexcept;
  /// Call when the deadline has come; earlier calls do nothing.
  void tick(Instant now);

  // Output: poll until both are empty after each call of the above.

  std::optional<Outgoing> next_rpc();
  std::optional<Event> next_event();

  // For people and tests.

  std::vector<std::string> topics() const;
  /// All of them, or those subscribed to a topic.
  std::vector<PeerId> peers() const;
  std::vector<PeerId> peers(std::string_view topic) const;
  std::vector<PeerId> mesh(std::string_view topic) const;
  std::vector<PeerId> fanout(std::string_view topic) const;
  bool backing_off(std::string_view topic, const PeerId& peer, Instant now) const;
  double score(const PeerId& peer) const;
  ScoreReport score_report(const PeerId& peer) const;
  const RouterCounts& counts() const noexcept { return counts_; }
  std::size_t foreign_topics() const noexcept { return foreign_topics_; }
  std::size_t unwanted(const PeerId& peer) const;
  std::size_t pending() const noexcept { return pending_.size(); }
  const RouterOptions& options() const noexcept { return options_; }
  const PeerId& self() const noexcept { return self_; }

 private:
  struct Peer {
    PeerInfo info;
    /// Views of the names in topics_.
    std::set<std::string_view> topics;
    std::size_t foreign = 0;  ///< of them, which we aren't subscribed to
    double score = 0;         ///< as of this heartbeat
    std::size_t pending = 0;
    std::size_t pending_bytes = 0;
    // Since the last heartbeat.
    std::size_t ihaves = 0;
    std::size_t asked = 0;
    std::size_t iwant_ids = 0;
    std::size_t iwant_bytes = 0;
    std::size_t idontwants = 0;
    std::size_t idontwant_ids = 0;
    /// Hashes of ids, and for how many heartbeats more.
    std::map<std::uint64_t, int> unwanted;
    Rpc out;
    bool has_out = false;

    bool gossips() const noexcept { return info.protocol != Protocol::floodsub; }
  };
  using Peers = std::map<PeerId, Peer>;

  struct Topic {
    bool joined = false;
    std::set<PeerId> peers;
    std::set<PeerId> mesh;
    std::set<PeerId> fanout;
    std::optional<Instant> published;  ///< last, without being joined
    std::map<PeerId, Instant> backoff;
  };
  using Topics = std::map<std::string, Topic, std::less<>>;

  struct Pending {
    PeerId from;
    MessagePtr message;
    MessageId id;
    bool validating = false;
    /// Who has sent the same while the signature was looked at.
    std::vector<PeerId> copies;
  };

  // router.cpp
  Rpc& out(const PeerId& peer);
  Rpc& out(const PeerId& id, Peer& peer);
  Peer* find(const PeerId& peer);
  void count_pending(const PeerId& id, Peer& peer) const;
  Topic& topic_entry(std::string_view name);
  void drop_if_unused(Topics::iterator place);
  bool is_direct(const PeerId& peer) const { return options_.direct_peers.contains(peer); }
  void on_subscription(const PeerId& id, Peer& peer, const SubscriptionChange& change);
  void add_subscription(const PeerId& id, Peer& peer, std::string_view name);
  void drop_subscription(const PeerId& id, Peer& peer, std::string_view name);
  void take_from_greediest();
  void on_message(const PeerId& id, Peer& peer, const MessagePtr& message, Instant now);
  bool follows_policy(const Message& message) const;
  bool is_copy(const PeerId& from, const MessageId& id, const Message& message);
  bool verifying(const MessageId& id) const { return verifying_.contains(id); }
  void begin(const PeerId& from, Peer& peer, const MessagePtr& message, MessageId id, Instant now);
  std::optional<Pending> take(Ticket ticket);
  void stop_verifying(const MessageId& id, Ticket ticket);
  void say_idontwant(const Pending& pending);
  void spread(const MessageId& id, const MessagePtr& message, const PeerId& from, Instant now);
  /// In the order of their ids.
  std::vector<Peers::value_type*> receivers(const MessageId& id, const Message& message,
                                            const PeerId& from, Instant now);
  std::set<PeerId>& fanout_of(Topic& topic, Instant now);
  void limit_fanouts();
  double threshold(double ScoreOptions::* which) const;
  void into_mesh(Topic& topic, std::string_view name, const PeerId& peer, Instant now);
  bool out_of_mesh(Topic& topic, std::string_view name, const PeerId& peer);
  void penalize(const PeerId& peer, double count);

  template <class Filter>
  std::vector<PeerId> choose(const Topic& topic, std::size_t count, const Filter& filter);
  template <class T>
  void shuffle(std::vector<T>& values);
  template <class T>
  void shuffle_from(std::vector<T>& values, std::size_t first);

  // router_control.cpp
  void on_ihave(const PeerId& id, Peer& peer, const std::vector<IHave>& ihaves, Instant now);
  void on_iwant(const PeerId& id, Peer& peer, const std::vector<MessageId>& ids);
  void on_graft(const PeerId& id, Peer& peer, const std::vector<std::string>& names, Instant now);
  bool accepts_graft(const PeerId& id, Peer& peer, Topic& topic, double score, bool& exchange,
                     Instant now);
  void on_prune(const PeerId& id, std::vector<Prune>& prunes, Instant now);
  void on_exchange(const PeerId& from, std::vector<ExchangedPeer>& peers);
  void on_idontwant(Peer& peer, const std::vector<MessageId>& ids);
  Prune make_prune(std::string_view name, const Topic& topic, const PeerId& peer, bool exchange,
                   Duration backoff);
  void send_prune(const PeerId& peer, Prune prune);
  void add_backoff(Topic& topic, const PeerId& peer, Duration length, Instant now);
  /// Whether it is too early to graft it; a little longer than it asked for.
  bool stays_away(const Topic& topic, const PeerId& peer, Instant now) const;

  // router_heartbeat.cpp
  void heartbeat(Instant now);
  void begin_heartbeat(Instant now);
  void connect_direct_peers();
  void clear_backoffs(Instant now);
  void maintain_mesh(std::string_view name, Topic& topic, Instant now);
  void prune_bad(std::string_view name, Topic& topic, Instant now);
  void graft_some(std::string_view name, Topic& topic, std::size_t count, bool outbound_only,
                  double score_min, Instant now);
  void prune_excess(std::string_view name, Topic& topic, Instant now);
  void graft_better(std::string_view name, Topic& topic, Instant now);
  void prune_one(std::string_view name, Topic& topic, const PeerId& peer, bool exchange,
                 Instant now);
  bool maintain_fanout(Topic& topic, Instant now);
  void gossip(std::string_view name, const Topic& topic, const std::set<PeerId>& told,
              std::vector<MessageId> ids);
  std::size_t outbound_in(const std::set<PeerId>& peers);

  PeerId self_;
  RouterOptions options_;
  Prng prng_;
  IdHash id_hash_;
  Peers peers_;
  std::size_t floodsub_peers_ = 0;  ///< of them
  Topics topics_;
  std::size_t joined_topics_ = 0;
  std::size_t foreign_topics_ = 0;
  SeenCache seen_;
  MessageCache cache_;
  std::optional<PeerScore> scores_;
  Promises promises_;

  std::map<Ticket, Pending> pending_;
  std::size_t pending_bytes_ = 0;
  std::unordered_map<MessageId, std::vector<Ticket>, IdHash> verifying_;
  std::uint64_t next_ticket_ = 1;

  Instant next_heartbeat_;
  Instant next_decay_;
  std::uint64_t ticks_ = 0;
  RouterCounts counts_;

  std::deque<PeerId> has_out_;
  std::deque<Event> events_;
};

template <class T>
void GossipRouter::shuffle_from(std::vector<T>& values, std::size_t first) {
  for (std::size_t i = values.size(); i > first + 1; --i)
    std::swap(values[i - 1], values[first + prng_.below(i - first)]);
}

template <class T>
void GossipRouter::shuffle(std::vector<T>& values) {
  shuffle_from(values, 0);
}

/// Some of the topic's gossiping peers that the filter lets pass, at most `count`.
template <class Filter>
std::vector<PeerId> GossipRouter::choose(const Topic& topic, std::size_t count,
                                         const Filter& filter) {
  std::vector<PeerId> chosen;
  for (const PeerId& id : topic.peers) {
    Peer* peer = find(id);
    if (peer != nullptr && peer->gossips() && filter(id, *peer)) chosen.push_back(id);
  }
  shuffle(chosen);
  if (chosen.size() > count) chosen.resize(count);
  return chosen;
}

}  // namespace kith::pubsub
