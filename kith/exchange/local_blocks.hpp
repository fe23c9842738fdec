// LocalBlocks: what Bitswap needs of the store: to look up, to read and to write. Loop thread only.
#pragma once

#include <optional>
#include <vector>

#include <kith/ipld/block.hpp>

namespace kith::exchange {

class LocalBlocks {
 public:
  virtual ~LocalBlocks() = default;
  /// One answer for each CID, in their order; nothing for a block that isn't here.
  virtual Task<std::vector<std::optional<std::uint32_t>>> sizes(
      std::vector<multiformats::Cid> cids) = 0;
  /// Errc::not_found if it isn't here.
  virtual Task<ipld::Block> get(multiformats::Cid cid) = 0;
  /// Whether it was here and couldn't be read: sizes() knows nothing of it until somebody puts it
  /// anew, or reads it after all.
  virtual bool doubtful(const multiformats::Cid&) const { return false; }
  /// Takes verified blocks; they can be read when it returns.
  virtual Task<void> put(std::vector<ipld::Block> blocks) = 0;
};

}  // namespace kith::exchange
