#include <new>

#include <kith/base/assert.hpp>
#include <kith/multiformats/detail/short_bytes.hpp>

namespace kith::multiformats::detail {

ShortBytes::ShortBytes(ByteView bytes) {
  ASSERT(bytes.size() <= bytes_max);
  std::uint8_t* target = storage_;
  if (bytes.size() > inline_bytes) {
    Block* block = new (::operator new(sizeof(Block) + bytes.size())) Block;
    std::memcpy(storage_, &block, sizeof(Block*));
    target = block_bytes(block);
  }
  if (!bytes.empty()) std::memcpy(target, bytes.data(), bytes.size());
  size_ = static_cast<std::uint8_t>(bytes.size());
}

void ShortBytes::drop() noexcept {
  Block* last = block();
  if (last->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  last->~Block();
  ::operator delete(last);
}

namespace {

__extension__ using Wide = unsigned __int128;

// Multiplies and folds the two halves of the product, as wyhash does.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

std::size_t hash_bytes(ByteView bytes, std::uint64_t seed) noexcept {
  constexpr std::uint64_t odd_a = 0xa0761d6478bd642f;
  constexpr std::uint64_t odd_b = 0xe7037ed1a0b428db;
  std::uint64_t state = seed ^ odd_a ^ bytes.size();
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    state = fold(state ^ load_le<std::uint64_t>(at), odd_b);
  }
  std::uint64_t tail = 0;
  for (std::size_t i = 0; i < left; ++i)
    tail |= static_cast<std::uint64_t>(at[i]) << (8 * i);
  return fold(fold(state ^ tail, odd_b) ^ seed, odd_a);
}

}  // namespace kith::multiformats::detail
