// Certificates of every kind and fault, made by OpenSSL, for tests of what verifies them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/keys.hpp>

namespace kith::crypto::testing {

using detail::Pkey;
using detail::Release;
using X509Pointer = std::unique_ptr<X509, Release<X509_free>>;

inline const char* const libp2p_extension_id = "1.3.6.1.4.1.53594.1.1";

inline Pkey new_key(const char* kind, const char* curve_or_bits = nullptr) {
  if (std::string_view(kind) == "RSA") {
    return Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, kind,
                                  static_cast<std::size_t>(std::stoul(curve_or_bits))));
  }
  if (curve_or_bits == nullptr) return Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, kind));
  return Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, kind, curve_or_bits));
}

template <auto encode, class T>
Bytes der_of(T* object) {
  unsigned char* out = nullptr;
  const int size = encode(object, &out);
  ASSERT(size > 0);
  Bytes der(out, out + size);
  OPENSSL_free(out);
  return der;
}

inline Bytes public_info_of(EVP_PKEY* key) {
  return der_of<i2d_PUBKEY>(key);
}

/// An extension of any id and content.
struct Extension {
  std::string id;
  Bytes value;
  bool critical = false;
};

inline Bytes octets(std::uint8_t tag, ByteView content) {
  Bytes out = {tag};
  if (content.size() >= 256) {
    out.push_back(0x82);
    out.push_back(static_cast<std::uint8_t>(content.size() >> 8));
  } else if (content.size() >= 128) {
    out.push_back(0x81);
  }
  out.push_back(static_cast<std::uint8_t>(content.size()));
  append(out, content);
  return out;
}

inline Extension libp2p_extension(ByteView identity, ByteView signature) {
  Bytes content = octets(4, identity);
  append(content, octets(4, signature));
  return {libp2p_extension_id, octets(0x30, content)};
}

/// The extension that binds `key` to `identity`.
inline Extension libp2p_extension(const PrivateKey& identity, EVP_PKEY* key) {
  Bytes message = to_bytes("libp2p-tls-handshake:");
  append(message, public_info_of(key));
  return libp2p_extension(identity.public_key().encoded(), identity.sign(message).value());
}

struct Recipe {
  EVP_PKEY* key = nullptr;
  std::vector<Extension> extensions{};
  EVP_PKEY* signer = nullptr;  ///< `key` if null
  const EVP_MD* digest = EVP_sha256();
  bool pss = false;
  const char* not_before = "20200101000000Z";
  const char* not_after = "20991231235959Z";
  std::string common_name = "test";
  std::string issuer_name{};  ///< common_name if empty
  std::string dns_name{};     ///< a subject alternative name
  bool authority = false;
};

inline void set_name(X509_NAME* name, const std::string& text) {
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1, 0);
}

inline void add_extension(X509* certificate, const Extension& extension) {
  const std::unique_ptr<ASN1_OBJECT, Release<ASN1_OBJECT_free>> id(
      OBJ_txt2obj(extension.id.c_str(), 1));
  const std::unique_ptr<ASN1_OCTET_STRING, Release<ASN1_OCTET_STRING_free>> value(
      ASN1_OCTET_STRING_new());
  ASN1_OCTET_STRING_set(value.get(), extension.value.data(),
                        static_cast<int>(extension.value.size()));
  const std::unique_ptr<X509_EXTENSION, Release<X509_EXTENSION_free>> made(
      X509_EXTENSION_create_by_OBJ(nullptr, id.get(), extension.critical ? 1 : 0, value.get()));
  X509_add_ext(certificate, made.get(), -1);
}

inline void add_known_extension(X509* certificate, int kind, const std::string& value) {
  const std::unique_ptr<X509_EXTENSION, Release<X509_EXTENSION_free>> made(
      X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
  ASSERT(made != nullptr);
  X509_add_ext(certificate, made.get(), -1);
}

/// The certificate, DER.
inline Bytes make_certificate(const Recipe& recipe) {
  const X509Pointer certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 7);
  ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate.get()), recipe.not_before);
  ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate.get()), recipe.not_after);
  set_name(X509_get_subject_name(certificate.get()), recipe.common_name);
  set_name(X509_get_issuer_name(certificate.get()),
           recipe.issuer_name.empty() ? recipe.common_name : recipe.issuer_name);
  X509_set_pubkey(certificate.get(), recipe.key);
  if (!recipe.dns_name.empty()) {
    add_known_extension(certificate.get(), NID_subject_alt_name, "DNS:" + recipe.dns_name);
  }
  if (recipe.authority) {
    add_known_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  }
  for (const Extension& extension : recipe.extensions)
    add_extension(certificate.get(), extension);
  EVP_PKEY* signer = recipe.signer != nullptr ? recipe.signer : recipe.key;
  const detail::MdContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  const bool plain = EVP_PKEY_is_a(signer, "ED25519") == 1;
  EVP_DigestSignInit(context.get(), &options, plain ? nullptr : recipe.digest, nullptr, signer);
  if (recipe.pss) {
    EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
  }
  ASSERT(X509_sign_ctx(certificate.get(), context.get()) > 0);
  return der_of<i2d_X509>(certificate.get());
}

/// PKCS#8, DER.
inline Bytes private_der_of(EVP_PKEY* key) {
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, Release<PKCS8_PRIV_KEY_INFO_free>> info(
      EVP_PKEY2PKCS8(key));
  return der_of<i2d_PKCS8_PRIV_KEY_INFO>(info.get());
}

}  // namespace kith::crypto::testing
