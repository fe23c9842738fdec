#include <kith/base/assert.hpp>
#include <kith/crypto/aes_ctr.hpp>
#include <kith/crypto/detail/openssl.hpp>

namespace kith::crypto {

void aes_128_ctr(std::span<const std::uint8_t, aes_128_key_bytes> key,
                 std::span<const std::uint8_t, aes_block_bytes> counter,
                 MutableBytes text) noexcept {
  ASSERT(text.size() <= std::size_t{1} << 30);
  if (text.empty()) return;
  const std::unique_ptr<EVP_CIPHER, detail::Release<EVP_CIPHER_free>> cipher(
      EVP_CIPHER_fetch(detail::openssl_context(), "AES-128-CTR", nullptr));
  const std::unique_ptr<EVP_CIPHER_CTX, detail::Release<EVP_CIPHER_CTX_free>> context(
      EVP_CIPHER_CTX_new());
  ASSERT(context != nullptr);
  int written = 0;
  ASSERT(EVP_EncryptInit_ex2(context.get(), cipher.get(), key.data(), counter.data(), nullptr) ==
         1);
  ASSERT(EVP_EncryptUpdate(context.get(), text.data(), &written, text.data(),
                           static_cast<int>(text.size())) == 1);
  ASSERT(written == static_cast<int>(text.size()));
}

}  // namespace kith::crypto
