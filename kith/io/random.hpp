// The operating system's randomness.
#pragma once

#include <kith/port/random.hpp>

namespace kith::io {

/// getrandom(2). Any thread.
class SystemRandom final : public port::CryptoRandom {
 public:
  void fill(MutableBytes out) override;
};

}  // namespace kith::io
