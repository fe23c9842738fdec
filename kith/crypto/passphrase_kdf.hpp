// Keys from passphrases, as other programs' files and standards ask for: PBKDF2 (RFC 8018, 5.2) and
// scrypt (RFC 7914). Files of our own use Argon2id (key_file.hpp).
//
// Both burn time by design, so they belong on a worker. What a stranger's file may ask for is the
// caller's to limit. Any thread.
#pragma once

#include <cstdint>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>

namespace kith::crypto {

/// Fills `out`. `rounds` is at least 1 (asserted).
void pbkdf2_hmac_sha256(ByteView passphrase, ByteView salt, std::uint32_t rounds,
                        MutableBytes out) noexcept;
void pbkdf2_hmac_sha512(ByteView passphrase, ByteView salt, std::uint32_t rounds,
                        MutableBytes out) noexcept;

/// It takes 128 * n * r bytes of memory, and time by n * r * p.
struct ScryptCost {
  std::uint64_t n = 0;
  std::uint32_t r = 0;
  std::uint32_t p = 0;

  friend bool operator==(const ScryptCost&, const ScryptCost&) = default;
};

/// Whether scrypt is defined for this cost: n is a power of 2 above 1, and r * p is below 2^30. RFC
/// 7914 also wants n below 2^(16 * r), but keystores of Ethereum have r = 1 and larger ones.
bool is_valid(const ScryptCost& cost) noexcept;

/// Fills `out`. The cost is valid (asserted); CryptoError::internal if there isn't the memory.
Result<void> scrypt(ByteView passphrase, ByteView salt, const ScryptCost& cost, MutableBytes out);

}  // namespace kith::crypto
