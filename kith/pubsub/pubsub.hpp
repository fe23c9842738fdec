// pubsub: messages to whoever is subscribed to a topic, by gossipsub (libp2p/specs pubsub/).
//
//   service.hpp      PubSub over a net::Swarm: subscribe, publish, validators. Start here.
//   router.hpp       GossipRouter: all rules of gossipsub 1.0 to 1.2, pure
//   peer_score.hpp   what a peer's behaviour is worth        promises.hpp  who said it would send
//   message.hpp      RPCs and messages, signatures           options.hpp   what may be chosen
//   message_cache.hpp, seen_cache.hpp, send_queue.hpp        limits.hpp    what strangers can't
//   pass
//
// The service owns streams, tasks and the router; the router owns what is known of peers and
// topics. Loop thread only, but for signatures, which are checked on workers.
#pragma once

#include <kith/pubsub/service.hpp>
