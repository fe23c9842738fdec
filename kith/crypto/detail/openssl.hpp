// What crypto/ shares of OpenSSL and libsodium. Seen by the .cpp files of crypto/ alone.
#pragma once

#include <memory>

#include <openssl/bn.h>
#include <openssl/core.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>

namespace kith::crypto::detail {

/// Our own library context: whatever openssl.cnf of the machine says (FIPS, engines, a broken
/// file), the algorithms here are the default provider's. It lives as long as the process.
OSSL_LIB_CTX* openssl_context() noexcept;

/// Makes libsodium pick its fastest code; called before its first use, on any thread.
void sodium_ready() noexcept;

/// The data's address, or some address if there is no data: libsodium must not be given null.
inline const std::uint8_t* address_of(ByteView data) noexcept {
  static constexpr std::uint8_t nothing = 0;
  return data.empty() ? &nothing : data.data();
}

/// Calls a C library's release function, so that unique_ptr can hold its objects.
template <auto function>
struct Release {
  template <class T>
  void operator()(T* object) const noexcept {
    function(object);
  }
};

/// OpenSSL queues an entry per failure on the thread, where TLS would later take it for its own;
/// whoever calls what may fail on foreign data holds one of these.
class ErrorQueueGuard {
 public:
  ErrorQueueGuard() noexcept { ERR_set_mark(); }
  ErrorQueueGuard(const ErrorQueueGuard&) = delete;
  ErrorQueueGuard& operator=(const ErrorQueueGuard&) = delete;
  ~ErrorQueueGuard() { ERR_pop_to_mark(); }
};

using MdContext = std::unique_ptr<EVP_MD_CTX, Release<EVP_MD_CTX_free>>;
using Pkey = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Release<EVP_PKEY_CTX_free>>;

/// Makes a key of `parameters`; null if OpenSSL finds them invalid. `selection` is
/// EVP_PKEY_PUBLIC_KEY or EVP_PKEY_KEYPAIR.
Pkey pkey_from(const char* algorithm, int selection, OSSL_PARAM* parameters) noexcept;

/// The public key of an uncompressed point of this curve ("P-256"); null if it isn't one. Seven
/// times as fast as OpenSSL 3.0 reads a SubjectPublicKeyInfo.
Pkey ec_public_key(const char* curve, ByteView point) noexcept;

/// Signs the SHA-256 of `message` with an RSA (PKCS#1 v1.5) or ECDSA (DER) key.
Result<Bytes> pkey_sign(EVP_PKEY* key, ByteView message);
bool pkey_verify(EVP_PKEY* key, ByteView message, ByteView signature) noexcept;

}  // namespace kith::crypto::detail
