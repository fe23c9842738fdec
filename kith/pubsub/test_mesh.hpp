// TestMesh: a network of pure routers in memory, on virtual time, for tests and simulations:
// thousands of them, with links that delay and lose RPCs, and some that are hostile. Everything is
// drawn from one seed.
//
//   TestMesh mesh(seed, {.nodes = 100, .loss = 0.05});
//   mesh.node(3).behaviour = silent();          // hostile ones, before connect_randomly()
//   mesh.connect_randomly();
//   mesh.run_for(10s);
//   mesh.publish(0, "news", 256);
//   mesh.run_for(10s);
//   mesh.outcome()                              // who got what, how late, for how many bytes
//
// An RPC isn't encoded: its messages are shared, and its size is counted as it would be.
#pragma once

#include <functional>
#include <map>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include <kith/pubsub/test_router.hpp>

namespace kith::pubsub {

struct MeshNetOptions {
  std::uint32_t nodes = 100;
  std::uint32_t dials = 10;  ///< of each node, to others drawn at random
  double loss = 0;           ///< of RPCs
  Duration latency_min = 10ms;
  Duration latency_max = 100ms;
  std::string topic = "news";
  RouterOptions router = RouterBench::unsigned_options();
};

class TestMesh {
 public:
  struct Node;
  /// What a hostile node does with the RPCs that its router wants to send, and what else it says.
  struct Behaviour {
    /// Of what the router says, changed in place.
    std::function<void(TestMesh&, Node&, std::uint32_t to, Rpc&)> outgoing{};
    /// Each second.
    std::function<void(TestMesh&, Node&)> each_second{};
  };
  struct Node {
    std::uint32_t number = 0;
    std::unique_ptr<GossipRouter> router;
    std::vector<std::uint32_t> links;
    bool hostile = false;
    Behaviour behaviour;
    std::uint64_t bytes_sent = 0;
    Instant wake = never;
  };

  TestMesh(std::uint64_t seed, MeshNetOptions options)
      : options_(std::move(options)), prng_(seed), nodes_(options_.nodes) {
    for (std::uint32_t i = 0; i < options_.nodes; ++i) {
      Node& made = nodes_[i];
      made.number = i;
      numbers_[test_peer(i)] = i;
      made.router = std::make_unique<GossipRouter>(test_peer(i), options_.router,
                                                   Prng(prng_.next()), test_hash, now_);
      // Nobody begins at the same moment as all others.
      schedule_tick(made, now_ + Duration(prng_.below(std::uint64_t{1'000'000'000})));
    }
  }

  Node& node(std::uint32_t number) { return nodes_[number]; }
  std::uint32_t size() const noexcept { return options_.nodes; }
  Prng& prng() noexcept { return prng_; }
  Instant now() const noexcept { return now_; }
  const MeshNetOptions& options() const noexcept { return options_; }

  void subscribe(std::uint32_t number) {
    EXPECT_TRUE(nodes_[number].router->subscribe(options_.topic, now_).has_value());
    flush(nodes_[number]);
  }
  void connect(std::uint32_t from, std::uint32_t to) {
    if (from == to || are_linked(from, to)) return;
    nodes_[from].links.push_back(to);
    nodes_[to].links.push_back(from);
    nodes_[from].router->add_peer(test_peer(to), {Protocol::gossipsub_1_2, true, {}});
    nodes_[to].router->add_peer(test_peer(from), {Protocol::gossipsub_1_2, false, {}});
    flush(nodes_[from]);
    flush(nodes_[to]);
  }
  bool are_linked(std::uint32_t from, std::uint32_t to) const {
    const auto& links = nodes_[from].links;
    return std::ranges::find(links, to) != links.end();
  }
  void connect_randomly() {
    for (Node& from : nodes_) {
      for (std::uint32_t i = 0; i < options_.dials; ++i)
        connect(from.number, static_cast<std::uint32_t>(prng_.below(options_.nodes)));
    }
  }

  /// A message of one of the honest nodes. Returns its number.
  std::uint64_t publish(std::uint32_t from, std::size_t data_bytes) {
    const std::uint64_t number = published_.size();
    const MessagePtr message = test_message(test_peer(from), number, options_.topic, data_bytes);
    published_.push_back({message, now_, from, {}});
    EXPECT_TRUE(nodes_[from].router->publish(message, now_).has_value());
    flush(nodes_[from]);
    return number;
  }

  /// Says something in a node's name, whatever its router thinks.
  void say(std::uint32_t from, std::uint32_t to, Rpc rpc) {
    post(nodes_[from], to, std::move(rpc));
  }

  void run_for(Duration duration) {
    const Instant end = now_ + duration;
    while (!queue_.empty() && queue_.top().at <= end) {
      const std::size_t slot = queue_.top().slot;
      now_ = queue_.top().at;
      queue_.pop();
      Delivery delivery = std::move(slots_[slot]);
      free_.push_back(slot);
      ++steps_;
      if (delivery.from == tick_mark) {
        tick(nodes_[delivery.to]);
      } else {
        Node& to = nodes_[delivery.to];
        to.router->on_rpc(test_peer(delivery.from), std::move(delivery.rpc), now_);
        flush(to);
      }
    }
    now_ = end;
  }

  struct Outcome {
    std::uint64_t expected = 0;   ///< deliveries to honest nodes
    std::uint64_t delivered = 0;  ///< of them
    Duration median{};
    Duration p99{};
    Duration last{};
    double bytes_per_node = 0;        ///< that honest nodes sent
    double flood_bytes_per_node = 0;  ///< that they would have, had everybody sent all to all
    std::uint64_t steps = 0;
  };
  /// Of all messages so far.
  Outcome outcome() const {
    Outcome made;
    std::vector<Duration> times;
    std::uint64_t honest = 0, sent = 0, links = 0, payload = 0;
    for (const Node& its : nodes_) {
      if (its.hostile) continue;
      ++honest;
      sent += its.bytes_sent;
      links += its.links.size();
    }
    for (const Published& its : published_) {
      made.expected += honest - 1;
      payload += its.message->bytes();
      for (Duration took : its.took)
        times.push_back(took);
    }
    made.delivered = times.size();
    std::ranges::sort(times);
    if (!times.empty()) {
      made.median = times[times.size() / 2];
      made.p99 = times[times.size() * 99 / 100];
      made.last = times.back();
    }
    const auto count = static_cast<double>(honest);
    made.bytes_per_node = static_cast<double>(sent) / count;
    // To each but who it came from.
    made.flood_bytes_per_node =
        static_cast<double>(payload) * (static_cast<double>(links) / count - 1);
    made.steps = steps_;
    return made;
  }
  void forget_bytes() {
    for (Node& its : nodes_)
      its.bytes_sent = 0;
  }

 private:
  static constexpr std::uint32_t tick_mark = ~std::uint32_t{0};
  struct Delivery {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    Rpc rpc;
  };
  struct Due {
    Instant at;
    std::uint64_t order;
    std::size_t slot;
    bool operator>(const Due& other) const noexcept {
      return std::pair(at, order) > std::pair(other.at, other.order);
    }
  };
  struct Published {
    MessagePtr message;
    Instant at;
    std::uint32_t from;
    std::vector<Duration> took;
  };

  void push(Instant at, Delivery delivery) {
    std::size_t slot = slots_.size();
    if (free_.empty()) {
      slots_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    slots_[slot] = std::move(delivery);
    queue_.push({at, order_++, slot});
  }
  void schedule_tick(Node& its, Instant at) { push(at, {tick_mark, its.number, {}}); }

  void tick(Node& its) {
    its.router->tick(now_);
    if (its.behaviour.each_second) its.behaviour.each_second(*this, its);
    flush(its);
    schedule_tick(its, std::max(its.router->deadline(), now_ + 1ms));
  }

  void post(Node& from, std::uint32_t to, Rpc rpc) {
    from.bytes_sent += rpc_bytes(rpc) + 3;
    if (prng_.chance(options_.loss)) return;
    const auto spread =
        static_cast<std::uint64_t>((options_.latency_max - options_.latency_min).count());
    const Instant at = now_ + options_.latency_min + Duration(prng_.below(spread + 1));
    push(at, {from.number, to, std::move(rpc)});
  }

  void flush(Node& its) {
    for (;;) {
      bool more = false;
      while (auto out = its.router->next_rpc()) {
        more = true;
        const std::uint32_t to = numbers_.at(out->peer);
        its.router->asked(out->peer, out->rpc.iwant, now_);
        if (its.behaviour.outgoing) its.behaviour.outgoing(*this, its, to, out->rpc);
        if (!out->rpc.empty()) post(its, to, std::move(out->rpc));
      }
      while (auto event = its.router->next_event()) {
        more = true;
        if (auto* validate = std::get_if<Validate>(&*event)) {
          const bool valid = !is_spam(*validate->message);
          its.router->validated(validate->ticket, valid ? Verdict::accept : Verdict::reject, now_);
        } else if (auto* deliver = std::get_if<Deliver>(&*event)) {
          note(its, *deliver);
        }
      }
      if (!more) return;
    }
  }

  /// Whoever validates sees it.
  static bool is_spam(const Message& message) {
    return !message.data().empty() && message.data()[0] == 0xff;
  }

  void note(Node& its, const Deliver& deliver) {
    if (its.hostile || deliver.from == its.router->self()) return;
    const std::uint64_t number = load_be<std::uint64_t>(deliver.message->sequence()->data());
    Published& published = published_.at(number);
    published.took.push_back(now_ - published.at);
  }

  MeshNetOptions options_;
  Prng prng_;
  Instant now_{};
  std::vector<Node> nodes_;
  std::map<PeerId, std::uint32_t> numbers_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> queue_;
  std::vector<Delivery> slots_;
  std::vector<std::size_t> free_;
  std::vector<Published> published_;
  std::uint64_t order_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace kith::pubsub
