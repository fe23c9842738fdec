// Log: lines for the operator, with a level for each module (KITH_LOG=net=debug,info).
//
//   port::Logger log_(env.log, "net");
//   KITH_LOG_DEBUG(log_, "dialing {}", address);     // arguments are evaluated only if the line is
//   written
//
// Loop thread, or a worker: implementations are thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <kith/base/result.hpp>

namespace kith::port {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, off };

class Log {
 public:
  virtual ~Log() = default;
  virtual LogLevel level_of(std::string_view module) const noexcept = 0;
  virtual void write(LogLevel level, std::string_view module, std::string_view text) = 0;
};

/// The levels of a text like "net=debug,bitswap=trace,warn": per module, and one for all others
/// (info if not given).
class LogLevels {
 public:
  LogLevels() = default;
  static Result<LogLevels> parse(std::string_view text);
  LogLevel of(std::string_view module) const noexcept;

 private:
  std::vector<std::pair<std::string, LogLevel>> modules_;
  LogLevel other_ = LogLevel::info;
};

std::string_view to_string(LogLevel level) noexcept;

/// One module's door to the log. Copies are cheap; the Log and the module's name outlive it.
class Logger {
 public:
  Logger(Log& log, std::string_view module) noexcept
      : log_(&log), module_(module), level_(log.level_of(module)) {}

  bool enabled(LogLevel level) const noexcept { return level >= level_; }

  template <class... Arguments>
  void write(LogLevel level, fmt::format_string<Arguments...> format,
             Arguments&&... arguments) const {
    log_->write(level, module_, fmt::format(format, std::forward<Arguments>(arguments)...));
  }

 private:
  Log* log_;
  std::string_view module_;
  LogLevel level_;
};

}  // namespace kith::port

#define KITH_LOG_AT(logger, level, ...)                              \
  do {                                                               \
    if ((logger).enabled(level)) (logger).write(level, __VA_ARGS__); \
  } while (false)
#define KITH_LOG_TRACE(logger, ...) KITH_LOG_AT(logger, ::kith::port::LogLevel::trace, __VA_ARGS__)
#define KITH_LOG_DEBUG(logger, ...) KITH_LOG_AT(logger, ::kith::port::LogLevel::debug, __VA_ARGS__)
#define KITH_LOG_INFO(logger, ...) KITH_LOG_AT(logger, ::kith::port::LogLevel::info, __VA_ARGS__)
#define KITH_LOG_WARN(logger, ...) KITH_LOG_AT(logger, ::kith::port::LogLevel::warn, __VA_ARGS__)
#define KITH_LOG_ERROR(logger, ...) KITH_LOG_AT(logger, ::kith::port::LogLevel::error, __VA_ARGS__)
