#include <benchmark/benchmark.h>

#include <kith/crypto/hash.hpp>
#include <kith/ledger/evm/precompile.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {
namespace {

const Precompile& contract_at(std::uint16_t number) {
  Address address;
  store_be(address.bytes.data() + Address::size - 2, number);
  return *precompile_at(address, newest_revision);
}

Bytes run(std::uint16_t number, const Bytes& input) {
  return contract_at(number).run(input, newest_revision).value();
}

/// 64 bytes, different for each index.
Bytes number(std::uint64_t index) {
  Bytes encoded(20);
  append(encoded, crypto::sha512(as_bytes(std::to_string(index))));
  encoded.resize(64);
  return encoded;
}

Bytes g1_point(std::uint64_t index) {
  return run(0x10, number(index));
}
Bytes g2_point(std::uint64_t index) {
  Bytes input = number(index);
  append(input, number(index + 1'000'000));
  return run(0x11, input);
}

/// With a figure that tells what gas is worth: Mgas/s.
void measure(benchmark::State& state, std::uint16_t address, const Bytes& input) {
  const Precompile& contract = contract_at(address);
  for (auto _ : state)
    benchmark::DoNotOptimize(run(address, input));
  state.counters["Mgas/s"] =
      benchmark::Counter(static_cast<double>(contract.gas(input, newest_revision)) / 1e6,
                         benchmark::Counter::kIsIterationInvariantRate);
}

bool is_missing(benchmark::State& state) {
  if (contract_at(0x0b).run != nullptr) return false;
  state.SkipWithError("built with KITH_KZG=OFF");
  return true;
}

void bls12_add(benchmark::State& state) {
  if (is_missing(state)) return;
  Bytes input = g1_point(1);
  append(input, g1_point(2));
  measure(state, 0x0b, input);
}
BENCHMARK(bls12_add);

void bls12_g1_msm(benchmark::State& state) {
  if (is_missing(state)) return;
  Bytes input;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(state.range(0)); ++i) {
    append(input, g1_point(i));
    append(input, crypto::sha256(as_bytes(std::to_string(i))));
  }
  measure(state, 0x0c, input);
}
BENCHMARK(bls12_g1_msm)->Arg(1)->Arg(2)->Arg(128)->Arg(1024);

void bls12_g2_msm(benchmark::State& state) {
  if (is_missing(state)) return;
  Bytes input;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(state.range(0)); ++i) {
    append(input, g2_point(i));
    append(input, crypto::sha256(as_bytes(std::to_string(i))));
  }
  measure(state, 0x0e, input);
}
BENCHMARK(bls12_g2_msm)->Arg(1)->Arg(2)->Arg(128);

void bls12_pairing(benchmark::State& state) {
  if (is_missing(state)) return;
  Bytes input;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(state.range(0)); ++i) {
    append(input, g1_point(i));
    append(input, g2_point(i));
  }
  measure(state, 0x0f, input);
}
BENCHMARK(bls12_pairing)->Arg(2)->Arg(8);

void bls12_map_to_g1(benchmark::State& state) {
  if (!is_missing(state)) measure(state, 0x10, number(1));
}
BENCHMARK(bls12_map_to_g1);

void bls12_map_to_g2(benchmark::State& state) {
  if (is_missing(state)) return;
  Bytes input = number(1);
  append(input, number(2));
  measure(state, 0x11, input);
}
BENCHMARK(bls12_map_to_g2);

/// That 1 has the value 1 somewhere: for the time it takes, one polynomial is like another.
void kzg_point_evaluation(benchmark::State& state) {
  if (is_missing(state)) return;
  const Bytes generator = from_hex(
                              "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58"
                              "6c55e83ff97a1aeffb3af00adb22c6bb")
                              .value();
  const Bytes tau = from_hex(
                        "ad3eb50121139aa34db1d545093ac9374ab7bca2c0f3bf28e27c8dcd8fc7cb42"
                        "d25926fc0c97b336e9f0fb35e5a04c81")
                        .value();
  const auto z = (U256::from_be(crypto::sha256(tau)) >> 2).to_be();
  Bytes input = to_bytes(crypto::sha256(tau));
  input[0] = 1;
  append(input, z);
  append(input, z);
  append(input, tau);
  append(input, generator);
  measure(state, 0x0a, input);
}
BENCHMARK(kzg_point_evaluation);

}  // namespace
}  // namespace kith::ledger
