// Certificates and keys as OpenSSL's TLS wants them.
#pragma once

#include <memory>

#include <openssl/x509.h>

#include <kith/crypto/detail/openssl.hpp>

namespace kith::crypto::detail {

using X509Pointer = std::unique_ptr<X509, Release<X509_free>>;

/// Null if this isn't one certificate and nothing else.
X509Pointer read_x509(ByteView der) noexcept;
/// Empty if memory is gone.
Bytes der_of(X509* certificate);
/// PKCS#8 or an older form; null if it is neither.
Pkey read_private_key(ByteView der) noexcept;

}  // namespace kith::crypto::detail
