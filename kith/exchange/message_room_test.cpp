#include <gtest/gtest.h>

#include <kith/exchange/message_room.hpp>
#include <kith/exchange/test_network.hpp>

namespace kith::exchange {
namespace {

TEST(MessageRoom, IsBoundedForEachPeerAndForAll) {
  const PeerId one = testing::peer_id(1);
  const PeerId two = testing::peer_id(2);
  MessageRoom room(150, 100);
  {
    MessageRoom::Hold first(room, one);
    MessageRoom::Hold second(room, one);
    MessageRoom::Hold third(room, two);
    EXPECT_TRUE(first.resize(60));
    EXPECT_FALSE(second.resize(50)) << "the peer's";
    EXPECT_TRUE(second.resize(40));
    EXPECT_FALSE(third.resize(60)) << "of all";
    EXPECT_TRUE(third.resize(50));
    EXPECT_EQ(room.bytes(), 150U);
    EXPECT_TRUE(first.resize(10));
    EXPECT_TRUE(third.resize(100));
    EXPECT_FALSE(third.resize(101));
    EXPECT_EQ(room.bytes(), 150U) << "what was refused changed nothing";
  }
  EXPECT_EQ(room.bytes(), 0U);
}

}  // namespace
}  // namespace kith::exchange
