#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/net/limits.hpp>
#include <kith/net/resources.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using enum Direction;

PeerId peer(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed[0] = number;
  return PeerId::from_public_key(crypto::PrivateKey::from_ed25519_seed(seed).public_key());
}

Multiaddr address(std::uint8_t number) {
  const std::array<std::uint8_t, 4> bytes = {10, 0, 0, number};
  return Multiaddr::of_ip(bytes, multiformats::Protocol::tcp, 4001);
}

/// Resources, and the words of the tests.
struct Place {
  explicit Place(ResourceLimits limits = {}) : resources(std::move(limits)) {}

  std::unique_ptr<ConnectionGrant> stranger(std::uint8_t number, Direction direction = inbound) {
    auto grant = resources.open_connection(direction, address(number), now);
    return grant ? *std::move(grant) : nullptr;
  }
  std::unique_ptr<ConnectionGrant> connection(std::uint8_t number, Direction direction = inbound) {
    auto grant = stranger(number, direction);
    if (grant && !grant->set_peer(peer(number))) grant.reset();
    return grant;
  }
  std::unique_ptr<StreamGrant> stream(ConnectionGrant& of, const std::string& protocol = "/a",
                                      Direction direction = inbound) {
    auto grant = of.open_stream(direction);
    if (!grant || !(*grant)->set_protocol(protocol)) return nullptr;
    return *std::move(grant);
  }
  std::string refusal() const { return resources.last_refusal().to_string(); }
  std::uint64_t system(Resource resource) { return resources.report().system.used[resource]; }
  std::uint64_t transient(Resource resource) { return resources.report().transient.used[resource]; }
  void expect_empty() {
    ResourceReport report = resources.report();
    EXPECT_EQ(report.system.used, PerResource<std::uint64_t>());
    EXPECT_EQ(report.transient.used, PerResource<std::uint64_t>());
    EXPECT_TRUE(report.peers.empty());
    for (const auto& [protocol, scope] : report.protocols)
      EXPECT_EQ(scope.used, PerResource<std::uint64_t>()) << protocol;
  }

  Resources resources;
  Instant now{};
};

TEST(Resources, CountAConnectionAsAStrangersThenAsItsPeers) {
  Place place;
  auto grant = place.stranger(1);
  EXPECT_EQ(place.transient(Resource::connections_inbound), 1u);
  EXPECT_EQ(place.transient(Resource::memory), connection_base_bytes);
  EXPECT_EQ(place.system(Resource::connections), 1u);
  ASSERT_TRUE(grant->set_peer(peer(1)));
  EXPECT_EQ(place.transient(Resource::connections_inbound), 0u);
  EXPECT_EQ(place.transient(Resource::memory), 0u);
  EXPECT_EQ(place.system(Resource::connections_inbound), 1u);
  EXPECT_EQ(place.system(Resource::descriptors), 1u);
  EXPECT_EQ(place.resources.report().peers.at(peer(1)).used[Resource::connections], 1u);
  grant.reset();
  place.expect_empty();
}

TEST(Resources, CountWhoIsNoPeerForAsLongAsTheyStay) {
  ResourceLimits limits;
  limits.transient[Resource::connections_inbound] = 1;
  limits.system[Resource::connections_inbound] = 2;
  Place place(limits);
  auto page = place.stranger(1);
  EXPECT_EQ(place.stranger(2), nullptr);
  ASSERT_TRUE(page->stay_unknown());
  EXPECT_EQ(place.transient(Resource::connections_inbound), 0u);
  EXPECT_EQ(place.transient(Resource::memory), 0u);
  EXPECT_EQ(place.system(Resource::connections_inbound), 1u);
  EXPECT_EQ(place.system(Resource::descriptors), 1u);
  auto peers = place.connection(2);
  ASSERT_NE(peers, nullptr);
  EXPECT_EQ(place.stranger(3), nullptr);
  EXPECT_EQ(place.refusal(), "limit System.ConnsInbound is 2");
  page.reset();
  peers.reset();
  place.expect_empty();
}

TEST(Resources, TheAllowListsPlacesForAPeerAreNobodyElses) {
  ResourceLimits limits;
  limits.system[Resource::connections_inbound] = 1;
  limits.allowlist.push_back({IpNetwork::of(address(7)).value(), std::nullopt});
  limits.allowlist.push_back({IpNetwork::of(address(8)).value(), peer(8)});
  Place place(limits);
  auto first = place.connection(1);
  auto anybodys = place.stranger(7);
  ASSERT_NE(anybodys, nullptr);
  EXPECT_TRUE(anybodys->stay_unknown());
  auto of_peer = place.stranger(8);
  ASSERT_NE(of_peer, nullptr);
  EXPECT_FALSE(of_peer->stay_unknown());
  EXPECT_EQ(place.refusal(), "limit System.ConnsInbound is 1");
  anybodys.reset();
  of_peer.reset();
  first.reset();
  place.expect_empty();
}

TEST(Resources, CountAStreamInEachOfItsScopes) {
  Place place;
  auto connection = place.connection(1);
  auto stream = connection->open_stream(inbound);
  ASSERT_TRUE(stream);
  EXPECT_EQ(place.transient(Resource::streams_inbound), 1u);
  ASSERT_TRUE((*stream)->set_protocol("/a"));
  EXPECT_EQ(place.transient(Resource::streams_inbound), 0u);
  auto out = place.stream(*connection, "/a", outbound);
  ResourceReport report = place.resources.report();
  EXPECT_EQ(report.system.used[Resource::streams], 2u);
  EXPECT_EQ(report.system.used[Resource::streams_outbound], 1u);
  EXPECT_EQ(report.peers.at(peer(1)).used[Resource::streams], 2u);
  EXPECT_EQ(report.protocols.at("/a").used[Resource::streams_inbound], 1u);
  stream->reset();
  out.reset();
  EXPECT_EQ(place.system(Resource::streams), 0u);
  connection.reset();
  place.expect_empty();
}

TEST(Resources, TakeNothingWhereTheyRefuse) {
  ResourceLimits limits;
  limits.system[Resource::connections] = 2;
  limits.peer[Resource::connections_inbound] = 1;
  Place place(limits);
  auto first = place.connection(1);
  EXPECT_EQ(place.connection(1), nullptr);
  EXPECT_EQ(place.refusal(), "limit Peer.ConnsInbound is 1");
  EXPECT_EQ(place.system(Resource::connections), 1u);
  auto second = place.connection(2);
  EXPECT_EQ(place.connection(3), nullptr);
  EXPECT_EQ(place.refusal(), "limit System.Conns is 2");
  EXPECT_EQ(place.transient(Resource::connections), 0u);
  EXPECT_EQ(place.resources.refusals(), 2u);
  first.reset();
  EXPECT_NE(place.connection(3), nullptr);
}

TEST(Resources, LetAStreamOutliveItsConnection) {
  Place place;
  auto connection = place.connection(1);
  auto with_protocol = place.stream(*connection);
  auto without = *connection->open_stream(outbound);
  connection.reset();
  place.expect_empty();
  auto late = without->set_protocol("/a");
  EXPECT_TRUE(!late && late.error().is(Errc::closed));
}

TEST(Resources, TellApartWhatAProtocolAndTheOperatorSay) {
  ResourceLimits limits;
  limits.protocol[Resource::streams_inbound] = 1;
  limits.protocols["/operators"][Resource::streams_inbound] = 3;
  Place place(limits);
  ScopeOverrides own;
  own[Resource::streams_inbound] = 2;
  place.resources.define_protocol("/own", own, {});
  place.resources.define_protocol("/operators", own, {});
  auto connection = place.connection(1);
  std::vector<std::unique_ptr<StreamGrant>> held;
  auto fit = [&](const std::string& protocol) {
    std::size_t count = 0;
    while (auto stream = place.stream(*connection, protocol)) {
      held.push_back(std::move(stream));
      ++count;
    }
    return count;
  };
  EXPECT_EQ(fit("/unknown"), 1u);
  EXPECT_EQ(fit("/own"), 2u);
  EXPECT_EQ(fit("/operators"), 3u);
}

TEST(Resources, CountMemoryFromAStreamUpToTheSystem) {
  ResourceLimits limits;
  limits.protocols["/a"][Resource::memory] = 500;
  limits.peer[Resource::memory] = connection_base_bytes + 1000;
  Place place(limits);
  auto connection = place.connection(1);
  auto stream = *connection->open_stream(inbound);
  Budget& of_protocol = **stream->set_protocol("/a");
  EXPECT_TRUE(of_protocol.try_reserve(500));
  EXPECT_FALSE(of_protocol.try_reserve(1));
  EXPECT_TRUE(connection->memory().try_reserve(1000));
  EXPECT_FALSE(connection->memory().try_reserve(1));
  EXPECT_EQ(place.system(Resource::memory), connection_base_bytes + 1000);
  EXPECT_EQ(place.resources.report().protocols.at("/a").used[Resource::memory], 500u);
  of_protocol.release(500);
  connection->memory().release(1000);
}

TEST(Resources, LetTheAllowlistInWhenAllIsFull) {
  ResourceLimits limits;
  limits.system[Resource::connections_inbound] = 1;
  limits.allowlisted_system[Resource::connections_inbound] = 2;
  limits.allowlist.push_back({IpNetwork::of(address(7)).value(), std::nullopt});
  limits.allowlist.push_back({IpNetwork::of(address(8)).value(), peer(8)});
  Place place(limits);
  auto first = place.connection(7);
  EXPECT_EQ(place.system(Resource::connections_inbound), 1u);
  EXPECT_EQ(place.connection(1), nullptr);
  auto second = place.connection(7);
  EXPECT_NE(second, nullptr);
  EXPECT_EQ(place.system(Resource::connections_inbound), 1u);
  // At the address of one who may come in, another.
  auto other = place.stranger(8);
  ASSERT_NE(other, nullptr);
  EXPECT_FALSE(other->set_peer(peer(1)));
  EXPECT_EQ(place.refusal(), "limit System.ConnsInbound is 1");
  other.reset();
  auto right = place.connection(8);
  EXPECT_NE(right, nullptr);
  EXPECT_EQ(place.connection(7), nullptr);
  EXPECT_EQ(place.refusal(), "limit AllowlistedSystem.ConnsInbound is 2");
  // The other one gets an ordinary place if there is one.
  first.reset();
  second.reset();
  auto ordinary = place.connection(1);
  ASSERT_NE(ordinary, nullptr);
  ordinary.reset();
  other = place.stranger(8);
  ASSERT_TRUE(other->set_peer(peer(1)));
  EXPECT_EQ(place.system(Resource::connections_inbound), 1u);
}

/// Any order of steps: what is counted is what there is, and no limit is passed.
TEST(Resources, CountWhatThereIs) {
  ResourceLimits limits;
  limits.system[Resource::connections] = 9;
  limits.system[Resource::streams] = 20;
  limits.transient[Resource::connections_inbound] = 3;
  limits.transient[Resource::streams] = 5;
  limits.peer[Resource::connections] = 3;
  limits.peer[Resource::streams_inbound] = 6;
  limits.protocol[Resource::streams_outbound] = 4;
  limits.protocol_peer[Resource::streams] = 3;
  limits.connection[Resource::streams] = 5;
  limits.allowlisted_system[Resource::connections] = 2;
  limits.allowlist.push_back({IpNetwork::of(address(1)).value(), peer(1)});
  struct Open {
    std::unique_ptr<ConnectionGrant> grant;
    bool known = false;
  };
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    Place place(limits);
    std::vector<Open> connections;
    std::vector<std::unique_ptr<StreamGrant>> streams;
    auto draw = [&prng](auto& of) -> auto& { return of[prng.below(of.size())]; };
    for (int step = 0; step < 500; ++step) {
      const auto direction = prng.below(2) == 0 ? inbound : outbound;
      const std::uint64_t action = prng.below(8);
      if (action < 2) {
        if (auto grant = place.stranger(static_cast<std::uint8_t>(prng.below(3)), direction))
          connections.push_back({std::move(grant)});
      } else if (connections.empty()) {
        continue;
      } else if (action == 2) {
        Open& one = draw(connections);
        if (one.known) continue;
        one.known = one.grant->set_peer(peer(static_cast<std::uint8_t>(prng.below(3)))).has_value();
        if (!one.known) std::erase_if(connections, [&one](Open& open) { return &open == &one; });
      } else if (action < 6) {
        Open& one = draw(connections);
        if (!one.known) continue;
        auto grant = one.grant->open_stream(direction);
        if (!grant) continue;
        bool fits = prng.below(4) == 0 ||
                    (*grant)->set_protocol(prng.below(2) == 0 ? "/a" : "/b").has_value();
        if (fits) streams.push_back(*std::move(grant));
      } else if (action == 6) {
        std::swap(draw(connections), connections.back());
        connections.pop_back();
      } else if (!streams.empty()) {
        std::swap(draw(streams), streams.back());
        streams.pop_back();
      }
      ResourceReport report = place.resources.report();
      for (Resource resource : all_resources) {
        ASSERT_LE(report.system.used[resource], report.system.limits[resource]);
        ASSERT_LE(report.transient.used[resource], report.transient.limits[resource]);
        std::uint64_t of_peers = 0;
        for (const auto& [id, scope] : report.peers) {
          ASSERT_LE(scope.used[resource], scope.limits[resource]);
          of_peers += scope.used[resource];
        }
        if (resource >= Resource::connections && resource <= Resource::connections_outbound)
          ASSERT_LE(report.transient.used[resource] + of_peers, connections.size());
      }
    }
    connections.clear();
    place.expect_empty();
  }
}

ResourceLimits two_of_an_address() {
  ResourceLimits limits;
  limits.subnets.ip4 = {{.bits = 32, .connections = 2}};
  return limits;
}

TEST(Resources, LetOneAddressHaveSoManyConnectionsInBothDirections) {
  Place place(two_of_an_address());
  auto stranger = place.stranger(1);
  auto dialed = place.connection(1, outbound);
  EXPECT_TRUE(stranger && dialed);
  EXPECT_EQ(place.connection(1), nullptr);
  EXPECT_EQ(place.refusal(), "limit Subnet.Conns is 2");
  EXPECT_EQ(place.system(Resource::connections), 2u);
  EXPECT_NE(place.connection(2), nullptr);
  dialed.reset();
  EXPECT_NE(place.connection(1), nullptr);
  stranger.reset();
  place.expect_empty();
}

TEST(Resources, WhatOtherLimitsRefuseIsNoConnectionOfItsAddress) {
  ResourceLimits limits = two_of_an_address();
  limits.peer[Resource::connections] = 1;
  Place place(limits);
  auto one = place.connection(1);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(place.connection(1), nullptr);
  EXPECT_EQ(place.refusal(), "limit Peer.Conns is 1");
  EXPECT_NE(place.stranger(1), nullptr);
  one.reset();
  place.expect_empty();
}

TEST(Resources, AnAddressMayNotComeTooOften) {
  ResourceLimits limits;
  limits.rates.ip4 = {{.bits = 32, .burst = 2, .every = 500ms}};
  limits.allowlist = {{*IpNetwork::parse("/ip4/10.0.0.3/ipcidr/32"), std::nullopt}};
  Place place(limits);
  // That they went again is no help to them.
  EXPECT_NE(place.stranger(1), nullptr);
  EXPECT_NE(place.stranger(1), nullptr);
  EXPECT_EQ(place.stranger(1), nullptr);
  EXPECT_EQ(place.refusal(), "limit Subnet.ConnsInbound is 2 at once, then one in 0.5 s");
  EXPECT_NE(place.stranger(2), nullptr);
  // We may dial them as often as we like, and who is in the allow-list may come.
  for (int i = 0; i < 10; ++i) {
    EXPECT_NE(place.stranger(1, outbound), nullptr);
    EXPECT_NE(place.stranger(3), nullptr);
  }
  place.now += 500ms;
  EXPECT_NE(place.stranger(1), nullptr);
  EXPECT_EQ(place.stranger(1), nullptr);
  place.expect_empty();
}

TEST(Resources, TheAllowListLetsAnAddressHaveMore) {
  ResourceLimits limits = two_of_an_address();
  limits.allowlist = {{*IpNetwork::parse("/ip4/10.0.0.1/ipcidr/32"), peer(1)}};
  Place place(limits);
  auto one = place.connection(1);
  auto two = place.connection(1);
  auto three = place.connection(1);
  EXPECT_TRUE(one && two && three);
  // The list is for peer one; another at its address isn't let in by it.
  auto stranger = place.stranger(1);
  ASSERT_NE(stranger, nullptr);
  EXPECT_FALSE(stranger->set_peer(peer(2)));
  EXPECT_EQ(place.refusal(), "limit Subnet.Conns is 2");
  one.reset();
  auto late = place.stranger(1);
  EXPECT_TRUE(late->set_peer(peer(2)));
}

TEST(Resources, CircuitsDontCountAtTheirRelaysAddress) {
  ResourceLimits limits = two_of_an_address();
  limits.rates.ip4 = {{.bits = 32, .burst = 2, .every = 500ms}};
  Resources resources(limits);
  const Multiaddr circuit = *Multiaddr::parse(
      "/ip4/198.51.100.1/tcp/4001/p2p/12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X/"
      "p2p-circuit");
  std::vector<std::unique_ptr<ConnectionGrant>> grants;
  for (int i = 0; i < 10; ++i) {
    auto grant = resources.open_connection(Direction::inbound, circuit, Instant(1h));
    ASSERT_TRUE(grant.has_value()) << i;
    grants.push_back(*std::move(grant));
  }
}

}  // namespace
}  // namespace kith::net
