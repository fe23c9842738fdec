// Strategy: a datagram of a router.
// Invariant: what is read is one of the messages that there are, and a refusal of a mapping says of
// which.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/net/nat/pcp.hpp>

namespace kith::fuzz {

Kinds kinds_pcp{"announce", "mapping", "refused mapping", "another version"};

void fuzz_pcp(ByteView input);
void fuzz_pcp(ByteView input) {
  const auto answer = net::decode_pcp(input);
  if (!answer) {
    const bool version = answer.error().is(net::PcpError::unsupported_version);
    kinds_pcp.reached_if(version, "another version");
    return;
  }
  const bool mapping = answer->opcode == net::PcpOpcode::map;
  ASSERT(mapping == answer->mapping.has_value());
  kinds_pcp.reached_if(!mapping, "announce");
  kinds_pcp.reached_if(mapping && !answer->refusal, "mapping");
  kinds_pcp.reached_if(mapping && answer->refusal, "refused mapping");
}

}  // namespace kith::fuzz
