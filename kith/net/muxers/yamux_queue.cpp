#include <algorithm>
#include <cstring>

#include <kith/net/muxers/yamux_queue.hpp>

namespace kith::net {

void YamuxQueue::append(Buffer piece) {
  if (piece.empty()) return;
  size_ += piece.size();
  if (piece.size() * yamux_slab_share >= piece.memory_bytes()) {
    pieces_.push_back(std::move(piece));
    return;
  }
  ByteView rest = piece;
  const std::size_t room = block_.size() - block_used_;
  if (room != 0) {
    const std::size_t part = std::min(room, rest.size());
    std::memcpy(block_.mutable_bytes().data() + block_used_, rest.data(), part);
    const bool extends = first_ < pieces_.size() && pieces_.back().data() + pieces_.back().size() ==
                                                        block_.data() + block_used_;
    if (extends) {
      const std::size_t start = static_cast<std::size_t>(pieces_.back().data() - block_.data());
      pieces_.back() = block_.slice(start, block_used_ + part - start);
    } else {
      pieces_.push_back(block_.slice(block_used_, part));
    }
    block_used_ += part;
    rest = rest.subspan(part);
  }
  if (rest.empty()) return;
  // A message that is alone gets just its size; where more has piled up, more is likely to come.
  block_ = Buffer::allocate(first_ == pieces_.size() ? rest.size()
                                                     : std::max(rest.size(), yamux_block_bytes));
  std::memcpy(block_.mutable_bytes().data(), rest.data(), rest.size());
  block_used_ = rest.size();
  pieces_.push_back(block_.slice(0, block_used_));
}

std::size_t YamuxQueue::memory_bytes() const noexcept {
  std::size_t total = pieces_.capacity() * sizeof(Buffer);
  for (std::size_t i = first_; i < pieces_.size(); ++i)
    total += pieces_[i].memory_bytes();
  return total;
}

void YamuxQueue::consumed(std::size_t size) {
  size_ -= size;
  if (size < pieces_[first_].size()) {
    pieces_[first_].remove_prefix(size);
    return;
  }
  pieces_[first_++] = Buffer();
  if (size_ == 0) {
    clear();
  } else if (first_ * 2 > pieces_.size() && first_ > 16) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

std::size_t YamuxQueue::read(MutableBytes into) {
  std::size_t done = 0;
  while (done < into.size() && !empty()) {
    const Buffer& piece = pieces_[first_];
    const std::size_t part = std::min(piece.size(), into.size() - done);
    std::memcpy(into.data() + done, piece.data(), part);
    done += part;
    consumed(part);
  }
  return done;
}

Buffer YamuxQueue::pop(std::size_t size_max) {
  if (empty()) return {};
  const std::size_t size = std::min(size_max, pieces_[first_].size());
  Buffer part = pieces_[first_].slice(0, size);
  consumed(size);
  return part;
}

}  // namespace kith::net
