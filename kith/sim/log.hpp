// NodeLog: a node's log lines, with virtual time, in a ring that is printed when a test fails (and
// at once if KITH_LOG is set in the test's environment).
#pragma once

#include <string>

#include <kith/port/log.hpp>
#include <kith/sim/clock.hpp>
#include <kith/sim/detail/queue.hpp>

namespace kith::sim {

class NodeLog final : public port::Log {
 public:
  NodeLog(const VirtualClock& clock, std::string node, port::LogLevels levels, bool print)
      : clock_(clock), node_(std::move(node)), levels_(std::move(levels)), print_(print) {}

  port::LogLevel level_of(std::string_view module) const noexcept override {
    return levels_.of(module);
  }
  void write(port::LogLevel level, std::string_view module, std::string_view text) override;

  /// The last lines, oldest first.
  std::string text();

 private:
  static constexpr std::size_t lines_max = 500;

  const VirtualClock& clock_;
  std::string node_;
  port::LogLevels levels_;
  bool print_;
  Queue<std::string> lines_;
};

}  // namespace kith::sim
