// As much of DER (X.690) as RSA keys and certificates need: tags of one byte, lengths in their one
// minimal form, positive integers in theirs. Nothing that this reads has a second encoding.
#pragma once

#include <optional>

#include <kith/base/bytes.hpp>

namespace kith::crypto::detail {

inline constexpr std::uint8_t der_boolean = 0x01;
inline constexpr std::uint8_t der_integer = 0x02;
inline constexpr std::uint8_t der_bit_string = 0x03;
inline constexpr std::uint8_t der_octet_string = 0x04;
inline constexpr std::uint8_t der_object_id = 0x06;
inline constexpr std::uint8_t der_utc_time = 0x17;
inline constexpr std::uint8_t der_generalized_time = 0x18;
inline constexpr std::uint8_t der_sequence = 0x30;
/// The constructed form of context-specific tag [n].
constexpr std::uint8_t der_context(std::uint8_t n) noexcept {
  return static_cast<std::uint8_t>(0xa0 + n);
}

/// Takes the element of this tag from the start of `in` and gives its content. Nothing, and `in` as
/// it was, if there is another tag, a length not in its shortest form, or too little data. Lengths
/// go to 65535.
std::optional<ByteView> take_der(ByteView& in, std::uint8_t tag) noexcept;

/// The same, but gives the whole element, tag and length included.
std::optional<ByteView> take_der_whole(ByteView& in, std::uint8_t tag) noexcept;

/// Takes a positive INTEGER and gives its big-endian bytes without leading zero.
std::optional<ByteView> take_der_positive(ByteView& in) noexcept;

/// Appends tag and length of an element whose content of `size` bytes (up to 65535) follows.
void append_der_header(Bytes& out, std::uint8_t tag, std::size_t size);

/// Appends an element.
void append_der(Bytes& out, std::uint8_t tag, ByteView content);

/// Appends a positive INTEGER, given as big-endian bytes without leading zero.
void append_der_positive(Bytes& out, ByteView magnitude);

}  // namespace kith::crypto::detail
