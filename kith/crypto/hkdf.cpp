#include <new>

#include <sodium.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/hkdf.hpp>

namespace kith::crypto {
namespace {

// libsodium's HMAC needs neither an allocation nor initialisation; handshakes hash little.
using State = crypto_auth_hmacsha256_state;

State* state_in(std::array<std::uint8_t, 208>& storage) noexcept {
  static_assert(sizeof(State) == sizeof(storage) && alignof(State) <= 8);
  return std::launder(reinterpret_cast<State*>(storage.data()));
}

}  // namespace

HmacSha256::HmacSha256(ByteView key) noexcept {
  State* state = new (state_.data()) State;
  crypto_auth_hmacsha256_init(state, detail::address_of(key), key.size());
}

HmacSha256::~HmacSha256() {
  wipe(state_);
}

HmacSha256& HmacSha256::update(ByteView data) noexcept {
  crypto_auth_hmacsha256_update(state_in(state_), detail::address_of(data), data.size());
  return *this;
}

Sha256Digest HmacSha256::finish() noexcept {
  Sha256Digest code;
  crypto_auth_hmacsha256_final(state_in(state_), code.data());
  return code;
}

Sha256Digest hmac_sha256(ByteView key, ByteView data) noexcept {
  return HmacSha256(key).update(data).finish();
}

Sha512Digest hmac_sha512(ByteView key, ByteView data) noexcept {
  crypto_auth_hmacsha512_state state;
  crypto_auth_hmacsha512_init(&state, detail::address_of(key), key.size());
  crypto_auth_hmacsha512_update(&state, detail::address_of(data), data.size());
  Sha512Digest code;
  crypto_auth_hmacsha512_final(&state, code.data());
  sodium_memzero(&state, sizeof(state));
  return code;
}

HkdfKey hkdf_sha256_extract(ByteView salt, ByteView input_key) noexcept {
  // HMAC fills keys with zeros, so that an empty salt needs no care.
  Sha256Digest code = hmac_sha256(salt, input_key);
  HkdfKey key(code);
  wipe(code);
  return key;
}

void hkdf_sha256_expand(ByteView key, ByteView info, MutableBytes out) noexcept {
  ASSERT(out.size() <= hkdf_sha256_bytes_max);
  const HmacSha256 keyed(key);
  Sha256Digest block;
  ByteView previous;
  for (std::uint8_t counter = 1; !out.empty(); ++counter) {
    HmacSha256 hmac = keyed;
    block = hmac.update(previous).update(info).update({&counter, 1}).finish();
    previous = block;
    const std::size_t part = std::min(out.size(), block.size());
    std::copy_n(block.data(), part, out.data());
    out = out.subspan(part);
  }
  wipe(block);
}

void hkdf_sha256(ByteView salt, ByteView input_key, ByteView info, MutableBytes out) noexcept {
  hkdf_sha256_expand(hkdf_sha256_extract(salt, input_key), info, out);
}

}  // namespace kith::crypto
