#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/port/memory_key_value.hpp>

namespace kith::port {
namespace {

using Model = std::map<Bytes, Bytes>;

Model content_of(Snapshot& snapshot, Namespace space, ByteView from = Bytes(1)) {
  Model all;
  EXPECT_TRUE(snapshot
                  .scan(space, from,
                        [&](ByteView key, ByteView value) {
                          all[to_bytes(key)] = to_bytes(value);
                          return true;
                        })
                  .has_value());
  return all;
}

TEST(MemoryKeyValue, GivesEachSnapshotItsOwnMoment) {
  Prng random(5);
  MemoryKeyValue store(2);
  std::vector<Model> now(2);
  struct Held {
    std::unique_ptr<Snapshot> snapshot;
    std::vector<Model> expected;
  };
  std::vector<Held> held;
  for (int round = 0; round < 2'000; ++round) {
    Batch batch;
    for (std::uint64_t i = random.below(6); i > 0; --i) {
      const auto space = static_cast<Namespace>(random.below(2));
      const Bytes key(1 + random.below(2), static_cast<std::uint8_t>(1 + random.below(20)));
      if (random.chance(0.4)) {
        batch.erase(space, key);
        now[space].erase(key);
      } else {
        const Bytes value(random.below(4), static_cast<std::uint8_t>(random.below(256)));
        batch.put(space, key, value);
        now[space][key] = value;
      }
    }
    ASSERT_TRUE(store.commit(batch, Durability::unsynced).has_value());
    if (random.chance(0.3)) held.push_back({*store.snapshot(), now});
    if (held.size() > 5) held.erase(held.begin() + static_cast<long>(random.below(held.size())));
    for (const Held& one : held) {
      for (Namespace space = 0; space < 2; ++space) {
        ASSERT_EQ(content_of(*one.snapshot, space), one.expected[space]) << round;
        ASSERT_EQ(*one.snapshot->count(space), one.expected[space].size());
        for (std::uint8_t byte = 1; byte <= 20; ++byte) {
          const auto value = *one.snapshot->get(space, Bytes(1, byte));
          const auto expected = one.expected[space].find(Bytes(1, byte));
          ASSERT_EQ(value.has_value(), expected != one.expected[space].end());
          if (value) ASSERT_TRUE(equal(*value, expected->second));
        }
      }
    }
  }
}

TEST(MemoryKeyValue, ScansFromAKeyUntilItIsEnough) {
  MemoryKeyValue store(1);
  Batch batch;
  for (std::uint8_t i = 1; i < 10; ++i)
    batch.put(0, Bytes(1, i), Bytes(1, i));
  ASSERT_TRUE(store.commit(batch, Durability::synced).has_value());
  const auto snapshot = *store.snapshot();
  Bytes seen;
  ASSERT_TRUE(snapshot
                  ->scan(0, Bytes(1, 4),
                         [&](ByteView key, ByteView) {
                           seen.push_back(key[0]);
                           return seen.size() < 3;
                         })
                  .has_value());
  EXPECT_EQ(seen, (Bytes{4, 5, 6}));
}

TEST(MemoryKeyValue, LetsAViewLiveAsLongAsItsSnapshot) {
  MemoryKeyValue store(1);
  Batch batch;
  batch.put(0, Bytes(1, 1), Bytes(100, 7));
  ASSERT_TRUE(store.commit(batch, Durability::synced).has_value());
  const auto snapshot = *store.snapshot();
  const ByteView value = **snapshot->get(0, Bytes(1, 1));
  for (int i = 0; i < 3; ++i) {
    Batch next;
    next.put(0, Bytes(1, 1), Bytes(100, static_cast<std::uint8_t>(i)));
    ASSERT_TRUE(store.commit(next, Durability::synced).has_value());
  }
  EXPECT_TRUE(equal(value, Bytes(100, 7)));
}

}  // namespace
}  // namespace kith::port
