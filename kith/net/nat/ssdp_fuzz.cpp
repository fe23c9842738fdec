// Strategy: a datagram of a device, and the same bytes as a URL.
// Invariant: what is found is at the device that answered, and its target can stand in a request's
// first line.
#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/net/nat/igd.hpp>

namespace kith::fuzz {

Kinds kinds_ssdp{"answer", "url"};

namespace {

void check(const net::DevicePlace& place) {
  ASSERT(place.endpoint.port != 0 && place.target.starts_with('/'));
  ASSERT(std::ranges::all_of(place.target, [](char c) { return c > ' ' && c < 127; }));
}

}  // namespace

void fuzz_ssdp(ByteView input);
void fuzz_ssdp(ByteView input) {
  const auto device = *port::IpAddress::parse("192.168.1.1");
  if (const auto place = net::decode_ssdp_answer(input, device)) {
    ASSERT(place->endpoint.address == device);
    check(*place);
    kinds_ssdp.reached("answer");
  }
  if (const auto place = net::parse_device_url(as_text(input))) {
    check(*place);
    kinds_ssdp.reached("url");
  }
}

}  // namespace kith::fuzz
