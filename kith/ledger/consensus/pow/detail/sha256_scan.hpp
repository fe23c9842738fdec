// SHA-256d over nonces, many at a time. Nothing here but numbers: the files that are built for one
// kind of processor include it, and must not leave inline functions of others behind.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kith::ledger::detail {

inline constexpr std::uint32_t sha256_iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
inline constexpr std::uint32_t sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/// The block of the first hash: the seal, the nonce (words 8 and 9), a bit, zeros, 320 bits.
/// Only word 9 differs within a scan.
inline constexpr std::size_t nonce_word = 9;
/// What can be had before a nonce is known.
struct ScanJob {
  std::uint32_t block[16];    ///< with a zero in word 9
  std::uint32_t after_8[8];   ///< the state before round 8
  std::uint32_t after_9[8];   ///< the state before round 9
  std::uint32_t highest = 0;  ///< what a candidate's first word isn't above
};

/// Looks at `count` nonces whose low halves begin at `first` and don't pass 2^32, a multiple of the
/// function's lanes. Gives the index of a candidate such that no earlier one is in a group of lanes
/// before it, or `count`.
using Scan = std::size_t (*)(const ScanJob& job, std::uint32_t first, std::size_t count);

inline constexpr std::size_t scan_lanes_portable = 1;
inline constexpr std::size_t scan_lanes_sha_ni = 4;
inline constexpr std::size_t scan_lanes_avx512 = 16;

std::size_t scan_portable(const ScanJob& job, std::uint32_t first, std::size_t count);
#if defined(__x86_64__)
std::size_t scan_sha_ni(const ScanJob& job, std::uint32_t first, std::size_t count);
std::size_t scan_avx512(const ScanJob& job, std::uint32_t first, std::size_t count);
/// Compressions of independent blocks, as many at a time, with nothing known before: what the
/// processor can do at most, for the benchmark. A block is what the schedule of the last one ended
/// with.
void compress_sha_ni(std::uint32_t (&states)[4][8], std::size_t times);
void compress_avx512(std::uint32_t (&states)[8][16], std::size_t times);
#endif

/// One compression, in plain words.
void sha256_compress(std::uint32_t (&state)[8], const std::uint32_t (&block)[16]);

}  // namespace kith::ledger::detail
