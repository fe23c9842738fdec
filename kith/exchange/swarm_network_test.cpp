// Bitswap on the real stack: swarm, Noise, yamux and the store, over simulated wires and disks.
#include <gtest/gtest.h>

#include <kith/exchange/stored_blocks.hpp>
#include <kith/exchange/swarm_network.hpp>
#include <kith/exchange/test_network.hpp>
#include <kith/net/test_peer.hpp>
#include <kith/sim/testing.hpp>

namespace kith::exchange {
namespace {

using namespace testing;
using multiformats::Multiaddr;
using net::key_of;

struct FullPeer {
  FullPeer(sim::Node& at, std::uint8_t number)
      : node(at), swarm(node.env(), key_of(number), peers), network(swarm) {
    EXPECT_TRUE(swarm.listen(*Multiaddr::parse("/ip4/0.0.0.0/tcp/4001")).has_value());
  }

  Task<void> begin() {
    store::StoreOptions store_options;
    store_options.path = "/data/blocks";
    KITH_CO_TRY(store, co_await store::BlockStore::open(node.env(), store_options));
    blocks = std::make_unique<StoredBlocks>(*store);
    bitswap = std::make_unique<Bitswap>(node.env(), network, *blocks, options);
    bitswap->start();
    co_return Result<void>{};
  }

  Task<void> connect(FullPeer& other) {
    const Instant deadline = node.env().clock.now() + 20s;
    auto connected = co_await swarm.connect(other.swarm.local_peer(),
                                            other.swarm.reachable_addresses(), deadline);
    if (!connected) co_return std::unexpected(connected.error());
    co_return Result<void>{};
  }

  Task<void> close() {
    KITH_CO_CHECK(co_await bitswap->close_shielded());
    KITH_CO_CHECK(co_await swarm.close_shielded());
    bitswap.reset();
    KITH_CO_CHECK(co_await store->close());
    co_return Result<void>{};
  }

  sim::Node& node;
  BitswapOptions options;
  net::PeerStore peers;
  net::Swarm swarm;
  SwarmNetwork network;
  std::unique_ptr<store::BlockStore> store;
  std::unique_ptr<StoredBlocks> blocks;
  std::unique_ptr<Bitswap> bitswap;
};

Task<void> fetches_over_the_real_stack(sim::World& world) {
  FullPeer near(world.add_node(), 1);
  FullPeer one(world.add_node(), 2);
  FullPeer two(world.add_node(), 3);
  for (FullPeer* peer : {&near, &one, &two}) {
    KITH_CO_CHECK(co_await peer->begin());
  }
  const std::vector<ipld::Block> blocks = random_blocks(64, 100'000);
  KITH_CO_CHECK(co_await one.store->put(blocks));
  KITH_CO_CHECK(co_await two.store->put(blocks));
  auto session = near.bitswap->new_session();
  session->prefetch(cids_of(blocks));
  KITH_CO_CHECK(co_await near.connect(one));
  KITH_CO_CHECK(co_await two.connect(near));
  KITH_CO_CHECK(co_await read_all(*session, blocks, 32));
  EXPECT_EQ(
      near.bitswap->stats().client.blocks_received - near.bitswap->stats().client.duplicate_blocks,
      64U);
  EXPECT_LE(near.bitswap->stats().client.duplicate_blocks, 8U);
  for (const ipld::Block& block : blocks) {
    KITH_CO_TRY(const bool has, co_await near.store->has(block.cid));
    EXPECT_TRUE(has);
  }
  session.reset();
  for (FullPeer* peer : {&near, &one, &two}) {
    KITH_CO_CHECK(co_await peer->close());
  }
  co_return Result<void>{};
}

TEST(SwarmNetwork, CarriesBitswapOverTheRealStack) {
  sim::run_seeds(1, 5, fetches_over_the_real_stack);
}

Task<void> goes_on_after_a_reconnect(sim::World& world) {
  FullPeer near(world.add_node(), 1);
  FullPeer far(world.add_node(), 2);
  KITH_CO_CHECK(co_await near.begin());
  KITH_CO_CHECK(co_await far.begin());
  const std::vector<ipld::Block> blocks = random_blocks(20, 50'000);
  KITH_CO_CHECK(co_await far.store->put(blocks));
  KITH_CO_CHECK(co_await near.connect(far));
  auto session = near.bitswap->new_session();
  const std::vector<ipld::Block> head(blocks.begin(), blocks.begin() + 5);
  KITH_CO_CHECK(co_await read_all(*session, head, 2));
  session->prefetch(cids_of(blocks));
  EXPECT_TRUE(near.swarm.disconnect(far.swarm.local_peer()));
  const Instant deadline = world.now() + 2s;
  auto none = co_await session->get(blocks.back().cid, deadline);
  EXPECT_TRUE(!none && none.error().is(Errc::timed_out));
  EXPECT_EQ(session->status().waiting, Waiting::no_sources);
  KITH_CO_CHECK(co_await far.connect(near));
  KITH_CO_CHECK(co_await read_all(*session, blocks, 8));
  session.reset();
  KITH_CO_CHECK(co_await near.close());
  KITH_CO_CHECK(co_await far.close());
  co_return Result<void>{};
}

TEST(SwarmNetwork, GoesOnWhenAPeerComesBack) {
  sim::run_seeds(1, 5, goes_on_after_a_reconnect);
}

Task<void> opens_streams(sim::World& world) {
  FullPeer near(world.add_node(), 1);
  FullPeer far(world.add_node(), 2);
  KITH_CO_CHECK(co_await near.begin());
  KITH_CO_CHECK(co_await far.begin());
  const PeerId peer = far.swarm.local_peer();
  const Instant deadline = world.now() + 20s;
  KITH_CO_CHECK(co_await near.connect(far));
  auto unknown = co_await near.network.open_stream(peer, {"/unknown/2", "/unknown/1"}, deadline);
  EXPECT_TRUE(!unknown && unknown.error().is(Errc::unsupported));
  // While the only connection closes there is none to use, and none is made.
  near.swarm.disconnect(peer);
  EXPECT_TRUE(near.swarm.connected(peer));
  auto closing = co_await near.network.open_stream(peer, {"/ipfs/bitswap/1.2.0"}, deadline);
  EXPECT_TRUE(!closing && closing.error().is(Errc::closed));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
  EXPECT_FALSE(near.swarm.connected(peer));
  KITH_CO_CHECK(co_await near.close());
  co_return co_await far.close();
}

TEST(SwarmNetwork, OpensStreamsOfProtocolsThatAreSpokenOnConnectionsThatAreThere) {
  sim::run_test(1, opens_streams);
}

/// The peer is somewhere else now, and its old address silent: nothing says that the old connection
/// is dead. What waits to be sent on it must not take the room of what the peer asks for now.
Task<void> serves_where_the_peer_is_now(sim::World& world, const std::uint8_t& far_number,
                                        const bool& far_dials) {
  FullPeer far(world.add_node(), far_number);
  far.options.server.unsent_bytes_per_peer_max = 150'000;
  const std::uint8_t number = 3 - far_number;
  FullPeer before(world.add_node(), number);
  FullPeer now(world.add_node(), number);
  for (FullPeer* peer : {&far, &before, &now}) {
    KITH_CO_CHECK(co_await peer->begin());
  }
  const std::vector<ipld::Block> blocks = random_blocks(64, 100'000);
  KITH_CO_CHECK(co_await far.store->put(blocks));
  if (far_dials) {
    KITH_CO_CHECK(co_await far.connect(before));
    // So that the next one can't be taken for one that crossed it.
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), net::dial_timeout + 1s));
  } else {
    KITH_CO_CHECK(co_await before.connect(far));
  }
  auto cut_short = before.bitswap->new_session();
  cut_short->prefetch(cids_of(blocks));
  KITH_CO_CHECK(co_await cut_short->get(blocks.front().cid));
  world.net().cut(far.node.id(), before.node.id());

  KITH_CO_CHECK(co_await now.connect(far));
  auto session = now.bitswap->new_session();
  session->prefetch(cids_of(blocks));
  const Instant begun = world.now();
  KITH_CO_CHECK(co_await read_all(*session, blocks, 32));
  EXPECT_LE(world.now() - begun, 10s);
  EXPECT_EQ(far.swarm.connections_of(now.swarm.local_peer()).size(), 2U) << "the old one has gone";
  EXPECT_EQ(now.bitswap->stats().client.duplicate_blocks, 0U);

  cut_short.reset();
  session.reset();
  world.net().heal();
  for (FullPeer* peer : {&far, &before, &now}) {
    KITH_CO_CHECK(co_await peer->close());
  }
  co_return Result<void>{};
}

TEST(SwarmNetwork, ServesAPeerThatDialsAgainOnItsNewConnection) {
  for (std::uint8_t far_number : {1, 2}) {
    for (bool far_dials : {false, true})
      sim::run_seeds(1, 5, serves_where_the_peer_is_now, far_number, far_dials);
  }
}

}  // namespace
}  // namespace kith::exchange
