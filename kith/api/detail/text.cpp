#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include <kith/api/detail/text.hpp>
#include <kith/ipld/value.hpp>

namespace kith::api {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

/// One character of a text, or a byte that isn't one.
struct Character {
  std::string_view bytes;
  bool valid = false;
  std::uint32_t point = 0;
};

Character first_of(std::string_view text) {
  auto first = static_cast<std::uint8_t>(text[0]);
  std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  std::string_view bytes = text.substr(0, size);
  if (bytes.size() < size || !ipld::is_utf8(bytes)) return {text.substr(0, 1)};
  std::uint32_t point = size == 1 ? first : first & (0x7fU >> size);
  for (char more : bytes.substr(1))
    point = point << 6 | (static_cast<std::uint8_t>(more) & 0x3fU);
  return {bytes, true, point};
}

/// Controls, and what turns the direction of writing or ends a line.
bool is_steering(std::uint32_t point) {
  constexpr std::pair<std::uint32_t, std::uint32_t> ranges[] = {
      {0x00, 0x1f},     {0x7f, 0x9f},     {0x61c, 0x61c},  {0x200e, 0x200f},
      {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff}};
  return std::ranges::any_of(
      ranges, [point](const auto& range) { return point >= range.first && point <= range.second; });
}

std::string escaped(std::string_view bytes) {
  if (bytes == "\n") return "\\n";
  if (bytes == "\t") return "\\t";
  std::string out;
  for (char byte : bytes)
    out += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(byte));
  return out;
}

std::size_t width_of(const Character& character) {
  constexpr std::uint32_t first_wide = 0x1100;
  return character.point >= first_wide ? 2 : 1;
}

}  // namespace

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    Character character = first_of(text);
    columns += width_of(character);
    text.remove_prefix(character.bytes.size());
  }
  return columns;
}

std::string_view fitting(std::string_view text, std::size_t columns) {
  std::size_t size = 0;
  while (size < text.size()) {
    Character character = first_of(text.substr(size));
    std::size_t width = width_of(character);
    if (width > columns) break;
    columns -= width;
    size += character.bytes.size();
  }
  return text.substr(0, size);
}

std::vector<std::string> comma_separated(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

std::string valid_utf8(std::string_view text) {
  if (ipld::is_utf8(text)) return std::string(text);
  std::string out;
  while (!text.empty()) {
    Character character = first_of(text);
    out += character.valid ? character.bytes : replacement;
    text.remove_prefix(character.bytes.size());
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    Character character = first_of(text);
    bool shown = character.valid && !is_steering(character.point);
    out += shown ? std::string(character.bytes) : escaped(character.bytes);
    text.remove_prefix(character.bytes.size());
  }
  return out;
}

}  // namespace kith::api
