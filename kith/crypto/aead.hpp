// Authenticated encryption: ChaCha20-Poly1305 (RFC 8439) and AES-GCM (NIST SP 800-38D), in place,
// with 96-bit nonces and 128-bit tags.
//
// A Sealer encrypts with one key, an Opener decrypts; each sets up its key once, and no call
// allocates. A nonce must never be used twice with one key: counting is the protocol's business.
// Not for two threads at a time; different objects are independent.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <kith/base/bytes.hpp>

struct evp_cipher_ctx_st;

namespace kith::crypto {

enum class AeadKind : std::uint8_t { chacha20_poly1305, aes_128_gcm, aes_256_gcm };

inline constexpr std::size_t aead_nonce_bytes = 12;
inline constexpr std::size_t aead_tag_bytes = 16;
/// The most that one call takes, of text and of additional data (asserted).
inline constexpr std::size_t aead_text_bytes_max = std::size_t{1} << 30;

/// 32 or, for AES-128, 16.
std::size_t aead_key_bytes(AeadKind kind) noexcept;

using AeadNonce = std::span<const std::uint8_t, aead_nonce_bytes>;

namespace detail {
struct FreeCipherContext {
  void operator()(evp_cipher_ctx_st* context) const noexcept;
};
using CipherContext = std::unique_ptr<evp_cipher_ctx_st, FreeCipherContext>;
}  // namespace detail

class Sealer {
 public:
  /// `key` has aead_key_bytes(kind) bytes (asserted).
  Sealer(AeadKind kind, ByteView key);

  /// Encrypts `text` where it is and writes its tag.
  void seal(AeadNonce nonce, ByteView additional, MutableBytes text,
            std::span<std::uint8_t, aead_tag_bytes> tag) noexcept;

 private:
  detail::CipherContext context_;
};

class Opener {
 public:
  /// `key` has aead_key_bytes(kind) bytes (asserted).
  Opener(AeadKind kind, ByteView key);

  /// Decrypts `text` where it is. False if the tag isn't that of this text, additional data, nonce
  /// and key: then `text` is zero.
  [[nodiscard]] bool open(AeadNonce nonce, ByteView additional, MutableBytes text,
                          std::span<const std::uint8_t, aead_tag_bytes> tag) noexcept;

 private:
  detail::CipherContext context_;
};

}  // namespace kith::crypto
