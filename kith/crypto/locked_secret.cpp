#include <sodium.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/locked_secret.hpp>

namespace kith::crypto {

LockedSecret::LockedSecret(ByteView bytes) : size_(bytes.size()) {
  detail::sodium_ready();
  bytes_.reset(static_cast<std::uint8_t*>(sodium_malloc(std::max<std::size_t>(size_, 1))));
  ASSERT(bytes_ != nullptr);
  std::ranges::copy(bytes, bytes_.get());
  sodium_mprotect_readonly(bytes_.get());
}

void LockedSecret::Free::operator()(std::uint8_t* bytes) const noexcept {
  sodium_free(bytes);
}

}  // namespace kith::crypto
