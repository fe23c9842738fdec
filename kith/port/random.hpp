// CryptoRandom: bytes nobody can guess, for keys and nonces. Prng (base/prng.hpp) is for everything
// else.
#pragma once

#include <kith/base/bytes.hpp>

namespace kith::port {

class CryptoRandom {
 public:
  virtual ~CryptoRandom() = default;
  /// Never fails: without a source of randomness the process ends.
  virtual void fill(MutableBytes out) = 0;
};

}  // namespace kith::port
