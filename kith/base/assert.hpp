// ASSERT: a check of our own logic, on in every build. It aborts with its place and condition.
//
// Invariant: no byte from a peer, a file or a user can make an ASSERT fail; for those there is
// Result (result.hpp). Thread: any.
#pragma once

#include <source_location>

namespace kith {

/// Prints the failed condition and its place on standard error, then aborts.
[[noreturn]] void assertion_failed(const char* condition, std::source_location place) noexcept;

}  // namespace kith

#define ASSERT(condition)                                                    \
  do {                                                                       \
    if (!(condition)) [[unlikely]]                                           \
      ::kith::assertion_failed(#condition, std::source_location::current()); \
  } while (false)
