#include <algorithm>

#include <kith/ledger/consensus/pow/compact_target.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint32_t sign_bit = 0x00800000;
constexpr std::uint32_t mantissa_mask = 0x007fffff;
constexpr unsigned mantissa_bytes = 3;

}  // namespace

CompactTarget CompactTarget::at_most(const U256& target) noexcept {
  unsigned exponent = target.byte_width();
  U256 mantissa = exponent <= mantissa_bytes ? target << (8 * (mantissa_bytes - exponent))
                                             : target >> (8 * (exponent - mantissa_bytes));
  if ((mantissa.low() & sign_bit) != 0) {
    mantissa = mantissa >> 8;
    ++exponent;
  }
  return {static_cast<std::uint32_t>(mantissa.low()) | exponent << 24};
}

std::optional<U256> CompactTarget::target() const noexcept {
  const unsigned exponent = bits >> 24;
  const U256 mantissa = bits & mantissa_mask;
  if ((bits & sign_bit) != 0) return std::nullopt;
  U256 target;
  if (exponent <= mantissa_bytes) {
    target = mantissa >> (8 * (mantissa_bytes - exponent));
  } else {
    if (mantissa.bit_width() + 8 * (exponent - mantissa_bytes) > U256::bits) return std::nullopt;
    target = mantissa << (8 * (exponent - mantissa_bytes));
  }
  if (target.is_zero()) return std::nullopt;
  return target;
}

U256 difficulty_of_target(const U256& target) noexcept {
  if (target.is_zero()) return U256::max();
  if (target == U256::max()) return 1;
  // 2^256 itself isn't a number here: 2^256 / d is (2^256 - d) / d + 1.
  const U256 divisor = target + 1;
  return -divisor / divisor + 1;
}

U256 target_of_difficulty(const U256& difficulty) noexcept {
  const U256 divisor = std::max(difficulty, U256(1));
  return -divisor / divisor;
}

}  // namespace kith::ledger
