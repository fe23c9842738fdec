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

// The input is read as bytes and as a text.
void fuzz_peer_id(ByteView input) {
  if (auto id = PeerId::parse(as_text(input))) check(*id);
  if (auto id = PeerId::from_bytes(input)) {
    ASSERT(equal(id->bytes(), input));
    check(*id);
  }
}

}  // namespace kith::fuzz
