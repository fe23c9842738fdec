#include <algorithm>

#include <secp256k1_recovery.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/detail/secp256k1_context.hpp>
#include <kith/crypto/secp256k1.hpp>

namespace kith::crypto {
namespace {

constexpr std::size_t hash_bytes = 32;

Secp256k1Point coordinates(const secp256k1_pubkey& key) noexcept {
  std::array<std::uint8_t, 65> uncompressed;
  std::size_t size = uncompressed.size();
  ASSERT(secp256k1_ec_pubkey_serialize(detail::secp256k1_shared_context(), uncompressed.data(),
                                       &size, &key, SECP256K1_EC_UNCOMPRESSED) == 1);
  Secp256k1Point point;
  std::copy(uncompressed.begin() + 1, uncompressed.end(), point.begin());
  return point;
}

}  // namespace

std::optional<Secp256k1Point> secp256k1_recover(ByteView hash,
                                                const RecoverableSignature& signature) noexcept {
  ASSERT(hash.size() == hash_bytes);
  std::array<std::uint8_t, 64> compact;
  std::ranges::copy(signature.r, compact.begin());
  std::ranges::copy(signature.s, compact.begin() + 32);
  secp256k1_ecdsa_recoverable_signature parsed;
  secp256k1_pubkey key;
  const secp256k1_context* context = detail::secp256k1_shared_context();
  if (secp256k1_ecdsa_recoverable_signature_parse_compact(context, &parsed, compact.data(),
                                                          signature.is_odd ? 1 : 0) != 1) {
    return std::nullopt;
  }
  if (secp256k1_ecdsa_recover(context, &key, &parsed, hash.data()) != 1) return std::nullopt;
  return coordinates(key);
}

std::optional<RecoverableSignature> secp256k1_sign(ByteView hash,
                                                   const SecretArray<32>& secret) noexcept {
  ASSERT(hash.size() == hash_bytes);
  const secp256k1_context* context = detail::secp256k1_shared_context();
  secp256k1_ecdsa_recoverable_signature made;
  if (secp256k1_ecdsa_sign_recoverable(context, &made, hash.data(), secret.data(), nullptr,
                                       nullptr) != 1) {
    return std::nullopt;
  }
  std::array<std::uint8_t, 64> compact;
  int recovery = 0;
  ASSERT(secp256k1_ecdsa_recoverable_signature_serialize_compact(context, compact.data(), &recovery,
                                                                 &made) == 1);
  // Ids of 2 and 3 stand for an r that was reduced, which takes some 2^127 signatures to meet.
  RecoverableSignature signature{.r = {}, .s = {}, .is_odd = (recovery & 1) != 0};
  std::copy_n(compact.begin(), 32, signature.r.begin());
  std::copy_n(compact.begin() + 32, 32, signature.s.begin());
  return signature;
}

std::optional<Secp256k1Point> secp256k1_public_point(const SecretArray<32>& secret) noexcept {
  secp256k1_pubkey key;
  if (secp256k1_ec_pubkey_create(detail::secp256k1_shared_context(), &key, secret.data()) != 1)
    return std::nullopt;
  return coordinates(key);
}

Secp256k1Compressed secp256k1_compress(const Secp256k1Point& point) noexcept {
  Secp256k1Compressed form;
  form[0] = static_cast<std::uint8_t>(2 + (point.back() & 1));
  std::copy_n(point.begin(), 32, form.begin() + 1);
  return form;
}

std::optional<Secp256k1Point> secp256k1_decompress(const Secp256k1Compressed& form) noexcept {
  secp256k1_pubkey key;
  if (secp256k1_ec_pubkey_parse(detail::secp256k1_shared_context(), &key, form.data(),
                                form.size()) != 1) {
    return std::nullopt;
  }
  return coordinates(key);
}

std::optional<SecretArray<32>> secp256k1_add(const SecretArray<32>& secret,
                                             std::span<const std::uint8_t, 32> number) noexcept {
  SecretArray<32> sum = secret;
  if (secp256k1_ec_seckey_tweak_add(detail::secp256k1_shared_context(), sum.data(),
                                    number.data()) != 1) {
    return std::nullopt;
  }
  return sum;
}

std::optional<Secp256k1Point> secp256k1_add(const Secp256k1Point& point,
                                            std::span<const std::uint8_t, 32> number) noexcept {
  const secp256k1_context* context = detail::secp256k1_shared_context();
  std::array<std::uint8_t, 65> uncompressed;
  uncompressed[0] = 4;
  std::ranges::copy(point, uncompressed.begin() + 1);
  secp256k1_pubkey key;
  if (secp256k1_ec_pubkey_parse(context, &key, uncompressed.data(), uncompressed.size()) != 1 ||
      secp256k1_ec_pubkey_tweak_add(context, &key, number.data()) != 1) {
    return std::nullopt;
  }
  return coordinates(key);
}

}  // namespace kith::crypto
