// What can be wrong with a Noise channel.
#pragma once

#include <kith/base/result.hpp>

namespace kith::net {

enum class NoiseError {
  message_too_short = 1,  ///< shorter than the keys and tags that it must hold
  message_too_long,       ///< a handshake message past noise_handshake_message_bytes_max
  bad_key_share,          ///< an X25519 key that makes the shared secret zero
  decryption_failed,      ///< a tag doesn't match: other keys, or bytes were changed
  bad_payload,            ///< the handshake's payload isn't the protobuf that it should be
  missing_identity,       ///< no identity key or no signature in it
  bad_identity_key,       ///< the identity key is none that we know
  bad_signature,          ///< the signature over the static key isn't the identity key's
  unexpected_peer,        ///< the peer is another one than we dialed
  no_common_muxer,        ///< both listed muxers, and have none in common
  nonces_exhausted,       ///< 2^64 - 1 messages were sent or received
  handshake_cut,          ///< the connection ended in the middle of the handshake
};
const ErrorDomain& error_domain(NoiseError) noexcept;

}  // namespace kith::net
