// The secret number of a deterministic ECDSA signature (RFC 6979, section 3.2), for a curve whose
// order has 256 bits and SHA-256: a generator of HMACs that is seeded with the private key and the
// hash of the message, so that nobody can guess its numbers and the same message has the same ones.
#pragma once

#include <span>

#include <kith/crypto/secret.hpp>

namespace kith::crypto::detail {

class Rfc6979 {
 public:
  using Number = SecretArray<32>;

  /// `key` is the private scalar; `digest` the message's SHA-256 reduced modulo the curve's order
  /// (bits2octets). Both big-endian.
  Rfc6979(std::span<const std::uint8_t, 32> key, std::span<const std::uint8_t, 32> digest) noexcept;

  /// The next candidate, big-endian: whoever asks tests that it is in [1, order) and asks again if
  /// it isn't.
  Number next() noexcept;

 private:
  void absorb(std::uint8_t separator, ByteView seed = {}) noexcept;

  SecretArray<32> key_;    ///< K
  SecretArray<32> value_;  ///< V
  bool asked_ = false;
};

}  // namespace kith::crypto::detail
