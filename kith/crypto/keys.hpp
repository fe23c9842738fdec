// Identity keys of libp2p: Ed25519, secp256k1, ECDSA on P-256, and RSA.
// Specification: libp2p/specs, peer-ids/peer-ids.md, "Keys".
//
//   encoded key   protobuf, in its one deterministic form:  08 TYPE  12 LENGTH DATA
//
//   type          public DATA                        private DATA                    signature
//   0 rsa         PKIX, DER                          PKCS#1, DER                     PKCS#1 v1.5
//   1 ed25519     32 bytes                           seed, public key (64 bytes)     RFC 8032
//   2 secp256k1   compressed point, 33 bytes         scalar, 32 bytes                DER, low S
//   3 ecdsa       PKIX, DER, uncompressed (91)       RFC 5915, DER (121)             DER
//
// All but Ed25519 sign the SHA-256 of the message.
//
// Invariants: a PublicKey or PrivateKey that exists is valid and encodes to exactly the bytes it
// was decoded from (but for Ed25519's old private form of 96 bytes, which becomes 64); anything
// else, padded varints, fields in another order, another DER form, is refused, since the peer id is
// a hash of the encoding. Limits: limits.hpp; RSA exponents are odd and below 2^31, as a large one
// would make verification slow.
//
// Both are values: a copy shares immutable state, and any thread may use it. Private bytes are
// wiped when the last copy dies. Signatures are deterministic (ECDSA's by RFC 6979), and so are new
// keys in the randomness that they are made of, but for RSA: OpenSSL makes its primes of its own
// randomness, so that a simulation which needs an RSA identity takes one that is written down.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/error.hpp>
#include <kith/crypto/limits.hpp>
#include <kith/crypto/random.hpp>

namespace kith::crypto {

namespace detail {
class PublicKeyState;
class PrivateKeyState;
}  // namespace detail

/// The number is the one on the wire.
enum class KeyType : std::uint8_t { rsa = 0, ed25519 = 1, secp256k1 = 2, ecdsa = 3 };

/// "rsa", "ed25519", "secp256k1" or "ecdsa".
std::string_view to_string(KeyType type) noexcept;
std::optional<KeyType> key_type_from(std::string_view name) noexcept;

class PublicKey {
 public:
  /// Reads the protobuf. CryptoError::bad_encoding, bad_key, unsupported_key or key_too_long.
  static Result<PublicKey> decode(ByteView encoded);

  /// Makes a key of the protobuf's Data field. The same errors.
  static Result<PublicKey> from_data(KeyType type, ByteView data);

  KeyType type() const noexcept;
  /// The protobuf, for as long as a copy of the key lives.
  ByteView encoded() const& noexcept;
  ByteView encoded() const&& = delete;
  /// Its Data field, likewise.
  ByteView data() const& noexcept;
  ByteView data() const&& = delete;

  /// True if `signature` is this key's over `message`; false for anything else, of any length.
  [[nodiscard]] bool verify(ByteView message, ByteView signature) const noexcept;

  friend bool operator==(const PublicKey& a, const PublicKey& b) noexcept {
    return equal(a.encoded(), b.encoded());
  }

 private:
  friend class detail::PrivateKeyState;
  explicit PublicKey(std::shared_ptr<const detail::PublicKeyState> state) noexcept
      : state_(std::move(state)) {}

  std::shared_ptr<const detail::PublicKeyState> state_;
};

class PrivateKey {
 public:
  /// A new key from `random`. RSA alone ignores it, takes OpenSSL's own randomness and has
  /// rsa_bits_default. CryptoError::internal if `random` gives no usable number or memory is gone.
  static Result<PrivateKey> generate(KeyType type, const RandomFill& random);

  /// A new RSA key, from OpenSSL's own randomness; takes up to seconds.
  /// CryptoError::unsupported_key if `bits` is out of bounds.
  static Result<PrivateKey> generate_rsa(std::size_t bits);

  /// The Ed25519 key of a seed (RFC 8032, 5.1.5).
  static PrivateKey from_ed25519_seed(std::span<const std::uint8_t, 32> seed);

  /// Reads the protobuf. CryptoError::bad_encoding, bad_key, unsupported_key or key_too_long.
  static Result<PrivateKey> decode(ByteView encoded);

  /// Makes a key of the protobuf's Data field. The same errors.
  static Result<PrivateKey> from_data(KeyType type, ByteView data);

  KeyType type() const noexcept { return public_key().type(); }
  const PublicKey& public_key() const noexcept;

  /// The protobuf, for as long as a copy of the key lives: a secret.
  ByteView encoded() const& noexcept;
  ByteView encoded() const&& = delete;
  /// Its Data field, likewise.
  ByteView data() const& noexcept;
  ByteView data() const&& = delete;

  /// The signature over `message`. CryptoError::internal if OpenSSL fails (RSA, ECDSA).
  Result<Bytes> sign(ByteView message) const;

  friend bool operator==(const PrivateKey& a, const PrivateKey& b) noexcept {
    return a.public_key() == b.public_key();
  }

 private:
  explicit PrivateKey(std::shared_ptr<const detail::PrivateKeyState> state) noexcept
      : state_(std::move(state)) {}

  std::shared_ptr<const detail::PrivateKeyState> state_;
};

}  // namespace kith::crypto
