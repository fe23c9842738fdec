// Trace: a running hash of everything that happens in a world. Two runs of one seed must agree on
// it; where they don't, something real (time, an address, a random device) has leaked in.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <kith/base/bytes.hpp>

namespace kith::sim {

class Trace {
 public:
  void add(std::uint64_t value) noexcept {
    hash_ = std::rotl((hash_ ^ value) * 0x9e3779b97f4a7c15, 29);
    ++events_;
  }

  void add(ByteView bytes) noexcept {
    std::uint64_t hash = bytes.size() + 1;
    while (bytes.size() >= 8) {
      hash = std::rotl((hash ^ load_word(bytes.data())) * 0xff51afd7ed558ccd, 31);
      bytes = bytes.subspan(8);
    }
    for (std::uint8_t byte : bytes)
      hash = (hash ^ byte) * 0x100000001b3;
    add(hash);
  }
  void add(std::string_view text) noexcept { add(as_bytes(text)); }

  std::uint64_t hash() const noexcept { return hash_; }
  std::uint64_t events() const noexcept { return events_; }

 private:
  static std::uint64_t load_word(const std::uint8_t* at) noexcept {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    return word;
  }

  std::uint64_t hash_ = 0;
  std::uint64_t events_ = 0;
};

/// A well-mixed number from two others, for generators that must not depend on the order in which
/// they are made.
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t z = (a ^ std::rotl(b, 32)) + 0x9e3779b97f4a7c15 * (b + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace kith::sim
