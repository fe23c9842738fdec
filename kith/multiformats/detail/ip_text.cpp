#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include <kith/multiformats/detail/ip_text.hpp>

namespace kith::multiformats::detail {
namespace {

std::optional<unsigned> hex_digit(char character) noexcept {
  if (character >= '0' && character <= '9') return character - '0';
  char lower = static_cast<char>(character | 0x20);
  if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
  return std::nullopt;
}

// One to four hexadecimal digits at the start of `text`, which moves past them.
std::optional<std::uint16_t> take_group(std::string_view& text) noexcept {
  unsigned value = 0;
  std::size_t size = 0;
  for (; size < text.size() && size < 4; ++size) {
    auto digit = hex_digit(text[size]);
    if (!digit) break;
    value = value * 16 + *digit;
  }
  if (size == 0) return std::nullopt;
  text.remove_prefix(size);
  return static_cast<std::uint16_t>(value);
}

}  // namespace

std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t maximum) noexcept {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (char character : text) {
    if (character < '0' || character > '9') return std::nullopt;
    auto digit = static_cast<std::uint64_t>(character - '0');
    if (digit > maximum || value > (maximum - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

std::optional<Ip4> parse_ip4(std::string_view text) noexcept {
  Ip4 out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::size_t size = i + 1 < out.size() ? text.find('.') : text.size();
    if (size > 3) return std::nullopt;  // also if there is no dot
    std::string_view part = text.substr(0, size);
    auto value = parse_decimal(part, 255);
    if (!value || (part.size() > 1 && part[0] == '0')) return std::nullopt;
    out[i] = static_cast<std::uint8_t>(*value);
    text.remove_prefix(std::min(size + 1, text.size()));
  }
  return out;
}

std::optional<Ip6> parse_ip6(std::string_view text) noexcept {
  Ip6 out{};
  std::size_t filled = 0;
  std::optional<std::size_t> gap;
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    std::size_t colon = text.find(':');
    if (colon == std::string_view::npos && text.find('.') != std::string_view::npos) {
      auto four = parse_ip4(text);
      if (!four || filled + 4 > out.size()) return std::nullopt;
      std::ranges::copy(*four, out.begin() + static_cast<std::ptrdiff_t>(filled));
      filled += 4;
      break;
    }
    auto group = take_group(text);
    if (!group || filled + 2 > out.size()) return std::nullopt;
    out[filled] = static_cast<std::uint8_t>(*group >> 8);
    out[filled + 1] = static_cast<std::uint8_t>(*group);
    filled += 2;
    if (text.empty()) break;
    if (text.starts_with("::")) {
      if (gap) return std::nullopt;
      gap = filled;
      text.remove_prefix(2);
    } else if (text.starts_with(':') && text.size() > 1) {
      text.remove_prefix(1);
    } else {
      return std::nullopt;
    }
  }
  if (!gap) return filled == out.size() ? std::optional(out) : std::nullopt;
  if (filled == out.size()) return std::nullopt;  // "::" stands for one group at least
  auto from = out.begin() + static_cast<std::ptrdiff_t>(*gap);
  auto end = out.begin() + static_cast<std::ptrdiff_t>(filled);
  std::copy_backward(from, end, out.end());
  std::fill(from, from + static_cast<std::ptrdiff_t>(out.size() - filled), std::uint8_t{0});
  return out;
}

std::string to_text(const Ip4& address) {
  return fmt::format("{}.{}.{}.{}", address[0], address[1], address[2], address[3]);
}

std::string to_text(const Ip6& address) {
  bool zeros = std::all_of(address.begin(), address.begin() + 10, [](auto b) { return b == 0; });
  if (zeros && address[10] == 0xff && address[11] == 0xff) {
    return "::ffff:" + to_text(Ip4{address[12], address[13], address[14], address[15]});
  }
  std::array<unsigned, 8> groups;
  for (std::size_t i = 0; i < 8; ++i)
    groups[i] = address[2 * i] * 256U + address[2 * i + 1];
  // The first of the longest runs of two or more zero groups becomes "::".
  std::size_t gap = 8;
  std::size_t gap_size = 1;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t size = 0;
    while (i + size < 8 && groups[i + size] == 0)
      ++size;
    if (size > gap_size) {
      gap = i;
      gap_size = size;
    }
    if (size > 0) i += size - 1;
  }
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == gap) {
      out += "::";
      i += gap_size - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    out += fmt::format("{:x}", groups[i]);
  }
  return out;
}

}  // namespace kith::multiformats::detail
