#include <gtest/gtest.h>

#include <kith/net/test_peer.hpp>
#include <kith/net/traffic.hpp>

namespace kith::net {
namespace {

using multiformats::PeerId;
using sim::World;

PeerId peer(std::uint8_t number) {
  return PeerId::from_public_key(key_of(number).public_key());
}

constexpr std::size_t up = 100'000;
constexpr std::size_t down = 3000;

std::vector<ProtocolId> names(std::vector<ProtocolId> all) {
  return all;
}

TEST(Traffic, ForgetsWhoLeftLongestAgo) {
  TrafficLedger ledger(1, 2);
  ledger.ended(peer(1), {10, 1});
  ledger.ended(peer(2), {20, 2});
  ledger.ended(peer(1), {5, 5});
  ledger.ended(peer(3), {30, 3});
  EXPECT_EQ(ledger.total_ended(peer(1)).received, 15U);
  EXPECT_EQ(ledger.total_ended(peer(1)).sent, 6U);
  EXPECT_EQ(ledger.total_ended(peer(2)).received, 0U);
  EXPECT_EQ(ledger.total_ended(peer(3)).sent, 3U);
}

TEST(Traffic, CountsNoMoreProtocolsThanItMay) {
  TrafficLedger ledger(2, 1);
  auto list = std::make_shared<StreamRecords>();
  std::vector<std::unique_ptr<StreamRecord>> records;
  for (std::string protocol : {"/a", "/b", "/c"}) {
    records.push_back(std::make_unique<StreamRecord>(list));
    records.back()->agreed(ledger.of(protocol));
    records.back()->sent(7);
  }
  EXPECT_EQ(ledger.total("/a").sent, 7U);
  EXPECT_EQ(ledger.total("/b").sent, 7U);
  EXPECT_EQ(ledger.total("/c").sent, 0U);
  // Its streams are told of all the same.
  EXPECT_EQ(protocols_of(*list), names({"/a", "/b", "/c"}));
}

TEST(Traffic, ListsStreamsWhileTheyLive) {
  TrafficLedger ledger;
  auto list = std::make_shared<StreamRecords>();
  auto first = std::make_unique<StreamRecord>(list);
  auto second = std::make_unique<StreamRecord>(list);
  second->agreed(ledger.of("/b"));
  EXPECT_EQ(protocols_of(*list), names({"", "/b"}));
  first->agreed(ledger.of("/a"));
  EXPECT_EQ(protocols_of(*list), names({"/a", "/b"}));
  second.reset();
  EXPECT_EQ(protocols_of(*list), names({"/a"}));
}

TEST(Traffic, CountsWhatStreamsCarryByProtocolAndPeer) {
  sim::run_test(1, [](World& world) -> Task<void> {
    TestPeer a(world.add_node(), 1);
    TestPeer b(world.add_node(), 2);
    b.swarm.handle("/swap", [](std::unique_ptr<Stream> stream) -> Task<void> {
      KITH_CO_TRY(Bytes got, co_await port::read_to_end(*stream, 2 * up));
      EXPECT_EQ(got.size(), up);
      const Bytes answer(down, 'd');
      KITH_CO_CHECK(co_await stream->write(answer));
      co_return co_await stream->close_write();
    });
    const PeerId id = b.id();
    std::vector<multiformats::Multiaddr> addresses = b.addresses();
    KITH_CO_TRY(const ConnectionId link, co_await a.swarm.connect(id, addresses, a.soon()));
    // Who the other is has been asked by then.
    KITH_CO_CHECK(co_await port::sleep_for(a.env().clock, 5s));
    // One proposal and two: what was agreed on at leisure, and at once.
    for (const std::vector<ProtocolId>& protocols :
         {names({"/swap"}), names({"/other", "/swap"})}) {
      KITH_CO_TRY(std::unique_ptr<Stream> stream,
                  co_await a.swarm.open_stream(id, protocols, a.soon()));
      const Bytes sent(up, 'u');
      KITH_CO_CHECK(co_await stream->write(sent));
      EXPECT_EQ(a.swarm.stream_protocols(link), names({"/swap"}));
      KITH_CO_CHECK(co_await stream->close_write());
      KITH_CO_TRY(Bytes got, co_await port::read_to_end(*stream, 2 * down));
      EXPECT_EQ(got.size(), down);
    }
    EXPECT_EQ(a.swarm.stream_protocols(link), names({}));
    for (const auto& [swarm, received, sent] :
         {std::tuple(&a.swarm, down, up), std::tuple(&b.swarm, up, down)}) {
      EXPECT_EQ(swarm->traffic_of("/swap").received, 2 * received);
      EXPECT_EQ(swarm->traffic_of("/swap").sent, 2 * sent);
      EXPECT_EQ(swarm->traffic_of("/other").received, 0U);
      EXPECT_EQ(swarm->traffic_of("/other").sent, 0U);
    }
    const Traffic before = a.swarm.traffic_with(id);
    EXPECT_GT(before.sent, 2 * up);
    EXPECT_GT(before.received, 2 * down);
    // What is gone counts on.
    a.swarm.disconnect(id);
    KITH_CO_CHECK(co_await port::sleep_for(a.env().clock, 5s));
    EXPECT_FALSE(a.swarm.connected(id));
    EXPECT_EQ(a.swarm.stream_protocols(link), names({}));
    EXPECT_GE(a.swarm.traffic_with(id).sent, before.sent);
    const Traffic between = a.swarm.traffic_with(id);
    KITH_CO_TRY(const ConnectionId again, co_await a.swarm.connect(id, addresses, a.soon()));
    EXPECT_NE(again, link);
    EXPECT_GT(a.swarm.traffic_with(id).sent, between.sent);
    KITH_CO_CHECK(co_await a.close());
    co_return co_await b.close();
  });
}

TEST(Traffic, ListsAStreamThatHasNotAgreedYet) {
  sim::run_test(1, [](World& world) -> Task<void> {
    TestPeer a(world.add_node(), 1);
    TestPeer b(world.add_node(), 2);
    const PeerId id = b.id();
    std::vector<multiformats::Multiaddr> addresses = b.addresses();
    KITH_CO_TRY(const ConnectionId link, co_await a.swarm.connect(id, addresses, a.soon()));
    KITH_CO_CHECK(co_await port::sleep_for(a.env().clock, 5s));
    // Says nothing until it is written to, so that the other side sees no stream at all.
    std::vector<ProtocolId> unknown = names({"/unknown"});
    KITH_CO_TRY(std::unique_ptr<Stream> lazy,
                co_await a.swarm.open_stream(id, std::move(unknown), a.soon()));
    EXPECT_EQ(a.swarm.stream_protocols(link), names({"/unknown"}));
    lazy.reset();
    EXPECT_EQ(a.swarm.stream_protocols(link), names({}));
    EXPECT_EQ(b.swarm.traffic_of("/unknown").received, 0U);
    KITH_CO_CHECK(co_await a.close());
    co_return co_await b.close();
  });
}

}  // namespace
}  // namespace kith::net
