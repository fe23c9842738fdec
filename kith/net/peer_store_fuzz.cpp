// Strategy: the bytes are a file of remembered peers. Invariants: what was read of it is written
// down and read again as the same, whatever was wrong with it, and stays within the limits.
#include <kith/base/assert.hpp>
#include <kith/net/peer_store.hpp>

namespace kith::fuzz {

void fuzz_peer_store(ByteView input);
void fuzz_peer_store(ByteView input) {
  constexpr WallTime now{1'700'000'000s};
  net::PeerStoreLimits limits;
  limits.peers = 16;
  limits.bytes = 32 * 1024;
  net::PeerStore store(limits);
  store.decode(input, now);
  ASSERT(store.size() <= limits.peers && store.bytes() <= limits.bytes);
  for (const multiformats::PeerId& peer : store.peers())
    ASSERT(store.addresses(peer, now).size() <= net::addresses_per_peer_max);
  Bytes encoded = store.encode(now);
  net::PeerStore again(limits);
  net::PeerStore::Decoded decoded = again.decode(encoded, now);
  ASSERT(!decoded.damaged && decoded.peers == store.size());
  ASSERT(again.encode(now) == encoded);
}

}  // namespace kith::fuzz
