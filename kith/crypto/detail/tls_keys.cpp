#include <kith/crypto/detail/tls_keys.hpp>

namespace kith::crypto::detail {

X509Pointer read_x509(ByteView der) noexcept {
  const unsigned char* at = der.data();
  X509* read = X509_new_ex(openssl_context(), nullptr);
  // On failure it is freed and null.
  if (read == nullptr || d2i_X509(&read, &at, static_cast<long>(der.size())) == nullptr) {
    return nullptr;
  }
  X509Pointer certificate(read);
  return at == der.data() + der.size() ? std::move(certificate) : nullptr;
}

Bytes der_of(X509* certificate) {
  const int size = i2d_X509(certificate, nullptr);
  if (size <= 0) return {};
  Bytes der(static_cast<std::size_t>(size));
  unsigned char* at = der.data();
  i2d_X509(certificate, &at);
  return der;
}

Pkey read_private_key(ByteView der) noexcept {
  const unsigned char* at = der.data();
  Pkey key(d2i_AutoPrivateKey_ex(nullptr, &at, static_cast<long>(der.size()), openssl_context(),
                                 nullptr));
  return at == der.data() + der.size() ? std::move(key) : nullptr;
}

}  // namespace kith::crypto::detail
