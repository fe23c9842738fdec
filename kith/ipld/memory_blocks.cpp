#include <kith/ipld/memory_blocks.hpp>

namespace kith::ipld {

using multiformats::Cid;

Task<Block> MemoryBlocks::get(Cid cid, Instant) {
  ++gets_;
  const Buffer* found = find(cid);
  if (found == nullptr) co_return std::unexpected(Errc::not_found);
  co_return Block{std::move(cid), *found};
}

void MemoryBlocks::prefetch(std::span<const Cid> cids) {
  prefetched_.insert(prefetched_.end(), cids.begin(), cids.end());
}

Task<bool> MemoryBlocks::has(Cid cid) {
  co_return find(cid) != nullptr;
}

Task<void> MemoryBlocks::put(std::vector<Block> blocks) {
  for (Block& block : blocks)
    add(std::move(block));
  co_return Result<void>{};
}

Task<void> MemoryBlocks::flush() {
  ++flushes_;
  co_return Result<void>{};
}

void MemoryBlocks::add(Block block) {
  std::size_t size = block.data.size();
  if (blocks_.try_emplace(std::move(block.cid), std::move(block.data)).second) bytes_ += size;
}

const Buffer* MemoryBlocks::find(const Cid& cid) const {
  auto found = blocks_.find(cid);
  return found == blocks_.end() ? nullptr : &found->second;
}

}  // namespace kith::ipld
