// BLAKE2s (RFC 7693) of any digest length, and BLAKE3 (the BLAKE3 paper, section 2) with its
// extendable output: neither OpenSSL 3.0 nor libsodium has them. Plain, portable code: these serve
// foreign CIDs, nothing of ours is hashed with them. BLAKE2b is libsodium's.
#pragma once

#include <kith/base/bytes.hpp>

namespace kith::crypto::detail {

/// Fills `digest`, 1 to 32 bytes.
void blake2s(ByteView data, MutableBytes digest) noexcept;

/// Fills `digest`, of any length.
void blake3(ByteView data, MutableBytes digest) noexcept;

}  // namespace kith::crypto::detail
