// Strategy: the input is a message without its length. Invariants: what decodes is within the
// limits, and says the same after it was written and read again.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/dht/message.hpp>

namespace kith::fuzz {

Kinds kinds_dht_message{"put value", "get value",   "add provider",  "get providers",
                        "find node", "ping",        "closer peer",   "provider peer",
                        "addresses", "a connected", "time received", "record without value",
                        "both lists"};

namespace {

void tell(const dht::Message& message) {
  Kinds& kinds = kinds_dht_message;
  kinds.reached(dht::to_string(message.type));
  kinds.reached_if(!message.closer.empty(), "closer peer");
  kinds.reached_if(!message.providers.empty(), "provider peer");
  for (const dht::Peer& peer : message.closer) {
    kinds.reached_if(peer.addresses.size() > 1, "addresses");
    kinds.reached_if(peer.connection == dht::Connectedness::connected, "a connected");
  }
  if (message.record) {
    kinds.reached_if(!message.record->time_received.empty(), "time received");
    kinds.reached_if(message.record->value.empty(), "record without value");
  }
  kinds.reached_if(!message.closer.empty() && !message.providers.empty(), "both lists");
}

}  // namespace

void fuzz_dht_message(ByteView input) {
  using namespace dht;
  auto message = decode_message(input);
  if (!message) return;
  tell(*message);
  ASSERT(message->key.size() <= key_bytes_max);
  ASSERT(message->closer.size() <= closer_peers_max);
  ASSERT(message->providers.size() <= provider_peers_max);
  for (const Peer& peer : message->closer)
    ASSERT(!peer.id.empty() && peer.addresses.size() <= addresses_per_peer_max);
  auto again = decode_message(encode_message(*message));
  ASSERT(again.has_value() && *again == *message);
}

}  // namespace kith::fuzz
