// Built with -msha -msse4.1; run only where the processor has them.
#if defined(__x86_64__)

#include <immintrin.h>

#include <kith/ledger/consensus/pow/detail/sha256_scan.hpp>

#define KITH_INLINE inline __attribute__((always_inline))

namespace kith::ledger::detail {
namespace {

// The instructions hold a state as two halves, and take two rounds at a time. Steps of the schedule
// wait for each other by a dozen cycles, which four lanes fill; what sixteen registers don't hold
// of them is near enough in the cache.
constexpr int lanes = scan_lanes_sha_ni;

struct Half {
  __m128i abef;
  __m128i cdgh;
};
struct Lane {
  Half state;
  __m128i w[4];
};

KITH_INLINE __m128i load(const std::uint32_t* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

KITH_INLINE Half to_halves(const std::uint32_t* state) {
  const __m128i cdab = _mm_shuffle_epi32(load(state), 0xb1);
  const __m128i efgh = _mm_shuffle_epi32(load(state + 4), 0x1b);
  return {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
}

KITH_INLINE void to_words(const Half& state, __m128i& abcd, __m128i& efgh) {
  const __m128i feba = _mm_shuffle_epi32(state.abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(state.cdgh, 0xb1);
  abcd = _mm_blend_epi16(feba, dchg, 0xf0);
  efgh = _mm_alignr_epi8(dchg, feba, 8);
}

KITH_INLINE Half operator+(const Half& a, const Half& b) {
  return {_mm_add_epi32(a.abef, b.abef), _mm_add_epi32(a.cdgh, b.cdgh)};
}

KITH_INLINE void four_rounds(Half& state, __m128i words_and_k) {
  state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, words_and_k);
  state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, _mm_shuffle_epi32(words_and_k, 0x0e));
}

/// Which words of a block are known before, and what so needn't be computed for each nonce.
enum class Block { any, of_nonce, of_hash };

/// Words 4 * group to 4 * group + 3 in place of the oldest, from the sixteen before them.
template <Block block, int group>
KITH_INLINE void schedule(Lane& lane) {
  __m128i& oldest = lane.w[group % 4];
  const __m128i last = lane.w[(group + 3) % 4];
  // Of a nonce's block, the first step has been done for the words before the nonce. Of a hash's,
  // it leaves the third four words as they are.
  constexpr bool is_begun =
      (block == Block::of_nonce && group <= 5) || (block == Block::of_hash && group == 6);
  if constexpr (!is_begun) oldest = _mm_sha256msg1_epu32(oldest, lane.w[(group + 1) % 4]);
  // The words nine to six back are zeros there.
  if constexpr (block != Block::of_hash || group != 4)
    oldest = _mm_add_epi32(oldest, _mm_alignr_epi8(last, lane.w[(group + 2) % 4], 4));
  oldest = _mm_sha256msg2_epu32(oldest, last);
}

template <Block block, int group>
KITH_INLINE void rounds(Lane (&all)[lanes]) {
  for (Lane& lane : all) {
    if constexpr (group >= 4) schedule<block, group>(lane);
  }
  const __m128i k = load(sha256_k + 4 * group);
  for (Lane& lane : all)
    four_rounds(lane.state, _mm_add_epi32(lane.w[group % 4], k));
}

template <Block block, int from>
KITH_INLINE void rounds_from(Lane (&all)[lanes]) {
  if constexpr (from < 16) {
    rounds<block, from>(all);
    rounds_from<block, from + 1>(all);
  }
}

/// The second hash's block: what stands behind the first hash never changes.
constexpr std::uint32_t tail[8] = {0x80000000, 0, 0, 0, 0, 0, 0, 256};

}  // namespace

std::size_t scan_sha_ni(const ScanJob& job, std::uint32_t first, std::size_t count) {
  const Half iv = to_halves(sha256_iv);
  const Half begun = to_halves(job.after_8);
  const __m128i third = load(job.block + 8);
  const __m128i first_step[2] = {_mm_sha256msg1_epu32(load(job.block), load(job.block + 4)),
                                 _mm_sha256msg1_epu32(load(job.block + 4), third)};
  const __m128i highest = _mm_set1_epi32(static_cast<int>(job.highest ^ 0x80000000));
  for (std::size_t i = 0; i < count; i += lanes) {
    Lane all[lanes];
    for (int n = 0; n < lanes; ++n) {
      const auto nonce = static_cast<int>(first + static_cast<std::uint32_t>(i) + n);
      all[n].state = begun;
      all[n].w[0] = first_step[0];
      all[n].w[1] = first_step[1];
      all[n].w[2] = _mm_insert_epi32(third, nonce, 1);
      all[n].w[3] = load(job.block + 12);
    }
    rounds_from<Block::of_nonce, 2>(all);
    for (Lane& lane : all) {
      to_words(lane.state + iv, lane.w[0], lane.w[1]);
      lane.w[2] = load(tail);
      lane.w[3] = load(tail + 4);
      lane.state = iv;
    }
    rounds_from<Block::of_hash, 0>(all);
    // The first word stands highest. Without sign, by turning the highest bit.
    const __m128i flip = _mm_set1_epi32(static_cast<int>(0x80000000));
    for (int n = 0; n < lanes; ++n) {
      const __m128i words = _mm_xor_si128(_mm_add_epi32(all[n].state.abef, iv.abef), flip);
      const int above = _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpgt_epi32(words, highest)));
      if ((above & 8) == 0) return i + static_cast<std::size_t>(n);
    }
  }
  return count;
}

void compress_sha_ni(std::uint32_t (&states)[4][8], std::size_t times) {
  Lane all[lanes];
  for (int n = 0; n < lanes; ++n) {
    all[n].state = to_halves(states[n]);
    for (__m128i& words : all[n].w)
      words = load(states[n]);
  }
  for (std::size_t i = 0; i < times; ++i) {
    const Half before[lanes] = {all[0].state, all[1].state, all[2].state, all[3].state};
    rounds_from<Block::any, 0>(all);
    for (int n = 0; n < lanes; ++n)
      all[n].state = all[n].state + before[n];
  }
  for (int n = 0; n < lanes; ++n) {
    __m128i words[2];
    to_words(all[n].state, words[0], words[1]);
    for (int half = 0; half < 2; ++half)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(states[n] + 4 * half), words[half]);
  }
}

}  // namespace kith::ledger::detail

#endif
