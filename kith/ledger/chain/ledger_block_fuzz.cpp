// Invariants: a block and a header that were read are written as they were; no check of one against
// another throws, aborts or divides by what a peer chose.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/chain/header_rules.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_ledger_block{"header",       "header of today", "block",
                         "transactions", "ommers",          "withdrawals"};

void fuzz_ledger_block(ByteView input) {
  if (const auto header = Header::decode(input)) {
    ASSERT(equal(header->encode(), input));
    kinds_ledger_block.reached("header");
    kinds_ledger_block.reached_if(header->requests_hash.has_value(), "header of today");
  }
  const auto block = Block::decode(input);
  if (!block) return;
  ASSERT(equal(block->encode(), input));
  kinds_ledger_block.reached("block");
  kinds_ledger_block.reached_if(!block->transactions.empty(), "transactions");
  kinds_ledger_block.reached_if(!block->ommers.empty(), "ommers");
  kinds_ledger_block.reached_if(block->withdrawals && !block->withdrawals->empty(), "withdrawals");
  ForkSchedule schedule;
  schedule.difficulty = DifficultyRule::ethash;
  Header next = block->header;
  next.number = block->header.number + 1;
  next.timestamp = block->header.timestamp + 1;
  for (const Revision revision : {Revision::frontier, Revision::byzantium, Revision::london,
                                  Revision::cancun, Revision::osaka}) {
    static_cast<void>(check_header(next, block->header, schedule, revision, revision));
    static_cast<void>(check_header(block->header, next, schedule, revision, revision));
    static_cast<void>(check_body(*block, revision));
  }
}

}  // namespace kith::fuzz
