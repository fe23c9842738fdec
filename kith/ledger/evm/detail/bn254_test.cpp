// BN254 beside what its definition says: GMP's numbers, the slow formulas of points, the laws of
// groups and of the pairing.
#include <gmp.h>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/evm/detail/bn254_curve.hpp>
#include <kith/ledger/evm/detail/signed_digits.hpp>

namespace kith::ledger::bn254 {
namespace {

U256 number(std::string_view text) {
  return U256::parse(text).value();
}

U256 random_number(Prng& random) {
  return {random.next(), random.next(), random.next(), random.next()};
}

/// Now and then one of those at the edges, where carries are.
Fp random_element(Prng& random) {
  switch (random.below(8)) {
    case 0:
      return Fp::from_limbs({});
    case 1: {
      const U256 last = prime - U256(1 + random.below(3));
      return Fp::from_limbs({last.limb(0), last.limb(1), last.limb(2), last.limb(3)});
    }
    case 2:
      return Fp::from_limbs({random.below(3), 0, 0, 0});
    case 3:
      return Fp::from_limbs({~0ULL, ~0ULL, ~0ULL, prime.limb(3) - 1});
    default:
      return Fp::from(random_number(random));
  }
}

Fp2 random_fp2(Prng& random) {
  return {random_element(random), random_element(random)};
}

Fp12 random_fp12(Prng& random) {
  const auto six = [&] { return Fp6{random_fp2(random), random_fp2(random), random_fp2(random)}; };
  return {six(), six()};
}

const G1 g1_generator{Fp::from(1), Fp::from(2)};

/// The point that EIP-197 names.
G2 g2_generator() {
  const auto element = [](std::string_view text) { return Fp::from(number(text)); };
  return {
      {element("10857046999023057135944570762232829481370756359578518086990519993285655852781"),
       element("11559732032986387107991004021392285783925812861821192530917403151452391805634")},
      {element("8495653923123431417604973247489272438418190587263600148770280649306958101930"),
       element("4082367875863433681332203403145435568316851327593401208105741076214120093531")}};
}

/// By the law's definition; the curve's other coefficient doesn't show in it.
template <class Field>
Point<Field> slow_sum(const Point<Field>& a, const Point<Field>& b) {
  if (a.is_infinite()) return b;
  if (b.is_infinite()) return a;
  if (a.x == b.x && a.y == -b.y) return {};
  const Field xx = a.x * a.x;
  const Field slope =
      a == b ? (xx + xx + xx) * (a.y + a.y).inverted() : (b.y - a.y) * (b.x - a.x).inverted();
  const Field x = slope * slope - a.x - b.x;
  return {x, slope * (a.x - x) - a.y};
}

template <class Field>
Point<Field> slow_multiple(const Point<Field>& point, const U256& scalar) {
  Point<Field> total;
  for (unsigned i = scalar.bit_width(); i-- > 0;) {
    total = slow_sum(total, total);
    if (scalar.bit(i)) total = slow_sum(total, point);
  }
  return total;
}

G2 g2_multiple(const U256& scalar) {
  return slow_multiple(g2_generator(), scalar);
}

Fp12 power(const Fp12& base, const U256& exponent) {
  Fp12 result = Fp12::one();
  for (unsigned i = exponent.bit_width(); i-- > 0;) {
    result = result * result;
    if (exponent.bit(i)) result = result * base;
  }
  return result;
}

/// To the power of (p^6 - 1) (p^2 + 1).
Fp12 cyclotomic(const Fp12& element) {
  const Fp12 once = element.conjugate() * element.inverted();
  return once.frobenius(2) * once;
}

TEST(Bn254Numbers, AreThoseOfTheEips) {
  EXPECT_EQ(
      prime,
      number("21888242871839275222246405745257275088696311157297823662689037894645226208583"));
  EXPECT_EQ(
      order,
      number("21888242871839275222246405745257275088548364400416034343698204186575808495617"));
  EXPECT_EQ(prime.limb(0) * negative_inverse, ~0ULL);
}

TEST(Bn254Field, ComputesAsGmpDoes) {
  Prng random(1);
  for (int i = 0; i < 20'000; ++i) {
    const Fp a = random_element(random);
    const Fp b = random_element(random);
    const U256 x = a.value();
    const U256 y = b.value();
    ASSERT_LT(x, prime);
    ASSERT_EQ((a * b).value(), multiply_modulo(x, y, prime));
    ASSERT_EQ(a.squared(), a * a);
    ASSERT_EQ((a + b).value(), add_modulo(x, y, prime));
    ASSERT_EQ((a - b).value(), add_modulo(x, y.is_zero() ? y : prime - y, prime));
    ASSERT_EQ((-a).value(), x.is_zero() ? x : prime - x);
    ASSERT_EQ(a.halved().doubled(), a);
    ASSERT_EQ(Fp::from(x), a);
    for (const Fp& result : {a * b, a + b, a - b, -a, a.halved()})
      ASSERT_LT(U256(result.limbs()[0], result.limbs()[1], result.limbs()[2], result.limbs()[3]),
                prime);
  }
}

#if defined(__x86_64__)
TEST(Bn254Field, IsTheSameOnProcessorsWithTwoCarries) {
  if (!Adx::is_there()) GTEST_SKIP() << "this processor has no BMI2 and ADX";
  Prng random(16);
  for (int i = 0; i < 20'000; ++i) {
    const Limbs a = random_element(random).limbs();
    const Limbs b = random_element(random).limbs();
    Limbs twice{};
    ASSERT_EQ(add_limbs(twice, a, a), 0U);
    for (const Limbs& factor : {a, b, twice}) {
      ASSERT_EQ(Adx::product_of(a, factor), Portable::product_of(a, factor));
      ASSERT_EQ(Adx::product_of(twice, factor), Portable::product_of(twice, factor));
      const Product product = Portable::multiply(twice, factor);
      const Product same = Adx::multiply(twice, factor);
      ASSERT_EQ(same.low, product.low);
      ASSERT_EQ(same.high, product.high);
      ASSERT_EQ(Adx::reduced(product), Portable::reduced(product));
    }
  }
  // What no element is, but a product may be of: all bits set.
  const Limbs highest{~0ULL, ~0ULL, ~0ULL, ~0ULL};
  const Product product = Portable::multiply(highest, highest);
  const Product same = Adx::multiply(highest, highest);
  EXPECT_EQ(same.low, product.low);
  EXPECT_EQ(same.high, product.high);
}
#endif

TEST(Bn254Field, InvertsWhatIsNotZero) {
  Prng random(2);
  for (int i = 0; i < 2'000; ++i) {
    const Fp a = random_element(random);
    ASSERT_EQ(a * a.inverted(), a.is_zero() ? Fp() : Fp::one());
    const Fp2 b = random_fp2(random);
    ASSERT_EQ(b * b.inverted(), b.is_zero() ? Fp2() : Fp2::one());
  }
}

TEST(Bn254Field, OfTwoCoordinatesHasIForARootOfMinusOne) {
  Prng random(3);
  for (int i = 0; i < 20'000; ++i) {
    const Fp2 a = random_fp2(random);
    const Fp2 b = random_fp2(random);
    const Fp2 product = a * b;
    ASSERT_EQ(product.re, a.re * b.re - a.im * b.im);
    ASSERT_EQ(product.im, a.re * b.im + a.im * b.re);
    ASSERT_EQ(a.squared(), a * a);
    ASSERT_EQ(a.times_xi(), a * xi);
    ASSERT_EQ(a.tripled(), a + a + a);
    ASSERT_EQ(a.halved() + a.halved(), a);
  }
}

TEST(Bn254Field, OfTwelveCoordinatesIsOne) {
  Prng random(4);
  const Fp12 w{{}, Fp6::one()};
  const Fp12 xi_12{{xi, {}, {}}, {}};
  EXPECT_EQ(w * w * w * w * w * w, xi_12);
  for (int i = 0; i < 300; ++i) {
    const Fp12 a = random_fp12(random);
    const Fp12 b = random_fp12(random);
    const Fp12 c = random_fp12(random);
    ASSERT_EQ(a * b, b * a);
    ASSERT_EQ((a * b) * c, a * (b * c));
    const Fp12 sum{b.a + c.a, b.b + c.b};
    ASSERT_EQ((a * sum).a, (a * b).a + (a * c).a);
    ASSERT_EQ((a * sum).b, (a * b).b + (a * c).b);
    ASSERT_EQ(a.squared(), a * a);
    ASSERT_EQ(a * a.inverted(), Fp12::one());
    const Fp2 x = b.a.a;
    const Fp2 y = b.b.a;
    const Fp2 z = b.b.b;
    ASSERT_EQ(a.times_line(x, y, z), a * (Fp12{{x, {}, {}}, {y, z, {}}}));
  }
}

TEST(Bn254Field, HasFrobeniusMapsThatArePowersOfThePrime) {
  Prng random(5);
  for (int i = 0; i < 5; ++i) {
    const Fp12 a = random_fp12(random);
    const Fp12 once = power(a, prime);
    ASSERT_EQ(a.frobenius(1), once);
    ASSERT_EQ(a.frobenius(2), once.frobenius(1));
    ASSERT_EQ(a.frobenius(3), once.frobenius(2));
    ASSERT_EQ(a.conjugate(), a.frobenius(3).frobenius(3));
  }
}

TEST(Bn254Field, SquaresFasterWhereTheFinalExponentiationWorks) {
  Prng random(6);
  for (int i = 0; i < 20; ++i) {
    const Fp12 a = cyclotomic(random_fp12(random));
    ASSERT_EQ(a.cyclotomic_squared(), a * a);
    ASSERT_EQ(a.cyclotomic_power_of_u(), power(a, u));
    ASSERT_EQ(a * a.conjugate(), Fp12::one());
  }
}

TEST(Bn254Digits, SumUpToTheNumber) {
  Prng random(7);
  for (int i = 0; i < 2'000; ++i) {
    const U256 whole = random_number(random) >> (126 + random.below(131));
    const auto width = static_cast<unsigned>(random.between(2, 8));
    const auto digits = signed_digits<130>(whole, width);
    U256 sum;
    std::size_t last = ~std::size_t{0};
    for (std::size_t k = digits.size; k-- > 0;) {
      const int digit = digits.at[k];
      sum = sum + sum +
            (digit < 0 ? -U256(static_cast<std::uint64_t>(-digit))
                       : U256(static_cast<std::uint64_t>(digit)));
      if (digit == 0) continue;
      ASSERT_NE(digit % 2, 0);
      ASSERT_LT(std::abs(digit), 1 << (width - 1));
      ASSERT_GE(last - k, width);
      last = k;
    }
    ASSERT_EQ(sum, whole);
  }
}

TEST(Bn254Group, AddsAndMultipliesByTheDefinition) {
  Prng random(8);
  for (int i = 0; i < 100; ++i) {
    const U256 j = random.chance(0.3) ? U256(random.below(20)) : random_number(random);
    const U256 k = random.chance(0.3) ? U256(random.below(20)) : random_number(random);
    const G1 a = slow_multiple(g1_generator, j);
    const G1 b = slow_multiple(g1_generator, k);
    ASSERT_EQ(add(a, b), slow_sum(a, b));
    ASSERT_EQ(add(a, a), slow_sum(a, a));
    ASSERT_EQ(add(a, -a), G1());
    ASSERT_EQ(multiply(a, k), slow_multiple(a, k)) << k.to_hex();
  }
}

TEST(Bn254Group, MultipliesByScalarsAtTheEdges) {
  const U256 lambda = U256(36) * u_squared * u + U256(18) * u_squared + U256(6) * u + 1;
  const G1 point = slow_multiple(g1_generator, 77);
  for (const U256& middle : {U256(), order, order + order, order >> 1, U256::max(), lambda,
                             order - lambda, U256::power_of_two(127), U256::power_of_two(128),
                             U256(6) * u_squared, U256(u), order - U256(6) * u_squared}) {
    for (std::uint64_t i = 0; i < 9; ++i) {
      const U256 scalar = middle + U256(i) - U256(4);
      ASSERT_EQ(multiply(point, scalar), slow_multiple(point, scalar % order)) << scalar.to_hex();
    }
  }
  EXPECT_EQ(multiply(G1(), 5), G1());
}

TEST(Bn254Group, HasThatOrder) {
  Prng random(9);
  EXPECT_EQ(slow_multiple(g1_generator, order), G1());
  EXPECT_EQ(g2_multiple(order), G2());
  EXPECT_EQ(multiply(g1_generator, order), G1());
  EXPECT_EQ(multiply(g1_generator, order - 1), -g1_generator);
  // The Frobenius map of the twist multiplies by p there, which is 6u^2 modulo the order.
  const G2 point = g2_multiple(random_number(random));
  EXPECT_EQ(frobenius(point), slow_multiple(point, U256(6) * u_squared));
}

TEST(Bn254Group, IsReadAsItIsWritten) {
  Prng random(10);
  const G1 point = slow_multiple(g1_generator, random_number(random));
  EXPECT_EQ(decode_g1(encode_g1(point)), point);
  EXPECT_EQ(decode_g1(encode_g1(G1())), G1());
}

TEST(Bn254Pairing, IsBilinear) {
  Prng random(11);
  const auto base = pairing({{g1_generator, g2_generator()}});
  ASSERT_TRUE(base);
  EXPECT_NE(*base, Fp12::one());
  EXPECT_EQ(power(*base, order), Fp12::one());
  for (int i = 0; i < 10; ++i) {
    const U256 j = i == 0 ? order - 1 : random_number(random);
    const U256 k = random_number(random);
    const auto both = pairing({{multiply(g1_generator, j), g2_multiple(k)}});
    ASSERT_EQ(both, power(*base, multiply_modulo(j, k, order)));
  }
}

TEST(Bn254Pairing, OfManyPairsIsTheProduct) {
  Prng random(12);
  for (std::size_t count = 0; count < 6; ++count) {
    std::vector<Pair> pairs;
    Fp12 product = Fp12::one();
    for (std::size_t i = 0; i < count; ++i) {
      Pair pair{multiply(g1_generator, random_number(random)), g2_multiple(random_number(random))};
      if (random.chance(0.2)) pair.first = {};
      if (random.chance(0.2)) pair.second = {};
      pairs.push_back(pair);
      product = product * pairing({pair}).value();
    }
    ASSERT_EQ(pairing(pairs), product);
    ASSERT_EQ(pairings_cancel(pairs), product == Fp12::one());
  }
}

TEST(Bn254Pairing, CancelsWithTheOpposite) {
  Prng random(13);
  for (int i = 0; i < 5; ++i) {
    const U256 j = random_number(random);
    const U256 k = random_number(random);
    // e(jP, kQ) e(-jkP, Q)
    const G1 all = multiply(g1_generator, multiply_modulo(j, k, order));
    const std::vector<Pair> pairs = {{multiply(g1_generator, j), g2_multiple(k)},
                                     {-all, g2_generator()}};
    ASSERT_EQ(pairings_cancel(pairs), true);
    ASSERT_EQ(pairings_cancel({pairs[0], {all, g2_generator()}}), false);
  }
}

/// A root in Fp2, if there is one: by the norm's root in Fp.
std::optional<Fp2> square_root(const Fp2& square) {
  const auto root_of = [](const Fp& a) {
    const U256 exponent = (prime >> 2) + 1;
    Fp root = Fp::one();
    for (unsigned i = exponent.bit_width(); i-- > 0;) {
      root = root * root;
      if (exponent.bit(i)) root = root * a;
    }
    return root;
  };
  const Fp norm = root_of(square.re * square.re + square.im * square.im);
  for (const Fp& half : {(square.re + norm).halved(), (square.re - norm).halved()}) {
    const Fp re = root_of(half);
    const Fp2 root{re, square.im * re.doubled().inverted()};
    if (root * root == square) return root;
  }
  return std::nullopt;
}

TEST(Bn254Pairing, RefusesPointsOfTheTwistOfAnotherOrder) {
  Prng random(14);
  int found = 0;
  while (found < 20) {
    const Fp2 x = random_fp2(random);
    const auto y = square_root(x * x * x + twist_b());
    if (!y) continue;
    ++found;
    const G2 point{x, *y};
    ASSERT_NE(slow_multiple(point, order), G2());
    ASSERT_EQ(pairings_cancel({{g1_generator, point}}), std::nullopt);
    ASSERT_EQ(pairings_cancel({{G1(), point}}), std::nullopt);
    ASSERT_EQ(pairings_cancel({{g1_generator, g2_generator()}, {g1_generator, point}}),
              std::nullopt);
    // What is left of the point in the cofactor's part alone, and of the group with it.
    const G2 outside = slow_multiple(point, order);
    ASSERT_EQ(pairings_cancel({{g1_generator, outside}}), std::nullopt);
    ASSERT_EQ(pairings_cancel({{g1_generator, slow_sum(outside, g2_generator())}}), std::nullopt);
    // The cofactor is 2p - r.
    const G2 inside = slow_multiple(point, prime + prime - order);
    ASSERT_EQ(slow_multiple(inside, order), G2());
    ASSERT_TRUE(pairings_cancel({{g1_generator, inside}}));
  }
}

/// 10069 is the only small factor of the cofactor.
TEST(Bn254Pairing, RefusesPointsOfASmallOrder) {
  const std::uint64_t factor = 10'069;
  const auto [rest, nothing] = divide(prime + prime - order, factor);
  ASSERT_EQ(nothing, U256());
  Prng random(15);
  int found = 0;
  while (found < 5) {
    const Fp2 x = random_fp2(random);
    const auto y = square_root(x * x * x + twist_b());
    if (!y) continue;
    const G2 point = slow_multiple(slow_multiple(G2{x, *y}, order), rest);
    if (point.is_infinite()) continue;
    ++found;
    ASSERT_EQ(slow_multiple(point, factor), G2());
    ASSERT_EQ(pairings_cancel({{g1_generator, point}}), std::nullopt);
  }
}

}  // namespace
}  // namespace kith::ledger::bn254
