#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/ledger/chain/block_builder.hpp>
#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/network/new_chain.hpp>
#include <kith/port/memory_key_value.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint64_t ether = 1'000'000'000'000'000'000;
const Address author = Address::of_number(0xa0);

NewChain new_chain() {
  NewChain chain;
  chain.chain_id = 4242;
  chain.timestamp = 1'700'000'000;
  chain.difficulty = 16;
  chain.consensus = "pow";
  chain.parameters = pow_config(PowParameters(), U256(2) * ether);
  chain.state.set(Address::of_number(1),
                  {.nonce = 3, .balance = ether, .code = *from_hex("5f00"), .storage = {{7, 8}}});
  return chain;
}

struct Node {
  explicit Node(const Genesis& genesis) : chain(*Chain::open(store, 0, log, genesis, rules, {})) {}

  Block next() {
    const BlockName head = chain->head();
    const Header before = *chain->header(head.hash);
    auto builder = *chain->build({.parent = head.hash,
                                  .timestamp = before.timestamp + 10,
                                  .gas_limit = before.gas_limit,
                                  .coinbase = author,
                                  .mix_hash = Hash(),
                                  .difficulty = 16,
                                  .extra_data = {}});
    Block made = **builder->finish();
    EXPECT_TRUE(chain->adopt(*builder, made)->has_value());
    EXPECT_TRUE(chain->set_head(made.header.hash())->has_value());
    return made;
  }

  port::MemoryKeyValue store{Chain::namespaces().size()};
  MemoryBlocks log;
  UncheckedSeals rules;
  std::unique_ptr<Chain> chain;
};

TEST(NewChain, IsReadBackAsItWasMeant) {
  const NewChain made = new_chain();
  const auto genesis = Genesis::parse(genesis_text(made));
  ASSERT_TRUE(genesis.has_value()) << genesis.error().message();
  const Header& header = genesis->block.header;
  EXPECT_EQ(genesis->schedule.chain_id, 4242U);
  EXPECT_EQ(genesis->schedule.revision_at(0, header.timestamp), Revision::osaka);
  EXPECT_EQ(genesis->schedule.block_reward, U256(2) * ether);
  EXPECT_EQ(header.difficulty, U256(16));
  EXPECT_EQ(header.gas_limit, 60'000'000U);
  EXPECT_EQ(header.base_fee, U256(1'000'000'000));
  EXPECT_EQ(header.state_root, made.state.root());
  const auto config = boost::json::parse(genesis_text(made)).at("config");
  const auto parameters = read_pow_parameters(config);
  ASSERT_TRUE(parameters.has_value()) << parameters.error().message();
  EXPECT_EQ(parameters->asert.target_spacing_s, 10U);
}

TEST(NewChain, PaysTheAuthorOfABlock) {
  const Genesis genesis = *Genesis::parse(genesis_text(new_chain()));
  Node node(genesis);
  Node other(genesis);
  for (int i = 0; i < 3; ++i) {
    const Block block = node.next();
    ASSERT_TRUE(other.chain->add(block)->has_value());
    ASSERT_TRUE(other.chain->set_head(block.header.hash())->has_value());
  }
  const auto account = *(*other.chain->state(other.chain->head().hash))->account(author);
  ASSERT_TRUE(account.has_value());
  EXPECT_EQ(account->balance, U256(6) * ether);
}

TEST(NewChain, HasAMarketForGasUnlessItSaysOtherwise) {
  NewChain market = new_chain();
  Node first(*Genesis::parse(genesis_text(market)));
  EXPECT_EQ(first.next().header.base_fee, U256(875'000'000));

  NewChain fixed = new_chain();
  fixed.base_fee_is_fixed = true;
  Node second(*Genesis::parse(genesis_text(fixed)));
  EXPECT_EQ(second.next().header.base_fee, U256(1'000'000'000));

  NewChain free = new_chain();
  free.base_fee = 0;
  free.base_fee_is_fixed = true;
  Node fourth(*Genesis::parse(genesis_text(free)));
  EXPECT_EQ(fourth.next().header.base_fee, U256(0));
  Node fifth(*Genesis::parse(genesis_text(free)));
  Block dear = fifth.next();
  dear.header.base_fee = 7;
  Node sixth(*Genesis::parse(genesis_text(free)));
  EXPECT_EQ(sixth.chain->add(dear).value().error(), InvalidBlock::wrong_base_fee);
}

TEST(NewChain, RefusesAFreeChainWithAPrice) {
  NewChain free = new_chain();
  free.base_fee = 0;
  free.base_fee_is_fixed = true;
  auto document = boost::json::parse(genesis_text(free));
  document.as_object()["baseFeePerGas"] = "0x7";
  const auto refused = Genesis::parse(boost::json::serialize(document));
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message().find("baseFeePerGas"), std::string::npos);
}

}  // namespace
}  // namespace kith::ledger
