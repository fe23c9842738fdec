#include <algorithm>
#include <array>

#include <kith/ledger/consensus/pow/asert.hpp>

namespace kith::ledger {
namespace {

using Wide = __int128;

/// The exponent's fraction has 16 bits.
constexpr int radix_bits = 16;
/// Beyond 512 doublings or halvings, every target is at one of the ends.
constexpr Wide exponent_max = Wide{512} << radix_bits;

/// 2^(fraction / 2^16) * 2^16, for a fraction below 2^16.
std::uint64_t power_of_two_fraction(std::uint64_t fraction) noexcept {
  const std::uint64_t cubic = 195'766'423'245'049 * fraction + 971'821'376 * fraction * fraction +
                              5'127 * fraction * fraction * fraction + (1ULL << 47);
  return (1ULL << radix_bits) + (cubic >> 48);
}

/// target * factor * 2^shift, rounded down, or `most` if it is more.
U256 scaled(const U256& target, std::uint64_t factor, int shift, const U256& most) noexcept {
  std::uint64_t limbs[5] = {};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto sum = static_cast<unsigned __int128>(target.limb(i)) * factor + limbs[i];
    limbs[i] = static_cast<std::uint64_t>(sum);
    limbs[i + 1] = static_cast<std::uint64_t>(sum >> 64);
  }
  const U256 low(limbs[0], limbs[1], limbs[2], limbs[3]);
  const U256 high = limbs[4];
  const unsigned width = high.is_zero() ? low.bit_width() : U256::bits + high.bit_width();
  if (static_cast<int>(width) + shift > static_cast<int>(U256::bits)) return most;
  if (shift >= 0) return std::min(low << static_cast<unsigned>(shift), most);
  const auto right = static_cast<unsigned>(-shift);
  const U256 carried =
      right <= U256::bits ? high << (U256::bits - right) : high >> (right - U256::bits);
  return std::min((low >> right) | carried, most);
}

}  // namespace

CompactTarget next_asert_target(const AsertParameters& parameters, const AsertAnchor& anchor,
                                std::uint64_t parent_number, std::uint64_t parent_time_s) noexcept {
  const Wide blocks = Wide{parent_number} - anchor.number;
  const Wide behind_s = Wide{parent_time_s} - anchor.time_s - blocks * parameters.target_spacing_s;
  // Towards zero, as the specification's reference divides. 64 bits times 32 leave room in 128.
  const Wide in_half_lives = behind_s / Wide{parameters.half_life_s};
  const Wide exponent = in_half_lives > 512 || in_half_lives < -512
                            ? (behind_s < 0 ? -exponent_max : exponent_max)
                            : (behind_s << radix_bits) / Wide{parameters.half_life_s};
  const auto whole = static_cast<int>(exponent >> radix_bits);
  const auto fraction = static_cast<std::uint64_t>(exponent) & ((1U << radix_bits) - 1);
  const U256 next = scaled(anchor.target, power_of_two_fraction(fraction), whole - radix_bits,
                           parameters.easiest_target);
  return CompactTarget::at_most(std::max(next, U256(1)));
}

}  // namespace kith::ledger
