#include <algorithm>
#include <array>
#include <cctype>

#include <kith/ledger/primitives/amount.hpp>

namespace kith::ledger {
namespace {

struct NamedUnit {
  std::string_view name;
  unsigned decimals;
};

constexpr std::array<NamedUnit, 8> named_units{{{"wei", 0},
                                                {"kwei", 3},
                                                {"mwei", 6},
                                                {"gwei", 9},
                                                {"szabo", 12},
                                                {"finney", 15},
                                                {"ether", 18},
                                                {"eth", 18}}};

/// 2^256 has so many.
constexpr std::size_t digits_max = 78;

bool same_letters(std::string_view text, std::string_view name) {
  return std::ranges::equal(
      text, name, [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

std::optional<unsigned> decimals_of(std::string_view name) {
  for (const NamedUnit& unit : named_units) {
    if (same_letters(name, unit.name)) return unit.decimals;
  }
  return std::nullopt;
}

/// Of decimal digits alone. Nothing if it is too large.
std::optional<U256> number_of(std::string_view digits) {
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.size() > digits_max) return std::nullopt;
  return digits.empty() ? std::optional(U256()) : U256::parse(digits);
}

}  // namespace

std::optional<U256> parse_amount(std::string_view text, EtherUnit plain) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, end);
  std::string_view name = text.substr(end);
  std::optional<unsigned> decimals = static_cast<unsigned>(plain);
  if (!name.empty()) {
    if (name.front() == ' ') name.remove_prefix(1);
    decimals = decimals_of(name);
  }
  if (!decimals) return std::nullopt;
  const std::size_t point = std::min(number.find('.'), number.size());
  std::string digits(number.substr(0, point));
  std::string_view fraction = number.substr(std::min(point + 1, number.size()));
  if (digits.size() + fraction.size() == 0) return std::nullopt;
  if (fraction.find('.') != std::string_view::npos) return std::nullopt;
  while (fraction.ends_with('0'))
    fraction.remove_suffix(1);
  if (fraction.size() > *decimals) return std::nullopt;
  digits += fraction;
  digits.append(*decimals - fraction.size(), '0');
  return number_of(digits);
}

std::string format_amount(const U256& wei, EtherUnit unit) {
  std::string digits = wei.to_decimal();
  const auto decimals = static_cast<std::size_t>(unit);
  if (decimals == 0) return digits;
  if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
  digits.insert(digits.size() - decimals, ".");
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.ends_with('.')) digits.pop_back();
  return digits;
}

}  // namespace kith::ledger
