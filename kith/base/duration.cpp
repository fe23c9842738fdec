#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include <kith/base/duration.hpp>

namespace kith {
namespace {

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr Unit units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"µs", 1e-6}, {"ms", 1e-3},
                          {"s", 1},     {"m", 60},    {"h", 3600},  {"d", 86400}};
constexpr double seconds_max = 1000 * 86400.0;

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const std::string_view whole = text;
  auto wrong = [whole] {
    return std::unexpected(
        Error(Errc::invalid_argument,
              fmt::format("\"{}\" is no duration such as 30s, 1m30s or 2h", whole)));
  };
  if (text.empty()) return wrong();
  if (text == "0") return Duration(0);
  double sum = 0;
  while (!text.empty()) {
    double count = 0;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (failure != std::errc{} || !(count >= 0)) return wrong();
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    std::size_t size = std::min(text.find_first_of("0123456789."), text.size());
    const Unit* found = nullptr;
    for (const Unit& unit : units) {
      if (unit.name == text.substr(0, size)) found = &unit;
    }
    if (found == nullptr) return wrong();
    text.remove_prefix(size);
    sum += count * found->seconds;
  }
  if (!(sum <= seconds_max)) return wrong();
  return Duration(std::llround(sum * 1e9));
}

std::string format_duration(Duration duration) {
  double seconds = std::chrono::duration<double>(duration).count();
  if (duration == Duration(0)) return "0s";
  // Three digits must not round up to a unit's end.
  if (seconds < 999.5e-6) return fmt::format("{:.3g}µs", seconds * 1e6);
  if (seconds < 999.5e-3) return fmt::format("{:.3g}ms", std::max(1.0, seconds * 1e3));
  if (seconds < 59.95) return fmt::format("{:.3g}s", std::max(1.0, seconds));
  auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{}m{}s", whole / 60, whole % 60);
  return fmt::format("{}h{}m{}s", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace kith
