#include <unordered_map>

#include <gtest/gtest.h>

#include <kith/ipld/content.hpp>
#include <kith/sim/testing.hpp>
#include <kith/unixfs/fixture.hpp>
#include <kith/unixfs/limits.hpp>
#include <kith/unixfs/stat.hpp>

namespace kith::unixfs {
namespace {

using multiformats::Cid;
using multiformats::CidPrefix;
using multiformats::Codec;
using testing::random_bytes;
using testing::read_range;
using testing::root_of;
using testing::run_on_node;

/// Builds files by hand, true or not.
struct Forge {
  ipld::MemoryBlocks blocks;

  Cid raw(std::string_view content) {
    ipld::Block block = ipld::make_block({}, Buffer::copy_of(as_bytes(content))).value();
    blocks.add(block);
    return block.cid;
  }

  Cid node(const NodeData& data, const std::vector<Cid>& children = {}) {
    Bytes message = encode_data(data);
    ipld::DagPbNode outer;
    outer.data = message;
    for (const Cid& child : children)
      outer.links.push_back({child, {}, {}});
    CidPrefix prefix{1, Codec::dag_pb, Codec::sha2_256, 32};
    ipld::Block block = ipld::make_block(prefix, Buffer::adopt(ipld::encode_dag_pb(outer))).value();
    blocks.add(block);
    return block.cid;
  }

  Cid file(const std::vector<std::pair<Cid, std::uint64_t>>& children,
           std::string_view content = {}) {
    NodeData data;
    data.type = NodeType::file;
    if (!content.empty()) data.data = as_bytes(content);
    data.file_size = content.size();
    std::vector<Cid> cids;
    for (const auto& [cid, size] : children) {
      data.block_sizes.push_back(size);
      *data.file_size += size;
      cids.push_back(cid);
    }
    return node(data, cids);
  }
};

TEST(FileReader, PutsANodesOwnContentBeforeItsChildren) {
  Forge forge;
  Cid inner = forge.file({{forge.raw("cd"), 2}}, "ab");
  Cid root = forge.file({{inner, 4}, {forge.raw("ef"), 2}}, "->");
  EXPECT_EQ(as_text(read_range(forge.blocks, root).value()), "->abcdef");
  EXPECT_EQ(as_text(read_range(forge.blocks, root, {1, 4}).value()), ">abc");
  EXPECT_EQ(as_text(read_range(forge.blocks, root, {3, 1}).value()), "b");
  EXPECT_EQ(as_text(read_range(forge.blocks, root, {7, 100}).value()), "f");
  EXPECT_EQ(as_text(read_range(forge.blocks, root, {8, 1}).value()), "");
  EXPECT_EQ(as_text(read_range(forge.blocks, root, {UINT64_MAX, UINT64_MAX}).value()), "");
}

TEST(FileReader, ReadsARangeWithoutTheBlocksOutsideOfIt) {
  // As the specification's "Range Requests with Missing Blocks" demands.
  Forge forge;
  Cid missing = forge.raw("22");
  Cid root = forge.file({{forge.raw("11"), 2}, {missing, 2}, {forge.raw("33"), 2}});
  forge.blocks.remove(missing);
  EXPECT_EQ(as_text(read_range(forge.blocks, root, {0, 2}).value()), "11");
  EXPECT_EQ(as_text(read_range(forge.blocks, root, {4, 2}).value()), "33");
  EXPECT_TRUE(read_range(forge.blocks, root, {1, 2}).error().is(Errc::not_found));
}

Task<void> count_gets(port::Env&, ipld::MemoryBlocks& blocks, const Cid& root) {
  KITH_CO_TRY(FileReader reader, co_await FileReader::open(blocks, root, {500'000, 1000}));
  KITH_CO_TRY(Buffer piece, co_await reader.next());
  EXPECT_EQ(piece.size(), 1000u);
  EXPECT_EQ(reader.position(), 501'000u);
  EXPECT_EQ(reader.remaining(), 0u);
  co_return Result<void>{};
}

TEST(FileReader, GetsNoMoreBlocksThanARangeNeeds) {
  ImportOptions options;
  options.chunker = ChunkerSpec::fixed(1000);
  options.file_width = 10;
  ipld::MemoryBlocks blocks;
  Cid root = Cid::parse(root_of(random_bytes(1, 1'000'000), options, &blocks)).value();
  run_on_node(1, count_gets, blocks, root);
  EXPECT_EQ(blocks.gets(), 4u) << "three levels of nodes and a leaf";
}

TEST(FileReader, AsksAheadForLeavesInOrder) {
  ImportOptions options;
  options.chunker = ChunkerSpec::fixed(1000);
  options.file_width = 1000;
  ipld::MemoryBlocks blocks;
  Cid root = Cid::parse(root_of(random_bytes(1, 500'000), options, &blocks)).value();
  ASSERT_EQ(read_range(blocks, root)->size(), 500'000u);
  std::vector<Cid> leaves;
  Node node = parse_node(root, *blocks.find(root)).value();
  for (const auto& link : node.links)
    leaves.push_back(link.hash);
  EXPECT_TRUE(blocks.prefetched() == leaves) << "each once and in order";
}

/// A source that answers late, and counts how many blocks it was asked for ahead of the reader.
class SlowSource final : public ipld::BlockSource {
 public:
  SlowSource(ipld::MemoryBlocks& blocks, port::Clock& clock) : blocks_(blocks), never_(clock) {}

  Task<ipld::Block> get(Cid cid, Instant) override {
    auto asked = arrives_.find(cid);
    Instant at = asked != arrives_.end() ? asked->second : never_.clock().now() + round_trip;
    if (at > never_.clock().now()) (void)co_await never_.wait(at);
    co_return co_await blocks_.get(std::move(cid), never);
  }
  void prefetch(std::span<const Cid> cids) override {
    for (const Cid& cid : cids)
      arrives_.try_emplace(cid, never_.clock().now() + round_trip);
  }
  Task<bool> has(Cid cid) override {
    auto asked = arrives_.find(cid);
    co_return asked != arrives_.end() && asked->second <= never_.clock().now();
  }

  static constexpr Duration round_trip = 100ms;

 private:
  ipld::MemoryBlocks& blocks_;
  port::Event never_;
  std::unordered_map<Cid, Instant> arrives_;
};

Task<void> read_slowly(port::Env& env, ipld::MemoryBlocks& blocks, const Cid& root,
                       Duration& took) {
  SlowSource source(blocks, env.clock);
  Instant start = env.clock.now();
  KITH_CO_TRY(FileReader reader, co_await FileReader::open(source, root));
  while (reader.remaining() > 0) {
    KITH_CO_TRY(Buffer piece, co_await reader.next());
    KITH_CO_REQUIRE(!piece.empty());
  }
  took = env.clock.now() - start;
  co_return Result<void>{};
}

TEST(FileReader, ReadingAheadCrossesTheBordersOfNodes) {
  // 240 leaves below 8 nodes, each larger than a block may be: one by one they would take 24 s.
  ImportOptions options;
  options.chunker = ChunkerSpec::fixed(100'000);
  options.file_width = 30;
  ipld::MemoryBlocks blocks;
  Cid root = Cid::parse(root_of(random_bytes(1, 24'000'000), options, &blocks)).value();
  Duration took{0};
  run_on_node(1, read_slowly, blocks, root, took);
  // Root, first node, and then windows of 64 leaves, not one a node.
  EXPECT_LE(took, 9 * SlowSource::round_trip);
}

// Files that lie.

TEST(FileReader, RefusesBlocksOfAnotherSizeThanClaimed) {
  Forge forge;
  Cid leaf = forge.raw("four");
  for (std::uint64_t claimed : {1, 3, 5, 1'000'000}) {
    auto content = read_range(forge.blocks, forge.file({{leaf, claimed}}));
    ASSERT_FALSE(content);
    EXPECT_TRUE(content.error().is(UnixfsError::size_mismatch));
  }
  Cid inner = forge.file({{leaf, 4}});
  EXPECT_TRUE(
      read_range(forge.blocks, forge.file({{inner, 5}})).error().is(UnixfsError::size_mismatch));
  EXPECT_TRUE(read_range(forge.blocks, forge.file({{inner, 4}})));
}

TEST(FileReader, NeverAsksForChildrenOfSizeZero) {
  // A tree of nothing, with 10^40 leaves.
  Forge forge;
  Cid nothing = forge.raw("");
  for (int level = 0; level < 10; ++level)
    nothing = forge.file(std::vector<std::pair<Cid, std::uint64_t>>(10'000, {nothing, 0}));
  EXPECT_EQ(read_range(forge.blocks, nothing)->size(), 0u);
  EXPECT_EQ(forge.blocks.gets(), 1u);
}

TEST(FileReader, EndsAtItsDepth) {
  Forge forge;
  Cid below = forge.raw("x");
  for (std::size_t depth = 0; depth < file_depth_max; ++depth)
    below = forge.file({{below, 1}});
  EXPECT_TRUE(read_range(forge.blocks, below));
  below = forge.file({{below, 1}});
  EXPECT_TRUE(read_range(forge.blocks, below).error().is(UnixfsError::too_deep));
}

TEST(FileReader, EndsAtTooManyPendingChildren) {
  // 60 levels of 40,000 children each: a list of 2,400,000 on the way to the first leaf.
  Forge forge;
  Cid below = forge.raw("x");
  std::uint64_t size = 1;
  for (int level = 0; level < 4; ++level) {
    std::uint64_t count = level == 0 ? 40'000 : 3;
    below = forge.file(std::vector<std::pair<Cid, std::uint64_t>>(count, {below, size}));
    size *= count;
  }
  // Enough levels that the first leaf is out of reach, few enough that the size still fits 64 bits.
  Cid wide = forge.raw("x");
  std::uint64_t wide_size = 1;
  std::vector<std::pair<Cid, std::uint64_t>> children;
  for (int level = 0; level < 40; ++level) {
    children.assign(40'000, {forge.raw("x"), 1});
    children.front() = {wide, wide_size};
    wide = forge.file(children);
    wide_size += 39'999;
  }
  EXPECT_TRUE(read_range(forge.blocks, wide).error().is(UnixfsError::too_many));
  EXPECT_EQ(read_range(forge.blocks, below, {0, 10})->size(), 10u);
}

TEST(FileReader, RefusesWhatIsNoFile) {
  Forge forge;
  NodeData directory;
  directory.type = NodeType::directory;
  Cid folder = forge.node(directory);
  EXPECT_TRUE(read_range(forge.blocks, folder).error().is(UnixfsError::not_a_file));
  NodeData symlink;
  symlink.type = NodeType::symlink;
  symlink.data = as_bytes("target");
  EXPECT_TRUE(read_range(forge.blocks, forge.node(symlink)).error().is(UnixfsError::not_a_file));
  // Below a file, too.
  Cid root = forge.file({{forge.node(symlink), 6}});
  EXPECT_TRUE(read_range(forge.blocks, root).error().is(UnixfsError::not_a_file));
}

Task<void> retry(port::Env&, Forge& forge, const Cid& root, ipld::Block& late) {
  KITH_CO_TRY(FileReader reader, co_await FileReader::open(forge.blocks, root));
  Bytes content;
  while (reader.remaining() > 0) {
    auto piece = co_await reader.next();
    if (!piece) {
      EXPECT_TRUE(piece.error().is(Errc::not_found));
      forge.blocks.add(late);
      continue;
    }
    append(content, *piece);
  }
  EXPECT_EQ(as_text(content), "112233");
  co_return Result<void>{};
}

TEST(FileReader, GoesOnAfterABlockThatWasMissing) {
  Forge forge;
  Cid missing = forge.raw("22");
  ipld::Block late{missing, *forge.blocks.find(missing)};
  Cid root = forge.file({{forge.raw("11"), 2}, {missing, 2}, {forge.raw("33"), 2}});
  forge.blocks.remove(missing);
  run_on_node(1, retry, forge, root, late);
}

TEST(Stat, SaysWhatTheRootBlockSays) {
  Forge forge;
  Cid root = forge.file({{forge.raw("11"), 2}, {forge.raw("333"), 3}});
  Stat found = stat_of({root, *forge.blocks.find(root)}).value();
  EXPECT_EQ(found.kind, Kind::file);
  EXPECT_EQ(found.size, 5u);
  EXPECT_EQ(found.links, 2u);
  EXPECT_EQ(found.block_size, forge.blocks.find(root)->size());
  NodeData symlink;
  symlink.type = NodeType::symlink;
  symlink.data = as_bytes("../target");
  Cid link = forge.node(symlink);
  found = stat_of({link, *forge.blocks.find(link)}).value();
  EXPECT_EQ(found.target, "../target");
}

}  // namespace
}  // namespace kith::unixfs
