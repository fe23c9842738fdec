// ECDSA on P-256 by OpenSSL. Both encodings have one length and one frame, so they are compared
// with it rather than parsed: nothing else is the canonical form.
//
// Public: SubjectPublicKeyInfo (RFC 5480) with the uncompressed point. Private: ECPrivateKey
// (RFC 5915) with parameters and public key, as the specification's vector has it.
#include <array>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/detail/key_state.hpp>
#include <kith/crypto/detail/openssl.hpp>

namespace kith::crypto::detail {
namespace {

constexpr std::size_t scalar_bytes = 32;
constexpr std::size_t point_bytes = 65;

// SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING
constexpr std::array<std::uint8_t, 26> public_prefix = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
// SEQUENCE { INTEGER 1, OCTET STRING (the scalar),
constexpr std::array<std::uint8_t, 7> private_prefix = {0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20};
// [0] prime256v1, [1] BIT STRING
constexpr std::array<std::uint8_t, 17> private_middle = {0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                                         0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
                                                         0xa1, 0x44, 0x03, 0x42, 0x00};
constexpr std::size_t public_bytes = public_prefix.size() + point_bytes;
constexpr std::size_t private_bytes =
    private_prefix.size() + scalar_bytes + private_middle.size() + point_bytes;
static_assert(public_bytes == 0x59 + 2 && private_bytes == 0x77 + 2);

using Point = std::array<std::uint8_t, point_bytes>;
using Scalar = SecretArray<scalar_bytes>;
using Bignum = std::unique_ptr<BIGNUM, Release<BN_clear_free>>;
using EcPoint = std::unique_ptr<EC_POINT, Release<EC_POINT_free>>;

char group_name[] = SN_X9_62_prime256v1;

const EC_GROUP* group() noexcept {
  static const EC_GROUP* const made =
      EC_GROUP_new_by_curve_name_ex(openssl_context(), nullptr, NID_X9_62_prime256v1);
  ASSERT(made != nullptr);
  return made;
}

class EcdsaPublic final : public PublicKeyState {
 public:
  EcdsaPublic(ByteView data, Pkey key)
      : PublicKeyState(KeyType::ecdsa, data), key_(std::move(key)) {}

  bool verify(ByteView message, ByteView signature) const noexcept override {
    return pkey_verify(key_.get(), message, signature);
  }

 private:
  Pkey key_;
};

class EcdsaPrivate final : public PrivateKeyState {
 public:
  EcdsaPrivate(PublicState public_state, ByteView data, Pkey key)
      : PrivateKeyState(std::move(public_state), data), key_(std::move(key)) {}

  Result<Bytes> sign(ByteView message) const override { return pkey_sign(key_.get(), message); }

 private:
  Pkey key_;
};

/// The public point of a scalar in [1, order).
Result<Point> multiply_base(const Scalar& scalar) {
  const ErrorQueueGuard guard;
  const Bignum number(BN_secure_new());
  const EcPoint product(EC_POINT_new(group()));
  if (number == nullptr || product == nullptr ||
      BN_bin2bn(scalar.data(), scalar_bytes, number.get()) == nullptr) {
    return std::unexpected(CryptoError::internal);
  }
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  if (BN_is_zero(number.get()) || BN_cmp(number.get(), EC_GROUP_get0_order(group())) >= 0) {
    return std::unexpected(CryptoError::bad_key);
  }
  Point point;
  if (EC_POINT_mul(group(), product.get(), number.get(), nullptr, nullptr, nullptr) != 1 ||
      EC_POINT_point2oct(group(), product.get(), POINT_CONVERSION_UNCOMPRESSED, point.data(),
                         point.size(), nullptr) != point.size()) {
    return std::unexpected(CryptoError::internal);
  }
  return point;
}

Result<PublicState> public_of(ByteView data, ByteView point) {
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group_name, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                        const_cast<std::uint8_t*>(point.data()), point.size()),
      OSSL_PARAM_construct_end()};
  Pkey key = pkey_from("EC", EVP_PKEY_PUBLIC_KEY, parameters);
  if (key == nullptr) return std::unexpected(CryptoError::bad_key);
  return std::make_shared<EcdsaPublic>(data, std::move(key));
}

Result<PrivateState> private_of(const Scalar& scalar) {
  KITH_TRY(const Point point, multiply_base(scalar));
  Bytes spki = to_bytes(public_prefix);
  append(spki, point);
  KITH_TRY(PublicState public_state, public_of(spki, point));

  Scalar native = scalar;
  if constexpr (std::endian::native == std::endian::little) {
    std::ranges::reverse(native.mutable_bytes());
  }
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group_name, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                        const_cast<std::uint8_t*>(point.data()), point.size()),
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native.data(), native.size()),
      OSSL_PARAM_construct_end()};
  Pkey key = pkey_from("EC", EVP_PKEY_KEYPAIR, parameters);
  if (key == nullptr) return std::unexpected(CryptoError::internal);

  SecretArray<private_bytes> data;
  std::uint8_t* at = data.data();
  for (const ByteView part :
       {ByteView(private_prefix), ByteView(scalar), ByteView(private_middle), ByteView(point)}) {
    at = std::ranges::copy(part, at).out;
  }
  return std::make_shared<EcdsaPrivate>(std::move(public_state), data, std::move(key));
}

}  // namespace

Result<PublicState> ecdsa_public(ByteView data) {
  if (data.size() != public_bytes || !equal(data.first(public_prefix.size()), public_prefix)) {
    return std::unexpected(CryptoError::bad_encoding);
  }
  const ByteView point = data.last(point_bytes);
  if (point[0] != POINT_CONVERSION_UNCOMPRESSED) return std::unexpected(CryptoError::bad_encoding);
  return public_of(data, point);
}

Result<PrivateState> ecdsa_private(ByteView data) {
  if (data.size() != private_bytes || !equal(data.first(private_prefix.size()), private_prefix) ||
      !equal(data.subspan(private_prefix.size() + scalar_bytes, private_middle.size()),
             private_middle)) {
    return std::unexpected(CryptoError::bad_encoding);
  }
  const Scalar scalar(data.subspan<private_prefix.size(), scalar_bytes>());
  KITH_TRY(PrivateState state, private_of(scalar));
  if (!equal_constant_time(state->data(), data)) return std::unexpected(CryptoError::bad_key);
  return state;
}

Result<PrivateState> ecdsa_generate(const RandomFill& random) {
  for (int i = 0; i < random_tries_max; ++i) {
    Scalar scalar;
    random(scalar.mutable_bytes());
    if (auto state = private_of(scalar)) return state;
  }
  return std::unexpected(CryptoError::internal);
}

}  // namespace kith::crypto::detail
