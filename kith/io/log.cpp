#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <kith/io/log.hpp>

namespace kith::io {
namespace {

bool is_control(char character) noexcept {
  auto byte = static_cast<unsigned char>(character);
  return byte < 0x20 || byte == 0x7f;
}

spdlog::level::level_enum level_for_spdlog(port::LogLevel level) noexcept {
  static_assert(static_cast<int>(port::LogLevel::trace) == spdlog::level::trace);
  static_assert(static_cast<int>(port::LogLevel::warn) == spdlog::level::warn);
  static_assert(static_cast<int>(port::LogLevel::error) == spdlog::level::err);
  return static_cast<spdlog::level::level_enum>(level);
}

/// The level by the word that KITH_LOG has for it.
class LevelWord final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    std::string word =
        fmt::format("{:<5}", port::to_string(static_cast<port::LogLevel>(message.level)));
    out.append(word.data(), word.data() + word.size());
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<LevelWord>();
  }
};

std::unique_ptr<spdlog::formatter> line_formatter() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<LevelWord>('*').set_pattern("%Y-%m-%d %H:%M:%S.%e %^%*%$ %n: %v");
  return formatter;
}

spdlog::color_mode color_mode() {
  const char* no_color = std::getenv("NO_COLOR");
  bool refused = no_color != nullptr && *no_color != '\0';
  return refused ? spdlog::color_mode::never : spdlog::color_mode::automatic;
}

}  // namespace

struct StderrLog::Sink {
  spdlog::sinks::stderr_color_sink_mt to{color_mode()};
};

StderrLog::StderrLog(port::LogLevels levels)
    : levels_(std::move(levels)), sink_(std::make_unique<Sink>()) {
  sink_->to.set_formatter(line_formatter());
}

StderrLog::~StderrLog() = default;

port::LogLevel StderrLog::level_of(std::string_view module) const noexcept {
  return levels_.of(module);
}

void StderrLog::write(port::LogLevel level, std::string_view module, std::string_view text) {
  if (level == port::LogLevel::off) return;
  std::string cleaned;
  if (std::ranges::any_of(text, is_control)) {
    cleaned = without_control_characters(text);
    text = cleaned;
  }
  try {
    sink_->to.log(spdlog::details::log_msg({module.data(), module.size()}, level_for_spdlog(level),
                                           {text.data(), text.size()}));
  } catch (const std::exception&) {
    // Standard error is closed or full: there is nobody left to tell.
  }
}

std::string without_control_characters(std::string_view text) {
  std::string clean;
  clean.reserve(text.size() + 8);
  for (char character : text) {
    if (is_control(character)) {
      clean += fmt::format("\\x{:02x}", static_cast<unsigned char>(character));
    } else {
      clean += character;
    }
  }
  return clean;
}

}  // namespace kith::io
