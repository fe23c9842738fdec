// The log on standard error, coloured on a terminal (unless NO_COLOR is set). Any thread.
//
//   2026-01-31 12:00:00.123 info  net: listening on /ip4/127.0.0.1/tcp/4001
//
// Invariant: what a remote peer put into a line can't steer the terminal or fake a second line:
// control characters are written as \xNN.
#pragma once

#include <memory>

#include <kith/port/log.hpp>

namespace kith::io {

class StderrLog final : public port::Log {
 public:
  explicit StderrLog(port::LogLevels levels);
  ~StderrLog() override;

  port::LogLevel level_of(std::string_view module) const noexcept override;
  void write(port::LogLevel level, std::string_view module, std::string_view text) override;

 private:
  struct Sink;
  port::LogLevels levels_;
  std::unique_ptr<Sink> sink_;
};

/// `text` with control characters as \xNN.
std::string without_control_characters(std::string_view text);

}  // namespace kith::io
