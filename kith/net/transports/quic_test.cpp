#include <gtest/gtest.h>

#include <kith/crypto/tls/error.hpp>
#include <kith/net/swarm.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/net/transports/quic.hpp>
#include <kith/net/transports/quic_limits.hpp>
#include <kith/net/transports/quic_test.hpp>
#include <kith/sim/testing.hpp>

namespace kith::net {
namespace {

using testing::quic_accept_into;
using testing::QuicPair;
using testing::QuicPeer;

Task<void> write_all_of(port::Stream& stream, const Bytes& data) {
  KITH_CO_CHECK(co_await stream.write(data));
  co_return co_await stream.close_write();
}

Task<void> read_all_of(port::Stream& stream, Bytes& into) {
  KITH_CO_TRY(into, co_await port::read_to_end(stream, 100'000'000));
  co_return Result<void>{};
}

Task<void> write_until_error(port::Stream& stream, std::optional<Error>& into) {
  const Bytes piece(100'000);
  Result<void> written{};
  while (written)
    written = co_await stream.write(piece);
  into = written.error();
  co_return Result<void>{};
}

Task<void> turn_away(Listener& listener) {
  auto incoming = co_await listener.accept();
  co_return Result<void>{};
}

TEST(Quic, ProvesBothPeersToEachOther) {
  sim::run_seeds(1, 3, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    EXPECT_EQ((*pair.near)->remote_peer(), pair.listener.id());
    EXPECT_EQ((*pair.far)->remote_peer(), pair.dialer.id());
    EXPECT_EQ((*pair.far)->remote_key(), pair.dialer.key.public_key());
    EXPECT_EQ((*pair.near)->remote_address(), pair.listener.address());
    EXPECT_EQ((*pair.near)->direction(), Direction::outbound);
    EXPECT_EQ((*pair.far)->direction(), Direction::inbound);
    co_return co_await pair.finish();
  });
}

TEST(Quic, CarriesManyStreamsBothWaysAtOnce) {
  sim::run_seeds(1, 5, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    constexpr std::size_t count = 20;
    std::vector<QuicPair::Streams> streams;
    std::vector<Bytes> up(count), down(count), got_up(count), got_down(count);
    port::TaskGroup tasks(world.executor(), world.clock());
    for (std::size_t i = 0; i < count; ++i) {
      KITH_CO_TRY(QuicPair::Streams both, co_await pair.open());
      streams.push_back(std::move(both));
      up[i].resize(1 + world.prng().below(300'000));
      down[i].resize(1 + world.prng().below(300'000));
      world.prng().fill(up[i]);
      world.prng().fill(down[i]);
      tasks.spawn(write_all_of(*streams[i].near, up[i]));
      tasks.spawn(write_all_of(*streams[i].far, down[i]));
      tasks.spawn(read_all_of(*streams[i].near, got_down[i]));
      tasks.spawn(read_all_of(*streams[i].far, got_up[i]));
    }
    KITH_CO_CHECK(co_await tasks.join_shielded());
    EXPECT_TRUE(got_up == up);
    EXPECT_TRUE(got_down == down);
    EXPECT_EQ((*pair.near)->stats().streams_outbound, count);
    streams.clear();
    co_await port::sleep_for(world.clock(), 2s);
    EXPECT_EQ((*pair.near)->stats().streams_outbound, 0u);
    EXPECT_EQ((*pair.far)->stats().streams_inbound, 0u);
    co_return co_await pair.finish();
  });
}

TEST(Quic, RefusesAnotherPeerThanTheOneDialed) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    pair.listener.listen();
    ConnectionTerms terms;
    terms.deadline = world.now() + 10s;
    pair.tasks.spawn(quic_accept_into(pair.listener, terms, pair.far));
    const auto other = multiformats::PeerId::from_public_key(testing::quic_key_of(9).public_key());
    const Instant before = world.now();
    pair.near = co_await pair.dialer.transport->dial(other, pair.listener.address(), terms);
    KITH_CO_REQUIRE(!pair.near);
    EXPECT_TRUE(pair.near.error().is(QuicError::unexpected_peer)) << pair.near.error().message();
    EXPECT_LT(world.now() - before, 1s);
    KITH_CO_CHECK(co_await pair.tasks.join_shielded());
    KITH_CO_REQUIRE(!pair.far);
    EXPECT_TRUE(pair.far.error().is(crypto::TlsAlert::bad_certificate))
        << pair.far.error().message();
    co_return co_await pair.finish();
  });
}

TEST(Quic, LosesNothingOnABadLine) {
  sim::run_seeds(1, 5, [](sim::World& world) -> Task<void> {
    sim::LinkOptions bad;
    bad.loss = 0.03;
    bad.duplicate = 0.03;
    bad.reorder = 0.1;
    world.net().set_links(bad);
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    KITH_CO_TRY(QuicPair::Streams both, co_await pair.open());
    Bytes data(2'000'000), got;
    world.prng().fill(data);
    port::TaskGroup tasks(world.executor(), world.clock());
    tasks.spawn(read_all_of(*both.far, got));
    KITH_CO_CHECK(co_await write_all_of(*both.near, data));
    KITH_CO_CHECK(co_await tasks.join_shielded());
    EXPECT_TRUE(got == data);
    both = {};
    co_return co_await pair.finish();
  });
}

TEST(Quic, StopsASenderWhoseReaderStandsStillAndNobodyElse) {
  sim::run_seeds(1, 3, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    KITH_CO_TRY(QuicPair::Streams stuck, co_await pair.open());
    KITH_CO_TRY(QuicPair::Streams other, co_await pair.open());
    const Bytes much(10'000'000, 1);
    auto written = co_await stuck.near->write(much, world.now() + 30s);
    KITH_CO_REQUIRE(!written);
    EXPECT_TRUE(written.error().is(Errc::timed_out));
    EXPECT_EQ(stuck.far->buffered_bytes(), quic_stream_window_bytes - 1);
    KITH_CO_CHECK(co_await other.near->write(as_bytes("still here")));
    KITH_CO_TRY(const Buffer got, co_await other.far->read_buffer(100));
    EXPECT_EQ(as_text(got), "still here");
    stuck = {};
    other = {};
    co_return co_await pair.finish();
  });
}

TEST(Quic, AWriteThatWasGivenUpEndsInAReset) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    KITH_CO_TRY(QuicPair::Streams both, co_await pair.open());
    const Bytes much(10'000'000, 1);
    auto written = co_await both.near->write(much, world.now() + 5s);
    EXPECT_TRUE(!written && written.error().is(Errc::timed_out));
    auto again = co_await both.near->write(as_bytes("more"));
    EXPECT_TRUE(!again && again.error().is(Errc::reset));
    auto closed = co_await both.near->close_write();
    EXPECT_TRUE(!closed && closed.error().is(Errc::reset));
    co_await port::sleep_for(world.clock(), 1s);
    auto got = co_await both.far->read_buffer(1'000'000);
    EXPECT_TRUE(!got && got.error().is(Errc::reset));
    both = {};
    co_return co_await pair.finish();
  });
}

TEST(Quic, GoesOnInOneDirectionAfterTheOtherHasEnded) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    KITH_CO_TRY(QuicPair::Streams both, co_await pair.open());
    KITH_CO_CHECK(co_await both.near->write(as_bytes("question")));
    KITH_CO_CHECK(co_await both.near->close_write());
    auto late = co_await both.near->write(as_bytes("more"));
    EXPECT_TRUE(!late && late.error().is(Errc::closed));
    KITH_CO_TRY(const Bytes question, co_await port::read_to_end(*both.far, 100));
    EXPECT_EQ(as_text(question), "question");
    KITH_CO_CHECK(co_await both.far->write(as_bytes("answer")));
    KITH_CO_CHECK(co_await both.far->close_write());
    KITH_CO_TRY(const Bytes answer, co_await port::read_to_end(*both.near, 100));
    EXPECT_EQ(as_text(answer), "answer");
    both = {};
    co_return co_await pair.finish();
  });
}

TEST(Quic, AResetReachesBothDirectionsOfTheOtherSide) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    KITH_CO_TRY(QuicPair::Streams both, co_await pair.open());
    port::TaskGroup tasks(world.executor(), world.clock());
    std::optional<Error> write_end;
    tasks.spawn(write_until_error(*both.far, write_end));
    co_await port::sleep_for(world.clock(), 1s);
    both.near->reset();
    auto own = co_await both.near->read_buffer(100);
    EXPECT_TRUE(!own && own.error().is(Errc::reset));
    auto got = co_await both.far->read_buffer(100);
    EXPECT_TRUE(!got && got.error().is(Errc::reset));
    KITH_CO_CHECK(co_await tasks.join_shielded());
    KITH_CO_REQUIRE(write_end.has_value());
    EXPECT_TRUE(write_end->is(Errc::reset)) << write_end->message();
    both = {};
    co_await port::sleep_for(world.clock(), 2s);
    EXPECT_EQ((*pair.far)->stats().streams_inbound, 0u);
    co_return co_await pair.finish();
  });
}

TEST(Quic, OneReaderAndOneWriterAtATime) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    KITH_CO_TRY(QuicPair::Streams both, co_await pair.open());
    port::TaskGroup tasks(world.executor(), world.clock());
    Bytes first;
    tasks.spawn(read_all_of(*both.far, first));
    co_await port::sleep_for(world.clock(), 1ms);
    auto second = co_await both.far->read_buffer(100);
    EXPECT_TRUE(!second && second.error().is(Errc::busy));
    KITH_CO_CHECK(co_await write_all_of(*both.near, to_bytes("all the same")));
    KITH_CO_CHECK(co_await tasks.join_shielded());
    EXPECT_EQ(as_text(first), "all the same");
    both = {};
    co_return co_await pair.finish();
  });
}

TEST(Quic, OpensThousandsOfStreamsOneAfterAnother) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.net().set_links({.latency = 1ms});
    QuicPair pair(world);
    ConnectionTerms few;
    few.streams_inbound_max = 8;
    KITH_CO_CHECK(co_await pair.start({}, few));
    for (int i = 0; i < 3000; ++i) {
      KITH_CO_TRY(QuicPair::Streams both, co_await pair.open());
      KITH_CO_CHECK(co_await both.near->close_write());
      KITH_CO_CHECK(co_await both.far->close_write());
    }
    co_await port::sleep_for(world.clock(), 40s);
    EXPECT_EQ((*pair.near)->stats().streams_outbound, 0u);
    EXPECT_EQ((*pair.far)->stats().streams_inbound, 0u);
    co_return co_await pair.finish();
  });
}

TEST(Quic, OpensNoMoreStreamsThanThePeerAllows) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    ConnectionTerms few;
    few.streams_inbound_max = 3;
    KITH_CO_CHECK(co_await pair.start({}, few));
    std::vector<QuicPair::Streams> open;
    for (int i = 0; i < 3; ++i) {
      KITH_CO_TRY(QuicPair::Streams both, co_await pair.open());
      open.push_back(std::move(both));
    }
    auto fourth = co_await (*pair.near)->open_stream(world.now() + 5s);
    EXPECT_TRUE(!fourth && fourth.error().is(Errc::timed_out));
    open.pop_back();
    auto later = co_await (*pair.near)->open_stream(world.now() + 5s);
    EXPECT_TRUE(later.has_value());
    open.clear();
    later = std::unexpected(Errc::closed);
    co_return co_await pair.finish();
  });
}

TEST(Quic, CountsWhatStreamsHoldAndResetsThoseThatFindNoRoom) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Budget budget(300'000);
    QuicPair pair(world);
    ConnectionTerms poor;
    poor.memory = &budget;
    KITH_CO_CHECK(co_await pair.start({}, poor));
    KITH_CO_TRY(QuicPair::Streams one, co_await pair.open());
    KITH_CO_TRY(QuicPair::Streams two, co_await pair.open());
    KITH_CO_CHECK(co_await one.near->write(Bytes(200'000)));
    co_await port::sleep_for(world.clock(), 2s);
    EXPECT_EQ(one.far->buffered_bytes(), 200'000u);
    EXPECT_EQ(budget.used(), 200'000u + 2 * quic_stream_overhead_bytes);
    KITH_CO_CHECK(co_await two.near->write(Bytes(120'000)));
    auto got = co_await two.far->read_buffer(200'000, world.now() + 5s);
    EXPECT_LE(budget.used(), 300'000u);
    co_await port::sleep_for(world.clock(), 2s);
    while (got && !got->empty())
      got = co_await two.far->read_buffer(200'000, world.now() + 5s);
    EXPECT_TRUE(!got && got.error().is(Errc::limit_exceeded));
    auto refused = co_await two.near->write(Bytes(500'000), world.now() + 5s);
    EXPECT_TRUE(!refused && refused.error().is(Errc::reset));
    std::size_t left = 0;
    while (left < 200'000) {
      KITH_CO_TRY(const Buffer part, co_await one.far->read_buffer(200'000));
      left += part.size();
    }
    one = {};
    two = {};
    co_await port::sleep_for(world.clock(), 2s);
    EXPECT_EQ(budget.used(), 0u);
    co_return co_await pair.finish();
  });
}

TEST(Quic, TellsThePeerThatItCloses) {
  sim::run_seeds(1, 3, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    KITH_CO_TRY(QuicPair::Streams both, co_await pair.open());
    KITH_CO_CHECK(co_await both.near->write(as_bytes("the last")));
    KITH_CO_CHECK(co_await both.near->close_write());
    const Instant before = world.now();
    (*pair.near)->close();
    EXPECT_TRUE((*pair.near)->closing());
    KITH_CO_CHECK(co_await pair.tasks.join_shielded());
    EXPECT_LT(world.now() - before, quic_close_time);
    KITH_CO_REQUIRE(pair.near_end && pair.far_end);
    EXPECT_TRUE(pair.near_end->is(Errc::closed)) << pair.near_end->message();
    EXPECT_TRUE(pair.far_end->is(Errc::closed)) << pair.far_end->message();
    // What had been sent and ended can be read all the same.
    KITH_CO_TRY(const Bytes last, co_await port::read_to_end(*both.far, 100));
    EXPECT_EQ(as_text(last), "the last");
    auto none = co_await (*pair.far)->open_stream(world.now() + 1s);
    EXPECT_TRUE(!none && none.error().is(Errc::closed));
    both = {};
    co_return co_await pair.finish();
  });
}

TEST(Quic, StaysWhileNothingIsSaidAndEndsWhenThePeerIsGone) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    co_await port::sleep_for(world.clock(), 5min);
    EXPECT_FALSE(pair.near_end);
    EXPECT_FALSE(pair.far_end);
    world.net().cut(pair.dialer.node.id(), pair.listener.node.id());
    const Instant before = world.now();
    KITH_CO_CHECK(co_await pair.tasks.join_shielded());
    EXPECT_LE(world.now() - before, quic_idle_timeout + quic_keep_alive_interval + 5s);
    KITH_CO_REQUIRE(pair.near_end && pair.far_end);
    EXPECT_TRUE(pair.near_end->is(QuicError::idle_timeout)) << pair.near_end->message();
    EXPECT_TRUE(pair.far_end->is(QuicError::idle_timeout)) << pair.far_end->message();
    co_return co_await pair.finish();
  });
}

TEST(Quic, TurnsAwayWhoIsNotAcceptedAtOnce) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    pair.listener.listen();
    pair.tasks.spawn(turn_away(*pair.listener.listener));
    ConnectionTerms terms;
    terms.deadline = world.now() + 10s;
    const Instant before = world.now();
    pair.near =
        co_await pair.dialer.transport->dial(pair.listener.id(), pair.listener.address(), terms);
    KITH_CO_REQUIRE(!pair.near);
    EXPECT_TRUE(pair.near.error().is(Errc::refused)) << pair.near.error().message();
    EXPECT_LT(world.now() - before, 500ms);
    co_return co_await pair.finish();
  });
}

TEST(Quic, GivesUpADialAtItsDeadline) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    ConnectionTerms terms;
    terms.deadline = world.now() + 3s;
    pair.near =
        co_await pair.dialer.transport->dial(pair.listener.id(), pair.listener.address(), terms);
    EXPECT_TRUE(!pair.near && pair.near.error().is(Errc::timed_out));
    EXPECT_EQ(world.now(), terms.deadline);
    co_return co_await pair.finish();
  });
}

TEST(Quic, APeerThatHasLostItsMemoryResetsTheConnection) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    KITH_CO_TRY(QuicPair::Streams both, co_await pair.open());
    // The same socket, that knows nothing of the connection: its goodbye gets lost.
    world.net().cut_one_way(pair.listener.node.id(), pair.dialer.node.id());
    both.far.reset();
    (*pair.far)->close();
    co_await port::sleep_for(world.clock(), 10s);
    world.net().heal();
    KITH_CO_CHECK(co_await both.near->write(as_bytes("are you there?")));
    KITH_CO_CHECK(co_await pair.tasks.join_shielded());
    KITH_CO_REQUIRE(pair.near_end.has_value());
    EXPECT_TRUE(pair.near_end->is(Errc::reset)) << pair.near_end->message();
    both = {};
    co_return co_await pair.finish();
  });
}

TEST(Quic, RepeatsItsGoodbyeToAPeerThatDidNotHearIt) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    KITH_CO_TRY(QuicPair::Streams both, co_await pair.open());
    world.net().cut_one_way(pair.listener.node.id(), pair.dialer.node.id());
    both.far.reset();
    (*pair.far)->close();
    co_await port::sleep_for(world.clock(), 1200ms);
    world.net().heal();
    KITH_CO_CHECK(co_await both.near->write(as_bytes("are you there?")));
    KITH_CO_CHECK(co_await pair.tasks.join_shielded());
    KITH_CO_REQUIRE(pair.near_end.has_value());
    EXPECT_TRUE(pair.near_end->is(Errc::closed)) << pair.near_end->message();
    both = {};
    co_return co_await pair.finish();
  });
}

TEST(Quic, FollowsAPeerToANewAddress) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    KITH_CO_TRY(QuicPair::Streams both, co_await pair.open());
    const std::vector<port::IpAddress> elsewhere = {*port::IpAddress::parse("10.9.9.9")};
    pair.dialer.node.set_addresses(elsewhere);
    Bytes data(500'000), got;
    world.prng().fill(data);
    port::TaskGroup tasks(world.executor(), world.clock());
    tasks.spawn(read_all_of(*both.far, got));
    KITH_CO_CHECK(co_await write_all_of(*both.near, data));
    KITH_CO_CHECK(co_await tasks.join_shielded());
    EXPECT_TRUE(got == data);
    both = {};
    co_return co_await pair.finish();
  });
}

TEST(Quic, DialsFromWhereItListens) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    pair.dialer.listen();
    KITH_CO_CHECK(co_await pair.start());
    EXPECT_EQ((*pair.far)->remote_address(), pair.dialer.address());
    co_return co_await pair.finish();
  });
}

TEST(Quic, ListensOncePerPortAndAgainWhenItHasStopped) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPeer peer(world.add_node(), 1);
    peer.listen();
    const auto where = *multiformats::Multiaddr::parse("/ip4/0.0.0.0/udp/4001/quic-v1");
    auto again = peer.transport->listen(where);
    EXPECT_TRUE(!again && again.error().is(SwarmError::address_in_use));
    peer.listener->close();
    co_await port::sleep_for(world.clock(), 1ms);
    auto later = peer.transport->listen(where);
    EXPECT_TRUE(later.has_value());
    EXPECT_EQ((*later)->addresses().front(), where);
    co_return co_await peer.close();
  });
}

}  // namespace
}  // namespace kith::net
