#include <map>
#include <set>

#include <gtest/gtest.h>

#include <kith/exchange/bitswap_server.hpp>
#include <kith/exchange/test_network.hpp>

namespace kith::exchange {
namespace {

using namespace testing;

Cid cid_number(std::uint64_t number) {
  std::uint8_t bytes[8];
  store_be(bytes, number);
  return cid_of(bytes);
}

Want want_block(const Cid& cid, std::int32_t priority = 1, bool send_dont_have = true) {
  return {cid, priority, WantType::block, false, send_dont_have};
}
Want want_have(const Cid& cid, bool send_dont_have = true) {
  return {cid, 1, WantType::have, false, send_dont_have};
}
Want cancel(const Cid& cid) {
  return {cid, 0, WantType::block, true, false};
}

/// A server whose store is a table of sizes, answering at once.
struct Shop {
  BitswapServer server{7};
  std::map<Cid, std::uint64_t> store;
  std::size_t lookups = 0;

  void receive(const PeerId& peer, std::vector<Want> wants, bool full = false) {
    BitswapMessage message;
    message.wants = std::move(wants);
    message.full = full;
    for (const Cid& cid : server.receive(peer, message)) {
      ++lookups;
      auto found = store.find(cid);
      server.found(peer, cid, found == store.end() ? std::nullopt : std::optional(found->second));
    }
  }
  /// Everything that can be sent, each sent at once.
  std::vector<Reply> replies() {
    std::vector<Reply> all;
    while (auto reply = server.next_reply(Instant{})) {
      server.sent(reply->peer, reply->bytes, Instant{});
      all.push_back(*std::move(reply));
    }
    return all;
  }
  std::vector<Cid> blocks() {
    std::vector<Cid> all;
    for (const Reply& reply : replies()) {
      for (const auto& wanted : reply.blocks)
        all.push_back(wanted.cid);
    }
    return all;
  }
  std::vector<BlockPresence> presences() {
    std::vector<BlockPresence> all;
    for (const Reply& reply : replies())
      all.insert(all.end(), reply.presences.begin(), reply.presences.end());
    return all;
  }
};

const PeerId alice = peer_id(1);
const PeerId bob = peer_id(2);
const Cid here = cid_number(1'000'001);
const Cid small = cid_number(1'000'002);
const Cid missing = cid_number(1'000'003);

struct BitswapServerTest : ::testing::Test, Shop {
  BitswapServerTest() { store = {{here, 200'000}, {small, have_replace_bytes_max}}; }
};

TEST_F(BitswapServerTest, SendsAWantedBlockOnce) {
  receive(alice, {want_block(here)});
  auto all = replies();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].peer, alice);
  EXPECT_EQ(all[0].blocks[0].cid, here);
  EXPECT_EQ(all[0].bytes, 200'000U);
  EXPECT_TRUE(replies().empty());
  EXPECT_TRUE(server.wants_of(alice).empty());
  EXPECT_TRUE(server.peers().empty());
}

TEST_F(BitswapServerTest, AnswersWantHaveWithHaveOrWithASmallBlock) {
  receive(alice, {want_have(here), want_have(small)});
  auto all = replies();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].presences, (std::vector<BlockPresence>{{here, Presence::have}}));
  EXPECT_EQ(all[0].blocks[0].cid, small);
  EXPECT_TRUE(server.wants_of(alice).empty());
}

TEST_F(BitswapServerTest, SaysDontHaveOnlyToWhoAskedForIt) {
  receive(alice, {want_block(missing, 1, false)});
  EXPECT_TRUE(replies().empty());
  receive(bob, {want_have(missing), want_block(cid_number(9))});
  EXPECT_EQ(presences().size(), 2U);
}

TEST_F(BitswapServerTest, KeepsAWantForABlockThatComesLater) {
  receive(alice, {want_block(missing)});
  receive(bob, {want_have(missing)});
  EXPECT_EQ(presences().size(), 2U);
  EXPECT_TRUE(server.anybody_wants(missing));
  server.obtained(missing, 200'000);
  auto all = replies();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].peer == alice ? all[0].blocks.size() : all[1].blocks.size(), 1U);
  EXPECT_EQ(all[0].peer == bob ? all[0].presences.size() : all[1].presences.size(), 1U);
  EXPECT_FALSE(server.anybody_wants(missing));
}

TEST_F(BitswapServerTest, ABlockThatComesWhileItIsLookedUpIsSentOnce) {
  BitswapMessage message;
  message.wants = {want_block(missing)};
  EXPECT_EQ(server.receive(alice, message).size(), 1U);
  server.obtained(missing, 1000);
  server.found(alice, missing, std::nullopt);
  EXPECT_EQ(blocks(), std::vector<Cid>{missing});
}

TEST_F(BitswapServerTest, ForgetsWhatIsCancelled) {
  receive(alice, {want_block(here), want_block(missing)});
  receive(alice, {cancel(here), cancel(missing)});
  EXPECT_TRUE(blocks().empty());
  server.obtained(missing, 100);
  EXPECT_TRUE(replies().empty());
  EXPECT_TRUE(server.peers().empty());
}

TEST_F(BitswapServerTest, AFullWantlistReplacesTheFormerOne) {
  receive(alice, {want_block(here), want_block(missing)});
  receive(alice, {want_block(small)}, true);
  EXPECT_EQ(server.wants_of(alice), std::vector<Cid>{small});
  EXPECT_EQ(blocks(), std::vector<Cid>{small});
  receive(alice, {want_block(missing)});
  receive(alice, {}, true);
  EXPECT_FALSE(server.anybody_wants(missing));
}

TEST_F(BitswapServerTest, SendsTheUrgentFirstAndElseInOrder) {
  std::vector<Want> wants;
  for (std::uint64_t i = 0; i < 6; ++i) {
    store[cid_number(i)] = 100'000;
    wants.push_back(want_block(cid_number(i), i < 3 ? 5 : 10));
  }
  receive(alice, wants);
  EXPECT_EQ(blocks(), (std::vector<Cid>{cid_number(3), cid_number(4), cid_number(5), cid_number(0),
                                        cid_number(1), cid_number(2)}));
}

TEST_F(BitswapServerTest, AWantThatIsSaidAgainChangesItsPlaceAndKind) {
  store[missing] = 100'000;
  receive(alice, {want_block(here, 5), want_block(missing, 1)});
  receive(alice, {want_block(missing, 9)});
  EXPECT_EQ(blocks(), (std::vector<Cid>{missing, here}));
}

TEST_F(BitswapServerTest, PacksSmallBlocksAndSaysWhatIsPending) {
  std::vector<Want> wants;
  for (std::uint64_t i = 0; i < 100; ++i) {
    store[cid_number(i)] = 1000;
    wants.push_back(want_block(cid_number(i)));
  }
  receive(alice, wants);
  auto all = replies();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].blocks.size(), reply_target_bytes / 1000);
  EXPECT_EQ(all[0].pending_bytes, 100'000 - 65'000);
  EXPECT_EQ(all[1].pending_bytes, 0);
}

TEST_F(BitswapServerTest, IgnoresIdentityCidsAndBlocksThatFitNoMessage) {
  Bytes tiny = to_bytes("abc");
  receive(alice, {want_block(Cid::v1(Codec::raw, *Multihash::wrap(Codec::identity, tiny)))});
  EXPECT_EQ(lookups, 0U);
  store[missing] = ipld::block_bytes_max + 1;
  receive(alice, {want_block(missing)});
  EXPECT_EQ(presences(), (std::vector<BlockPresence>{{missing, Presence::dont_have}}));
}

TEST_F(BitswapServerTest, GivesAGreedyAndAModestPeerTheSameBytes) {
  std::vector<Want> greedy, modest;
  for (std::uint64_t i = 0; i < 800; ++i) {
    store[cid_number(i)] = i % 2 == 0 ? 300'000 : 20'000;
    greedy.push_back(want_block(cid_number(i), 1'000'000));
  }
  for (std::uint64_t i = 0; i < 20; ++i) {
    store[cid_number(2000 + i)] = 150'000;
    modest.push_back(want_block(cid_number(2000 + i), 1));
  }
  receive(alice, greedy);
  // Alice had much before Bob comes; Bob isn't owed it.
  for (int i = 0; i < 100; ++i) {
    auto reply = server.next_reply(Instant{});
    server.sent(reply->peer, reply->bytes, Instant{});
  }
  receive(bob, modest);
  std::map<PeerId, std::uint64_t> given;
  while (given[bob] < 20 * 150'000) {
    auto reply = server.next_reply(Instant{});
    ASSERT_TRUE(reply.has_value());
    given[reply->peer] += reply->bytes;
    server.sent(reply->peer, reply->bytes, Instant{});
    const auto difference = std::max(given[alice], given[bob]) - std::min(given[alice], given[bob]);
    ASSERT_LE(difference, 320'000 + reply_target_bytes);
  }
}

TEST_F(BitswapServerTest, BoundsWhatIsUnsentForOnePeerAndGoesOnWithOthers) {
  std::vector<Want> wants;
  for (std::uint64_t i = 0; i < 100; ++i) {
    store[cid_number(i)] = 1'000'000;
    wants.push_back(want_block(cid_number(i)));
  }
  receive(alice, wants);
  std::uint64_t unsent = 0;
  while (auto reply = server.next_reply(Instant{}))
    unsent += reply->bytes;
  EXPECT_EQ(unsent, 2'000'000U);
  EXPECT_EQ(server.unsent_bytes(), unsent);
  receive(bob, wants);
  auto reply = server.next_reply(Instant{});
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->peer, bob);
  EXPECT_FALSE(server.next_reply(Instant{})) << "one block is enough while others wait";
  server.sent(bob, reply->bytes, Instant{});
  server.sent(alice, unsent, Instant{});
  std::map<PeerId, int> next;
  for (int i = 0; i < 2; ++i)
    ++next[server.next_reply(Instant{}).value().peer];
  EXPECT_EQ(next[alice], 1);
  EXPECT_EQ(next[bob], 1);
}

/// Hands out whatever there is to peers that take nothing of it.
void hand_out_in_vain(BitswapServer& server, Instant& now) {
  for (int i = 0; i < 200; ++i) {
    while (server.next_reply(now)) {
    }
    now += slow_after;
  }
}

TEST_F(BitswapServerTest, BoundsWhatIsUnsentInAll) {
  for (std::uint64_t i = 0; i < 2; ++i)
    store[cid_number(i)] = 1'000'000;
  for (std::uint32_t i = 10; i < 200; ++i)
    receive(peer_id(i), {want_block(cid_number(0)), want_block(cid_number(1))});
  Instant now{};
  hand_out_in_vain(server, now);
  EXPECT_GE(server.unsent_bytes(), unsent_bytes_max - 1'000'000);
  EXPECT_LT(server.unsent_bytes(), unsent_bytes_max + ipld::block_bytes_max);
  EXPECT_TRUE(server.short_of_room());
}

TEST_F(BitswapServerTest, ManyThatTakeNothingLeaveRoomForWhoComesNext) {
  std::vector<Want> much;
  for (std::uint64_t i = 0; i < 20; ++i) {
    store[cid_number(i)] = 250'000;
    much.push_back(want_block(cid_number(i)));
  }
  for (std::uint32_t i = 10; i < 110; ++i)
    receive(peer_id(i), much);
  Instant now{};
  hand_out_in_vain(server, now);
  receive(alice, much);
  std::uint64_t taken = 0;
  while (auto reply = server.next_reply(now)) {
    EXPECT_EQ(reply->peer, alice);
    taken += reply->bytes;
  }
  EXPECT_GE(taken, 250'000U);
  EXPECT_LE(server.unsent_bytes(), unsent_bytes_max);
}

TEST_F(BitswapServerTest, ServesNoMorePeersAtATimeThanKeepTheLineBusy) {
  store[cid_number(0)] = 1'000'000;
  store[cid_number(1)] = 1'000'000;
  for (std::uint32_t i = 10; i < 60; ++i)
    receive(peer_id(i), {want_block(cid_number(0))});
  std::vector<PeerId> served;
  while (auto reply = server.next_reply(Instant{}))
    served.push_back(reply->peer);
  EXPECT_EQ(served.size(), upload_window_bytes_min / 1'000'000 + 1);
  EXPECT_FALSE(server.short_of_room());
  // Answers without blocks don't wait, and neither does the next peer once one has been served.
  receive(alice, {want_have(cid_number(1))});
  auto told = server.next_reply(Instant{});
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->peer, alice);
  EXPECT_TRUE(told->blocks.empty());
  server.sent(served[0], 1'000'000, Instant{});
  EXPECT_EQ(server.next_reply(Instant{}).value().blocks.size(), 1U);
  EXPECT_FALSE(server.next_reply(Instant{}));
}

TEST_F(BitswapServerTest, WhoTakesNothingHoldsUpOthersForAMomentOnly) {
  store[cid_number(0)] = 1'000'000;
  for (std::uint32_t i = 10; i < 13; ++i)
    receive(peer_id(i), {want_block(cid_number(0))});
  Instant now{};
  while (server.next_reply(now)) {
  }
  receive(alice, {want_block(cid_number(0))});
  EXPECT_FALSE(server.next_reply(now));
  EXPECT_EQ(server.next_deadline(), now + slow_after);
  now += slow_after - 1s;
  server.progress(peer_id(10), now);
  now += 1s;
  EXPECT_EQ(server.next_reply(now).value().peer, alice);
  // Who let us wait is served besides, as long as it does.
  receive(peer_id(11), {want_block(cid_number(0))});
  server.sent(peer_id(11), 1'000'000, now + slow_after);
  receive(bob, {want_block(cid_number(0))});
  std::set<PeerId> next;
  while (auto reply = server.next_reply(now + slow_after - 1s))
    next.insert(reply->peer);
  EXPECT_TRUE(next.contains(peer_id(11)));
}

/// Fills the window with what alice and peers 10 to 12 don't take; peer 12 waits.
void fill_window(Shop& shop, Instant now) {
  shop.store[cid_number(0)] = 1'000'000;
  shop.receive(alice, {want_block(here)});
  EXPECT_EQ(shop.server.next_reply(now).value().peer, alice);
  for (std::uint32_t i = 10; i < 13; ++i) {
    shop.receive(peer_id(i), {want_block(cid_number(0))});
    EXPECT_EQ(shop.server.next_reply(now).has_value(), i < 12);
  }
}

TEST_F(BitswapServerTest, WhoWaitsForABlockIsToldAtOnceWhatItAsksMeanwhile) {
  fill_window(*this, Instant{});
  receive(bob, {want_block(here)});
  EXPECT_FALSE(server.next_reply(Instant{}));
  receive(bob, {want_have(missing)});
  auto told = server.next_reply(Instant{});
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->presences, (std::vector<BlockPresence>{{missing, Presence::dont_have}}));
  EXPECT_TRUE(told->blocks.empty());
  EXPECT_FALSE(server.next_reply(Instant{})) << "it waits for the block as before";
}

TEST_F(BitswapServerTest, WhoIsSetAsideWhileItWaitsIsServedBesideTheWindow) {
  Instant now{};
  fill_window(*this, now);
  store[cid_number(1)] = 200'000;
  receive(alice, {want_block(cid_number(1))});
  now += slow_after - 1s;
  for (std::uint32_t i = 10; i < 12; ++i)
    server.progress(peer_id(i), now);
  EXPECT_FALSE(server.next_reply(now));
  now += 1s;
  EXPECT_EQ(server.next_reply(now).value().peer, peer_id(12)) << "it was given the least";
  EXPECT_EQ(server.next_reply(now).value().peer, alice) << "though the window is full again";
}

TEST_F(BitswapServerTest, WhoTakesAgainWhileItWaitsIsServedInTheWindow) {
  Instant now{};
  fill_window(*this, now);
  now += slow_after;
  EXPECT_EQ(server.next_reply(now).value().peer, peer_id(12)) << "all others are set aside";
  for (std::uint32_t i = 20; i < 23; ++i) {
    receive(peer_id(i), {want_block(cid_number(0))});
    EXPECT_EQ(server.next_reply(now).has_value(), i < 22);
  }
  now += slow_after - 1s;
  for (std::uint32_t i : {12, 20, 21})
    server.progress(peer_id(i), now);
  now += 1s;
  receive(alice, {want_block(here)});
  receive(peer_id(10), {want_block(here)});
  server.sent(alice, 200'000, now);
  server.sent(peer_id(10), 1'000'000, now);
  server.progress(alice, now);
  EXPECT_EQ(server.next_reply(now).value().peer, peer_id(10)) << "alice was given less";
  EXPECT_FALSE(server.next_reply(now));
}

TEST_F(BitswapServerTest, ARoomTooSmallForWhoComesFirstServesWhoNeedsLess) {
  ServerOptions options;
  options.unsent_bytes_max = 500'000;
  BitswapServer modest(7, options);
  const auto want = [&modest](const PeerId& peer, std::uint64_t number, std::uint64_t size) {
    BitswapMessage message;
    message.wants = {want_block(cid_number(number))};
    modest.receive(peer, message);
    modest.found(peer, cid_number(number), size);
  };
  // Alice's second block doesn't fit beside the first; Carol, who was given more, asks for less.
  const PeerId carol = peer_id(3);
  want(alice, 1, 100'000);
  EXPECT_EQ(modest.next_reply(Instant{}).value().peer, alice);
  want(carol, 2, 110'000);
  EXPECT_EQ(modest.next_reply(Instant{}).value().peer, carol);
  want(alice, 3, 400'000);
  EXPECT_FALSE(modest.next_reply(Instant{}));
  EXPECT_TRUE(modest.short_of_room());
  want(carol, 4, 50'000);
  EXPECT_EQ(modest.next_reply(Instant{}).value().peer, carol);
  EXPECT_FALSE(modest.next_reply(Instant{}));
  EXPECT_TRUE(modest.short_of_room());
  modest.sent(carol, 110'000, Instant{});
  modest.sent(alice, 100'000, Instant{});
  EXPECT_EQ(modest.next_reply(Instant{}).value().peer, alice);
  EXPECT_FALSE(modest.next_reply(Instant{}));
  EXPECT_FALSE(modest.short_of_room()) << "nobody waits";
}

TEST_F(BitswapServerTest, GivesThoseWhoWantTheSameWhatItSentTheLeast) {
  std::vector<Want> wants;
  for (std::uint64_t i = 0; i < 8; ++i) {
    store[cid_number(i)] = 200'000;
    wants.push_back(want_block(cid_number(i)));
  }
  std::set<Cid> sent;
  for (std::uint32_t i = 10; i < 18; ++i) {
    receive(peer_id(i), wants);
    auto reply = server.next_reply(Instant{});
    ASSERT_EQ(reply->blocks.size(), 1U);
    sent.insert(reply->blocks[0].cid);
    server.sent(reply->peer, reply->bytes, Instant{});
    server.disconnected(reply->peer);
  }
  EXPECT_EQ(sent.size(), 8U);
}

TEST_F(BitswapServerTest, TellsWhoWantsABlock) {
  receive(alice, {want_block(cid_number(1))});
  receive(bob, {want_have(cid_number(1)), want_have(cid_number(2))});
  EXPECT_EQ(server.wanters_of(cid_number(1), 9), (std::vector<PeerId>{alice, bob}));
  EXPECT_EQ(server.wanters_of(cid_number(1), 1), (std::vector<PeerId>{alice}));
  EXPECT_TRUE(server.wanters_of(cid_number(3), 9).empty());
}

TEST_F(BitswapServerTest, BoundsTheWantsOfAFlood) {
  for (std::uint64_t round = 0; round < 3; ++round) {
    std::vector<Want> flood;
    for (std::uint64_t i = 0; i < message_wants_max; ++i)
      flood.push_back(want_block(cid_number(round * message_wants_max + i)));
    receive(alice, flood);
    EXPECT_LE(server.wants_of(alice).size(), wants_per_peer_max);
  }
  EXPECT_LE(lookups, 3 * wants_per_peer_max);
  EXPECT_EQ(presences().size(), presences_per_peer_max);
  EXPECT_GE(server.refused_wants(), 3 * (message_wants_max - wants_per_peer_max));
  server.disconnected(alice);
  EXPECT_TRUE(server.peers().empty());
}

TEST_F(BitswapServerTest, WhenFullGivesUpAbsentWantsThenTheLeastUrgent) {
  std::vector<Want> absent, queued;
  for (std::uint64_t i = 0; i < wants_per_peer_max; ++i)
    absent.push_back(want_block(cid_number(i), 5, false));
  receive(alice, absent);
  for (std::uint64_t i = 0; i < wants_per_peer_max; ++i) {
    store[cid_number(5000 + i)] = 100'000;
    queued.push_back(want_block(cid_number(5000 + i), static_cast<std::int32_t>(10 + i)));
  }
  receive(alice, queued);
  auto wants = server.wants_of(alice);
  EXPECT_EQ(wants.size(), wants_per_peer_max);
  EXPECT_TRUE(std::ranges::binary_search(wants, cid_number(5000)));
  EXPECT_FALSE(std::ranges::binary_search(wants, cid_number(0)));

  // Nothing absent is left: the least urgent goes, and is told so.
  store[here] = 100'000;
  receive(alice, {want_block(here, 11)});
  wants = server.wants_of(alice);
  EXPECT_TRUE(std::ranges::binary_search(wants, here));
  EXPECT_FALSE(std::ranges::binary_search(wants, cid_number(5000)));
  // What is less urgent than all others finds no place.
  receive(alice, {want_block(small, 1)});
  EXPECT_FALSE(std::ranges::binary_search(server.wants_of(alice), small));
  auto said = presences();
  EXPECT_EQ(said, (std::vector<BlockPresence>{{cid_number(5000), Presence::dont_have},
                                              {small, Presence::dont_have}}));
}

TEST_F(BitswapServerTest, ForgetsAPeerThatLeaves) {
  receive(alice, {want_block(here), want_block(missing)});
  auto reply = server.next_reply(Instant{});
  server.disconnected(alice);
  EXPECT_FALSE(server.anybody_wants(missing));
  EXPECT_FALSE(server.next_reply(Instant{}).has_value());
  server.sent(alice, reply->bytes, Instant{});
  EXPECT_TRUE(server.peers().empty());
  EXPECT_EQ(server.unsent_bytes(), 0U);
}

/// Against a slow reference: whatever is said, what is sent was wanted and present, once.
TEST_F(BitswapServerTest, SendsJustWhatIsWantedWhateverTheOrder) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Prng prng(seed);
    Shop shop;
    std::map<std::pair<PeerId, Cid>, WantType> wanted;
    for (int step = 0; step < 300; ++step) {
      const PeerId peer = peer_id(static_cast<std::uint32_t>(prng.between(1, 3)));
      const Cid cid = cid_number(prng.below(20));
      switch (prng.below(6)) {
        case 0:
        case 1: {
          WantType type = prng.chance(0.5) ? WantType::block : WantType::have;
          shop.receive(peer, {{cid, static_cast<std::int32_t>(prng.below(5)), type, false,
                               prng.chance(0.5)}});
          wanted[{peer, cid}] = type;
          break;
        }
        case 2:
          shop.receive(peer, {cancel(cid)});
          wanted.erase({peer, cid});
          break;
        case 3:
          if (shop.store.emplace(cid, prng.between(0, 5000)).second) {
            shop.server.obtained(cid, shop.store[cid]);
          }
          break;
        case 4:
          if (prng.chance(0.1)) {
            shop.server.disconnected(peer);
            std::erase_if(wanted, [&](const auto& entry) { return entry.first.first == peer; });
          }
          break;
        case 5:
          for (const Reply& reply : shop.replies()) {
            for (const auto& block : reply.blocks) {
              EXPECT_EQ(wanted.erase({reply.peer, block.cid}), 1U);
              EXPECT_TRUE(shop.store.contains(block.cid));
            }
          }
          break;
      }
    }
    for (const Reply& reply : shop.replies()) {
      for (const auto& block : reply.blocks)
        EXPECT_EQ(wanted.erase({reply.peer, block.cid}), 1U);
    }
    // All that is left was answered by HAVE, or isn't here.
    for (const auto& [key, type] : wanted) {
      auto found = shop.store.find(key.second);
      EXPECT_TRUE(found == shop.store.end() ||
                  (type == WantType::have && found->second > have_replace_bytes_max));
    }
    EXPECT_EQ(shop.server.unsent_bytes(), 0U);
  }
}

/// A server that keeps what is in `denied` from everybody.
struct Guard {
  std::set<Cid> denied;
  BitswapServer server{
      7, {}, [this](const PeerId&, const Cid& cid) { return !denied.contains(cid); }};

  std::vector<Cid> receive(std::vector<Want> wants) {
    BitswapMessage message;
    message.wants = std::move(wants);
    return server.receive(alice, message);
  }
  /// What is sent next, as one reply.
  Reply reply() {
    Reply reply = server.next_reply(Instant{}).value_or(Reply());
    if (reply.bytes > 0) server.sent(alice, reply.bytes, Instant{});
    return reply;
  }
};

const std::vector<BlockPresence> missing_is_not_here = {{missing, Presence::dont_have}};

TEST_F(BitswapServerTest, ForgetsAWantOfWhatThePeerMayNotHave) {
  Guard guard;
  guard.denied = {missing, here};
  EXPECT_TRUE(guard.receive({want_block(missing), want_block(here, 1, false)}).empty());
  EXPECT_EQ(guard.reply().presences, missing_is_not_here);
  EXPECT_TRUE(guard.server.peers().empty());
  guard.server.obtained(missing, 1000);
  guard.server.obtained(here, 1000);
  EXPECT_FALSE(guard.server.next_reply(Instant{}).has_value());
}

TEST_F(BitswapServerTest, ADeniedBlockIsKeptBackAtEachStepOfItsWay) {
  for (const WantType type : {WantType::block, WantType::have}) {
    const Want want{missing, 1, type, false, true};
    // While it is looked up.
    Guard guard;
    EXPECT_EQ(guard.receive({want}).size(), 1U);
    guard.denied = {missing};
    guard.server.found(alice, missing, 200'000);
    EXPECT_EQ(guard.reply().presences, missing_is_not_here);
    // While it is absent. DONT_HAVE was said, and once more would tell that it came.
    guard.denied.clear();
    EXPECT_EQ(guard.receive({want}).size(), 1U);
    guard.server.found(alice, missing, std::nullopt);
    EXPECT_EQ(guard.reply().presences, missing_is_not_here);
    guard.denied = {missing};
    guard.server.obtained(missing, 200'000);
    EXPECT_FALSE(guard.server.next_reply(Instant{}).has_value());
    EXPECT_TRUE(guard.server.peers().empty());
  }
  // While it stands in the queue.
  Guard guard;
  guard.receive({want_block(missing), want_block(here)});
  guard.server.found(alice, missing, 200'000);
  guard.server.found(alice, here, 200'000);
  guard.denied = {missing};
  const Reply sent = guard.reply();
  ASSERT_EQ(sent.blocks.size(), 1U);
  EXPECT_EQ(sent.blocks[0].cid, here);
  EXPECT_EQ(guard.reply().presences, missing_is_not_here);
  EXPECT_TRUE(guard.server.peers().empty());
  EXPECT_EQ(guard.server.unsent_bytes(), 0U);
}

TEST_F(BitswapServerTest, KeepsToTheBoundsThatAnOperatorSets) {
  ServerOptions options;
  options.unsent_bytes_per_peer_max = 100'000;
  options.unsent_bytes_max = 150'000;
  options.have_replace_bytes_max = 10;
  BitswapServer modest(7, options);
  for (const PeerId& peer : {alice, bob}) {
    BitswapMessage message;
    for (std::uint64_t i = 0; i < 4; ++i)
      message.wants.push_back({cid_number(i), 1, WantType::block, false, true});
    message.wants.push_back({cid_number(9), 1, WantType::have, false, true});
    for (const Cid& cid : modest.receive(peer, message))
      modest.found(peer, cid, cid == cid_number(9) ? 11 : 60'000);
  }
  std::size_t haves = 0;
  std::size_t blocks = 0;
  while (auto reply = modest.next_reply(Instant{})) {
    haves += reply->presences.size();
    blocks += reply->blocks.size();
  }
  EXPECT_EQ(haves, 2U);
  EXPECT_EQ(blocks, 2U) << "a second one for either is beyond 100,000 bytes";
  EXPECT_LE(modest.unsent_bytes(), options.unsent_bytes_max);
}

}  // namespace
}  // namespace kith::exchange
