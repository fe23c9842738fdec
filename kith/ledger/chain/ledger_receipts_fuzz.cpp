// Invariant: receipts that were read are written as they were.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/chain/receipt.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_ledger_receipts{"none", "status", "root", "logs"};

void fuzz_ledger_receipts(ByteView input) {
  const auto receipts = decode_receipts(input);
  if (!receipts) return;
  ASSERT(equal(encode_receipts(*receipts), input));
  kinds_ledger_receipts.reached_if(receipts->empty(), "none");
  for (const Receipt& receipt : *receipts) {
    kinds_ledger_receipts.reached_if(receipt.succeeded, "status");
    kinds_ledger_receipts.reached_if(receipt.root.has_value(), "root");
    kinds_ledger_receipts.reached_if(!receipt.logs.empty(), "logs");
    static_cast<void>(receipt.encode());
  }
}

}  // namespace kith::fuzz
