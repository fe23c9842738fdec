// Durations as people and Go write them: "300ms", "1.5s", "2m30s", "1h". Pure. Thread: any.
#pragma once

#include <string>
#include <string_view>

#include <kith/base/result.hpp>
#include <kith/base/time.hpp>

namespace kith {

/// Errc::invalid_argument for anything else, and for more than 1,000 days.
Result<Duration> parse_duration(std::string_view text);

/// As Go prints it, to three digits: "1.23s", "12.3ms", "4m5s".
std::string format_duration(Duration duration);

}  // namespace kith
