#include <algorithm>
#include <cstring>

#include <kith/base/assert.hpp>
#include <kith/net/transports/quic/detail/quic_queue.hpp>

namespace kith::net::detail {

void QuicReceiveQueue::append(ByteView bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (block_used_ == block_.size()) {
      // A message that is alone gets just its size; who sends more gets larger ones.
      block_ = Buffer::allocate(std::max(bytes.size(), next_block_bytes_));
      block_used_ = 0;
      next_block_bytes_ = std::clamp(2 * block_.size(), quic_block_bytes_min, quic_block_bytes);
    }
    const std::size_t part = std::min(bytes.size(), block_.size() - block_used_);
    std::memcpy(block_.mutable_bytes().data() + block_used_, bytes.data(), part);
    const std::uint8_t* end = block_.data() + block_used_;
    const bool extends = !pieces_.empty() && block_used_ != 0 &&
                         pieces_.back().data() + pieces_.back().size() == end;
    const std::size_t from =
        extends ? static_cast<std::size_t>(pieces_.back().data() - block_.data()) : block_used_;
    block_used_ += part;
    Buffer piece = block_.slice(from, block_used_ - from);
    if (extends) {
      pieces_.back() = std::move(piece);
    } else {
      pieces_.push_back(std::move(piece));
    }
    bytes = bytes.subspan(part);
  }
}

void QuicReceiveQueue::consumed(std::size_t size) {
  size_ -= size;
  if (size < pieces_.front().size()) {
    pieces_.front().remove_prefix(size);
    return;
  }
  pieces_.pop_front();
  if (size_ != 0) return;
  // Memory isn't kept for a stream that is quiet now; what it gets next is as it used.
  if (block_used_ < block_.size() / 4) next_block_bytes_ = block_.size() / 2;
  if (next_block_bytes_ < quic_block_bytes_min) next_block_bytes_ = 0;
  block_ = Buffer();
  block_used_ = 0;
}

std::size_t QuicReceiveQueue::read(MutableBytes into) {
  std::size_t done = 0;
  while (done < into.size() && !empty()) {
    const Buffer& piece = pieces_.front();
    const std::size_t part = std::min(piece.size(), into.size() - done);
    std::memcpy(into.data() + done, piece.data(), part);
    done += part;
    consumed(part);
  }
  return done;
}

Buffer QuicReceiveQueue::pop(std::size_t size_max) {
  if (empty()) return {};
  const std::size_t size = std::min(size_max, pieces_.front().size());
  Buffer part = pieces_.front().slice(0, size);
  consumed(size);
  return part;
}

void QuicSendQueue::append(ByteView bytes) {
  while (!bytes.empty()) {
    if (blocks_.empty() || blocks_.back().used == blocks_.back().memory.size()) {
      const std::size_t grown = blocks_.empty() ? 0 : 2 * blocks_.back().memory.size();
      const std::size_t wanted = std::max(grown, std::min(bytes.size(), quic_block_bytes));
      blocks_.push_back({Buffer::allocate(std::min(wanted, quic_block_bytes)), 0});
    }
    Block& block = blocks_.back();
    const std::size_t part = std::min(bytes.size(), block.memory.size() - block.used);
    std::memcpy(block.memory.mutable_bytes().data() + block.used, bytes.data(), part);
    block.used += part;
    end_ += part;
    bytes = bytes.subspan(part);
  }
}

std::size_t QuicSendQueue::peek(std::span<ByteView> pieces) const noexcept {
  std::size_t count = 0;
  std::uint64_t at = next_start_;
  for (std::size_t i = next_; i < blocks_.size() && count < pieces.size(); ++i) {
    const Block& block = blocks_[i];
    const auto skip = static_cast<std::size_t>(std::max(sent_, at) - at);
    if (skip < block.used) pieces[count++] = block.memory.view().subspan(skip, block.used - skip);
    at += block.used;
  }
  return count;
}

void QuicSendQueue::mark_sent(std::size_t size) noexcept {
  sent_ += size;
  // The last block may still be filled up.
  while (next_ + 1 < blocks_.size() && next_start_ + blocks_[next_].used <= sent_)
    next_start_ += blocks_[next_++].used;
}

void QuicSendQueue::acknowledged(std::uint64_t offset) noexcept {
  start_ = std::max(start_, std::min(offset, sent_));
  while (!blocks_.empty() && first_ + blocks_.front().used <= start_) {
    first_ += blocks_.front().used;
    blocks_.pop_front();
    if (next_ > 0) {
      --next_;
    } else {
      next_start_ = first_;
    }
  }
}

}  // namespace kith::net::detail
