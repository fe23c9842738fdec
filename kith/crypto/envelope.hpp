// Signed envelopes: bytes with their signer's public key and a signature that holds in one domain.
// Specification: libp2p/specs, RFC/0002-signed-envelopes.md.
//
//   wire (protobuf)   1 public_key (message PublicKey)   2 payload_type   3 payload   5 signature
//   signed            len domain, domain, len payload_type, payload_type, len payload, payload
//                     with lengths as unsigned varints
//
// The domain isn't in the envelope: who opens it must know what it is for, so a signature made for
// one purpose is worth nothing for another. What payload types there are, and whether the signer
// is who the payload speaks of, is the caller's to check. Limits: envelope_bytes_max. Any thread.
#pragma once

#include <string_view>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/crypto/limits.hpp>

namespace kith::crypto {

/// What an envelope held, once its signature was found good.
struct Envelope {
  PublicKey signer;
  Bytes payload_type;
  Bytes payload;
};

/// Signs `payload` for `domain` (1 to envelope_domain_bytes_max bytes, else
/// Errc::invalid_argument) and gives the encoded envelope. Errc::limit_exceeded if it would be
/// longer than envelope_bytes_max; otherwise what PrivateKey::sign can say.
Result<Bytes> seal_envelope(const PrivateKey& signer, std::string_view domain,
                            ByteView payload_type, ByteView payload);

/// Reads an encoded envelope and checks its signature. Unknown fields are passed over, repeated
/// ones refused. Errc::limit_exceeded, CryptoError::bad_encoding, what PublicKey::decode can say,
/// CryptoError::bad_signature.
Result<Envelope> open_envelope(ByteView encoded, std::string_view domain);

}  // namespace kith::crypto
