#include <sodium.h>

#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/secret.hpp>

namespace kith::crypto {

void wipe(MutableBytes bytes) noexcept {
  if (!bytes.empty()) sodium_memzero(bytes.data(), bytes.size());
}

void wipe(std::span<char> text) noexcept {
  if (!text.empty()) sodium_memzero(text.data(), text.size());
}

bool equal_constant_time(ByteView a, ByteView b) noexcept {
  if (a.size() != b.size()) return false;
  if (a.empty()) return true;
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace kith::crypto
