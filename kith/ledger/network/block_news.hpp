// A new block as it travels by gossip on the topic /kith/chain/GENESIS/blocks/1:
//
//   [block, proof]     RLP; the block as in eth/68's NewBlock, without its total difficulty
//
// `proof` is what makes it worth passing on, beside what its header says: nothing of a block of
// proof of work, the certificate that it is final of one of bft. A reader takes what encode()
// writes and nothing else, up to gossiped_block_bytes_max. Thread: any.
#pragma once

#include <optional>

#include <kith/ledger/chain/block.hpp>

namespace kith::ledger {

struct BlockNews {
  Block block;
  Bytes proof;

  Bytes encode() const;
  /// Nothing if it isn't such a message.
  static std::optional<BlockNews> decode(ByteView input);
};

}  // namespace kith::ledger
