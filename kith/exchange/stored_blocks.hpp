// StoredBlocks: a store::BlockStore as Bitswap sees it. The store outlives it. Loop thread only.
#pragma once

#include <kith/exchange/local_blocks.hpp>
#include <kith/store/block_store.hpp>

namespace kith::exchange {

class StoredBlocks final : public LocalBlocks {
 public:
  explicit StoredBlocks(store::BlockStore& store) : store_(store) {}

  Task<std::vector<std::optional<std::uint32_t>>> sizes(
      std::vector<multiformats::Cid> cids) override {
    return store_.sizes(std::move(cids));
  }
  Task<ipld::Block> get(multiformats::Cid cid) override { return store_.get(cid); }
  bool doubtful(const multiformats::Cid& cid) const override { return store_.doubtful(cid); }
  Task<void> put(std::vector<ipld::Block> blocks) override { return store_.put(std::move(blocks)); }

 private:
  store::BlockStore& store_;
};

}  // namespace kith::exchange
