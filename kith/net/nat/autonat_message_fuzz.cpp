// Strategy: the bytes of one message, read as any of both versions'.
// Invariant: what was read encodes to what reads the same, and holds no more than the limits say.
#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/net/nat/autonat_message.hpp>
#include <kith/net/nat/limits.hpp>

namespace kith::fuzz {

Kinds kinds_autonat_message{"v1 dial",        "v1 response",       "v1 addresses", "request",
                            "response",       "data request",      "data",         "dial back",
                            "many addresses", "unreadable address"};

namespace {

void tell(const net::AutonatMessage& message) {
  Kinds& kinds = kinds_autonat_message;
  kinds.reached_if(std::holds_alternative<net::AutonatDialResponse>(message), "response");
  kinds.reached_if(std::holds_alternative<net::AutonatDataRequest>(message), "data request");
  kinds.reached_if(std::holds_alternative<net::AutonatData>(message), "data");
  const auto* request = std::get_if<net::AutonatDialRequest>(&message);
  if (request == nullptr) return;
  ASSERT(request->addresses.size() <= net::autonat_v2_addresses_max);
  kinds.reached("request");
  kinds.reached_if(request->addresses.size() > net::autonat_v2_addresses_asked_max,
                   "many addresses");
  kinds.reached_if(
      std::ranges::any_of(request->addresses, [](const auto& one) { return !one.has_value(); }),
      "unreadable address");
}

}  // namespace

void fuzz_autonat_message(ByteView input);
void fuzz_autonat_message(ByteView input) {
  if (auto v1 = net::decode_autonat_v1(input)) {
    const auto again = net::decode_autonat_v1(net::encode(*v1));
    ASSERT(again.has_value() && again->index() == v1->index());
    const auto* dial = std::get_if<net::AutonatV1Dial>(&*v1);
    kinds_autonat_message.reached(dial != nullptr ? "v1 dial" : "v1 response");
    if (dial != nullptr) {
      ASSERT(dial->addresses.size() <= net::autonat_v1_addresses_max);
      kinds_autonat_message.reached_if(!dial->addresses.empty(), "v1 addresses");
    }
  }
  if (auto v2 = net::decode_autonat(input)) {
    const Bytes encoded = net::encode(*v2);
    const auto again = net::decode_autonat(encoded);
    ASSERT(again.has_value() && again->index() == v2->index());
    tell(*v2);
  }
  if (auto nonce = net::decode_dial_back(input)) {
    kinds_autonat_message.reached("dial back");
    ASSERT(net::decode_dial_back(net::encode_dial_back(*nonce)) == *nonce);
  }
}

}  // namespace kith::fuzz
