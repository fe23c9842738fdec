#include <algorithm>
#include <charconv>

#include <kith/ipld/value.hpp>

namespace kith::ipld {

const Value* Value::find(std::string_view step) const noexcept {
  if (const Map* map = get<Map>()) {
    auto found = std::ranges::find(*map, step, &MapEntry::key);
    return found == map->end() ? nullptr : &found->value;
  }
  const List* list = get<List>();
  if (list == nullptr || step.empty() || (step.size() > 1 && step[0] == '0')) return nullptr;
  std::size_t index = 0;
  auto [end, fault] = std::from_chars(step.data(), step.data() + step.size(), index);
  if (fault != std::errc{} || end != step.data() + step.size()) return nullptr;
  return index < list->size() ? &(*list)[index] : nullptr;
}

bool operator==(const Value& a, const Value& b) {
  return a.storage_ == b.storage_;
}

bool is_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    auto first = static_cast<std::uint8_t>(text[i]);
    if (first < 0x80) {
      ++i;
      continue;
    }
    std::size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || i + more >= text.size()) return false;
    auto second = static_cast<std::uint8_t>(text[i + 1]);
    std::uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    std::uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (std::size_t j = 2; j <= more; ++j) {
      if ((static_cast<std::uint8_t>(text[i + j]) & 0xc0) != 0x80) return false;
    }
    i += more + 1;
  }
  return true;
}

}  // namespace kith::ipld
