// RSA by OpenSSL. The DER is read by der.hpp, which takes the canonical form alone, and much faster
// than OpenSSL's decoders do.
//
// Public: SubjectPublicKeyInfo of RSAPublicKey { n, e } (RFC 8017, A.1.1). Private: RSAPrivateKey
// { 0, n, e, d, p, q, dp, dq, qinv } (A.1.2), two primes.
#include <array>
#include <bit>

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <kith/crypto/detail/der.hpp>
#include <kith/crypto/detail/key_state.hpp>
#include <kith/crypto/detail/openssl.hpp>

namespace kith::crypto::detail {
namespace {

using Bignum = std::unique_ptr<BIGNUM, Release<BN_clear_free>>;
using BignumContext = std::unique_ptr<BN_CTX, Release<BN_CTX_free>>;

// SEQUENCE { rsaEncryption, NULL }
constexpr std::array<std::uint8_t, 15> algorithm = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                                    0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
// INTEGER 0: a key of two primes
constexpr std::array<std::uint8_t, 3> two_primes = {der_integer, 0x01, 0x00};
/// Exponents are below 2^31, as Go's library wants them.
constexpr std::size_t exponent_bytes_max = 4;

struct PublicNumbers {
  ByteView n;
  ByteView e;
};

struct PrivateNumbers {
  ByteView n, e, d, p, q, dp, dq, qinv;
};

class RsaPublic final : public PublicKeyState {
 public:
  RsaPublic(ByteView data, Pkey key) : PublicKeyState(KeyType::rsa, data), key_(std::move(key)) {}

  bool verify(ByteView message, ByteView signature) const noexcept override {
    return pkey_verify(key_.get(), message, signature);
  }

 private:
  Pkey key_;
};

class RsaPrivate final : public PrivateKeyState {
 public:
  RsaPrivate(PublicState public_state, ByteView data, Pkey key)
      : PrivateKeyState(std::move(public_state), data), key_(std::move(key)) {}

  Result<Bytes> sign(ByteView message) const override { return pkey_sign(key_.get(), message); }

 private:
  Pkey key_;
};

std::size_t bits_of(ByteView magnitude) noexcept {
  return 8 * magnitude.size() - static_cast<std::size_t>(std::countl_zero(magnitude[0]));
}

Result<void> check_public(const PublicNumbers& numbers) {
  const std::size_t bits = bits_of(numbers.n);
  if (bits < rsa_bits_min || bits > rsa_bits_max) {
    return std::unexpected(CryptoError::unsupported_key);
  }
  const bool small = numbers.e.size() < exponent_bytes_max ||
                     (numbers.e.size() == exponent_bytes_max && numbers.e[0] < 0x80);
  if (!small) return std::unexpected(CryptoError::unsupported_key);
  const bool odd = (numbers.n.back() & 1) != 0 && (numbers.e.back() & 1) != 0;
  const bool one = numbers.e.size() == 1 && numbers.e[0] == 1;
  if (!odd || one) return std::unexpected(CryptoError::bad_key);
  return {};
}

/// The numbers as OpenSSL's parameters want them, in the machine's order. Wiped when it dies.
class Parameters {
 public:
  Parameters() { list_.reserve(9); }

  void add(const char* name, ByteView magnitude) {
    Secret& native = numbers_[count_++];
    native = Secret(magnitude);
    if constexpr (std::endian::native == std::endian::little) {
      std::ranges::reverse(native.mutable_bytes());
    }
    list_.push_back(OSSL_PARAM_construct_BN(name, native.mutable_bytes().data(), native.size()));
  }

  OSSL_PARAM* finish() {
    list_.push_back(OSSL_PARAM_construct_end());
    return list_.data();
  }

 private:
  std::array<Secret, 8> numbers_;
  std::size_t count_ = 0;
  std::vector<OSSL_PARAM> list_;
};

Result<PublicState> public_of(ByteView data, const PublicNumbers& numbers) {
  KITH_CHECK(check_public(numbers));
  Parameters parameters;
  parameters.add(OSSL_PKEY_PARAM_RSA_N, numbers.n);
  parameters.add(OSSL_PKEY_PARAM_RSA_E, numbers.e);
  Pkey key = pkey_from("RSA", EVP_PKEY_PUBLIC_KEY, parameters.finish());
  if (key == nullptr) return std::unexpected(CryptoError::bad_key);
  return std::make_shared<RsaPublic>(data, std::move(key));
}

Bytes encode_public(const PublicNumbers& numbers) {
  Bytes integers;
  append_der_positive(integers, numbers.n);
  append_der_positive(integers, numbers.e);
  Bytes bits = {0};  // no unused bits at the end
  append_der_header(bits, der_sequence, integers.size());
  append(bits, integers);
  Bytes info = to_bytes(algorithm);
  append_der_header(info, der_bit_string, bits.size());
  append(info, bits);
  Bytes out;
  append_der_header(out, der_sequence, info.size());
  append(out, info);
  return out;
}

std::optional<PrivateNumbers> parse_private(ByteView data) {
  auto body = take_der(data, der_sequence);
  if (!body || !data.empty()) return std::nullopt;
  ByteView in = *body;
  if (in.size() < two_primes.size() || !equal(in.first(two_primes.size()), two_primes)) {
    return std::nullopt;
  }
  in = in.subspan(two_primes.size());
  PrivateNumbers numbers;
  for (ByteView* number : {&numbers.n, &numbers.e, &numbers.d, &numbers.p, &numbers.q, &numbers.dp,
                           &numbers.dq, &numbers.qinv}) {
    auto value = take_der_positive(in);
    if (!value) return std::nullopt;
    *number = *value;
  }
  if (!in.empty()) return std::nullopt;
  return numbers;
}

Bignum bignum(ByteView magnitude) noexcept {
  return Bignum(BN_bin2bn(magnitude.data(), static_cast<int>(magnitude.size()), nullptr));
}

/// That the numbers belong together (RFC 8017, 3.2), but for the primes being prime, which costs
/// seconds and harms nobody but the key's owner.
class Consistency {
 public:
  explicit Consistency(const PrivateNumbers& numbers)
      : n_(bignum(numbers.n)),
        e_(bignum(numbers.e)),
        d_(bignum(numbers.d)),
        p_(bignum(numbers.p)),
        q_(bignum(numbers.q)),
        dp_(bignum(numbers.dp)),
        dq_(bignum(numbers.dq)),
        qinv_(bignum(numbers.qinv)) {}

  bool holds() {
    for (const Bignum* number : {&n_, &e_, &d_, &p_, &q_, &dp_, &dq_, &qinv_, &x_, &y_}) {
      if (*number == nullptr) return false;
    }
    // d below n, the factors' numbers below the factors: else a sum could still come out right.
    if (context_ == nullptr || BN_cmp(d_.get(), n_.get()) >= 0) return false;
    if (!BN_is_odd(p_.get()) || !BN_is_odd(q_.get()) || BN_is_one(p_.get()) || BN_is_one(q_.get()))
      return false;
    if (BN_mul(x_.get(), p_.get(), q_.get(), context_.get()) != 1) return false;
    if (BN_cmp(x_.get(), n_.get()) != 0) return false;
    if (BN_cmp(qinv_.get(), p_.get()) >= 0) return false;
    if (BN_mod_mul(x_.get(), q_.get(), qinv_.get(), p_.get(), context_.get()) != 1) return false;
    return BN_is_one(x_.get()) && exponents_hold(p_, dp_) && exponents_hold(q_, dq_);
  }

 private:
  /// e d = 1 modulo prime - 1, and `reduced` is d modulo that.
  bool exponents_hold(const Bignum& prime, const Bignum& reduced) {
    if (BN_sub(y_.get(), prime.get(), BN_value_one()) != 1) return false;
    if (BN_mod_mul(x_.get(), d_.get(), e_.get(), y_.get(), context_.get()) != 1) return false;
    if (!BN_is_one(x_.get())) return false;
    if (BN_nnmod(x_.get(), d_.get(), y_.get(), context_.get()) != 1) return false;
    return BN_cmp(x_.get(), reduced.get()) == 0;
  }

  BignumContext context_{BN_CTX_secure_new()};
  Bignum n_, e_, d_, p_, q_, dp_, dq_, qinv_;
  Bignum x_{BN_secure_new()};
  Bignum y_{BN_secure_new()};
};

/// Releases what i2d_PrivateKey allocated, wiped.
struct DerDeleter {
  std::size_t size;
  void operator()(unsigned char* der) const noexcept { OPENSSL_clear_free(der, size); }
};

}  // namespace

Result<PublicState> rsa_public(ByteView data) {
  ByteView in = data;
  auto info = take_der(in, der_sequence);
  if (!info || !in.empty() || info->size() < algorithm.size() ||
      !equal(info->first(algorithm.size()), algorithm)) {
    return std::unexpected(CryptoError::bad_encoding);
  }
  in = info->subspan(algorithm.size());
  auto bits = take_der(in, der_bit_string);
  if (!bits || !in.empty() || bits->empty() || bits->front() != 0) {
    return std::unexpected(CryptoError::bad_encoding);
  }
  in = bits->subspan(1);
  auto integers = take_der(in, der_sequence);
  if (!integers || !in.empty()) return std::unexpected(CryptoError::bad_encoding);
  in = *integers;
  auto n = take_der_positive(in);
  auto e = take_der_positive(in);
  if (!n || !e || !in.empty()) return std::unexpected(CryptoError::bad_encoding);
  return public_of(data, {*n, *e});
}

Result<PrivateState> rsa_private(ByteView data) {
  auto numbers = parse_private(data);
  if (!numbers) return std::unexpected(CryptoError::bad_encoding);
  const PublicNumbers public_numbers{numbers->n, numbers->e};
  KITH_TRY(PublicState public_state, public_of(encode_public(public_numbers), public_numbers));

  const ErrorQueueGuard guard;
  if (!Consistency(*numbers).holds()) return std::unexpected(CryptoError::bad_key);
  Parameters parameters;
  parameters.add(OSSL_PKEY_PARAM_RSA_N, numbers->n);
  parameters.add(OSSL_PKEY_PARAM_RSA_E, numbers->e);
  parameters.add(OSSL_PKEY_PARAM_RSA_D, numbers->d);
  parameters.add(OSSL_PKEY_PARAM_RSA_FACTOR1, numbers->p);
  parameters.add(OSSL_PKEY_PARAM_RSA_FACTOR2, numbers->q);
  parameters.add(OSSL_PKEY_PARAM_RSA_EXPONENT1, numbers->dp);
  parameters.add(OSSL_PKEY_PARAM_RSA_EXPONENT2, numbers->dq);
  parameters.add(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, numbers->qinv);
  Pkey key = pkey_from("RSA", EVP_PKEY_KEYPAIR, parameters.finish());
  if (key == nullptr) return std::unexpected(CryptoError::bad_key);
  return std::make_shared<RsaPrivate>(std::move(public_state), data, std::move(key));
}

Result<PrivateState> rsa_generate(std::size_t bits) {
  if (bits < rsa_bits_min || bits > rsa_bits_max) {
    return std::unexpected(CryptoError::unsupported_key);
  }
  const ErrorQueueGuard guard;
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(openssl_context(), "RSA", nullptr));
  EVP_PKEY* made = nullptr;
  if (context == nullptr || EVP_PKEY_keygen_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), static_cast<int>(bits)) != 1 ||
      EVP_PKEY_generate(context.get(), &made) != 1) {
    return std::unexpected(CryptoError::internal);
  }
  const Pkey key(made);
  unsigned char* encoded = nullptr;
  const int size = i2d_PrivateKey(key.get(), &encoded);
  if (size <= 0) return std::unexpected(CryptoError::internal);
  const auto length = static_cast<std::size_t>(size);
  const std::unique_ptr<unsigned char, DerDeleter> der(encoded, DerDeleter{length});
  return rsa_private({der.get(), length});
}

}  // namespace kith::crypto::detail
