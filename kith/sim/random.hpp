// Randomness of a simulated node: repeatable, and for nothing but simulation.
#pragma once

#include <source_location>

#include <kith/base/prng.hpp>
#include <kith/port/env.hpp>
#include <kith/port/random.hpp>
#include <kith/sim/trace.hpp>

namespace kith::sim {

/// Hands out what the seed says: keys made from it are the same in every run.
class SeededRandom final : public port::CryptoRandom {
 public:
  explicit SeededRandom(Prng prng) noexcept : prng_(prng) {}
  void fill(MutableBytes out) override { prng_.fill(out); }

 private:
  Prng prng_;
};

/// A place fires if this world has it enabled (one in four) and then one time in four, as
/// FoundationDB's BUGGIFY does: a run tries few rare paths, but those often.
class SeededBuggifier final : public port::Buggifier {
 public:
  SeededBuggifier(std::uint64_t seed, Prng prng) noexcept : seed_(seed), prng_(prng) {}

  bool fires(std::source_location place) override { return enabled(place) && prng_.below(4) == 0; }

  bool enabled(std::source_location place) const noexcept {
    // The file's name without its folders, which differ between machines.
    std::string_view file = place.file_name();
    file.remove_prefix(file.rfind('/') + 1);
    Trace hash;
    hash.add(file);
    hash.add(place.line());
    return mix(seed_, hash.hash()) % 4 == 0;
  }

 private:
  std::uint64_t seed_;
  Prng prng_;
};

}  // namespace kith::sim
