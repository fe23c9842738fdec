// The fields above BN254's own, each made of the one below:
//   Fp2 = Fp[i] / (i^2 + 1),  Fp6 = Fp2[v] / (v^3 - xi),  Fp12 = Fp6[w] / (w^2 - v),  xi = 9 + i
// so an Fp12 is also six Fp2 on the powers of w, w^6 being xi. Products by Karatsuba; those of Fp2
// are reduced once a coordinate, after their sums. Thread: any.
#pragma once

#include <kith/ledger/evm/detail/bn254_field.hpp>

namespace kith::ledger::bn254 {

struct Fp2 {
  Fp re;
  Fp im;

  static constexpr Fp2 one() noexcept { return {Fp::one(), {}}; }
  constexpr bool is_zero() const noexcept { return re.is_zero() && im.is_zero(); }
  friend constexpr bool operator==(const Fp2& a, const Fp2& b) noexcept = default;

  friend constexpr Fp2 operator+(const Fp2& a, const Fp2& b) noexcept {
    return {a.re + b.re, a.im + b.im};
  }
  friend constexpr Fp2 operator-(const Fp2& a, const Fp2& b) noexcept {
    return {a.re - b.re, a.im - b.im};
  }
  friend constexpr Fp2 operator-(const Fp2& a) noexcept { return {-a.re, -a.im}; }
  friend constexpr Fp2 operator*(const Fp2& a, const Fp2& b) noexcept {
    return by_fastest([&](auto arithmetic) { return product_by<decltype(arithmetic)>(a, b); });
  }
  friend constexpr Fp2 operator*(const Fp2& a, const Fp& b) noexcept {
    return {a.re * b, a.im * b};
  }
  constexpr Fp2 squared() const noexcept {
    const Fp cross = re * im;
    // The sum isn't below p, which a product doesn't ask for.
    return {Fp::from_limbs(sum_of(*this)) * (re - im), cross.doubled()};
  }
  constexpr Fp2 doubled() const noexcept { return {re.doubled(), im.doubled()}; }
  constexpr Fp2 tripled() const noexcept { return doubled() + *this; }
  constexpr Fp2 halved() const noexcept { return {re.halved(), im.halved()}; }
  /// Its power of p.
  constexpr Fp2 conjugate() const noexcept { return {re, -im}; }
  /// (9 + i) times it.
  constexpr Fp2 times_xi() const noexcept {
    return {times_nine_plus(re, -im), times_nine_plus(im, re)};
  }
  Fp2 inverted() const noexcept {
    const Fp norm = (re.squared() + im.squared()).inverted();
    return {re * norm, -(im * norm)};
  }

 private:
  /// Below 2p, which a product takes.
  static constexpr Limbs sum_of(const Fp2& a) noexcept {
    Limbs sum{};
    add_limbs(sum, a.re.limbs(), a.im.limbs());
    return sum;
  }
  /// Where it is known not to be below zero.
  static constexpr Product minus(const Product& a, const Product& b) noexcept {
    Product difference{};
    const std::uint64_t borrow = subtract_limbs(difference.low, a.low, b.low);
    subtract_limbs(difference.high, a.high, b.high, borrow);
    return difference;
  }
  template <class Arithmetic>
  [[gnu::always_inline]] static constexpr Fp2 product_by(const Fp2& a, const Fp2& b) noexcept {
    const Product real = Arithmetic::multiply(a.re.limbs(), b.re.limbs());
    const Product imaginary = Arithmetic::multiply(a.im.limbs(), b.im.limbs());
    const Product cross = Arithmetic::multiply(sum_of(a), sum_of(b));
    return {Fp::from_limbs(Arithmetic::reduced(wrapped_difference(real, imaginary))),
            Fp::from_limbs(Arithmetic::reduced(minus(minus(cross, real), imaginary)))};
  }
  /// With p 2^256 added if it is below zero.
  static constexpr Product wrapped_difference(const Product& a, const Product& b) noexcept {
    Product difference = minus(a, b);
    // Below zero the highest bit is set: products of numbers below p have it clear.
    const std::uint64_t below = 0 - (difference.high[3] >> 63);
    Limbs correction{};
    for (std::size_t i = 0; i < 4; ++i)
      correction[i] = prime_limbs[i] & below;
    add_limbs(difference.high, difference.high, correction);
    return difference;
  }
  /// 9a + b.
  static constexpr Fp times_nine_plus(const Fp& a, const Fp& b) noexcept {
    // 1 / 48.402, where p / 2^248 is 48.39: the quotient by p isn't above the true one and at most
    // one below it, the sum being below 10p.
    constexpr std::uint64_t reciprocal = 1354;
    Limbs sum{};
    Wide64 carry = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      carry += Wide64{a.limbs()[i]} * 9 + b.limbs()[i];
      sum[i] = static_cast<std::uint64_t>(carry);
      carry >>= 64;
    }
    const auto top = static_cast<std::uint64_t>(carry) << 8 | sum[3] >> 56;
    const std::uint64_t quotient = top * reciprocal >> 16;
    Limbs multiple{};
    Wide64 product = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      product += Wide64{prime_limbs[i]} * quotient;
      multiple[i] = static_cast<std::uint64_t>(product);
      product >>= 64;
    }
    subtract_limbs(sum, sum, multiple);
    return Fp::from_limbs(reduced_once(sum));
  }
};

inline constexpr Fp2 xi = {Fp::from(9), Fp::one()};

struct Fp6 {
  Fp2 a;  ///< a + bv + cv^2
  Fp2 b;
  Fp2 c;

  static constexpr Fp6 one() noexcept { return {Fp2::one(), {}, {}}; }
  friend constexpr bool operator==(const Fp6& x, const Fp6& y) noexcept = default;

  friend Fp6 operator+(const Fp6& x, const Fp6& y) noexcept {
    return {x.a + y.a, x.b + y.b, x.c + y.c};
  }
  friend Fp6 operator-(const Fp6& x, const Fp6& y) noexcept {
    return {x.a - y.a, x.b - y.b, x.c - y.c};
  }
  friend Fp6 operator-(const Fp6& x) noexcept { return {-x.a, -x.b, -x.c}; }
  friend Fp6 operator*(const Fp6& x, const Fp6& y) noexcept;
  friend Fp6 operator*(const Fp6& x, const Fp2& y) noexcept { return {x.a * y, x.b * y, x.c * y}; }
  /// By one whose c is zero.
  Fp6 times(const Fp2& other_a, const Fp2& other_b) const noexcept;
  Fp6 times_v() const noexcept { return {c.times_xi(), a, b}; }
  Fp6 inverted() const noexcept;
};

struct Fp12 {
  Fp6 a;  ///< a + bw
  Fp6 b;

  static constexpr Fp12 one() noexcept { return {Fp6::one(), {}}; }
  friend constexpr bool operator==(const Fp12& x, const Fp12& y) noexcept = default;

  friend Fp12 operator*(const Fp12& x, const Fp12& y) noexcept;
  /// By x + yw + zw^3, the form that lines have.
  Fp12 times_line(const Fp2& x, const Fp2& y, const Fp2& z) const noexcept;
  Fp12 squared() const noexcept;
  /// Its power of p^6; the inverse of whatever has norm 1 over Fp6.
  Fp12 conjugate() const noexcept { return {a, -b}; }
  Fp12 inverted() const noexcept;
  /// Its power of p^times, `times` being 1, 2 or 3.
  Fp12 frobenius(unsigned times) const noexcept;

  // Of the elements whose order divides p^4 - p^2 + 1, where the final exponentiation works.

  /// Granger and Scott 2010.
  Fp12 cyclotomic_squared() const noexcept;
  Fp12 cyclotomic_power_of_u() const noexcept;
};

/// Powers of xi that the Frobenius maps multiply by: xi^(i (p - 1) / 6), and those for p^2, which
/// are in Fp.
struct Frobenius {
  std::array<Fp2, 6> once;
  std::array<Fp, 6> twice;
};
const Frobenius& frobenius_factors() noexcept;

}  // namespace kith::ledger::bn254
