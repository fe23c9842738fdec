// ECDSA on P-256 by OpenSSL. Both encodings have one length and one frame, so they are compared
// with it rather than parsed: nothing else is the canonical form.
//
// Public: SubjectPublicKeyInfo (RFC 5480) with the uncompressed point. Private: ECPrivateKey
// (RFC 5915) with parameters and public key, as the specification's vector has it.
//
// Signatures are those of RFC 6979, so that a simulation repeats itself. OpenSSL 3.0 can't make
// them: here are the few lines of ECDSA (FIPS 186-5, 6.4.1) over its curve and its numbers.
#include <array>
#include <optional>

#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/detail/der.hpp>
#include <kith/crypto/detail/key_state.hpp>
#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/detail/rfc6979.hpp>
#include <kith/crypto/hash.hpp>

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
using BignumContext = std::unique_ptr<BN_CTX, Release<BN_CTX_free>>;
using EcPoint = std::unique_ptr<EC_POINT, Release<EC_POINT_free>>;

constexpr const char* curve = SN_X9_62_prime256v1;

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

/// A number that mustn't show in the time that OpenSSL takes. Null if memory is gone.
Bignum secret_number(ByteView bytes) {
  Bignum number(BN_secure_new());
  if (number == nullptr ||
      BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), number.get()) == nullptr) {
    return nullptr;
  }
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  return number;
}

/// The public point of a scalar in [1, order).
Result<Point> multiply_base(const Scalar& scalar) {
  const ErrorQueueGuard guard;
  const Bignum number = secret_number(scalar);
  const EcPoint product(EC_POINT_new(group()));
  if (number == nullptr || product == nullptr) return std::unexpected(CryptoError::internal);
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

/// Arithmetic modulo the curve's order. A number that can't be had (memory is gone) is null, and so
/// is all that is made of it.
class Modulo {
 public:
  Modulo() : context_(BN_CTX_secure_new_ex(openssl_context())) {}

  Bignum reduced(ByteView bytes) {
    Bignum number = secret_number(bytes);
    bool made = number != nullptr && BN_nnmod(number.get(), number.get(), order(), context()) == 1;
    return check(made, std::move(number));
  }
  /// In [1, order), of fresh randomness.
  Bignum random() {
    Bignum number(BN_secure_new());
    bool made = number != nullptr;
    do {
      made = made && BN_priv_rand_range_ex(number.get(), order(), 0, context()) == 1;
    } while (made && BN_is_zero(number.get()));
    return check(made, std::move(number));
  }
  Bignum product(const Bignum& a, const Bignum& b) {
    Bignum out(BN_secure_new());
    bool made = a != nullptr && b != nullptr && out != nullptr &&
                BN_mod_mul(out.get(), a.get(), b.get(), order(), context()) == 1;
    return check(made, std::move(out));
  }
  Bignum sum(const Bignum& a, const Bignum& b) {
    Bignum out(BN_secure_new());
    bool made = a != nullptr && b != nullptr && out != nullptr &&
                BN_mod_add_quick(out.get(), a.get(), b.get(), order()) == 1;
    return check(made, std::move(out));
  }
  /// By Fermat: a to the power of order - 2, in time that doesn't depend on a.
  Bignum inverse(const Bignum& a) {
    Bignum exponent(BN_dup(order()));
    Bignum out(BN_secure_new());
    bool made = a != nullptr && exponent != nullptr && out != nullptr &&
                BN_sub_word(exponent.get(), 2) == 1 &&
                BN_mod_exp_mont_consttime(out.get(), a.get(), exponent.get(), order(), context(),
                                          nullptr) == 1;
    return check(made, std::move(out));
  }

 private:
  static const BIGNUM* order() noexcept { return EC_GROUP_get0_order(group()); }
  BN_CTX* context() const noexcept { return context_.get(); }
  static Bignum check(bool made, Bignum number) { return made ? std::move(number) : nullptr; }

  BignumContext context_;
};

using Digest = std::array<std::uint8_t, scalar_bytes>;

Bytes encode_signature(const Digest& r, const Digest& s) {
  auto magnitude = [](ByteView bytes) {
    while (bytes.front() == 0)
      bytes = bytes.subspan(1);
    return bytes;
  };
  Bytes numbers;
  append_der_positive(numbers, magnitude(r));
  append_der_positive(numbers, magnitude(s));
  Bytes signature;
  append_der_header(signature, der_sequence, numbers.size());
  append(signature, numbers);
  return signature;
}

/// Nothing if this k gives no signature (r or s is 0, or k out of range): once in 2^32 at most.
Result<std::optional<Bytes>> sign_with(const Scalar& key, ByteView digest, const Scalar& k) {
  auto point = multiply_base(k);
  if (!point && point.error().is(CryptoError::bad_key)) return std::nullopt;
  if (!point) return std::unexpected(point.error());
  Modulo modulo;
  const Bignum r = modulo.reduced(ByteView(*point).subspan(1, scalar_bytes));
  // s = (digest + r key) / k. OpenSSL's products take a time that depends on their factors, so key
  // and k are only ever multiplied by, or together with, a random number that cancels itself out.
  const Bignum blind = modulo.random();
  const Bignum blind_digest = modulo.product(blind, modulo.reduced(digest));
  const Bignum blind_key = modulo.product(blind, secret_number(key));
  const Bignum blind_k = modulo.product(blind, secret_number(k));
  const Bignum blind_sum = modulo.sum(blind_digest, modulo.product(blind_key, r));
  const Bignum s = modulo.product(blind_sum, modulo.inverse(blind_k));
  if (r == nullptr || s == nullptr) return std::unexpected(CryptoError::internal);
  if (BN_is_zero(r.get()) || BN_is_zero(s.get())) return std::nullopt;
  Digest r_bytes;
  Digest s_bytes;
  if (BN_bn2binpad(r.get(), r_bytes.data(), scalar_bytes) < 0 ||
      BN_bn2binpad(s.get(), s_bytes.data(), scalar_bytes) < 0) {
    return std::unexpected(CryptoError::internal);
  }
  return encode_signature(r_bytes, s_bytes);
}

class EcdsaPrivate final : public PrivateKeyState {
 public:
  EcdsaPrivate(PublicState public_state, ByteView data, const Scalar& scalar)
      : PrivateKeyState(std::move(public_state), data), scalar_(scalar) {}

  Result<Bytes> sign(ByteView message) const override {
    const ErrorQueueGuard guard;
    const Sha256Digest digest = sha256(message);
    const Bignum reduced = Modulo().reduced(digest);
    Digest reduced_bytes;
    if (reduced == nullptr || BN_bn2binpad(reduced.get(), reduced_bytes.data(), scalar_bytes) < 0) {
      return std::unexpected(CryptoError::internal);
    }
    Rfc6979 numbers(scalar_.view(), reduced_bytes);
    for (int i = 0; i < random_tries_max; ++i) {
      KITH_TRY(std::optional<Bytes> signature, sign_with(scalar_, digest, numbers.next()));
      if (signature) return *std::move(signature);
    }
    return std::unexpected(CryptoError::internal);
  }

 private:
  Scalar scalar_;
};

Result<PublicState> public_of(ByteView data, ByteView point) {
  Pkey key = ec_public_key(curve, point);
  if (key == nullptr) return std::unexpected(CryptoError::bad_key);
  return std::make_shared<EcdsaPublic>(data, std::move(key));
}

Result<PrivateState> private_of(const Scalar& scalar) {
  KITH_TRY(const Point point, multiply_base(scalar));
  Bytes spki = to_bytes(public_prefix);
  append(spki, point);
  KITH_TRY(PublicState public_state, public_of(spki, point));

  SecretArray<private_bytes> data;
  std::uint8_t* at = data.data();
  for (const ByteView part :
       {ByteView(private_prefix), ByteView(scalar), ByteView(private_middle), ByteView(point)}) {
    at = std::ranges::copy(part, at).out;
  }
  return std::make_shared<EcdsaPrivate>(std::move(public_state), data, scalar);
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
