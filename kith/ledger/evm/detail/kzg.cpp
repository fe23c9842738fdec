#include <blst.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/ledger/evm/detail/kzg.hpp>
#include <kith/ledger/primitives/u256.hpp>

/// tau * G2, compressed: written by the build (third_party/kzg/trusted_setup.cmake).
extern "C" const unsigned char kith_kzg_tau_g2[96];

namespace kith::ledger::detail {
namespace {

constexpr std::uint8_t commitment_version = 0x01;
constexpr std::uint64_t numbers_a_blob = 4096;
constexpr std::size_t scalar_bytes = 32;
constexpr std::size_t scalar_bits = 255;
constexpr std::size_t point_bytes = 48;
constexpr std::size_t input_bytes = 3 * scalar_bytes + 2 * point_bytes;
/// The order of the curve's groups.
constexpr U256 modulus(0xffffffff00000001, 0x53bda402fffe5bfe, 0x3339d80809a1d805,
                       0x73eda753299d7d48);

blst_p2_affine uncompressed_tau() {
  blst_p2_affine tau;
  ASSERT(blst_p2_uncompress(&tau, kith_kzg_tau_g2) == BLST_SUCCESS);
  ASSERT(blst_p2_affine_in_g2(&tau) && !blst_p2_affine_is_inf(&tau));
  return tau;
}

bool read_scalar(ByteView encoded, blst_scalar& scalar) {
  blst_scalar_from_bendian(&scalar, encoded.data());
  return blst_scalar_fr_check(&scalar);
}

/// Infinity is fine: it commits to the polynomial 0.
bool read_point(ByteView encoded, blst_p1_affine& point) {
  return blst_p1_uncompress(&point, encoded.data()) == BLST_SUCCESS &&
         (blst_p1_affine_is_inf(&point) || blst_p1_affine_in_g1(&point));
}

/// With q the quotient (p - y) / (x - z), whose commitment is the proof:
///   p(tau) - y = q(tau) * (tau - z), so e(C - y * G1 + z * proof, -G2) * e(proof, tau * G2) = 1.
/// In this form no point of G2 has to be multiplied.
bool holds(const blst_p1_affine& commitment, const blst_scalar& z, const blst_scalar& y,
           const blst_p1_affine& proof) {
  blst_p1 value;
  blst_p1_mult(&value, blst_p1_generator(), y.b, scalar_bits);
  blst_p1_cneg(&value, true);
  blst_p1 sum;
  blst_p1_from_affine(&sum, &proof);
  blst_p1_mult(&sum, &sum, z.b, scalar_bits);
  blst_p1_add_or_double(&sum, &sum, &value);
  blst_p1_add_or_double_affine(&sum, &sum, &commitment);
  blst_p1_affine left;
  blst_p1_to_affine(&left, &sum);

  static const blst_p2_affine tau = uncompressed_tau();
  // Infinity pairs to one, and blst's loop doesn't know it.
  const blst_p1_affine* ps[2];
  const blst_p2_affine* qs[2];
  std::size_t pairs = 0;
  if (!blst_p1_affine_is_inf(&left)) {
    ps[pairs] = &left;
    qs[pairs++] = &BLS12_381_NEG_G2;
  }
  if (!blst_p1_affine_is_inf(&proof)) {
    ps[pairs] = &proof;
    qs[pairs++] = &tau;
  }
  if (pairs == 0) return true;
  blst_fp12 product;
  blst_miller_loop_n(&product, qs, ps, pairs);
  blst_final_exp(&product, &product);
  return blst_fp12_is_one(&product);
}

}  // namespace

std::optional<Bytes> evaluate_kzg_point(ByteView input) {
  if (input.size() != input_bytes) return std::nullopt;
  const ByteView versioned_hash = input.first(32);
  const ByteView commitment_text = input.subspan(96, point_bytes);
  auto hash = crypto::sha256(commitment_text);
  hash[0] = commitment_version;
  if (!equal(hash, versioned_hash)) return std::nullopt;
  blst_scalar z;
  blst_scalar y;
  blst_p1_affine commitment;
  blst_p1_affine proof;
  if (!read_scalar(input.subspan(32, scalar_bytes), z) ||
      !read_scalar(input.subspan(64, scalar_bytes), y) ||
      !read_point(commitment_text, commitment) ||
      !read_point(input.subspan(144, point_bytes), proof) || !holds(commitment, z, y, proof))
    return std::nullopt;
  Bytes output(64);
  U256(numbers_a_blob).store_be(output.data());
  modulus.store_be(output.data() + 32);
  return output;
}

}  // namespace kith::ledger::detail
