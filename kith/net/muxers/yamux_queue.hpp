// YamuxQueue: what a stream has received and nobody has read yet. Large pieces are kept as slices
// of the memory they came in; small ones are copied together, so that a peer that sends single
// bytes can't make us hold much more than it sends. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include <kith/base/buffer.hpp>
#include <kith/net/muxers/limits.hpp>

namespace kith::net {

class YamuxQueue {
 public:
  void append(Buffer piece);

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// Bytes of memory behind it, at most; slabs shared by two pieces count twice.
  std::size_t memory_bytes() const noexcept;

  /// Copies out what fits.
  std::size_t read(MutableBytes into);
  /// The first piece, or as much of it as `size_max`. Not empty unless the queue is.
  Buffer pop(std::size_t size_max);

  void clear() noexcept { *this = YamuxQueue(); }

 private:
  void consumed(std::size_t size);

  std::vector<Buffer> pieces_;  ///< from first_ on
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  Buffer block_;  ///< where copies are collected
  std::size_t block_used_ = 0;
};

}  // namespace kith::net
