#include <gtest/gtest.h>

#include <kith/net/muxers/yamux_connection.hpp>
#include <kith/net/upgrade_test.hpp>
#include <kith/sim/testing.hpp>

namespace kith::net {
namespace {

using testing::Pair;

Task<void> write_all_of(port::Stream& stream, const Bytes& data) {
  KITH_CO_CHECK(co_await stream.write(data));
  co_return co_await stream.close_write();
}

Task<void> read_all_of(port::Stream& stream, Bytes& into) {
  KITH_CO_TRY(into, co_await port::read_to_end(stream, 100'000'000));
  co_return Result<void>{};
}

struct OpenStream {
  std::unique_ptr<MuxedStream> near, far;
};

Task<OpenStream> open_one(Pair& pair) {
  OpenStream both;
  KITH_CO_TRY(both.near, co_await (*pair.near)->open_stream(never));
  KITH_CO_TRY(both.far, co_await (*pair.far)->accept_stream());
  co_return both;
}

TEST(YamuxConnection, CarriesManyStreamsBothWaysAtOnce) {
  sim::run_seeds(1, 10, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    constexpr std::size_t count = 20;
    std::vector<OpenStream> streams;
    std::vector<Bytes> up(count), down(count), got_up(count), got_down(count);
    port::TaskGroup tasks(world.executor(), world.clock());
    for (std::size_t i = 0; i < count; ++i) {
      KITH_CO_TRY(OpenStream both, co_await open_one(pair));
      streams.push_back(std::move(both));
      up[i].resize(world.prng().below(300'000));
      down[i].resize(world.prng().below(300'000));
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
    co_await port::sleep_for(world.clock(), 1s);
    EXPECT_EQ((*pair.near)->stats().streams_outbound, 0u);
    EXPECT_EQ((*pair.far)->stats().streams_inbound, 0u);
    co_return co_await pair.finish();
  });
}

TEST(YamuxConnection, StopsASenderWhoseReaderStandsStillAndNobodyElse) {
  sim::run_seeds(1, 10, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    KITH_CO_TRY(OpenStream stuck, co_await open_one(pair));
    KITH_CO_TRY(OpenStream other, co_await open_one(pair));
    const Bytes much(10'000'000, 1);
    auto written = co_await stuck.near->write(much, world.now() + 30s);
    KITH_CO_REQUIRE(!written);
    EXPECT_TRUE(written.error().is(Errc::timed_out));
    EXPECT_EQ(stuck.far->buffered_bytes(), yamux_window_bytes_initial);
    KITH_CO_CHECK(co_await other.near->write(as_bytes("still here")));
    KITH_CO_TRY(const Buffer got, co_await other.far->read_buffer(100));
    EXPECT_EQ(as_text(got), "still here");
    co_return co_await pair.finish();
  });
}

TEST(YamuxConnection, FillsALongFatPipeWithOneStream) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    sim::LinkOptions link;
    link.latency = 50ms;
    link.bytes_per_second = 125'000'000;
    link.window_bytes = 64 << 20;
    world.net().set_links(link);
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    KITH_CO_TRY(OpenStream both, co_await open_one(pair));
    const Bytes much(64 << 20, 1);
    Bytes got;
    const Instant begin = world.now();
    pair.tasks.spawn(write_all_of(*both.near, much));
    KITH_CO_CHECK(co_await read_all_of(*both.far, got));
    EXPECT_EQ(got.size(), much.size());
    // With the first window alone it were 256 KiB every 100 ms: 25 s.
    EXPECT_LT(world.now() - begin, 4s);
    co_return co_await pair.finish();
  });
}

TEST(YamuxConnection, HandsOnLargeFramesUncopied) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    KITH_CO_TRY(OpenStream both, co_await open_one(pair));
    const Bytes much(200'000, 1);
    KITH_CO_CHECK(co_await both.near->write(much));
    std::size_t largest = 0;
    for (std::size_t got = 0; got < much.size();) {
      KITH_CO_TRY(const Buffer part, co_await both.far->read_buffer(SIZE_MAX));
      got += part.size();
      largest = std::max(largest, part.size());
    }
    EXPECT_EQ(largest, yamux_frame_payload_bytes_max);
    co_return co_await pair.finish();
  });
}

TEST(YamuxConnection, ResetsReachTheOtherSide) {
  sim::run_seeds(1, 10, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    KITH_CO_TRY(OpenStream first, co_await open_one(pair));
    first.near->reset();
    auto read = co_await first.far->read_buffer(10);
    EXPECT_TRUE(!read && read.error().is(Errc::reset));
    auto own = co_await first.near->read_buffer(10);
    EXPECT_TRUE(!own && own.error().is(Errc::reset));
    // Destroying an open stream is a reset as well.
    KITH_CO_TRY(OpenStream second, co_await open_one(pair));
    second.far.reset();
    auto other = co_await second.near->read_buffer(10);
    EXPECT_TRUE(!other && other.error().is(Errc::reset));
    auto write = co_await second.near->write(as_bytes("x"));
    EXPECT_TRUE(!write && write.error().is(Errc::reset));
    co_return co_await pair.finish();
  });
}

TEST(YamuxConnection, AWriterMayLeaveOnceItHasClosed) {
  sim::run_seeds(1, 10, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    KITH_CO_TRY(OpenStream both, co_await open_one(pair));
    const Bytes sent(50'000, 3);
    KITH_CO_CHECK(co_await write_all_of(*both.near, sent));
    both.near.reset();
    co_await port::sleep_for(world.clock(), 2s);
    Bytes got;
    KITH_CO_CHECK(co_await read_all_of(*both.far, got));
    EXPECT_EQ(got, sent);
    KITH_CO_CHECK(co_await both.far->write(as_bytes("to nobody")));
    KITH_CO_CHECK(co_await both.far->close_write());
    both.far.reset();
    co_await port::sleep_for(world.clock(), 2s);
    EXPECT_EQ((*pair.near)->stats().streams_outbound, 0u);
    EXPECT_EQ((*pair.far)->stats().streams_inbound, 0u);
    co_return co_await pair.finish();
  });
}

TEST(YamuxConnection, CloseLetsWhatWasWrittenArrive) {
  sim::run_seeds(1, 20, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    KITH_CO_TRY(OpenStream both, co_await open_one(pair));
    const Bytes sent(100'000, 5);
    KITH_CO_CHECK(co_await write_all_of(*both.near, sent));
    KITH_CO_CHECK(co_await pair.finish());
    EXPECT_TRUE(pair.near_end->is(Errc::closed));
    EXPECT_TRUE(pair.far_end->is(Errc::closed));
    // The stream outlives the connection, with all that the peer had sent and ended.
    pair.far = std::unexpected(Errc::busy);
    Bytes got;
    KITH_CO_CHECK(co_await read_all_of(*both.far, got));
    EXPECT_EQ(got, sent);
    auto write = co_await both.far->write(as_bytes("x"));
    EXPECT_TRUE(!write && write.error().is(Errc::closed));
    co_return Result<void>{};
  });
}

TEST(YamuxConnection, RefusesToOpenOnceItCloses) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    (*pair.near)->close();
    EXPECT_TRUE((*pair.near)->closing());
    auto opened = co_await (*pair.near)->open_stream(never);
    EXPECT_TRUE(!opened && opened.error().is(Errc::closed));
    auto accepted = co_await (*pair.far)->accept_stream();
    EXPECT_TRUE(!accepted && accepted.error().is(Errc::closed));
    co_return co_await pair.tasks.join_shielded();
  });
}

TEST(YamuxConnection, AWriteThatRanOutOfTimeIsNotTakenForTheWholeMessage) {
  sim::run_seeds(1, 10, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    KITH_CO_TRY(OpenStream both, co_await open_one(pair));
    const Bytes much(10'000'000, 1);
    auto written = co_await both.near->write(much, world.now() + 5s);
    EXPECT_TRUE(!written && written.error().is(Errc::timed_out));
    auto closed = co_await both.near->close_write();
    EXPECT_TRUE(!closed && closed.error().is(Errc::reset));
    auto got = co_await port::read_to_end(*both.far, 100'000'000);
    EXPECT_TRUE(!got && got.error().is(Errc::reset));
    co_return co_await pair.finish();
  });
}

TEST(YamuxConnection, WaitsWhenThePeerAcknowledgesNothing) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    std::vector<std::unique_ptr<MuxedStream>> streams;
    for (std::size_t i = 0; i < yamux_ack_backlog_max; ++i) {
      KITH_CO_TRY(auto stream, co_await (*pair.near)->open_stream(never));
      streams.push_back(std::move(stream));
    }
    auto late = co_await (*pair.near)->open_stream(world.now() + 5s);
    EXPECT_TRUE(!late && late.error().is(Errc::timed_out));
    KITH_CO_TRY(auto accepted, co_await (*pair.far)->accept_stream());
    KITH_CO_TRY(auto more, co_await (*pair.near)->open_stream(world.now() + 5s));
    co_return co_await pair.finish();
  });
}

TEST(YamuxConnection, NoticesASilentPeer) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    co_await port::sleep_for(world.clock(), 5s);
    const Instant begin = world.now();
    world.net().stall(pair.dialer.id(), pair.listener.id());
    KITH_CO_TRY(auto stream, co_await (*pair.near)->open_stream(never));
    auto read = co_await stream->read_buffer(10);
    EXPECT_TRUE(!read && read.error().is(YamuxError::keep_alive_timeout));
    EXPECT_LE(world.now() - begin, yamux_ping_interval + yamux_ping_timeout);
    KITH_CO_CHECK(co_await pair.tasks.join_shielded());
    EXPECT_TRUE(pair.near_end->is(YamuxError::keep_alive_timeout));
    co_return Result<void>{};
  });
}

TEST(YamuxConnection, StaysUpWhileNothingHappens) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    co_await port::sleep_for(world.clock(), 20min);
    EXPECT_FALSE(pair.near_end.has_value());
    EXPECT_FALSE(pair.far_end.has_value());
    co_return co_await pair.finish();
  });
}

TEST(YamuxConnection, EndsAtOnceWhenItsTaskIsCancelled) {
  sim::run_seeds(1, 10, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    KITH_CO_TRY(OpenStream both, co_await open_one(pair));
    co_await port::sleep_for(world.clock(), Duration(world.prng().below(300'000'000)));
    const Instant begin = world.now();
    pair.tasks.cancel();
    KITH_CO_CHECK(co_await pair.tasks.join_shielded());
    EXPECT_EQ(world.now(), begin);
    EXPECT_TRUE(pair.near_end->is(Errc::cancelled));
    auto read = co_await both.near->read_buffer(10);
    EXPECT_FALSE(read.has_value());
    co_return Result<void>{};
  });
}

TEST(YamuxConnection, ReportsAnEndWithoutGoodbye) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    KITH_CO_TRY(OpenStream both, co_await open_one(pair));
    world.node(1).kill(sim::Crash::process);
    auto read = co_await both.near->read_buffer(10);
    EXPECT_FALSE(read.has_value());
    KITH_CO_CHECK(co_await pair.tasks.join_shielded());
    EXPECT_FALSE(pair.near_end->is(Errc::closed));
    co_return Result<void>{};
  });
}

/// A peer that writes frames by hand: what our own connection never does.
struct Handmade {
  Handmade(sim::World& world, Pair& of)
      : pair(of), tasks(world.executor(), world.clock()), clock(world.clock()) {}

  Task<void> start(sim::World& world) {
    auto [near_stream, far_stream] = world.connect(pair.dialer, pair.listener);
    UpgradeOptions dial = testing::options_of(Direction::outbound, testing::key_of(1));
    tasks.spawn(testing::upgrade_into(pair.dialer.env(), std::move(near_stream), std::move(dial),
                                      pair.near));
    KITH_CO_TRY(far, co_await testing::secure_by_hand(pair.listener.env(), std::move(far_stream),
                                                      testing::key_of(2)));
    KITH_CO_CHECK(co_await tasks.join_shielded());
    if (!pair.near) co_return std::unexpected(pair.near.error());
    pair.tasks.spawn(testing::run_into(**pair.near, pair.near_end));
    tasks.spawn(answer_pings());
    co_return Result<void>{};
  }

  Task<void> send(Bytes frame) { co_return co_await far->write(frame); }

  /// Shows that it lives, for as long as it is let.
  Task<void> answer_pings() {
    for (std::uint32_t id = 1;; ++id) {
      KITH_CO_CHECK(co_await send(testing::yamux_frame(2, 2, 0, id)));
      KITH_CO_CHECK(co_await port::sleep_for(clock, 10s));
    }
  }

  Task<void> finish() {
    tasks.cancel();
    KITH_CO_CHECK(co_await tasks.join_shielded());
    pair.tasks.cancel();
    co_return co_await pair.tasks.join_shielded();
  }

  Pair& pair;
  port::TaskGroup tasks;
  port::Clock& clock;
  std::unique_ptr<SecureStream> far;
};

const Bytes goodbye = testing::yamux_frame(3, 0, 0, 0);

TEST(YamuxConnection, CountsAsClosingOnceThePeerHasSaidGoodbye) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    Handmade peer(world, pair);
    KITH_CO_CHECK(co_await peer.start(world));
    KITH_CO_TRY(auto stream, co_await (*pair.near)->open_stream(never));
    EXPECT_FALSE((*pair.near)->closing());
    KITH_CO_CHECK(co_await peer.send(goodbye));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_TRUE((*pair.near)->closing());
    EXPECT_FALSE(pair.near_end.has_value());
    KITH_CO_CHECK(co_await stream->write(as_bytes("still goes out")));
    co_return co_await peer.finish();
  });
}

// A peer that says goodbye and stays, answering pings, would keep the connection for ever.
TEST(YamuxConnection, EndsWithTheLastStreamOnceThePeerHasSaidGoodbye) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    Handmade peer(world, pair);
    KITH_CO_CHECK(co_await peer.start(world));
    KITH_CO_TRY(auto first, co_await (*pair.near)->open_stream(never));
    KITH_CO_TRY(auto second, co_await (*pair.near)->open_stream(never));
    KITH_CO_CHECK(co_await peer.send(goodbye));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 12s));
    first.reset();
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 2s));
    EXPECT_FALSE(pair.near_end.has_value());
    second.reset();
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 2 * yamux_close_time));
    KITH_CO_REQUIRE(pair.near_end.has_value());
    EXPECT_TRUE(pair.near_end->is(Errc::closed));
    co_return co_await peer.finish();
  });
}

Task<void> open_into(Connection& connection, Result<std::unique_ptr<MuxedStream>>& into) {
  into = co_await connection.open_stream(never);
  co_return Result<void>{};
}

TEST(YamuxConnection, TellsAllWhoWaitForAStreamThatThePeerLeaves) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    Handmade peer(world, pair);
    KITH_CO_CHECK(co_await peer.start(world));
    std::vector<std::unique_ptr<MuxedStream>> streams;
    for (std::size_t i = 0; i < yamux_ack_backlog_max; ++i) {
      KITH_CO_TRY(auto stream, co_await (*pair.near)->open_stream(never));
      streams.push_back(std::move(stream));
    }
    std::vector<Result<std::unique_ptr<MuxedStream>>> waiting(5);
    port::TaskGroup openers(world.executor(), world.clock());
    for (auto& one : waiting)
      openers.spawn(open_into(**pair.near, one));
    KITH_CO_CHECK(co_await peer.send(goodbye));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_EQ(openers.size(), 0u);
    for (auto& one : waiting)
      EXPECT_TRUE(!one && one.error().is(Errc::closed));
    KITH_CO_CHECK(co_await peer.finish());
    co_return co_await openers.join_shielded();
  });
}

TEST(YamuxConnection, RefusesASecondWriterAndASecondReaderAndServesTheFirst) {
  sim::run_seeds(1, 10, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    KITH_CO_TRY(OpenStream both, co_await open_one(pair));
    Bytes much(1'000'000);
    world.prng().fill(much);
    Bytes got;
    pair.tasks.spawn(write_all_of(*both.near, much));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    std::size_t refused = 0;
    for (int i = 0; i < 50; ++i) {
      auto second = co_await both.near->write(as_bytes("intruder"));
      if (second) break;
      EXPECT_TRUE(second.error().is(Errc::busy));
      ++refused;
    }
    EXPECT_EQ(refused, 50u);
    pair.tasks.spawn(read_all_of(*both.far, got));
    while (got.empty()) {
      auto second = co_await both.near->write({});
      EXPECT_TRUE(!second && (second.error().is(Errc::busy) || second.error().is(Errc::closed)));
      KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1ms));
    }
    EXPECT_TRUE(got == much);

    Bytes answer;
    pair.tasks.spawn(read_all_of(*both.near, answer));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    Bytes space(10);
    const MutableBytes into = space;
    auto some = co_await both.near->read_some(into);
    EXPECT_TRUE(!some && some.error().is(Errc::busy));
    auto buffer = co_await both.near->read_buffer(10);
    EXPECT_TRUE(!buffer && buffer.error().is(Errc::busy));
    KITH_CO_CHECK(co_await both.far->write(as_bytes("whole")));
    KITH_CO_CHECK(co_await both.far->close_write());
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
    EXPECT_EQ(as_text(answer), "whole");
    KITH_CO_TRY(const Buffer end, co_await both.near->read_buffer(10));
    EXPECT_TRUE(end.empty());
    co_return co_await pair.finish();
  });
}

Task<void> write_and_tell(port::Stream& stream, std::optional<bool>& done) {
  done = false;
  KITH_CO_CHECK(co_await stream.write(as_bytes("first")));
  done = true;
  co_return Result<void>{};
}

TEST(YamuxConnection, RefusesASecondWriterAlsoWhileTheFirstIsAboutToWake) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    KITH_CO_TRY(OpenStream both, co_await open_one(pair));
    std::optional<bool> done;
    pair.tasks.spawn(write_and_tell(*both.near, done));
    while (!done)
      KITH_CO_CHECK(co_await port::yield());
    // What is sent takes some turns of the loop, and this task sees each of them.
    while (!*done) {
      auto second = co_await both.near->write(as_bytes("second"));
      EXPECT_TRUE(!second && second.error().is(Errc::busy));
      KITH_CO_CHECK(co_await port::yield());
    }
    KITH_CO_CHECK(co_await both.near->write(as_bytes(", third")));
    KITH_CO_CHECK(co_await both.near->close_write());
    KITH_CO_TRY(const Bytes got, co_await port::read_to_end(*both.far, 100));
    EXPECT_EQ(as_text(got), "first, third");
    co_return co_await pair.finish();
  });
}

TEST(YamuxConnection, AWriteThatGaveUpLeavesItsTurn) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    KITH_CO_TRY(OpenStream both, co_await open_one(pair));
    auto read = co_await both.near->read_buffer(10, world.now() + 1s);
    EXPECT_TRUE(!read && read.error().is(Errc::timed_out));
    KITH_CO_CHECK(co_await both.far->write(as_bytes("late")));
    KITH_CO_TRY(const Buffer got, co_await both.near->read_buffer(10));
    EXPECT_EQ(as_text(got), "late");
    const Bytes much(1'000'000);
    auto stuck = co_await both.near->write(much, world.now() + 1s);
    EXPECT_TRUE(!stuck && stuck.error().is(Errc::timed_out));
    // What was cut can't be gone on with; that is no matter of turns.
    auto more = co_await both.near->write(as_bytes("more"));
    EXPECT_TRUE(!more && more.error().is(Errc::reset));
    co_return co_await pair.finish();
  });
}

TEST(YamuxConnection, IsDestroyedUnrunWithStreamsOpen) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    auto [near_stream, far_stream] = world.connect(pair.dialer, pair.listener);
    UpgradeOptions dial = testing::options_of(Direction::outbound, testing::key_of(1));
    UpgradeOptions listen = testing::options_of(Direction::inbound, testing::key_of(2));
    KITH_CO_CHECK(co_await pair.upgrade_both(std::move(near_stream), std::move(far_stream),
                                             std::move(dial), std::move(listen)));
    KITH_CO_REQUIRE(pair.near && pair.far);
    KITH_CO_TRY(auto stream, co_await (*pair.near)->open_stream(never));
    pair.near->reset();
    auto read = co_await stream->read_buffer(10);
    EXPECT_TRUE(!read && read.error().is(Errc::closed));
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::net
