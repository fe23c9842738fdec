// Invariants: what was read is written as it was, in a block's body too; what one revision allows a
// sender is found; nothing that is asked of it without a state can throw or abort.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/chain/transition.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_transaction{"legacy",    "legacy of a chain", "access list", "dynamic fee",
                        "blob",      "set code",          "creation",    "sender",
                        "authority", "may be run"};

void fuzz_transaction(ByteView input) {
  const auto read = Transaction::decode(input);
  if (!read) return;
  ASSERT(equal(read->encode(), input));
  Bytes body;
  RlpWriter writer(body);
  read->write(writer);
  RlpReader reader(body);
  ASSERT(Transaction::read(reader) == *read && reader.at_end());
  const bool bound = read->chain_id.has_value();
  constexpr std::string_view types[] = {"legacy", "access list", "dynamic fee", "blob", "set code"};
  const auto type = static_cast<std::size_t>(read->type);
  kinds_transaction.reached(type == 0 && bound ? "legacy of a chain" : types[type]);
  kinds_transaction.reached_if(!read->to, "creation");
  kinds_transaction.reached_if(read->sender().has_value(), "sender");
  for (const Authorization& one : read->authorizations)
    kinds_transaction.reached_if(one.authority().has_value(), "authority");
  for (auto revision = Revision::frontier; revision <= newest_revision;
       revision = static_cast<Revision>(static_cast<int>(revision) + 1)) {
    kinds_transaction.reached_if(check_transaction(*read, revision).has_value(), "may be run");
  }
}

}  // namespace kith::fuzz
