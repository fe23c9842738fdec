// What the environment says of how a scenario is to run.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace kith {

/// The number in a variable; `otherwise` if it isn't set.
inline std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace kith
