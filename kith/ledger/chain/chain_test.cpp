#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/chain/block_builder.hpp>
#include <kith/ledger/chain/chain.hpp>
#include <kith/port/memory_key_value.hpp>
#include <kith/sim/disk.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint64_t ether = 1'000'000'000'000'000'000;
constexpr std::size_t people = 6;

struct Person {
  crypto::SecretArray<32> secret;
  Address address;
};

Person person(std::uint8_t number) {
  Person one;
  one.secret.data()[31] = static_cast<std::uint8_t>(number + 1);
  one.address = *address_of(one.secret);
  return one;
}

/// A contract that stores the block's number under the caller's first word, and logs it:
/// PUSH0 CALLDATALOAD NUMBER SWAP1 SSTORE NUMBER PUSH0 MSTORE PUSH1 32 PUSH0 LOG0 STOP
const Bytes contract_code = *from_hex("5f354390554360005260205fa000");
const Address contract = Address::of_number(0xc0de);

Genesis genesis(std::uint64_t salt = 0) {
  Beginning beginning{.chain_id = 4242, .timestamp = 1'000 + salt, .difficulty = 10, .state = {}};
  for (std::uint8_t i = 0; i < people; ++i)
    beginning.state.set(person(i).address,
                        {.nonce = 0, .balance = ether, .code = {}, .storage = {}});
  beginning.state.set(contract, {.nonce = 1, .balance = 0, .code = contract_code, .storage = {}});
  return Genesis::of(std::move(beginning));
}

/// A disk, and the program on it. What blocks make of the state is known from a builder of its own
/// chain, which never crashes: the reference.
struct Machine {
  explicit Machine(std::uint64_t seed, ChainOptions chosen = {.unsettled_depth = 4})
      : random(seed), disk(Prng(seed + 1)), options(chosen) {
    start();
  }

  void start() {
    chain.reset();
    log.reset();
    store.reset();
    files = std::make_unique<sim::SimFileSystem>(disk);
    stores = std::make_unique<sim::SimKeyValueFactory>(disk);
    auto opened_store = stores->open("/data/index", {.namespaces = Chain::namespaces()});
    if (!opened_store) return;
    store = *std::move(opened_store);
    auto opened_log = BlockFiles::open(*files, "/data/blocks");
    error = opened_log ? std::nullopt : std::optional(opened_log.error());
    if (!opened_log) return;
    log = *std::move(opened_log);
    auto opened = Chain::open(*store, 0, *log, beginning, rules, options);
    error = opened ? std::nullopt : std::optional(opened.error());
    if (opened) chain = *std::move(opened);
  }

  Prng random;
  sim::Disk disk;
  ChainOptions options;
  Genesis beginning = genesis();
  UncheckedSeals rules;
  std::optional<Error> error;
  std::unique_ptr<sim::SimFileSystem> files;
  std::unique_ptr<sim::SimKeyValueFactory> stores;
  std::unique_ptr<port::KeyValue> store;
  std::unique_ptr<BlockLog> log;
  std::unique_ptr<Chain> chain;
};

/// Makes blocks of any branch, and knows every block's state as a whole.
class Forge {
 public:
  explicit Forge(const Genesis& beginning, std::uint64_t seed)
      : machine_(seed, {.state = {.past_blocks = std::nullopt}, .unsettled_depth = 1'000'000}),
        random_(seed + 7) {
    states_.emplace(machine_.chain->genesis(), beginning.state);
  }

  /// A block after that one, with up to three transactions.
  Block make(const Hash& parent, std::uint64_t difficulty = 10) {
    Chain& chain = *machine_.chain;
    const Header before = *chain.header(parent);
    auto builder = chain.build({.parent = parent,
                                .timestamp = before.timestamp + 1 + random_.below(20),
                                .gas_limit = before.gas_limit,
                                .coinbase = Address::of_number(0xfee),
                                .mix_hash = keccak256(parent.view()),
                                .difficulty = difficulty,
                                .extra_data = {}});
    EXPECT_TRUE(builder.has_value());
    for (std::uint64_t i = random_.below(4); i > 0; --i)
      add_transaction(**builder, parent);
    const Block block = **(*builder)->finish();
    EXPECT_TRUE(chain.adopt(**builder, block)->has_value());
    return block;
  }

  const MemoryState* state(const Hash& hash) {
    // By running it once more, in memory alone.
    const auto found = states_.find(hash);
    if (found != states_.end()) return &found->second;
    const Block block = *machine_.chain->block(hash);
    MemoryState after = *state(block.header.parent);
    World world(after, Revision::osaka, 0);
    Processor processor(machine_.beginning.schedule, world, [&](std::uint64_t number) {
      return machine_.chain->ancestor(block.header.parent, number);
    });
    EXPECT_TRUE(processor.run(block)->has_value());
    after.apply(world);
    return &states_.emplace(hash, std::move(after)).first->second;
  }

  Chain& chain() { return *machine_.chain; }

 private:
  void add_transaction(BlockBuilder& builder, const Hash& parent) {
    const Person from = person(static_cast<std::uint8_t>(random_.below(people)));
    const auto reader = *machine_.chain->state(parent);
    Transaction sent;
    sent.type = Transaction::Type::dynamic_fee;
    sent.chain_id = 4242;
    // One per person and block: the state doesn't know those before it.
    sent.nonce = (*reader->account(from.address))->nonce;
    sent.max_fee = 10'000'000'000;
    sent.max_priority_fee = 1;
    sent.gas_limit = 100'000;
    if (random_.chance(0.5)) {
      sent.to = contract;
      sent.data = Bytes(32, static_cast<std::uint8_t>(random_.below(4)));
    } else {
      sent.to = person(static_cast<std::uint8_t>(random_.below(people))).address;
      sent.value = random_.below(1'000);
    }
    ASSERT_TRUE(sent.sign(from.secret));
    ASSERT_TRUE(builder.add(sent, from.address).has_value());
  }

  Machine machine_;
  Prng random_;
  std::map<Hash, MemoryState> states_;
};

void expect_state(Chain& chain, Forge& forge, const Hash& hash) {
  const auto reader = chain.state(hash);
  ASSERT_TRUE(reader.has_value());
  MemoryState wanted = *forge.state(hash);
  for (std::uint8_t i = 0; i < people; ++i) {
    const Address address = person(i).address;
    EXPECT_EQ((*(*reader)->account(address))->balance, (*wanted.account(address))->balance);
    EXPECT_EQ((*(*reader)->account(address))->nonce, (*wanted.account(address))->nonce);
  }
  for (std::uint8_t i = 0; i < 4; ++i) {
    const U256 key = U256::from_be(ByteView(Bytes(32, i)));
    EXPECT_EQ(*(*reader)->storage(contract, key), *wanted.storage(contract, key));
  }
}

/// That the chain is this branch, and that all questions about it are answered so.
void expect_chain(Chain& chain, Forge& forge, const Hash& head) {
  ASSERT_EQ(chain.head().hash, head);
  EXPECT_TRUE(chain.hash_at(chain.head().number + 1).error().is(Errc::not_found));
  Hash at = head;
  for (std::uint64_t number = chain.head().number;; --number) {
    ASSERT_EQ(*chain.hash_at(number), at) << number;
    const auto block = chain.block(at);
    ASSERT_TRUE(block.has_value()) << number;
    EXPECT_EQ(block->header.hash(), at);
    EXPECT_EQ(*chain.header(at), block->header);
    EXPECT_EQ(*chain.total_weight(at), *forge.chain().total_weight(at));
    const auto receipts = chain.receipts(at);
    ASSERT_TRUE(receipts.has_value());
    ASSERT_EQ(receipts->size(), block->transactions.size());
    for (std::uint32_t i = 0; i < block->transactions.size(); ++i) {
      const auto place = chain.find_transaction(block->transactions[i].hash());
      ASSERT_TRUE(place.has_value());
      EXPECT_EQ(place->block, (BlockName{number, at}));
      EXPECT_EQ(place->index, i);
      EXPECT_EQ((*receipts)[i].bloom, (*forge.chain().receipts(at))[i].bloom);
    }
    if (chain.has_state(at)) expect_state(chain, forge, at);
    if (number == 0) break;
    at = block->header.parent;
  }
  expect_state(chain, forge, head);
}

std::vector<Block> branch(Forge& forge, Hash parent, std::size_t length,
                          std::uint64_t difficulty = 10) {
  std::vector<Block> blocks;
  for (std::size_t i = 0; i < length; ++i) {
    blocks.push_back(forge.make(parent, difficulty));
    parent = blocks.back().header.hash();
  }
  return blocks;
}

void add_all(Chain& chain, const std::vector<Block>& blocks) {
  for (const Block& block : blocks) {
    const auto added = chain.add(block);
    ASSERT_TRUE(added.has_value()) << added.error().message();
    ASSERT_TRUE(added->has_value()) << Error(added->error()).message();
  }
}

TEST(Chain, GrowsAndSettlesAndOpensAgain) {
  Machine machine(1);
  Forge forge(machine.beginning, 1);
  Hash parent = machine.chain->genesis();
  for (std::size_t i = 0; i < 120; ++i) {
    const Block block = forge.make(parent);
    parent = block.header.hash();
    add_all(*machine.chain, {block});
    const auto moved = machine.chain->set_head(parent);
    ASSERT_TRUE(moved.has_value() && moved->has_value());
    EXPECT_EQ((*moved)->added, (std::vector<BlockName>{{i + 1, parent}}));
    EXPECT_TRUE((*moved)->removed.empty());
  }
  EXPECT_GT(machine.chain->settled().number, 80U);
  expect_chain(*machine.chain, forge, parent);
  machine.start();
  ASSERT_NE(machine.chain, nullptr) << machine.error->message();
  expect_chain(*machine.chain, forge, parent);
}

TEST(Chain, TakesALongBranchAtOnceAndSettlesItOnTheWay) {
  Machine machine(2);
  Forge forge(machine.beginning, 2);
  const auto blocks = branch(forge, machine.chain->genesis(), 150);
  add_all(*machine.chain, blocks);
  ASSERT_TRUE(machine.chain->set_head(blocks.back().header.hash())->has_value());
  EXPECT_GE(machine.chain->settled().number, 114U);
  expect_chain(*machine.chain, forge, blocks.back().header.hash());
}

TEST(Chain, GoesOverToAnotherBranchAndBack) {
  Machine machine(3);
  Forge forge(machine.beginning, 3);
  const auto one = branch(forge, machine.chain->genesis(), 6);
  const auto other = branch(forge, one[1].header.hash(), 6);
  add_all(*machine.chain, one);
  add_all(*machine.chain, other);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(machine.chain->set_head(one.back().header.hash())->has_value());
    expect_chain(*machine.chain, forge, one.back().header.hash());
    const auto moved = machine.chain->set_head(other.back().header.hash());
    ASSERT_TRUE(moved->has_value());
    EXPECT_EQ((*moved)->removed.size(), 4U);
    EXPECT_EQ((*moved)->removed.front().number, 6U);
    EXPECT_EQ((*moved)->added.size(), 6U);
    EXPECT_EQ((*moved)->added.front().number, 3U);
    expect_chain(*machine.chain, forge, other.back().header.hash());
    for (const Block& block : one) {
      for (const Transaction& sent : block.transactions) {
        const auto place = machine.chain->find_transaction(sent.hash());
        if (block.header.number > 2 && place)
          EXPECT_TRUE(machine.chain->is_of_chain(place->block.hash));
      }
    }
  }
}

TEST(Chain, GoesBackBelowWhatIsSettledAndReturns) {
  Machine machine(4);
  Forge forge(machine.beginning, 4);
  const auto trunk = branch(forge, machine.chain->genesis(), 5);
  const auto one = branch(forge, trunk.back().header.hash(), 110);
  const auto other = branch(forge, trunk.back().header.hash(), 120);
  add_all(*machine.chain, trunk);
  add_all(*machine.chain, one);
  ASSERT_TRUE(machine.chain->set_head(one.back().header.hash())->has_value());
  ASSERT_GT(machine.chain->settled().number, 70U);
  add_all(*machine.chain, other);
  const auto moved = machine.chain->set_head(other.back().header.hash());
  ASSERT_TRUE(moved->has_value());
  EXPECT_EQ((*moved)->removed.size(), 110U);
  EXPECT_EQ((*moved)->added.size(), 120U);
  expect_chain(*machine.chain, forge, other.back().header.hash());
  machine.start();
  ASSERT_NE(machine.chain, nullptr);
  expect_chain(*machine.chain, forge, other.back().header.hash());
  ASSERT_TRUE(machine.chain->set_head(one.back().header.hash())->has_value());
  expect_chain(*machine.chain, forge, one.back().header.hash());
}

/// The block with another state root, under its own hash.
Block spoilt(Block block) {
  block.header.state_root.bytes[3] ^= 1;
  return block;
}

TEST(Chain, KeepsItsHeadWhenABranchTurnsOutWrong) {
  for (const std::size_t wrong_at : {0UL, 3UL, 70UL, 99UL}) {
    Machine machine(5);
    Forge forge(machine.beginning, 5);
    const auto one = branch(forge, machine.chain->genesis(), 80);
    add_all(*machine.chain, one);
    const Hash head = one.back().header.hash();
    ASSERT_TRUE(machine.chain->set_head(head)->has_value());
    auto other = branch(forge, one[20].header.hash(), 100);
    // From the wrong one on all come of it.
    other[wrong_at] = spoilt(other[wrong_at]);
    for (std::size_t i = wrong_at + 1; i < other.size(); ++i)
      other[i].header.parent = other[i - 1].header.hash();
    add_all(*machine.chain, other);
    const auto moved = machine.chain->set_head(other.back().header.hash());
    ASSERT_TRUE(moved.has_value());
    ASSERT_FALSE(moved->has_value());
    EXPECT_EQ(moved->error().block.hash, other[wrong_at].header.hash());
    EXPECT_EQ(moved->error().why.reason, InvalidBlock::wrong_state_root);
    expect_chain(*machine.chain, forge, head);
    // What comes of it is known to be wrong without being run.
    const auto again = machine.chain->set_head(other.back().header.hash());
    EXPECT_EQ(again->error().why.reason, InvalidBlock::of_invalid_parent);
    Block child = other.back();
    child.header.parent = other.back().header.hash();
    ++child.header.number;
    EXPECT_EQ(machine.chain->add(child)->error(), InvalidBlock::of_invalid_parent);
    // The chain goes on.
    const Block next = forge.make(head);
    add_all(*machine.chain, {next});
    ASSERT_TRUE(machine.chain->set_head(next.header.hash())->has_value());
    expect_chain(*machine.chain, forge, next.header.hash());
  }
}

TEST(Chain, RefusesWhatIsWrongByItsHeaderOrBody) {
  Machine machine(6);
  Forge forge(machine.beginning, 6);
  const Block right = forge.make(machine.chain->genesis());
  const auto reason_of = [&](const auto& change) {
    Block block = right;
    change(block);
    return machine.chain->add(block)->error();
  };
  EXPECT_EQ(reason_of([](Block& block) { block.header.parent.bytes[0] ^= 1; }),
            InvalidBlock::unknown_parent);
  EXPECT_EQ(reason_of([](Block& block) { ++block.header.number; }), InvalidBlock::wrong_number);
  EXPECT_EQ(reason_of([](Block& block) { block.header.timestamp = 1'000; }),
            InvalidBlock::timestamp_not_later);
  EXPECT_EQ(reason_of([](Block& block) { *block.header.base_fee += 1; }),
            InvalidBlock::wrong_base_fee);
  EXPECT_EQ(reason_of([](Block& block) { block.header.transactions_root.bytes[0] ^= 1; }),
            InvalidBlock::wrong_transactions_root);
  EXPECT_FALSE(machine.chain->knows(right.header.hash()));
  EXPECT_EQ(**machine.chain->add(right), Chain::Added::newly);
  EXPECT_EQ(**machine.chain->add(right), Chain::Added::before);
  // Before it is run there is neither a state nor a receipt of it.
  EXPECT_TRUE(machine.chain->state(right.header.hash()).error().is(Errc::not_found));
  EXPECT_TRUE(machine.chain->receipts(right.header.hash()).error().is(Errc::not_found));
}

TEST(Chain, HasNoOtherBranchBelowWhatIsFinal) {
  Machine machine(7, {.unsettled_depth = 4, .settles_final_only = true});
  Forge forge(machine.beginning, 7);
  const auto one = branch(forge, machine.chain->genesis(), 60);
  const auto other = branch(forge, one[3].header.hash(), 4);
  const auto late = branch(forge, one[50].header.hash(), 4);
  add_all(*machine.chain, one);
  add_all(*machine.chain, other);
  add_all(*machine.chain, late);
  ASSERT_TRUE(machine.chain->set_head(one.back().header.hash())->has_value());
  EXPECT_EQ(machine.chain->settled().number, 0U);
  ASSERT_TRUE(machine.chain->finalize(one[49].header.hash()).has_value());
  EXPECT_EQ(machine.chain->finalized().number, 50U);
  EXPECT_EQ(machine.chain->settled().number, 50U);
  EXPECT_FALSE(machine.chain->knows(other.back().header.hash()));
  EXPECT_TRUE(machine.chain->knows(late.back().header.hash()));
  const Block below = other[0];
  EXPECT_EQ(machine.chain->add(below)->error(), InvalidBlock::before_finality);
  EXPECT_TRUE(machine.chain->finalize(one[10].header.hash()).error().is(Errc::invalid_argument));
  ASSERT_TRUE(machine.chain->set_head(late.back().header.hash())->has_value());
  EXPECT_EQ(machine.chain->set_head(one[40].header.hash())->error().why.reason,
            InvalidBlock::before_finality);
  machine.start();
  ASSERT_NE(machine.chain, nullptr);
  EXPECT_EQ(machine.chain->finalized().hash, one[49].header.hash());
  expect_chain(*machine.chain, forge, late.back().header.hash());
}

TEST(Chain, TellsThePastAsFarAsItIsKept) {
  for (const bool archive : {false, true}) {
    ChainOptions options{.unsettled_depth = 4};
    options.state.past_blocks = archive ? std::nullopt : std::optional(std::uint64_t{10});
    Machine machine(8, options);
    Forge forge(machine.beginning, 8);
    const auto blocks = branch(forge, machine.chain->genesis(), 100);
    add_all(*machine.chain, blocks);
    ASSERT_TRUE(machine.chain->set_head(blocks.back().header.hash())->has_value());
    const std::uint64_t settled = machine.chain->settled().number;
    for (std::uint64_t number = 0; number < 100; ++number) {
      const Hash hash = *machine.chain->hash_at(number);
      if (archive || number + 10 >= settled) {
        expect_state(*machine.chain, forge, hash);
      } else {
        EXPECT_TRUE(machine.chain->state(hash).error().is(Errc::not_found)) << number;
      }
    }
  }
}

TEST(Chain, OpensNoOtherChainsFolder) {
  Machine machine(9);
  machine.beginning = genesis(1);
  machine.start();
  ASSERT_EQ(machine.chain, nullptr);
  EXPECT_TRUE(machine.error->is(Errc::invalid_argument));
  EXPECT_NE(machine.error->message().find("is the chain that begins with"), std::string::npos);
}

/// What a node does in its life: grows, makes blocks final or doesn't, and goes over to a branch
/// that leaves its chain, without finality far below what is settled.
class Life {
 public:
  explicit Life(bool finality)
      : finality_(finality),
        forge_(genesis(), finality ? 1 : 2),
        one_(branch(forge_, forge_.chain().genesis(), 45)),
        other_(branch(forge_, one_[finality ? 41 : 9].header.hash(), 50)) {}

  Result<void> live(Machine& machine, Hash& final_block) {
    for (const Block& block : one_) {
      KITH_CHECK(take(machine, block));
      const Hash hash = block.header.hash();
      KITH_TRY(const auto moved, machine.chain->set_head(hash));
      EXPECT_TRUE(moved.has_value() || moved.error().why.reason == InvalidBlock::before_finality);
      if (!moved || !finality_ || block.header.number > 42) continue;
      if (block.header.number < machine.chain->finalized().number) continue;
      KITH_CHECK(machine.chain->finalize(hash));
      final_block = hash;
    }
    for (const Block& block : other_)
      KITH_CHECK(take(machine, block));
    KITH_TRY(const auto moved, machine.chain->set_head(other_.back().header.hash()));
    EXPECT_TRUE(moved.has_value());
    return {};
  }
  Forge& forge() { return forge_; }
  Hash last() const { return other_.back().header.hash(); }

 private:
  static Result<void> take(Machine& machine, const Block& block) {
    KITH_TRY(const auto added, machine.chain->add(block));
    EXPECT_TRUE(added.has_value() || added.error() == InvalidBlock::before_finality);
    return {};
  }

  bool finality_;
  Forge forge_;
  std::vector<Block> one_;
  std::vector<Block> other_;
};

TEST(Chain, LosesNothingFinalByACrashAtAnyWrite) {
  for (const bool finality : {false, true}) {
    Life life(finality);
    const ChainOptions options{.unsettled_depth = 4, .settles_final_only = finality};
    std::uint64_t operations = 0;
    {
      Machine machine(99, options);
      const std::uint64_t before = machine.disk.faults().operations();
      Hash final_block;
      ASSERT_TRUE(life.live(machine, final_block).has_value());
      operations = machine.disk.faults().operations() - before;
    }
    constexpr std::uint64_t crashes = 30;
    for (std::uint64_t i = 0; i < crashes; ++i) {
      Machine machine(100 + i, options);
      const std::uint64_t at = operations * i / crashes + machine.random.below(3);
      Hash final_block = machine.chain->genesis();
      machine.disk.faults().crash_at(machine.disk.faults().operations() + at);
      static_cast<void>(life.live(machine, final_block));
      machine.disk.crash();
      machine.start();
      ASSERT_NE(machine.chain, nullptr) << at << " " << machine.error->message();
      EXPECT_TRUE(machine.chain->is_of_chain(final_block)) << at;
      expect_chain(*machine.chain, life.forge(), machine.chain->head().hash);
      if (testing::Test::HasFailure()) FAIL() << "crash at " << at << " of " << operations;
      // And it takes all of it once more.
      ASSERT_TRUE(life.live(machine, final_block).has_value()) << at;
      expect_chain(*machine.chain, life.forge(), life.last());
    }
  }
}

TEST(Chain, OfAFullDiskSaysSoAndGoesOnWhenThereIsRoom) {
  Forge forge(genesis(), 10);
  const auto blocks = branch(forge, forge.chain().genesis(), 60);
  for (std::uint64_t at = 0; at < 240; at += 8) {
    Machine machine(400 + at);
    machine.disk.faults().fail_at(machine.disk.faults().operations() + at, ENOSPC);
    for (const Block& block : blocks) {
      auto added = machine.chain->add(block);
      if (!added) added = machine.chain->add(block);
      ASSERT_TRUE(added->has_value());
      auto moved = machine.chain->set_head(block.header.hash());
      if (!moved) moved = machine.chain->set_head(block.header.hash());
      ASSERT_TRUE(moved->has_value());
    }
    expect_chain(*machine.chain, forge, blocks.back().header.hash());
    machine.start();
    // The failure may come as late as that.
    if (machine.chain == nullptr) machine.start();
    ASSERT_NE(machine.chain, nullptr) << at << " " << machine.error->message();
    expect_chain(*machine.chain, forge, blocks.back().header.hash());
  }
}

TEST(Chain, KeepsNothingOfABlockBeyondItsLimit) {
  Machine machine(12, {.unsettled_depth = 4, .unsettled_max = 3});
  Forge forge(machine.beginning, 12);
  const auto blocks = branch(forge, machine.chain->genesis(), 4);
  for (std::size_t i = 0; i < 3; ++i)
    ASSERT_TRUE(machine.chain->add(blocks[i])->has_value());
  const auto recent = [&] { return *(*machine.store->snapshot())->count(0); };
  EXPECT_EQ(recent(), 3U);
  EXPECT_TRUE(machine.chain->add(blocks[3]).error().is(Errc::limit_exceeded));
  EXPECT_EQ(recent(), 3U);
  EXPECT_FALSE(machine.chain->knows(blocks[3].header.hash()));
}

TEST(Chain, AnswersManyWhileItGrowsAndTurns) {
  Forge forge(genesis(), 11);
  const auto one = branch(forge, forge.chain().genesis(), 90);
  const auto other = branch(forge, one[30].header.hash(), 70);
  port::MemoryKeyValue store(Chain::namespaces().size());
  MemoryBlocks log;
  UncheckedSeals rules;
  const Genesis beginning = genesis();
  const auto chain = *Chain::open(store, 0, log, beginning, rules, {.unsettled_depth = 8});
  std::atomic<bool> done = false;
  const auto ask = [&](std::uint64_t seed) {
    Prng random(seed);
    while (!done) {
      const BlockName head = chain->head();
      const auto hash = chain->hash_at(random.below(head.number + 1));
      if (!hash) continue;  // it has gone back meanwhile
      const auto header = chain->header(*hash);
      if (!header) continue;
      EXPECT_EQ(header->hash(), *hash);
      if (const auto block = chain->block(*hash)) EXPECT_EQ(block->header, *header);
      if (const auto receipts = chain->receipts(*hash); receipts && !receipts->empty())
        EXPECT_LE(receipts->back().cumulative_gas, header->gas_used);
      if (const auto reader = chain->state(head.hash)) {
        EXPECT_TRUE((*reader)->account(person(0).address).has_value());
        EXPECT_TRUE((*reader)->storage(contract, 0).has_value());
      }
    }
  };
  std::vector<std::jthread> readers;
  for (std::uint64_t seed = 0; seed < 3; ++seed)
    readers.emplace_back(ask, seed);
  for (const Block& block : one) {
    EXPECT_TRUE(chain->add(block)->has_value());
    EXPECT_TRUE(chain->set_head(block.header.hash())->has_value());
  }
  add_all(*chain, other);
  EXPECT_TRUE(chain->set_head(other.back().header.hash())->has_value());
  EXPECT_TRUE(chain->set_head(one.back().header.hash())->has_value());
  EXPECT_TRUE(chain->set_head(other.back().header.hash())->has_value());
  done = true;
  readers.clear();
  expect_chain(*chain, forge, other.back().header.hash());
}

}  // namespace
}  // namespace kith::ledger
