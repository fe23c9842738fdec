// Unsigned varints as multiformats has them (github.com/multiformats/unsigned-varint): 7 bits a
// byte, least significant first, at most 9 bytes (63 bits), and only the shortest form is valid.
// Protobuf, which allows 10 bytes and padded forms, is protozero's business, not this file's. Pure.
// Thread: any.
#pragma once

#include <cstdint>
#include <expected>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>

namespace kith {

inline constexpr std::size_t varint_bytes_max = 9;

enum class VarintError {
  truncated = 1,  ///< the input ended inside the number; more bytes may complete it
  too_long,       ///< a tenth byte, or more than 63 bits
  not_minimal,    ///< the last byte is zero: a shorter form exists
};
const ErrorDomain& error_domain(VarintError) noexcept;

struct Varint {
  std::uint64_t value;
  std::size_t size;  ///< bytes it took
};

/// Reads the number at the start of `in`; what follows it is not looked at.
std::expected<Varint, VarintError> decode_varint(ByteView in) noexcept;

/// Reads the number at the start of `in` and moves `in` past it; on an error `in` stays.
std::expected<std::uint64_t, VarintError> take_varint(ByteView& in) noexcept;

/// How many bytes append_varint writes for `value`, which must be below 2^63.
std::size_t varint_size(std::uint64_t value) noexcept;

/// Appends `value`, which must be below 2^63.
void append_varint(Bytes& out, std::uint64_t value);

/// Writes `value` (below 2^63) at `out`, which has room for varint_bytes_max; returns the bytes
/// written.
std::size_t write_varint(std::uint8_t* out, std::uint64_t value) noexcept;

}  // namespace kith
