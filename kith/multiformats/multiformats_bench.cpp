#include <benchmark/benchmark.h>

#include <kith/multiformats/multiformats.hpp>

namespace kith::multiformats {
namespace {

constexpr const char* v0_text = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n";
constexpr const char* v1_text = "bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
constexpr const char* address_text =
    "/ip4/127.0.0.1/udp/4001/quic-v1/p2p/12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV";

void cid_parse(benchmark::State& state, const char* text) {
  for (auto _ : state)
    benchmark::DoNotOptimize(Cid::parse(text));
}
BENCHMARK_CAPTURE(cid_parse, v0, v0_text);
BENCHMARK_CAPTURE(cid_parse, v1, v1_text);

void cid_to_string(benchmark::State& state, const char* text) {
  Cid cid = Cid::parse(text).value();
  for (auto _ : state)
    benchmark::DoNotOptimize(cid.to_string());
}
BENCHMARK_CAPTURE(cid_to_string, v0, v0_text);
BENCHMARK_CAPTURE(cid_to_string, v1, v1_text);

void cid_from_bytes(benchmark::State& state) {
  Bytes bytes = to_bytes(Cid::parse(v1_text).value().bytes());
  for (auto _ : state)
    benchmark::DoNotOptimize(Cid::from_bytes(bytes));
}
BENCHMARK(cid_from_bytes);

void cid_copy(benchmark::State& state) {
  Cid cid = Cid::parse(v1_text).value();
  for (auto _ : state) {
    Cid copy = cid;
    benchmark::DoNotOptimize(copy);
  }
}
BENCHMARK(cid_copy);

void cid_hash(benchmark::State& state) {
  Cid cid = Cid::parse(v1_text).value();
  for (auto _ : state)
    benchmark::DoNotOptimize(std::hash<Cid>{}(cid));
}
BENCHMARK(cid_hash);

void multiaddr_parse(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(Multiaddr::parse(address_text));
}
BENCHMARK(multiaddr_parse);

void multiaddr_from_bytes(benchmark::State& state) {
  Bytes bytes = to_bytes(Multiaddr::parse(address_text).value().bytes());
  for (auto _ : state)
    benchmark::DoNotOptimize(Multiaddr::from_bytes(bytes));
}
BENCHMARK(multiaddr_from_bytes);

void multiaddr_to_string(benchmark::State& state) {
  Multiaddr address = Multiaddr::parse(address_text).value();
  for (auto _ : state)
    benchmark::DoNotOptimize(address.to_string());
}
BENCHMARK(multiaddr_to_string);

// What the limit of the quadratic bases allows a stranger to cost us.
void base58_of_the_longest_text(benchmark::State& state) {
  std::string text = base_encode(Base::base58btc, Bytes(positional_bytes_max, 0xff)).value();
  for (auto _ : state)
    benchmark::DoNotOptimize(base_decode(Base::base58btc, text));
}
BENCHMARK(base58_of_the_longest_text);

}  // namespace
}  // namespace kith::multiformats
