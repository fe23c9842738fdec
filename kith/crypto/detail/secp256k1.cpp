// secp256k1 by Bitcoin's library: nonces by RFC 6979, signatures with low S only, both ways
// (BIP 62, which libp2p's specification names).
#include <kith/base/assert.hpp>
#include <kith/crypto/detail/key_state.hpp>
#include <kith/crypto/detail/secp256k1_context.hpp>
#include <kith/crypto/hash.hpp>

namespace kith::crypto::detail {
namespace {

constexpr std::size_t public_bytes = 33;
constexpr std::size_t secret_bytes = 32;
constexpr std::size_t signature_bytes = 72;

class Secp256k1Public final : public PublicKeyState {
 public:
  Secp256k1Public(ByteView data, const secp256k1_pubkey& point)
      : PublicKeyState(KeyType::secp256k1, data), point_(point) {}

  bool verify(ByteView message, ByteView signature) const noexcept override {
    if (signature.empty()) return false;  // its null pointer would make the library abort
    secp256k1_ecdsa_signature parsed;
    if (secp256k1_ecdsa_signature_parse_der(secp256k1_shared_context(), &parsed, signature.data(),
                                            signature.size()) != 1) {
      return false;
    }
    const Sha256Digest digest = sha256(message);
    return secp256k1_ecdsa_verify(secp256k1_shared_context(), &parsed, digest.data(), &point_) == 1;
  }

 private:
  secp256k1_pubkey point_;
};

class Secp256k1Private final : public PrivateKeyState {
 public:
  using PrivateKeyState::PrivateKeyState;

  Result<Bytes> sign(ByteView message) const override {
    const Sha256Digest digest = sha256(message);
    secp256k1_ecdsa_signature signature;
    if (secp256k1_ecdsa_sign(secp256k1_shared_context(), &signature, digest.data(), data().data(),
                             nullptr, nullptr) != 1) {
      return std::unexpected(CryptoError::internal);
    }
    Bytes der(signature_bytes);
    std::size_t size = der.size();
    ASSERT(secp256k1_ecdsa_signature_serialize_der(secp256k1_shared_context(), der.data(), &size,
                                                   &signature) == 1);
    der.resize(size);
    return der;
  }
};

}  // namespace

Result<PublicState> secp256k1_public(ByteView data) {
  // The library also reads the uncompressed and hybrid forms, which would give one key two ids.
  if (data.size() != public_bytes) return std::unexpected(CryptoError::bad_encoding);
  secp256k1_pubkey point;
  if (secp256k1_ec_pubkey_parse(secp256k1_shared_context(), &point, data.data(), data.size()) !=
      1) {
    return std::unexpected(CryptoError::bad_key);
  }
  return std::make_shared<Secp256k1Public>(data, point);
}

Result<PrivateState> secp256k1_private(ByteView data) {
  if (data.size() != secret_bytes) return std::unexpected(CryptoError::bad_encoding);
  secp256k1_pubkey point;
  if (secp256k1_ec_pubkey_create(secp256k1_shared_context(), &point, data.data()) != 1) {
    return std::unexpected(CryptoError::bad_key);
  }
  std::uint8_t encoded[public_bytes];
  std::size_t size = sizeof(encoded);
  secp256k1_ec_pubkey_serialize(secp256k1_shared_context(), encoded, &size, &point,
                                SECP256K1_EC_COMPRESSED);
  return std::make_shared<Secp256k1Private>(std::make_shared<Secp256k1Public>(encoded, point),
                                            data);
}

Result<PrivateState> secp256k1_generate(const RandomFill& random) {
  for (int i = 0; i < random_tries_max; ++i) {
    SecretArray<secret_bytes> scalar;
    random(scalar.mutable_bytes());
    if (auto state = secp256k1_private(scalar)) return state;
  }
  return std::unexpected(CryptoError::internal);
}

}  // namespace kith::crypto::detail
