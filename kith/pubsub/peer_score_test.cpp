#include <gtest/gtest.h>

#include <kith/pubsub/test_router.hpp>

namespace kith::pubsub {
namespace {

const std::string topic = "news";

struct ScoreBench {
  explicit ScoreBench(TopicScore scored, ScoreOptions rest = {})
      : scores(with(std::move(scored), std::move(rest)), 120s, test_hash) {
    scores.add_peer(one, {});
    scores.add_peer(two, {});
  }
  static ScoreOptions with(TopicScore scored, ScoreOptions rest) {
    rest.topics[topic] = scored;
    return rest;
  }
  void pass(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      now += 1s;
      scores.decay(now);
    }
  }
  void message(const PeerId& from, const MessageId& id) {
    scores.validating(id, now);
    scores.delivered(from, id, topic, now);
  }

  const PeerId one = test_peer(1);
  const PeerId two = test_peer(2);
  Instant now{};
  PeerScore scores;
};

TEST(PeerScore, P1CountsTimeInTheMeshUpToACap) {
  TopicScore scored;
  scored.weight = 0.5;
  scored.time_in_mesh_weight = 2;
  scored.time_in_mesh_cap = 10;
  ScoreBench bench(scored);
  bench.pass(5);
  EXPECT_EQ(bench.scores.score(bench.one), 0);
  bench.scores.graft(bench.one, topic, bench.now);
  bench.pass(4);
  EXPECT_EQ(bench.scores.score(bench.one), 4);
  bench.pass(40);
  EXPECT_EQ(bench.scores.score(bench.one), 10);
  bench.scores.prune(bench.one, topic);
  EXPECT_EQ(bench.scores.score(bench.one), 0);
}

TEST(PeerScore, P2CountsFirstDeliveriesThatFade) {
  TopicScore scored;
  scored.first_deliveries_weight = 1;
  scored.first_deliveries_cap = 8;
  ScoreBench bench(scored);
  for (int i = 0; i < 10; ++i)
    bench.message(bench.one, "m" + std::to_string(i));
  bench.scores.duplicate(bench.two, "m1", topic, bench.now);
  EXPECT_EQ(bench.scores.score(bench.one), 8);
  EXPECT_EQ(bench.scores.score(bench.two), 0);
  bench.pass(1);
  EXPECT_EQ(bench.scores.score(bench.one), 4);
  bench.pass(20);
  EXPECT_EQ(bench.scores.score(bench.one), 0);
}

TEST(PeerScore, P3WantsAPeerOfTheMeshToDeliverInTime) {
  TopicScore scored;
  scored.mesh_deliveries_weight = -1;
  scored.mesh_deliveries_threshold = 4;
  scored.mesh_deliveries_decay = 0.999;
  scored.mesh_deliveries_activation = 5s;
  scored.mesh_failure_weight = -2;
  scored.mesh_failure_decay = 0.999;
  ScoreBench bench(scored);
  bench.scores.graft(bench.one, topic, bench.now);
  bench.scores.graft(bench.two, topic, bench.now);
  bench.pass(5);
  EXPECT_EQ(bench.scores.score(bench.one), 0);
  bench.pass(1);
  EXPECT_EQ(bench.scores.score(bench.one), -16);
  // Copies count that come before the verdict or soon after it, each peer's once.
  bench.scores.validating("a", bench.now);
  bench.scores.duplicate(bench.two, "a", topic, bench.now);
  bench.scores.duplicate(bench.two, "a", topic, bench.now);
  bench.scores.delivered(bench.one, "a", topic, bench.now);
  EXPECT_EQ(bench.scores.score(bench.one), -9);
  EXPECT_EQ(bench.scores.score(bench.two), -9);
  bench.message(bench.one, "b");
  bench.scores.duplicate(bench.two, "b", topic, bench.now + 10ms);
  EXPECT_EQ(bench.scores.score(bench.two), -4);
  bench.message(bench.one, "c");
  bench.scores.duplicate(bench.two, "c", topic, bench.now + 11ms);
  EXPECT_EQ(bench.scores.score(bench.two), -4);
  // P3b: what is missing sticks.
  bench.scores.prune(bench.two, topic);
  EXPECT_EQ(bench.scores.score(bench.two), -8);
}

TEST(PeerScore, P4BlamesEverybodyWhoSentAnInvalidMessage) {
  TopicScore scored;
  scored.invalid_weight = -1;
  ScoreBench bench(scored);
  bench.scores.validating("a", bench.now);
  bench.scores.duplicate(bench.two, "a", topic, bench.now);
  bench.scores.rejected(bench.one, "a", topic);
  EXPECT_EQ(bench.scores.score(bench.one), -1);
  EXPECT_EQ(bench.scores.score(bench.two), -1);
  bench.scores.duplicate(bench.two, "a", topic, bench.now);
  EXPECT_EQ(bench.scores.score(bench.two), -4);
  bench.scores.validating("b", bench.now);
  bench.scores.ignored("b");
  bench.scores.duplicate(bench.two, "b", topic, bench.now);
  EXPECT_EQ(bench.scores.score(bench.two), -4);
}

TEST(PeerScore, P5IsTheApplications) {
  ScoreOptions rest;
  rest.application = [](const PeerId& peer) { return peer == test_peer(1) ? 3.0 : 0.0; };
  rest.application_weight = 10;
  ScoreBench bench({}, rest);
  EXPECT_EQ(bench.scores.score(bench.one), 30);
  EXPECT_EQ(bench.scores.score(bench.two), 0);
}

TEST(PeerScore, P7CountsBeyondItsThresholdSquared) {
  ScoreOptions rest;
  rest.behaviour_weight = -1;
  rest.behaviour_threshold = 2;
  rest.behaviour_decay = 0.5;
  ScoreBench bench({}, rest);
  bench.scores.penalize(bench.one, 2);
  EXPECT_EQ(bench.scores.score(bench.one), 0);
  bench.scores.penalize(bench.one, 3);
  EXPECT_EQ(bench.scores.score(bench.one), -9);
  bench.pass(2);
  EXPECT_EQ(bench.scores.score(bench.one), 0);
}

TEST(PeerScore, TheSumOverTopicsIsCappedAbove) {
  TopicScore scored;
  scored.first_deliveries_weight = 10;
  scored.invalid_weight = -1;
  ScoreOptions rest;
  rest.topic_score_cap = 5;
  ScoreBench bench(scored, rest);
  bench.message(bench.one, "a");
  EXPECT_EQ(bench.scores.score(bench.one), 5);
  bench.scores.invalid(bench.two, topic);
  EXPECT_EQ(bench.scores.score(bench.two), -1);
}

TEST(PeerScore, TopicsThatAreNotScoredDoNotCount) {
  TopicScore scored;
  scored.invalid_weight = -1;
  ScoreBench bench(scored);
  bench.scores.invalid(bench.one, "else");
  EXPECT_EQ(bench.scores.score(bench.one), 0);
}

TEST(PeerScore, KeepsBoundedWhoHasGoneAndWhatCame) {
  TopicScore scored;
  scored.invalid_weight = -1;
  ScoreBench bench(scored);
  for (std::uint32_t i = 10; i < 10 + retained_scores_max + 5; ++i) {
    bench.scores.add_peer(test_peer(i), {});
    bench.scores.invalid(test_peer(i), topic);
    bench.scores.remove_peer(test_peer(i), bench.now);
  }
  EXPECT_EQ(bench.scores.retained(), retained_scores_max);
  EXPECT_EQ(bench.scores.score(test_peer(10)), 0);
  EXPECT_EQ(bench.scores.score(test_peer(20)), -1);
  for (std::size_t i = 0; i < delivery_records_max + 5; ++i)
    bench.scores.validating(std::to_string(i), bench.now);
  EXPECT_EQ(bench.scores.records(), delivery_records_max);
  bench.pass(121);
  EXPECT_EQ(bench.scores.records(), 0U);
}

// The vectors of the authors' reference implementation: key 00 01 .. 0f, input 00 01 .. of each
// length.
TEST(IdHash, IsSipHash24) {
  const IdHash hash(0x0706050403020100, 0x0f0e0d0c0b0a0908);
  std::string input;
  for (char i = 0; i < 63; ++i)
    input.push_back(i);
  const std::string_view whole = input;
  EXPECT_EQ(hash(whole.substr(0, 0)), 0x726fdb47dd0e0e31U);
  EXPECT_EQ(hash(whole.substr(0, 1)), 0x74f839c593dc67fdU);
  EXPECT_EQ(hash(whole.substr(0, 7)), 0xab0200f58b01d137U);
  EXPECT_EQ(hash(whole.substr(0, 8)), 0x93f5f5799a932462U);
  EXPECT_EQ(hash(whole.substr(0, 15)), 0xa129ca6149be45e5U);
  EXPECT_EQ(hash(whole.substr(0, 63)), 0x958a324ceb064572U);
}

// With a multiplication of input words alone, one word makes all that comes before it vanish,
// whatever the key.
TEST(IdHash, NoWordHidesWhatComesBeforeIt) {
  for (std::uint64_t key : {1, 2}) {
    const IdHash hash(key, 3);
    std::set<std::uint64_t> hashes;
    for (std::uint32_t i = 0; i < 1000; ++i) {
      Bytes id(48, 0);
      store_be(id.data(), i);
      store_le(id.data() + 24, std::uint64_t{0xe7037ed1a0b428db});
      hashes.insert(hash(as_text(id)));
    }
    EXPECT_EQ(hashes.size(), 1000U);
  }
}

TEST(SeenCache, ForgetsAfterTheFirstOrTheLastTime) {
  SeenCache first(10s, SeenStrategy::first_seen, test_hash);
  SeenCache last(10s, SeenStrategy::last_seen, test_hash);
  const Instant begin{};
  EXPECT_TRUE(first.add("a", begin) && last.add("a", begin));
  EXPECT_FALSE(first.add("a", begin + 6s) || last.add("a", begin + 6s));
  EXPECT_FALSE(first.seen("a", begin + 11s));
  EXPECT_TRUE(last.seen("a", begin + 11s));
  EXPECT_FALSE(last.seen("a", begin + 21s));
}

TEST(SeenCache, IsBounded) {
  SeenCache cache(10s, SeenStrategy::first_seen, test_hash, 3);
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(cache.add(std::to_string(i), Instant{}));
  EXPECT_EQ(cache.size(), 3U);
  EXPECT_FALSE(cache.seen("1", Instant{}));
  EXPECT_TRUE(cache.seen("2", Instant{}));
}

TEST(MessageCache, IsBoundedInNumberAndBytes) {
  MessageCache cache(5, 3, test_hash);
  for (std::uint64_t i = 0; i < 40; ++i) {
    const MessagePtr message = test_message(test_peer(1), i, topic, 1'000'000);
    cache.put(default_message_id(*message), message);
    if (i % 10 == 9) cache.shift();
  }
  EXPECT_LE(cache.bytes(), cached_bytes_max);
  EXPECT_GT(cache.bytes(), cached_bytes_max - 1'100'000);
  const MessagePtr newest = test_message(test_peer(1), 39, topic, 1'000'000);
  EXPECT_NE(cache.get(default_message_id(*newest), test_peer(2)).message, nullptr);
  const MessagePtr oldest = test_message(test_peer(1), 0, topic, 1'000'000);
  EXPECT_EQ(cache.get(default_message_id(*oldest), test_peer(2)).message, nullptr);
  for (int i = 0; i < 5; ++i)
    cache.shift();
  EXPECT_EQ(cache.bytes() + cache.size(), 0U);
}

TEST(RouterOptions, RefusesWhatDoesNotGoTogether) {
  EXPECT_TRUE(check({}).has_value());
  RouterOptions options;
  options.scores = careful_scores();
  EXPECT_TRUE(check(options).has_value());
  options.scores->publish_threshold = 1;
  EXPECT_FALSE(check(options).has_value());
  options = {};
  options.mesh.degree_low = 7;
  EXPECT_FALSE(check(options).has_value());
  options = {};
  options.mesh.history_gossip = 6;
  EXPECT_FALSE(check(options).has_value());
  options = {};
  options.mesh.degree = options.mesh.degree_low = options.mesh.degree_high = 0;
  options.mesh.degree_out = 0;
  EXPECT_TRUE(check(options).has_value());
}

}  // namespace
}  // namespace kith::pubsub
