// P-256 (secp256r1) as ledgers use it: signatures over a hash of 32 bytes by a public point
// (FIPS 186-5, 6.4.2). Identity keys of libp2p on the same curve are in keys.hpp.
//
// Thread: any.
#pragma once

#include <kith/base/bytes.hpp>

namespace kith::crypto {

/// Whether (r, s) is a signature of that hash by the point (x, y), all of 32 bytes and big-endian.
/// False too if r or s is zero or not below the curve's order, if a coordinate isn't below its
/// prime, if the point isn't on the curve, or if memory is gone. An s in the upper half is taken.
bool p256_verify(ByteView hash, ByteView r, ByteView s, ByteView x, ByteView y) noexcept;

}  // namespace kith::crypto
