// The certificate by which a libp2p peer proves its identity in a TLS handshake: of libp2p's own
// TLS over TCP, of QUIC, and of whatever else runs TLS between peers.
// Specification: libp2p/specs tls/tls.md, "Peer Authentication".
//
// It is self-signed by a key that belongs to it alone; one extension binds that key to the
// identity:
//
//   1.3.6.1.4.1.53594.1.1   SEQUENCE { OCTET STRING  public identity key, its protobuf
//                                      OCTET STRING  signature by the identity key over
//                                                    "libp2p-tls-handshake:" SubjectPublicKeyInfo }
//
// Ours: P-256, ECDSA with SHA-256, valid from 1975 to 4096 as rust-libp2p's are, so that neither
// clock matters and nobody learns when we were started. It is made of the randomness that is handed
// in and nothing else, so a simulation repeats it.
//
// Theirs: strict DER, read by a parser of our own within libp2p_certificate_bytes_max. Keys: P-256,
// P-384, P-521, RSA of rsa_bits_min to rsa_bits_max, Ed25519; signatures: ECDSA, RSA (PKCS#1 v1.5
// and PSS) with SHA-256, 384 or 512, Ed25519: what go-libp2p and rust-libp2p take, without SHA-1.
// Any critical extension but libp2p's is refused, and so are unique ids; names and serial numbers
// mean nothing. What a TLS library must still see to: that the peer holds the certificate's key.
//
// Values; any thread. Making one costs an ECDSA key and a signature of either key; verifying one
// two verifications.
#pragma once

#include <span>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/crypto/random.hpp>
#include <kith/crypto/secret.hpp>
#include <kith/crypto/tls/error.hpp>
#include <kith/crypto/tls/limits.hpp>

namespace kith::crypto {

struct Libp2pCertificate {
  Bytes certificate;  ///< DER
  Secret key;         ///< PKCS#8, DER
};

/// A new certificate for `identity`, with a new key of `random`. CryptoError::internal.
Result<Libp2pCertificate> make_libp2p_certificate(const PrivateKey& identity,
                                                  const RandomFill& random);

/// The identity that a certificate (DER) proves. Whose peer id it must be, if that is known, is the
/// caller's to compare. CertificateError.
Result<PublicKey> verify_libp2p_certificate(ByteView certificate, WallTime now);

/// The same for a chain as TLS gives it, the peer's own certificate first: it must have just that.
Result<PublicKey> verify_libp2p_chain(std::span<const ByteView> chain, WallTime now);

}  // namespace kith::crypto
