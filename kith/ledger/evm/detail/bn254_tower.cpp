#include <algorithm>
#include <gmp.h>

#include <kith/ledger/evm/detail/bn254_tower.hpp>
#include <kith/ledger/evm/detail/signed_digits.hpp>

namespace kith::ledger::bn254 {
namespace {

Fp2 power(const Fp2& base, const U256& exponent) noexcept {
  Fp2 result = Fp2::one();
  for (unsigned i = exponent.bit_width(); i-- > 0;) {
    result = result.squared();
    if (exponent.bit(i)) result = result * base;
  }
  return result;
}

/// (x + ys)^2 for s^2 = xi.
struct Fp4 {
  Fp2 x;
  Fp2 y;

  Fp4 squared() const noexcept {
    const Fp2 xx = x.squared();
    const Fp2 yy = y.squared();
    return {xx + yy.times_xi(), (x + y).squared() - xx - yy};
  }
};

/// 3a - 2b and 3a + 2b.
Fp2 thrice_minus_twice(const Fp2& a, const Fp2& b) noexcept {
  return (a - b).doubled() + a;
}
Fp2 thrice_plus_twice(const Fp2& a, const Fp2& b) noexcept {
  return (a + b).doubled() + a;
}

}  // namespace

Fp Fp::inverted() const noexcept {
  static_assert(sizeof(mp_limb_t) == sizeof(std::uint64_t) && GMP_NAIL_BITS == 0);
  // What is inverted is x 2^256, so that 2^512 is missing.
  constexpr Fp missing = montgomery_square * montgomery_square;
  if (is_zero()) return {};
  // Both operands are overwritten and the first mustn't be the smaller one, so it gets p added.
  Limbs larger{};
  add_limbs(larger, limbs_, prime_limbs);
  std::array<mp_limb_t, 5> a{larger[0], larger[1], larger[2], larger[3]};
  std::array<mp_limb_t, 5> p{prime_limbs[0], prime_limbs[1], prime_limbs[2], prime_limbs[3]};
  std::array<mp_limb_t, 5> divisor{};
  std::array<mp_limb_t, 5> factor{};
  mp_size_t signed_size = 0;
  mpn_gcdext(divisor.data(), factor.data(), &signed_size, a.data(), 4, p.data(), 4);
  const auto size = static_cast<std::size_t>(signed_size < 0 ? -signed_size : signed_size);
  Limbs inverse{};
  std::copy_n(factor.begin(), size, inverse.begin());
  const Fp scaled = from_limbs(inverse) * missing;
  return signed_size < 0 ? -scaled : scaled;
}

Fp6 operator*(const Fp6& x, const Fp6& y) noexcept {
  const Fp2 aa = x.a * y.a;
  const Fp2 bb = x.b * y.b;
  const Fp2 cc = x.c * y.c;
  return {((x.b + x.c) * (y.b + y.c) - bb - cc).times_xi() + aa,
          (x.a + x.b) * (y.a + y.b) - aa - bb + cc.times_xi(),
          (x.a + x.c) * (y.a + y.c) - aa - cc + bb};
}

Fp6 Fp6::times(const Fp2& other_a, const Fp2& other_b) const noexcept {
  const Fp2 aa = a * other_a;
  const Fp2 bb = b * other_b;
  return {((b + c) * other_b - bb).times_xi() + aa, (a + b) * (other_a + other_b) - aa - bb,
          (a + c) * other_a - aa + bb};
}

Fp6 Fp6::inverted() const noexcept {
  const Fp2 x = a.squared() - (b * c).times_xi();
  const Fp2 y = c.squared().times_xi() - a * b;
  const Fp2 z = b.squared() - a * c;
  const Fp2 norm = (a * x + (c * y + b * z).times_xi()).inverted();
  return {x * norm, y * norm, z * norm};
}

Fp12 operator*(const Fp12& x, const Fp12& y) noexcept {
  const Fp6 aa = x.a * y.a;
  const Fp6 bb = x.b * y.b;
  return {aa + bb.times_v(), (x.a + x.b) * (y.a + y.b) - aa - bb};
}

Fp12 Fp12::times_line(const Fp2& x, const Fp2& y, const Fp2& z) const noexcept {
  const Fp6 ax = a * x;
  const Fp6 by = b.times(y, z);
  return {ax + by.times_v(), (a + b).times(x + y, z) - ax - by};
}

Fp12 Fp12::squared() const noexcept {
  const Fp6 ab = a * b;
  return {(a + b) * (a + b.times_v()) - ab - ab.times_v(), ab + ab};
}

Fp12 Fp12::inverted() const noexcept {
  const Fp6 norm = (a * a - (b * b).times_v()).inverted();
  return {a * norm, -(b * norm)};
}

Fp12 Fp12::frobenius(unsigned times) const noexcept {
  const Frobenius& factors = frobenius_factors();
  const std::array<Fp2, 6> in = {a.a, b.a, a.b, b.b, a.c, b.c};
  std::array<Fp2, 6> out;
  for (std::size_t i = 0; i < 6; ++i) {
    out[i] = in[i];
    if ((times & 1) != 0) out[i] = out[i].conjugate() * factors.once[i];
    if ((times & 2) != 0) out[i] = out[i] * factors.twice[i];
  }
  return {{out[0], out[2], out[4]}, {out[1], out[3], out[5]}};
}

Fp12 Fp12::cyclotomic_squared() const noexcept {
  // Three numbers of Fp4 = Fp2[w^3] on 1, w and w^2.
  const Fp4 x = Fp4{a.a, b.b}.squared();
  const Fp4 y = Fp4{b.a, a.c}.squared();
  const Fp4 z = Fp4{a.b, b.c}.squared();
  Fp12 square;
  square.a.a = thrice_minus_twice(x.x, a.a);
  square.b.b = thrice_plus_twice(x.y, b.b);
  square.a.b = thrice_minus_twice(y.x, a.b);
  square.b.c = thrice_plus_twice(y.y, b.c);
  square.b.a = thrice_plus_twice(z.y.times_xi(), b.a);
  square.a.c = thrice_minus_twice(z.x, a.c);
  return square;
}

Fp12 Fp12::cyclotomic_power_of_u() const noexcept {
  constexpr unsigned width = 4;
  static constexpr auto digits = signed_digits<64>(u, width);
  std::array<Fp12, 1 << (width - 2)> odd;
  odd[0] = *this;
  const Fp12 square = cyclotomic_squared();
  for (std::size_t i = 1; i < odd.size(); ++i)
    odd[i] = odd[i - 1] * square;
  Fp12 result = odd[static_cast<std::size_t>(digits.at[digits.size - 1] / 2)];
  for (std::size_t i = digits.size - 1; i-- > 0;) {
    result = result.cyclotomic_squared();
    const int digit = digits.at[i];
    if (digit > 0) result = result * odd[static_cast<std::size_t>(digit / 2)];
    if (digit < 0) result = result * odd[static_cast<std::size_t>(-digit / 2)].conjugate();
  }
  return result;
}

const Frobenius& frobenius_factors() noexcept {
  static const Frobenius made = [] {
    Frobenius factors;
    const Fp2 first = power(xi, (prime - 1) / U256(6));
    factors.once[0] = Fp2::one();
    factors.twice[0] = Fp::one();
    // xi^((p^2 - 1) / 6) is the first one's norm.
    const Fp norm = first.re.squared() + first.im.squared();
    for (std::size_t i = 1; i < 6; ++i) {
      factors.once[i] = factors.once[i - 1] * first;
      factors.twice[i] = factors.twice[i - 1] * norm;
    }
    return factors;
  }();
  return made;
}

}  // namespace kith::ledger::bn254
