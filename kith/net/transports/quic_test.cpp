#include <gtest/gtest.h>

#include <kith/crypto/tls/error.hpp>
#include <kith/net/swarm.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/net/transports/quic.hpp>
#include <kith/net/transports/quic/test_quic_line.hpp>
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

TEST(Quic, PausesNowhereInAHandshake) {
  testing::QuicLine line;
  const Instant begin = line.now;
  line.connect();
  // Three times over a line of 50 us. Pacing by a guessed round trip would add 23 ms.
  EXPECT_LT(line.now - begin, 1ms);
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
    // As much as anybody likes, and not just what is left of a window.
    port::TaskGroup tasks(world.executor(), world.clock());
    auto pour = [](MuxedStream& into, const Bytes& all) -> Task<void> {
      co_return co_await into.write(all);
    };
    tasks.spawn(pour(*other.near, much));
    std::size_t got = 0;
    while (got < much.size()) {
      KITH_CO_TRY(const Buffer part, co_await other.far->read_buffer(1 << 20, world.now() + 30s));
      got += part.size();
    }
    EXPECT_EQ(stuck.far->buffered_bytes(), quic_stream_window_bytes - 1);
    KITH_CO_CHECK(co_await tasks.join());
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
    // Or sooner: a dial of a peer has other addresses to try.
    const Instant begin = world.now();
    terms.deadline = begin + dial_peer_timeout;
    pair.near =
        co_await pair.dialer.transport->dial(pair.listener.id(), pair.listener.address(), terms);
    EXPECT_TRUE(!pair.near && pair.near.error().is(Errc::timed_out));
    EXPECT_LE(world.now() - begin, dial_timeout);
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

TEST(Quic, APeerThatWasStartedAnewResetsTheOldConnections) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    KITH_CO_TRY(QuicPair::Streams both, co_await pair.open());
    world.net().cut_one_way(pair.listener.node.id(), pair.dialer.node.id());
    both.far.reset();
    (*pair.far)->close();
    while (!pair.far_end)
      co_await port::sleep_for(world.clock(), 100ms);
    pair.far->reset();
    KITH_CO_CHECK(co_await pair.listener.close());
    co_await port::sleep_for(world.clock(), 1s);
    QuicPeer anew(pair.listener.node, 2);
    anew.listen();
    world.net().heal();
    KITH_CO_CHECK(co_await both.near->write(as_bytes("are you there?")));
    KITH_CO_CHECK(co_await pair.tasks.join_shielded());
    KITH_CO_REQUIRE(pair.near_end.has_value());
    EXPECT_TRUE(pair.near_end->is(Errc::reset)) << pair.near_end->message();
    both = {};
    KITH_CO_CHECK(co_await anew.close());
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

TEST(Quic, ListensAgainWhileConnectionsOfBeforeGoOn) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    QuicPair pair(world);
    KITH_CO_CHECK(co_await pair.start());
    Result<std::unique_ptr<Connection>> nobody = std::unexpected(Errc::busy);
    pair.tasks.spawn(quic_accept_into(pair.listener, {}, nobody));
    co_await port::sleep_for(world.clock(), 1ms);
    pair.listener.listener->close();
    pair.listener.listen();
    co_await port::sleep_for(world.clock(), 1ms);
    EXPECT_TRUE(!nobody && nobody.error().is(Errc::closed));

    QuicPeer another(world.add_node(), 3);
    Result<std::unique_ptr<Connection>> came = std::unexpected(Errc::busy);
    ConnectionTerms terms;
    terms.deadline = world.now() + 10s;
    pair.tasks.spawn(quic_accept_into(pair.listener, terms, came));
    auto dialed =
        co_await another.transport->dial(pair.listener.id(), pair.listener.address(), terms);
    EXPECT_TRUE(dialed.has_value());
    KITH_CO_TRY(QuicPair::Streams streams, co_await pair.open());
    if (dialed) (*dialed)->close();
    if (came) (*came)->close();
    dialed = std::unexpected(Errc::closed);
    came = std::unexpected(Errc::closed);
    KITH_CO_CHECK(co_await another.close());
    co_return co_await pair.finish();
  });
}

/// What somebody does who has a socket and no manners.
struct Stranger {
  explicit Stranger(sim::Node& its_node)
      : node(its_node), socket(*node.env().net.bind_udp({node.address(), 7000}, {})) {}

  /// The first datagram of whoever dials us.
  Task<Bytes> first_datagram_of(QuicPeer& peer) {
    ConnectionTerms terms;
    terms.deadline = node.env().clock.now() + 1s;
    Result<std::unique_ptr<Connection>> none = std::unexpected(Errc::busy);
    port::TaskGroup tasks(node.env().executor, node.env().clock);
    auto here =
        *multiformats::Multiaddr::parse("/ip4/" + node.address().to_string() + "/udp/7000/quic-v1");
    tasks.spawn(dial_into(peer, std::move(here), terms, none));
    Bytes datagram(2000);
    auto got = co_await socket->receive(datagram);
    KITH_CO_CHECK(co_await tasks.join_shielded());
    if (!got) co_return std::unexpected(got.error());
    datagram.resize(got->size);
    co_return datagram;
  }
  static Task<void> dial_into(QuicPeer& peer, multiformats::Multiaddr where, ConnectionTerms terms,
                              Result<std::unique_ptr<Connection>>& into) {
    into = co_await peer.transport->dial(peer.id(), std::move(where), terms);
    co_return Result<void>{};
  }

  /// All that comes until nothing has come for a second.
  Task<std::vector<Bytes>> answers() {
    std::vector<Bytes> all;
    for (;;) {
      Bytes datagram(70'000);
      auto got = co_await socket->receive(datagram, node.env().clock.now() + 1s);
      if (!got) co_return all;
      datagram.resize(got->size);
      all.push_back(std::move(datagram));
    }
  }
  Task<void> send(QuicPeer& to, ByteView datagram) {
    const port::Endpoint there = to.node.endpoint(4001);
    co_return co_await socket->send(there, datagram);
  }

  sim::Node& node;
  std::unique_ptr<port::UdpSocket> socket;
};

/// Two peers and a stranger, on lines that lose nothing.
struct Crowd {
  explicit Crowd(sim::World& world) : pair(world), stranger(world.add_node()) {
    sim::LinkOptions good;
    good.latency = 5ms;
    world.net().set_links(good);
  }
  QuicPair pair;
  Stranger stranger;
};

constexpr std::size_t id_at = 6;  // of the destination id, behind the version and its length

bool is_retry(const Bytes& datagram) {
  return (datagram[0] & 0xf0) == 0xf0;
}

Task<void> upgrade_into_nothing(std::unique_ptr<Incoming> incoming, ConnectionTerms terms,
                                std::vector<std::unique_ptr<Connection>>& into) {
  auto upgraded = co_await incoming->upgrade(terms);
  if (upgraded) into.push_back(*std::move(upgraded));
  co_return Result<void>{};
}

Task<void> upgrade_all(Listener& listener, ConnectionTerms terms, port::TaskGroup& tasks,
                       std::vector<std::unique_ptr<Connection>>& into) {
  for (;;) {
    KITH_CO_TRY(std::unique_ptr<Incoming> next, co_await listener.accept());
    tasks.spawn(upgrade_into_nothing(std::move(next), terms, into));
  }
}

Task<void> accept_all(Listener& listener, std::vector<std::unique_ptr<Incoming>>& into) {
  for (;;) {
    KITH_CO_TRY(std::unique_ptr<Incoming> next, co_await listener.accept());
    into.push_back(std::move(next));
  }
}

TEST(Quic, WhoCantBeReachedGetsNoPlaceWhileItIsCrowded) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Crowd crowd(world);
    QuicPair& pair = crowd.pair;
    KITH_CO_TRY(Bytes initial, co_await crowd.stranger.first_datagram_of(pair.dialer));
    KITH_CO_TRY(const std::vector<Bytes> late, co_await crowd.stranger.answers());
    pair.listener.listen();
    std::size_t sent = 0;
    for (std::size_t i = 0; i < 2000; ++i) {
      world.prng().fill(MutableBytes(initial).subspan(id_at, 8));
      KITH_CO_CHECK(co_await crowd.stranger.send(pair.listener, initial));
      sent += initial.size();
      if (i % 100 == 0) co_await port::sleep_for(world.clock(), 10ms);
    }
    KITH_CO_TRY(const std::vector<Bytes> answers, co_await crowd.stranger.answers());
    std::size_t got = 0;
    for (const Bytes& answer : answers) {
      EXPECT_TRUE(is_retry(answer));
      EXPECT_LT(answer.size(), initial.size() / 4);
      got += answer.size();
    }
    EXPECT_LT(got, sent / 4);
    // An honest peer comes in all the same.
    ConnectionTerms terms;
    terms.deadline = world.now() + 5s;
    port::TaskGroup tasks(world.executor(), world.clock());
    port::TaskGroup accepting(world.executor(), world.clock());
    std::vector<std::unique_ptr<Connection>> accepted;
    Result<std::unique_ptr<Connection>> honest = std::unexpected(Errc::busy);
    accepting.spawn(upgrade_all(*pair.listener.listener, terms, tasks, accepted));
    honest =
        co_await pair.dialer.transport->dial(pair.listener.id(), pair.listener.address(), terms);
    EXPECT_TRUE(honest.has_value()) << honest.error().message();
    KITH_CO_CHECK(co_await tasks.join_shielded());
    EXPECT_EQ(accepted.size(), 1u);
    accepting.cancel();
    KITH_CO_CHECK(co_await accepting.join_shielded());
    accepted.clear();
    honest = std::unexpected(Errc::closed);
    co_return co_await pair.finish();
  });
}

TEST(Quic, KeepsABoundedNumberOfStrangers) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Crowd crowd(world);
    QuicPair& pair = crowd.pair;
    KITH_CO_TRY(Bytes initial, co_await crowd.stranger.first_datagram_of(pair.dialer));
    pair.listener.listen();
    for (std::size_t i = 0; i < 1000; ++i) {
      world.prng().fill(MutableBytes(initial).subspan(id_at, 8));
      KITH_CO_CHECK(co_await crowd.stranger.send(pair.listener, initial));
      if (i % 100 == 0) co_await port::sleep_for(world.clock(), 10ms);
    }
    co_await port::sleep_for(world.clock(), 1s);
    std::vector<std::unique_ptr<Incoming>> waiting;
    port::TaskGroup accepting(world.executor(), world.clock());
    accepting.spawn(accept_all(*pair.listener.listener, waiting));
    co_await port::sleep_for(world.clock(), 1s);
    EXPECT_EQ(waiting.size(), quic_retry_from);
    accepting.cancel();
    KITH_CO_CHECK(co_await accepting.join_shielded());
    waiting.clear();
    co_return co_await pair.finish();
  });
}

TEST(Quic, SendsAnUnprovenAddressAtMostThreeTimesWhatItGot) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Crowd crowd(world);
    QuicPair& pair = crowd.pair;
    KITH_CO_TRY(const Bytes initial, co_await crowd.stranger.first_datagram_of(pair.dialer));
    KITH_CO_TRY(const std::vector<Bytes> late, co_await crowd.stranger.answers());
    pair.listener.listen();
    ConnectionTerms terms;
    terms.deadline = world.now() + 10s;
    pair.tasks.spawn(quic_accept_into(pair.listener, terms, pair.far));
    KITH_CO_CHECK(co_await crowd.stranger.send(pair.listener, initial));
    KITH_CO_CHECK(co_await pair.tasks.join_shielded());
    EXPECT_TRUE(!pair.far && pair.far.error().is(Errc::timed_out));
    KITH_CO_TRY(const std::vector<Bytes> answers, co_await crowd.stranger.answers());
    std::size_t got = 0;
    for (const Bytes& answer : answers)
      got += answer.size();
    EXPECT_GT(got, 0u);
    EXPECT_LE(got, 3 * initial.size());
    co_return co_await pair.finish();
  });
}

TEST(Quic, GarbageIsAnsweredSeldomShorterAndHarmsNobody) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Crowd crowd(world);
    QuicPair& pair = crowd.pair;
    KITH_CO_CHECK(co_await pair.start());
    KITH_CO_TRY(QuicPair::Streams both, co_await pair.open());
    std::vector<std::size_t> sizes;
    for (std::size_t i = 0; i < 5000; ++i) {
      Bytes garbage(1 + world.prng().below(1500));
      world.prng().fill(garbage);
      KITH_CO_CHECK(co_await crowd.stranger.send(pair.listener, garbage));
      if (i % 100 == 0) co_await port::sleep_for(world.clock(), 10ms);
    }
    KITH_CO_TRY(const std::vector<Bytes> answers, co_await crowd.stranger.answers());
    std::size_t resets = 0;
    for (const Bytes& answer : answers) {
      const bool is_long = (answer[0] & 0x80) != 0;
      resets += is_long ? 0 : 1;
      EXPECT_LT(answer.size(), is_long ? 600u : 44u);
    }
    EXPECT_GT(resets, 0u);
    EXPECT_LE(resets, 2 * quic_resets_per_second);
    KITH_CO_CHECK(co_await both.near->write(as_bytes("still here")));
    KITH_CO_TRY(const Buffer got, co_await both.far->read_buffer(100));
    EXPECT_EQ(as_text(got), "still here");
    both = {};
    co_return co_await pair.finish();
  });
}

TEST(Quic, NamesItsVersionToWhoSpeaksAnother) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Crowd crowd(world);
    QuicPair& pair = crowd.pair;
    pair.listener.listen();
    Bytes unknown(quic_initial_bytes_min);
    unknown[0] = 0xc0;
    store_be<std::uint32_t>(unknown.data() + 1, 0x1a2a3a4a);
    unknown[5] = 8;
    unknown[6] = 0xd1;
    unknown[14] = 4;
    unknown[15] = 0x51;
    KITH_CO_CHECK(co_await crowd.stranger.send(pair.listener, unknown));
    KITH_CO_TRY(const std::vector<Bytes> answers, co_await crowd.stranger.answers());
    KITH_CO_REQUIRE(answers.size() == 1);
    const Bytes& answer = answers.front();
    KITH_CO_REQUIRE(answer.size() == 1 + 4 + 1 + 4 + 1 + 8 + 4);
    EXPECT_EQ(load_be<std::uint32_t>(answer.data() + 1), 0u);
    EXPECT_EQ(answer[6], 0x51);  // the ids, exchanged
    EXPECT_EQ(answer[11], 0xd1);
    EXPECT_EQ(load_be<std::uint32_t>(answer.data() + 19), 1u);
    // Nothing for less than an Initial's size, which would be worth sending under another's name.
    unknown.pop_back();
    KITH_CO_CHECK(co_await crowd.stranger.send(pair.listener, unknown));
    KITH_CO_TRY(const std::vector<Bytes> none, co_await crowd.stranger.answers());
    EXPECT_TRUE(none.empty());
    co_return co_await pair.finish();
  });
}

}  // namespace
}  // namespace kith::net
