#include <gtest/gtest.h>

#include <kith/exchange/test_network.hpp>
#include <kith/sim/testing.hpp>

namespace kith::exchange {
namespace {

using namespace testing;

TEST(Bitswap, FetchesABlockFromAPeer) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net);
    Peer far(net);
    std::vector<ipld::Block> blocks = random_blocks(1, 100'000);
    far.blocks.add(blocks);
    net.connect(near.host, far.host);
    auto session = near.bitswap->new_session();
    KITH_CO_TRY(ipld::Block block, co_await session->get(blocks[0].cid));
    EXPECT_TRUE(equal(block.data, blocks[0].data));
    EXPECT_TRUE(near.blocks.holds(blocks));
    EXPECT_EQ(near.bitswap->stats().client.blocks_received, 1U);
    EXPECT_EQ(near.bitswap->stats().client.data_received, 100'000U);
    EXPECT_EQ(far.bitswap->stats().blocks_sent, 1U);
    EXPECT_EQ(far.bitswap->stats().data_sent, 100'000U);
    EXPECT_TRUE(near.bitswap->stats().wantlist.empty());
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

constexpr std::size_t block_bytes = 256 * 1024;

/// 250 Mbit/s and 60 ms there and back.
constexpr sim::LinkOptions fat_long_link{.latency = 30ms,
                                         .jitter = Duration(0),
                                         .bytes_per_second = 31'250'000,
                                         .window_bytes = 16 * 1024 * 1024};

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

TEST(Bitswap, FillsAFatLongLinkFromOnePeer) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.net().set_links(fat_long_link);
    TestNet net(world);
    Peer near(net);
    Peer far(net);
    std::vector<ipld::Block> blocks = random_blocks(256, block_bytes);
    far.blocks.add(blocks);
    net.connect(near.host, far.host);
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    KITH_CO_CHECK(co_await read_all(*session, blocks, 64));
    const double rate = 64.0 * 1024 * 1024 / seconds(world.now() - begun);
    EXPECT_GE(rate, 0.8 * 31'250'000) << "took " << seconds(world.now() - begun) << " s";
    EXPECT_EQ(near.bitswap->stats().client.duplicate_blocks, 0U);
    EXPECT_EQ(near.bitswap->stats().client.blocks_received, 256U);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, FetchesFromFourPeersAtOnce) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.net().set_links(fat_long_link);
    TestNet net(world);
    Peer near(net);
    Peer a(net), b(net), c(net), d(net);
    std::vector<ipld::Block> blocks = random_blocks(256, block_bytes);
    for (Peer* peer : {&a, &b, &c, &d}) {
      peer->blocks.add(blocks);
      net.connect(near.host, peer->host);
    }
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    KITH_CO_CHECK(co_await read_all(*session, blocks, 128));
    const double rate = 64.0 * 1024 * 1024 / seconds(world.now() - begun);
    EXPECT_GE(rate, 2 * 31'250'000) << "took " << seconds(world.now() - begun) << " s";
    EXPECT_LE(near.bitswap->stats().client.duplicate_blocks, 4U);
    for (const PeerStatus& peer : session->status().peers) EXPECT_GE(peer.source.units, 32U);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, a, b, c, d));
    co_return Result<void>{};
  });
}

TEST(Bitswap, DoesNotWaitForASlowPeer) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.net().set_links(fat_long_link);
    TestNet net(world);
    Peer near(net);
    Peer fast(net), slow(net);
    sim::LinkOptions slow_link = fat_long_link;
    slow_link.bytes_per_second = 100'000;
    world.net().set_link(near.host.node().id(), slow.host.node().id(), slow_link);
    std::vector<ipld::Block> blocks = random_blocks(256, block_bytes);
    for (Peer* peer : {&fast, &slow}) {
      peer->blocks.add(blocks);
      net.connect(near.host, peer->host);
    }
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    KITH_CO_CHECK(co_await read_all(*session, blocks, 64));
    EXPECT_LE(seconds(world.now() - begun), 4.5);
    EXPECT_LE(near.bitswap->stats().client.duplicate_blocks, 8U);
    EXPECT_LE(near.bitswap->client().scheduler().stats().second_fetches, 8U);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, fast, slow));
    co_return Result<void>{};
  });
}

TEST(Bitswap, GoesOnWithoutAPeerThatStalls) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.net().set_links(fat_long_link);
    TestNet net(world);
    Peer near(net);
    Peer good(net), stalling(net);
    std::vector<ipld::Block> blocks = random_blocks(256, block_bytes);
    for (Peer* peer : {&good, &stalling}) {
      peer->blocks.add(blocks);
      net.connect(near.host, peer->host);
    }
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    std::vector<ipld::Block> head(blocks.begin(), blocks.begin() + 64);
    KITH_CO_CHECK(co_await read_all(*session, head, 32));
    world.net().stall(near.host.node().id(), stalling.host.node().id());
    KITH_CO_CHECK(co_await read_all(*session, blocks, 64));
    EXPECT_LE(seconds(world.now() - begun), 6);
    EXPECT_TRUE(near.blocks.holds(blocks));
    EXPECT_GE(near.bitswap->client().scheduler().stats().stalls, 1U);
    world.net().heal();
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, good, stalling));
    co_return Result<void>{};
  });
}

TEST(Bitswap, DropsWhatALiarSendsAndTheLiarWithIt) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.net().set_links(fat_long_link);
    TestNet net(world);
    Peer near(net);
    Peer good(net), liar(net);
    std::vector<ipld::Block> blocks = random_blocks(256, block_bytes);
    std::vector<ipld::Block> wrong = random_blocks(256, block_bytes, 99);
    for (Peer* peer : {&good, &liar}) {
      peer->blocks.add(blocks);
      net.connect(near.host, peer->host);
    }
    // It begins honestly.
    for (std::size_t i = 10; i < blocks.size(); ++i)
      liar.blocks.lies.emplace(blocks[i].cid, wrong[i].data);
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    KITH_CO_CHECK(co_await read_all(*session, blocks, 64));
    EXPECT_TRUE(near.blocks.holds(blocks));
    EXPECT_EQ(near.blocks.size(), 256U);
    EXPECT_EQ(near.host.disconnects, 1U);
    EXPECT_GE(near.bitswap->stats().client.unasked_blocks, unasked_blocks_max);
    EXPECT_LE(seconds(world.now() - begun), 8);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, good, liar));
    co_return Result<void>{};
  });
}

TEST(Bitswap, GoesOnWithThoseWhoStayWhenAPeerLeaves) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.net().set_links(fat_long_link);
    TestNet net(world);
    Peer near(net);
    Peer stays(net), leaves(net);
    std::vector<ipld::Block> blocks = random_blocks(256, block_bytes);
    for (Peer* peer : {&stays, &leaves}) {
      peer->blocks.add(blocks);
      net.connect(near.host, peer->host);
    }
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    std::vector<ipld::Block> head(blocks.begin(), blocks.begin() + 64);
    KITH_CO_CHECK(co_await read_all(*session, head, 32));
    net.disconnect(near.id(), leaves.id());
    KITH_CO_CHECK(co_await read_all(*session, blocks, 64));
    EXPECT_LE(seconds(world.now() - begun), 4);
    EXPECT_LE(near.bitswap->stats().client.duplicate_blocks, 2U);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, stays, leaves));
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::exchange
