#include <kith/crypto/error.hpp>

namespace kith::crypto {
namespace {

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "crypto"; }
  std::string message(int code) const override {
    switch (static_cast<CryptoError>(code)) {
      case CryptoError::bad_encoding:
        return "malformed encoding";
      case CryptoError::bad_key:
        return "the key isn't valid";
      case CryptoError::unsupported_key:
        return "this type or size of key isn't supported";
      case CryptoError::key_too_long:
        return "the key is too long";
      case CryptoError::bad_signature:
        return "the signature doesn't match";
      case CryptoError::low_order_point:
        return "the peer's key share is unsafe";
      case CryptoError::authentication_failed:
        return "the data was changed on its way";
      case CryptoError::wrong_passphrase:
        return "the passphrase is wrong or the key file is damaged";
      case CryptoError::needs_passphrase:
        return "the key file is encrypted and needs its passphrase";
      case CryptoError::costs_too_much:
        return "the key file asks for more memory or work than is allowed";
      case CryptoError::internal:
        return "the cryptographic library failed";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

}  // namespace

const ErrorDomain& error_domain(CryptoError) noexcept {
  return domain;
}

}  // namespace kith::crypto
