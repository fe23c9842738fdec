#include <gtest/gtest.h>

#include <kith/net/dial_backoff.hpp>
#include <kith/net/upgrade_test.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

constexpr Instant start = Instant(1000s);

PeerId peer(std::uint8_t number) {
  return testing::peer_of(testing::key_of(number));
}
Multiaddr address(int number) {
  return *Multiaddr::parse("/ip4/10.0.0.1/tcp/" + std::to_string(number));
}

/// For how long an address is left alone, asked in steps of a second.
Duration left_alone(const DialBackoff& backoff, const PeerId& who, Instant since) {
  Duration waited{0};
  while (!backoff.allows(who, address(1), since + waited) && waited < 1h)
    waited += 1s;
  return waited;
}

TEST(DialBackoff, LeavesAnAddressAloneForLongerAfterEachFailure) {
  DialBackoff backoff;
  Instant now = start;
  EXPECT_TRUE(backoff.allows(peer(1), address(1), now));
  // go-libp2p's rule: 5 s + 1 s * failures^2.
  for (Duration wait : {5s, 6s, 9s, 14s, 21s}) {
    backoff.failed(peer(1), address(1), now);
    EXPECT_EQ(left_alone(backoff, peer(1), now), wait);
    now += wait;
  }
  EXPECT_TRUE(backoff.allows(peer(1), address(2), start));
  EXPECT_TRUE(backoff.allows(peer(2), address(1), start));
}

TEST(DialBackoff, NeverWaitsLongerThanItsMaximum) {
  DialBackoff backoff;
  Instant now = start;
  for (int i = 0; i < 1000; ++i) {
    backoff.failed(peer(1), address(1), now);
    const Duration wait = left_alone(backoff, peer(1), now);
    EXPECT_LE(wait, dial_backoff_max);
    now += wait;
  }
  backoff.failed(peer(1), address(1), now);
  EXPECT_EQ(left_alone(backoff, peer(1), now), dial_backoff_max);
}

TEST(DialBackoff, StartsAgainAfterAsLongAPeaceAsTheWaitWas) {
  DialBackoff backoff;
  backoff.failed(peer(1), address(1), start);
  backoff.failed(peer(1), address(1), start + 5s);
  backoff.failed(peer(1), address(1), start + 11s);
  EXPECT_EQ(left_alone(backoff, peer(1), start + 11s), 9s);
  backoff.failed(peer(1), address(1), start + 11s + 2 * 9s);
  EXPECT_EQ(left_alone(backoff, peer(1), start + 11s + 2 * 9s), 5s);
}

TEST(DialBackoff, ForgetsAPeerOnRequestAndNoOther) {
  DialBackoff backoff;
  for (std::uint8_t number : {1, 2, 3}) {
    for (int port : {1, 2})
      backoff.failed(peer(number), address(port), start);
  }
  backoff.clear(peer(2));
  EXPECT_EQ(backoff.size(), 4u);
  EXPECT_TRUE(backoff.allows(peer(2), address(1), start));
  EXPECT_TRUE(backoff.allows(peer(2), address(2), start));
  EXPECT_FALSE(backoff.allows(peer(1), address(2), start));
  EXPECT_FALSE(backoff.allows(peer(3), address(1), start));
}

TEST(DialBackoff, IsBoundedAndDropsWhatWouldBeTriedFirst) {
  DialBackoff backoff(10);
  for (int i = 1; i <= 10; ++i)
    backoff.failed(peer(1), address(i), start + std::chrono::milliseconds(i == 4 ? 0 : i));
  backoff.failed(peer(1), address(11), start + 1s);
  EXPECT_EQ(backoff.size(), 10u);
  for (int i = 1; i <= 11; ++i)
    EXPECT_EQ(backoff.allows(peer(1), address(i), start + 1s), i == 4) << i;
  // What is forgotten anyway goes before what is still left alone.
  backoff.failed(peer(1), address(12), start + 1h);
  EXPECT_EQ(backoff.size(), 1u);
}

}  // namespace
}  // namespace kith::net
