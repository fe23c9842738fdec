// What a QUIC stream holds: bytes that came and nobody has read, and bytes that were written and
// the peer hasn't acknowledged. Both copy once, into blocks that grow with use. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

#include <kith/base/buffer.hpp>
#include <kith/net/transports/quic_limits.hpp>

namespace kith::net::detail {

class QuicReceiveQueue {
 public:
  void append(ByteView bytes);

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  /// Copies out what fits.
  std::size_t read(MutableBytes into);
  /// The first piece, uncopied, or as much of it as `size_max`. Not empty unless the queue is.
  Buffer pop(std::size_t size_max);
  void clear() noexcept { *this = QuicReceiveQueue(); }

 private:
  void consumed(std::size_t size);

  std::deque<Buffer> pieces_;
  std::size_t size_ = 0;
  Buffer block_;  ///< where the last piece lies
  std::size_t block_used_ = 0;
  std::size_t next_block_bytes_ = 0;
};

class QuicSendQueue {
 public:
  /// Copies; the memory stays where it is until acknowledged() is told of it.
  void append(ByteView bytes);

  /// Bytes in memory: unsent or not acknowledged.
  std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - start_); }
  std::size_t unsent() const noexcept { return static_cast<std::size_t>(end_ - sent_); }
  std::uint64_t acknowledged_to() const noexcept { return start_; }

  /// The next unsent bytes, in as many pieces as fit into `pieces`; how many pieces.
  std::size_t peek(std::span<ByteView> pieces) const noexcept;
  void mark_sent(std::size_t size) noexcept;
  /// Everything below this offset has arrived.
  void acknowledged(std::uint64_t offset) noexcept;

 private:
  struct Block {
    Buffer memory;
    std::size_t used;
  };
  std::deque<Block> blocks_;
  std::uint64_t first_ = 0;       ///< the offset at which the first block begins
  std::size_t next_ = 0;          ///< the block in which the unsent bytes begin
  std::uint64_t next_start_ = 0;  ///< the offset at which that begins
  std::uint64_t start_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t end_ = 0;
};

}  // namespace kith::net::detail
