// AES-128 in counter mode (NIST SP 800-38A, 6.5), for the files of others: it tells nobody whether
// the text was changed. Whoever can choose takes aead.hpp. Any thread.
#pragma once

#include <cstdint>
#include <span>

#include <kith/base/bytes.hpp>

namespace kith::crypto {

inline constexpr std::size_t aes_128_key_bytes = 16;
inline constexpr std::size_t aes_block_bytes = 16;

/// Encrypts or decrypts `text` where it is. `counter` is the first block's, and counts up as a
/// big-endian number of 128 bits. At most 1 GiB (asserted).
void aes_128_ctr(std::span<const std::uint8_t, aes_128_key_bytes> key,
                 std::span<const std::uint8_t, aes_block_bytes> counter,
                 MutableBytes text) noexcept;

}  // namespace kith::crypto
