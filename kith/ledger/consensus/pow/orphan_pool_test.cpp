#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/consensus/pow/orphan_pool.hpp>

namespace kith::ledger {
namespace {

constexpr Instant begin{};

Hash block(std::uint64_t name) {
  return keccak256(as_bytes(std::to_string(name)));
}
Orphan orphan(std::uint64_t name, std::uint64_t parent, std::uint64_t peer,
              std::size_t bytes = 100) {
  return {block(name), block(parent), peer, Bytes(bytes)};
}

TEST(OrphanPool, GivesTheChildrenOfAParent) {
  OrphanPool pool;
  EXPECT_TRUE(pool.add(orphan(2, 1, 7), begin));
  EXPECT_TRUE(pool.add(orphan(3, 1, 8), begin));
  EXPECT_TRUE(pool.add(orphan(4, 2, 8), begin));
  EXPECT_FALSE(pool.add(orphan(4, 2, 9), begin));
  const auto children = pool.take_children(block(1));
  ASSERT_EQ(children.size(), 2U);
  EXPECT_EQ(children[0].hash, block(2));
  EXPECT_EQ(children[1].hash, block(3));
  EXPECT_TRUE(pool.take_children(block(1)).empty());
  EXPECT_EQ(pool.take_children(block(2)).size(), 1U);
  EXPECT_EQ(pool.size(), 0U);
  EXPECT_EQ(pool.bytes(), 0U);
}

TEST(OrphanPool, WhatIsOldExpires) {
  OrphanPool pool({.lifetime = 60s});
  EXPECT_EQ(pool.next_expiry(), never);
  pool.add(orphan(1, 0, 1), begin);
  pool.add(orphan(2, 0, 1), begin + 10s);
  EXPECT_EQ(pool.next_expiry(), begin + 60s);
  pool.expire(begin + 59s);
  EXPECT_EQ(pool.size(), 2U);
  pool.expire(begin + 60s);
  EXPECT_FALSE(pool.contains(block(1)));
  EXPECT_TRUE(pool.contains(block(2)));
  EXPECT_EQ(pool.next_expiry(), begin + 70s);
}

TEST(OrphanPool, APeerPushesOutItsOwnAlone) {
  OrphanPool pool({.count_max = 100, .count_of_peer_max = 3});
  pool.add(orphan(1, 0, 1), begin);
  for (std::uint64_t name = 10; name < 20; ++name)
    EXPECT_TRUE(pool.add(orphan(name, 0, 2), begin));
  EXPECT_EQ(pool.size(), 4U);
  EXPECT_TRUE(pool.contains(block(1)));
  EXPECT_FALSE(pool.contains(block(16)));
  EXPECT_TRUE(pool.contains(block(17)));
}

TEST(OrphanPool, BytesCountToo) {
  OrphanPool pool({.bytes_max = 100'000, .bytes_of_peer_max = 30'000});
  EXPECT_FALSE(pool.add(orphan(1, 0, 1, 30'000), begin));
  for (std::uint64_t name = 1; name < 10; ++name)
    EXPECT_TRUE(pool.add(orphan(name, 0, 1, 9'000), begin));
  EXPECT_EQ(pool.size(), 3U);
  EXPECT_TRUE(pool.contains(block(9)));
}

TEST(OrphanPool, MakesRoomByWhoTakesMost) {
  OrphanPool pool({.count_max = 6, .count_of_peer_max = 4});
  pool.add(orphan(1, 0, 1), begin);
  for (std::uint64_t name = 10; name < 14; ++name)
    pool.add(orphan(name, 0, 2), begin);
  pool.add(orphan(2, 0, 3), begin);
  EXPECT_EQ(pool.size(), 6U);
  pool.add(orphan(3, 0, 3), begin);
  EXPECT_EQ(pool.size(), 6U);
  EXPECT_FALSE(pool.contains(block(10)));
  EXPECT_TRUE(pool.contains(block(1)));
  EXPECT_TRUE(pool.contains(block(2)));
}

TEST(OrphanPool, ForgetsAPeer) {
  OrphanPool pool;
  pool.add(orphan(1, 0, 1), begin);
  pool.add(orphan(2, 0, 2), begin);
  pool.drop_peer(1);
  pool.drop_peer(9);
  EXPECT_FALSE(pool.contains(block(1)));
  EXPECT_EQ(pool.size(), 1U);
}

/// Whatever peers send, in whatever order: never beyond a limit, and nothing left behind.
TEST(OrphanPool, StaysWithinItsLimits) {
  const OrphanPool::Limits limits{.count_max = 50,
                                  .bytes_max = 60'000,
                                  .count_of_peer_max = 12,
                                  .bytes_of_peer_max = 20'000,
                                  .lifetime = 60s};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Prng prng(seed);
    OrphanPool pool(limits);
    Instant now = begin;
    for (int step = 0; step < 2'000; ++step) {
      now += std::chrono::milliseconds(prng.below(500));
      if (prng.chance(0.9)) {
        pool.add(orphan(prng.below(400), prng.below(40), prng.below(8), prng.below(15'000)), now);
      } else if (prng.chance(0.5)) {
        pool.take_children(block(prng.below(40)));
      } else {
        pool.drop_peer(prng.below(8));
      }
      ASSERT_LE(pool.size(), limits.count_max);
      ASSERT_LE(pool.bytes(), limits.bytes_max);
    }
    pool.expire(now + 60s);
    ASSERT_EQ(pool.size(), 0U);
    ASSERT_EQ(pool.bytes(), 0U);
  }
}

}  // namespace
}  // namespace kith::ledger
