#include <bit>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sodium.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/error.hpp>
#include <kith/crypto/passphrase_kdf.hpp>

namespace kith::crypto {
namespace {

OSSL_PARAM octets(const char* name, ByteView bytes) noexcept {
  return OSSL_PARAM_construct_octet_string(
      name, const_cast<std::uint8_t*>(detail::address_of(bytes)), bytes.size());
}

void pbkdf2(const char* digest, ByteView passphrase, ByteView salt, std::uint32_t rounds,
            MutableBytes out) noexcept {
  ASSERT(rounds > 0);
  if (out.empty()) return;
  const std::unique_ptr<EVP_KDF, detail::Release<EVP_KDF_free>> kdf(
      EVP_KDF_fetch(detail::openssl_context(), "PBKDF2", nullptr));
  const std::unique_ptr<EVP_KDF_CTX, detail::Release<EVP_KDF_CTX_free>> context(
      EVP_KDF_CTX_new(kdf.get()));
  ASSERT(context != nullptr);
  // Else it refuses what RFC 8018 allows: salts of less than 16 bytes, less than 1,000 rounds.
  int lenient = 1;
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(digest), 0),
      octets(OSSL_KDF_PARAM_PASSWORD, passphrase),
      octets(OSSL_KDF_PARAM_SALT, salt),
      OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &rounds),
      OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS5, &lenient),
      OSSL_PARAM_construct_end()};
  ASSERT(EVP_KDF_derive(context.get(), out.data(), out.size(), parameters) == 1);
}

}  // namespace

void pbkdf2_hmac_sha256(ByteView passphrase, ByteView salt, std::uint32_t rounds,
                        MutableBytes out) noexcept {
  pbkdf2("SHA2-256", passphrase, salt, rounds, out);
}

void pbkdf2_hmac_sha512(ByteView passphrase, ByteView salt, std::uint32_t rounds,
                        MutableBytes out) noexcept {
  pbkdf2("SHA2-512", passphrase, salt, rounds, out);
}

bool is_valid(const ScryptCost& cost) noexcept {
  return std::has_single_bit(cost.n) && cost.n > 1 && cost.r > 0 && cost.p > 0 &&
         std::uint64_t{cost.r} * cost.p < (1 << 30);
}

Result<void> scrypt(ByteView passphrase, ByteView salt, const ScryptCost& cost, MutableBytes out) {
  ASSERT(is_valid(cost));
  detail::sodium_ready();
  if (crypto_pwhash_scryptsalsa208sha256_ll(detail::address_of(passphrase), passphrase.size(),
                                            detail::address_of(salt), salt.size(), cost.n, cost.r,
                                            cost.p, out.data(), out.size()) != 0) {
    return std::unexpected(CryptoError::internal);
  }
  return {};
}

}  // namespace kith::crypto
