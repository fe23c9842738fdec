// A certificate and its private key, by which one side of TLS proves who it is. Values; any thread.
#pragma once

#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/secret.hpp>
#include <kith/crypto/tls/error.hpp>
#include <kith/crypto/tls/limits.hpp>

namespace kith::crypto {

struct TlsCredentials {
  std::vector<Bytes> chain;  ///< DER: one's own certificate, then those that sign it
  Secret key;                ///< DER, PKCS#8
};

/// Reads what operators have in files, PEM or DER: one certificate, or a chain of up to
/// tls_chain_length_max in PEM; and a key without passphrase, in PKCS#8 or the older forms.
/// TlsError::bad_credentials, with a text that says what is wrong, also if the two don't belong
/// together.
Result<TlsCredentials> read_tls_credentials(ByteView chain, ByteView key);

}  // namespace kith::crypto
