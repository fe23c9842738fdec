// ShortBytes: an immutable string of at most 255 bytes in 40 bytes of memory.
//
// Up to 39 bytes sit inside: every CID and peer id in common use does (a CIDv1 of a 32-byte digest
// has 36 bytes, one with blake2b-256 and dag-json 39, the peer id of a secp256k1 key 39). Longer
// ones, rare, share one counted block on the heap, so that a copy is always cheap. Counting is
// atomic; values may travel between threads.
#pragma once

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <kith/base/bytes.hpp>

namespace kith::multiformats::detail {

class ShortBytes {
 public:
  static constexpr std::size_t inline_bytes = 39;
  static constexpr std::size_t bytes_max = 255;

  ShortBytes() noexcept = default;
  /// `bytes` has at most bytes_max bytes (asserted).
  explicit ShortBytes(ByteView bytes);
  ShortBytes(const ShortBytes& other) noexcept : size_(other.size_) {
    std::memcpy(storage_, other.storage_, inline_bytes);
    if (on_heap()) block()->references.fetch_add(1, std::memory_order_relaxed);
  }
  ShortBytes(ShortBytes&& other) noexcept : size_(std::exchange(other.size_, 0)) {
    std::memcpy(storage_, other.storage_, inline_bytes);
  }
  ShortBytes& operator=(ShortBytes other) noexcept {
    std::swap(storage_, other.storage_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~ShortBytes() {
    if (on_heap()) drop();
  }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  const std::uint8_t* data() const noexcept { return on_heap() ? block_bytes(block()) : storage_; }
  ByteView view() const noexcept { return {data(), size_}; }

  friend bool operator==(const ShortBytes& a, const ShortBytes& b) noexcept {
    return a.size_ == b.size_ && std::memcmp(a.data(), b.data(), a.size_) == 0;
  }
  /// By bytes, a prefix first.
  friend std::strong_ordering operator<=>(const ShortBytes& a, const ShortBytes& b) noexcept {
    int order = std::memcmp(a.data(), b.data(), a.size_ < b.size_ ? a.size_ : b.size_);
    if (order != 0) return order <=> 0;
    return a.size_ <=> b.size_;
  }

 private:
  struct Block {
    std::atomic<std::uint32_t> references{1};
  };

  bool on_heap() const noexcept { return size_ > inline_bytes; }
  Block* block() const noexcept {
    Block* block;
    std::memcpy(&block, storage_, sizeof(Block*));
    return block;
  }
  static std::uint8_t* block_bytes(Block* block) noexcept {
    return reinterpret_cast<std::uint8_t*>(block) + sizeof(Block);
  }
  void drop() noexcept;

  alignas(8) std::uint8_t storage_[inline_bytes] = {};
  std::uint8_t size_ = 0;
};
static_assert(sizeof(ShortBytes) == 40);

/// A hash of `bytes` for tables, the same on every run for the same seed.
std::size_t hash_bytes(ByteView bytes, std::uint64_t seed = 0) noexcept;

}  // namespace kith::multiformats::detail
