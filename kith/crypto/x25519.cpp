#include <sodium.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/x25519.hpp>

namespace kith::crypto {

static_assert(x25519_bytes == crypto_scalarmult_curve25519_BYTES);

X25519Public x25519_public(const X25519Secret& secret) noexcept {
  detail::sodium_ready();
  X25519Public out;
  ASSERT(crypto_scalarmult_curve25519_base(out.data(), secret.data()) == 0);
  return out;
}

Result<X25519Shared> x25519(const X25519Secret& secret,
                            std::span<const std::uint8_t, x25519_bytes> peer) {
  detail::sodium_ready();
  X25519Shared shared;
  if (crypto_scalarmult_curve25519(shared.data(), secret.data(), peer.data()) != 0) {
    return std::unexpected(CryptoError::low_order_point);
  }
  return shared;
}

}  // namespace kith::crypto
