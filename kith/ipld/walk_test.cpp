#include <map>

#include <gtest/gtest.h>

#include <kith/ipld/content.hpp>
#include <kith/ipld/dag_pb.hpp>
#include <kith/ipld/memory_blocks.hpp>
#include <kith/ipld/walk.hpp>
#include <kith/sim/testing.hpp>

namespace kith::ipld {
namespace {

using multiformats::Cid;
using multiformats::CidPrefix;
using multiformats::Codec;

struct Dag {
  MemoryBlocks blocks;
  std::map<Cid, std::string> names;
  std::string order;

  /// Adds a node with a name of one letter and children.
  Cid add(std::string_view name, std::vector<Cid> children = {}) {
    DagPbNode node;
    node.data = as_bytes(name);
    for (const Cid& child : children)
      node.links.push_back({child, {}, {}});
    CidPrefix prefix{1, Codec::dag_pb, Codec::sha2_256, 32};
    Block block = make_block(prefix, Buffer::adopt(encode_dag_pb(node))).value();
    blocks.add(block);
    names[block.cid] = name;
    return block.cid;
  }
};

Task<void> walk(sim::World&, Dag& dag, Cid& root, WalkOptions& options, Result<void>& outcome) {
  DagWalk steps(dag.blocks, root, options);
  while (true) {
    auto block = co_await steps.next();
    if (!block) {
      outcome = std::unexpected(block.error());
      break;
    }
    if (!*block) break;
    dag.order += dag.names[(*block)->cid];
  }
  co_return Result<void>{};
}

Result<std::string> order_of(Dag& dag, Cid root, WalkOptions options = {}) {
  Result<void> outcome;
  dag.order.clear();
  sim::run_test(1, walk, dag, root, options, outcome);
  if (!outcome) return std::unexpected(outcome.error());
  return dag.order;
}

TEST(DagWalk, GoesDepthFirstInTheOrderOfLinks) {
  Dag dag;
  Cid d = dag.add("d");
  Cid b = dag.add("b", {dag.add("c"), d});
  Cid a = dag.add("a", {b, dag.add("e"), d});
  EXPECT_EQ(order_of(dag, a).value(), "abcde");
  EXPECT_EQ(order_of(dag, a, {.unique = false}).value(), "abcded");
}

TEST(DagWalk, SaysAheadWhatComes) {
  Dag dag;
  std::vector<Cid> leaves;
  for (char name = 'a'; name <= 'z'; ++name)
    leaves.push_back(dag.add(std::string(1, name)));
  Cid root = dag.add("0", leaves);
  EXPECT_EQ(order_of(dag, root, {.ahead = 8}).value(), "0abcdefghijklmnopqrstuvwxyz");
  std::vector<Cid> asked = dag.blocks.prefetched();
  ASSERT_GE(asked.size(), 9u);
  asked.erase(asked.begin());
  EXPECT_TRUE(asked == leaves) << "each once and in order";
}

TEST(DagWalk, MissingBlocksEndItOrAreLeftOut) {
  Dag dag;
  Cid c = dag.add("c");
  Cid b = dag.add("b", {c});
  Cid a = dag.add("a", {b, dag.add("d")});
  dag.blocks.remove(b);
  EXPECT_TRUE(order_of(dag, a).error().is(Errc::not_found));
  EXPECT_EQ(order_of(dag, a, {.local_only = true}).value(), "ad");
}

TEST(DagWalk, FollowsIdentityCidsWithoutGivingThem) {
  Dag dag;
  Cid leaf = dag.add("l");
  DagPbNode inner;
  inner.links.push_back({leaf, {}, {}});
  Bytes bytes = encode_dag_pb(inner);
  Cid inlined = cid_of({1, Codec::dag_pb, Codec::identity, bytes.size()}, bytes).value();
  EXPECT_EQ(order_of(dag, dag.add("a", {inlined})).value(), "al");
}

TEST(DagWalk, StopsAtItsDepth) {
  Dag dag;
  Cid deep = dag.add("x");
  for (std::size_t i = 0; i < walk_depth_max; ++i)
    deep = dag.add(std::string(1, 'x'), {deep});
  EXPECT_EQ(order_of(dag, deep)->size(), walk_depth_max + 1);
  deep = dag.add("x", {deep});
  EXPECT_TRUE(order_of(dag, deep).error().is(IpldError::too_deep));
}

TEST(DagWalk, StopsAtTooManyPendingLinks) {
  // 26 levels of 40,000 links to the level below: more paths than anyone could walk.
  Dag dag;
  Cid below = dag.add("x");
  for (int level = 0; level < 26; ++level)
    below = dag.add("x", std::vector<Cid>(40'000, below));
  auto outcome = order_of(dag, below, {.unique = false});
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().is(IpldError::too_many));
}

TEST(DagWalk, RefusesBlocksThatAreNotOfTheirCodec) {
  Dag dag;
  Block bad =
      make_block({1, Codec::dag_cbor, Codec::sha2_256, 32}, Buffer::copy_of(as_bytes("\xff")))
          .value();
  dag.blocks.add(bad);
  EXPECT_TRUE(order_of(dag, bad.cid).error().is(IpldError::unsupported));
}

}  // namespace
}  // namespace kith::ipld
