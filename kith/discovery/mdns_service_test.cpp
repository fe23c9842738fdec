#include <fstream>
#include <iterator>
#include <set>

#include <gtest/gtest.h>

#include <kith/discovery/mdns_service.hpp>

namespace kith::discovery {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using port::Endpoint;
using port::IpAddress;

constexpr MdnsLinkId link4{2, port::IpFamily::v4};

PeerId peer_id(std::uint32_t number) {
  Bytes key(36, 0x6b);
  store_be(key.data() + 32, number);
  return PeerId::from_public_key(key);
}

IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

Multiaddr address(std::string_view text) {
  auto parsed = Multiaddr::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return *parsed;
}

Bytes vector(const std::string& name) {
  std::ifstream file(std::string(KITH_SOURCE_DIR) + "/fuzz/corpus/dns_message/" + name,
                     std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  return Bytes(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

/// A link 192.168.1.0/24 on which we are 192.168.1.`host`.
MdnsLink plain_link(int host) {
  std::string own = "192.168.1." + std::to_string(host);
  return {{{ip(own), 24}}, {address("/ip4/" + own + "/tcp/4001")}};
}

DnsMessage query(std::string_view name, DnsType type) {
  DnsMessage message;
  message.questions.push_back({DnsName::of(name), type});
  return message;
}

/// A response as libp2p's peers send it.
DnsMessage response(std::string_view label, const std::vector<std::string>& texts,
                    std::uint32_t ttl = 360) {
  DnsName service = DnsName::of(mdns_service_name);
  DnsName instance = *DnsName::under(label, service);
  DnsMessage message;
  message.response = true;
  DnsRecord record;
  record.name = service;
  record.ttl_seconds = ttl;
  record.data = DnsPointer{instance};
  message.answers.push_back(record);
  record.name = instance;
  DnsText text;
  for (const std::string& one : texts)
    text.strings.push_back("dnsaddr=" + one);
  record.data = text;
  message.additionals.push_back(record);
  return message;
}

std::string told(std::string_view where, std::uint32_t number) {
  return std::string(where) + "/p2p/" + peer_id(number).to_string();
}

/// One service on one link, and the hands that feed it.
struct Rig {
  explicit Rig(MdnsLink link = plain_link(1), std::uint64_t seed = 1) : service(peer_id(1), seed) {
    service.set_machine_addresses({ip("192.168.1.1"), ip("127.0.0.1")});
    service.set_link(link4, std::move(link), now);
  }
  /// All that is sent until `duration` has passed.
  std::vector<MdnsOutgoing> run(Duration duration) {
    std::vector<MdnsOutgoing> sent;
    Instant end = now + duration;
    for (;;) {
      while (std::optional<MdnsOutgoing> out = service.poll_outgoing(now))
        sent.push_back(*std::move(out));
      while (std::optional<FoundPeer> peer = service.poll_found(now))
        found.push_back(*std::move(peer));
      Instant next = std::max(service.next_deadline(), now);
      if (next > end) break;
      now = next;
    }
    now = end;
    return sent;
  }
  void take(const DnsMessage& message, std::string_view from = "192.168.1.9",
            std::uint16_t from_port = mdns_port) {
    service.receive(link4, {ip(from), from_port}, encode_dns(message), now);
  }
  /// What is sent in answer to a query within two seconds, once it is quiet.
  std::vector<DnsMessage> ask(const DnsMessage& message, std::string_view from = "192.168.1.9",
                              std::uint16_t from_port = mdns_port) {
    run(3min);
    take(message, from, from_port);
    std::vector<DnsMessage> answers;
    to.clear();
    for (const MdnsOutgoing& out : run(2s)) {
      answers.push_back(*decode_dns(out.datagram));
      to.push_back(out.to);
    }
    return answers;
  }

  Instant now{};
  MdnsService service;
  std::vector<FoundPeer> found;
  std::vector<std::optional<Endpoint>> to;
};

TEST(MdnsService, HasARandomNameOf32To63Characters) {
  std::set<std::string> names;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    MdnsService service(peer_id(1), seed);
    std::string name(service.instance().first_label());
    EXPECT_GE(name.size(), 32u);
    EXPECT_LE(name.size(), 63u);
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789"), std::string::npos);
    EXPECT_EQ(service.instance().parent(), DnsName::of(mdns_service_name));
    names.insert(name);
  }
  EXPECT_EQ(names.size(), 100u);
}

TEST(MdnsService, AsksEverMoreRarely) {
  Rig rig;
  std::vector<Instant> asked;
  for (int i = 0; i < 3600 * 20; ++i) {
    for (const MdnsOutgoing& out : rig.run(50ms)) {
      DnsMessage message = *decode_dns(out.datagram);
      EXPECT_FALSE(out.to.has_value());
      if (message.response) continue;
      asked.push_back(rig.now);
      EXPECT_NE(message.id, 0);
      ASSERT_EQ(message.questions.size(), 1u);
      EXPECT_EQ(message.questions[0], query(mdns_service_name, DnsType::ptr).questions[0]);
    }
  }
  // 1 s, 2 s, ... 256 s, then every five minutes or a little more.
  EXPECT_GE(asked.size(), 18u);
  EXPECT_LE(asked.size(), 21u);
  EXPECT_LE(asked[0] - Instant{}, 150ms);
  EXPECT_GE(asked[1] - asked[0], 1s - 50ms);
  for (std::size_t i = 2; i < 8; ++i)
    EXPECT_GE(asked[i] - asked[i - 1], (asked[i - 1] - asked[i - 2]) * 3 / 2);
  for (std::size_t i = 1; i < asked.size(); ++i)
    EXPECT_LE(asked[i] - asked[i - 1], std::chrono::seconds(mdns_peer_ttl_seconds) * 9 / 10);
}

TEST(MdnsService, AnswersItsOwnQuestionSoThatOthersHearOfIt) {
  Rig rig;
  std::vector<MdnsOutgoing> sent = rig.run(500ms);
  ASSERT_EQ(sent.size(), 2u);
  DnsMessage asked = *decode_dns(sent[0].datagram);
  EXPECT_FALSE(asked.response);
  EXPECT_TRUE(decode_dns(sent[1].datagram)->response);
  // Its own query comes back and is no reason to answer again.
  rig.take(asked, "192.168.1.1");
  rig.run(400ms);
  // Another node's query on the same machine is.
  asked.id = static_cast<std::uint16_t>(asked.id + 1);
  rig.take(asked, "192.168.1.1");
  bool answered = false;
  for (const MdnsOutgoing& out : rig.run(1s))
    answered = answered || decode_dns(out.datagram)->response;
  EXPECT_TRUE(answered);
}

TEST(MdnsService, AnswersWithAllThatTheSpecificationWants) {
  Rig rig;
  std::vector<DnsMessage> answers = rig.ask(query(mdns_service_name, DnsType::ptr));
  ASSERT_EQ(answers.size(), 1u);
  const DnsMessage& answer = answers[0];
  EXPECT_FALSE(rig.to[0].has_value());
  EXPECT_TRUE(answer.response && answer.authoritative);
  EXPECT_EQ(answer.id, 0);
  EXPECT_TRUE(answer.questions.empty());
  const DnsName& instance = rig.service.instance();
  ASSERT_EQ(answer.answers.size(), 1u);
  EXPECT_EQ(answer.answers[0].name, DnsName::of(mdns_service_name));
  EXPECT_EQ(answer.answers[0].data, DnsData(DnsPointer{instance}));
  EXPECT_FALSE(answer.answers[0].cache_flush);
  ASSERT_EQ(answer.additionals.size(), 3u);
  EXPECT_EQ(answer.additionals[0].name, instance);
  DnsName host = std::get<DnsService>(answer.additionals[0].data).target;
  EXPECT_EQ(host.parent(), DnsName::of("p2p.local"));
  EXPECT_EQ(answer.additionals[1].name, instance);
  EXPECT_EQ(std::get<DnsText>(answer.additionals[1].data).strings,
            std::vector<std::string>{"dnsaddr=" + told("/ip4/192.168.1.1/tcp/4001", 1)});
  EXPECT_EQ(answer.additionals[2].name, host);
  EXPECT_EQ(answer.additionals[2].data, DnsData(DnsAddress4{192, 168, 1, 1}));
}

TEST(MdnsService, AnswersTheQuestionsOfServiceDiscovery) {
  Rig rig;
  std::string instance = rig.service.instance().to_string();
  auto meta = rig.ask(query(mdns_meta_query_name, DnsType::ptr));
  ASSERT_EQ(meta.size(), 1u);
  ASSERT_EQ(meta[0].answers.size(), 1u);
  EXPECT_EQ(meta[0].answers[0].data, DnsData(DnsPointer{DnsName::of(mdns_service_name)}));
  EXPECT_TRUE(meta[0].additionals.empty());

  auto text = rig.ask(query(instance, DnsType::txt));
  ASSERT_EQ(text.size(), 1u);
  EXPECT_EQ(text[0].answers.size(), 2u);
  auto service = rig.ask(query(instance, DnsType::srv));
  ASSERT_EQ(service.size(), 1u);
  DnsName host = std::get<DnsService>(service[0].answers[0].data).target;
  auto addresses = rig.ask(query(host.to_string(), DnsType::a));
  ASSERT_EQ(addresses.size(), 1u);
  ASSERT_EQ(addresses[0].answers.size(), 1u);
  EXPECT_EQ(addresses[0].answers[0].type(), DnsType::a);

  EXPECT_EQ(rig.ask(query("_P2P._UDP.local", DnsType::any)).size(), 1u) << "case doesn't count";
  EXPECT_TRUE(rig.ask(query("_http._tcp.local", DnsType::ptr)).empty());
  EXPECT_TRUE(rig.ask(query(mdns_service_name, DnsType::txt)).empty());
  DnsMessage chaos = query(mdns_service_name, DnsType::ptr);
  chaos.questions[0].qclass = 3;
  EXPECT_TRUE(rig.ask(chaos).empty());
  DnsMessage update = query(mdns_service_name, DnsType::ptr);
  update.opcode = 5;
  EXPECT_TRUE(rig.ask(update).empty());
}

TEST(MdnsService, AnswersAtMostOnceASecondHoweverOftenItIsAsked) {
  Rig rig;
  rig.run(3min);
  std::size_t answers = 0;
  for (int i = 0; i < 1000; ++i) {
    rig.take(query(mdns_service_name, DnsType::ptr), "192.168.1." + std::to_string(2 + i % 100));
    answers += rig.run(10ms).size();
  }
  EXPECT_GE(answers, 9u);
  EXPECT_LE(answers, 11u);
}

TEST(MdnsService, LeavesOutWhatTheAskerKnows) {
  Rig rig;
  DnsMessage knowing = query(mdns_service_name, DnsType::ptr);
  DnsRecord known;
  known.name = DnsName::of(mdns_service_name);
  known.data = DnsPointer{rig.service.instance()};
  known.ttl_seconds = mdns_peer_ttl_seconds / 2;
  knowing.answers.push_back(known);
  EXPECT_TRUE(rig.ask(knowing).empty());
  knowing.answers[0].ttl_seconds -= 1;
  EXPECT_EQ(rig.ask(knowing).size(), 1u);
}

TEST(MdnsService, WaitsForTheRestOfALongQuery) {
  Rig rig;
  DnsMessage first = query(mdns_service_name, DnsType::ptr);
  first.truncated = true;
  DnsMessage rest;
  DnsRecord known;
  known.name = DnsName::of(mdns_service_name);
  known.data = DnsPointer{rig.service.instance()};
  known.ttl_seconds = mdns_peer_ttl_seconds;
  rest.answers.push_back(known);

  rig.run(3min);
  rig.take(first);
  EXPECT_TRUE(rig.run(300ms).empty());
  rig.take(rest);
  EXPECT_TRUE(rig.run(2s).empty());

  // What another one knows is no reason to keep silent.
  rig.take(first);
  rig.run(300ms);
  rig.take(rest, "192.168.1.10");
  EXPECT_EQ(rig.run(2s).size(), 1u);
}

TEST(MdnsService, AnswersTheGroupAndTheAskerThatComesFromAnyPort) {
  Rig rig;
  // rust-libp2p asks from any port and hears the group alone; dig hears what comes to itself alone.
  DnsMessage legacy = query(mdns_service_name, DnsType::ptr);
  legacy.id = 77;
  legacy.questions.insert(
      legacy.questions.begin(),
      {*DnsName::under(std::string(63, 'x'), DnsName::of("example")), DnsType::ptr});
  std::vector<DnsMessage> answers = rig.ask(legacy, "192.168.1.9", 40000);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(rig.to[0], (Endpoint{ip("192.168.1.9"), 40000}));
  EXPECT_EQ(answers[0].id, 77);
  ASSERT_EQ(answers[0].questions.size(), 1u) << "only what we answer is repeated";
  EXPECT_EQ(answers[0].questions[0].name, DnsName::of(mdns_service_name));
  for (const DnsRecord& record : answers[0].additionals) {
    EXPECT_LE(record.ttl_seconds, mdns_legacy_ttl_seconds);
    EXPECT_FALSE(record.cache_flush);
  }
  EXPECT_FALSE(rig.to[1].has_value());
  EXPECT_EQ(answers[1].id, 0);
}

TEST(MdnsService, GivesStrangersFewAnswersOfTheirOwn) {
  Rig rig;
  rig.run(3min);
  DnsMessage legacy = query(mdns_meta_query_name, DnsType::ptr);
  std::size_t unicast = 0;
  for (int i = 0; i < 1000; ++i) {
    rig.take(legacy, "192.168.1." + std::to_string(2 + i % 200), 40000);
    for (const MdnsOutgoing& out : rig.run(10ms))
      unicast += out.to.has_value() ? 1 : 0;
  }
  EXPECT_LE(static_cast<double>(unicast), mdns_unicast_burst + 11 * mdns_unicast_per_second);
  EXPECT_TRUE(rig.ask(legacy, "8.8.8.8", 40000).empty()) << "not of this network";
  EXPECT_TRUE(rig.ask(query(mdns_service_name, DnsType::ptr), "8.8.8.8").empty());
}

TEST(MdnsService, TellsOnALinkWhatBelongsToIt) {
  MdnsLink link = plain_link(1);
  link.subnets.push_back({ip("fe80::1"), 64});
  link.subnets.push_back({ip("2001:db8::1"), 64});
  link.addresses = {
      address("/ip6zone/2/ip6/fe80::1/tcp/4001"),
      address("/ip4/127.0.0.1/tcp/4001"),
      address("/ip4/172.17.0.1/tcp/4001"),
      address("/ip4/192.168.1.1/tcp/4001"),
      address("/dns4/example.com/tcp/4001"),
      address("/ip6/2001:db8::1/tcp/4001"),
      address("/ip4/192.168.1.1/tcp/1/p2p/" + peer_id(9).to_string() + "/p2p-circuit")};
  Rig rig(link);
  auto answers = rig.ask(query(mdns_service_name, DnsType::ptr));
  ASSERT_EQ(answers.size(), 1u);
  std::vector<std::string> expected = {"dnsaddr=" + told("/ip4/192.168.1.1/tcp/4001", 1),
                                       "dnsaddr=" + told("/ip6/2001:db8::1/tcp/4001", 1)};
  EXPECT_EQ(std::get<DnsText>(answers[0].additionals[1].data).strings, expected);
  EXPECT_EQ(answers[0].additionals.size(), 4u) << "A and AAAA";

  link.addresses = {address("/ip6zone/2/ip6/fe80::1/tcp/4001")};
  rig.service.set_link(link4, link, rig.now);
  answers = rig.ask(query(mdns_service_name, DnsType::ptr));
  ASSERT_EQ(answers.size(), 1u);
  expected = {"dnsaddr=" + told("/ip6/fe80::1/tcp/4001", 1)};
  EXPECT_EQ(std::get<DnsText>(answers[0].additionals[1].data).strings, expected);

  link.addresses = {address("/ip4/127.0.0.1/tcp/4001")};
  rig.service.set_link(link4, link, rig.now);
  EXPECT_TRUE(rig.ask(query(mdns_service_name, DnsType::ptr)).empty());
}

TEST(MdnsService, TellsOfChangedAddressesByItself) {
  Rig rig;
  rig.run(3min);
  MdnsLink link = plain_link(1);
  rig.service.set_link(link4, link, rig.now);
  EXPECT_TRUE(rig.run(2s).empty()) << "nothing changed";
  link.addresses.push_back(address("/ip4/192.168.1.1/udp/4001/quic-v1"));
  rig.service.set_link(link4, link, rig.now);
  std::vector<MdnsOutgoing> sent = rig.run(2s);
  ASSERT_EQ(sent.size(), 1u);
  DnsMessage message = *decode_dns(sent[0].datagram);
  EXPECT_EQ(std::get<DnsText>(message.additionals[1].data).strings.size(), 2u);
}

TEST(MdnsService, SplitsManyAddressesIntoMessagesThatFitAFrame) {
  // The longest name, the longest addresses and four of them as records.
  MdnsLink link;
  for (int i = 0; i < 8; ++i) {
    std::string own = "2001:db8:1111:2222:3333:4444:5555:666" + std::to_string(i);
    link.subnets.push_back({ip(own), 64});
    for (int port = 60000; port < 60010; ++port)
      link.addresses.push_back(address("/ip6/" + own + "/tcp/" + std::to_string(port)));
  }
  for (std::uint64_t seed = 1; seed < 40; ++seed) {
    Rig rig(link, seed);
    std::set<std::string> texts;
    std::vector<DnsMessage> answers = rig.ask(query(mdns_service_name, DnsType::ptr));
    EXPECT_EQ(answers.size(), mdns_messages_per_response_max);
    for (const DnsMessage& answer : answers) {
      EXPECT_LE(encode_dns(answer).size(), mdns_message_bytes_max);
      EXPECT_EQ(answer.answers.size(), 1u) << "each message stands for itself";
      const auto& text = std::get<DnsText>(answer.additionals.at(1).data);
      texts.insert(text.strings.begin(), text.strings.end());
    }
    EXPECT_GT(texts.size(), 18u);
    EXPECT_LE(texts.size(), mdns_announced_addresses_max);
  }
}

TEST(MdnsService, SaysGoodbyeOnceItWasHeardOf) {
  Rig rig;
  rig.run(3s);
  rig.service.stop();
  std::vector<MdnsOutgoing> sent = rig.run(1h);
  ASSERT_EQ(sent.size(), 1u);
  DnsMessage message = *decode_dns(sent[0].datagram);
  EXPECT_EQ(message.answers.at(0).ttl_seconds, 0u);
  EXPECT_EQ(message.answers.at(0).data, DnsData(DnsPointer{rig.service.instance()}));
  for (const DnsRecord& record : message.additionals)
    EXPECT_EQ(record.ttl_seconds, 0u);

  Rig silent;
  silent.service.stop();
  EXPECT_TRUE(silent.run(1h).empty());
}

// Finding.

TEST(MdnsService, FindsPeers) {
  Rig rig;
  rig.take(response("x", {told("/ip4/192.168.1.9/tcp/4001", 2), told("/ip4/10.0.0.9/tcp/1", 2)}));
  rig.run(1s);
  ASSERT_EQ(rig.found.size(), 1u);
  EXPECT_EQ(rig.found[0].peer, peer_id(2));
  std::vector<Multiaddr> expected = {address("/ip4/192.168.1.9/tcp/4001"),
                                     address("/ip4/10.0.0.9/tcp/1")};
  EXPECT_EQ(rig.found[0].addresses, expected);
}

TEST(MdnsService, FindsKuboAndRust) {
  Rig rig;
  rig.service.receive(link4, {ip("192.168.1.7"), mdns_port}, vector("kubo_response"), rig.now);
  rig.run(1s);
  ASSERT_EQ(rig.found.size(), 1u);
  ASSERT_EQ(rig.found[0].addresses.size(), 1u) << "loopback is of another machine";
  EXPECT_TRUE(rig.found[0].addresses[0].to_string().starts_with("/ip4/10.77.0.2/tcp/"));
  Rig announced;
  announced.service.receive(link4, {ip("192.168.1.7"), mdns_port}, vector("kubo_announcement"),
                            announced.now);
  announced.run(1s);
  ASSERT_EQ(announced.found.size(), 1u);
  EXPECT_EQ(announced.found[0].addresses, rig.found[0].addresses);
  Rig rust;
  rust.service.receive(link4, {ip("192.168.1.20"), 51234}, vector("rust_response"), rust.now);
  rust.run(1s);
  ASSERT_EQ(rust.found.size(), 1u);
  EXPECT_EQ(rust.found[0].addresses, std::vector<Multiaddr>{address("/ip4/192.168.1.20/tcp/4001")});
}

TEST(MdnsService, GathersAPeerFromSeveralRecordsAndMessages) {
  Rig rig;
  DnsMessage two = response("x", {told("/ip4/192.168.1.9/tcp/1", 2)});
  two.answers.push_back(response("x", {told("/ip4/192.168.1.9/tcp/2", 2)}).additionals[0]);
  rig.take(two);
  rig.run(1s);
  rig.take(response("x", {told("/ip4/192.168.1.9/tcp/3", 2)}));
  rig.run(1s);
  ASSERT_EQ(rig.found.size(), 2u);
  EXPECT_EQ(rig.found[0].addresses.size(), 2u);
  EXPECT_EQ(rig.found[1].addresses.size(), 3u) << "told again since there is news";
  rig.take(response("x", {told("/ip4/192.168.1.9/tcp/3", 2)}));
  rig.run(1s);
  EXPECT_EQ(rig.found.size(), 2u);
  rig.run(mdns_found_again);
  rig.take(response("x", {told("/ip4/192.168.1.9/tcp/3", 2)}));
  rig.run(1s);
  EXPECT_EQ(rig.found.size(), 3u) << "told again after a while";
}

TEST(MdnsService, TakesOnlyAddressesOfLocalNetworks) {
  MdnsLink link = plain_link(1);
  link.subnets.push_back({ip("203.0.113.1"), 24});
  Rig rig(link);
  std::vector<std::string> near = {"/ip4/203.0.113.77/tcp/1", "/ip4/169.254.1.1/tcp/1",
                                   "/ip6/fd00::1/tcp/1", "/ip4/172.20.1.1/udp/4001/quic-v1"};
  std::vector<std::string> far = {
      "/ip4/203.0.114.77/tcp/1",
      "/ip4/8.8.8.8/tcp/53",
      "/ip6/2001:db8::1/tcp/1",
      "/ip6/::ffff:10.0.0.1/tcp/1",
      "/ip4/0.0.0.0/tcp/1",
      "/ip4/224.0.0.251/udp/5353",
      "/ip4/127.0.0.1/tcp/22",
      "/ip6/::1/tcp/22",
      "/ip4/192.168.1.9/tcp/0",
      "/dns4/example.com/tcp/1",
      "/ip4/10.0.0.1/tcp/1/p2p/" + peer_id(3).to_string() + "/p2p-circuit"};
  std::vector<std::string> all;
  for (const std::string& one : near)
    all.push_back(told(one, 2));
  for (const std::string& one : far)
    all.push_back(told(one, 2));
  rig.take(response("x", all));
  rig.run(1s);
  ASSERT_EQ(rig.found.size(), 1u);
  std::vector<Multiaddr> expected;
  for (const std::string& one : near)
    expected.push_back(address(one));
  EXPECT_EQ(rig.found[0].addresses, expected);

  // From this machine loopback is where a neighbour is.
  rig.take(response("y", {told("/ip4/127.0.0.1/tcp/22", 3)}), "192.168.1.1");
  rig.run(1s);
  ASSERT_EQ(rig.found.size(), 2u);
  // A link-local address is on the link on which it was heard.
  rig.take(response("z", {told("/ip6zone/eth7/ip6/fe80::9/tcp/4001", 4)}));
  rig.run(1s);
  ASSERT_EQ(rig.found.size(), 3u);
  EXPECT_EQ(rig.found[2].addresses,
            std::vector<Multiaddr>{address("/ip6zone/2/ip6/fe80::9/tcp/4001")});
}

TEST(MdnsService, IgnoresWhatIsNoPeer) {
  Rig rig;
  rig.take(response("x", {told("/ip4/192.168.1.9/tcp/1", 1)}));  // that's us
  rig.take(response("x", {"/ip4/192.168.1.9/tcp/1", "/nonsense", ""}));
  DnsMessage other = response("x", {told("/ip4/192.168.1.9/tcp/1", 2)});
  other.additionals[0].name = DnsName::of("x._http._tcp.local");
  rig.take(other);
  other = response("x", {told("/ip4/192.168.1.9/tcp/1", 2)});
  other.opcode = 1;
  rig.take(other);
  other = response("x", {told("/ip4/192.168.1.9/tcp/1", 2)});
  other.response_code = 3;
  rig.take(other);
  rig.take(response("x", {told("/ip4/192.168.1.9/tcp/1", 2)}), "8.8.8.8");
  rig.service.receive({7, port::IpFamily::v4}, {ip("192.168.1.9"), mdns_port},
                      encode_dns(response("x", {told("/ip4/192.168.1.9/tcp/1", 2)})), rig.now);
  rig.run(1s);
  EXPECT_TRUE(rig.found.empty());
  // A name of two peers is the first one's.
  rig.take(response("x", {told("/ip4/192.168.1.9/tcp/1", 2), told("/ip4/192.168.1.9/tcp/1", 3)}));
  rig.run(1s);
  EXPECT_EQ(rig.found.size(), 1u);
}

TEST(MdnsService, NamesThePeersThatItKnowsWhenItAsks) {
  Rig rig;
  rig.run(2min);
  rig.take(response("x", {told("/ip4/192.168.1.9/tcp/1", 2)}, 3200));
  bool named = false;
  for (const MdnsOutgoing& out : rig.run(5min)) {
    DnsMessage message = *decode_dns(out.datagram);
    if (message.response) continue;
    for (const DnsRecord& known : message.answers) {
      named = true;
      EXPECT_EQ(known.data,
                DnsData(DnsPointer{*DnsName::under("x", DnsName::of(mdns_service_name))}));
      EXPECT_GE(known.ttl_seconds, 300u);
    }
  }
  EXPECT_TRUE(named);
  for (const MdnsOutgoing& out : rig.run(1h))
    EXPECT_TRUE(decode_dns(out.datagram)->answers.empty() || decode_dns(out.datagram)->response)
        << "it isn't heard any more";
}

TEST(MdnsService, NamesNoMorePeersThanFitHoweverLongTheirNames) {
  Rig rig;
  rig.run(2min);
  for (std::uint32_t number = 2; number < 30; ++number) {
    // rust-libp2p's names needn't lie below the service's.
    std::string name;
    for (char letter : {'a', 'b', 'c'})
      name += std::string(62, letter) + ".";
    const DnsName instance = DnsName::of(name + std::to_string(number) + std::string(50, 'd'));
    DnsMessage message = response("x", {told("/ip4/192.168.1.9/tcp/1", number)}, 3200);
    message.answers[0].data = DnsPointer{instance};
    message.additionals[0].name = instance;
    rig.take(message);
  }
  std::size_t most = 0;
  for (const MdnsOutgoing& out : rig.run(5min)) {
    DnsMessage message = *decode_dns(out.datagram);
    if (!message.response) most = std::max(most, message.answers.size());
  }
  EXPECT_GE(most, 4u);
  EXPECT_LT(most, 7u);
}

TEST(MdnsService, BelievesAGoodbyeOfWhoSaidHello) {
  Rig rig;
  rig.take(response("x", {told("/ip4/192.168.1.9/tcp/1", 2)}));
  rig.run(1s);
  auto asks_knowing = [&rig] {
    bool knowing = false;
    for (const MdnsOutgoing& out : rig.run(100s)) {
      DnsMessage message = *decode_dns(out.datagram);
      if (!message.response) knowing = !message.answers.empty();
    }
    return knowing;
  };
  rig.take(response("x", {}, 0), "192.168.1.66");
  EXPECT_TRUE(asks_knowing());
  rig.take(response("x", {told("/ip4/192.168.1.9/tcp/1", 2)}));
  rig.take(response("x", {}, 0));
  EXPECT_FALSE(asks_knowing());
}

TEST(MdnsService, IsNotFilledByOneWhoLies) {
  Rig rig;
  std::uint32_t number = 1000;
  std::size_t most = 0;
  for (int second = 0; second < 600; ++second) {
    for (int i = 0; i < 200; ++i) {
      std::string label = "liar" + std::to_string(number);
      rig.take(response(label, {told("/ip4/192.168.1.66/tcp/1", number)}, 1), "192.168.1.66");
      rig.take(response(label, {}, 0), "192.168.1.66");
      ++number;
    }
    if (second % 60 == 30) {
      rig.take(response("honest", {told("/ip4/192.168.1.9/tcp/4001", 2)}));
    }
    rig.run(1s);
    most = std::max(most, rig.service.known_peers());
  }
  EXPECT_LE(most, mdns_peers_per_source_max + 1);
  EXPECT_GT(rig.service.dropped_messages(), 100'000u);
  std::size_t honest = 0;
  for (const FoundPeer& peer : rig.found)
    honest += peer.peer == peer_id(2) ? 1 : 0;
  EXPECT_EQ(honest, 10u) << "every minute";
  EXPECT_LE(rig.found.size(), 64u * 6 + honest);
}

TEST(MdnsService, StaysBoundedWhenEveryoneLies) {
  Rig rig;
  std::uint32_t number = 1000;
  for (int second = 0; second < 60; ++second) {
    for (int i = 0; i < 300; ++i, ++number) {
      std::string from = "10." + std::to_string(number >> 16 & 255) + "." +
                         std::to_string(number >> 8 & 255) + "." + std::to_string(number & 255);
      rig.take(response("liar", {told("/ip4/" + from + "/tcp/1", number)}), from);
    }
    rig.run(1s);
    EXPECT_LE(rig.service.known_peers(), mdns_peers_max);
  }
  EXPECT_EQ(rig.service.known_peers(), mdns_peers_max);
  EXPECT_LE(static_cast<double>(rig.found.size()), mdns_found_burst + 61 * mdns_found_per_second);
}

TEST(MdnsService, SurvivesAnything) {
  Rig rig;
  Prng prng(7);
  std::vector<Bytes> seeds;
  for (const char* name : {"kubo_query", "kubo_response", "kubo_announcement", "kubo_probe",
                           "rust_query", "rust_response", "meta_query"})
    seeds.push_back(vector(name));
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes = seeds[prng.below(seeds.size())];
    for (std::uint64_t edits = prng.below(4); edits > 0; --edits)
      bytes[prng.below(bytes.size())] ^= static_cast<std::uint8_t>(1U << prng.below(8));
    std::string from = "192.168.1." + std::to_string(prng.below(255));
    auto from_port = static_cast<std::uint16_t>(prng.chance(0.5) ? mdns_port : prng.below(65536));
    rig.service.receive(link4, {ip(from), from_port}, bytes, rig.now);
    for (const MdnsOutgoing& out : rig.run(10ms))
      EXPECT_TRUE(decode_dns(out.datagram).has_value());
  }
  EXPECT_FALSE(rig.found.empty());
}

}  // namespace
}  // namespace kith::discovery
