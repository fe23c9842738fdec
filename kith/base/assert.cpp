#include <cstdio>
#include <cstdlib>

#include <kith/base/assert.hpp>

namespace kith {

void assertion_failed(const char* condition, std::source_location place) noexcept {
  std::fprintf(stderr, "%s:%u: in %s: assertion failed: %s\n", place.file_name(), place.line(),
               place.function_name(), condition);
  std::abort();
}

}  // namespace kith
