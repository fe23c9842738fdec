// Invariant: a transaction that was read from JSON has a form on the wire, from which it is read as
// the same.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/wallet/transaction_json.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_transaction_json{"legacy", "access list", "dynamic fee", "blob",
                             "signer", "creation",    "set code",    "authorization"};

void fuzz_transaction_json(ByteView input) {
  const std::string_view text = as_text(input);
  kinds_transaction_json.reached_if(parse_authorization(text).has_value(), "authorization");
  const auto read = parse_transaction(text);
  if (!read) return;
  ASSERT(Transaction::decode(read->transaction.encode()) == read->transaction);
  constexpr std::string_view types[] = {"legacy", "access list", "dynamic fee", "blob", "set code"};
  kinds_transaction_json.reached(types[static_cast<std::size_t>(read->transaction.type)]);
  kinds_transaction_json.reached_if(!read->transaction.to, "creation");
  kinds_transaction_json.reached_if(read->from.has_value(), "signer");
}

}  // namespace kith::fuzz
