#include <cstddef>

#include <kith/multiformats/detail/utf8.hpp>

namespace kith::multiformats::detail {

std::optional<char32_t> take_utf8(std::string_view& in) noexcept {
  if (in.empty()) return std::nullopt;
  auto first = static_cast<unsigned char>(in[0]);
  std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || in.size() < size) return std::nullopt;
  char32_t value = size == 1 ? first : first & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    auto next = static_cast<unsigned char>(in[i]);
    if ((next & 0xc0) != 0x80) return std::nullopt;
    value = (value << 6) | (next & 0x3f);
  }
  bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (overlong || surrogate || value > 0x10ffff) return std::nullopt;
  in.remove_prefix(size);
  return value;
}

void append_utf8(std::string& out, char32_t code_point) {
  auto tail = [&](int shift) {
    out.push_back(static_cast<char>(0x80 | ((code_point >> shift) & 0x3f)));
  };
  if (code_point < 0x80) {
    out.push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    out.push_back(static_cast<char>(0xc0 | (code_point >> 6)));
    tail(0);
  } else if (code_point < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | (code_point >> 12)));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xf0 | (code_point >> 18)));
    tail(12);
    tail(6);
    tail(0);
  }
}

bool is_printable_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    auto point = take_utf8(text);
    // The control characters of ASCII and of Latin-1.
    if (!point || *point < 0x20 || (*point >= 0x7f && *point < 0xa0)) return false;
  }
  return true;
}

}  // namespace kith::multiformats::detail
