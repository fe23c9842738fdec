#include <algorithm>

#include <gtest/gtest.h>

#include <kith/dht/network_size.hpp>
#include <kith/dht/test_network.hpp>

namespace kith::dht {
namespace {

using namespace kith::dht::testing;

Key place(std::uint64_t number) {
  return Key::of(content(number).bytes());
}

/// So many peers, of which the nearest to a place are found.
struct Peers {
  explicit Peers(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i)
      all.emplace_back(Key::of(peer_id(i)), peer_id(i));
  }
  std::vector<PeerId> nearest(const Key& target) const {
    std::vector<std::pair<Key, const PeerId*>> near;
    for (const auto& [key, id] : all)
      near.emplace_back(distance(key, target), &id);
    const auto wanted = static_cast<std::ptrdiff_t>(std::min(bucket_size, near.size()));
    std::ranges::partial_sort(near, near.begin() + wanted, {},
                              &std::pair<Key, const PeerId*>::first);
    std::vector<PeerId> found;
    for (std::ptrdiff_t i = 0; i < wanted; ++i)
      found.push_back(*near[static_cast<std::size_t>(i)].second);
    return found;
  }
  std::vector<std::pair<Key, PeerId>> all;
};

TEST(NetworkSize, IsEstimatedFromWhatLookupsFind) {
  for (std::uint64_t count : {100u, 400u, 2'000u}) {
    const Peers peers(count);
    NetworkSize size;
    Instant now{};
    for (std::uint64_t i = 0; i < 100; ++i)
      size.add(place(i), peers.nearest(place(i)), now);
    auto estimate = size.estimate(now);
    ASSERT_TRUE(estimate);
    EXPECT_NEAR(*estimate, static_cast<double>(count), 0.15 * static_cast<double>(count));
  }
}

TEST(NetworkSize, IsntKnownBeforeAFewLookups) {
  const Peers peers(200);
  NetworkSize size;
  const Instant now{};
  std::uint64_t next = 0;
  auto add = [&](Instant at) {
    size.add(place(next), peers.nearest(place(next)), at);
    ++next;
  };
  for (std::size_t i = 0; i + 1 < size_samples_min; ++i)
    add(now);
  // Neither the same place again nor one of a lookup that found too few counts.
  size.add(place(0), peers.nearest(place(0)), now);
  std::vector<PeerId> few = peers.nearest(place(99));
  few.pop_back();
  size.add(place(99), few, now);
  EXPECT_EQ(size.samples(now), size_samples_min - 1);
  EXPECT_FALSE(size.estimate(now));
  add(now + 1h);
  EXPECT_TRUE(size.estimate(now + 1h));
  EXPECT_FALSE(size.estimate(now + size_sample_age_max + 1min)) << "most are too old";
  for (std::size_t i = 0; i < 2 * size_samples_max; ++i)
    add(now + 1h);
  EXPECT_EQ(size.samples(now + 1h), size_samples_max);
}

TEST(NetworkSize, IsntMovedFarByFewerThanHalfOfTheLookups) {
  const Peers peers(1'000);
  // Those of a network that is ten times as dense, or as empty.
  const Peers crowd(10'000);
  const Peers few(bucket_size + 5);
  for (const Peers* liars : {&crowd, &few}) {
    NetworkSize size;
    for (std::uint64_t i = 0; i < 50; ++i)
      size.add(place(i), (i % 5 < 2 ? *liars : peers).nearest(place(i)), Instant{});
    auto estimate = size.estimate(Instant{});
    ASSERT_TRUE(estimate);
    EXPECT_GT(*estimate, 400.0);
    EXPECT_LT(*estimate, 2500.0);
  }
}

TEST(Nearness, IsWhatTheDistributionSays) {
  // Quantiles of the chi-squared distribution of 40 and 22 degrees, from tables, halved.
  const Nearness near = Nearness::in_network_of(1, bucket_size);
  EXPECT_NEAR(near.one, 29.051 / 2, 0.02);
  EXPECT_NEAR(near.average, 26.039 / 2, 0.02);
  EXPECT_NEAR(near.average_least, 6.983 / 2, 0.05);
  EXPECT_NEAR(Nearness::in_network_of(1000, bucket_size).one, near.one / 1000, 1e-9);
}

TEST(Nearness, TellsWhoIsAmongTheNearest) {
  const Peers peers(1'000);
  const Nearness near = Nearness::in_network_of(1'000, bucket_size);
  int outside = 0;
  int average_above = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const Key target = place(i);
    const std::vector<PeerId> nearest = peers.nearest(target);
    double sum = 0;
    for (const PeerId& peer : nearest)
      sum += share_of_keyspace(distance(Key::of(peer), target));
    const double last = share_of_keyspace(distance(Key::of(nearest.back()), target));
    outside += last < near.one ? 1 : 0;
    average_above += sum / static_cast<double>(nearest.size()) > near.average ? 1 : 0;
    EXPECT_GT(sum / static_cast<double>(nearest.size()), near.average_least / 2);
  }
  EXPECT_LE(outside, 50);
  // 53 of 300 are expected; targets of one network aren't independent of each other.
  EXPECT_GE(average_above, 15);
  EXPECT_LE(average_above, 95);
}

}  // namespace
}  // namespace kith::dht
