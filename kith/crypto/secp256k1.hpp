// secp256k1 as ledgers use it: signatures over a hash of 32 bytes from which the signer's public
// key can be recovered (SEC 1, 4.1.6). Identity keys of libp2p on the same curve are in keys.hpp.
//
// Thread: any.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

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

}  // namespace kith::crypto
