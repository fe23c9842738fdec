#include <sodium.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/detail/openssl.hpp>

namespace kith::crypto::detail {

OSSL_LIB_CTX* openssl_context() noexcept {
  // Never freed: threads may still hash while static objects die.
  static OSSL_LIB_CTX* const context = OSSL_LIB_CTX_new();
  ASSERT(context != nullptr);
  return context;
}

void sodium_ready() noexcept {
  static const int state = sodium_init();
  ASSERT(state >= 0);
}

}  // namespace kith::crypto::detail
