#include <bit>
#include <cstring>
#include <utility>

#include <kith/ledger/consensus/pow/detail/sha256_scan.hpp>

namespace kith::ledger::detail {
namespace {

std::uint32_t choose(std::uint32_t e, std::uint32_t f, std::uint32_t g) {
  return (e & f) ^ (~e & g);
}
std::uint32_t majority(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  return (a & b) ^ (a & c) ^ (b & c);
}
std::uint32_t big_sigma0(std::uint32_t a) {
  return std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
}
std::uint32_t big_sigma1(std::uint32_t e) {
  return std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
}
std::uint32_t small_sigma0(std::uint32_t w) {
  return std::rotr(w, 7) ^ std::rotr(w, 18) ^ (w >> 3);
}
std::uint32_t small_sigma1(std::uint32_t w) {
  return std::rotr(w, 17) ^ std::rotr(w, 19) ^ (w >> 10);
}

/// The state's names move instead of its words: the round `index` has index subtracted from each.
template <std::size_t index>
void one_round(std::uint32_t (&s)[8], std::uint32_t (&w)[16], std::size_t round) {
  constexpr auto at = [](std::size_t name) { return (name + 16 - index) % 8; };
  std::uint32_t& word = w[index];
  if (round > 0) {
    word += small_sigma0(w[(index + 1) % 16]) + w[(index + 9) % 16] +
            small_sigma1(w[(index + 14) % 16]);
  }
  std::uint32_t& h = s[at(7)];
  h += big_sigma1(s[at(4)]) + choose(s[at(4)], s[at(5)], s[at(6)]) + sha256_k[round + index] + word;
  s[at(3)] += h;
  h += big_sigma0(s[at(0)]) + majority(s[at(0)], s[at(1)], s[at(2)]);
}

/// `first`: the number of the first of them.
void sixteen_rounds(std::uint32_t (&s)[8], std::uint32_t (&w)[16], std::size_t first) {
  [&]<std::size_t... index>(std::index_sequence<index...>) {
    (one_round<index>(s, w, first), ...);
  }(std::make_index_sequence<16>());
}

}  // namespace

void sha256_compress(std::uint32_t (&state)[8], const std::uint32_t (&block)[16]) {
  std::uint32_t w[16];
  std::uint32_t s[8];
  std::memcpy(w, block, sizeof w);
  std::memcpy(s, state, sizeof s);
  for (std::size_t round = 0; round < 64; round += 16)
    sixteen_rounds(s, w, round);
  for (std::size_t i = 0; i < 8; ++i)
    state[i] += s[i];
}

std::size_t scan_portable(const ScanJob& job, std::uint32_t first, std::size_t count) {
  std::uint32_t block[16];
  std::memcpy(block, job.block, sizeof block);
  std::uint32_t second[16] = {};
  second[8] = 0x80000000;
  second[15] = 256;
  for (std::size_t i = 0; i < count; ++i) {
    block[nonce_word] = first + static_cast<std::uint32_t>(i);
    std::uint32_t inner[8];
    std::memcpy(inner, sha256_iv, sizeof inner);
    sha256_compress(inner, block);
    std::memcpy(second, inner, sizeof inner);
    std::uint32_t outer[8];
    std::memcpy(outer, sha256_iv, sizeof outer);
    sha256_compress(outer, second);
    if (outer[0] <= job.highest) return i;
  }
  return count;
}

}  // namespace kith::ledger::detail
