// The contracts on the curve BN254, also known as alt_bn128: 0x06 adds points, 0x07 multiplies them
// (EIP-196), 0x08 tells whether pairings cancel each other out (EIP-197). Their gas since Istanbul
// is EIP-1108's. Thread: any.
#pragma once

#include <cstdint>
#include <optional>

#include <kith/base/bytes.hpp>
#include <kith/ledger/evm/revision.hpp>

namespace kith::ledger::detail {

std::int64_t bn254_add_gas(ByteView input, Revision revision);
std::int64_t bn254_multiply_gas(ByteView input, Revision revision);
std::int64_t bn254_pairing_gas(ByteView input, Revision revision);

/// Two points of 64 bytes; their sum. Short input goes on with zeros, longer input is cut. Nothing
/// if one isn't on the curve.
std::optional<Bytes> bn254_add(ByteView input, Revision revision);
/// A point and a number of 32 bytes; their product. As above.
std::optional<Bytes> bn254_multiply(ByteView input, Revision revision);
/// Points of the curve and of its twist in turns, 192 bytes a pair; 1 or 0 in 32 bytes. Nothing if
/// the input isn't whole pairs, or a point isn't on its curve or not of its group.
std::optional<Bytes> bn254_pairing(ByteView input, Revision revision);

}  // namespace kith::ledger::detail
