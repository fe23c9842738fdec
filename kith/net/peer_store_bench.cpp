// How long the loop stands still while peers are written down: a whole store at once, and its
// longest parts when it is done in steps.
#include <array>
#include <optional>

#include <benchmark/benchmark.h>

#include <kith/net/peer_store.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

constexpr WallTime now{1'700'000'000s};
constexpr std::uint16_t addresses_per_peer = 8;

PeerStore make_full() {
  PeerStore store;
  for (std::uint32_t i = 0; i < peers_max; ++i) {
    Bytes key(36, 0x6b);
    store_be(key.data() + 32, i);
    std::array<std::uint8_t, 4> ip{};
    store_be(ip.data(), i + 0x0b000000);
    std::vector<Multiaddr> addresses;
    for (std::uint16_t port = 1; port <= addresses_per_peer; ++port)
      addresses.push_back(Multiaddr::of_ip(ip, multiformats::Protocol::tcp, port));
    auto source = i % 4 == 0 ? AddressSource::connected : AddressSource::identify;
    store.add_addresses(PeerId::from_public_key(key), addresses, source,
                        now - std::chrono::seconds(i * 7919 % peers_max));
  }
  return store;
}

const PeerStore& store() {
  static const PeerStore full = make_full();
  return full;
}

void whole_store(benchmark::State& state) {
  std::size_t bytes = 0;
  for (auto _ : state) {
    Bytes encoded = store().encode(now);
    bytes = encoded.size();
    benchmark::DoNotOptimize(encoded.data());
  }
  state.counters["bytes"] = static_cast<double>(bytes);
  state.counters["in_memory"] = static_cast<double>(store().bytes());
}
BENCHMARK(whole_store)->Unit(benchmark::kMillisecond);

void choosing_the_order(benchmark::State& state) {
  for (auto _ : state) {
    PeerStore::Encoder encoder(store(), now);
    benchmark::DoNotOptimize(encoder.encoded().data());
  }
}
BENCHMARK(choosing_the_order)->Unit(benchmark::kMillisecond);

void one_step(benchmark::State& state) {
  constexpr std::size_t peers = 128;
  std::optional<PeerStore::Encoder> encoder;
  encoder.emplace(store(), now);
  for (auto _ : state) {
    if (encoder->step(peers)) continue;
    state.PauseTiming();
    encoder.emplace(store(), now);
    state.ResumeTiming();
  }
}
BENCHMARK(one_step)->Unit(benchmark::kMillisecond);

void reading_it_back(benchmark::State& state) {
  Bytes encoded = store().encode(now);
  for (auto _ : state) {
    PeerStore again;
    benchmark::DoNotOptimize(again.decode(encoded, now).peers);
  }
}
BENCHMARK(reading_it_back)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kith::net
