#include <algorithm>
#include <array>
#include <optional>

#include <kith/port/log.hpp>

namespace kith::port {
namespace {

constexpr std::array<std::string_view, 6> level_names = {"trace", "debug", "info",
                                                         "warn",  "error", "off"};

std::optional<LogLevel> level_named(std::string_view name) {
  auto found = std::ranges::find(level_names, name);
  if (found == level_names.end()) return std::nullopt;
  return static_cast<LogLevel>(found - level_names.begin());
}

}  // namespace

std::string_view to_string(LogLevel level) noexcept {
  return level_names[static_cast<std::size_t>(level)];
}

Result<LogLevels> LogLevels::parse(std::string_view text) {
  LogLevels levels;
  while (!text.empty()) {
    std::size_t comma = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (item.empty()) continue;
    std::size_t equals = item.find('=');
    std::string_view name = equals == std::string_view::npos ? item : item.substr(equals + 1);
    auto level = level_named(name);
    if (!level) {
      return std::unexpected(
          Error(Errc::invalid_argument,
                fmt::format("log level \"{}\": use trace, debug, info, warn, error or off, "
                            "as in net=debug,info",
                            name)));
    }
    if (equals == std::string_view::npos) {
      levels.other_ = *level;
    } else {
      levels.modules_.emplace_back(item.substr(0, equals), *level);
    }
  }
  return levels;
}

LogLevel LogLevels::of(std::string_view module) const noexcept {
  for (const auto& [name, level] : modules_) {
    if (name == module) return level;
  }
  return other_;
}

}  // namespace kith::port
