// PubSub: publish and subscribe over a net::Swarm.
// Specification: libp2p/specs pubsub/README.md; whom messages go to is the router's business
// (router.hpp).
//
//   auto subscription = pubsub.subscribe("news");
//   KITH_CO_CHECK(co_await pubsub.publish("news", to_bytes("hello")));
//   KITH_CO_TRY(Received got, co_await (*subscription)->next());
//
// With each peer that speaks it there are two streams: ours, on which we only write, and its, from
// which we only read. A stream that fails is opened again, and a session moves to the connection
// that the swarm prefers. What a peer says is heard once our stream to it is open, and no faster
// than its messages are judged: signatures on workers, in order, then the default validator, then
// the topic's. A stream that is taken too slowly loses messages (send_queue.hpp), never others'.
//
// Peers of our meshes are protected in the swarm, and those who bring new messages are worth
// keeping. Ownership: subscriptions and validators' tasks end before it. After start() it must be
// closed by close_shielded() before the swarm is closed, and lives until that has been. Loop thread
// only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <kith/net/address_scope.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>
#include <kith/pubsub/author_numbers.hpp>
#include <kith/pubsub/router.hpp>
#include <kith/pubsub/rpc_reader.hpp>
#include <kith/pubsub/send_queue.hpp>
#include <kith/pubsub/verify_queue.hpp>

namespace kith::pubsub {

/// A message and who brought it, which may be ourselves.
struct Received {
  MessagePtr message;
  PeerId from;
};

/// May wait. An error counts as Verdict::ignore.
using Validator = std::function<Task<Verdict>(Received)>;
/// Answers at once.
using InlineValidator = std::function<Verdict(const Message&, const PeerId& from)>;

struct PubSubOptions {
  RouterOptions router{};
  /// Of all topics, before the topic's own.
  InlineValidator default_validator{};
  /// Messages with numbers that are too old are ignored (author_numbers.hpp). Of signed ones: in
  /// others anybody could say a number that is far ahead.
  bool check_numbers = true;
};

class PubSub;

/// Messages of a topic from now on. Leaving is destroying it.
class Subscription {
 public:
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  const std::string& topic() const noexcept { return topic_; }
  /// Errc::timed_out, Errc::cancelled; Errc::closed when the service ends.
  Task<Received> next(Instant deadline = never) { return queue_.pop(deadline); }
  /// Messages that came while as many were waiting as may.
  std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  friend class PubSub;
  Subscription(PubSub& service, std::string topic, port::Clock& clock, std::size_t capacity)
      : service_(&service), topic_(std::move(topic)), queue_(clock, capacity) {}

  PubSub* service_;
  std::string topic_;
  port::Channel<Received> queue_;
  std::uint64_t dropped_ = 0;
};

/// One peer's stream, for people and tests.
struct QueueReport {
  std::size_t messages = 0;
  std::size_t bytes = 0;
  std::uint64_t dropped_messages = 0;
  std::uint64_t dropped_gossip = 0;
};

class PubSub final : private net::SwarmObserver {
 public:
  /// `options.router` has been checked (options.hpp).
  PubSub(port::Env& env, net::Swarm& swarm, PubSubOptions options);
  ~PubSub() override;
  PubSub(const PubSub&) = delete;
  PubSub& operator=(const PubSub&) = delete;

  /// Serves peers from now on.
  void start();
  /// Ends its tasks and closes subscriptions.
  Task<void> close_shielded();

  /// `capacity` messages wait for a slow reader. Errc::invalid_argument for what can't be a topic,
  /// Errc::limit_exceeded.
  Result<std::unique_ptr<Subscription>> subscribe(
      std::string topic, std::size_t capacity = subscription_queue_default);

  /// Signs (if that is the policy) and sends. Errc::invalid_argument for what can't be a topic,
  /// Errc::limit_exceeded for a message that is too long, Errc::refused if a validator doesn't
  /// accept it, Errc::already_exists for the same anonymous message again.
  Task<MessageId> publish(std::string topic, Bytes data);

  /// One for each topic; further ones of it take its place. Nothing: none any more.
  void set_validator(const std::string& topic, Validator validator,
                     std::size_t at_once_max = validations_per_topic_max);

  // For people.

  std::vector<std::string> topics() const { return router_.topics(); }
  std::vector<PeerId> peers() const { return router_.peers(); }
  std::vector<PeerId> peers(std::string_view topic) const { return router_.peers(topic); }
  const GossipRouter& router() const noexcept { return router_; }
  std::optional<QueueReport> queue(const PeerId& peer) const;
  AuthorNumbers& authors() noexcept { return authors_; }

 private:
  friend class Subscription;
  struct Session {
    explicit Session(port::Clock& clock) : wake(clock) {}
    SendQueue queue;
    port::Event wake;
    std::optional<net::ConnectionId> connection{};
    bool move = false;  ///< to another connection
    bool ended = false;
    /// How often what was queued has lost its meaning (lose()).
    std::size_t lives = 0;
  };
  struct TopicValidator {
    Validator validate;
    std::size_t running = 0;
    std::size_t at_once_max = 0;
  };

  void on_connected(const net::ConnectionInfo& connection) override;
  void on_disconnected(const net::ConnectionInfo& connection, bool last) override;

  bool dialed_anew(const Session& session, const net::ConnectionInfo& connection) const;
  void lose(const PeerId& peer, Session& session);
  void begin_session(const PeerId& peer);
  Task<void> serve_peer(PeerId peer);
  Task<void> serve_streams(PeerId peer, Session& session);
  Task<void> write_stream(const PeerId& peer, Session& session, net::Stream& stream);
  Task<void> write_loop(const PeerId& peer, Session& session, net::Stream& stream);
  Task<void> watch(Session& session, net::Stream& stream);
  bool limited(std::optional<net::ConnectionId> connection) const;
  Task<void> read_stream(std::unique_ptr<net::Stream> stream);
  Task<void> read_rpcs(net::Stream& stream);
  Task<void> wait_for_peer(PeerId peer);
  Task<void> tick_loop();
  Task<void> verify_loop();
  Task<void> verify(std::vector<MessagePtr>& messages, std::size_t begin, std::size_t end,
                    std::vector<char>& right);
  Task<void> dial_loop();
  Task<void> dial(Connect wanted);

  void drain(bool own = false);
  void send(Outgoing out, bool own);
  void act_on(CheckSignature event);
  void act_on(Validate event);
  void act_on(Deliver event);
  void act_on(Connect event);
  net::AddressScope scope_of(const std::optional<PeerId>& peer) const;
  void act_on(MeshChange event);
  Verdict inline_verdict(const Message& message, const PeerId& from, bool note_number);
  Task<void> run_validator(std::shared_ptr<TopicValidator> validator, Validate event);
  Result<MessagePtr> make_message(std::string_view topic, ByteView data);
  void leave(Subscription& subscription);
  Instant now() const { return env_.clock.now(); }

  port::Env& env_;
  port::Logger log_;
  net::Swarm& swarm_;
  PubSubOptions options_;
  GossipRouter router_;
  AuthorNumbers authors_;
  std::uint64_t next_number_;
  bool started_ = false;
  bool draining_ = false;

  std::map<PeerId, Session*> sessions_;
  std::map<std::string, std::vector<Subscription*>, std::less<>> subscriptions_;
  std::map<std::string, std::shared_ptr<TopicValidator>, std::less<>> validators_;
  std::size_t validations_ = 0;
  VerifyQueue to_verify_;
  port::Event verify_wanted_;
  port::Event sessions_changed_;
  /// Something was judged, so that a peer may be read again.
  port::Event judged_;
  port::Channel<Connect> dials_;
  ReadingRoom reading_;
  /// Streams of each peer that are read.
  std::map<PeerId, std::size_t> readers_;
  port::TaskGroup tasks_;
};

}  // namespace kith::pubsub
