// What crypto/ shares of OpenSSL and libsodium. Seen by the .cpp files of crypto/ alone.
#pragma once

#include <memory>

#include <openssl/evp.h>

namespace kith::crypto::detail {

/// Our own library context: whatever openssl.cnf of the machine says (FIPS, engines, a broken
/// file), the algorithms here are the default provider's. It lives as long as the process.
OSSL_LIB_CTX* openssl_context() noexcept;

/// Makes libsodium pick its fastest code; called before its first use, on any thread.
void sodium_ready() noexcept;

/// Calls a C library's release function, so that unique_ptr can hold its objects.
template <auto function>
struct Release {
  template <class T>
  void operator()(T* object) const noexcept {
    function(object);
  }
};

using MdContext = std::unique_ptr<EVP_MD_CTX, Release<EVP_MD_CTX_free>>;
using Pkey = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Release<EVP_PKEY_CTX_free>>;

}  // namespace kith::crypto::detail
