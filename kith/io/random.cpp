#include <cerrno>

#include <sys/random.h>

#include <kith/base/assert.hpp>
#include <kith/io/random.hpp>

namespace kith::io {

void SystemRandom::fill(MutableBytes out) {
  while (!out.empty()) {
    ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    ASSERT(got > 0);
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace kith::io
