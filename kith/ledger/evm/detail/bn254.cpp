#include <kith/ledger/evm/detail/bn254.hpp>
#include <kith/ledger/evm/detail/bn254_curve.hpp>
#include <kith/ledger/evm/detail/padded.hpp>

namespace kith::ledger::detail {
namespace {

using namespace bn254;

constexpr std::size_t pair_bytes = g1_bytes + g2_bytes;

}  // namespace

std::int64_t bn254_add_gas(ByteView /*input*/, Revision revision) {
  return revision >= Revision::istanbul ? 150 : 500;
}

std::int64_t bn254_multiply_gas(ByteView /*input*/, Revision revision) {
  return revision >= Revision::istanbul ? 6'000 : 40'000;
}

std::int64_t bn254_pairing_gas(ByteView input, Revision revision) {
  const auto pairs = static_cast<std::int64_t>(input.size() / pair_bytes);
  return revision >= Revision::istanbul ? 45'000 + 34'000 * pairs : 100'000 + 80'000 * pairs;
}

std::optional<Bytes> bn254_add(ByteView input, Revision /*revision*/) {
  const auto whole = padded<2 * g1_bytes>(input);
  const auto a = decode_g1(ByteView(whole).first(g1_bytes));
  const auto b = decode_g1(ByteView(whole).last(g1_bytes));
  if (!a || !b) return std::nullopt;
  return to_bytes(encode_g1(add(*a, *b)));
}

std::optional<Bytes> bn254_multiply(ByteView input, Revision /*revision*/) {
  const auto whole = padded<g1_bytes + U256::bytes>(input);
  const auto point = decode_g1(ByteView(whole).first(g1_bytes));
  if (!point) return std::nullopt;
  return to_bytes(encode_g1(multiply(*point, U256::from_be(whole.data() + g1_bytes))));
}

std::optional<Bytes> bn254_pairing(ByteView input, Revision /*revision*/) {
  if (input.size() % pair_bytes != 0) return std::nullopt;
  std::vector<Pair> pairs;
  pairs.reserve(input.size() / pair_bytes);
  for (; !input.empty(); input = input.subspan(pair_bytes)) {
    const auto first = decode_g1(input.first(g1_bytes));
    const auto second = decode_g2(input.subspan(g1_bytes, g2_bytes));
    if (!first || !second) return std::nullopt;
    pairs.push_back({*first, *second});
  }
  const auto cancel = pairings_cancel(pairs);
  if (!cancel) return std::nullopt;
  Bytes output(U256::bytes);
  output.back() = *cancel ? 1 : 0;
  return output;
}

}  // namespace kith::ledger::detail
