#include <gtest/gtest.h>

#include <kith/exchange/bitswap_client.hpp>
#include <kith/exchange/test_network.hpp>

namespace kith::exchange {
namespace {

using namespace testing;

const PeerId alice = peer_id(1);
const PeerId bob = peer_id(2);

Cid cid_number(std::uint64_t number) {
  std::uint8_t bytes[8];
  store_be(bytes, number);
  return cid_of(bytes);
}

struct BitswapClientTest : ::testing::Test {
  BitswapClient client{7};
  Instant now = Instant(1000s);
  JobId job = client.add_job(now);

  void want(std::uint64_t number) { client.want(job, cid_number(number), now); }
  std::vector<Want> take(const PeerId& peer) {
    client.poll(now);
    auto message = client.take_wantlist(peer);
    return message ? message->wants : std::vector<Want>();
  }
  void say(const PeerId& peer, std::uint64_t number, Presence presence) {
    client.presences(peer, {{cid_number(number), presence}}, now);
  }
  Arrival receive(const PeerId& peer, std::uint64_t number) {
    return client.received(peer, cid_number(number), 1000, now);
  }
};

TEST_F(BitswapClientTest, AsksAllForOneBlockAndOneForTheBlockItself) {
  client.connected(alice, now);
  client.connected(bob, now);
  want(1);
  EXPECT_EQ(client.poll(now).size(), 2U);
  for (const PeerId& peer : {alice, bob}) {
    auto wants = take(peer);
    ASSERT_EQ(wants.size(), 1U);
    EXPECT_EQ(wants[0].type, WantType::have);
    EXPECT_TRUE(wants[0].send_dont_have);
  }
  say(alice, 1, Presence::dont_have);
  say(bob, 1, Presence::have);
  auto wants = take(bob);
  ASSERT_EQ(wants.size(), 1U);
  EXPECT_EQ(wants[0].type, WantType::block);
  EXPECT_EQ(receive(bob, 1), Arrival::wanted);
  // Alice remembers the want until it is cancelled; Bob has answered it.
  wants = take(alice);
  ASSERT_EQ(wants.size(), 1U);
  EXPECT_TRUE(wants[0].cancel);
  EXPECT_TRUE(take(bob).empty());
  EXPECT_TRUE(client.wantlist().empty());
}

TEST_F(BitswapClientTest, NeverSaysWhatWasGivenUpBeforeItLeft) {
  client.connected(alice, now);
  want(1);
  client.poll(now);
  client.forget(job, cid_number(1));
  EXPECT_TRUE(take(alice).empty());
}

TEST_F(BitswapClientTest, WantsAgainWhatItHasJustCancelled) {
  client.connected(alice, now);
  want(1);
  EXPECT_EQ(take(alice).size(), 1U);
  client.forget(job, cid_number(1));
  want(1);
  auto wants = take(alice);
  ASSERT_EQ(wants.size(), 1U);
  EXPECT_FALSE(wants[0].cancel);
}

TEST_F(BitswapClientTest, SplitsAndOrdersLongWantlists) {
  client.connected(alice, now);
  want(0);
  take(alice);
  say(alice, 0, Presence::have);
  take(alice);
  receive(alice, 0);
  for (std::uint64_t i = 1; i <= 4; ++i)
    want(i);
  auto wants = take(alice);
  ASSERT_EQ(wants.size(), 4U);
  for (std::uint64_t i = 0; i < 4; ++i)
    EXPECT_EQ(wants[i].cid, cid_number(i + 1));
  EXPECT_GT(wants[0].priority, wants[3].priority);
}

TEST_F(BitswapClientTest, ABlockThatCrossesACancelIsADuplicateOnce) {
  client.connected(alice, now);
  client.connected(bob, now);
  want(1);
  take(alice);
  take(bob);
  EXPECT_EQ(receive(alice, 1), Arrival::wanted);
  EXPECT_EQ(take(bob).size(), 1U);
  EXPECT_EQ(receive(bob, 1), Arrival::duplicate);
  EXPECT_EQ(receive(bob, 1), Arrival::unasked);
  EXPECT_EQ(client.stats().duplicate_blocks, 1U);
  EXPECT_EQ(client.stats().blocks_received, 2U);
  EXPECT_EQ(client.stats().unasked_blocks, 1U);
}

TEST_F(BitswapClientTest, WhoAnswersTooLateIsAskedForTheNextBlock) {
  const PeerId carol = peer_id(3);
  for (const PeerId& peer : {alice, bob, carol})
    client.connected(peer, now);
  want(1);
  for (const PeerId& peer : {alice, bob, carol})
    take(peer);
  EXPECT_EQ(receive(alice, 1), Arrival::wanted);
  take(bob);
  take(carol);
  EXPECT_EQ(receive(bob, 1), Arrival::duplicate);
  say(carol, 1, Presence::have);
  for (std::uint64_t i = 10; i < 30; ++i)
    want(i);
  client.poll(now);
  for (const PeerId& peer : {alice, bob, carol}) {
    auto message = client.take_wantlist(peer);
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->wants.front().type, WantType::block);
  }
}

TEST_F(BitswapClientTest, BlocksNobodyAskedForEndInADisconnect) {
  client.connected(alice, now);
  EXPECT_FALSE(client.expects(alice));
  for (std::uint64_t i = 0; i < unasked_blocks_max; ++i) {
    EXPECT_EQ(receive(alice, i), Arrival::unasked);
    EXPECT_EQ(client.verdict(alice), Verdict::penalise);
  }
  receive(alice, 99);
  EXPECT_EQ(client.verdict(alice), Verdict::disconnect);
  EXPECT_EQ(client.verdict(bob), Verdict::ok);
}

TEST_F(BitswapClientTest, ABlockAskedOfAnotherPeerIsUnasked) {
  client.connected(alice, now);
  want(1);
  take(alice);
  client.connected(bob, now);
  EXPECT_EQ(receive(bob, 1), Arrival::unasked);
  EXPECT_TRUE(client.wanted(cid_number(1)));
}

TEST_F(BitswapClientTest, IgnoresAnswersToWhatItDidNotAsk) {
  client.connected(alice, now);
  say(alice, 1, Presence::have);
  want(2);
  say(alice, 2, Presence::have);
  client.poll(now);
  auto wants = client.take_wantlist(alice)->wants;
  ASSERT_EQ(wants.size(), 1U);
  EXPECT_EQ(wants[0].type, WantType::have);
}

TEST_F(BitswapClientTest, AsksOldPeersForBlocksOutright) {
  client.connected(alice, now);
  client.set_version(alice, BitswapVersion::v1_1_0);
  want(1);
  auto wants = take(alice);
  ASSERT_EQ(wants.size(), 1U);
  EXPECT_EQ(wants[0].type, WantType::block);
  EXPECT_EQ(receive(alice, 1), Arrival::wanted);
}

TEST_F(BitswapClientTest, AQuestionBecomesAWantWhenThePeerTurnsOutToBeOld) {
  client.connected(alice, now);
  want(1);
  client.poll(now);
  client.set_version(alice, BitswapVersion::v1_0_0);
  auto message = client.take_wantlist(alice);
  ASSERT_TRUE(message.has_value());
  auto again = encode_message(*message, BitswapVersion::v1_0_0);
  EXPECT_EQ(receive(alice, 1), Arrival::wanted);
}

TEST_F(BitswapClientTest, SaysItsOpenWishesAgainAfterABrokenStream) {
  client.connected(alice, now);
  want(1);
  EXPECT_EQ(take(alice).size(), 1U);
  EXPECT_TRUE(take(alice).empty());
  client.resend(alice);
  EXPECT_EQ(take(alice).size(), 1U);
}

TEST_F(BitswapClientTest, TakesABlockFromAPeerThatHasLeft) {
  client.connected(alice, now);
  want(1);
  take(alice);
  client.disconnected(alice, now);
  EXPECT_EQ(receive(alice, 1), Arrival::wanted);
  EXPECT_FALSE(client.wanted(cid_number(1)));
}

TEST_F(BitswapClientTest, RemembersAPeersFaultsWhenItComesBack) {
  client.connected(alice, now);
  for (std::uint64_t i = 0; i < unasked_blocks_max; ++i)
    EXPECT_EQ(receive(alice, 100 + i), Arrival::unasked);
  EXPECT_EQ(client.verdict(alice), Verdict::penalise);
  client.disconnected(alice, now);
  now += fault_memory / 2;
  client.connected(alice, now);
  EXPECT_EQ(receive(alice, 200), Arrival::unasked);
  EXPECT_EQ(client.verdict(alice), Verdict::disconnect);
  client.disconnected(alice, now);
  now += fault_memory / 2 + 1s;
  client.connected(alice, now);
  EXPECT_EQ(client.verdict(alice), Verdict::disconnect) << "an hour from its last going";
  client.disconnected(alice, now);
  now += fault_memory;
  client.connected(alice, now);
  EXPECT_EQ(client.verdict(alice), Verdict::ok);
}

TEST_F(BitswapClientTest, RemembersTheFaultsOfSoManyPeersAndNoMore) {
  for (std::uint32_t i = 0; i <= faults_remembered_max; ++i) {
    const PeerId peer = peer_id(1000 + i);
    client.connected(peer, now);
    receive(peer, 1);
    client.disconnected(peer, now);
  }
  client.connected(peer_id(1000), now);
  EXPECT_EQ(client.verdict(peer_id(1000)), Verdict::ok) << "the first was forgotten";
  client.connected(peer_id(1001), now);
  EXPECT_EQ(client.verdict(peer_id(1001)), Verdict::penalise);
}

TEST_F(BitswapClientTest, KnowsABlockByAnyCidOfItsBytes) {
  const Cid v1 = Cid::v1(Codec::dag_pb, cid_number(1).hash());
  const Cid v0 = *v1.to_v0();
  client.connected(alice, now);
  client.want(job, v0, now);
  auto wants = take(alice);
  ASSERT_EQ(wants.size(), 1U);
  EXPECT_EQ(wants[0].cid, v0);
  EXPECT_TRUE(client.wanted(cid_number(1)));
  client.want(job, v1, now);
  EXPECT_TRUE(take(alice).empty());
  client.obtained(cid_number(1));
  EXPECT_FALSE(client.wanted(v0));
  wants = take(alice);
  ASSERT_EQ(wants.size(), 1U);
  EXPECT_EQ(wants[0].cid, v0);
  EXPECT_TRUE(wants[0].cancel);
}

TEST_F(BitswapClientTest, AsksAPausedPeerNothingAndThenAllAfresh) {
  client.connected(alice, now);
  want(1);
  EXPECT_EQ(take(alice).size(), 1U);
  client.pause(alice);
  want(2);
  EXPECT_TRUE(client.poll(now).empty());
  EXPECT_FALSE(client.has_wantlist(alice));
  EXPECT_EQ(client.status(job, now).waiting, Waiting::no_sources);
  EXPECT_EQ(client.status(job, now).paused, 1U);
  // What it was asked before is still welcome.
  EXPECT_EQ(receive(alice, 1), Arrival::wanted);
  client.connected(alice, now);
  EXPECT_EQ(client.poll(now), std::vector<PeerId>{alice});
  auto message = client.take_wantlist(alice);
  ASSERT_TRUE(message.has_value());
  EXPECT_TRUE(message->full);
  ASSERT_EQ(message->wants.size(), 1U);
  EXPECT_EQ(message->wants[0].cid, cid_number(2));
}

TEST_F(BitswapClientTest, SaysFromWhomItWaits) {
  want(1);
  client.poll(now);
  const std::string cid = cid_number(1).to_string();
  EXPECT_EQ(describe(client.status(job, now)), "waiting for " + cid + ": no peer is connected");
  client.connected(alice, now);
  take(alice);
  EXPECT_EQ(describe(client.status(job, now)),
            "waiting for " + cid + ": asked 1 peer, no answer yet");
  say(alice, 1, Presence::dont_have);
  client.poll(now);
  EXPECT_EQ(describe(client.status(job, now)), "waiting for " + cid + ": no connected peer has it");
  say(alice, 1, Presence::have);
  take(alice);
  EXPECT_EQ(describe(client.status(job, now)),
            "waiting for " + cid + ": coming from " + alice.to_short_string());
  now = client.next_deadline();
  client.poll(now);
  EXPECT_EQ(describe(client.status(job, now)),
            "waiting for " + cid + ": " + alice.to_short_string() + " stopped sending");
}

}  // namespace
}  // namespace kith::exchange
