#include <gtest/gtest.h>

#include <kith/base/buffer.hpp>
#include <kith/exchange/message_room.hpp>

namespace kith::exchange {
namespace {

multiformats::PeerId peer_of(std::uint8_t number) {
  return multiformats::PeerId::from_public_key(Bytes(36, number));
}

TEST(MessageRoom, IsBoundedForEachPeerAndForAll) {
  const multiformats::PeerId one = peer_of(1);
  const multiformats::PeerId two = peer_of(2);
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
