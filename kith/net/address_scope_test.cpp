#include <gtest/gtest.h>

#include <kith/net/address_scope.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;

Multiaddr address(std::string_view text) {
  return *Multiaddr::parse(text);
}

AddressScope scope(std::string_view text) {
  return scope_of(address(text));
}

TEST(AddressScope, KnowsHowFarAnAddressReaches) {
  for (const char* near :
       {"/ip4/127.0.0.1/tcp/1", "/ip4/127.9.9.9/tcp/1", "/ip6/::1/tcp/1",
        "/ip6/::ffff:127.0.0.1/tcp/1", "/ip4/0.0.0.0/tcp/1", "/ip4/0.1.2.3/tcp/1", "/ip6/::/tcp/1",
        "/dns4/localhost/tcp/1", "/dns/x.LOCALHOST/tcp/1"})
    EXPECT_EQ(scope(near), AddressScope::loopback) << near;
  for (const char* local :
       {"/ip4/10.1.2.3/tcp/1", "/ip4/172.31.0.1/tcp/1", "/ip4/192.168.0.1/udp/1/quic-v1",
        "/ip4/100.64.0.1/tcp/1", "/ip4/169.254.0.1/tcp/1", "/ip6/fd00::1/tcp/1",
        "/ip6/fe80::1/tcp/1", "/ip6zone/2/ip6/fe80::1/tcp/1", "/ip6/::ffff:10.0.0.1/tcp/1",
        "/dns/printer.local/tcp/1", "/dns6/nas.home.arpa/tcp/1"})
    EXPECT_EQ(scope(local), AddressScope::local) << local;
  for (const char* global :
       {"/ip4/172.32.0.1/tcp/1", "/ip4/8.8.8.8/tcp/1", "/ip6/2001:db8::1/tcp/1",
        "/ip6/::ffff:8.8.8.8/tcp/1", "/dns4/example.org/tcp/1", "/dns/notlocalhost/tcp/1",
        "/dnsaddr/bootstrap.libp2p.io"})
    EXPECT_EQ(scope(global), AddressScope::global) << global;
}

TEST(AddressScope, PassesWhatMeansSomethingToWhoIsSeenThere) {
  const Multiaddr loopback = address("/ip4/127.0.0.1/tcp/1");
  const Multiaddr local = address("/ip4/192.168.1.1/tcp/1");
  const Multiaddr global = address("/ip4/198.51.100.1/tcp/1");
  std::vector<Multiaddr> all = {loopback, address("/ip4/0.0.0.0/tcp/1"), local, global,
                                address("/ip4/224.0.0.1/udp/1")};
  EXPECT_EQ(addresses_for(AddressScope::loopback, all),
            (std::vector<Multiaddr>{loopback, local, global}));
  EXPECT_EQ(addresses_for(AddressScope::local, all), (std::vector<Multiaddr>{local, global}));
  EXPECT_EQ(addresses_for(AddressScope::global, all), std::vector<Multiaddr>{global});
}

TEST(AddressScope, LeavesOutOwnAddressesButNotOtherPortsOfTheMachine) {
  const Multiaddr own = address("/ip4/127.0.0.1/tcp/4001");
  const Multiaddr neighbour = address("/ip4/127.0.0.1/tcp/4002");
  const Multiaddr named = *own.with_peer_id(multiformats::PeerId::from_public_key(Bytes(36, 1)));
  EXPECT_EQ(without_own({own, neighbour, named}, {own}), std::vector<Multiaddr>{neighbour});
}

}  // namespace
}  // namespace kith::net
