#include <array>

#include <kith/base/assert.hpp>
#include <kith/crypto/detail/der.hpp>
#include <kith/crypto/detail/x509.hpp>
#include <kith/crypto/tls/libp2p_certificate.hpp>

namespace kith::crypto {
namespace {

using namespace detail;

constexpr std::string_view signature_prefix = "libp2p-tls-handshake:";

// 1.3.6.1.4.1.53594.1.1
constexpr std::uint8_t extension_id[] = {0x2b, 0x06, 0x01, 0x04, 0x01,
                                         0x83, 0xa2, 0x5a, 0x01, 0x01};

// [0] EXPLICIT INTEGER 2: version 3
constexpr std::uint8_t version_3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};
// SEQUENCE { ecdsa-with-SHA256 }
constexpr std::uint8_t ecdsa_sha256[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                         0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
// SEQUENCE { SET { SEQUENCE { commonName, UTF8String "libp2p" } } }: it means nothing, but an
// issuer must have a name (RFC 5280, 4.1.2.4).
constexpr std::uint8_t name[] = {0x30, 0x11, 0x31, 0x0f, 0x30, 0x0d, 0x06, 0x03, 0x55, 0x04,
                                 0x03, 0x0c, 0x06, 'l',  'i',  'b',  'p',  '2',  'p'};
constexpr std::string_view not_before = "750101000000Z";
constexpr std::string_view not_after = "40960101000000Z";
constexpr std::size_t serial_bytes = 16;

Bytes wrapped(std::uint8_t tag, std::initializer_list<ByteView> parts) {
  Bytes content;
  for (const ByteView part : parts)
    append(content, part);
  Bytes out;
  append_der(out, tag, content);
  return out;
}

Bytes signed_message(ByteView public_key) {
  Bytes message = to_bytes(signature_prefix);
  append(message, public_key);
  return message;
}

/// [3] { SEQUENCE { the one extension } }
Bytes make_extensions(ByteView identity, ByteView signature) {
  const Bytes signed_key = wrapped(der_sequence, {wrapped(der_octet_string, {identity}),
                                                  wrapped(der_octet_string, {signature})});
  const Bytes extension = wrapped(der_sequence, {wrapped(der_object_id, {extension_id}),
                                                 wrapped(der_octet_string, {signed_key})});
  return wrapped(der_context(3), {wrapped(der_sequence, {extension})});
}

/// The certificate without its signature, for this SubjectPublicKeyInfo.
Bytes make_signed_part(ByteView public_key, ByteView serial, ByteView extensions) {
  const Bytes validity =
      wrapped(der_sequence, {wrapped(der_utc_time, {as_bytes(not_before)}),
                             wrapped(der_generalized_time, {as_bytes(not_after)})});
  return wrapped(der_sequence, {version_3, wrapped(der_integer, {serial}), ecdsa_sha256, name,
                                validity, name, public_key, extensions});
}

// PKCS#8 (RFC 5958) for P-256: SEQUENCE { INTEGER 0, SEQUENCE { id-ecPublicKey, prime256v1 },
// OCTET STRING { SEQUENCE { INTEGER 1, OCTET STRING (the scalar),
constexpr std::uint8_t pkcs8_front[] = {0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06,
                                        0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                        0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
                                        0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20};
// [1] { BIT STRING (the point) } } } }
constexpr std::uint8_t pkcs8_middle[] = {0xa1, 0x44, 0x03, 0x42, 0x00};

/// Of a key of P-256, whose Data field is an ECPrivateKey that names its curve once more.
Secret pkcs8_of(const PrivateKey& key) {
  constexpr std::size_t scalar_offset = 7;
  constexpr std::size_t scalar_bytes = 32;
  constexpr std::size_t point_bytes = 65;
  Secret out(std::size(pkcs8_front) + scalar_bytes + std::size(pkcs8_middle) + point_bytes);
  std::uint8_t* at = out.mutable_bytes().data();
  for (const ByteView part :
       {ByteView(pkcs8_front), key.data().subspan(scalar_offset, scalar_bytes),
        ByteView(pkcs8_middle), key.public_key().data().last(point_bytes)}) {
    at = std::ranges::copy(part, at).out;
  }
  return out;
}

struct SignedKey {
  ByteView identity;
  ByteView signature;
};

std::optional<SignedKey> parse_signed_key(ByteView in) noexcept {
  auto body = take_der(in, der_sequence);
  if (!body || !in.empty()) return std::nullopt;
  const auto identity = take_der(*body, der_octet_string);
  const auto signature = take_der(*body, der_octet_string);
  if (!identity || !signature || !body->empty()) return std::nullopt;
  return SignedKey{*identity, *signature};
}

/// The libp2p extension's content, once all of them have been looked at.
Result<SignedKey> find_signed_key(ByteView extensions) {
  std::optional<SignedKey> found;
  for (std::size_t count = 0; !extensions.empty(); ++count) {
    if (count == libp2p_certificate_extensions_max) {
      return std::unexpected(CertificateError::too_long);
    }
    const auto extension = take_x509_extension(extensions);
    if (!extension) return std::unexpected(CertificateError::bad_encoding);
    if (!equal(extension->id, extension_id)) {
      if (extension->critical) return std::unexpected(CertificateError::critical_extension);
      continue;
    }
    const bool again = found.has_value();
    found = parse_signed_key(extension->value);
    if (again || !found) return std::unexpected(CertificateError::bad_extension);
  }
  if (!found) return std::unexpected(CertificateError::missing_extension);
  return *found;
}

}  // namespace

Result<Libp2pCertificate> make_libp2p_certificate(const PrivateKey& identity,
                                                  const RandomFill& random) {
  KITH_TRY(const PrivateKey key, PrivateKey::generate(KeyType::ecdsa, random));
  const ByteView public_key = key.public_key().data();
  std::array<std::uint8_t, serial_bytes> serial;
  random(serial);
  // Positive, and with no leading zero that DER would want left out.
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x3f) | 0x40);

  KITH_TRY(const Bytes binding, identity.sign(signed_message(public_key)));
  const Bytes extensions = make_extensions(identity.public_key().encoded(), binding);
  const Bytes signed_part = make_signed_part(public_key, serial, extensions);
  KITH_TRY(const Bytes signature, key.sign(signed_part));
  constexpr std::uint8_t no_unused_bits[] = {0};
  Bytes certificate = wrapped(der_sequence, {signed_part, ecdsa_sha256,
                                             wrapped(der_bit_string, {no_unused_bits, signature})});
  ASSERT(certificate.size() <= libp2p_certificate_bytes_max);
  return Libp2pCertificate{std::move(certificate), pkcs8_of(key)};
}

Result<PublicKey> verify_libp2p_certificate(ByteView certificate, WallTime now) {
  if (certificate.size() > libp2p_certificate_bytes_max) {
    return std::unexpected(CertificateError::too_long);
  }
  const auto parts = parse_x509(certificate);
  if (!parts) return std::unexpected(CertificateError::bad_encoding);
  if (now < parts->not_before) return std::unexpected(CertificateError::not_yet_valid);
  if (now > parts->not_after) return std::unexpected(CertificateError::expired);
  KITH_TRY(const SignedKey signed_key, find_signed_key(parts->extensions));
  auto identity = PublicKey::decode(signed_key.identity);
  if (!identity) return std::unexpected(CertificateError::bad_identity_key);
  KITH_CHECK(verify_x509_signature(*parts));
  if (!identity->verify(signed_message(parts->public_key), signed_key.signature)) {
    return std::unexpected(CertificateError::bad_signature);
  }
  return *std::move(identity);
}

Result<PublicKey> verify_libp2p_chain(std::span<const ByteView> chain, WallTime now) {
  if (chain.size() != 1) return std::unexpected(CertificateError::not_one);
  return verify_libp2p_certificate(chain.front(), now);
}

}  // namespace kith::crypto
