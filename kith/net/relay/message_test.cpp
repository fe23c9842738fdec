#include <gtest/gtest.h>

#include <kith/net/relay/limits.hpp>
#include <kith/net/relay/message.hpp>
#include <kith/net/test_peer.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

PeerId peer(std::uint8_t number) {
  return PeerId::from_public_key(key_of(number).public_key());
}

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

TEST(RelayMessage, IsWrittenAsTheSpecificationSays) {
  HopMessage reserve{.type = HopMessage::Type::reserve};
  EXPECT_EQ(to_hex(encode(reserve)), "0800");
  HopMessage refusal{.type = HopMessage::Type::status, .status = RelayStatus::no_reservation};
  EXPECT_EQ(to_hex(encode(refusal)), "080228cc01");
  StopMessage taken{.type = StopMessage::Type::status, .status = RelayStatus::ok};
  EXPECT_EQ(to_hex(encode(taken)), "08012064");
  StopMessage coming{.type = StopMessage::Type::connect,
                     .peer = RelayedPeer{peer(1), {}},
                     .limit = CircuitLimit{120, 131072}};
  EXPECT_EQ(to_hex(encode(coming)),
            "0800122"
            "80a26" +
                to_hex(peer(1).bytes()) +
                "1a0608781080800"
                "8");
}

TEST(RelayMessage, KeepsEverythingOnItsWay) {
  HopMessage answer{.type = HopMessage::Type::status, .status = RelayStatus::ok};
  answer.limit = CircuitLimit{120, 131072};
  answer.reservation = ReservationMessage{.expires_unix_s = 1'900'000'000,
                                          .addresses = {address("/ip4/198.51.100.1/tcp/4001")},
                                          .voucher = hex("0102")};
  auto read = decode_hop(encode(answer));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->status, RelayStatus::ok);
  EXPECT_EQ(read->limit, answer.limit);
  ASSERT_TRUE(read->reservation.has_value());
  EXPECT_EQ(read->reservation->expires_unix_s, 1'900'000'000u);
  EXPECT_EQ(read->reservation->addresses, answer.reservation->addresses);
  EXPECT_EQ(read->reservation->voucher, hex("0102"));
}

TEST(RelayMessage, WithoutWhatItsTypeNeedsIsCorrupt) {
  EXPECT_FALSE(decode_hop({}).has_value());                       // no type
  EXPECT_FALSE(decode_hop(hex("0803")).has_value());              // an unknown one
  EXPECT_FALSE(decode_hop(hex("0801")).has_value());              // connect to nobody
  EXPECT_FALSE(decode_hop(hex("08011200")).has_value());          // to a peer without an id
  EXPECT_FALSE(decode_hop(hex("080112040a020102")).has_value());  // whose id is none
  EXPECT_FALSE(decode_hop(hex("0802")).has_value());              // a status without one
  EXPECT_FALSE(decode_stop(hex("0800")).has_value());
  EXPECT_FALSE(decode_stop(hex("0801")).has_value());
  EXPECT_FALSE(decode_stop(hex("0802")).has_value());
  EXPECT_FALSE(decode_hop(hex("08011205")).has_value());  // cut
}

TEST(RelayMessage, AnUnknownStatusIsNoOk) {
  auto read = decode_hop(hex("080228e707"));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(to_string(read->status), "unknown status");
  // 2^32 + 100 isn't 100.
  read = decode_hop(hex("080228e480808010"));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->status, RelayStatus::unused);
}

TEST(RelayMessage, HoldsSoManyAddressesAndNoMore) {
  HopMessage connect{.type = HopMessage::Type::connect, .peer = RelayedPeer{peer(1), {}}};
  for (int i = 0; i < 1000; ++i)
    connect.peer->addresses.push_back(address("/ip4/198.51.100.1/tcp/" + std::to_string(1 + i)));
  const Bytes encoded = encode(connect);
  EXPECT_LE(encoded.size(), relay_message_bytes_max);
  auto read = decode_hop(encoded);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->peer->addresses.size(), relay_addresses_max);
  EXPECT_TRUE(decode_hop(Bytes(relay_message_bytes_max + 1)).error().is(Errc::limit_exceeded));
}

TEST(RelayVoucher, IsWorthNothingUnderAnotherName) {
  auto sealed = seal_voucher(key_of(1), peer(2), 77);
  ASSERT_TRUE(sealed.has_value());
  auto opened = open_voucher(*sealed);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->relay, peer(1));
  EXPECT_EQ(opened->peer, peer(2));
  EXPECT_EQ(opened->expires_unix_s, 77u);
  Bytes other = *sealed;
  other[other.size() / 2] ^= 1;
  EXPECT_FALSE(open_voucher(other).has_value());
}

}  // namespace
}  // namespace kith::net
