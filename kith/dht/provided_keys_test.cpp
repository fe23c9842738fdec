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
  EXPECT_EQ(keys.clear(), 1u);
  EXPECT_EQ(keys.size(), 0u);
  EXPECT_FALSE(keys.next());
  EXPECT_EQ(keys.take_changes(10).size(), 1u);
}

}  // namespace
}  // namespace kith::dht
