#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/dht/routing_table.hpp>
#include <kith/dht/test_network.hpp>

namespace kith::dht {
namespace {

using testing::peer_id;
using Outcome = RoutingTable::Outcome;

const Key self = Key::of(peer_id(0));
const Instant start{1h};

/// Peers whose keys share exactly this many bits with ours, the same each time.
std::vector<PeerId> sharing(std::size_t bits, std::size_t count) {
  std::vector<PeerId> peers;
  for (std::uint64_t i = 1; peers.size() < count; ++i) {
    if (common_prefix(Key::of(peer_id(i)), self) == bits) peers.push_back(peer_id(i));
  }
  return peers;
}

std::vector<IpGroup> group(std::uint64_t number) {
  return {IpGroup{number}};
}

TEST(RoutingTable, KeepsTwentyOfEachPrefixLength) {
  RoutingTable table(self);
  for (std::size_t bits : {0u, 1u, 3u}) {
    std::vector<PeerId> peers = sharing(bits, bucket_size + 1);
    for (std::size_t i = 0; i < bucket_size; ++i)
      EXPECT_EQ(table.add(peers[i], {}, start).outcome, Outcome::added);
    EXPECT_EQ(table.add(peers[bucket_size], {}, start).outcome, Outcome::waiting);
    EXPECT_EQ(table.bucket(bits).size(), bucket_size);
  }
  EXPECT_EQ(table.size(), 3 * bucket_size);
  EXPECT_EQ(table.bucket_count(), 4u);
  EXPECT_TRUE(table.bucket(2).empty());
}

TEST(RoutingTable, NeverHoldsItsOwner) {
  RoutingTable table(self);
  EXPECT_EQ(table.add(peer_id(0), {}, start).outcome, Outcome::itself);
  EXPECT_EQ(table.size(), 0u);
}

TEST(RoutingTable, AsksWhoWasSilentLongestBeforeItMakesRoom) {
  RoutingTable table(self);
  std::vector<PeerId> peers = sharing(0, bucket_size + 3);
  for (std::size_t i = 0; i < bucket_size; ++i)
    table.add(peers[i], {}, start + i * 1s);
  table.heard_from(peers[0], start + 1min);
  Instant later = start + peer_doubtful_after + 5s;
  RoutingTable::Added added = table.add(peers[bucket_size], {}, later);
  EXPECT_EQ(added.outcome, Outcome::waiting);
  EXPECT_EQ(added.doubtful, peers[1]);
  // Not twice while it is being asked: the next one is the next silent one, and so on; peers[1]
  // stays the most silent, so nobody is.
  EXPECT_EQ(table.add(peers[bucket_size + 1], {}, later).doubtful, std::nullopt);
  table.heard_from(peers[1], later);
  EXPECT_TRUE(table.contains(peers[1])) << "it has answered";
  added = table.add(peers[bucket_size + 2], {}, later);
  EXPECT_EQ(added.doubtful, peers[2]);
  EXPECT_TRUE(table.remove(peers[2]));
  EXPECT_TRUE(table.contains(peers[bucket_size + 2])) << "the newest takes the place";
  EXPECT_FALSE(table.contains(peers[bucket_size]));
  EXPECT_EQ(table.size(), bucket_size);
}

TEST(RoutingTable, KeepsWhoAnswersHoweverManyCome) {
  RoutingTable table(self);
  std::vector<PeerId> peers = sharing(0, 10 * bucket_size);
  for (std::size_t i = 0; i < peers.size(); ++i) {
    RoutingTable::Added added = table.add(peers[i], {}, start);
    EXPECT_EQ(added.doubtful, std::nullopt);
  }
  for (std::size_t i = 0; i < bucket_size; ++i)
    EXPECT_TRUE(table.contains(peers[i]));
  // Those that wait are few.
  std::size_t promoted = 0;
  for (std::size_t i = 0; i < bucket_size; ++i)
    table.remove(peers[i]);
  promoted = table.size();
  EXPECT_EQ(promoted, bucket_waiting_max);
}

TEST(RoutingTable, TakesFewPeersOfOneNetwork) {
  RoutingTable table(self);
  std::vector<PeerId> far = sharing(0, 3);
  std::vector<PeerId> near = sharing(1, 3);
  EXPECT_EQ(table.add(far[0], group(1), start).outcome, Outcome::added);
  EXPECT_EQ(table.add(far[1], group(1), start).outcome, Outcome::added);
  EXPECT_EQ(table.add(far[2], group(1), start).outcome, Outcome::crowded) << "two in a bucket";
  EXPECT_EQ(table.add(near[0], group(1), start).outcome, Outcome::added);
  EXPECT_EQ(table.add(near[1], group(1), start).outcome, Outcome::crowded) << "three in the table";
  EXPECT_EQ(table.add(near[1], group(2), start).outcome, Outcome::added);
  EXPECT_EQ(table.add(far[2], {IpGroup{3}, IpGroup{1}}, start).outcome, Outcome::crowded)
      << "one of its networks is enough";
  table.remove(far[0]);
  EXPECT_EQ(table.add(near[2], group(1), start).outcome, Outcome::added) << "there is room again";
}

TEST(RoutingTable, DoesntLetWhoWaitsPastTheLimitOfItsNetwork) {
  RoutingTable table(self);
  std::vector<PeerId> peers = sharing(0, bucket_size + 1);
  for (std::size_t i = 0; i < bucket_size; ++i)
    table.add(peers[i], group(100 + i), start);
  EXPECT_EQ(table.add(peers[bucket_size], group(1), start).outcome, Outcome::waiting);
  std::vector<PeerId> others = sharing(1, group_in_bucket_max);
  for (const PeerId& other : others)
    table.add(other, group(1), start);
  table.add(sharing(2, 1)[0], group(1), start);
  table.remove(peers[0]);
  EXPECT_FALSE(table.contains(peers[bucket_size]));
}

TEST(RoutingTable, KnowsTheNearestInTheirOrder) {
  RoutingTable table(self);
  std::vector<PeerId> all;
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    table.add(peer_id(i), {}, start);
    if (table.contains(peer_id(i))) all.push_back(peer_id(i));
  }
  for (std::uint64_t i = 0; i < 300; ++i) {
    // Ours, those of peers, and others.
    Key target = i == 0 ? self : Key::of(peer_id(i < 100 ? i : 10'000 + i));
    std::vector<PeerId> expected = all;
    std::ranges::sort(expected, {},
                      [&target](const PeerId& peer) { return distance(Key::of(peer), target); });
    for (std::size_t count : {1u, 20u, 45u}) {
      expected.resize(std::max<std::size_t>(count, 45));
      std::vector<PeerId> first(expected.begin(),
                                expected.begin() + static_cast<std::ptrdiff_t>(count));
      EXPECT_EQ(table.nearest(target, count), first) << i << ", " << count;
    }
  }
  EXPECT_EQ(table.nearest(self, 10'000).size(), table.size());
}

TEST(RoutingTable, NeedsARefreshWhereThereIsRoomOrSomebodyIsSilent) {
  RoutingTable table(self);
  EXPECT_FALSE(table.needs_refresh(0, start));
  for (std::size_t bits : {0u, 1u}) {
    for (const PeerId& peer : sharing(bits, bucket_size))
      table.add(peer, {}, start);
  }
  for (const PeerId& peer : sharing(2, 5))
    table.add(peer, {}, start);
  EXPECT_FALSE(table.needs_refresh(0, start)) << "full, and all were heard from";
  EXPECT_TRUE(table.needs_refresh(0, start + 1s));
  EXPECT_FALSE(table.needs_refresh(2, start + 1s)) << "our neighbours";
  table.remove(sharing(1, 1)[0]);
  EXPECT_TRUE(table.needs_refresh(1, start));
  EXPECT_FALSE(table.needs_refresh(7, start));
}

TEST(RoutingTable, TellsWhoWasSilent) {
  RoutingTable table(self);
  for (std::uint64_t i = 1; i <= 5; ++i)
    table.add(peer_id(i), {}, start + i * 1s);
  EXPECT_EQ(table.silent_since(start + 3s, 10),
            (std::vector<PeerId>{peer_id(1), peer_id(2), peer_id(3)}));
  EXPECT_EQ(table.silent_since(start + 3s, 2), (std::vector<PeerId>{peer_id(1), peer_id(2)}));
  table.heard_from(peer_id(1), start + 9s);
  EXPECT_EQ(table.silent_since(start + 3s, 1), (std::vector<PeerId>{peer_id(2)}));
}

}  // namespace
}  // namespace kith::dht
