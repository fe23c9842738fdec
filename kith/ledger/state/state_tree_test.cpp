#include <algorithm>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/primitives/rlp.hpp>
#include <kith/ledger/state/state_tree.hpp>
#include <kith/sim/disk.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint64_t account_count = 24;
constexpr std::uint64_t key_count = 8;

Address account_of(std::uint64_t number) {
  return Address::of_number(0x1000 + number);
}

Hash hash_of(std::uint64_t number, std::uint64_t branch = 0) {
  return keccak256(U256(number, branch, 0, 0).to_be());
}

/// A chain of states on a simulated disk, and beside it each state as a whole in memory.
class Chain {
 public:
  explicit Chain(std::uint64_t seed, StateTreeOptions options = {})
      : random(seed), disk(Prng(seed + 1)), options_(options) {
    MemoryState genesis;
    for (std::uint64_t i = 0; i < account_count / 2; ++i)
      genesis.set(account_of(i),
                  {.nonce = 1, .balance = 1'000 + i, .code = {}, .storage = {{1, i}}});
    states.emplace(hash_of(0), genesis);
    open_store();
    auto made = StateTree::begin(*store_, 0, options_, {0, hash_of(0)}, genesis);
    EXPECT_TRUE(made.has_value());
    tree = *std::move(made);
  }

  void open_store() {
    key_values_ = std::make_unique<sim::SimKeyValueFactory>(disk);
    auto opened = key_values_->open("/data/state", {.namespaces = StateTree::namespaces()});
    ASSERT_TRUE(opened.has_value());
    store_ = *std::move(opened);
  }
  /// As a program does that starts again.
  Result<void> reopen() {
    tree.reset();
    store_.reset();
    open_store();
    KITH_TRY(tree, StateTree::open(*store_, 0, options_));
    return {};
  }

  /// A block of a few changes, none of them in transactions that are alike.
  Result<Hash> add(const BlockName& block, const Hash& parent) {
    KITH_TRY(const auto reader, tree->reader(parent));
    World world(*reader, Revision::shanghai, 7);
    const std::uint64_t transactions = 1 + random.below(4);
    for (std::uint64_t i = 0; i < transactions; ++i)
      change(world);
    MemoryState state = states.at(parent);
    KITH_TRY(const StateTree::Prepared prepared, tree->prepare(parent, world));
    tree->add(block, parent, prepared);
    const Hash root = prepared.root();
    state.apply(world);
    EXPECT_EQ(root, state.root()) << "block " << block.number;
    states.insert_or_assign(block.hash, std::move(state));
    return root;
  }

  void change(World& world) {
    world.begin_transaction();
    for (std::uint64_t i = 0; i < 3; ++i) {
      World::Account& account = world.account(account_of(random.below(account_count)));
      switch (random.below(7)) {
        case 0:
          world.set_balance(account, random.below(1'000));
          break;
        case 1:
          world.set_nonce(account, account.nonce + 1);
          break;
        case 2:
          if (account.is_empty() && !account.had_storage) {
            world.create(account, 1);
            const Bytes code{0x60, static_cast<std::uint8_t>(random.below(200)), 0x00};
            world.set_code(account, std::make_shared<const Code>(code), keccak256(code));
          }
          break;
        case 3:
          if (random.chance(0.4)) world.destroy(account);
          break;
        default:
          if (account.exists && !account.is_empty()) {
            World::Slot& slot = world.slot(account, 1 + random.below(key_count));
            world.set_storage(account, slot, random.chance(0.3) ? 0 : random.next());
          }
      }
    }
    world.finish_transaction();
  }

  static void expect_same(StateReader& reader, const MemoryState& state) {
    MemoryState expected = state;
    for (std::uint64_t i = 0; i < account_count; ++i) {
      const Address address = account_of(i);
      const auto read = reader.account(address);
      const auto wanted = expected.account(address);
      ASSERT_TRUE(read.has_value());
      ASSERT_EQ(read->has_value(), wanted->has_value()) << i;
      if (!*read) continue;
      EXPECT_EQ((**read).nonce, (**wanted).nonce);
      EXPECT_EQ((**read).balance, (**wanted).balance);
      EXPECT_EQ((**read).code_hash, (**wanted).code_hash);
      EXPECT_EQ((**read).has_storage, (**wanted).has_storage);
      if ((**read).code_hash != empty_code_hash) {
        EXPECT_TRUE(equal((*reader.code((**read).code_hash))->bytes(),
                          (*expected.code((**read).code_hash))->bytes()));
      }
      for (std::uint64_t key = 0; key <= key_count; ++key)
        EXPECT_EQ(*reader.storage(address, key), *expected.storage(address, key));
    }
  }
  void expect_same(const Hash& block) {
    auto reader = tree->reader(block);
    ASSERT_TRUE(reader.has_value());
    expect_same(**reader, states.at(block));
    EXPECT_EQ(*tree->root_of(block), states.at(block).root());
  }

  /// How many entries each namespace of the current state has.
  std::vector<std::uint64_t> counts() {
    std::vector<std::uint64_t> all;
    auto snapshot = store_->snapshot();
    for (port::Namespace space = 0; space < StateTree::namespaces().size(); ++space)
      all.push_back((*snapshot)->count(space).value_or(0));
    return all;
  }

  Prng random;
  sim::Disk disk;
  std::map<Hash, MemoryState> states;
  std::unique_ptr<StateTree> tree;

 private:
  StateTreeOptions options_;
  std::unique_ptr<sim::SimKeyValueFactory> key_values_;
  std::unique_ptr<port::KeyValue> store_;
};

TEST(StateTree, HasEveryBlocksStateWhetherSettledOrNot) {
  Chain chain(1);
  chain.expect_same(hash_of(0));
  for (std::uint64_t number = 1; number <= 120; ++number) {
    ASSERT_TRUE(chain.add({number, hash_of(number)}, hash_of(number - 1)).has_value());
    if (number % 5 == 0) ASSERT_TRUE(chain.tree->settle(hash_of(number - 3)).has_value());
    chain.expect_same(hash_of(number));
    chain.expect_same(hash_of(number - 1));
  }
  EXPECT_EQ(chain.tree->settled(), (BlockName{117, hash_of(117)}));
}

TEST(StateTree, KeepsBranchesApartAndForgetsThoseThatLost) {
  Chain chain(2);
  Hash parents[3] = {hash_of(0), hash_of(0), hash_of(0)};
  for (std::uint64_t number = 1; number <= 10; ++number) {
    for (std::uint64_t branch = 0; branch < 3; ++branch) {
      const Hash hash = hash_of(number, branch);
      ASSERT_TRUE(chain.add({number, hash}, parents[branch]).has_value());
      parents[branch] = hash;
    }
  }
  for (std::uint64_t branch = 0; branch < 3; ++branch)
    chain.expect_same(hash_of(10, branch));
  ASSERT_TRUE(chain.tree->settle(hash_of(4, 1)).has_value());
  chain.expect_same(hash_of(10, 1));
  for (const std::uint64_t branch : {0, 2}) {
    for (std::uint64_t number = 1; number <= 10; ++number)
      EXPECT_FALSE(chain.tree->has(hash_of(number, branch)));
    EXPECT_TRUE(chain.tree->reader(hash_of(10, branch)).error().is(Errc::not_found));
  }
  // What was on disk is there no more: nobody is told the state that took its place.
  EXPECT_TRUE(chain.tree->reader(hash_of(0)).error().is(Errc::not_found));
}

TEST(StateTree, AReaderStaysWhatItWasWhileOthersSettle) {
  Chain chain(3);
  ASSERT_TRUE(chain.add({1, hash_of(1)}, hash_of(0)).has_value());
  auto early = chain.tree->reader(hash_of(1));
  ASSERT_TRUE(early.has_value());
  for (std::uint64_t number = 2; number <= 40; ++number) {
    ASSERT_TRUE(chain.add({number, hash_of(number)}, hash_of(number - 1)).has_value());
    ASSERT_TRUE(chain.tree->settle(hash_of(number)).has_value());
  }
  Chain::expect_same(**early, chain.states.at(hash_of(1)));
}

TEST(StateTree, TellsThePastAsFarAsItIsKept) {
  for (const bool archive : {false, true}) {
    StateTreeOptions options;
    options.past_blocks = archive ? std::nullopt : std::optional<std::uint64_t>(20);
    Chain chain(4, options);
    for (std::uint64_t number = 1; number <= 60; ++number) {
      ASSERT_TRUE(chain.add({number, hash_of(number)}, hash_of(number - 1)).has_value());
      ASSERT_TRUE(chain.tree->settle(hash_of(number)).has_value());
    }
    for (std::uint64_t number = 0; number <= 61; ++number) {
      auto reader = chain.tree->past_reader(number);
      const bool kept = number <= 60 && (archive || number >= 40);
      ASSERT_EQ(reader.has_value(), kept) << number;
      if (kept) {
        Chain::expect_same(**reader, chain.states.at(hash_of(number)));
      } else {
        EXPECT_TRUE(reader.error().is(Errc::not_found));
      }
    }
  }
}

TEST(StateTree, GoesBackBlockByBlockAndOnAnotherWay) {
  Chain chain(5);
  for (std::uint64_t number = 1; number <= 30; ++number) {
    ASSERT_TRUE(chain.add({number, hash_of(number)}, hash_of(number - 1)).has_value());
    ASSERT_TRUE(chain.tree->settle(hash_of(number)).has_value());
  }
  for (std::uint64_t number = 30; number > 10; --number) {
    ASSERT_TRUE(chain.tree->step_back({number - 1, hash_of(number - 1)}).has_value());
    chain.expect_same(hash_of(number - 1));
  }
  Hash parent = hash_of(10);
  for (std::uint64_t number = 11; number <= 30; ++number) {
    ASSERT_TRUE(chain.add({number, hash_of(number, 9)}, parent).has_value());
    parent = hash_of(number, 9);
    ASSERT_TRUE(chain.tree->settle(parent).has_value());
    chain.expect_same(parent);
  }
  Chain::expect_same(**chain.tree->past_reader(5), chain.states.at(hash_of(5)));
}

TEST(StateTree, DoesNotGoBackBeyondWhatIsKept) {
  StateTreeOptions options;
  options.past_blocks = 3;
  Chain chain(6, options);
  for (std::uint64_t number = 1; number <= 10; ++number) {
    ASSERT_TRUE(chain.add({number, hash_of(number)}, hash_of(number - 1)).has_value());
    ASSERT_TRUE(chain.tree->settle(hash_of(number)).has_value());
  }
  for (std::uint64_t number = 10; number > 7; --number)
    ASSERT_TRUE(chain.tree->step_back({number - 1, hash_of(number - 1)}).has_value());
  EXPECT_TRUE(chain.tree->step_back({6, hash_of(6)}).error().is(Errc::not_found));
  chain.expect_same(hash_of(7));
}

TEST(StateTree, LeavesNothingOnDiskOfWhatIsGone) {
  StateTreeOptions options;
  options.past_blocks = 2;
  Chain chain(9, options);
  for (std::uint64_t number = 1; number <= 80; ++number) {
    ASSERT_TRUE(chain.add({number, hash_of(number)}, hash_of(number - 1)).has_value());
    ASSERT_TRUE(chain.tree->settle(hash_of(number)).has_value());
  }
  // A tree that has known no other state.
  sim::Disk disk(Prng(1));
  sim::SimKeyValueFactory key_values(disk);
  auto store = key_values.open("/data/state", {.namespaces = StateTree::namespaces()});
  ASSERT_TRUE(store.has_value());
  auto fresh = StateTree::begin(**store, 0, {}, {80, hash_of(80)}, chain.states.at(hash_of(80)));
  ASSERT_TRUE(fresh.has_value());
  const std::vector<std::uint64_t> counts = chain.counts();
  auto snapshot = (*store)->snapshot();
  // Accounts, storage, and both kinds of nodes; codes stay.
  for (const port::Namespace space : {0U, 1U, 3U, 4U})
    EXPECT_EQ(counts[space], *(*snapshot)->count(space)) << StateTree::namespaces()[space];
  // Of the past, two blocks.
  EXPECT_EQ(counts[7], 2U);
  EXPECT_LE(counts[5], 2U * account_count);
}

TEST(StateTree, ProvesAccountsAndStorage) {
  Chain chain(7);
  for (std::uint64_t number = 1; number <= 20; ++number)
    ASSERT_TRUE(chain.add({number, hash_of(number)}, hash_of(number - 1)).has_value());
  ASSERT_TRUE(chain.tree->settle(hash_of(15)).has_value());
  const Hash root = *chain.tree->root_of(hash_of(20));
  for (std::uint64_t i = 0; i < account_count + 2; ++i) {
    const Address address = account_of(i);
    const auto proof = chain.tree->prove(hash_of(20), address, {1, 2, 77});
    ASSERT_TRUE(proof.has_value());
    const auto proved = verify_proof(root, keccak256(address.view()), proof->account_nodes);
    ASSERT_TRUE(proved.has_value());
    ASSERT_EQ(proved->has_value(), proof->account.has_value());
    if (!proof->account) continue;
    EXPECT_EQ(*AccountRecord::decode(**proved), *proof->account);
    for (const auto& slot : proof->slots) {
      const auto value =
          verify_proof(proof->account->storage_root, keccak256(slot.key.to_be()), slot.nodes);
      ASSERT_TRUE(value.has_value());
      EXPECT_EQ(value->has_value(), !slot.value.is_zero());
      if (*value) EXPECT_EQ(*RlpReader(**value).number(), slot.value);
    }
  }
}

TEST(StateTree, IsOneBlocksStateAfterACrashAtAnyWrite) {
  for (std::uint64_t at = 0; at < 60; ++at) {
    Chain chain(100 + at);
    chain.disk.faults().crash_at(chain.disk.faults().operations() + at);
    std::uint64_t reached = 0;
    for (std::uint64_t number = 1; number <= 12; ++number) {
      if (!chain.add({number, hash_of(number)}, hash_of(number - 1)).has_value()) break;
      if (!chain.tree->settle(hash_of(number)).has_value()) break;
      reached = number;
    }
    chain.disk.crash();
    ASSERT_TRUE(chain.reopen().has_value()) << at;
    const BlockName settled = chain.tree->settled();
    // Nothing that settle() said is there is lost; the block that was under way may be there.
    EXPECT_GE(settled.number, reached) << at;
    EXPECT_LE(settled.number, reached + 1) << at;
    EXPECT_EQ(settled.hash, hash_of(settled.number));
    if (!chain.states.contains(settled.hash)) continue;
    chain.expect_same(settled.hash);
    // And it goes on.
    Hash parent = settled.hash;
    for (std::uint64_t number = settled.number + 1; number <= 14; ++number) {
      ASSERT_TRUE(chain.add({number, hash_of(number, 5)}, parent).has_value());
      parent = hash_of(number, 5);
      ASSERT_TRUE(chain.tree->settle(parent).has_value());
    }
    chain.expect_same(parent);
  }
}

TEST(StateTree, OfAFullDiskSaysSoAndGoesOnWhenThereIsRoom) {
  Chain chain(8);
  ASSERT_TRUE(chain.add({1, hash_of(1)}, hash_of(0)).has_value());
  chain.disk.faults().fail_at(chain.disk.faults().operations(), ENOSPC);
  EXPECT_FALSE(chain.tree->settle(hash_of(1)).has_value());
  chain.expect_same(hash_of(1));
  EXPECT_EQ(chain.tree->settled().number, 0U);
  ASSERT_TRUE(chain.tree->settle(hash_of(1)).has_value());
  chain.expect_same(hash_of(1));
}

TEST(StateTree, OpensNoStoreThatItDidNotWrite) {
  sim::Disk disk(Prng(1));
  sim::SimKeyValueFactory key_values(disk);
  auto store = key_values.open("/data/state", {.namespaces = StateTree::namespaces()});
  ASSERT_TRUE(store.has_value());
  EXPECT_TRUE(StateTree::open(**store, 0, {}).error().is(Errc::not_found));
  port::Batch batch;
  batch.put(8, as_bytes("head"), as_bytes("nonsense"));
  ASSERT_TRUE((*store)->commit(batch, port::Durability::synced).has_value());
  EXPECT_TRUE(StateTree::open(**store, 0, {}).error().is(Errc::corrupt));
}

}  // namespace
}  // namespace kith::ledger
