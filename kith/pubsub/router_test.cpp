#include <gtest/gtest.h>

#include <kith/pubsub/test_router.hpp>

namespace kith::pubsub {
namespace {

const std::string topic = "news";

// Joining, leaving, the mesh.

TEST(GossipRouter, TellsOthersOfItsSubscriptions) {
  RouterBench bench;
  bench.add(1);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  Rpc told = bench.take(1);
  ASSERT_EQ(told.subscriptions.size(), 1U);
  EXPECT_TRUE(told.subscriptions[0].subscribe);
  bench.add(2);
  told = bench.take(2);
  ASSERT_EQ(told.subscriptions.size(), 1U);
  bench.router.unsubscribe(topic, bench.now);
  told = bench.take(1);
  ASSERT_EQ(told.subscriptions.size(), 1U);
  EXPECT_FALSE(told.subscriptions[0].subscribe);
  EXPECT_FALSE(bench.router.subscribe("", bench.now).has_value());
  EXPECT_FALSE(bench.router.subscribe(std::string(topic_bytes_max + 1, 'x'), bench.now));
}

TEST(GossipRouter, GraftsDegreePeersWhenItJoins) {
  RouterBench bench;
  bench.add_many(1, 20, topic);
  bench.add_many(21, 5, "else");
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  EXPECT_EQ(bench.router.mesh(topic).size(), 6U);
  EXPECT_EQ(bench.count(&Rpc::graft), 6U);
  for (const PeerId& peer : bench.router.mesh(topic))
    EXPECT_EQ(bench.sent[peer].graft, std::vector<std::string>{topic});
}

TEST(GossipRouter, PrunesItsMeshWhenItLeavesAndStaysAwayForAWhile) {
  RouterBench bench;
  bench.add_many(1, 6, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.forget();
  bench.router.unsubscribe(topic, bench.now);
  EXPECT_EQ(bench.count(&Rpc::prune), 6U);
  EXPECT_EQ(bench.sent[test_peer(1)].prune.at(0).backoff_seconds, 10U);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  EXPECT_TRUE(bench.router.mesh(topic).empty());
  bench.pass(11s);
  EXPECT_TRUE(bench.router.mesh(topic).empty());
  bench.pass(3s);
  EXPECT_EQ(bench.router.mesh(topic).size(), 6U);
}

TEST(GossipRouter, GraftsMoreBelowTheLowDegreeOnly) {
  RouterBench bench;
  bench.add_many(1, 5, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.add_many(6, 10, topic);
  bench.heartbeat();
  // None of the five was dialed, so two that were would be grafted, but there is none.
  EXPECT_EQ(bench.router.mesh(topic).size(), 5U);
  bench.router.remove_peer(bench.router.mesh(topic)[0], bench.now);
  bench.heartbeat();
  EXPECT_EQ(bench.router.mesh(topic).size(), 6U);
}

TEST(GossipRouter, PrunesDownToTheDegreeAndKeepsThoseItDialed) {
  RouterBench bench;
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.add_many(1, 10, topic);
  bench.add_many(11, 2, topic, true);
  for (std::uint32_t i = 1; i <= 12; ++i)
    bench.graft_from(i, topic);
  EXPECT_EQ(bench.router.mesh(topic).size(), 12U);
  bench.forget();
  bench.heartbeat();
  EXPECT_EQ(bench.router.mesh(topic).size(), 6U);
  EXPECT_TRUE(bench.in_mesh(11, topic) && bench.in_mesh(12, topic));
  EXPECT_EQ(bench.count(&Rpc::prune), 6U);
}

TEST(GossipRouter, AFullMeshLetsInOnlyWhomItDialed) {
  RouterBench bench;
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.add_many(1, 13, topic);
  bench.add_many(14, 1, topic, true);
  for (std::uint32_t i = 1; i <= 14; ++i)
    bench.graft_from(i, topic);
  EXPECT_FALSE(bench.in_mesh(13, topic));
  EXPECT_EQ(bench.take(13).prune.size(), 1U);
  EXPECT_TRUE(bench.in_mesh(14, topic));
}

TEST(GossipRouter, GraftsPeersItDialedIfTheMeshHasTooFew) {
  RouterBench bench;
  bench.add_many(1, 6, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.add_many(7, 3, topic, true);
  bench.heartbeat();
  const int dialed = bench.in_mesh(7, topic) + bench.in_mesh(8, topic) + bench.in_mesh(9, topic);
  EXPECT_EQ(dialed, 2);
}

TEST(GossipRouter, IgnoresGraftsForTopicsItIsNotIn) {
  RouterBench bench;
  bench.add(1, {topic});
  bench.graft_from(1, topic);
  EXPECT_TRUE(bench.take(1).prune.empty());
  EXPECT_TRUE(bench.router.mesh(topic).empty());
}

TEST(GossipRouter, DropsAPeerFromTheMeshWhenItUnsubscribesOrLeaves) {
  RouterBench bench;
  bench.add_many(1, 6, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  Rpc rpc;
  rpc.subscriptions.push_back({topic, false});
  bench.from(1, std::move(rpc));
  EXPECT_FALSE(bench.in_mesh(1, topic));
  bench.router.remove_peer(test_peer(2), bench.now);
  EXPECT_FALSE(bench.in_mesh(2, topic));
  EXPECT_EQ(bench.router.peers(topic).size(), 4U);
}

TEST(GossipRouter, ObeysTheBackoffThatAPeerNames) {
  RouterBench bench;
  bench.add(1, {topic});
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  ASSERT_TRUE(bench.in_mesh(1, topic));
  Rpc rpc;
  rpc.prune.push_back({topic, {}, 5});
  bench.from(1, std::move(rpc));
  EXPECT_FALSE(bench.in_mesh(1, topic));
  bench.pass(6s);
  EXPECT_FALSE(bench.in_mesh(1, topic));
  bench.pass(2s);
  EXPECT_TRUE(bench.in_mesh(1, topic));
}

TEST(GossipRouter, ABackoffWithoutEndIsAnHour) {
  RouterBench bench;
  bench.add(1, {topic});
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  Rpc rpc;
  rpc.prune.push_back({topic, {}, ~std::uint64_t{0} >> 1});
  bench.from(1, std::move(rpc));
  EXPECT_TRUE(bench.router.backing_off(topic, test_peer(1), bench.now + backoff_max));
  EXPECT_FALSE(bench.router.backing_off(topic, test_peer(1), bench.now + backoff_max + 3s));
}

TEST(GossipRouter, TellsOldPeersNothingTheyCannotRead) {
  RouterOptions options = RouterBench::unsigned_options();
  options.peer_exchange = true;
  RouterBench bench(std::move(options));
  bench.add(1, {topic}, Protocol::gossipsub_1_0);
  bench.add(2, {topic}, Protocol::gossipsub_1_1);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.router.unsubscribe(topic, bench.now);
  const Prune to_old = bench.take(1).prune.at(0);
  EXPECT_FALSE(to_old.backoff_seconds.has_value());
  EXPECT_TRUE(to_old.peers.empty());
  const Prune to_new = bench.take(2).prune.at(0);
  EXPECT_EQ(to_new.backoff_seconds, 10U);
  ASSERT_EQ(to_new.peers.size(), 1U);
  EXPECT_EQ(to_new.peers[0].peer, test_peer(1));
}

// Messages.

TEST(GossipRouter, PassesAMessageToTheMeshButNotBackNorToItsAuthor) {
  RouterBench bench;
  bench.add_many(1, 6, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.forget();
  bench.message_from(1, test_message(test_peer(2), 1, topic));
  const std::vector<PeerId> got = bench.who_got_messages();
  EXPECT_EQ(got.size(), 4U);
  EXPECT_EQ(std::ranges::count(got, test_peer(1)) + std::ranges::count(got, test_peer(2)), 0);
  EXPECT_EQ(bench.delivered.size(), 1U);
}

TEST(GossipRouter, DeliversAndPassesOnAMessageOnce) {
  RouterBench bench;
  bench.add_many(1, 6, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  const MessagePtr message = test_message(test_peer(9), 1, topic);
  bench.message_from(1, message);
  bench.forget();
  bench.message_from(2, message);
  bench.message_from(1, message);
  EXPECT_TRUE(bench.delivered.empty() && bench.who_got_messages().empty());
  EXPECT_EQ(bench.router.counts().duplicates, 2U);
  // Once it is forgotten it is a new one.
  bench.pass(121s);
  bench.message_from(2, message);
  EXPECT_EQ(bench.delivered.size(), 1U);
}

TEST(GossipRouter, PublishesToTheMeshOrWithFloodToAll) {
  for (bool flood : {false, true}) {
    RouterOptions options = RouterBench::unsigned_options();
    options.flood_publish = flood;
    RouterBench bench(std::move(options));
    bench.add_many(1, 20, topic);
    ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
    bench.forget();
    const MessagePtr message = test_message(test_peer(0), 1, topic);
    EXPECT_TRUE(bench.router.publish(message, bench.now).has_value());
    EXPECT_EQ(bench.who_got_messages().size(), flood ? 20U : 6U);
    EXPECT_EQ(bench.delivered.size(), 1U);
    auto again = bench.router.publish(message, bench.now);
    EXPECT_TRUE(!again && again.error().is(Errc::already_exists));
  }
}

TEST(GossipRouter, PublishesWithoutBeingSubscribedToAFanoutThatAges) {
  RouterBench bench;
  bench.add_many(1, 20, topic);
  EXPECT_TRUE(bench.router.publish(test_message(test_peer(0), 1, topic), bench.now).has_value());
  EXPECT_TRUE(bench.delivered.empty());
  const std::vector<PeerId> fanout = bench.router.fanout(topic);
  EXPECT_EQ(fanout.size(), 6U);
  EXPECT_EQ(bench.who_got_messages(), fanout);
  bench.router.remove_peer(fanout[0], bench.now);
  bench.heartbeat();
  EXPECT_EQ(bench.router.fanout(topic).size(), 6U);
  const std::vector<PeerId> before_joining = bench.router.fanout(topic);
  RouterBench other;
  bench.pass(62s);
  EXPECT_TRUE(bench.router.fanout(topic).empty());
  EXPECT_TRUE(bench.router.publish(test_message(test_peer(0), 2, topic), bench.now).has_value());
  const std::vector<PeerId> kept = bench.router.fanout(topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  EXPECT_EQ(bench.router.mesh(topic), kept);
  EXPECT_TRUE(bench.router.fanout(topic).empty());
}

TEST(GossipRouter, SendsFloodsubPeersEverything) {
  RouterBench bench;
  bench.add_many(1, 20, topic);
  bench.add(21, {topic}, Protocol::floodsub);
  bench.add(22, {"else"}, Protocol::floodsub);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.heartbeat();
  EXPECT_FALSE(bench.in_mesh(21, topic));
  bench.forget();
  bench.message_from(1, test_message(test_peer(9), 1, topic));
  const std::vector<PeerId> got = bench.who_got_messages();
  EXPECT_EQ(std::ranges::count(got, test_peer(21)), 1);
  EXPECT_EQ(std::ranges::count(got, test_peer(22)), 0);
}

TEST(GossipRouter, AsFloodsubItSendsAllToAllAndHasNoMesh) {
  RouterOptions options = RouterBench::unsigned_options();
  options.flood_only = true;
  RouterBench bench(std::move(options));
  bench.add_many(1, 20, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.graft_from(1, topic);
  bench.heartbeat();
  EXPECT_EQ(bench.count(&Rpc::graft) + bench.count(&Rpc::prune), 0U);
  bench.message_from(1, test_message(test_peer(99), 1, topic));
  EXPECT_EQ(bench.who_got_messages().size(), 19U);
}

TEST(GossipRouter, SendsDirectPeersEverythingAndNeverGraftsThem) {
  RouterOptions options = RouterBench::unsigned_options();
  options.direct_peers = {test_peer(1), test_peer(30)};
  RouterBench bench(std::move(options));
  bench.add_many(1, 3, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.heartbeat();
  EXPECT_FALSE(bench.in_mesh(1, topic));
  bench.graft_from(1, topic);
  EXPECT_EQ(bench.take(1).prune.size(), 1U);
  bench.forget();
  bench.message_from(2, test_message(test_peer(9), 1, topic));
  EXPECT_EQ(std::ranges::count(bench.who_got_messages(), test_peer(1)), 1);
  // The other isn't there: now and then it is dialed.
  bench.pass(301s);
  std::size_t dials = 0;
  for (const Event& event : bench.events) {
    if (const auto* connect = std::get_if<Connect>(&event)) dials += connect->peer == test_peer(30);
  }
  EXPECT_EQ(dials, 1U);
}

TEST(GossipRouter, IgnoresMessagesOfOtherTopicsAndItsOwn) {
  RouterBench bench;
  bench.add_many(1, 2, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.message_from(1, test_message(test_peer(9), 1, "else"));
  bench.message_from(1, test_message(test_peer(0), 1, topic));
  EXPECT_TRUE(bench.delivered.empty());
}

TEST(GossipRouter, PassesOnOnlyWhatTheValidatorAccepts) {
  for (Verdict verdict : {Verdict::reject, Verdict::ignore}) {
    RouterBench bench;
    bench.add_many(1, 6, topic);
    ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
    bench.forget();
    bench.verdict = verdict;
    bench.message_from(1, test_message(test_peer(9), 1, topic));
    EXPECT_TRUE(bench.delivered.empty() && bench.who_got_messages().empty());
    // And it isn't asked again.
    bench.verdict = Verdict::accept;
    bench.message_from(2, test_message(test_peer(9), 1, topic));
    EXPECT_TRUE(bench.delivered.empty());
  }
}

// Gossip.

TEST(GossipRouter, TellsPeersOutsideTheMeshWhatThereIs) {
  RouterBench bench;
  bench.add_many(1, 30, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  const MessagePtr message = test_message(test_peer(99), 1, topic);
  bench.message_from(1, message);
  for (int beat = 0; beat < 5; ++beat) {
    bench.forget();
    bench.heartbeat();
    const bool told = beat < 3;
    EXPECT_EQ(bench.count(&Rpc::ihave), told ? 6U : 0U) << beat;
    for (const auto& [peer, rpc] : bench.sent) {
      const std::vector<PeerId> mesh = bench.router.mesh(topic);
      if (!rpc.ihave.empty()) EXPECT_EQ(std::ranges::count(mesh, peer), 0);
    }
  }
}

TEST(GossipRouter, TellsAQuarterOfManyPeers) {
  RouterBench bench;
  bench.add_many(1, 46, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.message_from(1, test_message(test_peer(99), 1, topic));
  bench.forget();
  bench.heartbeat();
  EXPECT_EQ(bench.count(&Rpc::ihave), 10U);
}

TEST(GossipRouter, AsksForWhatItHasNotSeen) {
  RouterBench bench;
  bench.add_many(1, 2, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  const MessagePtr known = test_message(test_peer(9), 1, topic);
  bench.message_from(1, known);
  bench.ihave_from(2, topic, {default_message_id(*known), "other"});
  EXPECT_EQ(bench.take(2).iwant, std::vector<MessageId>{"other"});
  bench.ihave_from(2, "else", {"third"});
  EXPECT_TRUE(bench.take(2).iwant.empty());
}

TEST(GossipRouter, AnswersWhoAsksThreeTimesForAsLongAsItKeepsMessages) {
  RouterBench bench;
  bench.add_many(1, 8, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  const MessagePtr message = test_message(test_peer(99), 1, topic);
  bench.message_from(1, message);
  bench.forget();
  auto ask = [&](std::uint32_t number) {
    Rpc rpc;
    rpc.iwant = {default_message_id(*message), "unheard of"};
    bench.from(number, std::move(rpc));
    return bench.take(number).messages.size();
  };
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(ask(2), 1U);
  EXPECT_EQ(ask(2), 0U);
  EXPECT_EQ(bench.router.counts().iwants_ignored, 1U);
  bench.pass(4s);
  EXPECT_EQ(ask(3), 1U);
  bench.pass(1s);
  EXPECT_EQ(ask(4), 0U);
}

// IDONTWANT.

TEST(GossipRouter, SaysOfLongMessagesThatItHasThem) {
  RouterBench bench;
  bench.add_many(1, 5, topic);
  bench.add(6, {topic}, Protocol::gossipsub_1_1);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.forget();
  bench.message_from(1, test_message(test_peer(9), 1, topic, 1023));
  EXPECT_EQ(bench.count(&Rpc::idontwant), 0U);
  bench.verdict.reset();
  const MessagePtr message = test_message(test_peer(9), 2, topic, 1024);
  bench.message_from(1, message);
  // Before it is validated, to all but who sent it and who can't read it.
  EXPECT_EQ(bench.count(&Rpc::idontwant), 4U);
  EXPECT_TRUE(bench.take(1).idontwant.empty());
  EXPECT_TRUE(bench.take(6).idontwant.empty());
  EXPECT_EQ(bench.take(2).idontwant, std::vector<MessageId>{default_message_id(*message)});
}

TEST(GossipRouter, DoesNotSendWhatAPeerDoesNotWantForThreeHeartbeats) {
  RouterBench bench;
  bench.add_many(1, 6, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  auto unwanted = [&](std::uint64_t number) {
    const MessagePtr message = test_message(test_peer(9), number, topic);
    Rpc rpc;
    rpc.idontwant = {default_message_id(*message)};
    bench.from(2, std::move(rpc));
    return message;
  };
  const MessagePtr first = unwanted(1);
  const MessagePtr second = unwanted(2);
  bench.pass(2s);
  bench.forget();
  bench.message_from(1, first);
  EXPECT_EQ(bench.who_got_messages().size(), 4U);
  Rpc ask;
  ask.iwant = {default_message_id(*first)};
  bench.from(2, std::move(ask));
  EXPECT_TRUE(bench.take(2).messages.empty());
  bench.pass(2s);
  bench.forget();
  bench.message_from(1, second);
  EXPECT_EQ(bench.who_got_messages().size(), 5U);
}

// Policies.

TEST(GossipRouter, RefusesWhatItsSigningPolicyDoesNotAllow) {
  const PeerId author = test_peer(9);
  const MessagePtr bare = [] {
    MessageFields fields;
    fields.data = as_bytes("x");
    fields.topic = topic;
    return Message::make(fields);
  }();
  const MessagePtr stamped = test_message(author, 1, topic);
  const MessagePtr with_signature = test_message(author, 1, topic, 10, true);
  MessageFields short_number = with_signature->fields();
  short_number.sequence = short_number.sequence->first(7);
  const std::vector<MessagePtr> all = {bare, stamped, with_signature, Message::make(short_number)};
  const std::map<Signing, std::size_t> allowed = {
      {Signing::anonymous, 0}, {Signing::author, 1}, {Signing::strict, 2}};
  for (const auto& [signing, which] : allowed) {
    RouterOptions options = RouterBench::scored(careful_scores());
    options.signing = signing;
    RouterBench bench(std::move(options));
    bench.add(1, {topic});
    ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::uint64_t before = bench.router.counts().invalid;
      bench.message_from(1, all[i]);
      EXPECT_EQ(bench.router.counts().invalid - before, i == which ? 0U : 1U) << i;
    }
    EXPECT_LT(bench.router.score(test_peer(1)), 0);
  }
}

TEST(GossipRouter, AForgedCopyThatComesFirstDoesNotHideTheTrueOne) {
  RouterOptions options = RouterBench::scored(careful_scores());
  options.signing = Signing::strict;
  RouterBench bench(std::move(options));
  bench.add_many(1, 4, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  bench.forget();
  const MessagePtr real = test_message(test_peer(9), 1, topic, 2000, true);
  MessageFields fields = real->fields();
  const Bytes other(2000, 0xee);
  fields.data = other;
  const MessagePtr forged = Message::make(fields);
  bench.message_from(1, forged);
  bench.message_from(2, forged);
  bench.message_from(3, real);
  // The same forgery twice is checked once.
  ASSERT_EQ(bench.events.size(), 2U);
  EXPECT_EQ(bench.count(&Rpc::idontwant), 0U);
  const Ticket of_forged = std::get<CheckSignature>(bench.events[0]).ticket;
  const Ticket of_real = std::get<CheckSignature>(bench.events[1]).ticket;
  bench.router.signature_checked(of_forged, false, bench.now);
  bench.router.signature_checked(of_real, true, bench.now);
  bench.poll();
  ASSERT_EQ(bench.delivered.size(), 1U);
  EXPECT_EQ(bench.delivered[0], real);
  EXPECT_LT(bench.router.score(test_peer(1)), 0);
  EXPECT_LT(bench.router.score(test_peer(2)), 0);
  EXPECT_GE(bench.router.score(test_peer(3)), 0);
  EXPECT_EQ(bench.router.pending(), 0U);
}

TEST(GossipRouter, ARunIsItsSeed) {
  auto run = [](std::uint64_t seed) {
    RouterBench bench(RouterBench::unsigned_options(), seed);
    bench.add_many(1, 40, topic);
    EXPECT_TRUE(bench.router.subscribe(topic, bench.now).has_value());
    bench.message_from(1, test_message(test_peer(99), 1, topic));
    bench.pass(10s);
    Bytes all;
    for (const auto& [peer, rpc] : bench.sent)
      append(all, encode_rpc(rpc));
    return to_hex(all);
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(GossipRouter, ConnectsToItsDirectPeersAsOftenAsItIsTold) {
  for (bool flood_only : {false, true}) {
    RouterOptions options = RouterBench::unsigned_options();
    options.direct_peers = {test_peer(7)};
    options.mesh.direct_connect_ticks = 1;
    options.flood_only = flood_only;
    RouterBench bench(std::move(options));
    bench.pass(3s);
    EXPECT_EQ(bench.events.size(), 3U);
    for (const Event& event : bench.events)
      EXPECT_EQ(std::get<Connect>(event).peer, test_peer(7));
  }
}

TEST(GossipRouter, SendsNobodyWhatItSaidItDoesNotWant) {
  RouterOptions options = RouterBench::unsigned_options();
  options.direct_peers = {test_peer(1)};
  RouterBench bench(std::move(options));
  bench.add_many(1, 2, topic);
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  const MessagePtr message = test_message(test_peer(9), 1, topic);
  Rpc rpc;
  rpc.idontwant.push_back(default_message_id(*message));
  bench.from(1, std::move(rpc));
  bench.message_from(2, message);
  EXPECT_TRUE(bench.take(1).messages.empty());
  bench.message_from(2, test_message(test_peer(9), 2, topic));
  EXPECT_EQ(bench.take(1).messages.size(), 1U);
}

TEST(GossipRouter, TellsAPeerOnANewStreamOfTheMeshesThatItIsIn) {
  RouterBench bench;
  bench.add(1, {topic});
  ASSERT_TRUE(bench.router.subscribe(topic, bench.now));
  ASSERT_TRUE(bench.in_mesh(1, topic));
  bench.forget();
  EXPECT_TRUE(bench.router.add_peer(test_peer(1), {}));
  const Rpc hello = bench.take(1);
  EXPECT_EQ(hello.subscriptions.size(), 1U);
  EXPECT_EQ(hello.graft, std::vector<std::string>{topic});
}

}  // namespace
}  // namespace kith::pubsub
