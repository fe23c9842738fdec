// Numbers of 256 bits without sign, as the EVM and the ledger count in them (Yellow Paper, 4.3 and
// appendix H: all arithmetic is modulo 2^256).
//
// Four limbs of 64 bits, the lowest first, so that on a little-endian machine a number's bytes are
// those of its little-endian form. What the interpreter does a hundred million times a second is
// inline; division is in u256.cpp. Nothing here fails, throws or allocates, but for the texts.
// Functions whose names begin with `signed_` read their operands as two's complement. Thread: any.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <kith/base/bytes.hpp>

namespace kith::ledger {

class U256 {
 public:
  static constexpr std::size_t bytes = 32;
  static constexpr unsigned bits = 256;

  constexpr U256() noexcept = default;
  /// Implicit, so that a formula reads as one.
  constexpr U256(std::uint64_t low) noexcept : limbs_{low, 0, 0, 0} {}
  constexpr U256(std::uint64_t limb0, std::uint64_t limb1, std::uint64_t limb2,
                 std::uint64_t limb3) noexcept
      : limbs_{limb0, limb1, limb2, limb3} {}

  static constexpr U256 max() noexcept { return {~0ULL, ~0ULL, ~0ULL, ~0ULL}; }
  /// 2^exponent; 0 from 256 on.
  static constexpr U256 power_of_two(unsigned exponent) noexcept {
    U256 power;
    if (exponent < bits) power.limbs_[exponent / 64] = 1ULL << (exponent % 64);
    return power;
  }

  /// A limb from its eight bytes, the highest first.
  static std::uint64_t load_word(const std::uint8_t* at) noexcept {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
    return word;
  }

  /// The big-endian number in 32 bytes.
  static U256 from_be(const std::uint8_t* at) noexcept {
    return {load_word(at + 24), load_word(at + 16), load_word(at + 8), load_word(at)};
  }
  /// The big-endian number in up to 32 bytes: longer ones are cut to their last 32.
  static U256 from_be(ByteView number) noexcept;
  void store_be(std::uint8_t* at) const noexcept {
    for (std::size_t i = 0; i < 4; ++i)
      store_word(at + 8 * i, limbs_[3 - i]);
  }
  std::array<std::uint8_t, bytes> to_be() const noexcept {
    std::array<std::uint8_t, bytes> out;
    store_be(out.data());
    return out;
  }

  /// Decimal, or hexadecimal after "0x". Nothing if it isn't a number or needs more than 256 bits.
  static std::optional<U256> parse(std::string_view text);
  /// Hexadecimal after "0x" with no leading zeros, as JSON-RPC writes quantities.
  std::string to_hex() const;
  std::string to_decimal() const;

  constexpr std::uint64_t limb(std::size_t index) const noexcept { return limbs_[index]; }
  /// The number modulo 2^64.
  constexpr std::uint64_t low() const noexcept { return limbs_[0]; }
  constexpr bool fits_64() const noexcept { return (limbs_[1] | limbs_[2] | limbs_[3]) == 0; }
  /// The number, or the largest of 64 bits if it is larger.
  constexpr std::uint64_t saturated() const noexcept { return fits_64() ? limbs_[0] : ~0ULL; }
  constexpr bool is_zero() const noexcept {
    return (limbs_[0] | limbs_[1] | limbs_[2] | limbs_[3]) == 0;
  }
  /// As two's complement, below zero.
  constexpr bool is_negative() const noexcept { return (limbs_[3] >> 63) != 0; }
  constexpr bool bit(unsigned index) const noexcept {
    return index < bits && ((limbs_[index / 64] >> (index % 64)) & 1) != 0;
  }
  /// Bits up to the highest that is set: 0 for zero.
  constexpr unsigned bit_width() const noexcept {
    for (unsigned i = 4; i-- > 0;) {
      if (limbs_[i] != 0) return 64 * i + static_cast<unsigned>(std::bit_width(limbs_[i]));
    }
    return 0;
  }
  constexpr unsigned byte_width() const noexcept { return (bit_width() + 7) / 8; }

  friend constexpr bool operator==(const U256& a, const U256& b) noexcept {
    return ((a.limbs_[0] ^ b.limbs_[0]) | (a.limbs_[1] ^ b.limbs_[1]) |
            (a.limbs_[2] ^ b.limbs_[2]) | (a.limbs_[3] ^ b.limbs_[3])) == 0;
  }
  friend constexpr std::strong_ordering operator<=>(const U256& a, const U256& b) noexcept {
    for (std::size_t i = 4; i-- > 0;) {
      if (a.limbs_[i] != b.limbs_[i]) return a.limbs_[i] <=> b.limbs_[i];
    }
    return std::strong_ordering::equal;
  }
  /// By the borrow of a subtraction, without branches.
  friend constexpr bool operator<(const U256& a, const U256& b) noexcept {
    std::uint64_t borrow = 0;
    for (std::size_t i = 0; i < 4; ++i)
      borrow = borrowed(a.limbs_[i], b.limbs_[i], borrow).carry;
    return borrow != 0;
  }
  friend constexpr bool operator>(const U256& a, const U256& b) noexcept { return b < a; }

  friend constexpr U256 operator+(const U256& a, const U256& b) noexcept {
    bool unused = false;
    return add(a, b, unused);
  }
  friend constexpr U256 operator-(const U256& a, const U256& b) noexcept {
    U256 difference;
    std::uint64_t borrow = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const Step step = borrowed(a.limbs_[i], b.limbs_[i], borrow);
      difference.limbs_[i] = step.value;
      borrow = step.carry;
    }
    return difference;
  }
  friend constexpr U256 operator-(const U256& a) noexcept { return U256() - a; }
  friend constexpr U256 operator*(const U256& a, const U256& b) noexcept {
    // The columns of the schoolbook product that are below 2^256.
    U256 product;
    for (std::size_t i = 0; i < 4; ++i) {
      std::uint64_t carry = 0;
      for (std::size_t j = 0; i + j < 4; ++j) {
        const Wide sum = Wide{a.limbs_[j]} * b.limbs_[i] + product.limbs_[i + j] + carry;
        product.limbs_[i + j] = static_cast<std::uint64_t>(sum);
        carry = static_cast<std::uint64_t>(sum >> 64);
      }
    }
    return product;
  }
  U256& operator+=(const U256& other) noexcept { return *this = *this + other; }
  U256& operator-=(const U256& other) noexcept { return *this = *this - other; }

  friend constexpr U256 operator&(const U256& a, const U256& b) noexcept {
    return {a.limbs_[0] & b.limbs_[0], a.limbs_[1] & b.limbs_[1], a.limbs_[2] & b.limbs_[2],
            a.limbs_[3] & b.limbs_[3]};
  }
  friend constexpr U256 operator|(const U256& a, const U256& b) noexcept {
    return {a.limbs_[0] | b.limbs_[0], a.limbs_[1] | b.limbs_[1], a.limbs_[2] | b.limbs_[2],
            a.limbs_[3] | b.limbs_[3]};
  }
  friend constexpr U256 operator^(const U256& a, const U256& b) noexcept {
    return {a.limbs_[0] ^ b.limbs_[0], a.limbs_[1] ^ b.limbs_[1], a.limbs_[2] ^ b.limbs_[2],
            a.limbs_[3] ^ b.limbs_[3]};
  }
  friend constexpr U256 operator~(const U256& a) noexcept {
    return {~a.limbs_[0], ~a.limbs_[1], ~a.limbs_[2], ~a.limbs_[3]};
  }

  /// 0 from 256 on.
  friend constexpr U256 operator<<(const U256& a, std::uint64_t count) noexcept {
    U256 shifted;
    if (count >= bits) return shifted;
    const std::size_t whole = count / 64;
    const unsigned rest = count % 64;
    for (std::size_t i = 4; i-- > whole;) {
      shifted.limbs_[i] = a.limbs_[i - whole] << rest;
      // Two shifts: one by 64 has no meaning.
      if (i > whole) shifted.limbs_[i] |= (a.limbs_[i - whole - 1] >> 1) >> (63 - rest);
    }
    return shifted;
  }
  friend constexpr U256 operator>>(const U256& a, std::uint64_t count) noexcept {
    U256 shifted;
    if (count >= bits) return shifted;
    const std::size_t whole = count / 64;
    const unsigned rest = count % 64;
    for (std::size_t i = 0; i + whole < 4; ++i) {
      shifted.limbs_[i] = a.limbs_[i + whole] >> rest;
      if (i + whole < 3) shifted.limbs_[i] |= (a.limbs_[i + whole + 1] << 1) << (63 - rest);
    }
    return shifted;
  }

  /// The sum modulo 2^256, and whether it was more.
  static constexpr U256 add(const U256& a, const U256& b, bool& overflow) noexcept {
    U256 sum;
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const Step step = carried(a.limbs_[i], b.limbs_[i], carry);
      sum.limbs_[i] = step.value;
      carry = step.carry;
    }
    overflow = carry != 0;
    return sum;
  }

  // What follows is of the EVM: dividing by zero gives zero.

  friend U256 operator/(const U256& a, const U256& b) noexcept;
  friend U256 operator%(const U256& a, const U256& b) noexcept;

 private:
  using Wide = unsigned __int128;
  struct Step {
    std::uint64_t value;
    std::uint64_t carry;
  };

  static constexpr Step carried(std::uint64_t a, std::uint64_t b, std::uint64_t carry) noexcept {
    const Wide sum = Wide{a} + b + carry;
    return {static_cast<std::uint64_t>(sum), static_cast<std::uint64_t>(sum >> 64)};
  }
  static constexpr Step borrowed(std::uint64_t a, std::uint64_t b, std::uint64_t borrow) noexcept {
    const Wide difference = Wide{a} - b - borrow;
    return {static_cast<std::uint64_t>(difference),
            static_cast<std::uint64_t>(difference >> 64) & 1};
  }
  static void store_word(std::uint8_t* at, std::uint64_t word) noexcept {
    if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
    std::memcpy(at, &word, sizeof word);
  }

  std::array<std::uint64_t, 4> limbs_{};
};

struct Divided {
  U256 quotient;
  U256 remainder;
};
/// Both at once; by zero, both are zero.
Divided divide(const U256& a, const U256& b) noexcept;

/// Towards zero; the least number by -1 is itself.
U256 signed_divide(const U256& a, const U256& b) noexcept;
/// With the sign of `a`.
U256 signed_modulo(const U256& a, const U256& b) noexcept;
/// (a + b) mod m, without loss in between; 0 if m is 0.
U256 add_modulo(const U256& a, const U256& b, const U256& modulus) noexcept;
/// (a * b) mod m, without loss in between; 0 if m is 0.
U256 multiply_modulo(const U256& a, const U256& b, const U256& modulus) noexcept;
/// base^exponent modulo 2^256.
U256 power(const U256& base, const U256& exponent) noexcept;

constexpr bool signed_less(const U256& a, const U256& b) noexcept {
  return a.is_negative() == b.is_negative() ? a < b : a.is_negative();
}

/// Shifts in copies of the sign.
constexpr U256 signed_shift_right(const U256& a, std::uint64_t count) noexcept {
  const U256 shifted = a >> count;
  if (!a.is_negative()) return shifted;
  return count >= U256::bits ? U256::max() : shifted | ~(U256::max() >> count);
}

/// The number whose byte `index`, counted from the lowest, holds the sign, with that sign in all
/// bytes above it.
constexpr U256 sign_extend(const U256& index, const U256& a) noexcept {
  if (!index.fits_64() || index.low() >= U256::bytes - 1) return a;
  const auto sign = static_cast<unsigned>(8 * index.low() + 7);
  const U256 below = U256::max() >> (U256::bits - 1 - sign);
  return a.bit(sign) ? a | ~below : a & below;
}

/// The byte at `index`, counted from the highest; 0 beyond the last.
constexpr U256 byte_at(const U256& index, const U256& a) noexcept {
  if (!index.fits_64() || index.low() >= U256::bytes) return 0;
  const std::size_t from_low = U256::bytes - 1 - index.low();
  return (a.limb(from_low / 8) >> (8 * (from_low % 8))) & 0xff;
}

}  // namespace kith::ledger
