// The precompiled contracts whose price is for work: time, and gas a second.
#include <benchmark/benchmark.h>

#include <kith/base/assert.hpp>
#include <kith/ledger/evm/precompile.hpp>

namespace kith::ledger {
namespace {

void run(benchmark::State& state, std::uint64_t number, const Bytes& input) {
  const Precompile* contract = precompile_at(Address::of_number(number), newest_revision);
  ASSERT(contract != nullptr);
  const auto output = contract->run(input, newest_revision);
  ASSERT(output && !output->empty());
  for (auto _ : state)
    benchmark::DoNotOptimize(contract->run(input, newest_revision));
  const auto gas = static_cast<double>(contract->gas(input, newest_revision));
  state.counters["gas"] = benchmark::Counter(gas * static_cast<double>(state.iterations()),
                                             benchmark::Counter::kIsRate);
}

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes whole;
  for (const Bytes& part : parts)
    append(whole, part);
  return whole;
}

Bytes word(const U256& number) {
  return to_bytes(number.to_be());
}

/// 32 bytes that look like none in particular.
Bytes some_word(std::uint64_t label) {
  return to_bytes(keccak256(word(label)).view());
}

Bytes some_words(std::uint64_t label, std::size_t count) {
  Bytes words;
  for (std::size_t i = 0; i < count; ++i)
    append(words, some_word(label + i));
  return words;
}

Bytes g1_multiple(const Bytes& scalar) {
  const Bytes input = joined({word(1), word(2), scalar});
  return precompile_at(Address::of_number(7), newest_revision)->run(input, newest_revision).value();
}

const Bytes& g2_generator() {
  static const Bytes point =
      hex("198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
          "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
          "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
          "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa");
  return point;
}

void ecrecover(benchmark::State& state) {
  run(state, 0x01,
      hex("18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c"
          "000000000000000000000000000000000000000000000000000000000000001c"
          "73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f"
          "eeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549"));
}
BENCHMARK(ecrecover);

void modexp(benchmark::State& state, std::size_t operand_words, const Bytes& exponent) {
  const std::size_t bytes = 32 * operand_words;
  Bytes modulus = some_words(1'000, operand_words);
  modulus.front() |= 0x80;
  modulus.back() |= 1;
  run(state, 0x05,
      joined({word(bytes), word(exponent.size()), word(bytes), some_words(1, operand_words),
              exponent, modulus}));
}
BENCHMARK_CAPTURE(modexp, 32_bytes_each, 1, some_word(7));
BENCHMARK_CAPTURE(modexp, 256_bytes_squared, 8, Bytes(1, 2));
BENCHMARK_CAPTURE(modexp, 256_bytes_to_65537, 8, hex("010001"));
BENCHMARK_CAPTURE(modexp, 256_bytes_each, 8, some_words(100, 8));

void bn254_add(benchmark::State& state) {
  run(state, 0x06, joined({g1_multiple(some_word(1)), g1_multiple(some_word(2))}));
}
BENCHMARK(bn254_add);

void bn254_mul(benchmark::State& state) {
  run(state, 0x07, joined({g1_multiple(some_word(1)), some_word(2)}));
}
BENCHMARK(bn254_mul);

void bn254_pairing(benchmark::State& state) {
  Bytes input;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(state.range(0)); ++i)
    append(input, joined({g1_multiple(some_word(i)), g2_generator()}));
  run(state, 0x08, input);
}
BENCHMARK(bn254_pairing)->Arg(1)->Arg(2)->Arg(4);

void blake2f(benchmark::State& state) {
  const auto rounds = static_cast<std::uint8_t>(state.range(0));
  run(state, 0x09, joined({{0, 0, 0, rounds}, some_words(1, 6), Bytes(16), {1}}));
}
BENCHMARK(blake2f)->Arg(1)->Arg(12)->Arg(120);

void p256_verify(benchmark::State& state) {
  run(state, 0x100,
      hex("4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4d"
          "a73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac"
          "36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d60"
          "4aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff3"
          "7618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e"));
}
BENCHMARK(p256_verify);

}  // namespace
}  // namespace kith::ledger
