#include <kith/net/swarm_test.hpp>

using multiformats::Multiaddr;
using multiformats::PeerId;
using testing::close_all;
using testing::connect_into;
using testing::key_of;
using testing::Peer;
using testing::peer_of;

using Outcome = std::optional<Result<ConnectionId>>;

const PeerId nobody = peer_of(key_of(99));

/// The first address of a peer, so that a dial of it is one attempt.
std::vector<Multiaddr> one_address(const Peer& peer) {
  return {*Multiaddr::parse("/ip4/" + peer.node.address().to_string() + "/tcp/4001")};
}

/// A port of the node where nobody listens.
std::vector<Multiaddr> closed_port(const Peer& peer) {
  return {*Multiaddr::parse("/ip4/" + peer.node.address().to_string() + "/tcp/1")};
}

void set_latency(sim::World& world, Duration latency) {
  sim::LinkOptions link;
  link.latency = latency;
  world.net().set_links(link);
}

Task<void> dialed_once(sim::World& world) {
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  auto refused = co_await one.swarm.connect(nobody, closed_port(two), one.soon());
  EXPECT_TRUE(!refused && refused.error().is(SwarmError::all_dials_failed));
  EXPECT_EQ(one.net.dials.size(), 1u);
  auto somebody_else = co_await one.swarm.connect(nobody, one_address(two), one.soon());
  EXPECT_TRUE(!somebody_else && somebody_else.error().is(SwarmError::all_dials_failed));
  EXPECT_EQ(one.net.dials.size(), 2u);
  co_return co_await close_all(one, two);
}
TEST(SwarmDial, TriesAFailedAddressOnce) {
  sim::run_seeds(1, 5, dialed_once);
}

Task<void> at_once(sim::World& world) {
  set_latency(world, 10ms);
  Peer one(world.add_node(), 1);
  Peer two(world.add_node(), 2);
  port::TaskGroup dials(one.env().executor, one.env().clock);
  Outcome there, back;
  dials.spawn(connect_into(one.swarm, two.id(), one_address(two), one.soon(), there));
  dials.spawn(connect_into(two.swarm, one.id(), one_address(one), two.soon(), back));
  KITH_CO_CHECK(co_await dials.join_shielded());
  EXPECT_TRUE(there && *there);
  EXPECT_TRUE(back && *back);
  // The first two met in one connection and ended it.
  EXPECT_GT(one.net.dials.size() + two.net.dials.size(), 2u);
  co_return co_await close_all(one, two);
}
TEST(SwarmDial, TriesAgainWhenBothSidesDialedAtOnce) {
  sim::run_seeds(1, 20, at_once);
}

}  // namespace
}  // namespace kith::net
