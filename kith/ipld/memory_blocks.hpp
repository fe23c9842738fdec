// MemoryBlocks: blocks in a map. For tests, for hashing without storing, and as the smallest
// example of a BlockSource and BlockSink. It counts what is asked of it. Loop thread only.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include <kith/ipld/block.hpp>

namespace kith::ipld {

class MemoryBlocks final : public BlockSource, public BlockSink {
 public:
  Task<Block> get(multiformats::Cid cid, Instant deadline = never) override;
  void prefetch(std::span<const multiformats::Cid> cids) override;
  Task<bool> has(multiformats::Cid cid) override;
  Task<void> put(std::vector<Block> blocks) override;
  Task<void> flush() override;

  void add(Block block);
  /// As if it had never been there.
  void remove(const multiformats::Cid& cid) { blocks_.erase(cid); }
  /// Null if it isn't there.
  const Buffer* find(const multiformats::Cid& cid) const;
  std::size_t size() const noexcept { return blocks_.size(); }
  std::uint64_t bytes() const noexcept { return bytes_; }

  std::uint64_t gets() const noexcept { return gets_; }
  std::uint64_t flushes() const noexcept { return flushes_; }
  /// Every CID given to prefetch, in order.
  const std::vector<multiformats::Cid>& prefetched() const noexcept { return prefetched_; }

 private:
  std::unordered_map<multiformats::Cid, Buffer> blocks_;
  std::vector<multiformats::Cid> prefetched_;
  std::uint64_t bytes_ = 0;
  std::uint64_t gets_ = 0;
  std::uint64_t flushes_ = 0;
};

}  // namespace kith::ipld
