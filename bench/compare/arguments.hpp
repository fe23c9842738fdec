// What the programs beside this file read from their command lines.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstring>

#include <system_error>

namespace compare {

/// False unless `text` begins with a number.
inline bool parse_number(const char* text, std::size_t& into) {
  return std::from_chars(text, text + std::strlen(text), into).ec == std::errc();
}

inline bool parse_positive(const char* text, std::size_t& into) {
  return parse_number(text, into) && into > 0;
}

}  // namespace compare
