// The optimal ate pairing (Vercauteren 2010), for many pairs at once: one loop over the digits of
// 6u + 2 whose squarings they share, one final exponentiation.
//
// The second points are moved along in the twist, projectively (x = X / Z, y = Y / Z), and their
// lines are met with the first points untwisted: (x, y) of the twist is (x w^2, y w^3) of the
// curve. A line may be multiplied by any number of Fp2, which the final exponentiation takes to 1.
//
// That the second points have order r is seen from where the loop leaves them:
//   [6u + 2] Q + F(Q) - F^2(Q) + F^3(Q) = 0,  F being the Frobenius map,
// holds for them and, since with F's own equation F^2 - tF + p = 0 it makes a number zero that is
// prime to the twist's cofactor, for no others. Where the formulas below meet a case they aren't
// made for, which no point of order r does, Z is zero, and stays so.
#include <kith/ledger/evm/detail/bn254_curve.hpp>
#include <kith/ledger/evm/detail/signed_digits.hpp>

namespace kith::ledger::bn254 {
namespace {

/// What a line is for the first point (x, y): constant y + slope x w + rest w^3.
struct Line {
  Fp2 constant;
  Fp2 slope;
  Fp2 rest;
};

/// A pair on its way through the loop.
class Traveller {
 public:
  explicit Traveller(const Pair& pair) noexcept
      : first_(pair.first), second_(pair.second), x_(second_.x), y_(second_.y), z_(Fp2::one()) {}

  const G2& second() const noexcept { return second_; }

  void meet(const Line& line, Fp12& total) const noexcept {
    if (first_.is_infinite()) return;
    total = total.times_line(line.constant * first_.y, line.slope * first_.x, line.rest);
  }

  /// Doubles the point, and gives the tangent at where it was.
  Line doubled() noexcept {
    const Fp2 half = (x_ * y_).halved();
    const Fp2 yy = y_.squared();
    const Fp2 zz = z_.squared();
    const Fp2 e = zz.tripled() * twist_b();
    const Fp2 f = e.tripled();
    const Fp2 g = (yy + f).halved();
    const Fp2 yz = (y_ + z_).squared() - yy - zz;
    const Line line{yz, -x_.squared().tripled(), yy - e};
    x_ = half * (yy - f);
    y_ = g.squared() - e.squared().tripled();
    z_ = yy * yz;
    return line;
  }

  /// Adds that point, and gives the line through both.
  Line added(const G2& other) noexcept {
    const Fp2 dy = y_ - other.y * z_;
    const Fp2 dx = x_ - other.x * z_;
    const Fp2 dxx = dx.squared();
    const Fp2 dxxx = dx * dxx;
    const Fp2 g = x_ * dxx;
    const Fp2 h = dxxx + z_ * dy.squared() - g.doubled();
    x_ = dx * h;
    y_ = dy * (g - h) - dxxx * y_;
    z_ = z_ * dxxx;
    return {dx, -dy, dy * other.x - dx * other.y};
  }

  bool is_at(const G2& point) const noexcept {
    return !z_.is_zero() && x_ == point.x * z_ && y_ == point.y * z_;
  }

 private:
  G1 first_;
  G2 second_;
  Fp2 x_;
  Fp2 y_;
  Fp2 z_;
};

/// The last two lines. False if the second point isn't of order r.
bool finish(Traveller& traveller, Fp12& total) noexcept {
  const G2 once = frobenius(traveller.second());
  const G2 twice = frobenius(once);
  traveller.meet(traveller.added(once), total);
  traveller.meet(traveller.added(-twice), total);
  return traveller.is_at(-frobenius(twice));
}

std::optional<Fp12> miller_loop(const std::vector<Pair>& pairs) {
  static constexpr auto digits = signed_digits<67>(U256(6) * u + 2, 2);
  std::vector<Traveller> travellers;
  travellers.reserve(pairs.size());
  for (const Pair& pair : pairs) {
    if (!pair.second.is_infinite()) travellers.emplace_back(pair);
  }
  Fp12 total = Fp12::one();
  for (std::size_t i = digits.size - 1; i-- > 0;) {
    if (i != digits.size - 2) total = total.squared();
    for (Traveller& traveller : travellers) {
      traveller.meet(traveller.doubled(), total);
      const int digit = digits.at[i];
      if (digit == 0) continue;
      const G2& second = traveller.second();
      traveller.meet(traveller.added(digit > 0 ? second : -second), total);
    }
  }
  for (Traveller& traveller : travellers) {
    if (!finish(traveller, total)) return std::nullopt;
  }
  return total;
}

/// To the power of (p^12 - 1) / r times 2u (6u^2 + 3u + 1), a number prime to r: the part of it
/// that isn't of Frobenius maps is then, by powers of p, 1 + 6u + 12u^2 + 12u^3, 4u + 6u^2 + 12u^3,
/// 6u + 6u^2 + 12u^3 and -1 + 4u + 6u^2 + 12u^3 (Fuentes-Castaneda, Knapp and Rodriguez-Henriquez
/// 2011).
Fp12 final_exponentiation(const Fp12& in) noexcept {
  const Fp12 easy = in.conjugate() * in.inverted();
  const Fp12 f = easy.frobenius(2) * easy;
  const Fp12 f2u = f.cyclotomic_power_of_u().cyclotomic_squared();
  const Fp12 f4u = f2u.cyclotomic_squared();
  const Fp12 f6u = f4u * f2u;
  const Fp12 f6uu = f6u.cyclotomic_power_of_u();
  const Fp12 f12uuu = f6uu.cyclotomic_squared().cyclotomic_power_of_u();
  const Fp12 common = f6uu * f12uuu;
  const Fp12 of_p = f4u * common;
  const Fp12 of_pp = f6u * common;
  const Fp12 of_1 = f * of_pp * f6uu;
  const Fp12 of_ppp = of_p * f.conjugate();
  return of_1 * of_p.frobenius(1) * of_pp.frobenius(2) * of_ppp.frobenius(3);
}

}  // namespace

std::optional<Fp12> pairing(const std::vector<Pair>& pairs) {
  const auto product = miller_loop(pairs);
  if (!product) return std::nullopt;
  return final_exponentiation(*product);
}

std::optional<bool> pairings_cancel(const std::vector<Pair>& pairs) {
  const auto product = pairing(pairs);
  if (!product) return std::nullopt;
  return *product == Fp12::one();
}

}  // namespace kith::ledger::bn254
