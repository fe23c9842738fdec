#include <gtest/gtest.h>

#include <kith/dht/server.hpp>
#include <kith/dht/test_network.hpp>

namespace kith::dht {
namespace {

using multiformats::Multiaddr;
using testing::address_in;
using testing::content;
using testing::peer_id;

const WallTime start{1000h};

class NoteValidator final : public routing::Validator {
 public:
  Result<void> check_name(ByteView) const override { return {}; }
  Result<void> check(ByteView, ByteView, WallTime) const override { return {}; }
  bool better(ByteView, ByteView, ByteView) const override { return false; }
};

/// A server with 300 peers in mind; peer 5 has no address, peer 500 isn't in the table but known.
class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    validators.add("n", std::make_unique<NoteValidator>());
    for (std::uint64_t i = 1; i <= 300; ++i)
      table.add(peer_id(i), {}, Instant{});
  }

  std::vector<Multiaddr> addresses_of(const PeerId& peer) const {
    for (std::uint64_t i = 0; i <= 500; ++i) {
      if (i != 5 && peer_id(i) == peer) {
        return std::vector<Multiaddr>(addresses_each, address_in(static_cast<std::uint16_t>(i), 1));
      }
    }
    return {};
  }

  std::expected<std::optional<Message>, Server::Refused> ask(const PeerId& from, MessageType type,
                                                             Bytes key) {
    Message request;
    request.type = type;
    request.key = std::move(key);
    return server.answer(from, IpGroup{1}, request, start);
  }

  const PeerId self = peer_id(0);
  const PeerId asker = peer_id(1000);
  std::size_t addresses_each = 1;
  routing::Validators validators;
  RoutingTable table{Key::of(self)};
  ProviderRecords providers{Key::of(self)};
  ValueRecords values{Key::of(self), validators};
  Prng prng{1};
  Server server{{self, table, providers, values, prng,
                 [this](const PeerId& peer) { return addresses_of(peer); },
                 [](std::vector<Multiaddr> all) { return all; }}};
};

std::set<PeerId> ids(const std::vector<Peer>& peers) {
  std::set<PeerId> all;
  for (const Peer& peer : peers)
    all.insert(peer.id);
  return all;
}

Message add_provider(const PeerId& who, Bytes key) {
  Message message;
  message.type = MessageType::add_provider;
  message.key = std::move(key);
  message.providers = {Peer{who, {address_in(9, 9)}, Connectedness::not_connected}};
  return message;
}

TEST_F(ServerTest, TellsTheTwentyNearestItHasAnAddressOf) {
  Bytes key = to_bytes(peer_id(777).bytes());
  auto answer = ask(asker, MessageType::find_node, key);
  ASSERT_TRUE(answer && *answer);
  std::vector<PeerId> expected = table.nearest(Key::of(key), bucket_size + 1);
  std::erase(expected, peer_id(5));
  expected.resize(bucket_size);
  std::vector<PeerId> got;
  for (const Peer& peer : (*answer)->closer)
    got.push_back(peer.id);
  EXPECT_EQ(got, expected);
  EXPECT_EQ((*answer)->closer[0].addresses.size(), 1u);
}

TEST_F(ServerTest, TellsFirstWhereTheWantedPeerIsThoughItServesNothing) {
  auto answer = ask(asker, MessageType::find_node, to_bytes(peer_id(500).bytes()));
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->closer[0].id, peer_id(500));
  EXPECT_LE((*answer)->closer.size(), bucket_size + 1);
  // Itself too; a peer of the table once.
  answer = ask(asker, MessageType::find_node, to_bytes(self.bytes()));
  EXPECT_EQ((*answer)->closer[0].id, self);
  PeerId in_table = table.peers()[3];
  answer = ask(asker, MessageType::find_node, to_bytes(in_table.bytes()));
  EXPECT_EQ(ids((*answer)->closer).size(), (*answer)->closer.size());
}

TEST_F(ServerTest, NeverTellsWhoAsksOfItself) {
  PeerId in_table = table.peers()[3];
  for (MessageType type : {MessageType::find_node, MessageType::get_providers}) {
    auto answer = ask(in_table, type, to_bytes(in_table.bytes()));
    ASSERT_TRUE(answer && *answer);
    EXPECT_EQ((*answer)->closer.size(), bucket_size);
    EXPECT_FALSE(ids((*answer)->closer).contains(in_table));
  }
}

TEST_F(ServerTest, TakesAProvidersRecordOfItselfAloneAndSaysNothing) {
  Bytes key = to_bytes(content(1).bytes());
  auto answer = server.answer(asker, IpGroup{1}, add_provider(asker, key), start);
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, std::nullopt);
  EXPECT_FALSE(server.answer(asker, IpGroup{1}, add_provider(peer_id(2), key), start));
  EXPECT_FALSE(server.answer(asker, IpGroup{1}, add_provider(asker, {}), start));
  Bytes long_key(content_key_bytes_max + 1);
  EXPECT_FALSE(server.answer(asker, IpGroup{1}, add_provider(asker, long_key), start));
  auto found = ask(peer_id(2), MessageType::get_providers, key);
  ASSERT_TRUE(found && *found);
  ASSERT_EQ((*found)->providers.size(), 1u);
  EXPECT_EQ((*found)->providers[0].id, asker);
  EXPECT_EQ((*found)->providers[0].addresses, std::vector<Multiaddr>{address_in(9, 9)});
  EXPECT_EQ((*found)->closer.size(), bucket_size);
  EXPECT_EQ(providers.size(), 1u);
}

TEST_F(ServerTest, StoresAndGivesValues) {
  Bytes key = to_bytes("/n/1");
  Message put;
  put.type = MessageType::put_value;
  put.key = key;
  put.record = Record{key, to_bytes("value"), {}};
  auto stored = server.answer(asker, IpGroup{1}, put, start);
  ASSERT_TRUE(stored && *stored);
  EXPECT_EQ(**stored, put) << "the request comes back";
  auto got = ask(asker, MessageType::get_value, key);
  ASSERT_TRUE(got && *got && (*got)->record);
  EXPECT_EQ((*got)->record->value, to_bytes("value"));
  EXPECT_EQ((*got)->record->time_received, "1970-02-11T16:00:00Z");
  EXPECT_EQ((*got)->closer.size(), bucket_size);
  auto none = ask(asker, MessageType::get_value, to_bytes("/n/2"));
  ASSERT_TRUE(none && *none);
  EXPECT_FALSE((*none)->record);
  put.record->key = to_bytes("/n/2");
  EXPECT_FALSE(server.answer(asker, IpGroup{1}, put, start)) << "another key in the record";
  put.record.reset();
  EXPECT_FALSE(server.answer(asker, IpGroup{1}, put, start));
  put.key = to_bytes("/unknown/1");
  put.record = Record{put.key, {}, {}};
  EXPECT_FALSE(server.answer(asker, IpGroup{1}, put, start));
}

TEST_F(ServerTest, AnswersAPingWithNothingOfWhatWasInIt) {
  Message ping = add_provider(asker, to_bytes("key"));
  ping.type = MessageType::ping;
  auto answer = server.answer(asker, IpGroup{1}, ping, start);
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->type, MessageType::ping);
  EXPECT_TRUE((*answer)->providers.empty());
}

TEST_F(ServerTest, RefusesWhatHasNoKey) {
  for (MessageType type :
       {MessageType::find_node, MessageType::get_value, MessageType::get_providers})
    EXPECT_FALSE(ask(asker, type, {}));
}

TEST_F(ServerTest, KeepsItsAnswersShort) {
  addresses_each = 200;
  Bytes key = to_bytes("/n/1");
  ASSERT_TRUE(values.put(key, Bytes(value_bytes_max, 'v'), start));
  for (std::uint64_t i = 2000; i < 2200; ++i) {
    Message add = add_provider(peer_id(i), key);
    add.providers[0].addresses.resize(addresses_per_peer_max, address_in(9, 9));
    ASSERT_TRUE(server.answer(peer_id(i), IpGroup{i}, add, start));
  }
  for (MessageType type :
       {MessageType::find_node, MessageType::get_value, MessageType::get_providers}) {
    auto answer = ask(asker, type, key);
    ASSERT_TRUE(answer && *answer);
    EXPECT_LE(encode_message(**answer).size(), message_own_bytes_max);
    EXPECT_FALSE((*answer)->closer.empty());
    for (const Peer& peer : (*answer)->closer)
      EXPECT_LE(peer.addresses.size(), addresses_told_max);
    EXPECT_EQ((*answer)->providers.empty(), type != MessageType::get_providers);
  }
}

TEST_F(ServerTest, ClosePeersOfManyAddressesLeaveRoomForProviders) {
  addresses_each = addresses_told_max;
  for (std::uint64_t i = 1; i <= 20; ++i)
    server.answer(peer_id(i), IpGroup{i}, add_provider(peer_id(i), to_bytes(content(1).bytes())),
                  start);
  auto answer = ask(asker, MessageType::get_providers, to_bytes(content(1).bytes()));
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->providers.size(), 20u);
  EXPECT_GT((*answer)->closer.size(), 5u);
  EXPECT_LE(encode_message(**answer).size(), message_own_bytes_max);
  // Without providers all of it is theirs.
  answer = ask(asker, MessageType::get_providers, to_bytes(content(2).bytes()));
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->closer.size(), bucket_size);
}

}  // namespace
}  // namespace kith::dht
