// The numbers modulo the prime of BN254, the curve of EIP-196 and 197, in Montgomery's form: x is
// kept as x 2^256 mod p, so that a product is reduced without dividing.
//
// All of the curve follows from one number, u (Barreto and Naehrig 2005):
//   p = 36u^4 + 36u^3 + 24u^2 + 6u + 1      the field
//   r = 36u^4 + 36u^3 + 18u^2 + 6u + 1      the order of the groups
//
// Invariant: an Fp is below p. Public data only: time depends on values. Thread: any.
#pragma once

#include <array>
#include <cstdint>

#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger::bn254 {

inline constexpr std::uint64_t u = 4'965'661'367'192'848'881;
inline constexpr U256 u_squared = U256(u) * u;
inline constexpr U256 order = U256(36) * u_squared * u_squared + U256(36) * u_squared * u +
                              U256(18) * u_squared + U256(6) * u + 1;
inline constexpr U256 prime = order + U256(6) * u_squared;

using Wide64 = unsigned __int128;

/// Numbers of four limbs, the lowest first.
using Limbs = std::array<std::uint64_t, 4>;

inline constexpr Limbs prime_limbs = {prime.limb(0), prime.limb(1), prime.limb(2), prime.limb(3)};

/// -1/p modulo 2^64, by Newton: each step doubles the bits that are right.
inline constexpr std::uint64_t negative_inverse = [] {
  std::uint64_t inverse = 1;
  for (int i = 0; i < 6; ++i)
    inverse *= 2 - prime.limb(0) * inverse;
  return ~inverse + 1;
}();

// Carries as compilers turn them into chains of additions with carry.

[[gnu::always_inline]] constexpr std::uint64_t add_carried(std::uint64_t a, std::uint64_t b,
                                                           std::uint64_t& carry) noexcept {
  std::uint64_t sum = 0;
  const bool first = __builtin_add_overflow(a, b, &sum);
  const bool second = __builtin_add_overflow(sum, carry, &sum);
  carry = static_cast<std::uint64_t>(first | second);
  return sum;
}

[[gnu::always_inline]] constexpr std::uint64_t subtract_borrowed(std::uint64_t a, std::uint64_t b,
                                                                 std::uint64_t& borrow) noexcept {
  std::uint64_t difference = 0;
  const bool first = __builtin_sub_overflow(a, b, &difference);
  const bool second = __builtin_sub_overflow(difference, borrow, &difference);
  borrow = static_cast<std::uint64_t>(first | second);
  return difference;
}

/// a + b in `sum`; the carry.
[[gnu::always_inline]] constexpr std::uint64_t add_limbs(Limbs& sum, const Limbs& a,
                                                         const Limbs& b) noexcept {
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < 4; ++i)
    sum[i] = add_carried(a[i], b[i], carry);
  return carry;
}

/// a - b in `difference`; the borrow.
[[gnu::always_inline]] constexpr std::uint64_t subtract_limbs(Limbs& difference, const Limbs& a,
                                                              const Limbs& b,
                                                              std::uint64_t borrow = 0) noexcept {
  for (std::size_t i = 0; i < 4; ++i)
    difference[i] = subtract_borrowed(a[i], b[i], borrow);
  return borrow;
}

/// From below 2p to below p.
[[gnu::always_inline]] constexpr Limbs reduced_once(const Limbs& a) noexcept {
  Limbs less{};
  const std::uint64_t keep = 0 - subtract_limbs(less, a, prime_limbs);
  for (std::size_t i = 0; i < 4; ++i)
    less[i] = (a[i] & keep) | (less[i] & ~keep);
  return less;
}

/// A product before its reduction: eight limbs, below p 2^256.
struct Product {
  Limbs low;
  Limbs high;
};

/// How products are made, in portable code.
struct Portable {
  /// Of any two numbers whose product is below p 2^256.
  [[gnu::always_inline]] static constexpr Product multiply(const Limbs& a,
                                                           const Limbs& b) noexcept {
    std::array<std::uint64_t, 8> t{};
    for (std::size_t i = 0; i < 4; ++i) {
      std::uint64_t carry = 0;
      for (std::size_t j = 0; j < 4; ++j) {
        const Wide64 sum = Wide64{a[j]} * b[i] + t[i + j] + carry;
        t[i + j] = static_cast<std::uint64_t>(sum);
        carry = static_cast<std::uint64_t>(sum >> 64);
      }
      t[i + 4] = carry;
    }
    return {{t[0], t[1], t[2], t[3]}, {t[4], t[5], t[6], t[7]}};
  }

  /// The product divided by 2^256 modulo p (Montgomery 1985), below p.
  [[gnu::always_inline]] static constexpr Limbs reduced(const Product& product) noexcept {
    Limbs t = product.low;
    // Makes the lowest limb zero and drops it, four times.
    for (std::size_t i = 0; i < 4; ++i) {
      const std::uint64_t factor = t[0] * negative_inverse;
      Wide64 sum = Wide64{factor} * prime_limbs[0] + t[0];
      for (std::size_t j = 1; j < 4; ++j) {
        sum = Wide64{factor} * prime_limbs[j] + t[j] + static_cast<std::uint64_t>(sum >> 64);
        t[j - 1] = static_cast<std::uint64_t>(sum);
      }
      t[3] = static_cast<std::uint64_t>(sum >> 64);
    }
    add_limbs(t, t, product.high);
    return reduced_once(t);
  }

  /// Both in turns. Below p if neither factor is above 2p, since 4p is below
  /// 2^256.
  [[gnu::always_inline]] static constexpr Limbs product_of(const Limbs& a,
                                                           const Limbs& b) noexcept {
    Limbs t{};
    for (std::size_t i = 0; i < 4; ++i) {
      Wide64 sum = Wide64{a[0]} * b[i] + t[0];
      const std::uint64_t factor = static_cast<std::uint64_t>(sum) * negative_inverse;
      Wide64 less = Wide64{factor} * prime_limbs[0] + static_cast<std::uint64_t>(sum);
      for (std::size_t j = 1; j < 4; ++j) {
        sum = Wide64{a[j]} * b[i] + t[j] + static_cast<std::uint64_t>(sum >> 64);
        less = Wide64{factor} * prime_limbs[j] + static_cast<std::uint64_t>(sum) +
               static_cast<std::uint64_t>(less >> 64);
        t[j - 1] = static_cast<std::uint64_t>(less);
      }
      t[3] = static_cast<std::uint64_t>(sum >> 64) + static_cast<std::uint64_t>(less >> 64);
    }
    return reduced_once(t);
  }
};

}  // namespace kith::ledger::bn254

#if defined(__x86_64__)
#include <kith/ledger/evm/detail/bn254_adx.hpp>
#endif

namespace kith::ledger::bn254 {

/// What `compute` gives for the fastest of these that the processor has.
template <class Compute>
[[gnu::always_inline]] constexpr auto by_fastest(const Compute& compute) noexcept {
#if defined(__x86_64__)
  if !consteval {
    if (Adx::is_there()) return compute(Adx());
  }
#endif
  return compute(Portable());
}

class Fp {
 public:
  constexpr Fp() noexcept = default;
  /// Modulo p.
  static constexpr Fp from(const U256& number) noexcept;
  static constexpr Fp one() noexcept;

  constexpr U256 value() const noexcept {
    const Limbs plain = Portable::reduced({limbs_, {}});
    return {plain[0], plain[1], plain[2], plain[3]};
  }
  constexpr const Limbs& limbs() const noexcept { return limbs_; }
  static constexpr Fp from_limbs(const Limbs& limbs) noexcept {
    Fp made;
    made.limbs_ = limbs;
    return made;
  }

  constexpr bool is_zero() const noexcept {
    return (limbs_[0] | limbs_[1] | limbs_[2] | limbs_[3]) == 0;
  }
  friend constexpr bool operator==(const Fp& a, const Fp& b) noexcept = default;

  friend constexpr Fp operator+(const Fp& a, const Fp& b) noexcept {
    Limbs sum{};
    add_limbs(sum, a.limbs_, b.limbs_);
    return from_limbs(reduced_once(sum));
  }
  friend constexpr Fp operator-(const Fp& a, const Fp& b) noexcept {
    Limbs difference{};
    const std::uint64_t below = 0 - subtract_limbs(difference, a.limbs_, b.limbs_);
    Limbs correction{};
    for (std::size_t i = 0; i < 4; ++i)
      correction[i] = prime_limbs[i] & below;
    add_limbs(difference, difference, correction);
    return from_limbs(difference);
  }
  friend constexpr Fp operator-(const Fp& a) noexcept { return Fp() - a; }
  friend constexpr Fp operator*(const Fp& a, const Fp& b) noexcept {
    return by_fastest([&](auto arithmetic) {
      return from_limbs(decltype(arithmetic)::product_of(a.limbs_, b.limbs_));
    });
  }
  constexpr Fp squared() const noexcept { return *this * *this; }
  constexpr Fp doubled() const noexcept { return *this + *this; }
  /// Half of it modulo p.
  constexpr Fp halved() const noexcept {
    Limbs sum = limbs_;
    if ((limbs_[0] & 1) != 0) add_limbs(sum, sum, prime_limbs);
    for (std::size_t i = 0; i < 3; ++i)
      sum[i] = sum[i] >> 1 | sum[i + 1] << 63;
    sum[3] >>= 1;
    return from_limbs(sum);
  }
  /// Of zero, zero.
  Fp inverted() const noexcept;

 private:
  Limbs limbs_{};
};

/// 2^256 modulo p.
inline constexpr U256 montgomery_one = [] {
  U256 power = 1;
  for (int i = 0; i < 256; ++i) {
    power = power + power;
    if (power >= prime) power = power - prime;
  }
  return power;
}();
/// 2^512 modulo p, as limbs: what brings a number into Montgomery's form.
inline constexpr Fp montgomery_square = [] {
  U256 power = montgomery_one;
  for (int i = 0; i < 256; ++i) {
    power = power + power;
    if (power >= prime) power = power - prime;
  }
  return Fp::from_limbs({power.limb(0), power.limb(1), power.limb(2), power.limb(3)});
}();

constexpr Fp Fp::one() noexcept {
  return from_limbs({montgomery_one.limb(0), montgomery_one.limb(1), montgomery_one.limb(2),
                     montgomery_one.limb(3)});
}

constexpr Fp Fp::from(const U256& number) noexcept {
  return from_limbs({number.limb(0), number.limb(1), number.limb(2), number.limb(3)}) *
         montgomery_square;
}

}  // namespace kith::ledger::bn254
