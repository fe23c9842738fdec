// Ed25519 by libsodium, twice as fast as OpenSSL 3.0. It refuses keys of small order and signatures
// whose S isn't reduced (RFC 8032, 5.1.7, and stricter).
#include <sodium.h>

#include <kith/crypto/detail/key_state.hpp>
#include <kith/crypto/detail/openssl.hpp>

namespace kith::crypto::detail {
namespace {

constexpr std::size_t seed_bytes = crypto_sign_ed25519_SEEDBYTES;
constexpr std::size_t public_bytes = crypto_sign_ed25519_PUBLICKEYBYTES;
constexpr std::size_t secret_bytes = crypto_sign_ed25519_SECRETKEYBYTES;
static_assert(seed_bytes == 32 && secret_bytes == seed_bytes + public_bytes);

class Ed25519Public final : public PublicKeyState {
 public:
  explicit Ed25519Public(ByteView data) : PublicKeyState(KeyType::ed25519, data) {}

  bool verify(ByteView message, ByteView signature) const noexcept override {
    return signature.size() == crypto_sign_ed25519_BYTES &&
           crypto_sign_ed25519_verify_detached(signature.data(), address_of(message),
                                               message.size(), data().data()) == 0;
  }
};

class Ed25519Private final : public PrivateKeyState {
 public:
  explicit Ed25519Private(ByteView secret)
      : PrivateKeyState(std::make_shared<Ed25519Public>(secret.subspan(seed_bytes)), secret) {}

  Result<Bytes> sign(ByteView message) const override {
    Bytes signature(crypto_sign_ed25519_BYTES);
    crypto_sign_ed25519_detached(signature.data(), nullptr, address_of(message), message.size(),
                                 data().data());
    return signature;
  }
};

}  // namespace

// Any 32 bytes pass: whether they are a point shows when a signature is verified, and peer ids of
// others, of which there are many, are decoded without that cost.
Result<PublicState> ed25519_public(ByteView data) {
  sodium_ready();
  if (data.size() != public_bytes) return std::unexpected(CryptoError::bad_encoding);
  return std::make_shared<Ed25519Public>(data);
}

PrivateState ed25519_from_seed(std::span<const std::uint8_t, 32> seed) {
  sodium_ready();
  SecretArray<secret_bytes> secret;
  std::uint8_t public_key[public_bytes];
  crypto_sign_ed25519_seed_keypair(public_key, secret.data(), seed.data());
  return std::make_shared<Ed25519Private>(secret);
}

Result<PrivateState> ed25519_private(ByteView data) {
  if (data.size() == secret_bytes + public_bytes) {
    const ByteView again = data.subspan(secret_bytes);
    data = data.first(secret_bytes);
    if (!equal(again, data.subspan(seed_bytes))) return std::unexpected(CryptoError::bad_key);
  }
  if (data.size() != secret_bytes) return std::unexpected(CryptoError::bad_encoding);
  // A public key that isn't the seed's would make signatures that give the seed away.
  PrivateState state = ed25519_from_seed(data.first<seed_bytes>());
  if (!equal_constant_time(state->data(), data)) return std::unexpected(CryptoError::bad_key);
  return state;
}

}  // namespace kith::crypto::detail
