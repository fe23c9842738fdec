// Strategy: the bytes of one message, read as a hop message, a stop message and a voucher.
// Invariant: what was read encodes to what reads the same.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/net/relay/limits.hpp>
#include <kith/net/relay/message.hpp>

namespace kith::fuzz {

Kinds kinds_relay_message{"reserve",     "hop connect", "hop status",  "stop connect",
                          "stop status", "addresses",   "limit",       "unknown status",
                          "reservation", "voucher",     "voucher read"};

namespace {

using net::HopMessage;
using net::StopMessage;

void tell(const HopMessage& hop) {
  Kinds& kinds = kinds_relay_message;
  kinds.reached_if(hop.type == HopMessage::Type::reserve, "reserve");
  kinds.reached_if(hop.type == HopMessage::Type::connect, "hop connect");
  kinds.reached_if(hop.type == HopMessage::Type::status, "hop status");
  kinds.reached_if(hop.peer && !hop.peer->addresses.empty(), "addresses");
  kinds.reached_if(hop.limit.has_value(), "limit");
  kinds.reached_if(hop.reservation.has_value(), "reservation");
  kinds.reached_if(hop.reservation && !hop.reservation->voucher.empty(), "voucher");
  kinds.reached_if(net::to_string(hop.status) == "unknown status", "unknown status");
}

void check_peer(const std::optional<net::RelayedPeer>& peer,
                const std::optional<net::RelayedPeer>& again) {
  ASSERT(peer.has_value() == again.has_value());
  if (!peer) return;
  ASSERT(!peer->id.empty() && peer->id == again->id);
  ASSERT(peer->addresses.size() <= net::relay_addresses_max);
  ASSERT(again->addresses.size() <= peer->addresses.size());
}

}  // namespace

void fuzz_relay_message(ByteView input);
void fuzz_relay_message(ByteView input) {
  if (auto hop = net::decode_hop(input)) {
    tell(*hop);
    const Bytes encoded = net::encode(*hop);
    if (encoded.size() <= net::relay_message_bytes_max) {
      const auto again = net::decode_hop(encoded);
      ASSERT(again.has_value());
      ASSERT(again->type == hop->type && again->limit == hop->limit);
      check_peer(hop->peer, again->peer);
    }
    if (hop->reservation && net::open_voucher(hop->reservation->voucher))
      kinds_relay_message.reached("voucher read");
  }
  if (auto stop = net::decode_stop(input)) {
    kinds_relay_message.reached(stop->type == StopMessage::Type::connect ? "stop connect"
                                                                         : "stop status");
    const auto again = net::decode_stop(net::encode(*stop));
    ASSERT(again.has_value() && again->limit == stop->limit);
    check_peer(stop->peer, again->peer);
  }
}

}  // namespace kith::fuzz
