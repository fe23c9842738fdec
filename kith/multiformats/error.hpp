// Why bytes or text weren't accepted. One enum for the module: its decoders nest.
#pragma once

#include <expected>

#include <kith/base/result.hpp>

namespace kith::multiformats {

enum class MultiformatsError {
  empty = 1,            ///< nothing there
  truncated,            ///< the input ends too early
  trailing_bytes,       ///< something follows the value
  too_long,             ///< a limit of limits.hpp would be passed
  bad_varint,           ///< a number that is padded or above 63 bits
  unknown_base,         ///< no multibase has this prefix or name
  bad_character,        ///< a character that isn't in the base's alphabet
  bad_text_length,      ///< no bytes have a text of this length in this base, or wrong padding
  not_canonical,        ///< bits that must be zero are set
  not_representable,    ///< these bytes have no text in this base (proquint: odd length)
  unsupported_version,  ///< a CID version other than 0 and 1
  not_v0,               ///< only dag-pb with a whole sha2-256 has a version 0
  multibase_v0,         ///< a version 0 CID in a multibase; the specification forbids it
  wrong_codec,          ///< a CID whose codec isn't libp2p-key
  bad_peer_id_hash,     ///< not a whole sha2-256, not an identity of 1 to 42 bytes
  missing_slash,        ///< a multiaddr's text starts with "/"
  unknown_protocol,     ///< a multiaddr protocol that isn't in the table
  missing_value,        ///< a protocol that needs a value has none
  bad_value,            ///< a value that its protocol forbids
  after_path,           ///< something follows a path protocol, which must be the last
  too_many_components,
};
const ErrorDomain& error_domain(MultiformatsError) noexcept;

template <class T>
using Decoded = std::expected<T, MultiformatsError>;

}  // namespace kith::multiformats
