// exchange: blocks from peers and for peers. Bitswap (ipfs/specs src/bitswap-protocol.md) in all
// its versions, as client and server.
//
//   bitswap.hpp          Bitswap: streams, hashing, store; BitswapSession: the ipld::BlockSource of
//                        one request, local blocks first
//   bitswap_client.hpp   asking, pure: wants, presences, duplicates, who lies
//   bitswap_server.hpp   answering, pure: ledgers, fairness, bounds
//   bitswap_message.hpp  the wire format, pure
//   network.hpp, swarm_network.hpp    what it needs of the swarm, and the swarm as that
//   local_blocks.hpp, stored_blocks.hpp    what it needs of the store, and the store as that
//   limits.hpp           every limit
//
// The node owns one Bitswap, requests own sessions, both end before swarm and store. Loop thread
// only; hashing runs on env.pool.
#pragma once

#include <kith/exchange/bitswap.hpp>
#include <kith/exchange/stored_blocks.hpp>
#include <kith/exchange/swarm_network.hpp>
