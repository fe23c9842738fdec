// As much of X.509 (RFC 5280) as self-signed certificates need: the frame taken apart, in strict
// DER, with nothing interpreted but the times; and signatures by an algorithm told in its DER.
#pragma once

#include <optional>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>

namespace kith::crypto::detail {

/// Views into the certificate.
struct X509Parts {
  ByteView signed_part;          ///< TBSCertificate, whole
  ByteView signature_algorithm;  ///< AlgorithmIdentifier, whole
  ByteView signature;            ///< without the count of unused bits
  WallTime not_before{};
  WallTime not_after{};
  ByteView public_key{};  ///< SubjectPublicKeyInfo, whole
  ByteView extensions{};  ///< what is in their SEQUENCE
};

struct X509Extension {
  ByteView id;  ///< content of the OBJECT IDENTIFIER
  bool critical = false;
  ByteView value;
};

/// Nothing if this isn't the DER of a version 3 certificate whose two signature algorithms are the
/// same, or if it has unique ids. Times past what WallTime can tell become its bounds.
std::optional<X509Parts> parse_x509(ByteView certificate) noexcept;

/// Takes the first extension of `in`, which isn't empty.
std::optional<X509Extension> take_x509_extension(ByteView& in) noexcept;

/// Success if the signature over `signed_part` is that of `public_key`.
/// CertificateError::unsupported_algorithm, bad_key, bad_self_signature.
Result<void> verify_x509_signature(const X509Parts& parts);

}  // namespace kith::crypto::detail
