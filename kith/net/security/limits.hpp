// Limits of the secure channels.
#pragma once

#include <cstddef>

#include <kith/crypto/aead.hpp>
#include <kith/crypto/limits.hpp>
#include <kith/crypto/tls/limits.hpp>

namespace kith::net {

/// A Noise message on the wire, without its two bytes of length (Noise, section 3).
inline constexpr std::size_t noise_message_bytes_max = 65535;
/// The plaintext of a transport message.
inline constexpr std::size_t noise_plaintext_bytes_max =
    noise_message_bytes_max - crypto::aead_tag_bytes;
inline constexpr std::size_t noise_length_bytes = 2;

/// A message of the handshake. The longest that honest peers send carries an RSA key and its
/// signature, and a list of muxers.
inline constexpr std::size_t noise_handshake_message_bytes_max = 8 * 1024;
/// What the peer may list in its extensions, each.
inline constexpr std::size_t noise_muxers_max = 16;
inline constexpr std::size_t noise_certhashes_max = 16;

/// How much is encrypted before it is handed to the socket in one piece.
inline constexpr std::size_t noise_batch_bytes = 256 * 1024;
/// What a read asks of the socket, as little while little comes and as much when much does.
inline constexpr std::size_t noise_read_bytes_min = 2 * 1024;
inline constexpr std::size_t noise_read_bytes_max =
    noise_length_bytes + noise_message_bytes_max + 1024;

/// A TLS record on the wire behind its header (RFC 8446, 5.2).
inline constexpr std::size_t tls_record_body_bytes_max = crypto::tls_record_bytes_max + 256;
/// As for Noise.
inline constexpr std::size_t tls_batch_bytes = 256 * 1024;
inline constexpr std::size_t tls_read_bytes_min = 2 * 1024;
inline constexpr std::size_t tls_read_bytes_max = 65 * 1024;

static_assert(noise_handshake_message_bytes_max <= noise_message_bytes_max);
static_assert(noise_handshake_message_bytes_max >=
              crypto::public_key_bytes_max + crypto::signature_bytes_max + 1024);
static_assert(noise_read_bytes_max >= noise_length_bytes + noise_message_bytes_max,
              "a whole message must fit what is read at once");
static_assert(tls_read_bytes_max >= 2 * tls_record_body_bytes_max,
              "records must fit what is read at once");

}  // namespace kith::net
