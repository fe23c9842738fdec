#include <gtest/gtest.h>

#include <kith/crypto/hash.hpp>
#include <kith/sim/testing.hpp>
#include <kith/store/block_store.hpp>
#include <kith/store/store_test.hpp>

namespace kith::store {
namespace {

using ipld::Block;
using multiformats::Cid;
using multiformats::Codec;
using sim::Crash;
using sim::Node;
using sim::World;

Block block_with(std::uint64_t number, std::size_t size = 500) {
  NewBlock made = testing::block_of(number, size);
  return {Cid::v1(Codec::raw, made.hash), made.data};
}

std::vector<Block> blocks_with(std::uint64_t first, std::size_t count, std::size_t size = 500) {
  std::vector<Block> blocks;
  for (std::uint64_t i = 0; i < count; ++i)
    blocks.push_back(block_with(first + i, size));
  return blocks;
}

StoreOptions options_for_test() {
  StoreOptions options;
  static_cast<EngineOptions&>(options) = testing::small_options();
  return options;
}

Task<bool> holds(BlockStore& store, Block block) {
  auto got = co_await store.get(block.cid);
  if (!got && got.error().is(Errc::not_found)) co_return false;
  KITH_CO_CHECK(got);
  co_return got->cid == block.cid&& equal(got->data, block.data);
}

TEST(BlockStore, GivesBackWhatWasPut) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    StoreOptions options = options_for_test();
    KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options));
    Block block = block_with(1);
    std::vector<Block> blocks = {block};
    KITH_CO_TRY(bool before, co_await store->has(block.cid));
    EXPECT_FALSE(before);
    KITH_CO_CHECK(co_await store->put(std::move(blocks)));
    KITH_CO_TRY(bool there, co_await holds(*store, block));
    EXPECT_TRUE(there);
    KITH_CO_TRY(bool has, co_await store->has(block.cid));
    EXPECT_TRUE(has);
    KITH_CO_TRY(std::uint32_t size, co_await store->size(block.cid));
    EXPECT_EQ(size, 500U);
    KITH_CO_TRY(Buffer part, co_await store->get_range(block.cid, 490, 100));
    EXPECT_TRUE(equal(part, block.data.view().subspan(490)));
    KITH_CO_CHECK(co_await store->close());
    auto late = co_await store->get(block.cid);
    EXPECT_TRUE(!late && late.error().is(Errc::closed));
    co_return Result<void>{};
  });
}

TEST(BlockStore, KnowsABlockByEitherVersionAndAnyCodec) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    StoreOptions options = options_for_test();
    KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options));
    Block block = block_with(1);
    std::vector<Block> blocks = {block};
    KITH_CO_CHECK(co_await store->put(std::move(blocks)));
    auto v0 = Cid::v0(block.cid.hash());
    KITH_CO_REQUIRE(v0.has_value());
    KITH_CO_TRY(Block same, co_await store->get(*v0));
    EXPECT_EQ(same.cid, *v0);
    EXPECT_TRUE(equal(same.data, block.data));
    Cid cbor = Cid::v1(Codec::dag_cbor, block.cid.hash());
    KITH_CO_TRY(bool has, co_await store->has(cbor));
    EXPECT_TRUE(has);
    KITH_CO_CHECK(co_await store->close());
    co_return Result<void>{};
  });
}

TEST(BlockStore, KeepsWhatWasFlushedThroughAPowerFailure) {
  sim::run_seeds(1, 20, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    StoreOptions options = options_for_test();
    std::vector<Block> kept = blocks_with(1, 30);
    {
      KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options));
      std::vector<Block> blocks = kept;
      KITH_CO_CHECK(co_await store->put(std::move(blocks)));
      KITH_CO_CHECK(co_await store->flush());
      blocks = blocks_with(100, 5);
      KITH_CO_CHECK(co_await store->put(std::move(blocks)));
      node.kill(Crash::power);
      (void)co_await store->close();
    }
    node.restart();
    KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options));
    for (const Block& block : kept) {
      KITH_CO_TRY(bool there, co_await holds(*store, block));
      EXPECT_TRUE(there);
    }
    KITH_CO_CHECK(co_await store->close());
    co_return Result<void>{};
  });
}

TEST(BlockStore, SyncsByItselfAfterAWhile) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    StoreOptions options = options_for_test();
    KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options));
    std::vector<Block> blocks = blocks_with(1, 3);
    KITH_CO_CHECK(co_await store->put(std::move(blocks)));
    KITH_CO_TRY(StoreStat before, co_await store->stat());
    EXPECT_EQ(before.unsynced_blocks, 3U);
    Duration wait = options.sync_delay + 100ms;
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), wait));
    KITH_CO_TRY(StoreStat after, co_await store->stat());
    EXPECT_EQ(after.unsynced_blocks, 0U);
    EXPECT_EQ(after.blocks, 3U);
    KITH_CO_CHECK(co_await store->close());
    co_return Result<void>{};
  });
}

TEST(BlockStore, SyncsEachPutIfToldTo) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    StoreOptions options = options_for_test();
    options.sync_puts = true;
    {
      KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options));
      std::vector<Block> blocks = blocks_with(1, 3);
      KITH_CO_CHECK(co_await store->put(std::move(blocks)));
      node.kill(Crash::power);
      (void)co_await store->close();
    }
    node.restart();
    KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options));
    KITH_CO_TRY(StoreStat stat, co_await store->stat());
    EXPECT_EQ(stat.blocks, 3U);
    KITH_CO_CHECK(co_await store->close());
    co_return Result<void>{};
  });
}

TEST(BlockStore, CloseFlushes) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    StoreOptions options = options_for_test();
    KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options));
    std::vector<Block> blocks = blocks_with(1, 3);
    KITH_CO_CHECK(co_await store->put(std::move(blocks)));
    KITH_CO_CHECK(co_await store->close());
    node.kill(Crash::power);
    node.restart();
    KITH_CO_TRY(store, co_await BlockStore::open(node.env(), options));
    KITH_CO_TRY(StoreStat stat, co_await store->stat());
    EXPECT_EQ(stat.blocks, 3U);
    KITH_CO_CHECK(co_await store->close());
    co_return Result<void>{};
  });
}

struct Tally {
  std::size_t done = 0;
  std::size_t failed = 0;
};

Task<void> put_some(BlockStore& store, std::uint64_t first, Tally& tally) {
  std::vector<Block> blocks = blocks_with(first, 4, 1000);
  auto outcome = co_await store.put(std::move(blocks));
  if (outcome) outcome = co_await store.flush();
  ++(outcome ? tally.done : tally.failed);
  co_return Result<void>{};
}

Task<void> ask_for(BlockStore& store, std::uint64_t number, Tally& tally) {
  Block block = block_with(number, 1000);
  KITH_CO_TRY(bool has, co_await store.has(block.cid));
  ++(has ? tally.done : tally.failed);
  co_return Result<void>{};
}

TEST(BlockStore, SharesJobsAndSyncsAmongManyTasks) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    StoreOptions options = options_for_test();
    options.queue_bytes_max = 8000;
    KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options));
    Tally puts;
    Tally found;
    port::TaskGroup group(node.env().executor, world.clock());
    std::uint64_t before = node.disk().faults().operations();
    for (std::uint64_t i = 0; i < 50; ++i)
      group.spawn(put_some(*store, 10 * i, puts));
    KITH_CO_CHECK(co_await group.join());
    EXPECT_EQ(puts.done, 50U);
    // 50 flushes of their own would be at least 50 writes, 50 syncs and 50 commits.
    EXPECT_LT(node.disk().faults().operations() - before, 150U);
    for (std::uint64_t i = 0; i < 500; ++i)
      group.spawn(ask_for(*store, i, found));
    KITH_CO_CHECK(co_await group.join());
    EXPECT_EQ(found.done, 200U);
    EXPECT_EQ(found.failed, 300U);
    KITH_CO_CHECK(co_await store->close());
    co_return Result<void>{};
  });
}

TEST(BlockStore, RefusesATooLargeBlockWithoutHarmToOthers) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    StoreOptions options = options_for_test();
    KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options));
    Block bad = block_with(1);
    bad.data = Buffer::allocate(ipld::block_bytes_max + 1);
    std::vector<Block> blocks = {bad};
    auto refused = co_await store->put(std::move(blocks));
    EXPECT_TRUE(!refused && refused.error().is(Errc::limit_exceeded));
    blocks = blocks_with(2, 1);
    KITH_CO_CHECK(co_await store->put(std::move(blocks)));
    KITH_CO_CHECK(co_await store->close());
    co_return Result<void>{};
  });
}

TEST(BlockStore, SaysThatTheDiskIsFullAndGoesOnLater) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    StoreOptions options = options_for_test();
    KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options));
    std::vector<Block> blocks = blocks_with(1, 4);
    KITH_CO_CHECK(co_await store->put(std::move(blocks)));
    KITH_CO_CHECK(co_await store->flush());
    node.disk().set_capacity(node.disk().used_bytes());
    blocks = blocks_with(10, 4);
    KITH_CO_CHECK(co_await store->put(std::move(blocks)));
    auto full = co_await store->flush();
    EXPECT_TRUE(!full && full.error().is_errno(ENOSPC));
    Block old = block_with(2);
    KITH_CO_TRY(bool there, co_await holds(*store, old));
    EXPECT_TRUE(there);
    node.disk().set_capacity(std::uint64_t{1} << 30);
    KITH_CO_CHECK(co_await store->flush());
    KITH_CO_TRY(StoreStat stat, co_await store->stat());
    EXPECT_EQ(stat.unsynced_blocks, 0U);
    EXPECT_EQ(stat.blocks, 8U);
    KITH_CO_CHECK(co_await store->close());
    co_return Result<void>{};
  });
}

TEST(BlockStore, ThatIsClosedAtOnceWaitsForNothing) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    const Instant begun = world.now();
    KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options_for_test()));
    KITH_CO_CHECK(co_await store->close());
    EXPECT_LT(world.now() - begun, 1s);
    co_return Result<void>{};
  });
}

TEST(BlockStore, GivesTheSpaceOfRemovedBlocksBackInTheBackground) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    StoreOptions options = options_for_test();
    KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options));
    std::vector<Block> blocks = blocks_with(1, 100, 900);
    KITH_CO_CHECK(co_await store->put(blocks));
    KITH_CO_CHECK(co_await store->flush());
    // A quarter dead is left alone.
    std::vector<Cid> few;
    std::vector<Cid> most;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (i % 4 == 0) few.push_back(blocks[i].cid);
      if (i % 4 == 1 || i % 4 == 2) most.push_back(blocks[i].cid);
    }
    KITH_CO_CHECK(co_await store->remove(std::move(few)));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 2 * compact_delay));
    KITH_CO_TRY(StoreStat quarter, co_await store->stat());
    EXPECT_GE(quarter.dead_bytes, 25U * 900);
    KITH_CO_CHECK(co_await store->remove(std::move(most)));
    KITH_CO_TRY(StoreStat before, co_await store->stat());
    EXPECT_GE(before.dead_bytes, 75U * 900);
    EXPECT_GE(before.packs, compact_packs_a_pass + 1);
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), compact_delay + 1s));
    KITH_CO_TRY(StoreStat first, co_await store->stat());
    EXPECT_LT(first.dead_bytes, before.dead_bytes);
    EXPECT_GT(first.dead_bytes, 0U) << "all at once";
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5 * compact_delay));
    KITH_CO_TRY(StoreStat after, co_await store->stat());
    EXPECT_EQ(after.blocks, 25U);
    EXPECT_LE(after.dead_bytes, after.pack_bytes / 2);
    EXPECT_LE(after.pack_bytes, 60U * 900);
    for (std::size_t i = 3; i < blocks.size(); i += 4) {
      KITH_CO_TRY(bool there, co_await holds(*store, blocks[i]));
      EXPECT_TRUE(there) << i;
    }
    KITH_CO_CHECK(co_await store->close());
    co_return Result<void>{};
  });
}

TEST(BlockStore, LogsOnceThatAUsersFileHasChanged) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    StoreOptions options = options_for_test();
    KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options));
    const Bytes content = to_bytes("0123456789abcdefghij");
    KITH_CO_CHECK(port::replace_file(node.env().files, "/data/film", content));
    KITH_CO_TRY(FileReference file, co_await store->reference_file("/data/film"));
    std::vector<BlockInFile> blocks;
    for (std::uint64_t at : {0U, 10U}) {
      const Multihash hash = testing::hash_of(ByteView(content).subspan(at, 10));
      blocks.push_back({Cid::v1(Codec::raw, hash), at, 10});
    }
    KITH_CO_CHECK(co_await store->put_in_file(std::move(file), blocks));
    KITH_CO_CHECK(port::replace_file(node.env().files, "/data/film", as_bytes("something else")));
    for (const BlockInFile& block : blocks) {
      auto got = co_await store->get(block.cid);
      EXPECT_TRUE(!got && got.error().is(Errc::corrupt));
      KITH_CO_TRY(bool there, co_await store->has(block.cid));
      EXPECT_FALSE(there);
    }
    const std::string log = node.log().text();
    const std::size_t told = log.find("/data/film has");
    EXPECT_NE(told, std::string::npos) << log;
    EXPECT_EQ(log.find("/data/film has", told + 1), std::string::npos) << log;
    KITH_CO_CHECK(co_await store->close());
    co_return Result<void>{};
  });
}

TEST(BlockStore, HasAUsersFileAgainWhenItComesBack) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    port::Env& env = node.env();
    KITH_CO_TRY(auto store, co_await BlockStore::open(env, options_for_test()));
    const Bytes content = to_bytes("0123456789");
    KITH_CO_CHECK(port::replace_file(env.files, "/data/film", content));
    KITH_CO_TRY(FileReference file, co_await store->reference_file("/data/film"));
    const Cid cid = Cid::v1(Codec::raw, testing::hash_of(content));
    std::vector<BlockInFile> blocks = {{cid, 0, 10}};
    KITH_CO_CHECK(co_await store->put_in_file(std::move(file), blocks));
    KITH_CO_CHECK(env.files.rename("/data/film", "/data/aside"));
    EXPECT_FALSE((co_await store->get(cid)).has_value());
    for (bool back : {false, true}) {
      if (back) KITH_CO_CHECK(env.files.rename("/data/aside", "/data/film"));
      KITH_CO_CHECK(co_await port::sleep_for(env.clock, files_return_interval + 1s));
      KITH_CO_TRY(bool there, co_await store->has(cid));
      EXPECT_EQ(there, back);
    }
    KITH_CO_CHECK(co_await store->close());
    co_return Result<void>{};
  });
}

Task<void> count_call(std::uint64_t& calls) {
  ++calls;
  co_return Result<void>{};
}

TEST(BlockStore, VerifiesRemovesAndCompacts) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    StoreOptions options = options_for_test();
    KITH_CO_TRY(auto store, co_await BlockStore::open(node.env(), options));
    std::vector<Block> blocks = blocks_with(1, 100, 900);
    std::vector<Cid> cids;
    for (std::size_t i = 0; i < 80; ++i)
      cids.push_back(blocks[i].cid);
    KITH_CO_CHECK(co_await store->put(std::move(blocks)));
    KITH_CO_CHECK(co_await store->flush());
    KITH_CO_TRY(std::size_t removed, co_await store->remove(std::move(cids)));
    EXPECT_EQ(removed, 80U);
    KITH_CO_TRY(CompactOutcome compacted, co_await store->compact(0.5));
    EXPECT_GE(compacted.packs, 4U);
    std::uint64_t calls = 0;
    auto count_calls = [&calls](const VerifyReport&) { return count_call(calls); };
    KITH_CO_TRY(VerifyReport report, co_await store->verify(count_calls));
    EXPECT_GE(calls, 1U);
    EXPECT_EQ(report.blocks, 20U);
    EXPECT_EQ(report.damaged_blocks, 0U);
    KITH_CO_CHECK(co_await store->close());
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::store
