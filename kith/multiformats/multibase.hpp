// Multibase: bytes as text in a base that the text's first character names
// (github.com/multiformats/multibase).
//
// All bases of the registry whose form is settled, base2 to base256emoji. Decoding is strict:
// beyond the choice of case that the registry calls case-insensitive (base16, base32*, base36),
// each value has one text. Bits that a base leaves unused must be zero, padding must be whole, and
// nothing is skipped.
// Limits: bases 10, 36 and 58 take quadratic time and so at most positional_bytes_max bytes,
// positional_text_bytes_max characters. The other bases take linear time, and their result is
// smaller than nine times their input, whose length is the caller's to limit.
// Errors: MultiformatsError. Thread: any.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <kith/base/bytes.hpp>
#include <kith/multiformats/error.hpp>

namespace kith::multiformats {

/// The bases; a value is the prefix as a code point.
enum class Base : char32_t {
  identity = 0,  ///< the bytes themselves: binary behind a NUL, as dag-cbor links have it
  base2 = '0',
  base8 = '7',
  base10 = '9',
  base16 = 'f',
  base16upper = 'F',
  base32hex = 'v',
  base32hexupper = 'V',
  base32hexpad = 't',
  base32hexpadupper = 'T',
  base32 = 'b',
  base32upper = 'B',
  base32pad = 'c',
  base32padupper = 'C',
  base32z = 'h',
  base36 = 'k',
  base36upper = 'K',
  base45 = 'R',
  base58btc = 'z',
  base58flickr = 'Z',
  base64 = 'm',
  base64pad = 'M',
  base64url = 'u',
  base64urlpad = 'U',
  proquint = 'p',
  base256emoji = U'\U0001F680',
};

struct BaseInfo {
  Base base;
  std::string_view name;    ///< as the registry has it
  std::string_view prefix;  ///< UTF-8, one code point
};

/// Every base, in the order of the enum.
std::span<const BaseInfo> all_bases() noexcept;

/// The registry's name. `base` is one of the enum's.
std::string_view base_name(Base base) noexcept;
std::optional<Base> base_from_name(std::string_view name) noexcept;
/// The base that a text's prefix names, without a look at what follows.
std::optional<Base> base_of(std::string_view text) noexcept;

/// Text with the prefix. too_long for more than positional_bytes_max bytes in a positional base,
/// not_representable for an odd number of bytes in proquint.
Decoded<std::string> multibase_encode(Base base, ByteView bytes);

struct MultibaseValue {
  Base base;
  Bytes bytes;
};
/// Reads a text with its prefix.
Decoded<MultibaseValue> multibase_decode(std::string_view text);

/// The same without prefix.
Decoded<std::string> base_encode(Base base, ByteView bytes);
Decoded<Bytes> base_decode(Base base, std::string_view text);

}  // namespace kith::multiformats
