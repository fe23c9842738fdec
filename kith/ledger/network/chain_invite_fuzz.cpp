// Invariants: an invitation that was read is within its limits, and is read again as it is written.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/network/invite.hpp>

namespace kith::fuzz {

using namespace ledger;

Kinds kinds_chain_invite{"invitation", "with a peer", "with many peers"};

void fuzz_chain_invite(ByteView input) {
  const auto read = Invite::parse(as_text(input));
  if (!read) return;
  kinds_chain_invite.reached("invitation");
  kinds_chain_invite.reached_if(read->peers.size() == 1, "with a peer");
  kinds_chain_invite.reached_if(read->peers.size() > 1, "with many peers");
  ASSERT(is_chain_name(read->name));
  ASSERT(read->peers.size() <= invite_peers_max);
  const std::string text = read->to_string();
  // Spelled out it may be longer than what was short because of its digits.
  if (text.size() > invite_bytes_max) return;
  const auto again = Invite::parse(text);
  ASSERT(again && again->to_string() == text);
  ASSERT(again->genesis == read->genesis && again->file == read->file);
}

}  // namespace kith::fuzz
