#include <sodium.h>

#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/random.hpp>

namespace kith::crypto {

void crypto_fill(MutableBytes out) noexcept {
  detail::sodium_ready();
  randombytes_buf(out.data(), out.size());
}

}  // namespace kith::crypto
