#include <cstdio>

#include <kith/sim/log.hpp>

namespace kith::sim {

void NodeLog::write(port::LogLevel level, std::string_view module, std::string_view text) {
  std::chrono::duration<double> since = clock_.now() - world_begin;
  std::string line = fmt::format("{:12.6f} {} {} {}: {}\n", since.count(), node_,
                                 port::to_string(level), module, text);
  if (print_) std::fputs(line.c_str(), stderr);
  lines_.push(std::move(line));
  if (lines_.size() > lines_max) lines_.pop();
}

std::string NodeLog::text() {
  std::string all;
  for (std::size_t i = 0; i < lines_.size(); ++i)
    all += lines_[i];
  return all;
}

}  // namespace kith::sim
