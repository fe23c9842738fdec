// The error codes of crypto/.
#pragma once

#include <kith/base/result.hpp>

namespace kith::crypto {

enum class CryptoError {
  bad_encoding = 1,       ///< not the one form that the specification allows
  bad_key,                ///< well formed, but no key: off the curve, out of range, inconsistent
  unsupported_key,        ///< a type, curve or size of key that we don't take
  key_too_long,           ///< past the limits of limits.hpp
  bad_signature,          ///< the signature isn't the key's over these bytes
  low_order_point,        ///< an X25519 share that would make the secret known to everyone
  authentication_failed,  ///< an AEAD tag that doesn't match
  wrong_passphrase,       ///< the passphrase doesn't open the file, or the file is damaged
  needs_passphrase,       ///< the file is encrypted and no passphrase was given
  costs_too_much,         ///< the file asks for more memory or work than we allow
  internal,               ///< the library below failed: out of memory
};
const ErrorDomain& error_domain(CryptoError) noexcept;

}  // namespace kith::crypto
