// Invariants: what a journal's whole part has is all that it has, and reading it again gives the
// same.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/txpool/tx_journal.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_tx_journal{"torn", "whole", "damaged", "several"};

void fuzz_tx_journal(ByteView input) {
  const JournalContent content = decode_journal(input);
  ASSERT(content.good_bytes <= input.size());
  const JournalContent again = decode_journal(input.first(content.good_bytes));
  ASSERT(again.transactions == content.transactions);
  ASSERT(again.good_bytes == content.good_bytes && again.damaged == content.damaged);
  kinds_tx_journal.reached_if(content.good_bytes < input.size(), "torn");
  if (content.transactions.empty()) return;
  kinds_tx_journal.reached_if(content.good_bytes == input.size(), "whole");
  kinds_tx_journal.reached_if(content.damaged > 0, "damaged");
  kinds_tx_journal.reached_if(content.transactions.size() > 1, "several");
}

}  // namespace kith::fuzz
