// What contracts may compute over the curve BLS12-381 (EIP-2537): sums in its groups G1 and G2, the
// pairing of the two, and maps of numbers onto them.
//
//   number of the field           64 bytes, big-endian, below its prime: the first 16 are zero
//   number of its extension      128: c0, c1 of c0 + c1 * u
//   point of G1, of G2      128, 256: x, y; all zero is the point at infinity
//   scalar                        32, big-endian, any
//
// Each function gives nothing for input that has another length than it says or isn't what it says.
// It costs what bls12_381_contracts.cpp tells, so input is bounded by gas. A build without blst
// (KITH_KZG=OFF) has none of them. Thread: any.
#pragma once

#include <optional>

#include <kith/base/bytes.hpp>

namespace kith::ledger::detail {

/// Of two points of the curve; they needn't be in the group.
std::optional<Bytes> bls12_g1_add(ByteView input);
std::optional<Bytes> bls12_g2_add(ByteView input);

/// The sum of points of the group, each times the scalar that follows it; one pair at least.
std::optional<Bytes> bls12_g1_msm(ByteView input);
std::optional<Bytes> bls12_g2_msm(ByteView input);

/// Whether the product of e(P, Q) is one, in 32 bytes: of pairs of a point of G1 and one of G2; one
/// pair at least.
std::optional<Bytes> bls12_pairing_check(ByteView input);

/// The point that a number maps to (RFC 9380, 6.6.3, with the cofactor cleared).
std::optional<Bytes> bls12_map_fp_to_g1(ByteView input);
std::optional<Bytes> bls12_map_fp2_to_g2(ByteView input);

}  // namespace kith::ledger::detail
