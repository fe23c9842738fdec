// Strategy: a datagram of a router, and the same bytes as a table of routes.
// Invariant: an answer is one of those that there are, and there are few routers.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/net/nat/limits.hpp>
#include <kith/net/nat/nat_pmp.hpp>

namespace kith::fuzz {

Kinds kinds_nat_pmp{"address", "mapping", "refusal", "a router", "many routers"};

void fuzz_nat_pmp(ByteView input);
void fuzz_nat_pmp(ByteView input) {
  const auto answer = net::decode_nat_pmp(input);
  if (answer) {
    const bool address = std::holds_alternative<net::NatPmpAddress>(*answer);
    kinds_nat_pmp.reached(address ? "address" : "mapping");
  } else {
    kinds_nat_pmp.reached_if(answer.error().is(net::NatPmpError::not_authorized), "refusal");
  }
  const std::size_t routers = net::gateways_of_routes(as_text(input)).size();
  ASSERT(routers <= net::gateways_max);
  kinds_nat_pmp.reached_if(routers == 1, "a router");
  kinds_nat_pmp.reached_if(routers == net::gateways_max, "many routers");
}

}  // namespace kith::fuzz
