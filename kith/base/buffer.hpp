// Buffer: reference-counted bytes, for data that is read once and handed on (blocks, frames,
// received chunks).
//
// A Buffer is a window onto a shared slab. Copying and slicing share it; the slab dies with its
// last window. Counting is atomic, so windows may travel between threads; writing is for a holder
// that knows nobody else looks (unique()).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <kith/base/assert.hpp>
#include <kith/base/bytes.hpp>

namespace kith {

class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer& other) noexcept
      : slab_(other.slab_), data_(other.data_), size_(other.size_) {
    if (slab_ != nullptr) slab_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Buffer(Buffer&& other) noexcept
      : slab_(std::exchange(other.slab_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(slab_, other.slab_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Buffer() { drop(); }

  /// `size` bytes of undefined content.
  static Buffer allocate(std::size_t size);
  static Buffer copy_of(ByteView bytes);
  /// Takes over a vector without copying its bytes.
  static Buffer adopt(Bytes bytes);

  const std::uint8_t* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  ByteView view() const noexcept { return {data_, size_}; }
  operator ByteView() const noexcept { return view(); }

  /// The bytes, to be written by a holder that knows that no other window is being read.
  MutableBytes mutable_bytes() noexcept { return {data_, size_}; }

  /// True if this is the only window onto its slab.
  bool unique() const noexcept {
    return slab_ != nullptr && slab_->references.load(std::memory_order_acquire) == 1;
  }

  /// The window [offset, offset + size) of this one; it must lie inside.
  Buffer slice(std::size_t offset, std::size_t size) const&;
  Buffer slice(std::size_t offset, std::size_t size) &&;

  /// Makes the window smaller from the back.
  void truncate(std::size_t size) noexcept {
    ASSERT(size <= size_);
    size_ = size;
  }
  /// Makes the window smaller from the front.
  void remove_prefix(std::size_t size) noexcept {
    ASSERT(size <= size_);
    data_ += size;
    size_ -= size;
  }

  /// This window, with memory of its own if its slab keeps much more: for what is kept, or comes in
  /// many small pieces.
  Buffer compacted() &&;

  /// Bytes of memory that the slab keeps, whatever the window shows: what a limit should count.
  std::size_t memory_bytes() const noexcept { return slab_ == nullptr ? 0 : slab_->memory_bytes; }

 private:
  struct Slab {
    std::atomic<std::uint32_t> references{1};
    std::size_t memory_bytes = 0;
    void (*destroy)(Slab*) noexcept = nullptr;
  };
  struct OwnSlab;
  struct AdoptedSlab;

  void drop() noexcept {
    if (slab_ != nullptr && slab_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      slab_->destroy(slab_);
    }
  }

  Slab* slab_ = nullptr;
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace kith
