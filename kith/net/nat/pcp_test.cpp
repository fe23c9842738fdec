#include <gtest/gtest.h>

#include <kith/net/nat/mapping_gateway.hpp>
#include <kith/net/nat/pcp.hpp>

namespace kith::net {
namespace {

Bytes hex(std::string_view text) {
  return *from_hex(text);
}
port::IpAddress ip(std::string_view text) {
  return *port::IpAddress::parse(text);
}

const PcpNonce nonce = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
const std::string nonce_text = "0102030405060708090a0b0c";
const std::string mapped = "00000000000000000000ffff";

TEST(Pcp, IsWrittenAsTheRfcSays) {
  EXPECT_EQ(to_hex(pcp_ask_announce(ip("192.168.1.2"))), "0200000000000000" + mapped + "c0a80102");
  const PcpMapping wanted{nonce, IpTransport::tcp, 4001, {ip("0.0.0.0"), 4002}};
  EXPECT_EQ(to_hex(pcp_ask_mapping(wanted, ip("192.168.1.2"), 3600)),
            "0201000000000e10" + mapped + "c0a80102" + nonce_text + "06000000" + "0fa10fa2" +
                mapped + "00000000");
}

TEST(Pcp, IsReadAsTheRfcSays) {
  const std::string map_payload = nonce_text + "11000000" + "0fa10fa2" + mapped + "c6336407";
  const auto answer =
      decode_pcp(hex("0281000000000e10"
                     "00000009"
                     "000000000000000000000000" +
                     map_payload));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(*answer, (PcpAnswer{.opcode = PcpOpcode::map,
                                .lifetime_s = 3600,
                                .epoch_s = 9,
                                .mapping = PcpMapping{
                                    nonce, IpTransport::udp, 4001, {ip("198.51.100.7"), 4002}}}));
  const auto refused =
      decode_pcp(hex("0281000200000e10"
                     "00000009"
                     "000000000000000000000000" +
                     map_payload));
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->refusal, PcpError::not_authorized);
  const auto unknown =
      decode_pcp(hex("028000f000000e10"
                     "00000009"
                     "000000000000000000000000"));
  ASSERT_TRUE(unknown.has_value());
  EXPECT_EQ(unknown->refusal, PcpError::other);
}

TEST(Pcp, TellsARouterOfAnotherVersionFromNonsense) {
  EXPECT_TRUE(decode_pcp(hex("0080000100000000")).error().is(PcpError::unsupported_version));
  const std::string announced =
      "0280000000000000"
      "00000009"
      "000000000000000000000000";
  ASSERT_TRUE(decode_pcp(hex(announced)).has_value());
  for (const std::string& none : {std::string(), std::string("02"), announced.substr(0, 46),
                                  "0200" + announced.substr(4),  // a question
                                  "0282" + announced.substr(4),  // of another opcode
                                  "0281" + announced.substr(4),  // a mapping without one
                                  announced + "00"}) {
    EXPECT_TRUE(decode_pcp(hex(none)).error().is(Errc::corrupt)) << none;
  }
}

TEST(GatewayEpoch, NoticesThatARouterHasBegunAnew) {
  GatewayEpoch epoch;
  const Instant start = Instant(1000s);
  EXPECT_FALSE(epoch.restarted(500, start));
  EXPECT_FALSE(epoch.restarted(1100, start + 600s));
  // Its clock is a bit slow, or the datagram was.
  EXPECT_FALSE(epoch.restarted(1670, start + 1200s));
  EXPECT_TRUE(epoch.restarted(10, start + 1300s));
  EXPECT_FALSE(epoch.restarted(20, start + 1310s));
  // It has been down for longer than its seconds say.
  EXPECT_TRUE(epoch.restarted(30, start + 2000s));
  EXPECT_TRUE(epoch.restarted(4'000'000'000, start + 2001s));
}

}  // namespace
}  // namespace kith::net
