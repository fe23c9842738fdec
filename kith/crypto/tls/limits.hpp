// Limits of crypto/tls/: what a peer may make us read, keep or compute.
#pragma once

#include <cstddef>

#include <kith/crypto/limits.hpp>

namespace kith::crypto {

/// A libp2p certificate. The longest that honest peers send carries an RSA key of rsa_bits_max and
/// its signature beside an RSA key and signature of its own.
inline constexpr std::size_t libp2p_certificate_bytes_max = 8 * 1024;
/// Extensions in one. Ours have one, other programs' up to three.
inline constexpr std::size_t libp2p_certificate_extensions_max = 16;

/// The plaintext of a record (RFC 8446, 5.1), and what TLS 1.3 adds to it: header, the hidden type,
/// tag.
inline constexpr std::size_t tls_record_bytes_max = 16 * 1024;
inline constexpr std::size_t tls_record_overhead_bytes = 5 + 1 + 16;

/// All that a peer may send until the handshake is done, whatever it is made of. Web servers send
/// up to 10 KiB of certificates.
inline constexpr std::size_t tls_handshake_bytes_max = 64 * 1024;
/// Certificates in the peer's chain.
inline constexpr std::size_t tls_chain_length_max = 8;

/// Handshake messages after the handshake: key updates and session tickets. Who updates keys as
/// seldom as the ciphers allow, each 2^24 records, sends 16 TiB of small records before it is
/// refused; who floods us makes us answer this often.
inline constexpr std::size_t tls_late_messages_max = 1024;

/// Protocols in an ALPN list, and the bytes of one (RFC 7301, 3.1).
inline constexpr std::size_t tls_alpn_protocols_max = 16;
inline constexpr std::size_t tls_alpn_bytes_max = 255;

/// A certificate chain or a private key that an operator gives us.
inline constexpr std::size_t tls_credential_bytes_max = 256 * 1024;

static_assert(libp2p_certificate_bytes_max >= public_key_bytes_max + 4 * signature_bytes_max);
static_assert(libp2p_certificate_bytes_max * 2 <= tls_handshake_bytes_max,
              "what the certificate parser takes must reach it");

}  // namespace kith::crypto
