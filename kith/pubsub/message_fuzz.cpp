// Strategy: RPCs as a peer sends them, without the length. Invariants: what was read encodes to
// what reads the same, as long as rpc_bytes() says, and a message's fields are its encoding's.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/pubsub/message.hpp>

namespace kith::fuzz {

Kinds kinds_pubsub_rpc{"subscription", "message", "ihave",     "iwant",         "graft", "prune",
                       "exchanged",    "backoff", "idontwant", "unknown field", "signed"};

namespace {

void tell(const pubsub::Rpc& rpc) {
  Kinds& kinds = kinds_pubsub_rpc;
  kinds.reached_if(!rpc.subscriptions.empty(), "subscription");
  kinds.reached_if(!rpc.messages.empty(), "message");
  kinds.reached_if(!rpc.ihave.empty(), "ihave");
  kinds.reached_if(!rpc.iwant.empty(), "iwant");
  kinds.reached_if(!rpc.graft.empty(), "graft");
  kinds.reached_if(!rpc.prune.empty(), "prune");
  kinds.reached_if(!rpc.idontwant.empty(), "idontwant");
  for (const pubsub::Prune& prune : rpc.prune) {
    kinds.reached_if(!prune.peers.empty(), "exchanged");
    kinds.reached_if(prune.backoff_seconds.has_value(), "backoff");
  }
}

void check_message(const pubsub::Message& message) {
  kinds_pubsub_rpc.reached_if(!message.fields().unknown.empty(), "unknown field");
  auto again = pubsub::Message::decode(message.encoded());
  ASSERT(again.has_value());
  ASSERT(equal((*again)->encoded(), message.encoded()));
  ASSERT((*again)->topic() == message.topic());
  ASSERT(equal((*again)->data(), message.data()));
  kinds_pubsub_rpc.reached_if(pubsub::verify_signature(message), "signed");
}

}  // namespace

void fuzz_pubsub_rpc(ByteView input);
void fuzz_pubsub_rpc(ByteView input) {
  auto rpc = pubsub::decode_rpc(input);
  if (!rpc) return;
  tell(*rpc);
  for (const pubsub::MessagePtr& message : rpc->messages)
    check_message(*message);
  const Bytes encoded = pubsub::encode_rpc(*rpc);
  ASSERT(encoded.size() == pubsub::rpc_bytes(*rpc));
  if (encoded.size() > pubsub::rpc_bytes_max) return;
  auto again = pubsub::decode_rpc(encoded);
  ASSERT(again.has_value());
  ASSERT(pubsub::encode_rpc(*again) == encoded);
  ASSERT(again->messages.size() == rpc->messages.size());
  ASSERT(again->idontwant == rpc->idontwant && again->iwant == rpc->iwant);
}

}  // namespace kith::fuzz
