#include <gtest/gtest.h>

#include <kith/net/relay/dcutr.hpp>
#include <kith/net/relay/limits.hpp>
#include <kith/net/test_peer.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using Type = HolePunchMessage::Type;

const Multiaddr here = address("/ip4/198.51.100.1/tcp/4001");
const Multiaddr there = address("/ip4/203.0.113.2/tcp/4001");
const Instant start{100s};

TEST(HolePunchMessage, IsWrittenAsTheSpecificationSays) {
  EXPECT_EQ(to_hex(encode(HolePunchInitiator::sync())), "08ac02");
  EXPECT_EQ(to_hex(encode({.type = Type::connect, .addresses = {here}})),
            "086412080"
            "4c6336401060fa1");
}

TEST(HolePunchMessage, WithoutAKnownTypeIsCorrupt) {
  EXPECT_TRUE(decode_hole_punch({}).error().is(Errc::corrupt));
  EXPECT_TRUE(decode_hole_punch(*from_hex("0865")).error().is(Errc::corrupt));
  EXPECT_TRUE(decode_hole_punch(*from_hex("0864120a04")).error().is(Errc::corrupt));
  EXPECT_TRUE(
      decode_hole_punch(Bytes(dcutr_message_bytes_max + 1)).error().is(Errc::limit_exceeded));
}

TEST(HolePunchMessage, OfManyAddressesTakesFew) {
  std::string long_one = "\x08\x64";
  for (int i = 0; i < 400; ++i) {
    long_one += "\x12\x08";
    long_one += as_text(here.bytes());
  }
  const auto read = decode_hole_punch(as_bytes(long_one));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->addresses.size(), dcutr_addresses_max);
  const Multiaddr relayed =
      *here.with_peer_id(multiformats::PeerId::from_public_key(key_of(1).public_key()))
           ->with(multiformats::Protocol::p2p_circuit);
  const HolePunchMessage through_a_relay{.type = Type::connect, .addresses = {relayed, there}};
  EXPECT_EQ(decode_hole_punch(encode(through_a_relay))->addresses, std::vector<Multiaddr>{there});
}

TEST(HolePunch, BothDialAtTheSameMoment) {
  constexpr Duration one_way = 70ms;
  HolePunchInitiator b;
  HolePunchResponder a;
  const HolePunchMessage connect = b.begin({there}, start);
  const auto answer = a.asked(connect, {here});
  ASSERT_TRUE(answer.has_value());
  const Instant answered_at = start + 2 * one_way;
  ASSERT_TRUE(b.answered(*answer, answered_at).has_value());
  const Instant a_dials_at = answered_at + one_way;
  EXPECT_EQ(b.dial_at(answered_at), a_dials_at);
  EXPECT_TRUE(HolePunchResponder::synced(HolePunchInitiator::sync()).has_value());
  EXPECT_EQ(a.targets(), std::vector<Multiaddr>{there});
  EXPECT_EQ(b.targets(), std::vector<Multiaddr>{here});
}

TEST(HolePunch, ASlowAnswerDoesNotHoldUsForLong) {
  HolePunchInitiator b;
  b.begin({there}, start);
  ASSERT_TRUE(b.answered({.type = Type::connect, .addresses = {here}}, start + 50s).has_value());
  EXPECT_EQ(b.dial_at(start + 50s), start + 50s + dcutr_round_trip_max / 2);
}

TEST(HolePunch, MessagesOutOfTurnEndIt) {
  HolePunchInitiator b;
  b.begin({there}, start);
  EXPECT_FALSE(b.answered(HolePunchInitiator::sync(), start).has_value());
  EXPECT_FALSE(b.answered({.type = Type::connect}, start).has_value());
  HolePunchResponder a;
  EXPECT_FALSE(a.asked(HolePunchInitiator::sync(), {here}).has_value());
  EXPECT_FALSE(a.asked({.type = Type::connect, .addresses = {there}}, {}).has_value());
  EXPECT_FALSE(HolePunchResponder::synced({.type = Type::connect}).has_value());
}

}  // namespace
}  // namespace kith::net
