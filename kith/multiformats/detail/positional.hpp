// Bases 10, 36 and 58: the bytes are one big-endian number, and each leading zero byte is one
// leading zero digit. Quadratic; the caller keeps to positional_bytes_max.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <kith/base/bytes.hpp>
#include <kith/multiformats/error.hpp>

namespace kith::multiformats::detail {

/// The digit that each character stands for, -1 if none.
using DigitTable = std::array<std::int8_t, 256>;

/// `digits` are the base's characters, zero first.
Decoded<std::string> positional_encode(std::string_view digits, ByteView bytes);
Decoded<Bytes> positional_decode(std::uint32_t base, const DigitTable& table,
                                 std::string_view text);

}  // namespace kith::multiformats::detail
