// A number as a sum of digits times powers of two, most of them zero: what a power or a multiple
// with few multiplications is made of. Thread: any.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger::bn254 {

template <std::size_t bits>
struct SignedDigits {
  /// The lowest first; each zero or odd and below 2^(width - 1) in size.
  std::array<std::int8_t, bits + 1> at{};
  std::size_t size = 0;  ///< 0 for zero; else the digit below it isn't zero
};

/// The form in which among `width` digits in a row at most one isn't zero. `number` has at most
/// `bits` bits; `width` is 2 to 8.
template <std::size_t bits>
constexpr SignedDigits<bits> signed_digits(U256 number, unsigned width) noexcept {
  SignedDigits<bits> digits;
  const std::uint64_t base = 1ULL << width;
  for (std::size_t i = 0; !number.is_zero(); ++i) {
    if (number.bit(0)) {
      const std::uint64_t low = number.low() & (base - 1);
      if (low < base / 2) {
        digits.at[i] = static_cast<std::int8_t>(low);
        number = number - U256(low);
      } else {
        digits.at[i] = static_cast<std::int8_t>(static_cast<std::int64_t>(low) -
                                                static_cast<std::int64_t>(base));
        number = number + U256(base - low);
      }
      digits.size = i + 1;
    }
    number = number >> 1;
  }
  return digits;
}

}  // namespace kith::ledger::bn254
