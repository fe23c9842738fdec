// The Noise protocol Noise_XX_25519_ChaChaPoly_SHA256: its three messages, and the keys they give.
// Specification: The Noise Protocol Framework, revision 34 (noiseprotocol.org/noise.html),
// section 5.
//
//   -> e                          payload in clear
//   <- e, ee, s, es               payload encrypted
//   -> s, se                      payload encrypted
//
// What the payloads mean is noise_handshake.hpp's business. Pure: the ephemeral key is handed in,
// and must be fresh for each handshake. After an error the object is of no more use. Thread: any.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/aead.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/crypto/hkdf.hpp>
#include <kith/crypto/x25519.hpp>
#include <kith/net/security/noise_error.hpp>

namespace kith::net {

/// The keys of the two directions of a finished handshake.
struct NoiseKeys {
  crypto::HkdfKey send;
  crypto::HkdfKey receive;
};

/// A nonce of Noise's ChaChaPoly: 4 zero bytes, then the counter, little-endian (section 12.3).
std::array<std::uint8_t, crypto::aead_nonce_bytes> noise_nonce(std::uint64_t counter) noexcept;

class NoiseXX {
 public:
  NoiseXX(bool initiator, crypto::X25519Secret static_key, crypto::X25519Secret ephemeral_key,
          ByteView prologue = {});

  /// True if it is our turn to write.
  bool writes_next() const noexcept { return (messages_ % 2 == 0) == initiator_; }
  bool finished() const noexcept { return messages_ == 3; }
  /// How many were written and read.
  int messages() const noexcept { return messages_; }

  /// Appends the next message with `payload`. It must be our turn (asserted).
  Result<void> write(ByteView payload, Bytes& out);
  /// Reads the peer's message and returns its payload. It must be the peer's turn (asserted).
  /// NoiseError::message_too_short, bad_key_share, decryption_failed.
  Result<Bytes> read(ByteView message);

  const crypto::X25519Public& local_static() const noexcept { return static_public_; }
  /// Known once the message that carries it was read.
  const crypto::X25519Public& remote_static() const noexcept { return remote_static_; }

  /// Of a finished handshake (asserted): the keys, and the hash that names this channel alone.
  NoiseKeys split() const;
  const crypto::Sha256Digest& handshake_hash() const noexcept { return hash_; }

 private:
  void mix_hash(ByteView data) noexcept;
  void mix_key(ByteView input) noexcept;
  Result<void> mix_dh(const crypto::X25519Secret& secret, const crypto::X25519Public& peer);
  void seal_and_hash(ByteView plain, Bytes& out);
  Result<Bytes> open_and_hash(ByteView cipher);

  bool initiator_;
  int messages_ = 0;
  crypto::X25519Secret static_;
  crypto::X25519Secret ephemeral_;
  crypto::X25519Public static_public_;
  crypto::X25519Public ephemeral_public_;
  crypto::X25519Public remote_static_{};
  crypto::X25519Public remote_ephemeral_{};
  crypto::Sha256Digest hash_;
  crypto::HkdfKey chaining_key_;
  std::optional<crypto::HkdfKey> cipher_key_;
  std::uint64_t nonce_ = 0;
};

}  // namespace kith::net
