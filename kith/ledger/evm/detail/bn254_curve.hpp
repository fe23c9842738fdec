// The two groups of BN254: the points of y^2 = x^3 + 3 over Fp, all of order r (G1), and those
// points of its twist y^2 = x^3 + 3 / xi over Fp2 whose order is r (G2). Thread: any.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/ledger/evm/detail/bn254_tower.hpp>

namespace kith::ledger::bn254 {

inline constexpr std::size_t coordinate_bytes = 32;
inline constexpr std::size_t g1_bytes = 2 * coordinate_bytes;
inline constexpr std::size_t g2_bytes = 4 * coordinate_bytes;

/// Of the curve over Fp or over Fp2. The point at infinity is (0, 0), which is on neither.
template <class Field>
struct Point {
  Field x;
  Field y;

  bool is_infinite() const noexcept { return x.is_zero() && y.is_zero(); }
  Point operator-() const noexcept { return {x, -y}; }
  friend bool operator==(const Point& a, const Point& b) noexcept = default;
};
using G1 = Point<Fp>;
using G2 = Point<Fp2>;

/// 3 / xi.
const Fp2& twist_b() noexcept;

/// Two coordinates, big-endian (EIP-196). Nothing if one isn't below p or the point isn't on the
/// curve. `bytes` has 64.
std::optional<G1> decode_g1(ByteView bytes) noexcept;
/// The imaginary part of each coordinate first (EIP-197). As above, of the twist; its order isn't
/// checked. `bytes` has 128.
std::optional<G2> decode_g2(ByteView bytes) noexcept;
std::array<std::uint8_t, g1_bytes> encode_g1(const G1& point) noexcept;

G1 add(const G1& a, const G1& b) noexcept;
/// By any number, be it above r.
G1 multiply(const G1& point, const U256& scalar) noexcept;

/// The map of the twist that raising both coordinates to the power of p is on the curve.
G2 frobenius(const G2& point) noexcept;

struct Pair {
  G1 first;
  G2 second;
};

/// Whether the product of the pairs' pairings is 1. Nothing if a second point isn't of order r.
std::optional<bool> pairings_cancel(const std::vector<Pair>& pairs);

/// The product of the pairs' pairings, but for an exponent that doesn't depend on them and is prime
/// to r. Nothing as above.
std::optional<Fp12> pairing(const std::vector<Pair>& pairs);

}  // namespace kith::ledger::bn254
