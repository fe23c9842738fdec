#include <gtest/gtest.h>

#include <kith/net/peer_tags.hpp>
#include <kith/net/upgrade_test.hpp>

namespace kith::net {
namespace {

constexpr Instant start = Instant(1000s);

const multiformats::PeerId alice = testing::peer_of(testing::key_of(1));
const multiformats::PeerId bob = testing::peer_of(testing::key_of(2));

TEST(PeerTags, AddUpToAWeight) {
  PeerTags tags;
  EXPECT_EQ(tags.weight(alice, start), 0);
  tags.set(alice, "kad", 5, start);
  tags.set(alice, "bitswap", 10, start);
  tags.set(alice, "slow", -3, start);
  EXPECT_EQ(tags.weight(alice, start), 12);
  EXPECT_EQ(tags.weight(bob, start), 0);
  tags.set(alice, "kad", 1, start);
  EXPECT_EQ(tags.weight(alice, start), 8);
  tags.remove(alice, "slow");
  tags.remove(alice, "unknown");
  tags.remove(bob, "kad");
  EXPECT_EQ(tags.weight(alice, start), 11);
}

TEST(PeerTags, HalveIfTheyAreToldTo) {
  PeerTags tags;
  tags.set(alice, "useful", 16, start, 10min);
  tags.set(alice, "for good", 1, start);
  EXPECT_EQ(tags.weight(alice, start + 9min), 17);
  EXPECT_EQ(tags.weight(alice, start + 10min), 9);
  EXPECT_EQ(tags.weight(alice, start + 40min), 2);
  EXPECT_EQ(tags.weight(alice, start + 24h), 1);
  tags.set(alice, "useful", 16, start + 24h, 10min);
  EXPECT_EQ(tags.weight(alice, start + 24h), 17);
}

TEST(PeerTags, AreForgottenWithTheirPeer) {
  PeerTags tags;
  tags.set(alice, "a", 1, start);
  tags.set(bob, "a", 1, start);
  tags.forget(alice);
  EXPECT_EQ(tags.weight(alice, start), 0);
  tags.remove(bob, "a");
  EXPECT_EQ(tags.size(), 0u);
}

}  // namespace
}  // namespace kith::net
