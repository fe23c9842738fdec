// Lines: what a person types, a line at a time, without keeping the loop from its work.
//
//   KITH_CO_TRY(Lines lines, Lines::open(host));
//   while (auto line = co_await lines.next()) say(*line);
#pragma once

#include <string>

#include <kith/host/host.hpp>
#include <kith/io/standard_input.hpp>

namespace kith::host {

/// Longer ones come in pieces.
inline constexpr std::size_t line_bytes_max = 64 * 1024;

/// Of standard input, whatever it is: a terminal, a pipe, a file. One at a time, on the loop's
/// thread.
class Lines {
 public:
  /// errno errors if the system is short of descriptors.
  static Result<Lines> open(Host& host);

  /// The next line without its end. Errc::end_of_stream when there are no more; Errc::cancelled
  /// when the task is cancelled, and then for good; errno errors.
  Task<std::string> next();

 private:
  explicit Lines(io::StandardInput input) : input_(std::move(input)) {}

  io::StandardInput input_;
  std::string held_;
  bool ended_ = false;
};

}  // namespace kith::host
