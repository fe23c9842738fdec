#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/ledger/evm/detail/bn254_curve.hpp>
#include <kith/ledger/evm/detail/signed_digits.hpp>

namespace kith::ledger::bn254 {
namespace {

constexpr Fp curve_b = Fp::from(3);

/// Where x is X / Z^2 and y is Y / Z^3: no inversions. Z is zero at infinity.
struct Jacobian {
  Fp x;
  Fp y;
  Fp z;

  bool is_infinite() const noexcept { return z.is_zero(); }
  Jacobian operator-() const noexcept { return {x, -y, z}; }
};

Jacobian doubled(const Jacobian& a) noexcept {
  const Fp xx = a.x.squared();
  const Fp yy = a.y.squared();
  const Fp yyyy = yy.squared();
  const Fp s = ((a.x + yy).squared() - xx - yyyy).doubled();
  const Fp m = xx.doubled() + xx;
  const Fp x = m.squared() - s.doubled();
  return {x, m * (s - x) - yyyy.doubled().doubled().doubled(), (a.y * a.z).doubled()};
}

Jacobian sum(const Jacobian& a, const Jacobian& b) noexcept {
  if (a.is_infinite()) return b;
  if (b.is_infinite()) return a;
  const Fp azz = a.z.squared();
  const Fp bzz = b.z.squared();
  const Fp ax = a.x * bzz;
  const Fp bx = b.x * azz;
  const Fp ay = a.y * b.z * bzz;
  const Fp by = b.y * a.z * azz;
  if (ax == bx) return ay == by ? doubled(a) : Jacobian();
  const Fp h = bx - ax;
  const Fp r = by - ay;
  const Fp hh = h.squared();
  const Fp hhh = h * hh;
  const Fp v = ax * hh;
  const Fp x = r.squared() - hhh - v.doubled();
  return {x, r * (v - x) - ay * hhh, a.z * b.z * h};
}

G1 affine(const Jacobian& a) noexcept {
  if (a.is_infinite()) return {};
  const Fp inverse = a.z.inverted();
  const Fp square = inverse.squared();
  return {a.x * square, a.y * square * inverse};
}

// Multiplication takes a scalar k apart as i + j lambda, i and j of half its length, since
// lambda (x, y) is (beta x, y) (Gallant, Lambert and Vanstone 2001). The pairs (i, j) that give 0
// are a lattice; its short vectors are (6u^2 + 4u + 1, 2u + 1) and (-(2u + 1), 6u^2 + 2u).

constexpr U256 short_side = U256(2) * u + 1;
constexpr U256 long_side = U256(6) * u_squared + U256(4) * u + 1;
constexpr U256 middle_side = U256(6) * u_squared + U256(2) * u;

/// a 2^256 / r, for a below r.
constexpr U256 over_order(U256 a) noexcept {
  U256 quotient;
  for (int i = 0; i < 256; ++i) {
    a = a + a;
    quotient = quotient + quotient;
    if (a >= order) {
      a = a - order;
      quotient = quotient + 1;
    }
  }
  return quotient;
}

/// a b / 2^256.
constexpr U256 high_product(const U256& a, const U256& b) noexcept {
  const Product product = Portable::multiply({a.limb(0), a.limb(1), a.limb(2), a.limb(3)},
                                             {b.limb(0), b.limb(1), b.limb(2), b.limb(3)});
  return {product.high[0], product.high[1], product.high[2], product.high[3]};
}

/// The x of lambda (x, y) over x, a cube root of 1: of the two, the one that belongs to
/// lambda = 36u^3 + 18u^2 + 6u + 1. A root of x^2 + x + 1 is (sqrt(-3) - 1) / 2, and a square root
/// is a power of (p + 1) / 4, p being 3 modulo 4. precompile_test.cpp holds the two together.
Fp cube_root_of_one() noexcept {
  static const Fp root = [] {
    const Fp square = -curve_b;
    const U256 exponent = (prime >> 2) + 1;
    Fp power = Fp::one();
    for (unsigned i = exponent.bit_width(); i-- > 0;) {
      power = power.squared();
      if (exponent.bit(i)) power = power * square;
    }
    return (power - Fp::one()).halved();
  }();
  return root;
}

constexpr unsigned window = 5;
constexpr std::size_t half_bits = 130;
using OddMultiples = std::array<Jacobian, 1 << (window - 2)>;

/// Adds `digit` times the point whose odd multiples these are.
void add_multiple(Jacobian& total, const OddMultiples& odd, int digit) noexcept {
  if (digit > 0) total = sum(total, odd[static_cast<std::size_t>(digit / 2)]);
  if (digit < 0) total = sum(total, -odd[static_cast<std::size_t>(-digit / 2)]);
}

struct Halves {
  U256 of_point;
  U256 of_image;
};

/// Two's complement, each below 2^129 in size: the quotients are at most 2 too small.
Halves halves_of(const U256& scalar) noexcept {
  constexpr U256 first_factor = over_order(middle_side);
  constexpr U256 second_factor = over_order(short_side);
  const U256 first = high_product(scalar, first_factor);
  const U256 second = high_product(scalar, second_factor);
  return {scalar - first * long_side - second * short_side,
          second * middle_side - first * short_side};
}

std::optional<Fp> decode_coordinate(ByteView bytes, std::size_t index) noexcept {
  const U256 number = U256::from_be(bytes.data() + coordinate_bytes * index);
  if (number >= prime) return std::nullopt;
  return Fp::from(number);
}

std::optional<Fp2> decode_coordinates(ByteView bytes, std::size_t index) noexcept {
  const auto im = decode_coordinate(bytes, index);
  const auto re = decode_coordinate(bytes, index + 1);
  if (!im || !re) return std::nullopt;
  return Fp2{*re, *im};
}

template <class Field>
bool is_on_curve(const Point<Field>& point, const Field& b) noexcept {
  return point.is_infinite() || point.y.squared() == point.x.squared() * point.x + b;
}

}  // namespace

const Fp2& twist_b() noexcept {
  static const Fp2 b = xi.inverted() * curve_b;
  return b;
}

std::optional<G1> decode_g1(ByteView bytes) noexcept {
  ASSERT(bytes.size() == g1_bytes);
  const auto x = decode_coordinate(bytes, 0);
  const auto y = decode_coordinate(bytes, 1);
  if (!x || !y) return std::nullopt;
  const G1 point{*x, *y};
  if (!is_on_curve(point, curve_b)) return std::nullopt;
  return point;
}

std::optional<G2> decode_g2(ByteView bytes) noexcept {
  ASSERT(bytes.size() == g2_bytes);
  const auto x = decode_coordinates(bytes, 0);
  const auto y = decode_coordinates(bytes, 2);
  if (!x || !y) return std::nullopt;
  const G2 point{*x, *y};
  if (!is_on_curve(point, twist_b())) return std::nullopt;
  return point;
}

std::array<std::uint8_t, g1_bytes> encode_g1(const G1& point) noexcept {
  std::array<std::uint8_t, g1_bytes> bytes;
  point.x.value().store_be(bytes.data());
  point.y.value().store_be(bytes.data() + coordinate_bytes);
  return bytes;
}

G1 add(const G1& a, const G1& b) noexcept {
  if (a.is_infinite()) return b;
  if (b.is_infinite()) return a;
  Fp slope;
  if (a.x == b.x) {
    // No point has order 2, so y isn't zero.
    if (a.y != b.y) return {};
    const Fp xx = a.x.squared();
    slope = (xx.doubled() + xx) * a.y.doubled().inverted();
  } else {
    slope = (b.y - a.y) * (b.x - a.x).inverted();
  }
  const Fp x = slope.squared() - a.x - b.x;
  return {x, slope * (a.x - x) - a.y};
}

G1 multiply(const G1& point, const U256& scalar) noexcept {
  if (point.is_infinite()) return point;
  auto [i, j] = halves_of(scalar % order);
  Jacobian base{point.x, point.y, Fp::one()};
  bool is_opposite = j.is_negative();
  if (i.is_negative()) {
    base = -base;
    i = -i;
    is_opposite = !is_opposite;
  }
  if (j.is_negative()) j = -j;
  OddMultiples odd;
  OddMultiples image;
  const Jacobian twice = doubled(base);
  odd[0] = base;
  for (std::size_t k = 1; k < odd.size(); ++k)
    odd[k] = sum(odd[k - 1], twice);
  for (std::size_t k = 0; k < odd.size(); ++k)
    image[k] = {odd[k].x * cube_root_of_one(), is_opposite ? -odd[k].y : odd[k].y, odd[k].z};
  const auto digits = signed_digits<half_bits>(i, window);
  const auto image_digits = signed_digits<half_bits>(j, window);
  Jacobian total;
  for (std::size_t k = std::max(digits.size, image_digits.size); k-- > 0;) {
    total = doubled(total);
    add_multiple(total, odd, digits.at[k]);
    add_multiple(total, image, image_digits.at[k]);
  }
  return affine(total);
}

G2 frobenius(const G2& point) noexcept {
  const Frobenius& factors = frobenius_factors();
  return {point.x.conjugate() * factors.once[2], point.y.conjugate() * factors.once[3]};
}

}  // namespace kith::ledger::bn254
