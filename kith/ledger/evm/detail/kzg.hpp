// Whether the polynomial of a blob has a value at a point, by a KZG proof (EIP-4844; the consensus
// specification's deneb/polynomial-commitments.md, verify_kzg_proof).
//
// Of Ethereum's trusted setup a verifier needs one point, tau * G2. A build without blst
// (KITH_KZG=OFF) hasn't got this. Thread: any.
#pragma once

#include <optional>

#include <kith/base/bytes.hpp>

namespace kith::ledger::detail {

/// Input: versioned hash of the commitment (32), point z (32), value y (32), commitment (48), proof
/// (48). Output: how many numbers a blob has, and the modulus that they are below. Nothing if the
/// proof doesn't hold or anything isn't as it's to be written.
std::optional<Bytes> evaluate_kzg_point(ByteView input);

}  // namespace kith::ledger::detail
