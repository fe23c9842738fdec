// Strategy: the bytes of one message, also as the answer in an exchange.
// Invariant: what was read encodes to what reads the same, and nobody is made to dial more than
// dcutr_addresses_max addresses, nor through a relay.
#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/net/relay/dcutr.hpp>
#include <kith/net/relay/limits.hpp>

namespace kith::fuzz {

Kinds kinds_dcutr_message{"sync", "connect", "addresses"};

void fuzz_dcutr_message(ByteView input);
void fuzz_dcutr_message(ByteView input) {
  using Type = net::HolePunchMessage::Type;
  const auto message = net::decode_hole_punch(input);
  if (!message) return;
  kinds_dcutr_message.reached(message->type == Type::sync ? "sync" : "connect");
  kinds_dcutr_message.reached_if(!message->addresses.empty(), "addresses");
  ASSERT(message->addresses.size() <= net::dcutr_addresses_max);
  ASSERT(std::ranges::none_of(message->addresses, &multiformats::Multiaddr::is_relayed));
  const auto again = net::decode_hole_punch(net::encode(*message));
  ASSERT(again.has_value() && again->type == message->type);
  ASSERT(again->addresses == message->addresses);
  net::HolePunchInitiator initiator;
  initiator.begin({}, Instant{});
  const bool taken = initiator.answered(*message, Instant{1h}).has_value();
  ASSERT(taken == (message->type == Type::connect && !message->addresses.empty()));
  ASSERT(initiator.round_trip() <= net::dcutr_round_trip_max);
}

}  // namespace kith::fuzz
