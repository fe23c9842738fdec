// X25519 key agreement (RFC 7748, section 5), by libsodium. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/error.hpp>
#include <kith/crypto/secret.hpp>

namespace kith::crypto {

inline constexpr std::size_t x25519_bytes = 32;

/// Any 32 random bytes; clamped when used.
using X25519Secret = SecretArray<x25519_bytes>;
using X25519Public = std::array<std::uint8_t, x25519_bytes>;
using X25519Shared = SecretArray<x25519_bytes>;

/// The public key of a secret one.
X25519Public x25519_public(const X25519Secret& secret) noexcept;

/// The secret shared with the holder of `peer`. CryptoError::low_order_point if it would be zero,
/// which a peer can force whatever our secret is (RFC 7748, 6.1).
Result<X25519Shared> x25519(const X25519Secret& secret,
                            std::span<const std::uint8_t, x25519_bytes> peer);

}  // namespace kith::crypto
