// Strategy: the bytes are a file of remembered peers. Invariants: what was read of it is written
// down and read again as the same, whatever was wrong with it, and stays within the limits.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/net/peer_store.hpp>

namespace kith::fuzz {

Kinds kinds_peer_store{"a peer", "several peers", "as many as allowed", "several addresses",
                       "damaged"};

void fuzz_peer_store(ByteView input);
void fuzz_peer_store(ByteView input) {
  constexpr WallTime now{1'700'000'000s};
  net::PeerStoreLimits limits;
  limits.peers = 16;
  limits.bytes = 32 * 1024;
  net::PeerStore store(limits);
  const bool was_damaged = store.decode(input, now).damaged;
  ASSERT(store.size() <= limits.peers && store.bytes() <= limits.bytes);
  for (const multiformats::PeerId& peer : store.peers()) {
    const std::size_t addresses = store.addresses(peer, now).size();
    ASSERT(addresses <= net::addresses_per_peer_max);
    kinds_peer_store.reached("a peer");
    kinds_peer_store.reached_if(addresses > 1, "several addresses");
  }
  kinds_peer_store.reached_if(store.size() > 1, "several peers");
  kinds_peer_store.reached_if(store.size() == limits.peers, "as many as allowed");
  kinds_peer_store.reached_if(was_damaged, "damaged");
  Bytes encoded = store.encode(now);
  net::PeerStore again(limits);
  net::PeerStore::Decoded decoded = again.decode(encoded, now);
  ASSERT(!decoded.damaged && decoded.peers == store.size());
  ASSERT(again.encode(now) == encoded);
}

}  // namespace kith::fuzz
