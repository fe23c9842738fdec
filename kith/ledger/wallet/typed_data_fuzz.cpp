// Invariant: typed data of any form is hashed or refused, the same each time, within its limits.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/wallet/limits.hpp>
#include <kith/ledger/wallet/typed_data.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_typed_data{"message", "lists", "recursive", "domain alone"};

void fuzz_typed_data(ByteView input) {
  const std::string_view text = as_text(input);
  const auto read = TypedData::parse(text);
  if (!read) return;
  ASSERT(input.size() <= typed_data_bytes_max);
  ASSERT(TypedData::parse(text)->signing_hash() == read->signing_hash());
  kinds_typed_data.reached(read->message_hash ? "message" : "domain alone");
  kinds_typed_data.reached_if(text.find("[]\"") != std::string_view::npos, "lists");
  kinds_typed_data.reached_if(text.find(":null") != std::string_view::npos, "recursive");
}

}  // namespace kith::fuzz
