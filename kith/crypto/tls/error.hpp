// The error codes of crypto/tls/.
#pragma once

#include <kith/base/result.hpp>

namespace kith::crypto {

/// Why a TLS connection ended, where the fault was found on our side.
enum class TlsError {
  bad_credentials = 1,  ///< our own certificate or key can't be read, or don't belong together
  not_tls,              ///< what came is no TLS record, or plain HTTP
  no_common_version,    ///< the peer speaks older versions only
  no_common_cipher,     ///< no cipher, group or signature algorithm in common
  no_common_protocol,   ///< none of the protocols offered by ALPN is ours
  no_certificate,       ///< the peer must have a certificate and sent none
  untrusted,            ///< the peer's chain leads to no root that we trust
  expired,              ///< a certificate of the chain isn't valid now
  wrong_host,           ///< the certificate is another host's
  bad_signature,        ///< the peer doesn't have its certificate's key
  bad_record,           ///< a record doesn't decrypt
  unexpected_message,   ///< a message that comes out of turn
  protocol_violation,   ///< a message that is malformed, or breaks another rule
  too_long,             ///< a record, a message or the handshake is past its limit
  too_many_messages,    ///< key updates or tickets past tls_late_messages_max
  closed,               ///< writing after our own close
  internal,             ///< OpenSSL failed: out of memory
};
const ErrorDomain& error_domain(TlsError) noexcept;

/// Why the peer ended it: the alert that it sent (RFC 8446, 6). The number is the one on the wire,
/// so that values without a name here occur.
enum class TlsAlert {
  unexpected_message = 10,
  bad_record_mac = 20,
  record_overflow = 22,
  handshake_failure = 40,
  bad_certificate = 42,
  unsupported_certificate = 43,
  certificate_revoked = 44,
  certificate_expired = 45,
  certificate_unknown = 46,
  illegal_parameter = 47,
  unknown_ca = 48,
  access_denied = 49,
  decode_error = 50,
  decrypt_error = 51,
  protocol_version = 70,
  insufficient_security = 71,
  internal_error = 80,
  user_canceled = 90,
  missing_extension = 109,
  unsupported_extension = 110,
  unrecognized_name = 112,
  certificate_required = 116,
  no_application_protocol = 120,
};
const ErrorDomain& error_domain(TlsAlert) noexcept;

/// What is wrong with a libp2p certificate.
enum class CertificateError {
  not_one = 1,            ///< the chain hasn't exactly one certificate
  too_long,               ///< past libp2p_certificate_bytes_max or ..._extensions_max
  bad_encoding,           ///< not the DER of an X.509 version 3 certificate
  not_yet_valid,          ///< its time is still to come
  expired,                ///< its time is over
  unsupported_algorithm,  ///< a key or signature algorithm that libp2p peers don't use
  bad_key,                ///< the certificate's own key isn't valid
  bad_self_signature,     ///< not signed by its own key
  critical_extension,     ///< a critical extension that we don't know
  missing_extension,      ///< no libp2p extension
  bad_extension,          ///< the libp2p extension is malformed, or there are two
  bad_identity_key,       ///< the identity key is none that we know
  bad_signature,          ///< the identity key hasn't signed the certificate's key
};
const ErrorDomain& error_domain(CertificateError) noexcept;

}  // namespace kith::crypto
