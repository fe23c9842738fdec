#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/txpool/test_pool.hpp>
#include <kith/ledger/txpool/tx_announcer.hpp>
#include <kith/ledger/txpool/tx_fetcher.hpp>

namespace kith::ledger {
namespace {

constexpr GossipPeer alice = 1;
constexpr GossipPeer bob = 2;
constexpr GossipPeer carol = 3;

PoolTransactionPointer numbered(std::uint64_t number) {
  static std::map<std::uint64_t, PoolTransactionPointer> made;
  PoolTransactionPointer& one = made[number];
  if (one == nullptr) one = TestTransaction{.mark = number}.made();
  return one;
}

struct Network {
  explicit Network(std::uint64_t seed = 1) : fetcher({}, seed) {}

  void join(GossipPeer peer, bool is_preferred = true) {
    ASSERT_TRUE(fetcher.add_peer(peer, is_preferred, now));
  }
  TxFetcher::Heard announce(GossipPeer peer, std::uint64_t first, std::uint64_t end) {
    std::vector<AnnouncedTransaction> all;
    for (; first < end; ++first)
      all.push_back(announced(*numbered(first)));
    return fetcher.on_announcement(
        peer, all, [this](const Hash& hash) { return pool.contains(hash); }, now);
  }
  /// Who is asked for how many.
  std::map<GossipPeer, std::size_t> ask() {
    std::map<GossipPeer, std::size_t> asked;
    for (const TxFetcher::Fetch& fetch : fetcher.next_requests(now)) {
      EXPECT_FALSE(asked.contains(fetch.peer));
      asked[fetch.peer] = fetch.request.hashes.size();
      requests[fetch.peer] = fetch.request;
    }
    return asked;
  }
  TxReply reply(GossipPeer peer, std::initializer_list<std::uint64_t> numbers) {
    TxReply reply{.id = requests[peer].id, .transactions = {}};
    for (const std::uint64_t number : numbers) {
      const auto one = numbered(number);
      reply.transactions.push_back(
          {one->transaction, one->hash, static_cast<std::uint32_t>(one->bytes)});
    }
    return reply;
  }
  TxFetcher::Answer answer(GossipPeer peer, std::initializer_list<std::uint64_t> numbers) {
    return fetcher.on_reply(peer, reply(peer, numbers));
  }

  TxFetcher fetcher;
  std::map<GossipPeer, TxRequest> requests;
  std::set<Hash> pool;
  Instant now{1h};
};

using Asked = std::map<GossipPeer, std::size_t>;
using Faults = std::vector<TxFault>;

TEST(TxFetcher, AsksWhoAnnouncedAndForgetsWhatHasCome) {
  Network net;
  net.join(alice);
  EXPECT_EQ(net.announce(alice, 0, 3).taken, 3U);
  EXPECT_EQ(net.ask(), (Asked{{alice, 3}}));
  EXPECT_TRUE(net.ask().empty());
  EXPECT_EQ(net.fetcher.in_flight(), 3U);
  const auto answer = net.answer(alice, {0, 1, 2});
  EXPECT_EQ(answer.wanted.size(), 3U);
  EXPECT_TRUE(answer.faults.empty());
  EXPECT_EQ(net.fetcher.announcements(), 0U);
  EXPECT_EQ(net.fetcher.wanted(), 0U);
  EXPECT_EQ(net.fetcher.next_deadline(), never);
}

TEST(TxFetcher, AsksOnePeerAtATimeAndAfterATimeoutTheNext) {
  Network net;
  net.join(alice);
  net.join(bob);
  net.announce(alice, 0, 1);
  EXPECT_EQ(net.ask(), (Asked{{alice, 1}}));
  net.announce(bob, 0, 1);
  EXPECT_TRUE(net.ask().empty());
  EXPECT_EQ(net.fetcher.next_deadline(), net.now + 5s);
  net.now += 5s;
  EXPECT_EQ(net.ask(), (Asked{{bob, 1}}));
  net.now += 5s;
  EXPECT_TRUE(net.ask().empty());
  // Nobody else: it may be announced again, but who owes an answer isn't asked.
  EXPECT_EQ(net.fetcher.announcements(), 0U);
  EXPECT_EQ(net.announce(alice, 0, 1).taken, 1U);
  EXPECT_TRUE(net.ask().empty());
  // A late answer is no fault, and of use.
  const auto late = net.answer(alice, {0});
  EXPECT_EQ(late.wanted.size(), 1U);
  EXPECT_TRUE(late.faults.empty());
  net.announce(alice, 1, 2);
  EXPECT_EQ(net.ask(), (Asked{{alice, 1}}));
}

TEST(TxFetcher, LetsStrangersWaitForPreferredPeers) {
  Network net;
  net.join(alice, false);
  net.join(bob, true);
  net.announce(alice, 0, 2);
  EXPECT_TRUE(net.ask().empty());
  EXPECT_EQ(net.fetcher.next_deadline(), net.now + 500ms);
  net.now += 400ms;
  net.announce(bob, 0, 1);
  EXPECT_EQ(net.ask(), (Asked{{bob, 1}}));
  net.now += 100ms;
  EXPECT_EQ(net.ask(), (Asked{{alice, 1}}));
}

TEST(TxFetcher, AsksPreferredPeersFirstWhenAllAreReady) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Network net(seed);
    net.join(alice, false);
    net.join(carol, false);
    net.join(bob, true);
    net.announce(alice, 0, 5);
    net.announce(carol, 0, 5);
    net.announce(bob, 0, 3);
    net.now += 1s;
    const Asked asked = net.ask();
    EXPECT_EQ(asked.at(bob), 3U);
    EXPECT_EQ(asked.size(), 2U);
  }
}

TEST(TxFetcher, SpreadsEqualsByLot) {
  std::set<GossipPeer> first;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Network net(seed);
    for (GossipPeer peer = 1; peer <= 3; ++peer) {
      net.join(peer);
      net.announce(peer, 0, 1);
    }
    first.insert(net.ask().begin()->first);
  }
  EXPECT_EQ(first.size(), 3U);
}

TEST(TxFetcher, HasOneRequestOfLimitedSizeWithAPeer) {
  Network net;
  net.join(alice);
  net.announce(alice, 0, 600);
  EXPECT_EQ(net.ask(), (Asked{{alice, 256}}));
  EXPECT_TRUE(net.ask().empty());
  EXPECT_EQ(net.fetcher.in_flight(), 256U);
  EXPECT_TRUE(net.answer(alice, {}).faults.empty());
  EXPECT_EQ(net.ask(), (Asked{{alice, 256}}));
  // By bytes, too.
  Network large;
  large.join(alice);
  std::vector<AnnouncedTransaction> all;
  for (std::uint64_t i = 0; i < 40; ++i)
    all.push_back({Hash::from_word(i), 2, 120'000});
  large.fetcher.on_announcement(alice, all, [](const Hash&) { return false; }, large.now);
  EXPECT_EQ(large.ask(), (Asked{{alice, 18}}));
}

TEST(TxFetcher, TakesGapsForMissingAndTheRestForCutOff) {
  Network net;
  net.join(alice);
  net.join(bob);
  net.announce(alice, 0, 5);
  ASSERT_EQ(net.ask(), (Asked{{alice, 5}}));
  net.announce(bob, 0, 5);
  EXPECT_TRUE(net.answer(alice, {1, 2}).faults.empty());
  // 0 isn't with alice; 3 and 4 she may be asked for again, or bob.
  const Asked asked = net.ask();
  std::size_t count = 0;
  for (const auto& [peer, hashes] : asked)
    count += hashes;
  EXPECT_EQ(count, 3U);
  EXPECT_TRUE(asked.contains(bob));
  for (const Hash& hash : net.requests[alice].hashes)
    EXPECT_TRUE(asked.at(bob) == 3 || hash != numbered(0)->hash);
}

TEST(TxFetcher, AnEmptyAnswerMeansThatNothingIsThere) {
  Network net;
  net.join(alice);
  net.announce(alice, 0, 5);
  net.ask();
  EXPECT_TRUE(net.answer(alice, {}).faults.empty());
  EXPECT_TRUE(net.ask().empty());
  EXPECT_EQ(net.fetcher.wanted(), 0U);
}

TEST(TxFetcher, TellsWhoSendsWhatNobodyAskedFor) {
  Network net;
  net.join(alice);
  EXPECT_EQ(net.answer(alice, {0}).faults, Faults{TxFault::unsolicited});
  net.announce(alice, 0, 3);
  net.ask();
  TxReply other = net.reply(alice, {0});
  ++other.id;
  EXPECT_EQ(net.fetcher.on_reply(alice, other).faults, Faults{TxFault::unsolicited});
  const auto answer = net.answer(alice, {1, 9, 0, 1, 2});
  // 9 wasn't asked for, 0 comes behind 1, and 1 twice.
  EXPECT_EQ(answer.faults, Faults(3, TxFault::unrequested));
  EXPECT_EQ(answer.wanted, (std::vector<std::size_t>{0, 4}));
  EXPECT_EQ(net.answer(alice, {0}).faults, Faults{TxFault::unsolicited});
  EXPECT_TRUE(net.fetcher.on_reply(77, other).faults.empty());
}

TEST(TxFetcher, TellsWhoLiedOfTypeOrSize) {
  Network net;
  net.join(alice);
  std::vector<AnnouncedTransaction> lies{announced(*numbered(0)), announced(*numbered(1))};
  lies[0].bytes += 1;
  lies[1].type = 1;
  net.fetcher.on_announcement(alice, lies, [](const Hash&) { return false; }, net.now);
  net.ask();
  const auto answer = net.answer(alice, {0, 1});
  EXPECT_EQ(answer.faults, (Faults{TxFault::lied_of_size, TxFault::lied_of_type}));
  EXPECT_EQ(answer.wanted.size(), 2U);
}

TEST(TxFetcher, AsksForNothingThatIsKnownRefusedOrUseless) {
  Network net;
  net.join(alice);
  net.pool.insert(numbered(0)->hash);
  net.fetcher.on_refused(numbered(1)->hash, net.now);
  EXPECT_EQ(net.announce(alice, 0, 3).known, 2U);
  EXPECT_EQ(net.announce(alice, 2, 3).known, 1U);
  std::vector<AnnouncedTransaction> odd{{Hash::from_word(1), 3, 100},
                                        {Hash::from_word(2), 9, 100},
                                        {Hash::from_word(3), 2, 0},
                                        {Hash::from_word(4), 2, 128 * 1024 + 1}};
  EXPECT_EQ(net.fetcher.on_announcement(
                           alice, odd, [](const Hash&) { return false; }, net.now)
                .useless,
            4U);
  EXPECT_EQ(net.ask(), (Asked{{alice, 1}}));
  // What was refused may be wanted later.
  net.now += 2 * refused_hashes_lifetime;
  net.announce(alice, 5, 6);
  net.now += 2 * refused_hashes_lifetime;
  EXPECT_EQ(net.announce(alice, 1, 2).taken, 1U);
}

TEST(TxFetcher, StopsAskingForWhatHasComeOtherwise) {
  Network net;
  net.join(alice);
  net.join(bob);
  net.announce(alice, 0, 2);
  net.ask();
  net.announce(bob, 0, 2);
  net.fetcher.on_have(numbered(0)->hash);
  net.now += 5s;
  EXPECT_EQ(net.ask(), (Asked{{bob, 1}}));
}

TEST(TxFetcher, GivesWhatALostPeerWasAskedForToOthers) {
  Network net;
  net.join(alice);
  net.join(bob);
  net.announce(alice, 0, 2);
  net.ask();
  net.announce(bob, 0, 1);
  net.fetcher.remove_peer(alice);
  EXPECT_EQ(net.ask(), (Asked{{bob, 1}}));
  EXPECT_EQ(net.fetcher.announcements(), 1U);
  net.fetcher.on_request_failed(bob, net.requests[bob].id);
  EXPECT_EQ(net.fetcher.announcements(), 0U);
  net.announce(bob, 4, 5);
  EXPECT_EQ(net.ask(), (Asked{{bob, 1}}));
}

TEST(TxFetcher, ForgetsWhatOnlyPeersThatFailedWereLeftFor) {
  Network net;
  net.join(alice);
  net.join(bob, false);
  net.announce(alice, 0, 1);
  net.ask();
  net.announce(bob, 0, 1);
  net.answer(alice, {});
  EXPECT_EQ(net.fetcher.announcements(), 2U);
  net.fetcher.remove_peer(bob);
  EXPECT_EQ(net.fetcher.announcements(), 0U);
}

TEST(TxFetcher, RemembersSoManyAnnouncementsOfAPeerAndNoMore) {
  Network net;
  net.join(alice);
  EXPECT_EQ(net.announce(alice, 0, 4'000).taken, 4'000U);
  const auto heard = net.announce(alice, 4'000, 4'200);
  EXPECT_EQ(heard.taken, 96U);
  EXPECT_EQ(heard.ignored, 104U);
  for (GossipPeer peer = 10; peer < 10 + gossip_peers_max - 1; ++peer)
    net.join(peer);
  EXPECT_FALSE(net.fetcher.add_peer(5, true, net.now));
  EXPECT_FALSE(net.fetcher.add_peer(alice, true, net.now));
  EXPECT_EQ(net.announce(10, 5'000, 5'400).taken, announcements_max / gossip_peers_max);
}

TEST(TxFetcher, LooksAtSoManyHashesASecondAndNoMore) {
  Network net;
  net.join(alice);
  std::vector<AnnouncedTransaction> all(4'096, announced(*numbered(0)));
  const auto announce = [&] {
    return net.fetcher.on_announcement(alice, all, [](const Hash&) { return true; }, net.now);
  };
  std::size_t looked = 0;
  for (int i = 0; i < 10; ++i)
    looked += announce().known;
  EXPECT_LE(looked, announce_burst);
  EXPECT_EQ(announce().flooded, 4'096U);
  net.now += 1s;
  EXPECT_EQ(announce().known, announce_rate - announce_message_price);
  // Messages of one hash pay, too.
  all.resize(1);
  net.now += 1s;
  int messages = 0;
  while (announce().flooded == 0)
    ++messages;
  EXPECT_LT(messages, 150);
  net.now += 24h;
  all.assign(4'096, announced(*numbered(0)));
  looked = 0;
  for (int i = 0; i < 10; ++i)
    looked += announce().known;
  EXPECT_LE(looked, announce_burst);
  EXPECT_GT(looked, announce_burst - 200);
}

TEST(TxFetcher, GetsEverythingFromAmongPeersThatLieStallAndLeave) {
  constexpr std::uint64_t count = 300;
  std::map<Hash, PoolTransactionPointer> by_hash;
  for (std::uint64_t number = 0; number < count; ++number)
    by_hash[numbered(number)->hash] = numbered(number);
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Network net(seed);
    Prng random(seed);
    constexpr GossipPeer honest = 100;
    for (GossipPeer peer = 0; peer < 12; ++peer)
      net.join(peer, random.chance(0.5));
    net.join(honest, random.chance(0.5));
    std::set<Hash> got;
    std::map<GossipPeer, TxRequest> open;
    std::map<Hash, Instant> in_flight;
    const auto landed = [&](const std::vector<Hash>& hashes) {
      for (const Hash& hash : hashes)
        in_flight.erase(hash);
    };
    for (int step = 0; step < 4'000 && got.size() < count; ++step) {
      const GossipPeer peer = random.below(12);
      if (random.chance(0.3)) {
        const std::uint64_t first = random.below(count);
        net.announce(peer, first, std::min(first + random.below(60), count));
      }
      if (step == 10) net.announce(honest, 0, count);
      if (random.chance(0.02)) {
        net.fetcher.remove_peer(peer);
        landed(open[peer].hashes);
        open.erase(peer);
        net.join(peer, random.chance(0.5));
      }
      std::erase_if(in_flight, [&](const auto& one) { return one.second <= net.now; });
      for (TxFetcher::Fetch& fetch : net.fetcher.next_requests(net.now)) {
        EXPECT_FALSE(fetch.request.hashes.empty());
        EXPECT_LE(fetch.request.hashes.size(), request_hashes_max);
        for (const Hash& hash : fetch.request.hashes)
          EXPECT_TRUE(in_flight.emplace(hash, net.now + 5s).second);
        open[fetch.peer] = std::move(fetch.request);
      }
      for (auto at = open.begin(); at != open.end();) {
        TxReply reply{.id = at->second.id, .transactions = {}};
        const bool is_honest = at->first == honest;
        if (!is_honest && random.chance(0.9)) {
          ++at;
          continue;
        }
        for (const Hash& hash : at->second.hashes) {
          if (!is_honest && random.chance(0.7)) continue;
          const auto one = by_hash.at(hash);
          reply.transactions.push_back(
              {one->transaction, one->hash, static_cast<std::uint32_t>(one->bytes)});
        }
        for (const std::size_t place : net.fetcher.on_reply(at->first, reply).wanted) {
          got.insert(reply.transactions[place].hash);
          net.pool.insert(reply.transactions[place].hash);
        }
        landed(at->second.hashes);
        at = open.erase(at);
      }
      net.now += 200ms;
    }
    EXPECT_EQ(got.size(), count) << seed;
  }
}

TEST(HashFilter, KeepsTheLatestAndForgetsTheOldest) {
  HashFilter filter(100, 7);
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    const Hash hash = numbered(i)->hash;
    EXPECT_FALSE(filter.contains(hash));
    filter.insert(hash);
    filter.insert(hash);
    EXPECT_TRUE(filter.contains(hash));
    EXPECT_LE(filter.size(), 200U);
    if (i >= 99) EXPECT_TRUE(filter.contains(numbered(i - 99)->hash));
    if (i >= 200) EXPECT_FALSE(filter.contains(numbered(i - 200)->hash));
  }
  filter.age();
  EXPECT_TRUE(filter.contains(numbered(999)->hash));
  filter.age();
  EXPECT_EQ(filter.size(), 0U);
}

TEST(TxAnnouncer, TellsEachPeerOnceOfWhatItDoesNotKnow) {
  TxAnnouncer announcer(1);
  const auto all = [](const Hash&) { return true; };
  const std::vector<PoolTransactionPointer> pool{numbered(0), numbered(1)};
  ASSERT_TRUE(announcer.add_peer(alice, pool));
  ASSERT_TRUE(announcer.add_peer(bob, {}));
  EXPECT_FALSE(announcer.add_peer(bob, {}));
  announcer.on_peer_knows(alice, numbered(1)->hash);
  announcer.on_peer_knows(bob, numbered(2)->hash);
  announcer.on_pending(*numbered(2));
  EXPECT_EQ(announcer.next_for(alice, all).transactions,
            (std::vector{announced(*numbered(0)), announced(*numbered(2))}));
  EXPECT_FALSE(announcer.has_for(alice));
  EXPECT_FALSE(announcer.has_for(bob));
  announcer.on_pending(*numbered(2));
  EXPECT_FALSE(announcer.has_for(alice));
  // What has left the pool meanwhile isn't told.
  announcer.on_pending(*numbered(3));
  EXPECT_TRUE(announcer.next_for(bob, [](const Hash&) { return false; }).transactions.empty());
  announcer.remove_peer(alice);
  EXPECT_FALSE(announcer.has_for(alice));
}

TEST(TxAnnouncer, HasBoundedQueuesAndMessages) {
  TxAnnouncer announcer(1);
  ASSERT_TRUE(announcer.add_peer(alice, {}));
  for (std::uint64_t i = 0; i < announce_queue_max + 100; ++i)
    announcer.on_pending(*numbered(i));
  const auto all = [](const Hash&) { return true; };
  EXPECT_EQ(announcer.next_for(alice, all).transactions.size(), announcement_hashes_max);
  EXPECT_EQ(announcer.next_for(alice, all).transactions.size(), announcement_hashes_max);
  EXPECT_TRUE(announcer.next_for(alice, all).transactions.empty());
}

}  // namespace
}  // namespace kith::ledger
