// Noise's transport phase: messages of at most 65,535 bytes under two keys.
// Specification: libp2p/specs noise/README.md, "Wire Format"; Noise, section 5.1 (CipherState).
//
//   message   2 bytes length, big-endian, then ciphertext and a tag of 16 bytes
//
// NoiseSealer gathers plaintext into as few messages as can be, encrypting in the one buffer that
// goes to the socket. NoiseOpener decrypts where the bytes lie. Neither knows a socket. A message
// that can't be sealed or opened ends the channel. Thread: any, one at a time.
#pragma once

#include <cstdint>

#include <kith/base/buffer.hpp>
#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/aead.hpp>
#include <kith/net/security/limits.hpp>
#include <kith/net/security/noise_xx.hpp>

namespace kith::net {

class NoiseSealer {
 public:
  explicit NoiseSealer(const crypto::HkdfKey& key)
      : sealer_(crypto::AeadKind::chacha20_poly1305, key) {}

  /// Copies `plain` behind what was added before. NoiseError::nonces_exhausted.
  Result<void> add(ByteView plain);
  /// How many bytes of ciphertext wait, the open message's included.
  std::size_t pending_bytes() const noexcept { return out_.size(); }
  /// Ends the open message and gives all that wait; empty if there is nothing.
  Result<Bytes> take();

 private:
  friend struct NoiseTransportTest;
  Result<void> seal_open_message();

  crypto::Sealer sealer_;
  std::uint64_t nonce_ = 0;
  Bytes out_;
  std::size_t last_batch_bytes_ = 0;
  /// Where the open message starts in out_, its length included; npos if none is open.
  static constexpr std::size_t npos = SIZE_MAX;
  std::size_t open_ = npos;
};

class NoiseOpener {
 public:
  explicit NoiseOpener(const crypto::HkdfKey& key)
      : opener_(crypto::AeadKind::chacha20_poly1305, key) {}

  /// Bytes of the message at the front of `in`, its length included, or 0 if `in` has no length
  /// yet.
  static std::size_t message_bytes(ByteView in) noexcept;

  /// Decrypts a whole message (asserted) where it is and returns its plaintext, which may be empty.
  /// NoiseError::message_too_short, decryption_failed, nonces_exhausted.
  Result<MutableBytes> open(MutableBytes message);

 private:
  friend struct NoiseTransportTest;
  crypto::Opener opener_;
  std::uint64_t nonce_ = 0;
};

}  // namespace kith::net
