// Peers that use relays, for tests.
#pragma once

#include <memory>

#include <kith/net/relay/client.hpp>
#include <kith/net/test_peer.hpp>

namespace kith::net {

/// A peer that can be reached, and dial, through relays.
struct RelayPeer : TestPeer {
  RelayPeer(sim::Node& its_node, std::uint8_t number, SwarmLimits limits = {})
      : TestPeer(its_node, number, std::move(limits)) {
    auto transport = std::make_unique<RelayTransport>(env(), swarm);
    relays = transport.get();
    swarm.add_transport(std::move(transport));
  }
  RelayTransport* relays;
};

/// Where a peer would be reached through this one, which is at a public address.
inline multiformats::Multiaddr circuit_through(const TestPeer& relay) {
  for (const multiformats::Multiaddr& one : relay.addresses()) {
    if (!one.is_loopback())
      return *one.with_peer_id(relay.id())->with(multiformats::Protocol::p2p_circuit);
  }
  return {};
}

}  // namespace kith::net
