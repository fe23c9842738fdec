// Invariant: a genesis that was read is a block that can be written and read again.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/chain/genesis.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_genesis{"frontier", "by number", "by time", "blob schedule", "accounts", "storage"};

void fuzz_genesis(ByteView input) {
  const auto read = Genesis::parse(as_text(input));
  if (!read) return;
  const auto block = Block::decode(read->block.encode());
  ASSERT(block && block->header == read->block.header);
  kinds_genesis.reached("frontier");
  kinds_genesis.reached_if(read->schedule.forks.size() > 1, "by number");
  for (const ForkSchedule::Fork& fork : read->schedule.forks)
    kinds_genesis.reached_if(fork.from_timestamp > 0, "by time");
  kinds_genesis.reached_if(!read->schedule.blobs.empty(), "blob schedule");
  kinds_genesis.reached_if(!read->state.accounts().empty(), "accounts");
  for (const auto& [address, account] : read->state.accounts())
    kinds_genesis.reached_if(!account.storage.empty(), "storage");
}

}  // namespace kith::fuzz
