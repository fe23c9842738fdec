#include <algorithm>
#include <array>
#include <blst.h>
#include <cstring>
#include <vector>

#include <kith/ledger/evm/detail/bls12_381.hpp>

namespace kith::ledger::detail {
namespace {

constexpr std::size_t padding_bytes = 16;
constexpr std::size_t digit_bytes = 48;
constexpr std::size_t number_bytes = padding_bytes + digit_bytes;
constexpr std::size_t scalar_bytes = 32;
constexpr std::size_t scalar_bits = 255;  ///< below the groups' order

/// The field's, big-endian.
constexpr std::array<std::uint8_t, digit_bytes> prime{
    0x1a, 0x01, 0x11, 0xea, 0x39, 0x7f, 0xe6, 0x9a, 0x4b, 0x1b, 0xa7, 0xb6, 0x43, 0x4b, 0xac, 0xd7,
    0x64, 0x77, 0x4b, 0x84, 0xf3, 0x85, 0x12, 0xbf, 0x67, 0x30, 0xd2, 0xa0, 0xf6, 0xb0, 0xf6, 0x24,
    0x1e, 0xab, 0xff, 0xfe, 0xb1, 0x53, 0xff, 0xff, 0xb9, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xaa, 0xab};

/// False if it's no number of the field.
bool read(ByteView encoded, blst_fp& number) {
  const ByteView padding = encoded.first(padding_bytes);
  const ByteView digits = encoded.subspan(padding_bytes);
  if (std::ranges::any_of(padding, [](std::uint8_t byte) { return byte != 0; })) return false;
  if (std::memcmp(digits.data(), prime.data(), digit_bytes) >= 0) return false;
  blst_fp_from_bendian(&number, digits.data());
  return true;
}

bool read(ByteView encoded, blst_fp2& number) {
  return read(encoded.first(number_bytes), number.fp[0]) &&
         read(encoded.subspan(number_bytes), number.fp[1]);
}

void write(const blst_fp& number, Bytes& out) {
  out.resize(out.size() + number_bytes);
  blst_bendian_from_fp(out.data() + out.size() - digit_bytes, &number);
}

void write(const blst_fp2& number, Bytes& out) {
  write(number.fp[0], out);
  write(number.fp[1], out);
}

// The same in both groups, by blst's two names for it.

struct G1 {
  using Number = blst_fp;
  using Point = blst_p1;
  using Affine = blst_p1_affine;
  static constexpr std::size_t coordinate_bytes = number_bytes;

  static bool is_on_curve(const Affine& point) { return blst_p1_affine_on_curve(&point); }
  static bool is_in_group(const Affine& point) { return blst_p1_affine_in_g1(&point); }
  static bool is_infinity(const Affine& point) { return blst_p1_affine_is_inf(&point); }
  static void to_affine(Affine& affine, const Point& point) { blst_p1_to_affine(&affine, &point); }
  static void add(Point& sum, const Affine& a, const Affine& b) {
    blst_p1_from_affine(&sum, &a);
    blst_p1_add_or_double_affine(&sum, &sum, &b);
  }
  static void map(Point& point, const Number& number) { blst_map_to_g1(&point, &number, nullptr); }
  /// There is one pair at least, and no point is infinity: blst's algorithm doesn't know it.
  static void multiply_and_add(Point& sum, const std::vector<Affine>& points,
                               const std::vector<blst_scalar>& scalars) {
    const Affine* const all_points[] = {points.data(), nullptr};
    const byte* const all_scalars[] = {scalars.front().b, nullptr};
    const std::size_t scratch_bytes = blst_p1s_mult_pippenger_scratch_sizeof(points.size());
    std::vector<limb_t> scratch(scratch_bytes / sizeof(limb_t));
    blst_p1s_mult_pippenger(&sum, all_points, points.size(), all_scalars, scalar_bits,
                            scratch.data());
  }
};

struct G2 {
  using Number = blst_fp2;
  using Point = blst_p2;
  using Affine = blst_p2_affine;
  static constexpr std::size_t coordinate_bytes = 2 * number_bytes;

  static bool is_on_curve(const Affine& point) { return blst_p2_affine_on_curve(&point); }
  static bool is_in_group(const Affine& point) { return blst_p2_affine_in_g2(&point); }
  static bool is_infinity(const Affine& point) { return blst_p2_affine_is_inf(&point); }
  static void to_affine(Affine& affine, const Point& point) { blst_p2_to_affine(&affine, &point); }
  static void add(Point& sum, const Affine& a, const Affine& b) {
    blst_p2_from_affine(&sum, &a);
    blst_p2_add_or_double_affine(&sum, &sum, &b);
  }
  static void map(Point& point, const Number& number) { blst_map_to_g2(&point, &number, nullptr); }
  /// There is one pair at least, and no point is infinity: blst's algorithm doesn't know it.
  static void multiply_and_add(Point& sum, const std::vector<Affine>& points,
                               const std::vector<blst_scalar>& scalars) {
    const Affine* const all_points[] = {points.data(), nullptr};
    const byte* const all_scalars[] = {scalars.front().b, nullptr};
    const std::size_t scratch_bytes = blst_p2s_mult_pippenger_scratch_sizeof(points.size());
    std::vector<limb_t> scratch(scratch_bytes / sizeof(limb_t));
    blst_p2s_mult_pippenger(&sum, all_points, points.size(), all_scalars, scalar_bits,
                            scratch.data());
  }
};

template <class Group>
constexpr std::size_t point_bytes = 2 * Group::coordinate_bytes;

/// A point of the curve or infinity, which is blst's (0, 0) as well.
template <class Group>
bool read_curve_point(ByteView encoded, typename Group::Affine& point) {
  return read(encoded.first(Group::coordinate_bytes), point.x) &&
         read(encoded.subspan(Group::coordinate_bytes), point.y) && Group::is_on_curve(point);
}

template <class Group>
bool read_group_point(ByteView encoded, typename Group::Affine& point) {
  return read_curve_point<Group>(encoded, point) &&
         (Group::is_infinity(point) || Group::is_in_group(point));
}

template <class Group>
Bytes written(const typename Group::Point& point) {
  typename Group::Affine affine;
  Group::to_affine(affine, point);
  Bytes out;
  out.reserve(point_bytes<Group>);
  write(affine.x, out);
  write(affine.y, out);
  return out;
}

template <class Group>
std::optional<Bytes> add(ByteView input) {
  if (input.size() != 2 * point_bytes<Group>) return std::nullopt;
  typename Group::Affine a;
  typename Group::Affine b;
  if (!read_curve_point<Group>(input.first(point_bytes<Group>), a) ||
      !read_curve_point<Group>(input.subspan(point_bytes<Group>), b))
    return std::nullopt;
  typename Group::Point sum;
  Group::add(sum, a, b);
  return written<Group>(sum);
}

template <class Group>
std::optional<Bytes> multiply_and_add(ByteView input) {
  constexpr std::size_t pair_bytes = point_bytes<Group> + scalar_bytes;
  if (input.empty() || input.size() % pair_bytes != 0) return std::nullopt;
  std::vector<typename Group::Affine> points;
  std::vector<blst_scalar> scalars;
  points.reserve(input.size() / pair_bytes);
  scalars.reserve(input.size() / pair_bytes);
  for (; !input.empty(); input = input.subspan(pair_bytes)) {
    typename Group::Affine point;
    if (!read_group_point<Group>(input.first(point_bytes<Group>), point)) return std::nullopt;
    // Modulo the order of all those points. False if that is zero.
    blst_scalar scalar;
    const bool counts =
        blst_scalar_from_be_bytes(&scalar, input.data() + point_bytes<Group>, scalar_bytes);
    if (!counts || Group::is_infinity(point)) continue;
    points.push_back(point);
    scalars.push_back(scalar);
  }
  typename Group::Point sum{};
  if (!points.empty()) Group::multiply_and_add(sum, points, scalars);
  return written<Group>(sum);
}

template <class Group>
std::optional<Bytes> map(ByteView input) {
  typename Group::Number number;
  if (input.size() != Group::coordinate_bytes || !read(input, number)) return std::nullopt;
  typename Group::Point point;
  Group::map(point, number);
  return written<Group>(point);
}

}  // namespace

std::optional<Bytes> bls12_g1_add(ByteView input) {
  return add<G1>(input);
}
std::optional<Bytes> bls12_g2_add(ByteView input) {
  return add<G2>(input);
}

std::optional<Bytes> bls12_g1_msm(ByteView input) {
  return multiply_and_add<G1>(input);
}
std::optional<Bytes> bls12_g2_msm(ByteView input) {
  return multiply_and_add<G2>(input);
}

std::optional<Bytes> bls12_pairing_check(ByteView input) {
  constexpr std::size_t pair_bytes = point_bytes<G1> + point_bytes<G2>;
  if (input.empty() || input.size() % pair_bytes != 0) return std::nullopt;
  std::vector<blst_p1_affine> ps;
  std::vector<blst_p2_affine> qs;
  ps.reserve(input.size() / pair_bytes);
  qs.reserve(input.size() / pair_bytes);
  for (; !input.empty(); input = input.subspan(pair_bytes)) {
    blst_p1_affine p;
    blst_p2_affine q;
    if (!read_group_point<G1>(input.first(point_bytes<G1>), p) ||
        !read_group_point<G2>(input.subspan(point_bytes<G1>, point_bytes<G2>), q))
      return std::nullopt;
    // Such a pair is a factor of one, which blst's loop doesn't know.
    if (blst_p1_affine_is_inf(&p) || blst_p2_affine_is_inf(&q)) continue;
    ps.push_back(p);
    qs.push_back(q);
  }
  blst_fp12 product = *blst_fp12_one();
  if (!ps.empty()) {
    const blst_p1_affine* const all_ps[] = {ps.data(), nullptr};
    const blst_p2_affine* const all_qs[] = {qs.data(), nullptr};
    blst_miller_loop_n(&product, all_qs, all_ps, ps.size());
    blst_final_exp(&product, &product);
  }
  Bytes output(32);
  output.back() = blst_fp12_is_one(&product) ? 1 : 0;
  return output;
}

std::optional<Bytes> bls12_map_fp_to_g1(ByteView input) {
  return map<G1>(input);
}
std::optional<Bytes> bls12_map_fp2_to_g2(ByteView input) {
  return map<G2>(input);
}

}  // namespace kith::ledger::detail
