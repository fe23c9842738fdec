// One router on a bench, for tests: numbered peers, a clock that the test moves, and all that the
// router says, sorted by whom it is for.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <kith/crypto/keys.hpp>
#include <kith/pubsub/router.hpp>

namespace kith::pubsub {

inline crypto::PrivateKey test_key(std::uint32_t number) {
  std::array<std::uint8_t, 32> seed{};
  store_le(seed.data(), number);
  return crypto::PrivateKey::from_ed25519_seed(seed);
}

/// The id of no key, which is faster made.
inline PeerId test_peer(std::uint32_t number) {
  std::array<std::uint8_t, 36> key{0x08, 0x01, 0x12, 0x20};
  store_be(key.data() + 4, number);
  return PeerId::from_public_key(ByteView(key));
}

inline const IdHash test_hash(1, 2);

inline multiformats::Multiaddr test_address(std::string_view text) {
  return *multiformats::Multiaddr::parse(text);
}

inline Bytes sequence_bytes(std::uint64_t number) {
  Bytes bytes(8);
  store_be(bytes.data(), number);
  return bytes;
}

/// With an author and a number, and bytes in the signature's place.
inline MessagePtr test_message(const PeerId& author, std::uint64_t number, std::string_view topic,
                               std::size_t data_bytes = 10, bool with_signature = false) {
  const Bytes data(data_bytes, static_cast<std::uint8_t>(number));
  const Bytes sequence = sequence_bytes(number);
  MessageFields fields;
  fields.from = author.bytes();
  fields.data = data;
  fields.sequence = sequence;
  fields.topic = topic;
  const Bytes signature(64, 1);
  if (with_signature) fields.signature = signature;
  return Message::make(fields);
}

/// A peer that says everything without signatures, and answers as the test wants.
struct RouterBench {
  explicit RouterBench(RouterOptions options = unsigned_options(), std::uint64_t seed = 1)
      : router(test_peer(0), std::move(options), Prng(seed), test_hash, now) {}

  static RouterOptions unsigned_options() {
    RouterOptions options;
    options.signing = Signing::author;
    options.flood_publish = false;
    return options;
  }
  static RouterOptions scored(ScoreOptions scores) {
    RouterOptions options = unsigned_options();
    options.scores = std::move(scores);
    return options;
  }

  void add(std::uint32_t number, std::vector<std::string> topics = {},
           Protocol protocol = Protocol::gossipsub_1_2, bool outbound = false) {
    EXPECT_TRUE(router.add_peer(test_peer(number), {protocol, outbound, {}}));
    Rpc hello;
    for (std::string& topic : topics)
      hello.subscriptions.push_back({std::move(topic), true});
    from(number, std::move(hello));
  }
  void add_many(std::uint32_t first, std::uint32_t count, const std::string& topic,
                bool outbound = false) {
    for (std::uint32_t i = first; i < first + count; ++i)
      add(i, {topic}, Protocol::gossipsub_1_2, outbound);
  }

  void from(std::uint32_t number, Rpc rpc) {
    router.on_rpc(test_peer(number), std::move(rpc), now);
    poll();
  }
  void message_from(std::uint32_t number, const MessagePtr& message) {
    Rpc rpc;
    rpc.messages.push_back(message);
    from(number, std::move(rpc));
  }
  void graft_from(std::uint32_t number, const std::string& topic) {
    Rpc rpc;
    rpc.graft.push_back(topic);
    from(number, std::move(rpc));
  }
  void ihave_from(std::uint32_t number, const std::string& topic, std::vector<MessageId> ids) {
    Rpc rpc;
    rpc.ihave.push_back({topic, std::move(ids)});
    from(number, std::move(rpc));
  }

  /// Lets time go by, with all that the router has to do in it.
  void pass(Duration duration) {
    const Instant end = now + duration;
    while (router.deadline() <= end) {
      now = std::max(now, router.deadline());
      router.tick(now);
      poll();
    }
    now = end;
  }
  void heartbeat() { pass(1s); }

  void poll() {
    while (auto out = router.next_rpc()) {
      if (sends) router.asked(out->peer, out->rpc.iwant, now);
      merge(sent[out->peer], std::move(out->rpc));
    }
    while (auto event = router.next_event()) {
      if (auto* validate = std::get_if<Validate>(&*event)) {
        if (verdict) router.validated(validate->ticket, *verdict, now);
        if (!verdict) waiting.push_back(validate->ticket);
        return poll();
      }
      if (auto* deliver = std::get_if<Deliver>(&*event)) delivered.push_back(deliver->message);
      events.push_back(std::move(*event));
    }
  }

  static void merge(Rpc& into, Rpc rpc) {
    auto add = [](auto& to, auto& more) { std::ranges::move(more, std::back_inserter(to)); };
    add(into.subscriptions, rpc.subscriptions);
    add(into.messages, rpc.messages);
    add(into.ihave, rpc.ihave);
    add(into.iwant, rpc.iwant);
    add(into.graft, rpc.graft);
    add(into.prune, rpc.prune);
    add(into.idontwant, rpc.idontwant);
  }

  /// What the peer was sent since the last look.
  Rpc take(std::uint32_t number) {
    poll();
    return std::exchange(sent[test_peer(number)], {});
  }
  void forget() {
    poll();
    sent.clear();
    events.clear();
    delivered.clear();
  }
  std::vector<PeerId> who_got_messages() {
    poll();
    std::vector<PeerId> all;
    for (const auto& [peer, rpc] : sent) {
      if (!rpc.messages.empty()) all.push_back(peer);
    }
    return all;
  }
  std::size_t count(auto member) {
    poll();
    std::size_t sum = 0;
    for (const auto& [peer, rpc] : sent)
      sum += (rpc.*member).size();
    return sum;
  }
  bool in_mesh(std::uint32_t number, std::string_view topic) const {
    const std::vector<PeerId> mesh = router.mesh(topic);
    return std::ranges::find(mesh, test_peer(number)) != mesh.end();
  }

  Instant now{};
  GossipRouter router;
  /// Whether what it says goes out.
  bool sends = true;
  /// Nothing: messages wait.
  std::optional<Verdict> verdict = Verdict::accept;
  std::vector<Ticket> waiting;
  std::map<PeerId, Rpc> sent;
  std::vector<Event> events;
  std::vector<MessagePtr> delivered;
};

}  // namespace kith::pubsub
