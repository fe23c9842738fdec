// IdHash: a hash of what strangers choose (message ids) under a key that they can't know, so that
// they can't fill one place of a table. SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast
// short-input PRF", 2012): no weaker one keeps its promise against who picks the inputs. Inline,
// since tables call it several times a message. Pure. Thread: any.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include <kith/base/bytes.hpp>

namespace kith::pubsub {

class IdHash {
 public:
  /// The two halves of the key, little endian; each 64 bits that nobody can guess.
  IdHash(std::uint64_t first, std::uint64_t second) noexcept : first_(first), second_(second) {}

  std::uint64_t operator()(std::string_view id) const noexcept {
    State state{first_ ^ 0x736f6d6570736575, second_ ^ 0x646f72616e646f6d,
                first_ ^ 0x6c7967656e657261, second_ ^ 0x7465646279746573};
    const auto* at = reinterpret_cast<const std::uint8_t*>(id.data());
    std::size_t left = id.size();
    for (; left >= 8; left -= 8, at += 8)
      state.take(load_le<std::uint64_t>(at));
    std::uint64_t last = static_cast<std::uint64_t>(id.size()) << 56;
    for (std::size_t i = 0; i < left; ++i)
      last |= std::uint64_t{at[i]} << 8 * i;
    state.take(last);
    state.v2 ^= 0xff;
    for (int i = 0; i < 4; ++i)
      state.round();
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
  }

 private:
  struct State {
    std::uint64_t v0, v1, v2, v3;

    void round() noexcept {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
    void take(std::uint64_t word) noexcept {
      v3 ^= word;
      round();
      round();
      v0 ^= word;
    }
  };

  std::uint64_t first_;
  std::uint64_t second_;
};

}  // namespace kith::pubsub
