// UTF-8, strictly: shortest form, no surrogates, nothing above U+10FFFF (RFC 3629).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kith::multiformats::detail {

/// Reads the code point at the start of `in` and moves `in` past it; nothing, and `in` stays, if
/// there is no valid one.
std::optional<char32_t> take_utf8(std::string_view& in) noexcept;

/// Appends a code point, which must be valid.
void append_utf8(std::string& out, char32_t code_point);

/// True if `text` is UTF-8 without control characters, so that it can be shown.
bool is_printable_utf8(std::string_view text) noexcept;

}  // namespace kith::multiformats::detail
