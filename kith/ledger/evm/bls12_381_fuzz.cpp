// Strategy: the first byte chooses a contract over BLS12-381, the rest is the call's input.
// Invariants: gas is never negative; what is computed twice is the same; sums and images of maps
// are points that the contracts take, the sum of two is that of the two swapped, and a sum of
// products or an image is in the group; a check's answer is zero or one.
#include <array>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/evm/precompile.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::fuzz {
namespace {

using namespace ledger;

enum Form : std::uint8_t { sum, product_sum, check, image, evaluation };

struct Contract {
  std::uint16_t address;
  Form form;
  std::string_view name;
  std::size_t output_bytes;
  /// Where its output is a point, those that take such points.
  std::uint16_t adds;
  std::uint16_t multiplies;
};

constexpr std::array contracts{
    Contract{0x0b, sum, "points of G1 added", 128, 0x0b, 0x0c},
    Contract{0x0c, product_sum, "points of G1 multiplied", 128, 0x0b, 0x0c},
    Contract{0x0d, sum, "points of G2 added", 256, 0x0d, 0x0e},
    Contract{0x0e, product_sum, "points of G2 multiplied", 256, 0x0d, 0x0e},
    Contract{0x0f, check, "pairings", 32, 0, 0},
    Contract{0x10, image, "number mapped to G1", 128, 0x0b, 0x0c},
    Contract{0x11, image, "number mapped to G2", 256, 0x0d, 0x0e},
    Contract{0x0a, evaluation, "point evaluated", 64, 0, 0}};

constexpr std::int64_t gas_max = 200'000;

const Precompile& contract_at(std::uint16_t number) {
  Address address;
  store_be(address.bytes.data() + Address::size - 2, number);
  return *precompile_at(address, newest_revision);
}

std::optional<Bytes> run(std::uint16_t number, ByteView input) {
  return contract_at(number).run(input, newest_revision);
}

Bytes joined(ByteView first, ByteView second) {
  Bytes whole = to_bytes(first);
  append(whole, second);
  return whole;
}

void check_point(const Contract& chosen, ByteView input, const Bytes& point) {
  const Bytes infinity(point.size());
  ASSERT(run(chosen.adds, joined(point, infinity)) == point);
  if (chosen.form == sum) {
    const std::size_t half = input.size() / 2;
    ASSERT(run(chosen.address, joined(input.subspan(half), input.first(half))) == point);
  } else {
    ASSERT(run(chosen.multiplies, joined(point, U256(1).to_be())) == point);
  }
}

}  // namespace

Kinds kinds_bls12_381 = [] {
  std::array<std::string_view, contracts.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i)
    names[i] = contracts[i].name;
  return Kinds(names, {});
}();

void fuzz_bls12_381(ByteView input) {
  if (input.empty()) return;
  const Contract& chosen = contracts[input[0] % contracts.size()];
  if (contract_at(chosen.address).run == nullptr) {
    // A build without blst has nothing that could break.
    kinds_bls12_381.reached(chosen.name);
    return;
  }
  input = input.subspan(1);
  const std::int64_t gas = contract_at(chosen.address).gas(input, newest_revision);
  ASSERT(gas >= 0);
  if (gas > gas_max) return;
  const auto output = run(chosen.address, input);
  ASSERT(output == run(chosen.address, input));
  if (!output) return;
  ASSERT(output->size() == chosen.output_bytes);
  if (chosen.adds != 0) check_point(chosen, input, *output);
  if (chosen.form == check) ASSERT(U256::from_be(ByteView(*output)) <= U256(1));
  kinds_bls12_381.reached(chosen.name);
}

}  // namespace kith::fuzz
