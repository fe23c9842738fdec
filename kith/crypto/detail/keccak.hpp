// Keccak[c] with its original padding (the Keccak submission, 3.0), which OpenSSL 3.0 lacks: what
// multicodec calls keccak-224 .. keccak-512 and Ethereum uses. SHA-3 itself is OpenSSL's.
#pragma once

#include <kith/base/bytes.hpp>

namespace kith::crypto::detail {

inline constexpr std::uint8_t keccak_padding = 0x01;
inline constexpr std::uint8_t sha3_padding = 0x06;

/// Fills `digest` (28, 32, 48 or 64 bytes; the capacity is twice that). `padding` is the byte that
/// follows the data; another one makes it SHA-3.
void keccak(ByteView data, MutableBytes digest, std::uint8_t padding = keccak_padding) noexcept;

}  // namespace kith::crypto::detail
