#include <array>
#include <chrono>

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <kith/crypto/detail/der.hpp>
#include <kith/crypto/detail/key_state.hpp>
#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/detail/x509.hpp>
#include <kith/crypto/tls/error.hpp>

namespace kith::crypto::detail {
namespace {

// [0] EXPLICIT INTEGER 2: version 3
constexpr std::array<std::uint8_t, 5> version_3 = {0xa0, 0x03, 0x02, 0x01, 0x02};

/// Takes `count` decimal digits.
std::optional<unsigned> take_number(ByteView& in, std::size_t count) noexcept {
  unsigned number = 0;
  for (const std::uint8_t digit : in.first(count)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = 10 * number + (digit - '0');
  }
  in = in.subspan(count);
  return number;
}

WallTime clamp(std::chrono::sys_seconds time) noexcept {
  using std::chrono::floor;
  using std::chrono::seconds;
  const seconds count = time.time_since_epoch();
  if (count < floor<seconds>(WallTime::min().time_since_epoch()) + 1s) return WallTime::min();
  if (count >= floor<seconds>(WallTime::max().time_since_epoch())) return WallTime::max();
  return WallTime(count);
}

/// UTCTime or GeneralizedTime in the forms that RFC 5280, 4.1.2.5 allows: with seconds, in UTC.
std::optional<WallTime> take_time(ByteView& in) noexcept {
  auto text = take_der(in, der_utc_time);
  const bool short_year = text.has_value();
  if (!text) text = take_der(in, der_generalized_time);
  const std::size_t year_digits = short_year ? 2 : 4;
  if (!text || text->size() != year_digits + 11 || text->back() != 'Z') return std::nullopt;
  auto year = take_number(*text, year_digits);
  std::array<std::optional<unsigned>, 5> rest;
  for (auto& number : rest) {
    number = take_number(*text, 2);
    if (!number) return std::nullopt;
  }
  if (!year) return std::nullopt;
  if (short_year) *year += *year < 50 ? 2000 : 1900;
  const auto [month, day, hour, minute, second] = rest;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day));
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  return clamp(std::chrono::sys_days(date) + std::chrono::hours(*hour) +
               std::chrono::minutes(*minute) + std::chrono::seconds(*second));
}

/// What follows "TBSCertificate"'s header.
bool parse_signed_part(ByteView in, X509Parts& parts) noexcept {
  if (in.size() < version_3.size() || !equal(in.first(version_3.size()), version_3)) return false;
  in = in.subspan(version_3.size());
  const auto serial = take_der(in, der_integer);
  const auto algorithm = take_der_whole(in, der_sequence);
  const auto issuer = take_der(in, der_sequence);
  auto validity = take_der(in, der_sequence);
  const auto subject = take_der(in, der_sequence);
  const auto key = take_der_whole(in, der_sequence);
  if (!serial || serial->empty() || !algorithm || !issuer || !validity || !subject || !key) {
    return false;
  }
  const auto not_before = take_time(*validity);
  const auto not_after = take_time(*validity);
  if (!not_before || !not_after || !validity->empty()) return false;
  // Unique ids would stand here, with tags of their own.
  if (!in.empty()) {
    auto wrapped = take_der(in, der_context(3));
    if (!wrapped || !in.empty()) return false;
    const auto extensions = take_der(*wrapped, der_sequence);
    if (!extensions || extensions->empty() || !wrapped->empty()) return false;
    parts.extensions = *extensions;
  }
  parts.not_before = *not_before;
  parts.not_after = *not_after;
  parts.public_key = *key;
  return equal(*algorithm, parts.signature_algorithm);
}

enum class KeyKind { ec, rsa, ed25519 };

/// An AlgorithmIdentifier of a public key. Named curves alone; the point is uncompressed.
struct KeyForm {
  KeyKind kind;
  ByteView algorithm;
  std::size_t point_bytes;  ///< 0 for RSA, whose numbers vary in length
  const char* curve = nullptr;
};

constexpr std::uint8_t p256_id[] = {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
                                    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr std::uint8_t p384_id[] = {0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                    0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
constexpr std::uint8_t p521_id[] = {0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                    0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};
constexpr std::uint8_t rsa_id[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                   0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
constexpr std::uint8_t ed25519_id[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};

constexpr KeyForm key_forms[] = {{KeyKind::ec, p256_id, 65, "P-256"},
                                 {KeyKind::ec, p384_id, 97, "P-384"},
                                 {KeyKind::ec, p521_id, 133, "P-521"},
                                 {KeyKind::rsa, rsa_id, 0},
                                 {KeyKind::ed25519, ed25519_id, 32}};

enum class SignatureKind { ecdsa, rsa_pkcs1, rsa_pss, ed25519 };

constexpr const char* digest_names[] = {"SHA2-256", "SHA2-384", "SHA2-512"};
/// The last byte of what names SHA-256, 384 and 512 in the three kinds of identifier below.
constexpr std::uint8_t ecdsa_digests[] = {2, 3, 4};
constexpr std::uint8_t rsa_digests[] = {11, 12, 13};
constexpr std::uint8_t pss_digests[] = {1, 2, 3};
constexpr std::uint8_t pss_salts[] = {32, 48, 64};

using EcdsaId = std::array<std::uint8_t, 12>;
constexpr EcdsaId ecdsa_id(std::size_t digest) {
  return {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, ecdsa_digests[digest]};
}

using RsaId = std::array<std::uint8_t, 15>;
constexpr RsaId rsa_signature_id(std::size_t digest) {
  return {
      0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, rsa_digests[digest],
      0x05, 0x00};
}

/// RSASSA-PSS as everybody uses it: MGF1 with the same digest, a salt of the digest's length.
using PssId = std::array<std::uint8_t, 67>;
constexpr PssId pss_id(std::size_t digest) {
  const std::uint8_t hash = pss_digests[digest];
  return {0x30,
          0x41,
          0x06,
          0x09,
          0x2a,
          0x86,
          0x48,
          0x86,
          0xf7,
          0x0d,
          0x01,
          0x01,
          0x0a,
          0x30,
          0x34,
          0xa0,
          0x0f,
          0x30,
          0x0d,
          0x06,
          0x09,
          0x60,
          0x86,
          0x48,
          0x01,
          0x65,
          0x03,
          0x04,
          0x02,
          hash,
          0x05,
          0x00,
          0xa1,
          0x1c,
          0x30,
          0x1a,
          0x06,
          0x09,
          0x2a,
          0x86,
          0x48,
          0x86,
          0xf7,
          0x0d,
          0x01,
          0x01,
          0x08,
          0x30,
          0x0d,
          0x06,
          0x09,
          0x60,
          0x86,
          0x48,
          0x01,
          0x65,
          0x03,
          0x04,
          0x02,
          hash,
          0x05,
          0x00,
          0xa2,
          0x03,
          0x02,
          0x01,
          pss_salts[digest]};
}

struct SignatureForm {
  SignatureKind kind;
  const char* digest;  ///< null: the algorithm has its own
};

std::optional<SignatureForm> signature_form_of(ByteView algorithm) noexcept {
  for (std::size_t i = 0; i < std::size(digest_names); ++i) {
    if (equal(algorithm, ecdsa_id(i))) return SignatureForm{SignatureKind::ecdsa, digest_names[i]};
    if (equal(algorithm, rsa_signature_id(i)))
      return SignatureForm{SignatureKind::rsa_pkcs1, digest_names[i]};
    if (equal(algorithm, pss_id(i))) return SignatureForm{SignatureKind::rsa_pss, digest_names[i]};
  }
  if (equal(algorithm, ed25519_id)) return SignatureForm{SignatureKind::ed25519, nullptr};
  return std::nullopt;
}

bool belong_together(KeyKind key, SignatureKind signature) noexcept {
  switch (signature) {
    case SignatureKind::ecdsa:
      return key == KeyKind::ec;
    case SignatureKind::rsa_pkcs1:
    case SignatureKind::rsa_pss:
      return key == KeyKind::rsa;
    case SignatureKind::ed25519:
      return key == KeyKind::ed25519;
  }
  return false;
}

struct X509Key {
  KeyKind kind;
  Pkey key;
};

/// Reads a SubjectPublicKeyInfo. CertificateError::unsupported_algorithm, bad_key.
Result<X509Key> read_key(ByteView info) {
  ByteView in = info;
  in = take_der(in, der_sequence).value_or(ByteView());
  const auto algorithm = take_der_whole(in, der_sequence);
  const auto bits = take_der(in, der_bit_string);
  if (!algorithm || !bits || !in.empty() || bits->size() < 2 || bits->front() != 0) {
    return std::unexpected(CertificateError::bad_key);
  }
  const auto* form = std::ranges::find_if(
      key_forms, [&](const KeyForm& known) { return equal(known.algorithm, *algorithm); });
  if (form == std::end(key_forms)) return std::unexpected(CertificateError::unsupported_algorithm);
  if (form->kind == KeyKind::rsa) {
    // Bounds the numbers before OpenSSL computes with them.
    auto strict = rsa_public(info);
    if (!strict && strict.error().is(CryptoError::unsupported_key)) {
      return std::unexpected(CertificateError::unsupported_algorithm);
    }
    if (!strict) return std::unexpected(CertificateError::bad_key);
  } else if (bits->size() != 1 + form->point_bytes ||
             (form->kind == KeyKind::ec && (*bits)[1] != POINT_CONVERSION_UNCOMPRESSED)) {
    return std::unexpected(CertificateError::bad_key);
  }
  const unsigned char* at = info.data();
  Pkey key = form->kind == KeyKind::ec
                 ? ec_public_key(form->curve, bits->subspan(1))
                 : Pkey(d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(info.size()),
                                      openssl_context(), nullptr));
  if (key == nullptr) return std::unexpected(CertificateError::bad_key);
  return X509Key{form->kind, std::move(key)};
}

}  // namespace

std::optional<X509Parts> parse_x509(ByteView certificate) noexcept {
  auto body = take_der(certificate, der_sequence);
  if (!body || !certificate.empty()) return std::nullopt;
  const auto signed_part = take_der_whole(*body, der_sequence);
  const auto algorithm = take_der_whole(*body, der_sequence);
  const auto bits = take_der(*body, der_bit_string);
  if (!signed_part || !algorithm || !bits || !body->empty()) return std::nullopt;
  if (bits->size() < 2 || bits->front() != 0) return std::nullopt;
  X509Parts parts{.signed_part = *signed_part,
                  .signature_algorithm = *algorithm,
                  .signature = bits->subspan(1)};
  ByteView in = *signed_part;
  if (!parse_signed_part(*take_der(in, der_sequence), parts)) return std::nullopt;
  return parts;
}

std::optional<X509Extension> take_x509_extension(ByteView& in) noexcept {
  auto body = take_der(in, der_sequence);
  if (!body) return std::nullopt;
  X509Extension extension;
  const auto id = take_der(*body, der_object_id);
  if (!id || id->empty()) return std::nullopt;
  if (auto critical = take_der(*body, der_boolean)) {
    // False is the default, which DER leaves out.
    if (critical->size() != 1 || critical->front() != 0xff) return std::nullopt;
    extension.critical = true;
  }
  const auto value = take_der(*body, der_octet_string);
  if (!value || !body->empty()) return std::nullopt;
  extension.id = *id;
  extension.value = *value;
  return extension;
}

Result<void> verify_x509_signature(const X509Parts& parts) {
  const ErrorQueueGuard guard;
  const auto form = signature_form_of(parts.signature_algorithm);
  if (!form) return std::unexpected(CertificateError::unsupported_algorithm);
  KITH_TRY(const X509Key key, read_key(parts.public_key));
  if (!belong_together(key.kind, form->kind)) {
    return std::unexpected(CertificateError::bad_self_signature);
  }
  const MdContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;  // belongs to `context`
  bool good = context != nullptr &&
              EVP_DigestVerifyInit_ex(context.get(), &options, form->digest, openssl_context(),
                                      nullptr, key.key.get(), nullptr) == 1;
  if (form->kind == SignatureKind::rsa_pss) {
    good = good && EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1;
  }
  good = good && EVP_DigestVerify(context.get(), parts.signature.data(), parts.signature.size(),
                                  parts.signed_part.data(), parts.signed_part.size()) == 1;
  if (!good) return std::unexpected(CertificateError::bad_self_signature);
  return {};
}

}  // namespace kith::crypto::detail
