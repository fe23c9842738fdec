#include <gtest/gtest.h>

#include <kith/ledger/chain/block_builder.hpp>
#include <kith/ledger/consensus/pow/fork_choice.hpp>
#include <kith/ledger/consensus/pow/pow_consensus.hpp>
#include <kith/port/memory_key_value.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint64_t beginning = 1'700'000'000;

Genesis genesis() {
  return Genesis::of({.chain_id = 99, .timestamp = beginning, .difficulty = 200, .state = {}});
}

/// A node's chain under proof of work, in memory.
struct Node {
  Node() {
    PowParameters parameters;
    parameters.asert.target_spacing_s = 10;
    parameters.asert.half_life_s = 2'880;
    consensus = *PowConsensus::make(parameters, first.block.header,
                                    make_work_hash(WorkAlgorithm::sha256d), [this] { return now; });
    chain = *Chain::open(store, 0, log, first, *consensus, {.unsettled_depth = 8});
    consensus->attach(*chain);
  }

  /// A block after that one, with its work done.
  Block mine(const Hash& parent, std::uint64_t timestamp) {
    const Header before = *chain->header(parent);
    Header plan;
    plan.number = before.number + 1;
    plan.timestamp = timestamp;
    EXPECT_TRUE(consensus->rules().prepare(plan, before).has_value());
    const auto builder = *chain->build({.parent = parent,
                                        .timestamp = plan.timestamp,
                                        .gas_limit = before.gas_limit,
                                        .coinbase = Address::of_number(7),
                                        .mix_hash = plan.mix_hash,
                                        .difficulty = plan.difficulty,
                                        .extra_data = {}});
    Block block = **builder->finish();
    const WorkOrder order = *consensus->rules().order(block.header, before);
    for (std::uint64_t nonce = 0;; ++nonce) {
      store_be(block.header.nonce.data(), nonce);
      const Hash hash = *consensus->rules().work_hash(block.header);
      if (hash.to_word() <= order.target) break;
    }
    EXPECT_TRUE(chain->adopt(*builder, block)->has_value());
    return block;
  }

  std::uint64_t now = beginning + 100'000;
  Genesis first = genesis();
  port::MemoryKeyValue store{Chain::namespaces().size()};
  MemoryBlocks log;
  std::unique_ptr<PowConsensus> consensus;
  std::unique_ptr<Chain> chain;
};

TEST(PowConsensus, ChecksTheBlocksOfAChain) {
  Node miner;
  Node other;
  const Block block = miner.mine(miner.chain->genesis(), beginning + 10);
  const auto reason_of = [&](const auto& change) {
    Block changed = block;
    change(changed.header);
    return other.chain->add(changed)->error();
  };
  EXPECT_EQ(reason_of([](Header& header) { header.difficulty += 1; }),
            InvalidBlock::wrong_difficulty);
  EXPECT_EQ(reason_of([](Header& header) { header.mix_hash.bytes[0] ^= 1; }),
            InvalidBlock::contradicts_consensus);
  // Of other bytes most have too little work.
  std::size_t refused = 0;
  for (std::uint8_t i = 0; i < 50; ++i) {
    Block changed = block;
    changed.header.extra_data = {i};
    const auto added = *other.chain->add(changed);
    refused += !added && added.error() == InvalidBlock::bad_seal ? 1 : 0;
  }
  EXPECT_GE(refused, 45U);
  EXPECT_EQ(**other.chain->add(block), Chain::Added::newly);
  ASSERT_TRUE(other.chain->set_head(block.header.hash())->has_value());
}

TEST(PowConsensus, TakesABlockLaterThatIsTooEarlyNow) {
  Node miner;
  Node other;
  const Block block = miner.mine(miner.chain->genesis(), beginning + 5'000);
  other.now = beginning + 4'000;
  const auto added = other.chain->add(block);
  ASSERT_FALSE(added.has_value());
  EXPECT_TRUE(added.error().is(PowFault::too_early));
  EXPECT_FALSE(other.chain->knows(block.header.hash()));
  other.now = beginning + 5'000;
  EXPECT_EQ(**other.chain->add(block), Chain::Added::newly);
}

TEST(PowConsensus, TheBranchWithMostWorkIsTheChain) {
  Node node;
  // A branch of few blocks that come fast, and one of more that come slowly: these are easier.
  const auto branch = [&](std::uint64_t spacing, std::size_t length) {
    std::vector<Block> blocks;
    Hash parent = node.chain->genesis();
    for (std::size_t i = 1; i <= length; ++i) {
      blocks.push_back(node.mine(parent, beginning + i * spacing));
      parent = blocks.back().header.hash();
    }
    return blocks;
  };
  const auto slow = branch(600, 40);
  const auto fast = branch(1, 36);
  ForkChoice choice({node.chain->genesis(), 0, 200}, 5);
  const auto tell = [&](const std::vector<Block>& blocks) {
    for (const Block& block : blocks)
      choice.add(block.header.hash(), block.header.parent, node.consensus->weight(block.header));
    const auto moved = node.chain->set_head(choice.head().hash);
    EXPECT_TRUE(moved->has_value());
  };
  tell(slow);
  EXPECT_EQ(node.chain->head().hash, slow.back().header.hash());
  tell(fast);
  EXPECT_EQ(node.chain->head().hash, fast.back().header.hash());
  EXPECT_GT(*node.chain->total_weight(fast.back().header.hash()),
            *node.chain->total_weight(slow.back().header.hash()));
}

}  // namespace
}  // namespace kith::ledger
