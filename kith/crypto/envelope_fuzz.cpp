// Strategy: the input is an envelope of the domain "libp2p-testing". Invariants: what opens stays
// shut in any other domain, and carries no more than it could.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/crypto/envelope.hpp>

namespace kith::fuzz {

Kinds kinds_envelope{"rsa", "ed25519", "ecdsa", "secp256k1", "empty payload", "bad signature"};

void fuzz_envelope(ByteView input) {
  auto envelope = crypto::open_envelope(input, "libp2p-testing");
  if (!envelope) {
    kinds_envelope.reached_if(envelope.error().is(crypto::CryptoError::bad_signature),
                              "bad signature");
    return;
  }
  kinds_envelope.reached(to_string(envelope->signer.type()));
  kinds_envelope.reached_if(envelope->payload.empty(), "empty payload");
  ASSERT(envelope->payload.size() + envelope->payload_type.size() < input.size());
  ASSERT(!crypto::open_envelope(input, "libp2p-other"));
}

}  // namespace kith::fuzz
