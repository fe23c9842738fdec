#include <gtest/gtest.h>

#include <kith/dht/lost_peers.hpp>
#include <kith/dht/test_network.hpp>

namespace kith::dht {
namespace {

using multiformats::PeerId;
using testing::peer_id;

const Instant start{1h};

TEST(LostPeers, AreDueAfterTwiceAsLongEachTime) {
  LostPeers lost;
  lost.lost(peer_id(1), start);
  EXPECT_TRUE(lost.due(start + lost_peer_retry - 1s, 10).empty());
  EXPECT_EQ(lost.due(start + lost_peer_retry, 10), std::vector<PeerId>{peer_id(1)});
  lost.lost(peer_id(1), start);
  EXPECT_TRUE(lost.due(start + 2 * lost_peer_retry - 1s, 10).empty());
  EXPECT_EQ(lost.due(start + 2 * lost_peer_retry, 10).size(), 1u);
  for (int i = 0; i < 100; ++i)
    lost.lost(peer_id(1), start);
  EXPECT_EQ(lost.due(start + lost_peer_retry_max, 10).size(), 1u);
  lost.found(peer_id(1));
  EXPECT_EQ(lost.size(), 0u);
}

TEST(LostPeers, WhoFailedMostOftenIsForgottenFirst) {
  LostPeers lost;
  for (std::uint64_t i = 0; i < lost_peers_max; ++i)
    lost.lost(peer_id(i), start);
  lost.lost(peer_id(7), start);
  lost.lost(peer_id(1000), start);
  EXPECT_EQ(lost.size(), lost_peers_max);
  std::vector<PeerId> due = lost.due(start + lost_peer_retry_max, 1000);
  EXPECT_EQ(std::ranges::find(due, peer_id(7)), due.end());
  EXPECT_NE(std::ranges::find(due, peer_id(1000)), due.end());
}

TEST(LostPeers, TakeTurnsByHowLongTheyHaveWaited) {
  LostPeers lost;
  lost.lost(peer_id(1), start + 3s);
  lost.lost(peer_id(2), start + 1s);
  lost.lost(peer_id(3), start + 2s);
  EXPECT_EQ(lost.due(start + 1h, 2), (std::vector<PeerId>{peer_id(2), peer_id(3)}));
}

}  // namespace
}  // namespace kith::dht
