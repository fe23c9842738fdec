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

}  // namespace
}  // namespace kith::exchange
