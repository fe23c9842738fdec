#include <gtest/gtest.h>

#include <kith/dht/provided_keys.hpp>

namespace kith::dht {
namespace {

const WallTime start{1000h};

TEST(ProvidedKeys, AreDueInTheOrderOfTheirTime) {
  ProvidedKeys keys;
  EXPECT_TRUE(keys.set(as_bytes("a"), start + 3h));
  EXPECT_TRUE(keys.set(as_bytes("b"), start + 1h));
  EXPECT_TRUE(keys.set(as_bytes("c"), start + 1h));
  EXPECT_TRUE(keys.due(start, 10).empty());
  // Of the same time, by their places.
  EXPECT_EQ(keys.due(start + 1h, 10), (std::vector<Bytes>{to_bytes("c"), to_bytes("b")}));
  EXPECT_EQ(keys.due(start + 9h, 1), std::vector<Bytes>{to_bytes("c")});
  keys.set(as_bytes("b"), start + 5h);
  EXPECT_EQ(keys.due(start + 9h, 10),
            (std::vector<Bytes>{to_bytes("c"), to_bytes("a"), to_bytes("b")}));
  keys.remove(as_bytes("a"));
  keys.remove(as_bytes("x"));
  EXPECT_EQ(keys.due(start + 9h, 10), (std::vector<Bytes>{to_bytes("c"), to_bytes("b")}));
  EXPECT_FALSE(keys.contains(as_bytes("a")));
  EXPECT_EQ(keys.size(), 2u);
}

TEST(ProvidedKeys, AreSoMany) {
  ProvidedKeys keys(2);
  EXPECT_TRUE(keys.set(as_bytes("a"), start));
  EXPECT_TRUE(keys.set(as_bytes("b"), start));
  EXPECT_FALSE(keys.set(as_bytes("c"), start));
  EXPECT_TRUE(keys.set(as_bytes("a"), start + 1h)) << "one that is there";
  EXPECT_EQ(keys.due(start + 2h, 10).size(), 2u);
}

TEST(ProvidedKeys, OfARegionAreFoundTogether) {
  ProvidedKeys keys;
  std::size_t expected = 0;
  const Region region{Key::of(as_bytes("7")), 2};
  for (int i = 0; i < 100; ++i) {
    const Bytes content = to_bytes(std::to_string(i));
    keys.set(content, start + Duration(i));
    expected += i < 90 && region.contains(Key::of(content)) ? 1 : 0;
  }
  const std::vector<Bytes> found = keys.within(region, start + Duration(90), 1000);
  EXPECT_EQ(found.size(), expected);
  for (const Bytes& content : found)
    EXPECT_GE(common_prefix(Key::of(content), region.place), 2u);
  EXPECT_EQ(keys.within({Key{}, 0}, start + 1h, 70).size(), 70u);
}

TEST(ProvidedKeys, RememberWhatHasChanged) {
  ProvidedKeys keys;
  keys.set(as_bytes("a"), start);
  keys.set(as_bytes("b"), start);
  keys.set(as_bytes("a"), start + 1h);
  keys.remove(as_bytes("b"));
  auto changes = keys.take_changes(10);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].next, start + 1h);
  EXPECT_FALSE(changes[1].next);
  EXPECT_EQ(keys.changes(), 0u);
  EXPECT_FALSE(changes[0].told);
  keys.told(as_bytes("a"), start + 2h);
  changes = keys.take_changes(10);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_TRUE(changes[0].told);
}

TEST(ProvidedKeys, KnowWhatNobodyWasToldOf) {
  ProvidedKeys keys;
  for (int i = 0; i < 20; ++i)
    keys.set(to_bytes(std::to_string(i)), start + Duration(i));
  for (int i = 0; i < 20; i += 2)
    keys.told(to_bytes(std::to_string(i)), start + Duration(i));
  keys.told(as_bytes("nobody provides this"), start);
  EXPECT_EQ(keys.untold(), 10u);
  const auto due = keys.due_count(start + Duration(12), 0, 1000);
  EXPECT_EQ(due.told, 7u);
  EXPECT_EQ(due.untold, 6u);
  EXPECT_EQ(due.told_regions, 1u);
  EXPECT_EQ(due.untold_regions, 1u);
  EXPECT_EQ(keys.due_count(start + 1h, 256, 1000).untold_regions, 10u);
  EXPECT_EQ(keys.due_count(start + 1h, 0, 5).told + keys.due_count(start + 1h, 0, 5).untold, 5u);
  keys.remove(as_bytes("1"));
  keys.set(as_bytes("2"), start + 1h);
  static_cast<void>(keys.take_changes(1000));
  EXPECT_EQ(keys.clear_untold(), 9u);
  EXPECT_EQ(keys.untold(), 0u);
  EXPECT_EQ(keys.size(), 10u);
  EXPECT_EQ(keys.due(start + 2h, 1000).size(), 10u);
  EXPECT_EQ(keys.take_changes(1000).size(), 9u) << "and those are forgotten on the disk, too";
  EXPECT_EQ(keys.clear_untold(), 0u);
}

TEST(ProvidedKeys, CountTheRegionsThatTheyAreIn) {
  ProvidedKeys keys;
  EXPECT_EQ(keys.regions(3), 0u);
  std::set<Key> prefixes;
  for (int i = 0; i < 40; ++i) {
    const Bytes content = to_bytes(std::to_string(i));
    keys.set(content, start);
    prefixes.insert(Key::of(content).prefix(6));
  }
  EXPECT_EQ(keys.regions(0), 1u);
  EXPECT_EQ(keys.regions(6), prefixes.size());
  EXPECT_EQ(keys.regions(256), 40u);
}

}  // namespace
}  // namespace kith::dht
