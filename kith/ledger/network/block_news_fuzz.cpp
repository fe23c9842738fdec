// Invariants: what was read is written the same way, and isn't longer than it may be.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/network/block_news.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_block_news{"block", "with a proof", "with transactions"};

void fuzz_block_news(ByteView input) {
  const auto read = BlockNews::decode(input);
  if (!read) return;
  kinds_block_news.reached("block");
  kinds_block_news.reached_if(!read->proof.empty(), "with a proof");
  kinds_block_news.reached_if(!read->block.transactions.empty(), "with transactions");
  ASSERT(read->encode() == to_bytes(input));
}

}  // namespace kith::fuzz
