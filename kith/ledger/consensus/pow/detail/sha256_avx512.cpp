// Built with -mavx512f; run only where the processor has it.
#if defined(__x86_64__)

#include <immintrin.h>

#include <kith/ledger/consensus/pow/detail/sha256_scan.hpp>

#define KITH_INLINE inline __attribute__((always_inline))

namespace kith::ledger::detail {
namespace {

// Sixteen hashes side by side: a rotation, a function of three bits or an addition is one
// instruction for all of them, and the 32 registers hold the states and the schedules.
using Words = __m512i;
constexpr int lanes = scan_lanes_avx512;
constexpr int exclusive_or = 0x96;
constexpr int choice = 0xca;
constexpr int majority = 0xe8;

KITH_INLINE Words all(std::uint32_t word) {
  return _mm512_set1_epi32(static_cast<int>(word));
}
KITH_INLINE Words add(Words a, Words b) {
  return _mm512_add_epi32(a, b);
}
KITH_INLINE Words big_sigma0(Words a) {
  return _mm512_ternarylogic_epi32(_mm512_ror_epi32(a, 2), _mm512_ror_epi32(a, 13),
                                   _mm512_ror_epi32(a, 22), exclusive_or);
}
KITH_INLINE Words big_sigma1(Words e) {
  return _mm512_ternarylogic_epi32(_mm512_ror_epi32(e, 6), _mm512_ror_epi32(e, 11),
                                   _mm512_ror_epi32(e, 25), exclusive_or);
}
KITH_INLINE Words small_sigma0(Words w) {
  return _mm512_ternarylogic_epi32(_mm512_ror_epi32(w, 7), _mm512_ror_epi32(w, 18),
                                   _mm512_srli_epi32(w, 3), exclusive_or);
}
KITH_INLINE Words small_sigma1(Words w) {
  return _mm512_ternarylogic_epi32(_mm512_ror_epi32(w, 17), _mm512_ror_epi32(w, 19),
                                   _mm512_srli_epi32(w, 10), exclusive_or);
}

/// Which words of the schedule differ between lanes, given which of the first sixteen do.
struct Varying {
  bool word[64] = {};

  constexpr explicit Varying(std::uint32_t of_block) {
    for (int i = 0; i < 16; ++i)
      word[i] = (of_block >> i & 1) != 0;
    for (int i = 16; i < 64; ++i)
      word[i] = word[i - 2] || word[i - 7] || word[i - 15] || word[i - 16];
  }
};

constexpr std::uint32_t rotr(std::uint32_t word, int by) {
  return word >> by | word << (32 - by);
}

/// What the words that don't differ add to each word of the schedule.
struct Known {
  std::uint32_t word[64] = {};
};
constexpr Known known_of(const std::uint32_t (&block)[16], const Varying& varying) {
  Known known;
  for (int i = 0; i < 16; ++i)
    known.word[i] = varying.word[i] ? 0 : block[i];
  for (int i = 16; i < 64; ++i) {
    std::uint32_t sum = 0;
    const std::uint32_t two = known.word[i - 2];
    const std::uint32_t fifteen = known.word[i - 15];
    if (!varying.word[i - 2]) sum += rotr(two, 17) ^ rotr(two, 19) ^ two >> 10;
    if (!varying.word[i - 7]) sum += known.word[i - 7];
    if (!varying.word[i - 15]) sum += rotr(fifteen, 7) ^ rotr(fifteen, 18) ^ fifteen >> 3;
    if (!varying.word[i - 16]) sum += known.word[i - 16];
    known.word[i] = sum;
  }
  return known;
}

constexpr Varying of_nonce(1U << nonce_word);
constexpr Varying of_hash(0xff);
constexpr Varying of_all(0xffff);
constexpr std::uint32_t hash_block[16] = {0,          0, 0, 0, 0, 0, 0, 0,
                                          0x80000000, 0, 0, 0, 0, 0, 0, 256};
constexpr Known known_of_hash = known_of(hash_block, of_hash);
constexpr Known nothing_known;

/// The state's names move instead of its words: round r reads and writes with r subtracted.
template <const Varying& varying, int round>
KITH_INLINE void one_round(Words (&s)[8], Words (&w)[16], const std::uint32_t* known) {
  Words& word = w[round % 16];
  if constexpr (round >= 16 && varying.word[round]) {
    // Its place still has the word sixteen rounds back.
    Words sum = varying.word[round - 16] ? add(word, all(known[round])) : all(known[round]);
    if constexpr (varying.word[round - 15]) sum = add(sum, small_sigma0(w[(round + 1) % 16]));
    if constexpr (varying.word[round - 7]) sum = add(sum, w[(round + 9) % 16]);
    if constexpr (varying.word[round - 2]) sum = add(sum, small_sigma1(w[(round + 14) % 16]));
    word = sum;
  }
  const auto at = [](int name) { return (name - round + 128) % 8; };
  const Words e = s[at(4)];
  Words& h = s[at(7)];
  Words t1 = varying.word[round] ? add(h, add(word, all(sha256_k[round])))
                                 : add(h, all(sha256_k[round] + known[round]));
  t1 = add(t1, add(big_sigma1(e), _mm512_ternarylogic_epi32(e, s[at(5)], s[at(6)], choice)));
  s[at(3)] = add(s[at(3)], t1);
  h = add(t1, add(big_sigma0(s[at(0)]),
                  _mm512_ternarylogic_epi32(s[at(0)], s[at(1)], s[at(2)], majority)));
}

template <const Varying& varying, int from>
KITH_INLINE void rounds(Words (&s)[8], Words (&w)[16], const std::uint32_t* known) {
  if constexpr (from < 64) {
    one_round<varying, from>(s, w, known);
    rounds<varying, from + 1>(s, w, known);
  }
}

}  // namespace

std::size_t scan_avx512(const ScanJob& job, std::uint32_t first, std::size_t count) {
  const Known known = known_of(job.block, of_nonce);
  const Words counting = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (std::size_t i = 0; i < count; i += lanes) {
    Words w[16] = {};
    w[nonce_word] = add(all(first + static_cast<std::uint32_t>(i)), counting);
    // After nine rounds the names stand nine places further.
    Words s[8];
    for (int n = 0; n < 8; ++n)
      s[(n - 9 + 16) % 8] = all(job.after_9[n]);
    rounds<of_nonce, 9>(s, w, known.word);
    for (int n = 0; n < 8; ++n) {
      w[n] = add(s[n], all(sha256_iv[n]));
      s[n] = all(sha256_iv[n]);
    }
    rounds<of_hash, 0>(s, w, known_of_hash.word);
    const Words first_words = add(s[0], all(sha256_iv[0]));
    const __mmask16 candidates = _mm512_cmple_epu32_mask(first_words, all(job.highest));
    if (candidates != 0) return i + static_cast<std::size_t>(__builtin_ctz(candidates));
  }
  return count;
}

void compress_avx512(std::uint32_t (&states)[8][16], std::size_t times) {
  Words s[8];
  Words w[16];
  for (int n = 0; n < 8; ++n) {
    s[n] = _mm512_loadu_si512(states[n]);
    w[n] = w[n + 8] = s[n];
  }
  for (std::size_t i = 0; i < times; ++i) {
    Words before[8];
    for (int n = 0; n < 8; ++n)
      before[n] = s[n];
    rounds<of_all, 0>(s, w, nothing_known.word);
    for (int n = 0; n < 8; ++n)
      s[n] = add(s[n], before[n]);
  }
  for (int n = 0; n < 8; ++n)
    _mm512_storeu_si512(states[n], s[n]);
}

}  // namespace kith::ledger::detail

#endif
