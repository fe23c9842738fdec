#include <gtest/gtest.h>

#include <kith/net/bandwidth.hpp>
#include <kith/net/test_peer.hpp>
#include <kith/port/pipe.hpp>

namespace kith::net {
namespace {

using Peer = TestPeer;

constexpr std::uint64_t mebibyte = 1 << 20;

TEST(RateGate, LetsThroughItsRateHoweverItIsAsked) {
  for (const std::size_t piece : {100u, 1000u, 50'000u}) {
    RateGate gate(mebibyte);
    const Instant begin{1h};
    Instant now = begin;
    for (std::size_t sent = 0; sent < 10 * mebibyte; sent += piece)
      now = std::max(now, gate.take(piece, now));
    const double seconds = std::chrono::duration<double>(now - begin).count();
    EXPECT_NEAR(seconds, 10, 0.2) << piece;
  }
}

TEST(RateGate, SavesNothingUpForWhoPauses) {
  RateGate gate(mebibyte);
  const Instant later{2h};
  std::size_t at_once = 0;
  gate.take(1000, Instant(1h));
  while (gate.take(1000, later) <= later)
    at_once += 1000;
  EXPECT_LE(at_once, 2 * gate.turn_bytes());
}

/// Bytes that it has written into a stream, or read from one.
using Count = std::shared_ptr<std::uint64_t>;

Task<void> pour(std::unique_ptr<Stream> stream, Count sent, std::uint64_t size) {
  const Bytes piece(100'000, 7);
  while (*sent < size) {
    const ByteView part = ByteView(piece).first(std::min<std::size_t>(piece.size(), size - *sent));
    KITH_CO_CHECK(co_await stream->write(part));
    *sent += part.size();
  }
  co_return co_await stream->close_write();
}

struct Drain {
  Count read;
  Task<void> operator()(std::unique_ptr<Stream> stream) const {
    return drain(std::move(stream), read);
  }
  static Task<void> drain(std::unique_ptr<Stream> stream, Count read) {
    for (;;) {
      KITH_CO_TRY(const Buffer bytes, co_await stream->read_buffer(mebibyte));
      if (bytes.empty()) co_return co_await stream->close_write();
      *read += bytes.size();
    }
  }
};

SwarmLimits limited(BandwidthLimits bandwidth) {
  SwarmLimits limits;
  limits.bandwidth = std::move(bandwidth);
  return limits;
}

/// What arrives between the second and the twelfth second when `streams` go from one peer to the
/// other, in mebibytes a second.
Task<double> rate_between(sim::World& world, BandwidthLimits senders, BandwidthLimits readers,
                          std::vector<ProtocolId> streams) {
  Peer one(world.add_node(), 1, limited(std::move(senders)));
  Peer two(world.add_node(), 2, limited(std::move(readers)));
  const Count read = std::make_shared<std::uint64_t>();
  const Count sent = std::make_shared<std::uint64_t>();
  for (const ProtocolId& protocol : streams)
    two.swarm.handle(protocol, Drain{read});
  port::TaskGroup tasks(world.executor(), world.clock());
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), two.addresses(), one.soon()));
  for (const ProtocolId& protocol : streams) {
    std::vector<ProtocolId> only{protocol};
    KITH_CO_TRY(std::unique_ptr<Stream> stream,
                co_await one.swarm.open_stream(two.id(), std::move(only), one.soon()));
    tasks.spawn(pour(std::move(stream), sent, 1000 * mebibyte));
  }
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 2s));
  const std::uint64_t before = *read;
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10s));
  const double rate = static_cast<double>(*read - before) / 10 / mebibyte;
  tasks.cancel();
  co_await tasks.join_shielded();
  KITH_CO_CHECK(co_await close_all(one, two));
  co_return rate;
}

Task<void> holds(sim::World& world) {
  const RateLimit one_up{.up = mebibyte};
  const RateLimit one_down{.down = mebibyte};
  const std::vector<ProtocolId> three{"/a/1.0.0", "/a/2.0.0", "/b/1.0.0"};
  KITH_CO_TRY(const double all_up, co_await rate_between(world, {.all = one_up}, {}, three));
  EXPECT_NEAR(all_up, 1, 0.05);
  KITH_CO_TRY(const double all_down, co_await rate_between(world, {}, {.all = one_down}, three));
  EXPECT_NEAR(all_down, 1, 0.05);
  KITH_CO_TRY(const double peer_up, co_await rate_between(world, {.each_peer = one_up}, {}, three));
  EXPECT_NEAR(peer_up, 1, 0.05);
  KITH_CO_TRY(const double peer_down,
              co_await rate_between(world, {}, {.each_peer = one_down}, three));
  EXPECT_NEAR(peer_down, 1, 0.05);
  BandwidthLimits protocols;
  protocols.protocols = {{"/a", one_up}, {"/b/1.0.0", {.up = mebibyte / 2}}};
  KITH_CO_TRY(const double both, co_await rate_between(world, std::move(protocols), {}, three));
  EXPECT_NEAR(both, 1.5, 0.075);
  co_return Result<void>{};
}
TEST(Bandwidth, HoldsWithinFivePercentInAllByPeerAndByProtocol) {
  sim::run_seeds(1, 2, holds);
}

Task<void> leaves_alone(sim::World& world) {
  BandwidthLimits other;
  other.protocols = {{"/other", {.up = 1024, .down = 1024}}, {"/free/1", {.up = 1024}}};
  const std::vector<ProtocolId> one{"/free/1.0.0"};
  KITH_CO_TRY(const double rate, co_await rate_between(world, std::move(other), {}, one));
  EXPECT_GT(rate, 1);
  co_return Result<void>{};
}
TEST(Bandwidth, LeavesOtherProtocolsAlone) {
  sim::run_seeds(1, 1, leaves_alone);
}

Task<void> ends(sim::World& world) {
  Bandwidth bandwidth(world.clock(), {.all = {.up = 1024, .down = 1024}});
  auto [near, far] = port::pipe(world.clock());
  auto held = bandwidth.hold(std::move(near),
                             multiformats::PeerId::from_public_key(key_of(1).public_key()), "/a");
  const Bytes much(10'000, 1);
  const Instant begin = world.now();
  auto late = co_await held->write(much, begin + 3s);
  EXPECT_TRUE(!late && late.error().is(Errc::timed_out));
  EXPECT_EQ(world.now() - begin, 3s);
  held->reset();
  auto gone = co_await held->write(much);
  EXPECT_TRUE(!gone && gone.error().is(Errc::reset));
  co_return Result<void>{};
}
TEST(Bandwidth, EndsAWaitingWriteAtItsDeadlineAndWithItsStream) {
  sim::run_seeds(1, 1, ends);
}

Task<void> gives_up_early(sim::World& world) {
  Bandwidth bandwidth(world.clock(), {.all = {.up = 1024, .down = 0}});
  const auto peer = multiformats::PeerId::from_public_key(key_of(1).public_key());
  auto impatient = [](Bandwidth& from, multiformats::PeerId to, port::Clock& clock) -> Task<void> {
    auto [near, far] = port::pipe(clock);
    auto held = from.hold(std::move(near), to, "/a");
    const Bytes much(4'000, 1);
    auto late = co_await held->write(much, clock.now() + 2s);
    EXPECT_TRUE(!late && late.error().is(Errc::timed_out));
    co_return Result<void>{};
  };
  port::TaskGroup tasks(world.executor(), world.clock());
  for (int i = 0; i < 100; ++i)
    tasks.spawn(impatient(bandwidth, peer, world.clock()));
  KITH_CO_CHECK(co_await tasks.join());
  // A hundred have wanted more than there was. Whoever comes next has the whole rate.
  auto [near, far] = port::pipe(world.clock());
  auto held = bandwidth.hold(std::move(near), peer, "/a");
  const Bytes little(2'000, 1);
  KITH_CO_CHECK(co_await held->write(little, world.now() + 5s));
  co_return Result<void>{};
}
TEST(Bandwidth, WhoGivesUpTakesNothingFromThoseWhoCome) {
  sim::run_seeds(1, 1, gives_up_early);
}

}  // namespace
}  // namespace kith::net
