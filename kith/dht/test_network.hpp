// For tests: hundreds or thousands of DHT nodes in one process. Requests take a virtual round trip;
// nodes can be away, on different sides of a broken network, or lie.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include <kith/base/prng.hpp>
#include <kith/dht/dht.hpp>
#include <kith/sim/world.hpp>

namespace kith::dht::testing {

using multiformats::Multiaddr;
using multiformats::Multihash;

inline PeerId peer_id(std::uint64_t number) {
  Bytes key(36, 0x6b);
  store_be(key.data() + 28, number);
  return PeerId::from_public_key(key);
}

inline Multihash content(std::uint64_t number) {
  Bytes digest(32, 0x63);
  store_be(digest.data(), number);
  return *Multihash::wrap(multiformats::Codec::sha2_256, digest);
}

/// "/ip4/A.B.C.D/tcp/4001" in the network of this number (a /16), each number another one.
inline Multiaddr address_in(std::uint16_t network, std::uint16_t host) {
  // 12.0/16 and on: global ones, up to 99.
  std::uint8_t bytes[4] = {
      static_cast<std::uint8_t>(12 + network / 256 % 88), static_cast<std::uint8_t>(network % 256),
      static_cast<std::uint8_t>(host / 256), static_cast<std::uint8_t>(host % 256)};
  return Multiaddr::of_ip(bytes, multiformats::Protocol::tcp, 4001);
}

class TestNetwork;

class TestNode final : public Network {
 public:
  TestNode(TestNetwork& network, PeerId id, Multiaddr address)
      : network_(network), id_(id), addresses_{std::move(address)} {}

  /// Whoever it is asked, this is the answer; nothing: none comes.
  using Lie = std::function<std::optional<Message>(const PeerId& from, const Message& request)>;

  const PeerId& id() const noexcept { return id_; }
  Dht& dht() noexcept { return *dht_; }
  bool runs() const noexcept { return dht_ != nullptr && !stopping_; }
  void lie(Lie lie) { lie_ = std::move(lie); }
  /// Requests, and streams on which something was told.
  std::uint64_t asked() const noexcept { return asked_; }
  /// How often others were told of a key, each of them counted.
  const std::map<Bytes, std::size_t>& told() const noexcept { return told_; }
  /// Nodes of different sides don't reach each other.
  void put_on_side(int side) noexcept { side_ = side; }

  void start(const routing::Validators& validators, DhtOptions options);
  Task<void> stop();
  /// A connection between both, as if by hand.
  void meet(TestNode& other);

  // Network
  const PeerId& self() const override { return id_; }
  Task<Answer> request(PeerId peer, Message request, Instant deadline) override;
  Task<void> tell(PeerId peer, Message message, Instant deadline) override;
  Task<void> tell_all(PeerId peer, std::function<std::optional<Message>()> next,
                      Instant deadline) override;
  Task<void> reach(PeerId peer, Instant deadline) override;
  bool connected(const PeerId& peer) const override { return connected_.contains(peer); }
  std::vector<Multiaddr> addresses(const PeerId& peer) const override;
  std::vector<Multiaddr> usable(std::vector<Multiaddr> addresses) const override {
    return addresses;
  }
  void heard(const PeerId&, const std::vector<Multiaddr>&) override {}
  std::vector<IpGroup> groups(std::span<const Multiaddr> addresses) const override {
    return groups_of(addresses);
  }
  void serve(RequestHandler handler) override { handler_ = std::move(handler); }
  void stop_serving() override { handler_ = nullptr; }
  void observe(NetworkObserver& observer) override { observer_ = &observer; }
  void stop_observing() override { observer_ = nullptr; }

 private:
  friend class TestNetwork;

  Task<void> stop_now();
  Task<TestNode*> travel(PeerId peer, Instant deadline);
  bool serves() const noexcept { return handler_ != nullptr || lie_ != nullptr; }
  void seen_by(TestNode& other) {
    if (serves() && other.observer_ != nullptr)
      other.observer_->on_server(id_, groups_of(addresses_));
  }

  TestNetwork& network_;
  PeerId id_;
  std::vector<Multiaddr> addresses_;
  RequestHandler handler_;
  Lie lie_;
  NetworkObserver* observer_ = nullptr;
  std::set<PeerId> connected_;
  std::map<Bytes, std::size_t> told_;
  std::uint64_t asked_ = 0;
  int side_ = 0;
  std::unique_ptr<Dht> dht_;
  bool stopping_ = false;
};

class TestNetwork {
 public:
  /// Nobody answers at once: a round trip takes between these. Who is away is given up after
  /// `dial_timeout`, or refuses at once, each half of the time.
  Duration round_trip_min = 10ms;
  Duration round_trip_max = 200ms;
  Duration dial_timeout = 5s;
  /// Whether messages are written and read again on their way.
  bool encode = true;

  TestNetwork(port::Env& env, std::uint64_t seed) : env_(env), prng_(seed) {}

  TestNode& add(PeerId id, Multiaddr address) {
    nodes_.push_back(std::make_unique<TestNode>(*this, id, std::move(address)));
    by_id_.emplace(id, nodes_.back().get());
    return *nodes_.back();
  }
  /// With an id and a network of its own, made of their number.
  TestNode& add() {
    std::size_t number = nodes_.size();
    return add(peer_id(number), address_in(static_cast<std::uint16_t>(number), 1));
  }
  /// That many nodes that run and serve, each of which knows one before it.
  void grow(std::size_t count, const DhtOptions& options = {.server = true}) {
    for (std::size_t i = 0; i < count; ++i) {
      TestNode& node = add();
      node.start(validators, options);
      if (nodes_.size() > 1) node.meet(*nodes_[prng_.below(nodes_.size() - 1)]);
    }
  }

  Task<void> stop_all() {
    for (auto& node : nodes_) {
      if (node->runs()) co_await node->stop();
    }
    co_return Result<void>{};
  }

  TestNode& node(std::size_t index) { return *nodes_.at(index); }
  std::size_t size() const noexcept { return nodes_.size(); }
  TestNode* find(const PeerId& id) {
    auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
  }

  /// Of those that serve and run, the nearest to a key.
  std::vector<PeerId> nearest(ByteView key, std::size_t count) {
    std::vector<std::pair<Key, PeerId>> all;
    for (auto& node : nodes_) {
      if (node->serves()) all.emplace_back(distance(Key::of(node->id()), Key::of(key)), node->id());
    }
    std::ranges::sort(all);
    std::vector<PeerId> peers;
    for (const auto& [away, peer] : all) {
      if (peers.size() < count) peers.push_back(peer);
    }
    return peers;
  }

  port::Env& env() noexcept { return env_; }
  Prng& prng() noexcept { return prng_; }
  std::uint64_t requests() const noexcept { return requests_; }

  routing::Validators validators;

 private:
  friend class TestNode;

  port::Env& env_;
  Prng prng_;
  std::vector<std::unique_ptr<TestNode>> nodes_;
  std::unordered_map<PeerId, TestNode*> by_id_;
  std::uint64_t requests_ = 0;
};

inline void TestNode::start(const routing::Validators& validators, DhtOptions options) {
  dht_ = std::make_unique<Dht>(network_.env_, *this, validators, std::move(options));
  dht_->start();
}

inline Task<void> TestNode::stop() {
  // From this call on, and not from when the task begins.
  stopping_ = true;
  return stop_now();
}

inline Task<void> TestNode::stop_now() {
  co_await dht_->close_shielded();
  stopping_ = false;
  dht_.reset();
  connected_.clear();
  co_return Result<void>{};
}

inline void TestNode::meet(TestNode& other) {
  connected_.insert(other.id_);
  other.connected_.insert(id_);
  seen_by(other);
  other.seen_by(*this);
}

inline Task<TestNode*> TestNode::travel(PeerId peer, Instant deadline) {
  port::Clock& clock = network_.env_.clock;
  ++network_.requests_;
  ++asked_;
  auto spread =
      static_cast<std::uint64_t>((network_.round_trip_max - network_.round_trip_min).count());
  Instant arrival =
      clock.now() + network_.round_trip_min + Duration(network_.prng_.below(spread + 1));
  TestNode* other = network_.find(peer);
  const bool away = other == nullptr || !other->serves() || other->side_ != side_;
  if (away && network_.prng_.chance(0.5)) arrival = clock.now() + network_.dial_timeout;
  Instant until = std::min(arrival, deadline);
  KITH_CO_CHECK(co_await port::sleep_until(clock, until));
  other = network_.find(peer);
  const bool there = other != nullptr && other->serves() && other->side_ == side_;
  if (!there || arrival > deadline) co_return std::unexpected(Errc::timed_out);
  co_return other;
}

inline Task<Answer> TestNode::request(PeerId peer, Message request, Instant deadline) {
  KITH_CO_TRY(TestNode * other, co_await travel(peer, deadline));
  if (network_.encode) request = *decode_message(encode_message(request));
  std::optional<Message> message;
  if (other->lie_) {
    message = other->lie_(id_, request);
  } else {
    std::vector<IpGroup> own = groups_of(addresses_);
    std::optional<IpGroup> group = own.empty() ? std::nullopt : std::optional(own[0]);
    auto answer = other->handler_(id_, group, request);
    if (answer) message = *std::move(answer);
  }
  seen_by(*other);
  if (!message) co_return std::unexpected(Errc::reset);
  if (network_.encode) message = *decode_message(encode_message(*message));
  co_return Answer{*std::move(message), groups_of(other->addresses_), true};
}

inline Task<void> TestNode::tell(PeerId peer, Message message, Instant deadline) {
  auto once = [&message, told = false]() mutable -> std::optional<Message> {
    if (std::exchange(told, true)) return std::nullopt;
    return std::move(message);
  };
  co_return co_await tell_all(peer, once, deadline);
}

inline Task<void> TestNode::tell_all(PeerId peer, std::function<std::optional<Message>()> next,
                                     Instant deadline) {
  KITH_CO_TRY(TestNode * other, co_await travel(peer, deadline));
  std::vector<IpGroup> own = groups_of(addresses_);
  std::optional<IpGroup> group = own.empty() ? std::nullopt : std::optional(own[0]);
  while (std::optional<Message> message = next()) {
    ++told_[message->key];
    if (other->lie_) {
      other->lie_(id_, *message);
    } else {
      static_cast<void>(other->handler_(id_, group, *message));
    }
  }
  co_return Result<void>{};
}

inline Task<void> TestNode::reach(PeerId peer, Instant deadline) {
  port::Clock& clock = network_.env_.clock;
  KITH_CO_CHECK(
      co_await port::sleep_until(clock, std::min(deadline, clock.now() + network_.round_trip_max)));
  TestNode* other = network_.find(peer);
  if (other == nullptr || !other->runs() || other->side_ != side_)
    co_return std::unexpected(Errc::timed_out);
  connected_.insert(peer);
  co_return Result<void>{};
}

inline std::vector<Multiaddr> TestNode::addresses(const PeerId& peer) const {
  if (peer == id_) return addresses_;
  TestNode* other = network_.find(peer);
  return other != nullptr ? other->addresses_ : std::vector<Multiaddr>();
}

}  // namespace kith::dht::testing
