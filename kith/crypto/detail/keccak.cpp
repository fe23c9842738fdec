#include <array>
#include <bit>

#include <kith/crypto/detail/keccak.hpp>

namespace kith::crypto::detail {
namespace {

constexpr std::size_t state_bytes = 200;
constexpr std::size_t rounds = 24;

using State = std::array<std::uint64_t, 25>;  // lane (x, y) at x + 5 y

/// The round constants, from the LFSR x^8 + x^6 + x^5 + x^4 + 1 (FIPS 202, 3.2.5).
constexpr std::array<std::uint64_t, rounds> make_round_constants() {
  std::array<std::uint64_t, rounds> constants{};
  std::uint8_t lfsr = 1;
  for (auto& constant : constants) {
    for (unsigned j = 0; j <= 6; ++j) {
      if ((lfsr & 1) != 0) constant |= std::uint64_t{1} << ((1U << j) - 1);
      const bool carry = (lfsr & 0x80) != 0;
      lfsr = static_cast<std::uint8_t>((lfsr << 1) ^ (carry ? 0x71 : 0));
    }
  }
  return constants;
}

struct Lane {
  std::uint8_t to = 0;      // where pi moves the lane
  std::uint8_t rotate = 0;  // by how much rho turns it
};

/// rho and pi as one walk over the 24 lanes beside (0, 0) (FIPS 202, 3.2.2 and 3.2.3).
constexpr std::array<Lane, 24> make_walk() {
  std::array<Lane, 24> walk{};
  std::size_t x = 1;
  std::size_t y = 0;
  for (std::size_t t = 0; t < walk.size(); ++t) {
    const std::size_t next_y = (2 * x + 3 * y) % 5;
    x = y;
    y = next_y;
    walk[t].to = static_cast<std::uint8_t>(x + 5 * y);
    walk[t].rotate = static_cast<std::uint8_t>((t + 1) * (t + 2) / 2 % 64);
  }
  return walk;
}

constexpr auto round_constants = make_round_constants();
constexpr auto walk = make_walk();

// Unrolled, all indices and rotations become constants and the lanes stay in registers: twice as
// fast.
void permute(State& a) noexcept {
  for (std::size_t round = 0; round < rounds; ++round) {
    std::uint64_t column[5];
#pragma GCC unroll 5
    for (std::size_t x = 0; x < 5; ++x) {
      column[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
    }
#pragma GCC unroll 5
    for (std::size_t x = 0; x < 5; ++x) {
      const std::uint64_t mix = column[(x + 4) % 5] ^ std::rotl(column[(x + 1) % 5], 1);
#pragma GCC unroll 5
      for (std::size_t y = 0; y < 25; y += 5)
        a[x + y] ^= mix;
    }
    std::uint64_t carried = a[1];
#pragma GCC unroll 24
    for (std::size_t t = 0; t < walk.size(); ++t) {
      const Lane lane = walk[t];
      const std::uint64_t displaced = a[lane.to];
      a[lane.to] = std::rotl(carried, lane.rotate);
      carried = displaced;
    }
#pragma GCC unroll 5
    for (std::size_t y = 0; y < 25; y += 5) {
      const std::uint64_t row[5] = {a[y], a[y + 1], a[y + 2], a[y + 3], a[y + 4]};
#pragma GCC unroll 5
      for (std::size_t x = 0; x < 5; ++x) {
        a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
      }
    }
    a[0] ^= round_constants[round];
  }
}

void absorb(State& state, ByteView block) noexcept {
  for (std::size_t i = 0; i < block.size(); i += 8) {
    state[i / 8] ^= load_le<std::uint64_t>(block.data() + i);
  }
  permute(state);
}

}  // namespace

void keccak(ByteView data, MutableBytes digest, std::uint8_t padding) noexcept {
  const std::size_t rate = state_bytes - 2 * digest.size();
  State state{};
  for (; data.size() >= rate; data = data.subspan(rate))
    absorb(state, data.first(rate));

  std::array<std::uint8_t, state_bytes> last{};
  std::ranges::copy(data, last.begin());
  last[data.size()] = padding;
  last[rate - 1] |= 0x80;
  absorb(state, ByteView(last).first(rate));

  // The digest is never longer than the rate, so one squeeze is enough.
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::uint8_t>(state[i / 8] >> (8 * (i % 8)));
  }
}

}  // namespace kith::crypto::detail
