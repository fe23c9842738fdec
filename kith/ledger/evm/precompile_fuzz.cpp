// Strategy: the first byte chooses a precompiled contract, the second a revision, the rest is the
// call's input. Invariants: gas is never negative; a call that isn't dear ends, with the same
// output each time; of input that goes on with zeros, the zeros may be left out; a signer's
// address, a sum of points and the like have their fixed length.
#include <array>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/evm/precompile.hpp>

namespace kith::fuzz {
namespace {

using namespace ledger;

struct Contract {
  std::uint64_t address;
  std::string_view name;
  /// 0 where it isn't fixed.
  std::size_t output_bytes;
  /// Whether short input is as if it went on with zeros.
  bool is_padded;
};

constexpr std::array contracts{Contract{0x01, "signer recovered", 32, true},
                               Contract{0x02, "SHA-256", 32, false},
                               Contract{0x03, "RIPEMD-160", 32, false},
                               Contract{0x04, "identity", 0, false},
                               Contract{0x05, "power", 0, true},
                               Contract{0x06, "points added", 64, true},
                               Contract{0x07, "point multiplied", 64, true},
                               Contract{0x09, "BLAKE2", 64, false},
                               Contract{0x100, "signature verified", 32, false},
                               Contract{0x08, "pairings", 32, false}};

constexpr std::int64_t gas_max = 300'000;

}  // namespace

Kinds kinds_precompile = [] {
  std::array<std::string_view, contracts.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i)
    names[i] = contracts[i].name;
  return Kinds(names, {});
}();

void fuzz_precompile(ByteView input) {
  if (input.size() < 2) return;
  const Contract& chosen = contracts[input[0] % contracts.size()];
  const auto revision =
      static_cast<Revision>(input[1] % (static_cast<unsigned>(newest_revision) + 1));
  const Precompile* contract = precompile_at(Address::of_number(chosen.address), revision);
  if (contract == nullptr) return;
  input = input.subspan(2);
  const std::int64_t gas = contract->gas(input, revision);
  ASSERT(gas >= 0);
  if (gas > gas_max) return;
  const auto output = contract->run(input, revision);
  ASSERT(output == contract->run(input, revision));
  if (chosen.is_padded) {
    ByteView cut = input;
    while (!cut.empty() && cut.back() == 0)
      cut = cut.first(cut.size() - 1);
    ASSERT(output == contract->run(cut, revision));
  }
  if (!output || output->empty()) return;
  ASSERT(chosen.output_bytes == 0 || output->size() == chosen.output_bytes);
  kinds_precompile.reached(chosen.name);
}

}  // namespace kith::fuzz
