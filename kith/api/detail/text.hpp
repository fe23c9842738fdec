// Texts that others made: names of files, what peers say of themselves. They may be any bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kith::api {

/// The text with U+FFFD for each byte that is no part of UTF-8, as Go's encoding/json has it: JSON
/// carries nothing else.
std::string valid_utf8(std::string_view text);

/// A text as a terminal may have it, on one line, without what would move its cursor, colour it or
/// turn the direction of what follows: control characters are shown as \\n, \\x1b and the like, as
/// are bytes that aren't UTF-8.
std::string printable(std::string_view text);

/// The beginning that takes at most `columns` on a terminal. Characters that may be wide count as
/// two columns.
std::string_view fitting(std::string_view text, std::size_t columns);

/// How many columns a text takes on a terminal, counted so.
std::size_t columns_of(std::string_view text);

/// "a,b" -> a, b.
std::vector<std::string> comma_separated(std::string_view text);

}  // namespace kith::api
