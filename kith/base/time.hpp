// Time as values. Nothing here reads a clock: port::Clock and port::WallClock do. Thread: any.
#pragma once

#include <chrono>

namespace kith {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;

/// Tag of the monotonic clock; its zero means nothing, only differences do.
struct Monotonic {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Monotonic>;
  static constexpr bool is_steady = true;
};
/// A point on the monotonic clock: for deadlines, time-outs, rates.
using Instant = Monotonic::time_point;
inline constexpr Instant never = Instant::max();

/// Tag of the calendar's clock, which may jump: for records and people.
struct Calendar {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Calendar>;
  static constexpr bool is_steady = false;
};
/// Time since 1970-01-01T00:00:00Z.
using WallTime = Calendar::time_point;

}  // namespace kith
