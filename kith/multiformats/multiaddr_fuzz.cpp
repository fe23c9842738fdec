#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/multiformats/multiaddr.hpp>

namespace kith::fuzz {
namespace {

using namespace multiformats;

std::vector<std::string_view> protocol_names() {
  std::vector<std::string_view> names;
  for (const ProtocolInfo& info : all_protocols())
    names.push_back(info.name);
  return names;
}

void check(const Multiaddr& address) {
  ASSERT(!address.empty());
  ASSERT(Multiaddr::from_bytes(address.bytes()) == address);
  ASSERT(Multiaddr::parse(address.to_string()) == address);

  Multiaddr joined;
  for (const Component& component : address.components()) {
    auto one = Multiaddr::from_bytes(component.bytes);
    ASSERT(one.has_value());
    auto next = joined.encapsulate(*one);
    ASSERT(next.has_value());
    joined = *std::move(next);
    ASSERT(address.has(component.protocol));
    Multiaddr before = address.decapsulate(component.protocol);
    ASSERT(before.bytes().size() < address.bytes().size());
  }
  ASSERT(joined == address);
  ASSERT(address.decapsulate(address).empty());

  if (auto id = address.peer_id()) {
    ASSERT(address.with_peer_id(*id) == address);
    ASSERT(address.without_peer_id().with(Protocol::p2p, id->to_string()) == address);
  }
  if (auto start = address.ip_and_port()) {
    ASSERT(start->address().size() == 4 || start->address().size() == 16);
    ASSERT(equal(*address.ip(), start->address()));
  }
  if (auto parts = address.split_relay()) {
    auto circuit = parts->first.with(Protocol::p2p_circuit);
    ASSERT(circuit && circuit->encapsulate(parts->second) == address);
  }
}

}  // namespace

Kinds kinds_multiaddr(protocol_names(), {"text", "bytes", "two peers"});

// The input is read as bytes and as a text.
void fuzz_multiaddr(ByteView input) {
  if (auto address = Multiaddr::parse(as_text(input))) {
    check(*address);
    kinds_multiaddr.reached("text");
  }
  if (auto address = Multiaddr::from_bytes(input)) {
    ASSERT(equal(address->bytes(), input));
    check(*address);
    kinds_multiaddr.reached("bytes");
    std::size_t peers = 0;
    for (const Component& component : address->components()) {
      kinds_multiaddr.reached(protocol_name(component.protocol));
      if (component.protocol == Protocol::p2p) ++peers;
    }
    kinds_multiaddr.reached_if(peers > 1, "two peers");
  }
}

}  // namespace kith::fuzz
