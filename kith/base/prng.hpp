// A seeded generator for jitter, sampling and simulation; never for keys, nonces or anything a peer
// must not guess. xoshiro256** of Blackman and Vigna, seeded through splitmix64. The same seed
// gives the same numbers on every platform, which the standard library's distributions don't
// promise. A generator belongs to one thread at a time.
#pragma once

#include <cstdint>

#include <kith/base/assert.hpp>
#include <kith/base/bytes.hpp>

namespace kith {

class Prng {
 public:
  explicit Prng(std::uint64_t seed) noexcept;

  std::uint64_t next() noexcept;

  /// Uniform in [0, bound); `bound` is at least 1.
  std::uint64_t below(std::uint64_t bound) noexcept;

  /// Uniform in [low, high].
  std::uint64_t between(std::uint64_t low, std::uint64_t high) noexcept;

  /// Uniform in [0, 1), of 53 bits.
  double unit() noexcept;

  bool chance(double probability) noexcept { return unit() < probability; }

  void fill(MutableBytes out) noexcept;

  /// An independent generator, for a child that must not disturb this one's later numbers.
  Prng split(std::uint64_t label) noexcept;

 private:
  std::uint64_t state_[4];
};

}  // namespace kith
