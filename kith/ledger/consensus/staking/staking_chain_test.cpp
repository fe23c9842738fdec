// The contract on a chain: signed transactions in blocks, and the set that each state tells.
#include <kith/ledger/chain/block_builder.hpp>
#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/consensus/staking/test_staking.hpp>
#include <kith/port/memory_key_value.hpp>

namespace kith::ledger::staking {
namespace {

constexpr std::uint64_t gwei = 1'000'000'000;

class StakingOnAChain : public ::testing::Test {
 protected:
  StakingOnAChain() : store_(Chain::namespaces().size()) {
    secret_.data()[31] = 9;
    account = *address_of(secret_);
    Beginning beginning{.chain_id = 4242, .timestamp = 1'000, .difficulty = 0, .state = {}};
    beginning.state.set(account,
                        {.nonce = 0, .balance = units(1'000'000), .code = {}, .storage = {}});
    const std::vector<InitialValidator> first{StakingWorld::first_validator()};
    EXPECT_TRUE(staking_genesis(beginning.state, small_parameters(), first).has_value());
    chain = *Chain::open(store_, 0, log_, Genesis::of(std::move(beginning)), rules_, {});
  }

  Hash head() const { return chain->head().hash; }

  /// A block with that transaction; its receipt.
  Receipt mine(const Bytes& data, const U256& value) {
    const Header before = *chain->header(head());
    auto builder = chain->build({.parent = head(),
                                 .timestamp = before.timestamp + 1,
                                 .gas_limit = before.gas_limit,
                                 .coinbase = Address::of_number(0xfee),
                                 .mix_hash = {},
                                 .difficulty = 0,
                                 .extra_data = {}});
    Transaction transaction;
    transaction.type = Transaction::Type::dynamic_fee;
    transaction.chain_id = 4242;
    transaction.nonce = before.number;
    transaction.max_fee = 10 * gwei;
    transaction.gas_limit = 1'000'000;
    transaction.to = staking_address;
    transaction.value = value;
    transaction.data = data;
    EXPECT_TRUE(transaction.sign(secret_));
    EXPECT_TRUE((*builder)->add(transaction, *transaction.sender())->has_value());
    const Block block = **(*builder)->finish();
    EXPECT_TRUE(chain->adopt(**builder, block)->has_value());
    EXPECT_TRUE(chain->set_head(block.header.hash())->has_value());
    return (*builder)->receipts().at(0);
  }

  crypto::SecretArray<32> secret_;
  port::MemoryKeyValue store_;
  MemoryBlocks log_;
  UncheckedSeals rules_;
  Address account;
  std::unique_ptr<Chain> chain;
};

TEST_F(StakingOnAChain, EachStateTellsWhoValidatesAfterIt) {
  const Person alice = person(1);
  const Hash domain = *read_vote_domain(**chain->state(chain->genesis()), 4242);
  const auto proof = sign_proof(alice.key, domain, account);
  const Receipt receipt = mine(encode_register(alice.public_key(), proof), units(30));
  ASSERT_EQ(receipt.logs.size(), 2U);
  EXPECT_EQ(event_of(receipt.logs[0])->key, alice.public_key());
  EXPECT_EQ(event_of(receipt.logs[1])->stake, units(30));

  const auto before = read_validators(**chain->state(chain->genesis()));
  const auto after = read_validators(**chain->state(head()));
  ASSERT_TRUE(before.has_value() && after.has_value());
  EXPECT_EQ(before->size(), 1U);
  EXPECT_EQ(after->size(), 2U);
  EXPECT_EQ(after->total(), 40U);
  // What names the chain in votes is the same in each of its states.
  EXPECT_EQ(*read_vote_domain(**chain->state(head()), 4242), domain);

  // An offence of the first block's epoch, reported in the next block.
  bft::Ed25519Signer signer(domain, alice.key);
  bft::Statement says{0, bft::VoteKind::notarize, {2, 1, Hash{{1}}}};
  const bft::Vote one{says, 1, signer.sign(says)};
  says.about.payload = Hash{{2}};
  const bft::Vote other{says, 1, signer.sign(says)};
  const Receipt slashed =
      mine(encode_submit_evidence(alice.public_key(), bft::Evidence::of(one, other)), 0);
  ASSERT_EQ(slashed.logs.size(), 2U);
  EXPECT_EQ(event_of(slashed.logs[0])->amount, units(2));
  EXPECT_EQ(read_validators(**chain->state(head()))->size(), 1U);
  // Not of the contract's address.
  LogEntry foreign = slashed.logs[0];
  foreign.address = account;
  EXPECT_FALSE(event_of(foreign).has_value());
}

}  // namespace
}  // namespace kith::ledger::staking
