#include <gtest/gtest.h>

#include <kith/ledger/chain/block_builder.hpp>
#include <kith/ledger/sync/sync_server.hpp>
#include <kith/port/memory_key_value.hpp>

namespace kith::ledger {
namespace {

crypto::SecretArray<32> secret() {
  crypto::SecretArray<32> one;
  one.data()[31] = 5;
  return one;
}

/// Logs so many zeros as the caller's first word says: PUSH0 CALLDATALOAD PUSH0 LOG0.
const Address logger = Address::of_number(0x106);

Genesis genesis() {
  Beginning beginning{.chain_id = 4242,
                      .timestamp = 1'000,
                      .gas_limit = 3'000'000'000,
                      .difficulty = 10,
                      .state = {}};
  beginning.state.set(*address_of(secret()),
                      {.nonce = 0, .balance = U256::power_of_two(120), .code = {}, .storage = {}});
  beginning.state.set(logger,
                      {.nonce = 1, .balance = 0, .code = *from_hex("5f355fa0"), .storage = {}});
  return Genesis::of(std::move(beginning));
}

struct Served {
  Served() : chain(*Chain::open(store, 0, log, beginning, rules, {.unsettled_depth = 4})) {
    branch.push_back(chain->genesis());
  }

  Hash add(const Hash& parent, std::uint64_t difficulty, std::vector<Transaction> all = {}) {
    const Header before = *chain->header(parent);
    auto builder = *chain->build({.parent = parent,
                                  .timestamp = before.timestamp + 10,
                                  .gas_limit = before.gas_limit,
                                  .coinbase = Address::of_number(0xfee),
                                  .mix_hash = keccak256(parent.view()),
                                  .difficulty = difficulty,
                                  .extra_data = {}});
    for (const Transaction& one : all)
      EXPECT_TRUE(builder->add(one, *address_of(secret())).has_value());
    const Block block = **builder->finish();
    EXPECT_TRUE(chain->adopt(*builder, block)->has_value());
    return block.header.hash();
  }
  void grow(std::size_t count, std::vector<Transaction> all = {}) {
    for (; count > 0; --count) {
      branch.push_back(add(branch.back(), 10, all));
      EXPECT_TRUE(chain->set_head(branch.back())->has_value());
      all.clear();
    }
  }
  Transaction transaction(std::size_t data_bytes, std::optional<std::uint64_t> log_bytes = {}) {
    Transaction one;
    one.type = Transaction::Type::dynamic_fee;
    one.chain_id = 4242;
    one.nonce = nonce++;
    one.max_fee = 10'000'000'000;
    one.max_priority_fee = 1;
    one.gas_limit = 16'000'000;
    one.to = log_bytes ? logger : Address::of_number(9'999);
    one.data = log_bytes ? to_bytes(Hash::from_word(*log_bytes).view()) : Bytes(data_bytes);
    EXPECT_TRUE(one.sign(secret()));
    return one;
  }

  /// The numbers of the headers that come, all of this branch.
  std::vector<std::uint64_t> numbers(GetHeaders request) {
    std::vector<std::uint64_t> all;
    for (const ReceivedHeader& one : headers(std::move(request)))
      all.push_back(one.header.number);
    return all;
  }
  std::vector<ReceivedHeader> headers(GetHeaders request) {
    request.id = 77;
    const auto read = decode_eth_message(SyncServer(*chain).answer(request));
    EXPECT_TRUE(read.has_value());
    EXPECT_EQ(std::get<Headers>(*read).id, 77U);
    return std::get<Headers>(*read).headers;
  }

  Genesis beginning = genesis();
  UncheckedSeals rules;
  port::MemoryKeyValue store{Chain::namespaces().size()};
  MemoryBlocks log;
  std::unique_ptr<Chain> chain;
  std::vector<Hash> branch;
  std::uint64_t nonce = 0;
};

using Numbers = std::vector<std::uint64_t>;

TEST(SyncServer, AnswersWithHeadersOfTheChainAsGethDoes) {
  Served served;
  served.grow(20);
  const auto& at = served.branch;
  EXPECT_EQ(served.numbers({.start = 5ULL, .amount = 3}), (Numbers{5, 6, 7}));
  EXPECT_EQ(served.numbers({.start = 5ULL, .amount = 3, .skip = 4}), (Numbers{5, 10, 15}));
  EXPECT_EQ(served.numbers({.start = 5ULL, .amount = 9, .reverse = true}),
            (Numbers{5, 4, 3, 2, 1, 0}));
  EXPECT_EQ(served.numbers({.start = 9ULL, .amount = 9, .skip = 3, .reverse = true}),
            (Numbers{9, 5, 1}));
  EXPECT_EQ(served.numbers({.start = at[18], .amount = 9}), (Numbers{18, 19, 20}));
  EXPECT_EQ(served.numbers({.start = at[18], .amount = 2, .skip = 1}), (Numbers{18, 20}));
  EXPECT_EQ(served.numbers({.start = at[3], .amount = 2, .skip = 1, .reverse = true}),
            (Numbers{3, 1}));
  EXPECT_EQ(served.numbers({.start = at[0], .amount = 1}), Numbers{0});
  // What isn't there, and nothing.
  EXPECT_EQ(served.numbers({.start = 21ULL, .amount = 3}), Numbers{});
  EXPECT_EQ(served.numbers({.start = Hash(), .amount = 3}), Numbers{});
  EXPECT_EQ(served.numbers({.start = 5ULL, .amount = 0}), Numbers{});
  const auto headers = served.headers({.start = 5ULL, .amount = 2});
  EXPECT_EQ(headers[0].hash, at[5]);
  EXPECT_EQ(headers[1].header, *served.chain->header(at[6]));
}

TEST(SyncServer, IsntLedAstrayByNumbersThatOverflow) {
  Served served;
  served.grow(6);
  constexpr std::uint64_t most = ~0ULL;
  EXPECT_EQ(served.numbers({.start = most, .amount = most, .skip = most}), Numbers{});
  EXPECT_EQ(served.numbers({.start = 3ULL, .amount = most}), (Numbers{3, 4, 5, 6}));
  for (const std::uint64_t skip : {most, most - 1, most - 3, most / 2}) {
    for (const bool reverse : {false, true}) {
      EXPECT_EQ(served.numbers({.start = 3ULL, .amount = most, .skip = skip, .reverse = reverse}),
                Numbers{3});
      EXPECT_EQ(served.numbers(
                    {.start = served.branch[3], .amount = most, .skip = skip, .reverse = reverse}),
                Numbers{3});
    }
  }
}

TEST(SyncServer, AnswersOfBlocksBesideTheChain) {
  Served served;
  served.grow(10);
  // Two blocks beside 8 and 9, on 7.
  const Hash one = served.add(served.branch[7], 1);
  const Hash two = served.add(one, 1);
  EXPECT_EQ(served.headers({.start = two, .amount = 1})[0].hash, two);
  // Nothing comes after what isn't of the chain.
  EXPECT_EQ(served.numbers({.start = two, .amount = 5}), Numbers{9});
  const auto back = served.headers({.start = two, .amount = 4, .reverse = true});
  ASSERT_EQ(back.size(), 4U);
  EXPECT_EQ(back[1].hash, one);
  EXPECT_EQ(back[2].hash, served.branch[7]);
  EXPECT_EQ(back[3].hash, served.branch[6]);
  EXPECT_EQ(served.numbers({.start = two, .amount = 9, .skip = 3, .reverse = true}),
            (Numbers{9, 5, 1}));
}

TEST(SyncServer, LooksThroughSoManyBlocksBesideTheChainAndNoMore) {
  Served served;
  served.grow(1);
  Hash tip = served.branch[0];
  for (std::size_t i = 0; i < side_steps_max + 10; ++i)
    tip = served.add(tip, 0);
  EXPECT_EQ(served.numbers({.start = tip, .amount = 1'000, .reverse = true}).size(),
            side_steps_max + 1);
  EXPECT_EQ(served.numbers({.start = tip, .amount = 2, .skip = side_steps_max, .reverse = true}),
            Numbers{side_steps_max + 10});
}

TEST(SyncServer, HasAnEndToAnAnswerOfHeaders) {
  Served served;
  served.grow(headers_per_answer_max + 10);
  const auto numbers = served.numbers({.start = 0ULL, .amount = 5'000});
  EXPECT_LE(numbers.size(), headers_per_answer_max);
  EXPECT_GT(numbers.size(), 700U);
  const Bytes answer = SyncServer(*served.chain).answer(GetHeaders{.start = 0ULL, .amount = 5'000});
  EXPECT_LE(answer.size(), headers_answer_soft_max + header_bytes_max + 64);
}

TEST(SyncServer, GivesBodiesAndReceiptsInOrderAsFarAsTheyAreThere) {
  Served served;
  for (int i = 0; i < 12; ++i)
    served.grow(1, {served.transaction(100, i % 2 == 0 ? std::optional(50) : std::nullopt)});
  const Hash beside = served.add(served.branch[3], 1);
  const std::vector<Hash> asked{served.branch[9], Hash(), served.branch[2], beside,
                                served.branch[12]};
  const SyncServer server(*served.chain);
  const auto bodies = decode_eth_message(server.answer(GetBodies{.id = 4, .hashes = asked}));
  ASSERT_TRUE(bodies.has_value());
  const auto& all = std::get<Bodies>(*bodies).bodies;
  ASSERT_EQ(all.size(), 4U);
  const std::vector<Hash> there{asked[0], asked[2], asked[3], asked[4]};
  for (std::size_t i = 0; i < 4; ++i) {
    const Block block = *served.chain->block(there[i]);
    EXPECT_TRUE(all[i].is_of(block.header));
    EXPECT_EQ(read_block(block.header, all[i].encoded)->encode(), block.encode());
  }
  const auto receipts = decode_eth_message(server.answer(GetReceipts{.id = 4, .hashes = asked}));
  ASSERT_TRUE(receipts.has_value());
  const auto& blocks = std::get<BlockReceipts>(*receipts).blocks;
  ASSERT_EQ(blocks.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(blocks[i].root, served.chain->header(there[i])->receipts_root);
    EXPECT_TRUE(read_receipts(blocks[i].encoded).has_value());
  }
}

TEST(SyncServer, EndsAnAnswerThatHasBecomeLong) {
  Served served;
  for (int i = 0; i < 8; ++i)
    served.grow(1, {served.transaction(380'000), served.transaction(0, 300'000)});
  const SyncServer server(*served.chain);
  const std::vector<Hash> asked(served.branch.begin() + 1, served.branch.end());
  const Bytes bodies = server.answer(GetBodies{.id = 4, .hashes = asked});
  EXPECT_GE(bodies.size(), blocks_answer_soft_max);
  EXPECT_LT(bodies.size(), blocks_answer_soft_max + 400'000);
  EXPECT_EQ(std::get<Bodies>(*decode_eth_message(bodies)).bodies.size(), 6U);
  const Bytes receipts = server.answer(GetReceipts{.id = 4, .hashes = asked});
  EXPECT_EQ(std::get<BlockReceipts>(*decode_eth_message(receipts)).blocks.size(), 7U);
}

}  // namespace
}  // namespace kith::ledger
