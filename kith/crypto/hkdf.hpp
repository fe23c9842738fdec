// HMAC-SHA-256 and HMAC-SHA-512 (RFC 2104), HKDF-SHA-256 (RFC 5869). Any thread; an incremental
// HmacSha256 belongs to one thread at a time.
#pragma once

#include <array>
#include <cstddef>

#include <kith/base/bytes.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/crypto/secret.hpp>

namespace kith::crypto {

/// A key derived by HKDF.
using HkdfKey = SecretArray<32>;

/// What one HKDF-Expand can give at most (RFC 5869, 2.3).
inline constexpr std::size_t hkdf_sha256_bytes_max = 255 * 32;

/// HMAC-SHA-256 of data that comes in pieces. The state is inside the object, and is wiped with it.
class HmacSha256 {
 public:
  explicit HmacSha256(ByteView key) noexcept;
  HmacSha256(const HmacSha256&) = default;
  HmacSha256& operator=(const HmacSha256&) = default;
  ~HmacSha256();

  HmacSha256& update(ByteView data) noexcept;
  /// The code of all that was added. Only once.
  Sha256Digest finish() noexcept;

 private:
  alignas(8) std::array<std::uint8_t, 208> state_;
};

Sha256Digest hmac_sha256(ByteView key, ByteView data) noexcept;
Sha512Digest hmac_sha512(ByteView key, ByteView data) noexcept;

/// HKDF-Extract. An empty salt counts as 32 zero bytes.
HkdfKey hkdf_sha256_extract(ByteView salt, ByteView input_key) noexcept;

/// HKDF-Expand: fills `out`, at most hkdf_sha256_bytes_max bytes (asserted).
void hkdf_sha256_expand(ByteView key, ByteView info, MutableBytes out) noexcept;

/// Both after each other.
void hkdf_sha256(ByteView salt, ByteView input_key, ByteView info, MutableBytes out) noexcept;

}  // namespace kith::crypto
