// secp256k1 as ledgers use it: signatures over a hash of 32 bytes from which the signer's public
// key can be recovered (SEC 1, 4.1.6), and keys made of others. Identity keys of libp2p on the same
// curve are in keys.hpp.
//
// Thread: any.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include <kith/base/bytes.hpp>
#include <kith/crypto/secret.hpp>

namespace kith::crypto {

struct RecoverableSignature {
  std::array<std::uint8_t, 32> r;  ///< big-endian
  std::array<std::uint8_t, 32> s;
  bool is_odd = false;  ///< of the point whose x coordinate is r, y
};

/// A point's coordinates, x before y, each big-endian.
using Secp256k1Point = std::array<std::uint8_t, 64>;

/// The public key that made the signature of that hash. Nothing if there is none: r or s is zero or
/// not below the curve's order, or r is no point's coordinate. An s in the upper half is taken; who
/// must refuse it compares it.
std::optional<Secp256k1Point> secp256k1_recover(ByteView hash,
                                                const RecoverableSignature& signature) noexcept;

/// A signature with s in the lower half and a nonce by RFC 6979. `hash` has 32 bytes. Nothing if
/// the secret isn't between 1 and the curve's order.
std::optional<RecoverableSignature> secp256k1_sign(ByteView hash,
                                                   const SecretArray<32>& secret) noexcept;

/// Nothing if the secret isn't between 1 and the curve's order.
std::optional<Secp256k1Point> secp256k1_public_point(const SecretArray<32>& secret) noexcept;

/// A point as SEC 1, 2.3.3 writes it with compression: 02 or 03 by y's parity, then x.
using Secp256k1Compressed = std::array<std::uint8_t, 33>;

Secp256k1Compressed secp256k1_compress(const Secp256k1Point& point) noexcept;
/// Nothing if it is no point of the curve, or not in this form.
std::optional<Secp256k1Point> secp256k1_decompress(const Secp256k1Compressed& form) noexcept;

// Sums, as keys are derived from one another (BIP 32): with a number that is below the curve's
// order, or else there is none.

/// The secret plus the number, modulo the order. Nothing if that is zero.
std::optional<SecretArray<32>> secp256k1_add(const SecretArray<32>& secret,
                                             std::span<const std::uint8_t, 32> number) noexcept;
/// The point plus the number's point. Nothing if that is the point at infinity.
std::optional<Secp256k1Point> secp256k1_add(const Secp256k1Point& point,
                                            std::span<const std::uint8_t, 32> number) noexcept;

}  // namespace kith::crypto
