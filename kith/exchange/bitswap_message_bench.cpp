#include <benchmark/benchmark.h>

#include <kith/crypto/hash.hpp>
#include <kith/exchange/bitswap_message.hpp>

namespace kith::exchange {
namespace {

using multiformats::Codec;
using multiformats::Multihash;

Buffer joined(const std::vector<Buffer>& pieces) {
  Bytes all;
  for (std::size_t i = 1; i < pieces.size(); ++i)
    append(all, pieces[i]);
  return Buffer::adopt(std::move(all));
}

BitswapMessage wantlist(std::size_t count) {
  BitswapMessage message;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint8_t bytes[8];
    store_be(bytes, static_cast<std::uint64_t>(i));
    const Cid cid = Cid::v1(Codec::raw, Multihash::wrap(Codec::sha2_256, crypto::sha256(bytes)));
    message.wants.push_back({cid, 1'000'000, WantType::block, false, true});
  }
  return message;
}

void decode_wantlist(benchmark::State& state) {
  const Buffer wire = joined(encode_message(wantlist(1024), BitswapVersion::v1_2_0));
  for (auto _ : state)
    benchmark::DoNotOptimize(decode_message(wire));
  state.SetItemsProcessed(state.iterations() * 1024);
}
BENCHMARK(decode_wantlist);

void encode_wantlist(benchmark::State& state) {
  const BitswapMessage message = wantlist(1024);
  for (auto _ : state)
    benchmark::DoNotOptimize(encode_message(message, BitswapVersion::v1_2_0));
  state.SetItemsProcessed(state.iterations() * 1024);
}
BENCHMARK(encode_wantlist);

void decode_block(benchmark::State& state) {
  BitswapMessage message;
  message.blocks.push_back({multiformats::CidPrefix{}, Buffer::allocate(1 << 20)});
  const Buffer wire = joined(encode_message(message, BitswapVersion::v1_2_0));
  for (auto _ : state)
    benchmark::DoNotOptimize(decode_message(wire));
  state.SetBytesProcessed(state.iterations() * (1 << 20));
}
BENCHMARK(decode_block);

}  // namespace
}  // namespace kith::exchange
