#include <gtest/gtest.h>

#include <kith/net/relay/server.hpp>
#include <kith/net/test_peer.hpp>

namespace kith::net {
namespace {

using multiformats::PeerId;
using Peer = TestPeer;

/// What a peer does with circuits that a relay brings it.
enum class AtTheEnd { echo, refuse, stall, talk_nonsense };

/// A relay, one that it leads to, and one that wants to go there.
struct Three {
  explicit Three(sim::World& world, RelayServiceOptions options = {})
      : relay(world.add_node(at("198.51.100.1")), 1),
        server(relay.env(), relay.swarm, options),
        far(world.add_node(at("203.0.113.2")), 2),
        near(world.add_node(at("192.0.2.3")), 3) {
    far.swarm.handle(ProtocolId(stop_protocol),
                     [this](std::unique_ptr<Stream> stream) { return end_of(std::move(stream)); });
  }

  Task<void> end_of(std::unique_ptr<Stream> stream) {
    port::BufferedReader reader(*stream);
    KITH_CO_TRY(const Buffer bytes, co_await reader.read_message(relay_message_bytes_max));
    KITH_CO_TRY(const StopMessage request, decode_stop(bytes));
    callers.push_back(request.peer->id);
    if (at_the_end == AtTheEnd::stall) co_return co_await port::sleep_for(far.env().clock, 1h);
    StopMessage reply{.type = StopMessage::Type::status, .status = RelayStatus::ok};
    if (at_the_end == AtTheEnd::refuse) reply.status = RelayStatus::permission_denied;
    if (at_the_end == AtTheEnd::talk_nonsense) reply = request;
    const Bytes encoded = encode(reply);
    KITH_CO_CHECK(co_await port::write_message(*stream, encoded));
    for (;;) {
      KITH_CO_TRY(const Buffer part, co_await reader.read_buffer(1000));
      if (part.empty()) co_return co_await stream->close_write();
      echoed += part.size();
      KITH_CO_CHECK(co_await stream->write(part));
    }
  }

  Task<void> connect() {
    KITH_CO_CHECK(co_await far.swarm.connect(relay.id(), relay.addresses(), far.soon()));
    KITH_CO_CHECK(co_await near.swarm.connect(relay.id(), relay.addresses(), near.soon()));
    co_return Result<void>{};
  }

  /// Asks the relay on a new stream, which is kept in `stream`.
  Task<HopMessage> ask(Peer& from, HopMessage request, std::unique_ptr<Stream>& stream) {
    const Instant deadline = from.env().clock.now() + 5min;
    std::vector<ProtocolId> protocols = {ProtocolId(hop_protocol)};
    KITH_CO_TRY(stream,
                co_await from.swarm.open_stream(relay.id(), std::move(protocols), deadline));
    const Bytes encoded = encode(request);
    KITH_CO_CHECK(co_await port::write_message(*stream, encoded, deadline));
    port::BufferedReader reader(*stream);
    KITH_CO_TRY(const Buffer bytes,
                co_await reader.read_message(relay_message_bytes_max, deadline));
    co_return decode_hop(bytes);
  }
  Task<HopMessage> reserve(Peer& from) {
    std::unique_ptr<Stream> stream;
    HopMessage request{.type = HopMessage::Type::reserve};
    co_return co_await ask(from, std::move(request), stream);
  }
  Task<RelayStatus> connect_to(PeerId to, std::unique_ptr<Stream>& stream) {
    HopMessage request{.type = HopMessage::Type::connect, .peer = RelayedPeer{to, {}}};
    KITH_CO_TRY(const HopMessage reply, co_await ask(near, std::move(request), stream));
    co_return reply.status;
  }
  Task<RelayStatus> connect_to(PeerId to) {
    std::unique_ptr<Stream> stream;
    co_return co_await connect_to(to, stream);
  }
  Task<void> close() {
    KITH_CO_CHECK(co_await close_all(near, far, relay));
    co_return co_await server.close_shielded();
  }

  Peer relay;
  RelayServer server;
  Peer far;
  Peer near;
  AtTheEnd at_the_end = AtTheEnd::echo;
  std::vector<PeerId> callers;
  std::size_t echoed = 0;
};

Task<void> carries_both_ways(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(co_await all.connect());
  KITH_CO_TRY(const HopMessage reserved, co_await all.reserve(all.far));
  EXPECT_EQ(reserved.status, RelayStatus::ok);
  EXPECT_EQ(reserved.limit, (CircuitLimit{120, 131072}));
  KITH_CO_REQUIRE(reserved.reservation && reserved.reservation->addresses.size() == 1);
  EXPECT_EQ(reserved.reservation->addresses[0].peer_id(), all.relay.id());
  KITH_CO_TRY(const Voucher voucher, open_voucher(reserved.reservation->voucher));
  EXPECT_EQ(voucher.relay, all.relay.id());
  EXPECT_EQ(voucher.peer, all.far.id());

  std::unique_ptr<Stream> stream;
  KITH_CO_TRY(const RelayStatus status, co_await all.connect_to(all.far.id(), stream));
  EXPECT_EQ(status, RelayStatus::ok);
  EXPECT_EQ(all.callers, std::vector<PeerId>{all.near.id()});
  EXPECT_EQ(all.server.counters().circuits, 1u);
  const Bytes sent(100'000, 7);
  KITH_CO_CHECK(co_await stream->write(sent));
  KITH_CO_CHECK(co_await stream->close_write());
  KITH_CO_TRY(const Bytes got, co_await port::read_to_end(*stream, 200'000));
  EXPECT_EQ(got, sent);
  KITH_CO_CHECK(co_await port::sleep_for(all.near.env().clock, 1s));
  EXPECT_EQ(all.server.counters().circuits, 0u);
  EXPECT_TRUE(all.server.open_circuits().empty());
  EXPECT_EQ(all.server.counters().bytes_carried, 200'000u);
  co_return co_await all.close();
}

Task<void> lists_circuits(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(co_await all.connect());
  KITH_CO_CHECK(co_await all.reserve(all.far));
  std::unique_ptr<Stream> stream;
  const Instant before = all.near.env().clock.now();
  KITH_CO_CHECK(co_await all.connect_to(all.far.id(), stream));
  const Bytes sent(3000, 7);
  KITH_CO_CHECK(co_await stream->write(sent));
  Bytes back(2000);
  MutableBytes into = back;
  KITH_CO_CHECK(co_await port::read_exactly(*stream, into));
  KITH_CO_REQUIRE(all.server.open_circuits().size() == 1);
  const RelayServer::CircuitReport& one = all.server.open_circuits().begin()->second;
  EXPECT_EQ(one.from, all.near.id());
  EXPECT_EQ(one.to, all.far.id());
  EXPECT_GE(one.opened_at, before);
  EXPECT_EQ(one.bytes_forth, 3000u);
  EXPECT_GE(one.bytes_back, 2000u);
  EXPECT_TRUE(all.server.serving());
  co_return co_await all.close();
}

TEST(RelayServer, ListsCircuitsWithWhatTheyCarried) {
  sim::run_test(1, lists_circuits);
}

TEST(RelayServer, CarriesBytesBothWaysToWhoHoldsAReservation) {
  sim::run_test(1, carries_both_ways);
}

Task<void> is_no_open_proxy(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(co_await all.connect());
  KITH_CO_TRY(RelayStatus status, co_await all.connect_to(all.far.id()));
  EXPECT_EQ(status, RelayStatus::no_reservation);
  KITH_CO_TRY(status, co_await all.connect_to(all.relay.id()));
  EXPECT_EQ(status, RelayStatus::no_reservation);
  KITH_CO_TRY(const HopMessage reserved, co_await all.reserve(all.near));
  EXPECT_EQ(reserved.status, RelayStatus::ok);
  KITH_CO_TRY(status, co_await all.connect_to(all.near.id()));
  EXPECT_EQ(status, RelayStatus::permission_denied);
  EXPECT_EQ(all.server.counters().circuits_ever, 0u);
  EXPECT_TRUE(all.callers.empty());
  co_return co_await all.close();
}

TEST(RelayServer, LeadsNowhereWithoutAReservationAndNobodyToThemselves) {
  sim::run_test(1, is_no_open_proxy);
}

Task<void> ends_with_the_connection(sim::World& world) {
  Three all(world, {.reservation_ttl = 5min});
  KITH_CO_CHECK(co_await all.connect());
  KITH_CO_TRY(HopMessage reserved, co_await all.reserve(all.far));
  all.far.swarm.disconnect(all.relay.id());
  KITH_CO_CHECK(co_await port::sleep_for(all.near.env().clock, 2s));
  EXPECT_TRUE(all.server.reservations().all().empty());
  KITH_CO_CHECK(co_await all.connect());
  KITH_CO_TRY(RelayStatus status, co_await all.connect_to(all.far.id()));
  EXPECT_EQ(status, RelayStatus::no_reservation);
  KITH_CO_TRY(reserved, co_await all.reserve(all.far));
  KITH_CO_CHECK(co_await port::sleep_for(all.near.env().clock, 5min));
  KITH_CO_TRY(status, co_await all.connect_to(all.far.id()));
  EXPECT_EQ(status, RelayStatus::no_reservation);
  co_return co_await all.close();
}

TEST(RelayServer, AReservationEndsWithItsConnectionOrItsTime) {
  sim::run_test(1, ends_with_the_connection);
}

Task<void> data_over_the_limit(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(co_await all.connect());
  KITH_CO_CHECK(co_await all.reserve(all.far));
  std::unique_ptr<Stream> stream;
  KITH_CO_CHECK(co_await all.connect_to(all.far.id(), stream));
  // To the last byte, and not one more.
  const Bytes sent(relay_circuit_bytes_max, 7);
  KITH_CO_CHECK(co_await stream->write(sent));
  Bytes back(sent.size());
  MutableBytes into = back;
  KITH_CO_CHECK(co_await port::read_exactly(*stream, into));
  co_await stream->write(ByteView(sent).first(1));
  auto got = co_await port::read_to_end(*stream, sent.size());
  EXPECT_TRUE(!got && got.error().is(Errc::reset));
  EXPECT_EQ(all.echoed, relay_circuit_bytes_max);
  EXPECT_LE(all.server.counters().bytes_carried, 2 * relay_circuit_bytes_max);
  KITH_CO_CHECK(co_await port::sleep_for(all.near.env().clock, 1s));
  EXPECT_EQ(all.server.counters().circuits, 0u);
  co_return co_await all.close();
}

TEST(RelayServer, DataOverTheLimitResetsBothSides) {
  sim::run_test(1, data_over_the_limit);
}

Task<void> time_over(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(co_await all.connect());
  KITH_CO_CHECK(co_await all.reserve(all.far));
  std::unique_ptr<Stream> stream;
  KITH_CO_CHECK(co_await all.connect_to(all.far.id(), stream));
  const Instant begin = all.near.env().clock.now();
  Bytes one(1);
  MutableBytes into = one;
  auto got = co_await stream->read_some(into);
  EXPECT_TRUE(!got && got.error().is(Errc::reset));
  const Duration lasted = all.near.env().clock.now() - begin;
  EXPECT_GT(lasted, relay_circuit_duration_max - 1s);
  EXPECT_LT(lasted, relay_circuit_duration_max + 1s);
  co_return co_await all.close();
}

TEST(RelayServer, ACircuitEndsWhenItsTimeIsUp) {
  sim::run_test(1, time_over);
}

Task<void> far_end_fails(sim::World& world, AtTheEnd& how) {
  Three all(world);
  all.at_the_end = how;
  KITH_CO_CHECK(co_await all.connect());
  KITH_CO_CHECK(co_await all.reserve(all.far));
  const Instant begin = all.near.env().clock.now();
  KITH_CO_TRY(const RelayStatus status, co_await all.connect_to(all.far.id()));
  EXPECT_EQ(status, RelayStatus::connection_failed);
  EXPECT_LT(all.near.env().clock.now() - begin, stop_handshake_timeout + 2s);
  KITH_CO_CHECK(co_await port::sleep_for(all.near.env().clock, 1s));
  EXPECT_EQ(all.server.counters().circuits, 0u);
  co_return co_await all.close();
}

TEST(RelayServer, AnEndThatRefusesOrStallsOrTalksNonsenseIsAFailure) {
  for (AtTheEnd how : {AtTheEnd::refuse, AtTheEnd::stall, AtTheEnd::talk_nonsense})
    sim::run_test(1, far_end_fails, how);
}

Task<void> circuits_per_peer(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(co_await all.connect());
  KITH_CO_CHECK(co_await all.reserve(all.far));
  std::vector<std::unique_ptr<Stream>> kept(relay_circuits_per_peer_max);
  for (std::unique_ptr<Stream>& stream : kept) {
    KITH_CO_TRY(const RelayStatus status, co_await all.connect_to(all.far.id(), stream));
    EXPECT_EQ(status, RelayStatus::ok);
  }
  KITH_CO_TRY(RelayStatus status, co_await all.connect_to(all.far.id()));
  EXPECT_EQ(status, RelayStatus::resource_limit_exceeded);
  kept.pop_back();
  KITH_CO_CHECK(co_await port::sleep_for(all.near.env().clock, 2s));
  KITH_CO_TRY(status, co_await all.connect_to(all.far.id()));
  EXPECT_EQ(status, RelayStatus::ok);
  kept.clear();
  co_return co_await all.close();
}

TEST(RelayServer, OnePeerHasSoManyCircuits) {
  sim::run_test(1, circuits_per_peer);
}

Task<void> nonsense(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(co_await all.connect());
  std::unique_ptr<Stream> stream;
  HopMessage request{.type = HopMessage::Type::status, .status = RelayStatus::ok};
  KITH_CO_TRY(HopMessage reply, co_await all.ask(all.near, request, stream));
  EXPECT_EQ(reply.status, RelayStatus::unexpected_message);

  std::vector<ProtocolId> protocols = {ProtocolId(hop_protocol)};
  KITH_CO_TRY(stream,
              co_await all.near.swarm.open_stream(all.relay.id(), protocols, all.near.soon()));
  const Bytes no_message = {0xff, 0xff};
  KITH_CO_CHECK(co_await port::write_message(*stream, no_message));
  port::BufferedReader reader(*stream);
  KITH_CO_TRY(const Buffer bytes, co_await reader.read_message(relay_message_bytes_max));
  KITH_CO_TRY(reply, decode_hop(bytes));
  EXPECT_EQ(reply.status, RelayStatus::malformed_message);
  co_return co_await all.close();
}

TEST(RelayServer, NonsenseGetsAnAnswer) {
  sim::run_test(1, nonsense);
}

Task<void> stopped(sim::World& world) {
  Three all(world);
  KITH_CO_CHECK(co_await all.connect());
  KITH_CO_CHECK(co_await all.reserve(all.far));
  std::unique_ptr<Stream> stream;
  KITH_CO_CHECK(co_await all.connect_to(all.far.id(), stream));
  all.server.stop();
  EXPECT_TRUE(all.server.reservations().all().empty());
  auto refused = co_await all.connect_to(all.far.id());
  EXPECT_FALSE(refused.has_value());
  const Bytes sent(10, 7);
  KITH_CO_CHECK(co_await stream->write(sent));
  Bytes got(10);
  MutableBytes into = got;
  KITH_CO_CHECK(co_await port::read_exactly(*stream, into));
  EXPECT_EQ(got, sent);
  all.server.resume();
  KITH_CO_TRY(const HopMessage again, co_await all.reserve(all.far));
  EXPECT_EQ(again.status, RelayStatus::ok);
  co_return co_await all.close();
}

TEST(RelayServer, WhoStopsServingLetsCircuitsEnd) {
  sim::run_test(1, stopped);
}

}  // namespace
}  // namespace kith::net
