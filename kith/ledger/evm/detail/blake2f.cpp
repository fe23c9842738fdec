#include <array>
#include <bit>

#include <kith/ledger/evm/detail/blake2f.hpp>

namespace kith::ledger::detail {
namespace {

constexpr std::size_t input_bytes = 213;
constexpr std::size_t state_at = 4;
constexpr std::size_t message_at = 68;
constexpr std::size_t counter_at = 196;
constexpr std::size_t final_at = 212;

/// The first 64 bits of the fractions of the square roots of the first eight primes, as SHA-512.
constexpr std::array<std::uint64_t, 8> initial = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

/// Which words of the message a round takes, in which order (RFC 7693, 2.7).
constexpr std::uint8_t order[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                        {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                        {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
                                        {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                        {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
                                        {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                        {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
                                        {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                        {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
                                        {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

using Words = std::array<std::uint64_t, 16>;

[[gnu::always_inline]] inline void mix(Words& v, unsigned a, unsigned b, unsigned c, unsigned d,
                                       std::uint64_t x, std::uint64_t y) noexcept {
  v[a] += v[b] + x;
  v[d] = std::rotr(v[d] ^ v[a], 32);
  v[c] += v[d];
  v[b] = std::rotr(v[b] ^ v[c], 24);
  v[a] += v[b] + y;
  v[d] = std::rotr(v[d] ^ v[a], 16);
  v[c] += v[d];
  v[b] = std::rotr(v[b] ^ v[c], 63);
}

template <unsigned number>
[[gnu::always_inline]] inline void round(Words& v, const Words& m) noexcept {
  constexpr auto& at = order[number];
  mix(v, 0, 4, 8, 12, m[at[0]], m[at[1]]);
  mix(v, 1, 5, 9, 13, m[at[2]], m[at[3]]);
  mix(v, 2, 6, 10, 14, m[at[4]], m[at[5]]);
  mix(v, 3, 7, 11, 15, m[at[6]], m[at[7]]);
  mix(v, 0, 5, 10, 15, m[at[8]], m[at[9]]);
  mix(v, 1, 6, 11, 12, m[at[10]], m[at[11]]);
  mix(v, 2, 7, 8, 13, m[at[12]], m[at[13]]);
  mix(v, 3, 4, 9, 14, m[at[14]], m[at[15]]);
}

/// Unrolled by ten, so that the order is known where it is used.
void run_rounds(Words& v, const Words& m, std::uint32_t rounds) noexcept {
  while (true) {
    if (rounds-- == 0) return;
    round<0>(v, m);
    if (rounds-- == 0) return;
    round<1>(v, m);
    if (rounds-- == 0) return;
    round<2>(v, m);
    if (rounds-- == 0) return;
    round<3>(v, m);
    if (rounds-- == 0) return;
    round<4>(v, m);
    if (rounds-- == 0) return;
    round<5>(v, m);
    if (rounds-- == 0) return;
    round<6>(v, m);
    if (rounds-- == 0) return;
    round<7>(v, m);
    if (rounds-- == 0) return;
    round<8>(v, m);
    if (rounds-- == 0) return;
    round<9>(v, m);
  }
}

std::uint64_t word_at(ByteView input, std::size_t at) noexcept {
  return load_le<std::uint64_t>(input.data() + at);
}

}  // namespace

std::int64_t blake2f_gas(ByteView input, Revision /*revision*/) {
  return input.size() == input_bytes ? load_be<std::uint32_t>(input.data()) : 0;
}

std::optional<Bytes> blake2f(ByteView input, Revision /*revision*/) {
  if (input.size() != input_bytes || input[final_at] > 1) return std::nullopt;
  Words v;
  Words m;
  for (std::size_t i = 0; i < 8; ++i) {
    v[i] = word_at(input, state_at + 8 * i);
    v[i + 8] = initial[i];
  }
  for (std::size_t i = 0; i < 16; ++i)
    m[i] = word_at(input, message_at + 8 * i);
  v[12] ^= word_at(input, counter_at);
  v[13] ^= word_at(input, counter_at + 8);
  if (input[final_at] == 1) v[14] = ~v[14];
  run_rounds(v, m, load_be<std::uint32_t>(input.data()));
  Bytes output(64);
  for (std::size_t i = 0; i < 8; ++i)
    store_le(output.data() + 8 * i, word_at(input, state_at + 8 * i) ^ v[i] ^ v[i + 8]);
  return output;
}

}  // namespace kith::ledger::detail
