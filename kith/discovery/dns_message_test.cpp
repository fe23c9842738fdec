#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include <kith/discovery/dns_message.hpp>

namespace kith::discovery {
namespace {

Bytes vector(const std::string& name) {
  std::ifstream file(std::string(KITH_SOURCE_DIR) + "/fuzz/corpus/dns_message/" + name,
                     std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  return Bytes(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

Bytes hex(std::string_view text) {
  std::optional<Bytes> bytes = from_hex(text);
  EXPECT_TRUE(bytes.has_value());
  return bytes.value_or(Bytes{});
}

void expect_error(const Bytes& bytes, DnsError error) {
  auto message = decode_dns(bytes);
  ASSERT_FALSE(message.has_value());
  EXPECT_TRUE(message.error().is(error)) << message.error().message();
}

/// A query with one question for the name that these bytes write, of type A.
Bytes query_for(Bytes name) {
  Bytes bytes = hex("000000000001000000000000");
  append(bytes, name);
  append(bytes, hex("00010001"));
  return bytes;
}

TEST(DnsName, ReadsAndWritesText) {
  DnsName name = DnsName::of("_p2p._udp.local");
  EXPECT_EQ(name.to_string(), "_p2p._udp.local.");
  EXPECT_EQ(name.wire_bytes(), 17u);
  EXPECT_EQ(name, DnsName::of("_P2P._udp.LOCAL."));
  EXPECT_EQ(name.first_label(), "_p2p");
  EXPECT_EQ(name.parent(), DnsName::of("_udp.local"));
  EXPECT_TRUE(DnsName::of("").is_root() && DnsName::of(".").is_root());
  EXPECT_EQ(DnsName().to_string(), ".");
  EXPECT_EQ(DnsName::under("a.b\x01", DnsName::of("c"))->to_string(), "a\\.b\\001.c.");
  for (const char* wrong : {"..", "a..b", ".a", "a.b.."})
    EXPECT_FALSE(DnsName::parse(wrong).has_value()) << wrong;
  EXPECT_TRUE(DnsName::parse(std::string(63, 'a')).has_value());
  EXPECT_FALSE(DnsName::parse(std::string(64, 'a')).has_value());
}

TEST(DnsName, HasAtMost255Bytes) {
  std::string label(62, 'a');
  std::string four = label + "." + label + "." + label + "." + label;  // 4 * 63 bytes and the 0
  EXPECT_EQ(DnsName::of(four).wire_bytes(), 253u);
  EXPECT_TRUE(DnsName::under("b", DnsName::of(four)).has_value());
  EXPECT_FALSE(DnsName::under("bc", DnsName::of(four)).has_value());
  EXPECT_FALSE(DnsName::parse(four + ".bc").has_value());
}

/// The names of RFC 1035 section 4.1.4: F.ISI.ARPA, FOO.F.ISI.ARPA, ARPA and the root.
TEST(DnsMessage, ReadsTheCompressionExampleOfRfc1035) {
  Bytes bytes = hex("000084000000000400000000");
  auto add = [&bytes](std::string_view name, std::size_t data_bytes) {
    append(bytes, hex(name));
    append(bytes, hex("ff0000010000000a"));
    bytes.push_back(0);
    bytes.push_back(static_cast<std::uint8_t>(data_bytes));
    bytes.resize(bytes.size() + data_bytes, 0x55);
  };
  add("014603495349044152504100", 2);  // F.ISI.ARPA, at 12
  add("03464f4fc00c", 1);              // FOO and a pointer to it
  add("c012", 0);                      // a pointer to ARPA, behind F and ISI
  add("00", 0);
  auto message = decode_dns(bytes);
  ASSERT_TRUE(message.has_value()) << message.error().message();
  EXPECT_EQ(message->answers[0].name.to_string(), "F.ISI.ARPA.");
  EXPECT_EQ(message->answers[1].name.to_string(), "FOO.F.ISI.ARPA.");
  EXPECT_EQ(message->answers[2].name.to_string(), "ARPA.");
  EXPECT_TRUE(message->answers[3].name.is_root());
}

TEST(DnsMessage, ReadsWhatKuboSends) {
  auto query = decode_dns(vector("kubo_query"));
  ASSERT_TRUE(query.has_value());
  EXPECT_FALSE(query->response);
  ASSERT_EQ(query->questions.size(), 1u);
  EXPECT_EQ(query->questions[0].name, DnsName::of("_p2p._udp.local"));
  EXPECT_EQ(query->questions[0].type, DnsType::ptr);
  EXPECT_FALSE(query->questions[0].unicast_response);

  auto response = decode_dns(vector("kubo_response"));
  ASSERT_TRUE(response.has_value());
  EXPECT_TRUE(response->response);
  EXPECT_TRUE(response->authoritative);
  ASSERT_EQ(response->answers.size(), 1u);
  const auto& pointer = std::get<DnsPointer>(response->answers[0].data);
  EXPECT_EQ(pointer.target.parent(), DnsName::of("_p2p._udp.local"));
  ASSERT_EQ(response->additionals.size(), 3u);
  EXPECT_EQ(response->additionals[0].name, pointer.target);
  EXPECT_EQ(std::get<DnsService>(response->additionals[0].data).port, 4001);
  const auto& text = std::get<DnsText>(response->additionals[1].data);
  ASSERT_FALSE(text.strings.empty());
  for (const std::string& string : text.strings)
    EXPECT_TRUE(string.starts_with("dnsaddr=/ip4/")) << string;
  EXPECT_EQ(response->additionals[1].ttl_seconds, 3200u);

  auto probe = decode_dns(vector("kubo_probe"));
  ASSERT_TRUE(probe.has_value());
  EXPECT_EQ(probe->authorities.size(), 2u);
  auto announcement = decode_dns(vector("kubo_announcement"));
  ASSERT_TRUE(announcement.has_value());
  EXPECT_EQ(announcement->answers.size(), 5u);
  EXPECT_TRUE(announcement->answers[0].cache_flush);
}

TEST(DnsMessage, ReadsWhatRustSends) {
  auto response = decode_dns(vector("rust_response"));
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->id, 0x1234);
  ASSERT_EQ(response->additionals.size(), 2u);
  EXPECT_TRUE(response->additionals[0].cache_flush);
  EXPECT_EQ(std::get<DnsText>(response->additionals[1].data).strings.size(), 1u);
}

TEST(DnsMessage, KeepsWhatItDoesNotKnow) {
  auto message = decode_dns(vector("nsec"));
  ASSERT_TRUE(message.has_value());
  const auto& other = std::get<DnsOther>(message->answers.at(0).data);
  EXPECT_EQ(other.type, 47);
  EXPECT_EQ(other.data.size(), 6u);
}

TEST(DnsMessage, WritesWhatItReads) {
  for (const char* name : {"kubo_query", "kubo_response", "kubo_probe", "kubo_announcement",
                           "rust_query", "rust_response", "nsec", "meta_query"}) {
    Bytes bytes = vector(name);
    auto message = decode_dns(bytes);
    ASSERT_TRUE(message.has_value()) << name;
    Bytes written = encode_dns(*message);
    EXPECT_LE(written.size(), bytes.size()) << name;
    auto again = decode_dns(written);
    ASSERT_TRUE(again.has_value()) << name;
    EXPECT_EQ(*again, *message) << name;
  }
  EXPECT_EQ(encode_dns(*decode_dns(vector("kubo_query"))), vector("kubo_query"));
}

TEST(DnsMessage, CompressesNamesAlsoInData) {
  DnsMessage message;
  message.response = true;
  DnsName service = DnsName::of("_p2p._udp.local");
  DnsName instance = *DnsName::under("x", service);
  DnsRecord record;
  record.name = service;
  record.data = DnsPointer{instance};
  message.answers.push_back(record);
  record.name = instance;
  record.data = DnsService{0, 0, 4001, *DnsName::under("x", DnsName::of("p2p.local"))};
  message.additionals.push_back(record);
  // 12, 17 + 10 + 4 (x and a pointer), 2 + 10 + 6 + 8 (x.p2p and a pointer to local)
  EXPECT_EQ(encode_dns(message).size(), 12u + 31 + 26);
  EXPECT_EQ(*decode_dns(encode_dns(message)), message);
}

TEST(DnsMessage, TakesAnEmptyTextAsNone) {
  for (const char* data : {"0000", "000100"}) {
    Bytes bytes = hex("00008400000000010000000000001000010000000a");
    append(bytes, hex(data));
    auto message = decode_dns(bytes);
    ASSERT_TRUE(message.has_value()) << data;
    EXPECT_TRUE(std::get<DnsText>(message->answers[0].data).strings.empty());
  }
}

TEST(DnsMessage, RefusesNamesThatLeadNowhere) {
  expect_error(vector("loop"), DnsError::bad_pointer);              // to itself
  expect_error(query_for(hex("c00e")), DnsError::bad_pointer);      // forward
  expect_error(query_for(hex("c00b")), DnsError::bad_pointer);      // into the header
  expect_error(query_for(hex("0161c00c")), DnsError::bad_pointer);  // round in circles
  expect_error(query_for(hex("4061")), DnsError::bad_label);
  expect_error(query_for(hex("8061")), DnsError::bad_label);
  expect_error(query_for(hex("3f")), DnsError::truncated);
}

TEST(DnsMessage, RefusesNamesThatAreTooLongAlsoWhenCompressed) {
  // Records with names that each point to the one before and put 50 bytes before it.
  Bytes bytes = hex("000084000000000600000000");
  std::size_t before = 0;
  for (int i = 0; i < 6; ++i) {
    std::size_t here = bytes.size();
    bytes.push_back(50);
    bytes.resize(bytes.size() + 50, 'a');
    if (i == 0) {
      bytes.push_back(0);
    } else {
      bytes.push_back(0xc0);
      bytes.push_back(static_cast<std::uint8_t>(before));
    }
    before = here;
    append(bytes, hex("ff0000010000000a0000"));
    if (i >= 3) break;
  }
  bytes[7] = 4;
  EXPECT_TRUE(decode_dns(bytes).has_value());
  bytes[7] = 5;
  bytes.push_back(60);
  bytes.resize(bytes.size() + 60, 'a');
  bytes.push_back(0xc0);
  bytes.push_back(static_cast<std::uint8_t>(before));
  append(bytes, hex("ff0000010000000a0000"));
  expect_error(bytes, DnsError::name_too_long);
}

TEST(DnsMessage, RefusesManyPointersInARow) {
  // An unknown record's data is a chain of pointers, each to the one before.
  Bytes bytes = hex("00008400000000020000000000ff0000010000000a");
  constexpr std::size_t links = dns_pointers_max + 2;
  bytes.push_back(static_cast<std::uint8_t>((1 + links * 2) >> 8));
  bytes.push_back(static_cast<std::uint8_t>((1 + links * 2) & 0xff));
  std::size_t target = bytes.size();
  bytes.push_back(0);
  for (std::size_t i = 0; i < links; ++i) {
    std::size_t here = bytes.size();
    bytes.push_back(static_cast<std::uint8_t>(0xc0 | (target >> 8)));
    bytes.push_back(static_cast<std::uint8_t>(target));
    target = here;
  }
  bytes.push_back(static_cast<std::uint8_t>(0xc0 | (target >> 8)));
  bytes.push_back(static_cast<std::uint8_t>(target));
  append(bytes, hex("ff0000010000000a0000"));
  expect_error(bytes, DnsError::bad_pointer);
}

TEST(DnsMessage, RefusesDataOfTheWrongForm) {
  auto record = [](std::string_view type, std::string_view data) {
    Bytes bytes = hex("00008400000000010000000000");
    append(bytes, hex(type));
    append(bytes, hex("00010000000a"));
    Bytes content = hex(data);
    bytes.push_back(0);
    bytes.push_back(static_cast<std::uint8_t>(content.size()));
    append(bytes, content);
    return bytes;
  };
  EXPECT_TRUE(decode_dns(record("0001", "7f000001")).has_value());
  expect_error(record("0001", "7f0000"), DnsError::bad_data);
  expect_error(record("001c", "7f000001"), DnsError::bad_data);
  EXPECT_TRUE(decode_dns(record("000c", "016100")).has_value());
  expect_error(record("000c", "01610000"), DnsError::bad_data);
  expect_error(record("000c", "0161"), DnsError::truncated);
  expect_error(record("0010", "0361"), DnsError::truncated);
  expect_error(record("0021", "00000000"), DnsError::truncated);
  expect_error(record("0021", "000000000fa1016100ff"), DnsError::bad_data);
}

TEST(DnsMessage, RefusesEveryPrefixAndWhatStandsBehind) {
  for (const char* name : {"kubo_response", "kubo_announcement", "rust_response"}) {
    Bytes bytes = vector(name);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_dns(ByteView(bytes).first(size)).has_value()) << name << " " << size;
    }
    bytes.push_back(0);
    expect_error(bytes, DnsError::trailing_bytes);
  }
}

TEST(DnsMessage, CountsBeforeItReads) {
  expect_error(hex("0000000000ff000000000000"), DnsError::too_many);
  expect_error(hex("000084000000008000800080"), DnsError::too_many);
  expect_error(hex("0000000000010000000000"), DnsError::truncated);
  expect_error(Bytes(dns_message_bytes_max + 1, 0), DnsError::too_long);
  // A record of 600 empty texts.
  Bytes bytes = hex("00008400000000010000000000001000010000000a0258");
  bytes.resize(bytes.size() + 600, 0);
  expect_error(bytes, DnsError::too_many);
}

}  // namespace
}  // namespace kith::discovery
