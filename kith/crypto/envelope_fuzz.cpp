// Strategy: the input is an envelope of the domain "libp2p-testing". Invariants: what opens stays
// shut in any other domain, and carries no more than it could.
#include <kith/base/assert.hpp>
#include <kith/crypto/envelope.hpp>

namespace kith::fuzz {

void fuzz_envelope(ByteView input) {
  auto envelope = crypto::open_envelope(input, "libp2p-testing");
  if (!envelope) return;
  ASSERT(envelope->payload.size() + envelope->payload_type.size() < input.size());
  ASSERT(!crypto::open_envelope(input, "libp2p-other"));
}

}  // namespace kith::fuzz
