// What a call of BitswapServer::next_reply() costs by the number of peers that wait.
#include <deque>

#include <benchmark/benchmark.h>

#include <kith/exchange/bitswap_server.hpp>
#include <kith/exchange/test_network.hpp>

namespace kith::exchange {
namespace {

using multiformats::Codec;

constexpr std::uint64_t large_bytes = 1'000'000;
constexpr std::uint64_t small_bytes = 1000;

/// A block of the peer's own, so that nothing else depends on how many want it.
void want(BitswapServer& server, const PeerId& peer, std::uint64_t size, std::int32_t priority) {
  BitswapMessage message;
  const Cid cid = testing::cid_of(peer.bytes(), size == large_bytes ? Codec::raw : Codec::dag_pb);
  message.wants = {{cid, priority, WantType::block, false, true}};
  for (const Cid& wanted : server.receive(peer, message))
    server.found(peer, wanted, size);
}

std::vector<PeerId> peers(std::int64_t count) {
  std::vector<PeerId> all;
  for (std::int64_t i = 0; i < count; ++i)
    all.push_back(testing::peer_id(static_cast<std::uint32_t>(i)));
  return all;
}

/// Everybody waits for a block, and nothing is sent.
void window_is_full(benchmark::State& state) {
  BitswapServer server(1);
  for (const PeerId& peer : peers(state.range(0)))
    want(server, peer, large_bytes, 1);
  while (server.next_reply(Instant{})) {
  }
  for (auto _ : state)
    benchmark::DoNotOptimize(server.next_reply(Instant{}));
}
BENCHMARK(window_is_full)->RangeMultiplier(10)->Range(10, 10'000);

/// Everybody has a block that he doesn't take, and wants another that finds no room.
void room_is_short(benchmark::State& state) {
  ServerOptions options;
  const auto count = static_cast<std::uint64_t>(state.range(0));
  options.unsent_bytes_max = count * small_bytes + large_bytes / 2;
  BitswapServer server(1, options);
  for (const PeerId& peer : peers(state.range(0))) {
    want(server, peer, small_bytes, 2);
    want(server, peer, large_bytes, 1);
  }
  Instant now{};
  while (server.unsent_bytes() < count * small_bytes) {
    while (server.next_reply(now)) {
    }
    now += slow_after;
  }
  for (auto _ : state)
    benchmark::DoNotOptimize(server.next_reply(now));
  if (!server.short_of_room()) state.SkipWithError("there is room");
}
BENCHMARK(room_is_short)->RangeMultiplier(10)->Range(10, 10'000);

/// A block has been sent: its peer wants another, and the next in turn is served.
void one_sent_and_one_served(benchmark::State& state) {
  BitswapServer server(1);
  for (const PeerId& peer : peers(state.range(0)))
    want(server, peer, large_bytes, 1);
  std::deque<Reply> under_way;
  Instant now{};
  for (auto _ : state) {
    while (auto reply = server.next_reply(now))
      under_way.push_back(*std::move(reply));
    now += 1ms;
    const Reply sent = std::move(under_way.front());
    under_way.pop_front();
    server.sent(sent.peer, sent.bytes, now);
    want(server, sent.peer, large_bytes, 1);
  }
}
BENCHMARK(one_sent_and_one_served)->RangeMultiplier(10)->Range(10, 10'000);

}  // namespace
}  // namespace kith::exchange
