#include <algorithm>
#include <array>
#include <bit>

#include <kith/crypto/detail/blake.hpp>

namespace kith::crypto::detail {
namespace {

constexpr std::size_t block_bytes = 64;

using Words8 = std::array<std::uint32_t, 8>;
using Words16 = std::array<std::uint32_t, 16>;

constexpr Words8 initial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                            0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/// The mixing function G, the same in both (RFC 7693, 3.1).
void mix(Words16& v, std::size_t a, std::size_t b, std::size_t c, std::size_t d, std::uint32_t x,
         std::uint32_t y) noexcept {
  v[a] = v[a] + v[b] + x;
  v[d] = std::rotr(v[d] ^ v[a], 16);
  v[c] = v[c] + v[d];
  v[b] = std::rotr(v[b] ^ v[c], 12);
  v[a] = v[a] + v[b] + y;
  v[d] = std::rotr(v[d] ^ v[a], 8);
  v[c] = v[c] + v[d];
  v[b] = std::rotr(v[b] ^ v[c], 7);
}

/// One round over the message words in the given order.
void mix_round(Words16& v, const Words16& m, const std::array<std::uint8_t, 16>& order) noexcept {
  mix(v, 0, 4, 8, 12, m[order[0]], m[order[1]]);
  mix(v, 1, 5, 9, 13, m[order[2]], m[order[3]]);
  mix(v, 2, 6, 10, 14, m[order[4]], m[order[5]]);
  mix(v, 3, 7, 11, 15, m[order[6]], m[order[7]]);
  mix(v, 0, 5, 10, 15, m[order[8]], m[order[9]]);
  mix(v, 1, 6, 11, 12, m[order[10]], m[order[11]]);
  mix(v, 2, 7, 8, 13, m[order[12]], m[order[13]]);
  mix(v, 3, 4, 9, 14, m[order[14]], m[order[15]]);
}

/// The block's words; what it lacks to 64 bytes counts as zero.
Words16 load_block(ByteView block) noexcept {
  std::array<std::uint8_t, block_bytes> padded{};
  std::ranges::copy(block, padded.begin());
  Words16 words;
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i] = load_le<std::uint32_t>(padded.data() + 4 * i);
  }
  return words;
}

void store_words(std::span<const std::uint32_t> words, MutableBytes out) noexcept {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(words[i / 4] >> (8 * (i % 4)));
  }
}

// RFC 7693, 2.7.
constexpr std::array<std::array<std::uint8_t, 16>, 10> sigma = {{
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
}};

void blake2s_compress(Words8& h, ByteView block, std::uint64_t bytes_so_far, bool last) noexcept {
  const Words16 m = load_block(block);
  Words16 v;
  std::ranges::copy(h, v.begin());
  std::ranges::copy(initial, v.begin() + 8);
  v[12] ^= static_cast<std::uint32_t>(bytes_so_far);
  v[13] ^= static_cast<std::uint32_t>(bytes_so_far >> 32);
  if (last) v[14] = ~v[14];
  for (const auto& order : sigma)
    mix_round(v, m, order);
  for (std::size_t i = 0; i < h.size(); ++i)
    h[i] ^= v[i] ^ v[i + 8];
}

// BLAKE3, table 3: the domain flags.
constexpr std::uint32_t chunk_start = 1;
constexpr std::uint32_t chunk_end = 2;
constexpr std::uint32_t parent = 4;
constexpr std::uint32_t root = 8;
constexpr std::size_t chunk_bytes = 1024;
/// Enough chaining values for 2^54 chunks: all that 64 bits of length can be.
constexpr std::size_t tree_depth_max = 54;

constexpr std::array<std::uint8_t, 16> permutation = {2, 6,  3,  10, 7, 0,  4,  13,
                                                      1, 11, 12, 5,  9, 14, 15, 8};

constexpr std::array<std::array<std::uint8_t, 16>, 7> make_blake3_orders() {
  std::array<std::array<std::uint8_t, 16>, 7> orders{};
  for (std::uint8_t i = 0; i < 16; ++i)
    orders[0][i] = i;
  for (std::size_t round = 1; round < orders.size(); ++round) {
    for (std::size_t i = 0; i < 16; ++i)
      orders[round][i] = orders[round - 1][permutation[i]];
  }
  return orders;
}
constexpr auto blake3_orders = make_blake3_orders();

/// The inputs of one compression that is still to be done: the last node of a chunk or a parent.
struct Node {
  Words8 chain = initial;
  Words16 block{};
  std::uint64_t counter = 0;
  std::uint32_t size = 0;
  std::uint32_t flags = 0;

  Words16 compress() const noexcept {
    Words16 v;
    std::ranges::copy(chain, v.begin());
    std::copy_n(initial.begin(), 4, v.begin() + 8);
    v[12] = static_cast<std::uint32_t>(counter);
    v[13] = static_cast<std::uint32_t>(counter >> 32);
    v[14] = size;
    v[15] = flags;
    for (const auto& order : blake3_orders)
      mix_round(v, block, order);
    for (std::size_t i = 0; i < 8; ++i) {
      v[i] ^= v[i + 8];
      v[i + 8] ^= chain[i];
    }
    return v;
  }

  Words8 chaining_value() const noexcept {
    const Words16 out = compress();
    Words8 value;
    std::copy_n(out.begin(), value.size(), value.begin());
    return value;
  }
};

/// All of a chunk (up to 1024 bytes) but its last compression.
Node chunk_node(ByteView chunk, std::uint64_t index) noexcept {
  Node node;
  node.counter = index;
  node.flags = chunk_start;
  for (; chunk.size() > block_bytes; chunk = chunk.subspan(block_bytes)) {
    node.block = load_block(chunk.first(block_bytes));
    node.size = block_bytes;
    node.chain = node.chaining_value();
    node.flags = 0;
  }
  node.block = load_block(chunk);
  node.size = static_cast<std::uint32_t>(chunk.size());
  node.flags |= chunk_end;
  return node;
}

Node parent_node(const Words8& left, const Words8& right) noexcept {
  Node node;
  std::ranges::copy(left, node.block.begin());
  std::ranges::copy(right, node.block.begin() + 8);
  node.size = block_bytes;
  node.flags = parent;
  return node;
}

}  // namespace

void blake2s(ByteView data, MutableBytes digest) noexcept {
  Words8 h = initial;
  h[0] ^= 0x01010000U ^ static_cast<std::uint32_t>(digest.size());
  std::uint64_t bytes_so_far = 0;
  for (; data.size() > block_bytes; data = data.subspan(block_bytes)) {
    bytes_so_far += block_bytes;
    blake2s_compress(h, data.first(block_bytes), bytes_so_far, false);
  }
  blake2s_compress(h, data, bytes_so_far + data.size(), true);
  store_words(h, digest);
}

void blake3(ByteView data, MutableBytes digest) noexcept {
  // Finished subtrees of 1, 2, 4.. chunks, the largest first; a chunk whose number ends in k zero
  // bits completes k of them.
  std::array<Words8, tree_depth_max> stack;
  std::size_t depth = 0;
  std::uint64_t chunks = 0;
  for (; data.size() > chunk_bytes; data = data.subspan(chunk_bytes)) {
    Words8 value = chunk_node(data.first(chunk_bytes), chunks).chaining_value();
    ++chunks;
    for (std::uint64_t total = chunks; total % 2 == 0; total /= 2) {
      value = parent_node(stack[--depth], value).chaining_value();
    }
    stack[depth++] = value;
  }
  Node node = chunk_node(data, chunks);
  while (depth > 0)
    node = parent_node(stack[--depth], node.chaining_value());

  node.flags |= root;
  node.counter = 0;
  for (; !digest.empty(); ++node.counter) {
    const std::size_t part = std::min(digest.size(), block_bytes);
    store_words(node.compress(), digest.first(part));
    digest = digest.subspan(part);
  }
}

}  // namespace kith::crypto::detail
