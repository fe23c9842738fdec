// Hashes of what strangers choose (message ids) under a seed that they can't know, so that they
// can't fill one place of a table. Pure. Thread: any.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include <kith/base/bytes.hpp>

namespace kith::pubsub {

class IdHash {
 public:
  explicit IdHash(std::uint64_t seed) noexcept : seed_(seed) {}

  std::uint64_t operator()(std::string_view id) const noexcept {
    std::uint64_t hash = seed_ ^ id.size();
    const auto* at = reinterpret_cast<const std::uint8_t*>(id.data());
    std::size_t left = id.size();
    for (; left >= 8; left -= 8, at += 8)
      hash = mixed(hash, load_le<std::uint64_t>(at));
    std::uint64_t rest = 0;
    for (std::size_t i = 0; i < left; ++i)
      rest = rest << 8 | at[i];
    return mixed(mixed(hash, rest), seed_);
  }

 private:
  /// Both halves of a product of 128 bits (the step of wyhash).
  static std::uint64_t mixed(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a ^ 0xa0761d6478bd642f) * (b ^ 0xe7037ed1a0b428db);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  std::uint64_t seed_;
};

}  // namespace kith::pubsub
