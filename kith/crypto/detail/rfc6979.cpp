#include <algorithm>

#include <kith/crypto/detail/rfc6979.hpp>
#include <kith/crypto/hkdf.hpp>

namespace kith::crypto::detail {

Rfc6979::Rfc6979(std::span<const std::uint8_t, 32> key,
                 std::span<const std::uint8_t, 32> digest) noexcept {
  std::ranges::fill(value_.mutable_bytes(), std::uint8_t{1});
  SecretArray<64> seed;
  std::ranges::copy(digest, std::ranges::copy(key, seed.data()).out);
  absorb(0, seed);
  absorb(1, seed);
}

/// K = HMAC_K(V || separator || seed), V = HMAC_K(V)
void Rfc6979::absorb(std::uint8_t separator, ByteView seed) noexcept {
  HmacSha256 hmac(key_);
  hmac.update(value_).update(ByteView(&separator, 1)).update(seed);
  key_ = SecretArray<32>(hmac.finish());
  value_ = SecretArray<32>(hmac_sha256(key_, value_));
}

Rfc6979::Number Rfc6979::next() noexcept {
  if (asked_) absorb(0);
  asked_ = true;
  value_ = SecretArray<32>(hmac_sha256(key_, value_));
  return value_;
}

}  // namespace kith::crypto::detail
