#include <fstream>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <kith/multiformats/multiaddr.hpp>

namespace kith::multiformats {
namespace {

constexpr const char* peer_text = "12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV";
constexpr const char* relay_text = "QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC";

Multiaddr address(std::string_view text) {
  auto parsed = Multiaddr::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed ? *parsed : Multiaddr();
}

std::vector<std::string> lines(const std::string& file) {
  std::ifstream in(KITH_SOURCE_DIR "/tests/vectors/multiformats/multiaddr/" + file);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);)
    out.push_back(line);
  return out;
}

// Base32 whose left-over bits aren't zero. go-multiaddr drops the bits; no encoder writes them.
bool has_left_over_bits(std::string_view text) {
  return text == "/garlic32/566niximlxdzpanmn4qouucvua3k7neniwss47li5r6ugoertzuqzwassw";
}

TEST(Multiaddr, AcceptsWhatGoMultiaddrAccepts) {
  auto texts = lines("accepted.txt");
  EXPECT_EQ(texts.size(), 91u);
  for (const std::string& text : texts) {
    auto parsed = Multiaddr::parse(text);
    if (has_left_over_bits(text)) {
      EXPECT_EQ(parsed.error(), MultiformatsError::bad_value);
      continue;
    }
    ASSERT_TRUE(parsed.has_value()) << text << ": " << Error(parsed.error()).message();
    auto again = Multiaddr::from_bytes(parsed->bytes());
    ASSERT_TRUE(again.has_value()) << text;
    EXPECT_EQ(*again, *parsed);
    EXPECT_EQ(Multiaddr::parse(parsed->to_string()), *parsed) << text;
  }
}

TEST(Multiaddr, RefusesWhatGoMultiaddrRefuses) {
  auto texts = lines("refused.txt");
  EXPECT_EQ(texts.size(), 59u);
  for (const std::string& text : texts)
    EXPECT_FALSE(Multiaddr::parse(text).has_value()) << text;
}

TEST(Multiaddr, HasTheBinaryFormOfGoMultiaddr) {
  auto rows = lines("binary.csv");
  EXPECT_EQ(rows.size(), 7u);
  for (const std::string& row : rows) {
    std::size_t comma = row.rfind(',');
    Multiaddr parsed = address(row.substr(0, comma));
    EXPECT_EQ(to_hex(parsed.bytes()), row.substr(comma + 1));
    EXPECT_EQ(parsed.to_string(), row.substr(0, comma));
  }
}

// multiformats/multiaddr, test/multiaddr.feature.
TEST(Multiaddr, SplitsIntoTheComponentsOfTheSpecificationsScenario) {
  Multiaddr whole = Multiaddr::from_bytes(*from_hex("04c000022a0601bb")).value();
  EXPECT_EQ(whole.to_string(), "/ip4/192.0.2.42/tcp/443");
  std::vector<std::string> seen;
  for (const Component& component : whole.components()) {
    seen.push_back(std::string(protocol_name(component.protocol)) + " " + component.value_text() +
                   " " + to_hex(component.value) + " " + to_hex(component.bytes));
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"ip4 192.0.2.42 c000022a 04c000022a",
                                            "tcp 443 01bb 0601bb"}));
}

// protocols/http-path.md
TEST(Multiaddr, PercentEncodesHttpPaths) {
  auto raw = [](const Multiaddr& from) {
    return std::string(as_text(from.find(Protocol::http_path)->value));
  };
  Multiaddr login = address("/http-path/api%2Fv0%2Flogin");
  EXPECT_EQ(raw(login), "api/v0/login");
  EXPECT_EQ(login.to_string(), "/http-path/api%2Fv0%2Flogin");
  Multiaddr space = address("/http-path/a%2520space");
  EXPECT_EQ(raw(space), "a%20space");
  Multiaddr plus = address("/http-path/a+b%2fc");
  EXPECT_EQ(raw(plus), "a+b/c");
  EXPECT_EQ(plus.to_string(), "/http-path/a%2Bb%2Fc");
  for (auto text : {"/http-path/%", "/http-path/%f", "/http-path/a%zz", "/http-path"}) {
    EXPECT_FALSE(Multiaddr::parse(text).has_value()) << text;
  }
}

TEST(Multiaddr, WritesOneCanonicalText) {
  auto canonical = [](std::string_view text) { return address(text).to_string(); };
  EXPECT_EQ(canonical("/ip4/127.0.0.1/tcp/0080///"), "/ip4/127.0.0.1/tcp/80");
  EXPECT_EQ(canonical("/ipfs/" + std::string(relay_text)), "/p2p/" + std::string(relay_text));
  EXPECT_EQ(canonical("/p2p/bafzbeigvf25ytwc3akrijfecaotc74udrhcxzh2cx3we5qqnw5vgrei4bm"),
            "/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC");
  EXPECT_EQ(canonical("/ip6/2001:DB8:0:0:0:0:0:1/tcp/1"), "/ip6/2001:db8::1/tcp/1");
  EXPECT_EQ(canonical("/ip6/::ffff:7f00:1"), "/ip6/::ffff:127.0.0.1");
  EXPECT_EQ(canonical("/ip6/::1.2.3.4"), "/ip6/::102:304");
  EXPECT_EQ(canonical("/ip6/1:0:0:2:0:0:0:3"), "/ip6/1:0:0:2::3");
  EXPECT_EQ(canonical("/ip6/1:0:0:2:3:0:0:4"), "/ip6/1::2:3:0:0:4");
  EXPECT_EQ(canonical("/ip6/1:0:2:3:4:5:6:7"), "/ip6/1:0:2:3:4:5:6:7");
  EXPECT_EQ(canonical("/ip6/1:2:3:4:5:6:0:0"), "/ip6/1:2:3:4:5:6::");
  EXPECT_EQ(canonical("/ip6/::"), "/ip6/::");
  EXPECT_EQ(canonical("/certhash/b2uaraocy6yrdblb4sfptaddgimjmmpy").substr(0, 11), "/certhash/u");
}

TEST(Multiaddr, RefusesAddressesOfTheOtherFamilyAndSloppyOnes) {
  for (auto text : {"/ip4/::ffff:1.2.3.4",
                    "/ip6/1.2.3.4",
                    "/ip4/01.2.3.4",
                    "/ip4/1.2.3",
                    "/ip4/1.2.3.4.5",
                    "/ip4/1.2.3.256",
                    "/ip4/1..2.3",
                    "/ip4/1.2.3.",
                    "/ip4/ 1.2.3.4",
                    "/ip4/1.2.3.4 ",
                    "/ip4/0x1.2.3.4",
                    "/ip6/:",
                    "/ip6/:1",
                    "/ip6/1:",
                    "/ip6/:::",
                    "/ip6/1::2::3",
                    "/ip6/1:2:3:4:5:6:7",
                    "/ip6/1:2:3:4:5:6:7:8:9",
                    "/ip6/1:2:3:4::5:6:7:8",
                    "/ip6/12345::",
                    "/ip6/::1%eth0",
                    "/ip6/[::1]",
                    "/ip6/::g",
                    "/ip6/1:2:3:4:5:6:7:1.2.3.4",
                    "/ip6/::1.2.3",
                    "/ip6/::1.2.3.4:5",
                    "/tcp/+1",
                    "/tcp/0x1",
                    "/tcp/1 ",
                    "/memory/18446744073709551616",
                    "/garlic32/566NIXIMLXDZPANMN4QOUUCVUA3K7NENIWSS47LI5R6UGOERTZUR"}) {
    EXPECT_FALSE(Multiaddr::parse(text).has_value()) << text;
  }
  EXPECT_EQ(address("/memory/18446744073709551615").to_string(), "/memory/18446744073709551615");
}

TEST(Multiaddr, RefusesTextThatCouldForgeALogLine) {
  for (auto text : {"/dns4/a\nb/tcp/1", "/dns/\x1b[2J", "/dnsaddr/\xff", "/ip6zone/\x01/ip6/::1",
                    "/sni/\xc2\x85", "/unix/a\x7f", "/dns/\xed\xa0\x80"}) {
    EXPECT_EQ(Multiaddr::parse(text).error(), MultiformatsError::bad_value) << text;
  }
  EXPECT_EQ(address("/dns/b\xc3\xbc"
                    "cher.example/tcp/1")
                .to_string(),
            "/dns/b\xc3\xbc"
            "cher.example/tcp/1");
}

// Cases of go-multiaddr's fuzz corpus and tests, and of the binary layout.
TEST(Multiaddr, RefusesBytesThatAreNoAddress) {
  auto error = [](std::string_view hex) { return Multiaddr::from_bytes(*from_hex(hex)).error(); };
  EXPECT_EQ(error(""), MultiformatsError::empty);
  EXPECT_EQ(error("047f0000"), MultiformatsError::truncated);
  EXPECT_EQ(error("04"), MultiformatsError::truncated);
  EXPECT_EQ(error("8400"), MultiformatsError::bad_varint);
  EXPECT_EQ(error("02"), MultiformatsError::unknown_protocol);
  EXPECT_EQ(error("84e0ff00"), MultiformatsError::bad_varint);
  EXPECT_EQ(error("3700"), MultiformatsError::bad_value);
  EXPECT_EQ(error("35022f61"), MultiformatsError::bad_value);
  EXPECT_EQ(error("35ffffffffffffffff7f"), MultiformatsError::truncated);
  EXPECT_EQ(error("358000"), MultiformatsError::bad_varint);
  EXPECT_EQ(error("d20300"), MultiformatsError::bad_value);
  EXPECT_EQ(error("9003022f2f"), MultiformatsError::bad_value);
  EXPECT_EQ(error("90030161"), MultiformatsError::bad_value);
  EXPECT_EQ(error("9003032f3030210000"), MultiformatsError::after_path);
  EXPECT_EQ(error("bc03303030303030303030300000"), MultiformatsError::bad_value);
  EXPECT_EQ(error("a503221221c05877cbae039d70a5e600ea02c6f9f2942439285c9e344e26f8d280c850fad6"),
            MultiformatsError::bad_value);
}

TEST(Multiaddr, RefusesPeersThatNoKeyHas) {
  auto sha1 = Cid::v1(Codec::libp2p_key, *Multihash::wrap(Codec::sha1, Bytes(20))).to_string();
  EXPECT_EQ(Multiaddr::parse("/p2p/" + sha1).error(), MultiformatsError::bad_value);
  for (auto text :
       {"/p2p/k2k4r8oqamigqdo6o7hsbfwd45y70oyynp98usk7zmyfrzpqxh1pohl-", "/p2p/?unknownmultibase",
        "/p2p/k2jmtxwoe2phm1hbqp0e7nufqf6umvuu2e9qd7ana7h411a0haqj6i2z"}) {
    EXPECT_EQ(Multiaddr::parse(text).error(), MultiformatsError::bad_value) << text;
  }
}

TEST(Multiaddr, KeepsItsLimits) {
  std::string many;
  for (std::size_t i = 0; i < multiaddr_components_max; ++i)
    many += "/ws";
  EXPECT_TRUE(Multiaddr::parse(many).has_value());
  EXPECT_EQ(Multiaddr::parse(many + "/ws").error(), MultiformatsError::too_many_components);
  EXPECT_EQ(address(many).encapsulate(address("/ws")).error(),
            MultiformatsError::too_many_components);
  EXPECT_EQ(Multiaddr::from_bytes(Bytes(multiaddr_bytes_max + 1)).error(),
            MultiformatsError::too_long);
  EXPECT_EQ(Multiaddr::parse(std::string(multiaddr_text_bytes_max + 1, '/')).error(),
            MultiformatsError::too_long);
  std::string path = "/unix/" + std::string(multiaddr_bytes_max, 'a');
  EXPECT_EQ(Multiaddr::parse(path).error(), MultiformatsError::too_long);
  EXPECT_TRUE(Multiaddr::parse("/dns/" + std::string(dns_name_bytes_max, 'a')).has_value());
  EXPECT_EQ(Multiaddr::parse("/dns/" + std::string(dns_name_bytes_max + 1, 'a')).error(),
            MultiformatsError::bad_value);
}

// The table of go-multiaddr's TestDecapsulate.
TEST(Multiaddr, DecapsulatesFromTheLastOccurrenceOn) {
  struct Case {
    const char *left, *right, *expected;
  };
  for (auto [left, right, expected] : {
           Case{"/ip4/1.2.3.4/tcp/1234", "/ip4/1.2.3.4", ""},
           Case{"/ip4/1.2.3.4", "/ip4/1.2.3.4/tcp/1234", "/ip4/1.2.3.4"},
           Case{"/ip4/1.2.3.5/tcp/1234", "/ip4/5.3.2.1", "/ip4/1.2.3.5/tcp/1234"},
           Case{"/ip4/1.2.3.5/udp/1234/quic-v1", "/udp/1234", "/ip4/1.2.3.5"},
           Case{"/ip4/1.2.3.6/udp/1234/quic-v1", "/udp/1234/quic-v1", "/ip4/1.2.3.6"},
           Case{"/ip4/1.2.3.7/tcp/1234", "/ws", "/ip4/1.2.3.7/tcp/1234"},
           Case{"/dnsaddr/wss.com/tcp/4001", "/ws", "/dnsaddr/wss.com/tcp/4001"},
           Case{"/dnsaddr/wss.com/tcp/4001/ws", "/wss", "/dnsaddr/wss.com/tcp/4001/ws"},
           Case{"/dnsaddr/wss.com/ws", "/dnsaddr/wss.com", ""},
           Case{"/dnsaddr/wss.com/tcp/4001/wss", "/wss", "/dnsaddr/wss.com/tcp/4001"},
           Case{"/tcp/1/ws/tcp/1/ws", "/tcp/1", "/tcp/1/ws"},
       }) {
    EXPECT_EQ(address(left).decapsulate(address(right)).to_string(), expected) << left;
  }
  EXPECT_EQ(address("/tcp/1").decapsulate(Multiaddr()), address("/tcp/1"));
  EXPECT_EQ(address("/tcp/1/ws/tcp/2/wss").decapsulate(Protocol::tcp), address("/tcp/1/ws"));
  EXPECT_EQ(address("/tcp/1").decapsulate(Protocol::udp), address("/tcp/1"));
}

TEST(Multiaddr, EncapsulatesUnlessAPathIsInTheWay) {
  EXPECT_EQ(address("/ip4/127.0.0.1").encapsulate(address("/tcp/1/ws"))->to_string(),
            "/ip4/127.0.0.1/tcp/1/ws");
  EXPECT_EQ(Multiaddr().encapsulate(address("/ws")), address("/ws"));
  EXPECT_EQ(address("/unix/a").encapsulate(address("/ws")).error(), MultiformatsError::after_path);
  EXPECT_EQ(address("/ip4/1.2.3.4").with(Protocol::tcp, "80"), address("/ip4/1.2.3.4/tcp/80"));
  EXPECT_EQ(address("/tcp/80").with(Protocol::ws), address("/tcp/80/ws"));
  EXPECT_EQ(address("/tcp/80").with(Protocol::ws, "x").error(), MultiformatsError::bad_value);
  EXPECT_EQ(address("/tcp/80").with(Protocol::tcp).error(), MultiformatsError::bad_value);
}

TEST(Multiaddr, NamesThePeerItLeadsTo) {
  PeerId peer = PeerId::parse(peer_text).value();
  std::string direct = "/ip4/1.2.3.4/tcp/1/p2p/" + std::string(peer_text);
  EXPECT_EQ(address(direct).peer_id(), peer);
  EXPECT_EQ(address(direct).without_peer_id().to_string(), "/ip4/1.2.3.4/tcp/1");
  EXPECT_EQ(address("/ip4/1.2.3.4/tcp/1").with_peer_id(peer)->to_string(), direct);
  EXPECT_EQ(address(direct).with_peer_id(peer)->to_string(), direct);
  EXPECT_EQ(address(direct).with_peer_id(PeerId()).error(), MultiformatsError::empty);
  EXPECT_FALSE(address("/ip4/1.2.3.4/tcp/1").peer_id().has_value());
  EXPECT_FALSE(address(direct + "/p2p-circuit").peer_id().has_value());
  EXPECT_FALSE(Multiaddr().peer_id().has_value());
}

TEST(Multiaddr, SplitsARelayedAddress) {
  std::string relay = "/ip4/1.2.3.4/tcp/1/p2p/" + std::string(relay_text);
  std::string target = "/p2p/" + std::string(peer_text);
  Multiaddr whole = address(relay + "/p2p-circuit" + target);
  EXPECT_TRUE(whole.is_relayed());
  EXPECT_EQ(whole.peer_id()->to_string(), peer_text);
  auto parts = whole.split_relay();
  ASSERT_TRUE(parts.has_value());
  EXPECT_EQ(parts->first.to_string(), relay);
  EXPECT_EQ(parts->second.to_string(), target);
  EXPECT_TRUE(address(relay + "/p2p-circuit").split_relay()->second.empty());
  EXPECT_FALSE(address(relay).is_relayed());
  EXPECT_FALSE(address(relay).split_relay().has_value());
}

TEST(Multiaddr, GivesASocketItsAddressAndPort) {
  auto four = address("/ip4/1.2.3.4/tcp/4001/p2p/" + std::string(peer_text)).ip_and_port();
  ASSERT_TRUE(four.has_value());
  EXPECT_EQ(to_hex(four->address()), "01020304");
  EXPECT_EQ(four->port, 4001);
  EXPECT_EQ(four->transport, Protocol::tcp);
  auto six = address("/ip6zone/eth0/ip6/fe80::1/udp/53/quic-v1").ip_and_port();
  ASSERT_TRUE(six.has_value());
  EXPECT_EQ(to_hex(six->address()), "fe800000000000000000000000000001");
  EXPECT_EQ(six->zone, "eth0");
  EXPECT_EQ(six->transport, Protocol::udp);
  for (auto text : {"/dns4/a/tcp/1", "/ip4/1.2.3.4", "/ip4/1.2.3.4/ws", "/ip6zone/a/ip4/1.2.3.4",
                    "/tcp/1", "/ip6zone/a", "/ip4/1.2.3.4/ipcidr/8"}) {
    EXPECT_FALSE(address(text).ip_and_port().has_value()) << text;
  }
  EXPECT_EQ(Multiaddr::of_ip(*from_hex("01020304"), Protocol::tcp, 80),
            address("/ip4/1.2.3.4/tcp/80"));
  EXPECT_EQ(Multiaddr::of_ip(six->address(), Protocol::udp, 1), address("/ip6/fe80::1/udp/1"));
}

TEST(Multiaddr, PutsAResolvedAddressInPlaceOfAName) {
  Multiaddr named = address("/dns4/example.com/tcp/443/wss");
  ASSERT_TRUE(named.dns_name().has_value());
  EXPECT_EQ(named.dns_name()->protocol, Protocol::dns4);
  EXPECT_EQ(named.dns_name()->value_text(), "example.com");
  EXPECT_EQ(named.with_ip(*from_hex("01020304")), address("/ip4/1.2.3.4/tcp/443/wss"));
  Multiaddr later = address("/tcp/1/dns/a");
  EXPECT_FALSE(later.dns_name().has_value());
  EXPECT_EQ(Multiaddr().with_ip(*from_hex("01020304")).error(), MultiformatsError::empty);
}

TEST(Multiaddr, KnowsLoopbackAndUnspecifiedAddresses) {
  for (auto text : {"/ip4/127.0.0.1/tcp/1", "/ip4/127.255.0.1", "/ip6/::1/udp/1",
                    "/ip6/::ffff:127.0.0.1/tcp/1", "/ip6zone/lo/ip6/::1"}) {
    EXPECT_TRUE(address(text).is_loopback()) << text;
  }
  for (auto text : {"/ip4/128.0.0.1/tcp/1", "/ip6/::2", "/dns4/localhost/tcp/1", "/memory/1"}) {
    EXPECT_FALSE(address(text).is_loopback()) << text;
  }
  EXPECT_TRUE(address("/ip4/0.0.0.0/tcp/1").is_unspecified());
  EXPECT_TRUE(address("/ip6/::/tcp/1").is_unspecified());
  EXPECT_FALSE(address("/ip6/::1/tcp/1").is_unspecified());
  EXPECT_FALSE(address("/tcp/0").is_unspecified());
}

TEST(Multiaddr, IsAKeyOfOrderedAndUnorderedTables) {
  std::set<Multiaddr> ordered{address("/tcp/1"), address("/tcp/2"), address("/tcp/1/")};
  std::unordered_set<Multiaddr> hashed(ordered.begin(), ordered.end());
  EXPECT_EQ(ordered.size(), 2u);
  EXPECT_EQ(hashed.size(), 2u);
  EXPECT_TRUE(Multiaddr().empty());
  EXPECT_EQ(Multiaddr().to_string(), "");
}

TEST(Protocol, HasTheNamesAndCodesOfMulticodec) {
  for (const ProtocolInfo& row : all_protocols()) {
    auto code = static_cast<std::uint64_t>(row.protocol);
    EXPECT_EQ(find_protocol(code), &row);
    EXPECT_EQ(find_protocol(row.name), &row);
    if (row.protocol == Protocol::memory) continue;  // its multicodec name is memorytransport
    EXPECT_EQ(codec_name(static_cast<Codec>(code)), row.name);
  }
  EXPECT_EQ(codec_name(static_cast<Codec>(777)), "memorytransport");
  EXPECT_EQ(find_protocol("ipfs"), find_protocol("p2p"));
  EXPECT_EQ(find_protocol(""), nullptr);
  EXPECT_EQ(find_protocol((1ULL << 32) + 4), nullptr);
}

Bytes random_bytes(std::size_t low, std::size_t high) {
  auto size = *rc::gen::inRange<std::size_t>(low, high + 1);
  return *rc::gen::container<Bytes>(size, rc::gen::arbitrary<std::uint8_t>());
}

std::string random_word() {
  auto size = *rc::gen::inRange<std::size_t>(1, 20);
  return *rc::gen::container<std::string>(size, rc::gen::inRange<char>('0', 'z'));
}

// A valid value of a kind, in binary.
Bytes random_value(ValueKind kind) {
  if (auto size = fixed_value_bytes(kind)) {
    Bytes value = random_bytes(*size, *size);
    bool onion = kind == ValueKind::onion || kind == ValueKind::onion3;
    if (onion && value.back() == 0) value.back() = 1;
    return value;
  }
  switch (kind) {
    case ValueKind::path:
      return to_bytes("/" + random_word() + "/" + random_word());
    case ValueKind::peer_id:
      return to_bytes(Multihash::wrap(Codec::identity, random_bytes(1, 42))->bytes());
    case ValueKind::certhash:
      return to_bytes(Multihash::wrap(Codec::sha2_256, random_bytes(0, 64))->bytes());
    case ValueKind::garlic64:
      return random_bytes(386, 400);
    case ValueKind::garlic32:
      return random_bytes(35, 60);
    case ValueKind::http_path:
      return random_bytes(1, 30);
    default:
      return to_bytes(random_word());
  }
}

RC_GTEST_PROP(Multiaddr, RoundTripsOverBytesAndText, ()) {
  Bytes bytes;
  auto count = *rc::gen::inRange<std::size_t>(1, 8);
  for (std::size_t i = 0; i < count; ++i) {
    const ProtocolInfo& info = *rc::gen::elementOf(
        std::vector<ProtocolInfo>(all_protocols().begin(), all_protocols().end()));
    if (info.kind == ValueKind::path && i + 1 < count) continue;
    Bytes value = random_value(info.kind);
    append_varint(bytes, static_cast<std::uint64_t>(info.protocol));
    if (!fixed_value_bytes(info.kind)) append_varint(bytes, value.size());
    append(bytes, value);
  }
  RC_PRE(!bytes.empty() && bytes.size() <= multiaddr_bytes_max);
  auto parsed = Multiaddr::from_bytes(bytes);
  RC_ASSERT(parsed.has_value());
  RC_ASSERT(equal(parsed->bytes(), bytes));
  RC_ASSERT((Multiaddr::parse(parsed->to_string()) == *parsed));
}

RC_GTEST_PROP(Multiaddr, EncodesWhatItAcceptedToTheSameBytes, ()) {
  auto bytes = *rc::gen::container<Bytes>(
      rc::gen::element<std::uint8_t>(0, 1, 2, 3, 4, 6, 41, 43, 53, 0x90, 0xa5, '/', 'a'));
  auto parsed = Multiaddr::from_bytes(bytes);
  if (!parsed) return;
  RC_ASSERT(equal(parsed->bytes(), bytes));
  auto again = Multiaddr::parse(parsed->to_string());
  RC_ASSERT(again.has_value());
  RC_ASSERT(equal(again->bytes(), bytes));
}

}  // namespace
}  // namespace kith::multiformats
