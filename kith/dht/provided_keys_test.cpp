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
  EXPECT_EQ(keys.due(start + 1h, 10), (std::vector<Bytes>{to_bytes("b"), to_bytes("c")}));
  EXPECT_EQ(keys.due(start + 9h, 1), std::vector<Bytes>{to_bytes("b")});
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

}  // namespace
}  // namespace kith::dht
