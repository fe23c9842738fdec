#include <gtest/gtest.h>

#include <kith/net/nat/autonat_message.hpp>
#include <kith/net/nat/limits.hpp>
#include <kith/net/test_peer.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

const Multiaddr one = address("/ip4/198.51.100.1/tcp/4001");
const Multiaddr two = address("/ip4/203.0.113.2/udp/4001/quic-v1");

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

TEST(AutonatMessage, IsWrittenAsTheSpecificationsSay) {
  EXPECT_EQ(to_hex(encode(AutonatV1Message(AutonatV1Response{
                .status = AutonatV1Status::dial_error, .text = "no", .address = {}}))),
            "08011a06086412026e6f");
  EXPECT_EQ(to_hex(encode(AutonatV1Message(AutonatV1Dial{.peer = {}, .addresses = {one}}))),
            "0800120c0a0a120804c6336401060fa1");
  EXPECT_EQ(to_hex(encode(AutonatMessage(AutonatDialRequest{.addresses = {one}, .nonce = 0x0102}))),
            "0a130a0804c6336401060fa1110201000000000000");
  EXPECT_EQ(to_hex(encode(AutonatMessage(AutonatDialResponse{
                .status = AutonatStatus::ok, .index = 1, .dial_status = AutonatDialStatus::ok}))),
            "120808c801100118c801");
  EXPECT_EQ(to_hex(encode(AutonatMessage(AutonatDataRequest{.index = 1, .bytes = 30'000}))),
            "1a0608011"
            "0b0ea01");
  EXPECT_EQ(to_hex(encode(AutonatMessage(AutonatData{.bytes = 2}))), "22040a020000");
  EXPECT_EQ(to_hex(encode_dial_back(1)), "090100000000000000");
}

TEST(AutonatMessage, AnAddressThatNobodyReadsKeepsItsPlace) {
  const auto message =
      decode_autonat(hex("0a170a02ffff"
                         "0a0804c6336401060fa1"
                         "110201000000000000"));
  ASSERT_TRUE(message.has_value());
  const auto& request = std::get<AutonatDialRequest>(*message);
  ASSERT_EQ(request.addresses.size(), 2u);
  EXPECT_FALSE(request.addresses[0].has_value());
  EXPECT_EQ(request.addresses[1], one);
  EXPECT_EQ(request.nonce, 0x0102u);
}

TEST(AutonatMessage, WithoutWhatItsKindNeedsIsCorrupt) {
  EXPECT_FALSE(decode_autonat({}).has_value());
  EXPECT_FALSE(decode_autonat(hex("22040a02000022040a020000")).has_value());  // two of them
  EXPECT_FALSE(decode_autonat(hex("0a13")).has_value());
  EXPECT_FALSE(decode_autonat_v1({}).has_value());
  EXPECT_FALSE(decode_autonat_v1(hex("0800")).has_value());
  EXPECT_FALSE(decode_autonat_v1(hex("08001200")).has_value());
  EXPECT_FALSE(decode_autonat_v1(hex("08021a00")).has_value());
  EXPECT_FALSE(decode_dial_back({}).has_value());
  EXPECT_FALSE(decode_dial_back(hex("0801")).has_value());
  EXPECT_TRUE(
      decode_autonat(Bytes(autonat_v2_message_bytes_max + 1)).error().is(Errc::limit_exceeded));
  EXPECT_TRUE(
      decode_autonat_v1(Bytes(autonat_v1_message_bytes_max + 1)).error().is(Errc::limit_exceeded));
}

TEST(AutonatMessage, OfManyAddressesTakesFew) {
  AutonatDialRequest many;
  many.addresses.assign(400, one);
  const auto read = decode_autonat(encode(AutonatMessage(many)));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(std::get<AutonatDialRequest>(*read).addresses.size(), autonat_v2_addresses_max);
  AutonatV1Dial many_v1;
  many_v1.addresses.assign(400, two);
  const auto read_v1 = decode_autonat_v1(encode(AutonatV1Message(many_v1)));
  ASSERT_TRUE(read_v1.has_value());
  EXPECT_EQ(std::get<AutonatV1Dial>(*read_v1).addresses.size(), autonat_v1_addresses_max);
}

}  // namespace
}  // namespace kith::net
