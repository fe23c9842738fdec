// multiformats: names that say of themselves how to read them (github.com/multiformats).
//
//   multibase.hpp   bytes as text in a base the text names      multicodec.hpp  names and codes
//   multihash.hpp   a digest with its function and length       cid.hpp         content identifiers
//   peer_id.hpp     libp2p's peer identities          multiaddr.hpp, protocol.hpp  addresses
//   error.hpp, limits.hpp, seeded_hash.hpp
//
// Everything here is a value: no I/O, no clock, no Boost, safe on any thread. Decoders are strict:
// binary input that is accepted encodes again to the same bytes, nothing is skipped, and every
// length has a limit (limits.hpp). Hashing is crypto's business; only PeerId asks for it.
#pragma once

#include <kith/multiformats/cid.hpp>
#include <kith/multiformats/error.hpp>
#include <kith/multiformats/limits.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/multibase.hpp>
#include <kith/multiformats/multicodec.hpp>
#include <kith/multiformats/multihash.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/multiformats/protocol.hpp>
#include <kith/multiformats/seeded_hash.hpp>
