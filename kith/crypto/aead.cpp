#include <openssl/evp.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/aead.hpp>
#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/secret.hpp>

namespace kith::crypto {
namespace {

// As with hashes: a context that was made and keyed fails on nothing but a wrong tag.

struct Ciphers {
  EVP_CIPHER* chacha20_poly1305 = fetched("ChaCha20-Poly1305");
  EVP_CIPHER* aes_128_gcm = fetched("AES-128-GCM");
  EVP_CIPHER* aes_256_gcm = fetched("AES-256-GCM");

  static EVP_CIPHER* fetched(const char* name) noexcept {
    EVP_CIPHER* cipher = EVP_CIPHER_fetch(detail::openssl_context(), name, nullptr);
    ASSERT(cipher != nullptr);
    return cipher;
  }
};

const EVP_CIPHER* cipher_of(AeadKind kind) noexcept {
  static const Ciphers all;
  switch (kind) {
    case AeadKind::chacha20_poly1305:
      return all.chacha20_poly1305;
    case AeadKind::aes_128_gcm:
      return all.aes_128_gcm;
    case AeadKind::aes_256_gcm:
      return all.aes_256_gcm;
  }
  ASSERT(false);
}

detail::CipherContext keyed(AeadKind kind, ByteView key, bool encrypt) {
  ASSERT(key.size() == aead_key_bytes(kind));
  detail::CipherContext context(EVP_CIPHER_CTX_new());
  ASSERT(context != nullptr);
  ASSERT(EVP_CipherInit_ex2(context.get(), cipher_of(kind), key.data(), nullptr, encrypt ? 1 : 0,
                            nullptr) == 1);
  ASSERT(EVP_CIPHER_CTX_get_iv_length(context.get()) == static_cast<int>(aead_nonce_bytes));
  return context;
}

/// Takes the nonce and the additional data, then turns `text` into the other one.
void process(EVP_CIPHER_CTX* context, AeadNonce nonce, ByteView additional,
             MutableBytes text) noexcept {
  ASSERT(text.size() <= aead_text_bytes_max && additional.size() <= aead_text_bytes_max);
  // -1: as before, decrypting or encrypting.
  ASSERT(EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), -1, nullptr) == 1);
  int written = 0;
  if (!additional.empty()) {
    ASSERT(EVP_CipherUpdate(context, nullptr, &written, additional.data(),
                            static_cast<int>(additional.size())) == 1);
  }
  if (!text.empty()) {
    ASSERT(EVP_CipherUpdate(context, text.data(), &written, text.data(),
                            static_cast<int>(text.size())) == 1);
    ASSERT(written == static_cast<int>(text.size()));
  }
}

}  // namespace

void detail::FreeCipherContext::operator()(evp_cipher_ctx_st* context) const noexcept {
  EVP_CIPHER_CTX_free(context);
}

std::size_t aead_key_bytes(AeadKind kind) noexcept {
  return kind == AeadKind::aes_128_gcm ? 16 : 32;
}

Sealer::Sealer(AeadKind kind, ByteView key) : context_(keyed(kind, key, true)) {}

void Sealer::seal(AeadNonce nonce, ByteView additional, MutableBytes text,
                  std::span<std::uint8_t, aead_tag_bytes> tag) noexcept {
  process(context_.get(), nonce, additional, text);
  std::uint8_t nothing[aead_tag_bytes];
  int written = 0;
  ASSERT(EVP_CipherFinal_ex(context_.get(), nothing, &written) == 1);
  ASSERT(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, aead_tag_bytes, tag.data()) ==
         1);
}

Opener::Opener(AeadKind kind, ByteView key) : context_(keyed(kind, key, false)) {}

bool Opener::open(AeadNonce nonce, ByteView additional, MutableBytes text,
                  std::span<const std::uint8_t, aead_tag_bytes> tag) noexcept {
  const detail::ErrorQueueGuard guard;
  process(context_.get(), nonce, additional, text);
  ASSERT(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, aead_tag_bytes,
                             const_cast<std::uint8_t*>(tag.data())) == 1);
  std::uint8_t nothing[aead_tag_bytes];
  int written = 0;
  if (EVP_CipherFinal_ex(context_.get(), nothing, &written) == 1) return true;
  wipe(text);
  return false;
}

}  // namespace kith::crypto
