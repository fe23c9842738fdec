// Peers that flood, lie and break promises, each against the limit that it meets.
#include <gtest/gtest.h>

#include <kith/pubsub/test_router.hpp>
#include <kith/pubsub/verify_queue.hpp>

namespace kith::pubsub {
namespace {

const std::string topic = "news";

std::vector<MessageId> ids(std::size_t count, const std::string& prefix = "id") {
  std::vector<MessageId> all;
  for (std::size_t i = 0; i < count; ++i)
    all.push_back(prefix + std::to_string(i));
  return all;
}

TEST(HostilePubsub, APeerHasAtMostSoManyForeignTopics) {
  RouterBench bench;
  bench.add(1);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  Rpc rpc;
  for (std::size_t i = 0; i < 2 * topics_per_peer_max; ++i)
    rpc.subscriptions.push_back({"t" + std::to_string(i), true});
  bench.from(1, std::move(rpc));
  EXPECT_EQ(bench.router.foreign_topics(), topics_per_peer_max);
  EXPECT_EQ(bench.router.counts().subscriptions_ignored, topics_per_peer_max);
  // What counts for us is heard all the same, and so is leaving.
  Rpc ours;
  ours.subscriptions.push_back({topic, true});
  ours.subscriptions.push_back({"t0", false});
  ours.subscriptions.push_back({"another", true});
  bench.from(1, std::move(ours));
  EXPECT_EQ(bench.router.peers(topic).size(), 1U);
  EXPECT_EQ(bench.router.peers("another").size(), 1U);
  bench.router.remove_peer(test_peer(1), bench.now);
  EXPECT_EQ(bench.router.foreign_topics(), 0U);
}

TEST(HostilePubsub, ManyPeersWithManyTopicsTakeFromTheGreediest) {
  RouterBench bench;
  const std::size_t floods = foreign_topics_max / topics_per_peer_max;
  for (std::uint32_t peer = 0; peer < floods; ++peer) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < topics_per_peer_max; ++i)
      names.push_back("t" + std::to_string(peer) + "." + std::to_string(i));
    bench.add(100 + peer, std::move(names));
  }
  EXPECT_EQ(bench.router.foreign_topics(), foreign_topics_max);
  bench.add(1, {"of interest", "another"});
  EXPECT_EQ(bench.router.foreign_topics(), foreign_topics_max);
  EXPECT_EQ(bench.router.peers("of interest").size(), 1U);
  EXPECT_EQ(bench.router.peers("another").size(), 1U);
}

TEST(HostilePubsub, AGraftFloodEndsBelowZero) {
  RouterBench bench(RouterBench::scored(careful_scores()));
  bench.add_many(1, 2, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  Rpc prune;
  prune.prune.push_back({topic});
  bench.from(1, std::move(prune));
  bench.forget();
  for (int i = 0; i < 5; ++i)
    bench.graft_from(1, topic);
  EXPECT_FALSE(bench.in_mesh(1, topic));
  EXPECT_EQ(bench.take(1).prune.size(), 5U);
  // Twice each, since they come within graft_flood of the prune.
  EXPECT_EQ(bench.router.score_report(test_peer(1)).behaviour, 10);
  EXPECT_LT(bench.router.score(test_peer(1)), 0);
  EXPECT_EQ(bench.router.counts().grafts_refused, 5U);
}

TEST(HostilePubsub, AGraftLaterInTheBackoffCostsOnce) {
  RouterBench bench(RouterBench::scored(careful_scores()));
  bench.add_many(1, 1, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  Rpc prune;
  prune.prune.push_back({topic});
  bench.from(1, std::move(prune));
  bench.pass(30s);
  const double before = bench.router.score_report(test_peer(1)).behaviour;
  bench.graft_from(1, topic);
  EXPECT_EQ(bench.router.score_report(test_peer(1)).behaviour, before + 1);
}

TEST(HostilePubsub, IHavesAreHeardTenTimesAHeartbeatAndFiveThousandIdsLong) {
  RouterBench bench;
  bench.add(1, {topic});
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.forget();
  for (int i = 0; i < 15; ++i)
    bench.ihave_from(1, topic, ids(10, "a" + std::to_string(i)));
  EXPECT_EQ(bench.take(1).iwant.size(), 100U);
  EXPECT_EQ(bench.router.counts().ihaves_ignored, 5U);
  bench.heartbeat();
  bench.forget();
  bench.ihave_from(1, topic, ids(8000, "b"));
  bench.ihave_from(1, topic, ids(10, "c"));
  EXPECT_EQ(bench.take(1).iwant.size(), 5000U);
}

TEST(HostilePubsub, WhoDoesNotSendWhatItPromisedIsBlamed) {
  RouterBench bench(RouterBench::scored(careful_scores()));
  bench.add_many(1, 2, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  const MessagePtr message = test_message(test_peer(9), 1, topic);
  bench.ihave_from(1, topic, {default_message_id(*message)});
  bench.ihave_from(2, topic, {"never"});
  // From whomever it comes.
  bench.message_from(2, message);
  bench.pass(5s);
  EXPECT_EQ(bench.router.counts().promises_broken, 1U);
  EXPECT_EQ(bench.router.score_report(test_peer(1)).behaviour, 0);
  EXPECT_GT(bench.router.score_report(test_peer(2)).behaviour, 0.9);
}

TEST(HostilePubsub, PromisesBrokenAgainAndAgainTakeAPeerOutOfEverything) {
  RouterBench bench(RouterBench::scored(careful_scores()));
  bench.add_many(1, 2, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  for (int beat = 0; beat < 10; ++beat) {
    for (int i = 0; i < 10; ++i)
      bench.ihave_from(1, topic, ids(100, std::to_string(beat) + "." + std::to_string(i) + "."));
    bench.heartbeat();
  }
  EXPECT_LT(bench.router.score(test_peer(1)), careful_scores().graylist_threshold);
  bench.forget();
  bench.message_from(1, test_message(test_peer(9), 1, topic));
  EXPECT_TRUE(bench.delivered.empty());
  EXPECT_GT(bench.router.counts().graylisted, 0U);
  EXPECT_FALSE(bench.in_mesh(1, topic));
}

TEST(HostilePubsub, IWantsAreAnsweredWithSoManyBytesAHeartbeat) {
  RouterBench bench;
  bench.add_many(1, 2, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  Rpc asks;
  for (std::uint64_t i = 0; i < 20; ++i) {
    const MessagePtr message = test_message(test_peer(9), i, topic, 1'000'000);
    bench.message_from(1, message);
    asks.iwant.push_back(default_message_id(*message));
  }
  bench.forget();
  bench.from(2, asks);
  EXPECT_EQ(bench.take(2).messages.size(), 9U);
  EXPECT_EQ(bench.router.counts().iwants_ignored, 1U);
  Rpc many;
  many.iwant = ids(2 * iwant_ids_per_heartbeat_max);
  bench.heartbeat();
  bench.from(2, std::move(many));
  EXPECT_EQ(bench.router.counts().iwants_ignored, 2U);
}

TEST(HostilePubsub, IDontWantsAreRememberedUpToALimit) {
  RouterBench bench;
  bench.add(1, {topic});
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  for (int beat = 0; beat < 6; ++beat) {
    Rpc rpc;
    rpc.idontwant = ids(3 * idontwant_ids_per_heartbeat_max, std::to_string(beat) + ".");
    bench.from(1, std::move(rpc));
    EXPECT_LE(bench.router.unwanted(test_peer(1)), unwanted_per_peer_max);
    bench.heartbeat();
  }
  EXPECT_EQ(bench.router.unwanted(test_peer(1)), 2 * idontwant_ids_per_heartbeat_max);
  bench.pass(4s);
  EXPECT_EQ(bench.router.unwanted(test_peer(1)), 0U);
  // A heartbeat's worth of RPCs, and one more.
  for (std::size_t i = 0; i <= bench.router.options().mesh.idontwant_messages_max; ++i) {
    Rpc rpc;
    rpc.idontwant = ids(1, std::to_string(i));
    bench.from(1, std::move(rpc));
  }
  EXPECT_EQ(bench.router.unwanted(test_peer(1)),
            bench.router.options().mesh.idontwant_messages_max);
}

TEST(HostilePubsub, InvalidMessagesTakeAPeerOutOfTheMeshAndThenOfEverything) {
  RouterBench bench(RouterBench::scored(careful_scores()));
  bench.add_many(1, 3, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.verdict = Verdict::reject;
  bench.message_from(1, test_message(test_peer(9), 1, topic));
  bench.message_from(1, test_message(test_peer(9), 2, topic));
  bench.heartbeat();
  EXPECT_FALSE(bench.in_mesh(1, topic));
  EXPECT_TRUE(bench.in_mesh(2, topic));
  for (std::uint64_t i = 3; i < 12; ++i)
    bench.message_from(1, test_message(test_peer(9), i, topic));
  EXPECT_GT(bench.router.counts().graylisted, 0U);
}

TEST(HostilePubsub, ComingBackCleansNobody) {
  RouterBench bench(RouterBench::scored(careful_scores()));
  bench.add(1, {topic});
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.verdict = Verdict::reject;
  for (std::uint64_t i = 0; i < 5; ++i)
    bench.message_from(1, test_message(test_peer(9), i, topic));
  const double before = bench.router.score(test_peer(1));
  ASSERT_LT(before, 0);
  bench.router.remove_peer(test_peer(1), bench.now);
  bench.pass(30min);
  bench.add(1, {topic});
  EXPECT_LE(bench.router.score(test_peer(1)), before + 0.01);
  bench.graft_from(1, topic);
  EXPECT_FALSE(bench.in_mesh(1, topic));
  bench.router.remove_peer(test_peer(1), bench.now);
  bench.pass(61min);
  bench.add(1, {topic});
  EXPECT_EQ(bench.router.score(test_peer(1)), 0);
}

TEST(HostilePubsub, MessagesThatWaitForAVerdictAreBounded) {
  RouterBench bench;
  bench.add_many(1, 2, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.verdict.reset();
  for (std::uint64_t i = 0; i < pending_messages_per_peer_max; ++i) {
    EXPECT_FALSE(bench.router.congested(test_peer(1)));
    bench.message_from(1, test_message(test_peer(9), i, topic));
  }
  EXPECT_TRUE(bench.router.congested(test_peer(1)));
  EXPECT_FALSE(bench.router.congested(test_peer(2)));
  bench.add_many(3, 8, topic);
  for (std::uint64_t i = 0; i < pending_messages_max; ++i)
    bench.message_from(3 + i % 8, test_message(test_peer(9), 10'000 + i, topic));
  EXPECT_EQ(bench.router.pending(), pending_messages_max);
  EXPECT_EQ(bench.router.counts().throttled, pending_messages_per_peer_max);
  for (Ticket ticket : bench.waiting)
    bench.router.validated(ticket, Verdict::accept, bench.now);
  EXPECT_EQ(bench.router.pending(), 0U);
  EXPECT_FALSE(bench.router.congested(test_peer(1)));
}

TEST(HostilePubsub, LongMessagesThatWaitAreBoundedByTheirBytes) {
  RouterBench bench;
  bench.add_many(1, 10, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.verdict.reset();
  for (std::uint32_t i = 0; i < 100; ++i)
    bench.message_from(1 + i % 10, test_message(test_peer(9), i, topic, 1'000'000));
  EXPECT_LE(bench.router.pending() * 1'000'000, pending_bytes_max);
  EXPECT_GT(bench.router.counts().throttled, 0U);
}

TEST(HostilePubsub, OnePeersRpcLeavesRoomForOthers) {
  RouterBench bench;
  bench.add_many(1, 2, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.verdict.reset();
  auto flood = [&bench](std::uint64_t first) {
    Rpc rpc;
    for (std::uint64_t i = 0; i < rpc_messages_max; ++i)
      rpc.messages.push_back(test_message(test_peer(9), first + i, topic));
    bench.from(1, std::move(rpc));
  };
  flood(0);
  EXPECT_EQ(bench.router.pending(), pending_messages_share);
  // Nor is there more of it for who leaves and comes again.
  bench.router.remove_peer(test_peer(1), bench.now);
  bench.add(1, {topic});
  flood(100'000);
  EXPECT_EQ(bench.router.pending(), pending_messages_share);
  bench.message_from(2, test_message(test_peer(9), 200'000, topic));
  EXPECT_EQ(bench.router.pending(), pending_messages_share + 1);
}

TEST(HostilePubsub, PeersTakeTurnsToHaveTheirSignaturesLookedAt) {
  VerifyQueue queue;
  for (std::uint64_t i = 0; i < 100; ++i)
    queue.push({Ticket{i}, nullptr, test_peer(1)});
  queue.push({Ticket{100}, nullptr, test_peer(2)});
  queue.push({Ticket{101}, nullptr, test_peer(2)});
  std::vector<Ticket> order;
  while (!queue.empty())
    order.push_back(queue.pop().ticket);
  EXPECT_EQ(order.size(), 102U);
  order.resize(5);
  EXPECT_EQ(order, (std::vector{Ticket{0}, Ticket{100}, Ticket{1}, Ticket{101}, Ticket{2}}));
}

/// A peer that promises a message of that author, which is asked for.
MessagePtr promised(RouterBench& bench, std::uint32_t author) {
  const MessagePtr message = test_message(test_peer(author), 1, topic);
  bench.ihave_from(1, topic, {default_message_id(*message)});
  return message;
}

TEST(HostilePubsub, AnIWantThatNeverWentOutIsNoPromise) {
  RouterBench bench(RouterBench::scored(careful_scores()));
  bench.add(1, {topic});
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.sends = false;
  promised(bench, 9);
  bench.pass(2 * promise_wait_max);
  EXPECT_EQ(bench.router.counts().promises_broken, 0U);
  bench.sends = true;
  promised(bench, 9);
  bench.pass(5s);
  EXPECT_EQ(bench.router.counts().promises_broken, 1U);
}

TEST(HostilePubsub, AMessageThatIsOursKeepsAPromise) {
  RouterBench bench(RouterBench::scored(careful_scores()));
  bench.add(1, {topic});
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.message_from(1, promised(bench, 0));
  bench.pass(5s);
  EXPECT_EQ(bench.router.counts().promises_broken, 0U);
}

TEST(HostilePubsub, AMessageOfATopicThatWeLeftKeepsAPromise) {
  RouterBench bench(RouterBench::scored(careful_scores()));
  bench.add(1, {topic});
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  const MessagePtr message = promised(bench, 9);
  bench.router.unsubscribe(topic, bench.now);
  bench.message_from(1, message);
  bench.pass(5s);
  EXPECT_EQ(bench.router.counts().promises_broken, 0U);
}

TEST(HostilePubsub, AMessageThatThereIsNoTimeForKeepsAPromise) {
  RouterBench bench(RouterBench::scored(careful_scores()));
  bench.add(1, {topic});
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  const MessagePtr message = promised(bench, 9);
  bench.verdict.reset();
  Rpc rpc;
  for (std::uint64_t i = 0; i < pending_messages_share; ++i)
    rpc.messages.push_back(test_message(test_peer(8), i, topic));
  rpc.messages.push_back(message);
  bench.from(1, std::move(rpc));
  EXPECT_EQ(bench.router.counts().throttled, 1U);
  for (Ticket ticket : bench.waiting)
    bench.router.validated(ticket, Verdict::accept, bench.now);
  bench.pass(5s);
  EXPECT_EQ(bench.router.counts().promises_broken, 0U);
}

TEST(HostilePubsub, APromiseWaitsForTheSignatureAndIsBrokenByAWrongOne) {
  for (bool right : {true, false}) {
    RouterOptions options = RouterBench::scored(careful_scores());
    options.signing = Signing::strict;
    RouterBench bench(std::move(options));
    bench.add(1, {topic});
    ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
    const MessagePtr message = test_message(test_peer(9), 1, topic, 10, true);
    bench.ihave_from(1, topic, {default_message_id(*message)});
    bench.forget();
    bench.message_from(1, message);
    ASSERT_EQ(bench.events.size(), 1U);
    const Ticket ticket = std::get<CheckSignature>(bench.events[0]).ticket;
    bench.pass(20s);
    EXPECT_EQ(bench.router.counts().promises_broken, 0U);
    bench.router.signature_checked(ticket, right, bench.now);
    bench.pass(5s);
    EXPECT_EQ(bench.router.counts().promises_broken, right ? 0U : 1U);
  }
}

TEST(HostilePubsub, PeersFromOneAddressShareTheBlame) {
  ScoreOptions scores = careful_scores();
  scores.colocation_threshold = 2;
  RouterBench bench(RouterBench::scored(scores));
  auto come = [&](std::uint32_t number, std::string_view where) {
    PeerInfo info;
    info.addresses.push_back(test_address(where));
    bench.router.add_peer(test_peer(number), std::move(info));
  };
  come(1, "/ip4/1.2.3.4/tcp/1");
  come(2, "/ip4/1.2.3.4/tcp/2");
  EXPECT_EQ(bench.router.score(test_peer(1)), 0);
  come(3, "/ip4/1.2.3.4/tcp/3");
  come(4, "/ip4/1.2.3.4/tcp/4");
  EXPECT_EQ(bench.router.score(test_peer(1)), -20);
  come(5, "/ip4/1.2.3.5/tcp/4");
  EXPECT_EQ(bench.router.score(test_peer(5)), 0);
  // Where a relay is says nothing of who comes through it.
  const std::string relay = "/ip4/1.2.3.9/tcp/1/p2p/" + test_peer(99).to_string();
  for (std::uint32_t i = 20; i < 24; ++i)
    come(i, relay + "/p2p-circuit");
  EXPECT_EQ(bench.router.score(test_peer(20)), 0);
  // A whole /64 is one place.
  for (std::uint32_t i = 10; i < 13; ++i)
    come(i, "/ip6/2001:db8::" + std::to_string(i) + "/tcp/1");
  EXPECT_EQ(bench.router.score(test_peer(10)), -5);
}

TEST(HostilePubsub, PeersToldOfByAnybodyAreNotDialed) {
  ScoreOptions scores = careful_scores();
  RouterBench bench(RouterBench::scored(scores));
  bench.add(1, {topic});
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  auto told = [&] {
    bench.forget();
    Prune prune{topic};
    for (std::uint32_t i = 100; i < 150; ++i)
      prune.peers.push_back({test_peer(i), {}});
    prune.peers.push_back({test_peer(0), {}});
    Rpc rpc;
    rpc.prune.push_back(std::move(prune));
    bench.from(1, std::move(rpc));
    return std::ranges::count_if(
        bench.events, [](const Event& event) { return std::holds_alternative<Connect>(event); });
  };
  EXPECT_EQ(told(), 0);
  for (std::uint64_t i = 0; i < 15; ++i)
    bench.message_from(1, test_message(test_peer(9), i, topic));
  ASSERT_GE(bench.router.score(test_peer(1)), scores.accept_exchange_threshold);
  const auto dialed = told();
  EXPECT_GT(dialed, 10);
  EXPECT_LE(dialed, 16);
}

TEST(HostilePubsub, WithoutScoresNobodyIsDialedWhoWasToldOf) {
  RouterBench bench;
  bench.add(1, {topic});
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.forget();
  Prune prune{topic};
  prune.peers.push_back({test_peer(100), {}});
  Rpc rpc;
  rpc.prune.push_back(std::move(prune));
  bench.from(1, std::move(rpc));
  for (const Event& event : bench.events)
    EXPECT_FALSE(std::holds_alternative<Connect>(event));
}

TEST(HostilePubsub, ABadMeshGraftsBetterPeers) {
  ScoreOptions scores;
  scores.application = [](const PeerId& peer) { return peer < test_peer(10) ? 1.0 : 20.0; };
  scores.application_weight = 1;
  RouterBench bench(RouterBench::scored(scores));
  bench.add_many(1, 6, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.add_many(10, 8, topic);
  bench.pass(59s);
  EXPECT_EQ(bench.router.mesh(topic).size(), 6U);
  bench.pass(2s);
  EXPECT_EQ(bench.router.mesh(topic).size(), 8U);
}

TEST(HostilePubsub, GossipIsForPeersAboveItsThreshold) {
  ScoreOptions scores;
  scores.application = [](const PeerId& peer) { return peer == test_peer(1) ? -15.0 : 0.0; };
  scores.application_weight = 1;
  RouterBench bench(RouterBench::scored(scores));
  bench.add_many(1, 2, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  EXPECT_FALSE(bench.in_mesh(1, topic));
  const MessagePtr message = test_message(test_peer(9), 1, topic);
  bench.message_from(1, message);
  EXPECT_EQ(bench.delivered.size(), 1U);
  bench.forget();
  bench.heartbeat();
  EXPECT_TRUE(bench.take(1).ihave.empty());
  bench.ihave_from(1, topic, {"other"});
  Rpc asks;
  asks.iwant = {default_message_id(*message)};
  bench.from(1, std::move(asks));
  const Rpc answer = bench.take(1);
  EXPECT_TRUE(answer.iwant.empty() && answer.messages.empty());
}

TEST(HostilePubsub, BackoffsOfOneTopicAreBounded) {
  RouterBench bench(RouterBench::scored(careful_scores()));
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.add_many(1, 12, topic);
  for (std::uint32_t i = 1; i <= 12; ++i)
    bench.graft_from(i, topic);
  // The mesh is full: whoever comes is held off, leaves, and comes under another name.
  for (std::uint32_t i = 100; i < 100 + backoffs_per_topic_max + 10; ++i) {
    bench.now += 1ms;
    bench.add(i, {topic});
    bench.graft_from(i, topic);
    bench.router.remove_peer(test_peer(i), bench.now);
  }
  EXPECT_FALSE(bench.router.backing_off(topic, test_peer(100), bench.now));
  EXPECT_TRUE(bench.router.backing_off(topic, test_peer(120), bench.now));
}

}  // namespace
}  // namespace kith::pubsub
