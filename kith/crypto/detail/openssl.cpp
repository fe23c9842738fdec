#include <openssl/core_names.h>
#include <sodium.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/error.hpp>

namespace kith::crypto::detail {

OSSL_LIB_CTX* openssl_context() noexcept {
  // Never freed: threads may still hash while static objects die.
  static OSSL_LIB_CTX* const context = [] {
    // TLS contexts would take the file's rules for TLS, whichever library context they are of.
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    return OSSL_LIB_CTX_new();
  }();
  ASSERT(context != nullptr);
  return context;
}

void sodium_ready() noexcept {
  static const int state = sodium_init();
  ASSERT(state >= 0);
}

Pkey pkey_from(const char* algorithm, int selection, OSSL_PARAM* parameters) noexcept {
  const ErrorQueueGuard guard;
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(openssl_context(), algorithm, nullptr));
  EVP_PKEY* key = nullptr;
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, selection, parameters) != 1) {
    return nullptr;
  }
  return Pkey(key);
}

Pkey ec_public_key(const char* curve, ByteView point) noexcept {
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>(curve), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                        const_cast<std::uint8_t*>(point.data()), point.size()),
      OSSL_PARAM_construct_end()};
  return pkey_from("EC", EVP_PKEY_PUBLIC_KEY, parameters);
}

Result<Bytes> pkey_sign(EVP_PKEY* key, ByteView message) {
  const ErrorQueueGuard guard;
  const MdContext context(EVP_MD_CTX_new());
  Bytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
  std::size_t size = signature.size();
  if (context == nullptr ||
      EVP_DigestSignInit_ex(context.get(), nullptr, "SHA2-256", openssl_context(), nullptr, key,
                            nullptr) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) {
    return std::unexpected(CryptoError::internal);
  }
  signature.resize(size);
  return signature;
}

bool pkey_verify(EVP_PKEY* key, ByteView message, ByteView signature) noexcept {
  const ErrorQueueGuard guard;
  const MdContext context(EVP_MD_CTX_new());
  return context != nullptr &&
         EVP_DigestVerifyInit_ex(context.get(), nullptr, "SHA2-256", openssl_context(), nullptr,
                                 key, nullptr) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

}  // namespace kith::crypto::detail
