#include <kith/crypto/tls/error.hpp>

namespace kith::crypto {
namespace {

class TlsDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "tls"; }
  std::string message(int code) const override {
    switch (static_cast<TlsError>(code)) {
      case TlsError::bad_credentials:
        return "the certificate or its key can't be used";
      case TlsError::not_tls:
        return "the peer doesn't speak TLS";
      case TlsError::no_common_version:
        return "the peer speaks no version of TLS that is safe enough";
      case TlsError::no_common_cipher:
        return "the peer speaks none of our TLS ciphers";
      case TlsError::no_common_protocol:
        return "the peer offers none of our protocols over TLS";
      case TlsError::no_certificate:
        return "the peer sent no certificate";
      case TlsError::untrusted:
        return "the peer's certificate isn't trusted";
      case TlsError::expired:
        return "the peer's certificate isn't valid at this time";
      case TlsError::wrong_host:
        return "the peer's certificate belongs to another host";
      case TlsError::bad_signature:
        return "the peer doesn't hold its certificate's key";
      case TlsError::bad_record:
        return "a TLS record can't be decrypted";
      case TlsError::unexpected_message:
        return "a TLS message of the peer came out of turn";
      case TlsError::protocol_violation:
        return "the peer broke the rules of TLS";
      case TlsError::too_long:
        return "a TLS message of the peer is too long";
      case TlsError::too_many_messages:
        return "the peer sent too many TLS key updates or tickets";
      case TlsError::closed:
        return "the TLS connection is closed";
      case TlsError::internal:
        return "the TLS library failed";
    }
    return "unknown error";
  }
};
constinit const TlsDomain tls_domain;

class AlertDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "tls alert"; }
  std::string message(int code) const override {
    switch (static_cast<TlsAlert>(code)) {
      case TlsAlert::unexpected_message:
      case TlsAlert::illegal_parameter:
      case TlsAlert::decode_error:
      case TlsAlert::missing_extension:
      case TlsAlert::unsupported_extension:
        return "the peer says that we broke the rules of TLS";
      case TlsAlert::bad_record_mac:
      case TlsAlert::decrypt_error:
        return "the peer couldn't decrypt or verify what we sent over TLS";
      case TlsAlert::record_overflow:
        return "the peer found a TLS record of ours too long";
      case TlsAlert::handshake_failure:
      case TlsAlert::insufficient_security:
        return "the peer found none of our TLS ciphers acceptable";
      case TlsAlert::bad_certificate:
      case TlsAlert::unsupported_certificate:
      case TlsAlert::certificate_revoked:
      case TlsAlert::certificate_unknown:
      case TlsAlert::unknown_ca:
        return "the peer refused our certificate";
      case TlsAlert::certificate_expired:
        return "the peer finds our certificate expired";
      case TlsAlert::access_denied:
        return "the peer denied us access";
      case TlsAlert::protocol_version:
        return "the peer speaks no version of TLS that we do";
      case TlsAlert::internal_error:
        return "the peer's TLS failed";
      case TlsAlert::user_canceled:
        return "the peer cancelled the TLS handshake";
      case TlsAlert::unrecognized_name:
        return "the peer knows no host of this name";
      case TlsAlert::certificate_required:
        return "the peer wants a certificate of us";
      case TlsAlert::no_application_protocol:
        return "the peer speaks none of the protocols that we offered over TLS";
    }
    return "the peer ended the TLS connection with alert " + std::to_string(code);
  }
};
constinit const AlertDomain alert_domain;

class CertificateDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "certificate"; }
  std::string message(int code) const override {
    switch (static_cast<CertificateError>(code)) {
      case CertificateError::not_one:
        return "the peer must send exactly one certificate";
      case CertificateError::too_long:
        return "the peer's certificate is too long";
      case CertificateError::bad_encoding:
        return "the peer's certificate is malformed";
      case CertificateError::not_yet_valid:
        return "the peer's certificate isn't valid yet; is one of the two clocks wrong?";
      case CertificateError::expired:
        return "the peer's certificate has expired; is one of the two clocks wrong?";
      case CertificateError::unsupported_algorithm:
        return "the peer's certificate uses an algorithm that isn't supported";
      case CertificateError::bad_key:
        return "the key in the peer's certificate isn't valid";
      case CertificateError::bad_self_signature:
        return "the peer's certificate isn't signed by its own key";
      case CertificateError::critical_extension:
        return "the peer's certificate has a critical extension that isn't known";
      case CertificateError::missing_extension:
        return "the peer's certificate doesn't say which peer it is";
      case CertificateError::bad_extension:
        return "the peer's certificate says in a malformed way which peer it is";
      case CertificateError::bad_identity_key:
        return "the peer's identity key isn't valid";
      case CertificateError::bad_signature:
        return "the peer couldn't prove its identity";
    }
    return "unknown error";
  }
};
constinit const CertificateDomain certificate_domain;

}  // namespace

const ErrorDomain& error_domain(TlsError) noexcept {
  return tls_domain;
}
const ErrorDomain& error_domain(TlsAlert) noexcept {
  return alert_domain;
}
const ErrorDomain& error_domain(CertificateError) noexcept {
  return certificate_domain;
}

}  // namespace kith::crypto
