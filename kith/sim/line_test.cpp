// Lines, congestion windows, lost packets and resets.
#include <gtest/gtest.h>

#include <kith/port/port.hpp>
#include <kith/sim/detail/congestion.hpp>
#include <kith/sim/testing.hpp>

namespace kith::sim {
namespace {

using Signal = Congestion::Signal;

constexpr Duration round_trip = 100ms;

TEST(Congestion, DoublesEachRoundTripUntilAPacketIsLost) {
  Congestion congestion;
  Instant now = world_begin;
  EXPECT_EQ(congestion.room(now, round_trip), 14'600U);
  for (std::size_t expected = 14'600; expected < 1'000'000; expected *= 2) {
    const std::size_t room = congestion.room(now, round_trip);
    EXPECT_EQ(room, expected);
    congestion.sent(room, now);
    EXPECT_EQ(congestion.room(now, round_trip), 0U);
    now += round_trip;
    congestion.acknowledged(room, Signal::none, now, round_trip);
  }
  const std::size_t before = congestion.window();
  congestion.sent(before, now);
  congestion.acknowledged(before / 2, Signal::slow_down, now, round_trip);
  EXPECT_EQ(congestion.window(), before / 2);
  // One cut a round trip.
  congestion.acknowledged(before / 2, Signal::slow_down, now, round_trip);
  EXPECT_EQ(congestion.window(), before / 2);
  now += round_trip;
  congestion.sent(congestion.window(), now);
  congestion.acknowledged(congestion.flight(), Signal::none, now, round_trip);
  EXPECT_EQ(congestion.window(), before / 2 + packet_bytes);
  now += round_trip;
  congestion.sent(packet_bytes, now);
  congestion.acknowledged(packet_bytes, Signal::timed_out, now, round_trip);
  EXPECT_EQ(congestion.window(), packet_bytes);
}

TEST(Congestion, BeginsAnewAfterAPauseAndDoesNotGrowUnused) {
  Congestion congestion;
  Instant now = world_begin;
  for (int i = 0; i < 3; ++i) {
    congestion.sent(congestion.room(now, round_trip), now);
    now += round_trip;
    congestion.acknowledged(congestion.flight(), Signal::none, now, round_trip);
  }
  const std::size_t grown = congestion.window();
  EXPECT_EQ(grown, 8U * 14'600);
  congestion.sent(1000, now);
  congestion.acknowledged(1000, Signal::none, now, round_trip);
  EXPECT_EQ(congestion.window(), grown);
  now += Congestion::timeout(round_trip) + 1ms;
  EXPECT_EQ(congestion.room(now, round_trip), 14'600U);
}

constexpr LinkOptions fast_link{.latency = 10ms,
                                .jitter = Duration(0),
                                .bytes_per_second = 1'000'000'000,
                                .window_bytes = 8'000'000};

Task<void> send_bytes(port::TcpStream& stream, std::size_t bytes) {
  Bytes data(bytes);
  co_return co_await stream.write(data, never);
}

Task<void> receive_bytes(port::TcpStream& stream, std::size_t bytes) {
  while (bytes > 0) {
    KITH_CO_TRY(Buffer part, co_await stream.read_buffer(bytes, never));
    if (part.empty()) co_return std::unexpected(Errc::end_of_stream);
    bytes -= part.size();
  }
  co_return Result<void>{};
}

/// How long it takes to send `bytes` from each of `pairs` at once.
Task<Duration> transfer(World& world, std::vector<std::pair<Node*, Node*>> pairs,
                        std::size_t bytes) {
  std::vector<std::unique_ptr<port::TcpStream>> streams;
  port::TaskGroup tasks(world.executor(), world.clock());
  const Instant begun = world.now();
  for (auto [from, to] : pairs) {
    auto [near, far] = world.connect(*from, *to);
    tasks.spawn(send_bytes(*near, bytes));
    tasks.spawn(receive_bytes(*far, bytes));
    streams.push_back(std::move(near));
    streams.push_back(std::move(far));
  }
  co_await tasks.join_shielded();
  co_return world.now() - begun;
}

double megabytes_per_second(std::size_t bytes, Duration took) {
  return static_cast<double>(bytes) / 1e6 / std::chrono::duration<double>(took).count();
}

TEST(Line, IsSharedByAllThatItsNodeSends) {
  run_test(1, [](World& world) -> Task<void> {
    world.net().set_links(fast_link);
    Node& near = world.add_node();
    Node& one = world.add_node();
    Node& two = world.add_node();
    world.net().set_line(near.id(), {.up_bytes_per_second = 2'000'000});
    KITH_CO_TRY(Duration took, co_await transfer(world, {{&near, &one}, {&near, &two}}, 4'000'000));
    EXPECT_NEAR(megabytes_per_second(8'000'000, took), 2, 0.1);
    // The other way it is as wide as the links.
    KITH_CO_TRY(took, co_await transfer(world, {{&one, &near}}, 4'000'000));
    EXPECT_GT(megabytes_per_second(4'000'000, took), 50);
    co_return Result<void>{};
  });
}

TEST(Line, IsSharedByAllThatItsNodeReceives) {
  run_test(1, [](World& world) -> Task<void> {
    world.net().set_links(fast_link);
    Node& near = world.add_node();
    Node& one = world.add_node();
    Node& two = world.add_node();
    world.net().set_line(near.id(), {.down_bytes_per_second = 2'000'000});
    KITH_CO_TRY(Duration took, co_await transfer(world, {{&one, &near}, {&two, &near}}, 4'000'000));
    EXPECT_NEAR(megabytes_per_second(8'000'000, took), 2, 0.1);
    co_return Result<void>{};
  });
}

TEST(Line, IsFilledByStreamsWithCongestionWindows) {
  run_seeds(1, 10, [](World& world) -> Task<void> {
    LinkOptions link = fast_link;
    link.congestion = true;
    world.net().set_links(link);
    Node& near = world.add_node();
    world.net().set_line(near.id(), {.up_bytes_per_second = 2'500'000});
    std::vector<std::pair<Node*, Node*>> pairs;
    for (int i = 0; i < 4; ++i)
      pairs.emplace_back(&near, &world.add_node());
    KITH_CO_TRY(Duration took, co_await transfer(world, pairs, 2'500'000));
    EXPECT_GT(megabytes_per_second(10'000'000, took), 2.2);
    EXPECT_LT(megabytes_per_second(10'000'000, took), 2.51);
    co_return Result<void>{};
  });
}

/// What a small message takes from `near` while four streams fill its line.
Task<Duration> small_message_behind_bulk(World& world, bool congestion) {
  LinkOptions link = fast_link;
  link.congestion = congestion;
  world.net().set_links(link);
  Node& near = world.add_node();
  world.net().set_line(near.id(), {.up_bytes_per_second = 2'500'000});
  port::TaskGroup tasks(world.executor(), world.clock());
  std::vector<std::unique_ptr<port::TcpStream>> streams;
  for (int i = 0; i < 4; ++i) {
    auto [from, to] = world.connect(near, world.add_node());
    tasks.spawn(send_bytes(*from, 20'000'000));
    tasks.spawn(receive_bytes(*to, 20'000'000));
    streams.push_back(std::move(from));
    streams.push_back(std::move(to));
  }
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10s));
  auto [from, to] = world.connect(near, world.add_node());
  const Instant begun = world.now();
  KITH_CO_CHECK(co_await send_bytes(*from, 100));
  KITH_CO_CHECK(co_await receive_bytes(*to, 100));
  const Duration took = world.now() - begun;
  tasks.cancel();
  co_await tasks.join_shielded();
  co_return took;
}

TEST(Line, HasAShortQueueIfStreamsMindIt) {
  run_test(1, [](World& world) -> Task<void> {
    KITH_CO_TRY(Duration patient, co_await small_message_behind_bulk(world, true));
    EXPECT_LT(patient, 400ms);
    KITH_CO_TRY(Duration greedy, co_await small_message_behind_bulk(world, false));
    EXPECT_GT(greedy, 5s);
    co_return Result<void>{};
  });
}

Task<Duration> transfer_with_loss(World& world, double loss) {
  LinkOptions link = fast_link;
  link.congestion = true;
  link.tcp_loss = loss;
  world.net().set_links(link);
  std::vector<std::pair<Node*, Node*>> pairs{{&world.add_node(), &world.add_node()}};
  co_return co_await transfer(world, std::move(pairs), 10'000'000);
}

TEST(Tcp, GetsSlowerTheMorePacketsAreLost) {
  run_seeds(1, 5, [](World& world) -> Task<void> {
    KITH_CO_TRY(Duration none, co_await transfer_with_loss(world, 0));
    KITH_CO_TRY(Duration few, co_await transfer_with_loss(world, 0.002));
    KITH_CO_TRY(Duration many, co_await transfer_with_loss(world, 0.02));
    // Nine doublings of 20 ms from 14,600 bytes, and the last window.
    EXPECT_LT(none, 300ms);
    EXPECT_GT(few, 4 * none);
    EXPECT_GT(many, 3 * few / 2);
    // Mathis and others: about packet / round trip x sqrt(3/2 / loss), which is 0.6 MB/s.
    EXPECT_GT(megabytes_per_second(10'000'000, many), 0.15);
    EXPECT_LT(megabytes_per_second(10'000'000, many), 1.5);
    co_return Result<void>{};
  });
}

TEST(Tcp, WaitsATimeoutForALonelyPacketThatIsLost) {
  run_test(1, [](World& world) -> Task<void> {
    LinkOptions link = fast_link;
    link.congestion = true;
    link.tcp_loss = 1;
    Node& near = world.add_node();
    Node& far = world.add_node();
    world.net().set_links(link);
    KITH_CO_TRY(Duration took, co_await transfer(world, {{&near, &far}}, 100));
    EXPECT_GE(took, 210ms);
    EXPECT_LT(took, 211ms);
    co_return Result<void>{};
  });
}

TEST(Tcp, ResetsEveryConnectionBetweenTwoNodes) {
  run_test(1, [](World& world) -> Task<void> {
    Node& one = world.add_node();
    Node& two = world.add_node();
    Node& three = world.add_node();
    auto [near, far] = world.connect(one, two);
    auto [back, forth] = world.connect(two, one);
    auto [other, its] = world.connect(one, three);
    world.net().reset(one.id(), two.id());
    for (port::TcpStream* stream : {near.get(), far.get(), back.get(), forth.get()}) {
      auto read = co_await stream->read_buffer(1, never);
      EXPECT_TRUE(!read && read.error().is(Errc::reset));
    }
    KITH_CO_CHECK(co_await send_bytes(*other, 10));
    KITH_CO_CHECK(co_await receive_bytes(*its, 10));
    co_return Result<void>{};
  });
}

TEST(Tcp, RepeatsItselfWithLinesAndLoss) {
  expect_repeatable(7, [](World& world) -> Task<void> {
    KITH_CO_TRY(Duration took, co_await transfer_with_loss(world, 0.01));
    EXPECT_GT(took, Duration(0));
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::sim
