#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/multiformats/peer_id.hpp>

namespace kith::fuzz {
namespace {

using namespace multiformats;

void check(const PeerId& id) {
  ASSERT(!id.empty());
  ASSERT(PeerId::from_bytes(id.bytes()) == id);
  ASSERT(PeerId::parse(id.to_string()) == id);
  ASSERT(PeerId::parse(id.to_cid_string()) == id);
  ASSERT(PeerId::from_cid(id.to_cid()) == id);
  if (auto key = id.inline_public_key()) ASSERT(key->size() <= inline_public_key_bytes_max);
}

}  // namespace

Kinds kinds_peer_id{"base58", "text of a CID", "bytes", "hash of a key", "key itself"};

// The input is read as bytes and as a text.
void fuzz_peer_id(ByteView input) {
  if (auto id = PeerId::parse(as_text(input))) {
    check(*id);
    kinds_peer_id.reached(id->to_string() == as_text(input) ? "base58" : "text of a CID");
  }
  if (auto id = PeerId::from_bytes(input)) {
    ASSERT(equal(id->bytes(), input));
    check(*id);
    kinds_peer_id.reached("bytes");
    kinds_peer_id.reached(id->inline_public_key() ? "key itself" : "hash of a key");
  }
}

}  // namespace kith::fuzz
