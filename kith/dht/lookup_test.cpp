#include <deque>

#include <gtest/gtest.h>

#include <kith/dht/lookup.hpp>
#include <kith/dht/test_network.hpp>

namespace kith::dht {
namespace {

using testing::peer_id;
using Candidate = Lookup::Candidate;

const PeerId self = peer_id(1'000'000);
const Key target = Key::of(as_bytes("target"));
const Instant start{1h};

/// So many peers, the nearest to the target first.
std::vector<PeerId> by_distance(std::size_t count, std::uint64_t first = 0) {
  std::vector<PeerId> peers;
  for (std::uint64_t i = first; peers.size() < count; ++i)
    peers.push_back(peer_id(i));
  std::ranges::sort(peers, {}, [](const PeerId& peer) { return distance(Key::of(peer), target); });
  return peers;
}

std::vector<Candidate> candidates(std::span<const PeerId> peers) {
  std::vector<Candidate> all;
  for (const PeerId& peer : peers)
    all.push_back({peer, {}});
  return all;
}

std::vector<PeerId> take_all(Lookup& lookup, Instant now) {
  std::vector<PeerId> taken;
  while (auto peer = lookup.next(now))
    taken.push_back(*peer);
  return taken;
}

/// Lets everybody answer at once with `closer`, until the lookup is done; returns who was asked.
std::vector<PeerId> run(Lookup& lookup, const std::function<std::vector<Candidate>(PeerId)>& closer,
                        const std::function<std::vector<IpGroup>(PeerId)>& groups = nullptr) {
  std::vector<PeerId> asked;
  while (!lookup.done(start)) {
    std::vector<PeerId> now = take_all(lookup, start);
    if (now.empty()) {
      ADD_FAILURE() << "not done, and nobody to ask";
      break;
    }
    for (const PeerId& peer : now) {
      asked.push_back(peer);
      auto seen = groups ? std::optional(groups(peer)) : std::nullopt;
      lookup.answered(peer, seen, closer(peer));
    }
  }
  return asked;
}

TEST(Lookup, AsksTheNearestTenAtOnce) {
  Lookup lookup(target, self);
  std::vector<PeerId> peers = by_distance(40);
  std::vector<PeerId> mixed = peers;
  std::ranges::reverse(mixed);
  lookup.add(candidates(mixed));
  std::vector<PeerId> first = take_all(lookup, start);
  EXPECT_EQ(first, std::vector<PeerId>(peers.begin(), peers.begin() + 10));
  EXPECT_FALSE(lookup.done(start));
  lookup.answered(first[9], {}, {});
  EXPECT_EQ(take_all(lookup, start), std::vector<PeerId>{peers[10]});
}

TEST(Lookup, AsksTheRestOfTheNearestOnceTheThreeNearestHaveAnswered) {
  Lookup lookup(target, self);
  std::vector<PeerId> peers = by_distance(40);
  lookup.add(candidates(peers));
  take_all(lookup, start);
  lookup.answered(peers[0], {}, {});
  lookup.answered(peers[1], {}, {});
  EXPECT_EQ(take_all(lookup, start).size(), 2u);
  lookup.answered(peers[2], {}, {});
  EXPECT_EQ(take_all(lookup, start).size(), 8u) << "all of the twenty nearest";
  for (std::size_t i = 3; i < bucket_size; ++i) {
    EXPECT_FALSE(lookup.done(start)) << i;
    lookup.answered(peers[i], {}, {});
  }
  EXPECT_TRUE(lookup.done(start));
  EXPECT_EQ(lookup.nearest(), std::vector<PeerId>(peers.begin(), peers.begin() + 20));
  EXPECT_EQ(lookup.asked(), bucket_size);
}

TEST(Lookup, GoesOnWhenAnAnswerBringsNearerPeers) {
  Lookup lookup(target, self);
  std::vector<PeerId> peers = by_distance(200);
  lookup.add(candidates(std::span(peers).subspan(180)));
  // Everybody knows the twenty that are half as far down the list.
  auto closer = [&peers](const PeerId& peer) {
    auto place = std::ranges::find(peers, peer) - peers.begin();
    return candidates(std::span(peers).subspan(static_cast<std::size_t>(place) / 2, 20));
  };
  run(lookup, closer);
  EXPECT_EQ(lookup.nearest(), std::vector<PeerId>(peers.begin(), peers.begin() + 20));
  EXPECT_LT(lookup.asked(), 100u);
}

TEST(Lookup, IsDoneWhenNobodyIsLeft) {
  Lookup nobody(target, self);
  EXPECT_TRUE(nobody.done(start));
  Lookup lookup(target, self);
  std::vector<PeerId> peers = by_distance(2);
  lookup.add(candidates(peers));
  lookup.add({{Candidate{self, {}}}});
  EXPECT_EQ(take_all(lookup, start).size(), 2u) << "never ourselves";
  lookup.failed(peers[0]);
  EXPECT_FALSE(lookup.done(start));
  lookup.answered(peers[1], {}, candidates(peers));
  EXPECT_TRUE(lookup.done(start));
  EXPECT_EQ(lookup.nearest(), std::vector<PeerId>{peers[1]});
}

TEST(Lookup, PassesOverWhoFails) {
  Lookup lookup(target, self);
  std::vector<PeerId> peers = by_distance(30);
  lookup.add(candidates(peers));
  std::size_t failed = 0;
  while (!lookup.done(start)) {
    for (const PeerId& peer : take_all(lookup, start)) {
      if (failed < 10) {
        lookup.failed(peer);
        ++failed;
      } else {
        lookup.answered(peer, {}, {});
      }
    }
  }
  EXPECT_EQ(lookup.nearest(), std::vector<PeerId>(peers.begin() + 10, peers.end()));
}

TEST(Lookup, DoesntWaitForWhoIsSlow) {
  Lookup lookup(target, self);
  std::vector<PeerId> peers = by_distance(30);
  lookup.add(candidates(peers));
  take_all(lookup, start);
  EXPECT_EQ(lookup.deadline(start), start + lookup_slow_after);
  for (std::size_t i = 3; i < 10; ++i)
    lookup.answered(peers[i], {}, {});
  take_all(lookup, start);
  Instant later = start + lookup_slow_after;
  // The three nearest are slow: further ones take their place.
  std::vector<PeerId> more = take_all(lookup, later);
  EXPECT_EQ(more, std::vector<PeerId>(peers.begin() + 17, peers.end()));
  EXPECT_FALSE(lookup.done(later));
  Instant last = later + lookup_slow_after;
  EXPECT_TRUE(lookup.done(last)) << "everybody else is slow by now, and seven have answered";
  // One that answers after all counts.
  lookup.answered(peers[0], {}, {});
  EXPECT_EQ(lookup.nearest().front(), peers[0]);
}

TEST(Lookup, AsksAtMostSoMany) {
  LookupOptions options;
  options.asked_max = 50;
  Lookup lookup(target, self, options);
  lookup.add(candidates(by_distance(20)));
  std::uint64_t invented = 1000;
  // A liar's answers: ever more peers, none of which answers.
  std::size_t rounds = 0;
  while (!lookup.done(start) && ++rounds < 1000) {
    for (const PeerId& peer : take_all(lookup, start)) {
      if (lookup.answers() < 5) {
        lookup.answered(peer, {}, candidates(by_distance(40, invented)));
        invented += 40;
      } else {
        lookup.failed(peer);
      }
    }
  }
  EXPECT_EQ(lookup.asked(), 50u);
}

TEST(Lookup, KeepsSoManyCandidatesInMind) {
  Lookup lookup(target, self);
  std::vector<PeerId> peers = by_distance(3 * lookup_candidates_max);
  std::vector<PeerId> mixed = peers;
  std::ranges::reverse(mixed);
  lookup.add(candidates(mixed));
  run(lookup, [](const PeerId&) { return std::vector<Candidate>(); });
  EXPECT_EQ(lookup.nearest(), std::vector<PeerId>(peers.begin(), peers.begin() + 20));
}

TEST(Lookup, CountsThreePeersOfANetwork) {
  // The sixty nearest are of three networks, and know each other alone.
  std::vector<PeerId> peers = by_distance(200);
  auto groups = [&peers](const PeerId& peer) -> std::vector<IpGroup> {
    auto place = std::ranges::find(peers, peer) - peers.begin();
    return {IpGroup{static_cast<std::uint64_t>(place < 60 ? place % 3 : place)}};
  };
  std::vector<Candidate> ground;
  for (std::size_t i = 0; i < 60; ++i)
    ground.push_back({peers[i], groups(peers[i])});
  auto closer = [&](const PeerId& peer) {
    auto place = std::ranges::find(peers, peer) - peers.begin();
    std::vector<Candidate> told = ground;
    if (place >= 60) {
      for (std::size_t i = 60; i < 100; ++i)
        told.push_back({peers[i], groups(peers[i])});
    }
    return told;
  };
  Lookup lookup(target, self);
  for (std::size_t i = 100; i < 120; ++i)
    lookup.add({{Candidate{peers[i], groups(peers[i])}}});
  run(lookup, closer, groups);
  std::vector<PeerId> nearest = lookup.nearest();
  EXPECT_EQ(nearest.size(), bucket_size);
  std::size_t honest = 0;
  for (const PeerId& peer : nearest)
    honest += std::ranges::find(peers, peer) - peers.begin() >= 60 ? 1 : 0;
  EXPECT_EQ(honest, bucket_size - 3 * group_in_lookup_max);
}

TEST(Lookup, GoesByTheAddressAtWhichAPeerAnswered) {
  // The ground ones claim a network each, and sit in one.
  std::vector<PeerId> peers = by_distance(100);
  Lookup lookup(target, self);
  for (std::size_t i = 0; i < 100; ++i)
    lookup.add({{Candidate{peers[i], {IpGroup{i}}}}});
  auto groups = [&peers](const PeerId& peer) -> std::vector<IpGroup> {
    auto place = static_cast<std::uint64_t>(std::ranges::find(peers, peer) - peers.begin());
    return {IpGroup{place < 60 ? 7 : place}};
  };
  run(lookup, [](const PeerId&) { return std::vector<Candidate>(); }, groups);
  std::size_t honest = 0;
  for (const PeerId& peer : lookup.nearest())
    honest += std::ranges::find(peers, peer) - peers.begin() >= 60 ? 1 : 0;
  EXPECT_EQ(honest, bucket_size - group_in_lookup_max);
}

TEST(Lookup, WhoSpeaksOfAPeerFirstDoesNotDecideWhereItIs) {
  // A liar says of the nearest that they are in a network that is full already.
  std::vector<PeerId> peers = by_distance(40);
  Lookup lookup(target, self);
  for (std::size_t i = 0; i < 23; ++i)
    lookup.add({{Candidate{peers[i], {IpGroup{7}}}}});
  for (std::size_t i = 3; i < 23; ++i)
    lookup.add({{Candidate{peers[i], {IpGroup{100 + i}}}}});
  auto groups = [&peers](const PeerId& peer) -> std::vector<IpGroup> {
    auto place = static_cast<std::uint64_t>(std::ranges::find(peers, peer) - peers.begin());
    return {IpGroup{place < 3 ? 7 : 100 + place}};
  };
  run(lookup, [](const PeerId&) { return std::vector<Candidate>(); }, groups);
  EXPECT_EQ(lookup.nearest().size(), bucket_size);
}

TEST(Lookup, IsHeldUpByFewOfThePeersThatOneHasInvented) {
  // One that answers first names forty that are nearer than all others, and never answer.
  std::vector<PeerId> peers = by_distance(80);
  Lookup lookup(target, self);
  lookup.add(candidates(std::span(peers).last(40)));
  std::vector<PeerId> first = take_all(lookup, start);
  lookup.answered(first[0], {}, candidates(std::span(peers).first(40)));
  std::size_t invented = 0;
  for (Instant now = start; !lookup.done(now); now += lookup_slow_after) {
    ASSERT_LE(now, start + 10 * lookup_slow_after);
    for (const PeerId& peer : take_all(lookup, now)) {
      if (std::ranges::find(peers, peer) - peers.begin() < 40) {
        ++invented;
      } else {
        lookup.answered(peer, {}, {});
      }
    }
    for (std::size_t i = now == start ? 1 : first.size(); i < first.size(); ++i)
      lookup.answered(first[i], {}, {});
  }
  EXPECT_EQ(invented, told_by_one_max);
  EXPECT_EQ(lookup.nearest(), std::vector<PeerId>(peers.begin() + 40, peers.begin() + 60));
}

TEST(Lookup, CountsAllOfWhatTwoHaveToldOf) {
  std::vector<PeerId> peers = by_distance(40);
  Lookup lookup(target, self);
  lookup.add(candidates(std::span(peers).last(20)));
  std::vector<PeerId> first = take_all(lookup, start);
  lookup.answered(first[0], {}, candidates(std::span(peers).first(20)));
  lookup.answered(first[1], {}, candidates(std::span(peers).first(20)));
  for (std::size_t i = 2; i < first.size(); ++i)
    lookup.answered(first[i], {}, {});
  EXPECT_EQ(take_all(lookup, start), std::vector<PeerId>(peers.begin(), peers.begin() + 10));
}

TEST(Lookup, CountsItsHops) {
  // Each knows the next nearer one alone.
  std::vector<PeerId> peers = by_distance(8);
  Lookup lookup(target, self);
  EXPECT_EQ(lookup.hops(), 0u);
  lookup.add(candidates(std::span(peers).last(1)));
  run(lookup, [&peers](const PeerId& peer) {
    auto place = static_cast<std::size_t>(std::ranges::find(peers, peer) - peers.begin());
    return candidates(std::span(peers).subspan(place == 0 ? 0 : place - 1, 1));
  });
  EXPECT_EQ(lookup.hops(), 8u);
}

TEST(Lookup, AsksWhomItIsToldToFirst) {
  Lookup lookup(target, self);
  std::vector<PeerId> peers = by_distance(40);
  lookup.add(candidates(std::span(peers).first(30)));
  lookup.ask_first({peers[39], {}});
  EXPECT_EQ(lookup.next(start), peers[39]);
  EXPECT_EQ(lookup.next(start), peers[0]);
  lookup.ask_first({peers[39], {}});
  EXPECT_EQ(lookup.next(start), peers[1]) << "asked once";
}

}  // namespace
}  // namespace kith::dht
