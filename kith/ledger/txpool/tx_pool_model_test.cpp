// Chance against the pool's invariants: adds, blocks, reorganisations, time, and a look at all of
// it after each step; and floods.
#include <map>
#include <set>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/txpool/test_pool.hpp>

namespace kith::ledger {
namespace {

const Address delegate = Address::of_number(0x99);

/// A chain, the pool above it, and what must be in the pool.
class World {
 public:
  World(std::uint64_t seed, PoolOptions options)
      : random_(seed), options_(options), test_(options, base_fee_) {
    for (std::uint64_t account = 0; account < accounts; ++account)
      set(account, {.nonce = random_.below(3), .balance = balance()});
  }

  void step() {
    const std::uint64_t choice = random_.below(100);
    if (choice < 85) {
      add();
    } else if (choice < 93) {
      extend(0);
    } else if (choice < 97) {
      extend(1 + random_.below(3));
    } else {
      test_.now += random_.chance(0.3) ? 4h : 30s;
      test_.pool.on_time(test_.now);
    }
    take_events();
    check();
  }

  std::uint64_t put_back() const { return put_back_; }
  std::uint64_t dropped(DropReason reason) const {
    const auto found = dropped_.find(reason);
    return found == dropped_.end() ? 0 : found->second;
  }

 private:
  static constexpr std::uint64_t accounts = 24;
  struct Owner {
    std::uint64_t nonce = 0;
    U256 balance;
    bool is_delegated = false;
  };
  struct Block {
    std::vector<PoolTransactionPointer> transactions;
    std::map<std::uint64_t, Owner> before;
  };

  U256 balance() { return U256(2'000'000) * U256(random_.between(0, 30)); }

  void set(std::uint64_t account, const Owner& owner) {
    owners_[account] = owner;
    test_.give(account, owner.balance, owner.nonce,
               owner.is_delegated ? Code::delegating_to(delegate) : Bytes());
  }

  void add() {
    const std::uint64_t from = random_.below(accounts);
    TestTransaction one{.from = from, .mark = random_.next()};
    one.nonce = owners_[from].nonce + random_.below(random_.chance(0.7) ? 4 : 12);
    if (random_.chance(0.02)) one.nonce = random_.below(3);
    one.tip = random_.below(40);
    one.fee = one.tip + random_.below(60);
    one.value = random_.below(500'000);
    if (random_.chance(0.05)) {
      one.data = 40'000;
      one.gas = 3'000'000;
      one.fee = one.tip = 1 + random_.below(3);
    }
    const auto origin = random_.chance(0.03) ? TransactionOrigin::local : TransactionOrigin::remote;
    const auto made = random_.chance(0.05) ? authorizing(one) : one.made();
    const auto added = test_.pool.add(made, origin, test_.now);
    test_.now += 1s;
    if (!added) return;
    present_.insert(made->hash);
    if (added->replaced) EXPECT_FALSE(test_.pool.contains(added->replaced->hash));
    EXPECT_EQ(added->is_pending, test_.pool.is_pending(made->hash));
  }

  /// With the authorization of an account here, whose signature is left out.
  PoolTransactionPointer authorizing(TestTransaction one) {
    one.gas = 50'000;
    Transaction plain = one.plain();
    plain.type = Transaction::Type::set_code;
    plain.authorizations.resize(1);
    auto made = std::make_shared<PoolTransaction>(
        *PoolTransaction::make(std::move(plain), test_address(one.from)));
    made->authorities = {test_address(random_.below(accounts))};
    return made;
  }

  /// Takes so many blocks away and puts at least one in their place.
  void extend(std::uint64_t back) {
    PoolHeadChange change;
    for (; back > 0 && !chain_.empty(); --back) {
      const Block block = std::move(chain_.back());
      chain_.pop_back();
      change.removed.insert(change.removed.begin(), block.transactions.begin(),
                            block.transactions.end());
      for (const auto& [account, owner] : block.before)
        set(account, owner);
    }
    for (std::uint64_t blocks = 1 + random_.below(2); blocks > 0; --blocks)
      build(change);
    base_fee_ = random_.chance(0.5) ? base_fee_ : random_.below(40);
    const bool fails = random_.chance(0.1);
    test_.state->fails = fails;
    const auto told = test_.new_head(change, base_fee_);
    test_.state->fails = false;
    if (fails && !told) EXPECT_TRUE(test_.new_head(change, base_fee_).has_value());
    for (const PoolTransactionPointer& one : change.removed) {
      if (test_.pool.contains(one->hash) && present_.insert(one->hash).second) ++put_back_;
    }
  }

  void build(PoolHeadChange& change) {
    Block block{.transactions = {}, .before = owners_};
    BestTransactions best = test_.pool.best(base_fee_);
    for (std::uint64_t left = random_.below(12); left > 0 && !best.empty(); --left) {
      const PoolTransactionPointer one = best.best();
      best.next();
      const std::uint64_t from = number_of(one->sender);
      Owner owner = owners_[from];
      if (owner.nonce != one->transaction.nonce || owner.balance < one->cost) continue;
      ++owner.nonce;
      owner.balance -= one->cost;
      set(from, owner);
      block.transactions.push_back(one);
      change.included.push_back(one->hash);
    }
    // What others did: other transactions of an account, money, delegations.
    for (std::uint64_t left = random_.below(4); left > 0; --left) {
      const std::uint64_t account = random_.below(accounts);
      Owner owner = owners_[account];
      owner.nonce += random_.below(3);
      if (random_.chance(0.5)) owner.balance = balance();
      if (random_.chance(0.1)) owner.is_delegated = !owner.is_delegated;
      set(account, owner);
    }
    chain_.push_back(std::move(block));
    if (chain_.size() > 5) chain_.erase(chain_.begin());
  }

  static std::uint64_t number_of(const Address& address) {
    return (address.to_word() - test_address(0).to_word()).low();
  }

  void take_events() {
    for (const PoolEvents events = test_.pool.take_events(); const auto& one : events.dropped) {
      ++dropped_[one.reason];
      present_.erase(one.transaction->hash);
      EXPECT_FALSE(test_.pool.contains(one.transaction->hash));
    }
  }

  void check() {
    const std::vector<AccountContent> content = test_.pool.content();
    PoolStatus found{.accounts = content.size()};
    std::size_t local_queued = 0;
    std::set<Hash> locals;
    for (const PoolTransactionPointer& one : test_.pool.locals())
      locals.insert(one->hash);
    bool is_crowded = false;
    reserved_.clear();
    for (const AccountContent& account : content) {
      for (const auto* list : {&account.pending, &account.queued}) {
        for (const PoolTransactionPointer& one : *list)
          reserved_.insert(one->authorities.begin(), one->authorities.end());
      }
    }
    for (const AccountContent& account : content) {
      check_account(account, found);
      const auto& list = account.pending.empty() ? account.queued : account.pending;
      ASSERT_FALSE(list.empty());
      const bool is_local = locals.contains(list.front()->hash);
      if (is_local) local_queued += account.queued.size();
      if (!is_local) {
        EXPECT_LE(account.queued.size(), options_.account_queue);
        is_crowded = is_crowded || account.pending.size() > options_.account_slots;
      }
    }
    const PoolStatus told = test_.pool.status();
    EXPECT_EQ(told.pending, found.pending);
    EXPECT_EQ(told.queued, found.queued);
    EXPECT_EQ(told.accounts, found.accounts);
    EXPECT_EQ(told.slots, found.slots);
    EXPECT_EQ(told.memory_bytes, found.memory_bytes);
    EXPECT_EQ(present_.size(), found.pending + found.queued);
    EXPECT_LE(told.slots, options_.global_slots + options_.global_queue);
    EXPECT_LE(told.memory_bytes, options_.memory_max);
    if (is_crowded) EXPECT_LE(told.pending, options_.global_slots);
    if (told.queued > local_queued) EXPECT_LE(told.queued, options_.global_queue);
    check_best(content);
  }

  void check_account(const AccountContent& account, PoolStatus& found) {
    const Owner& owner = owners_[number_of(account.address)];
    std::uint64_t nonce = owner.nonce;
    U256 cost;
    for (const PoolTransactionPointer& one : account.pending) {
      EXPECT_EQ(one->transaction.nonce, nonce++);
      cost += one->cost;
      count(one, true, found);
    }
    EXPECT_EQ(test_.pool.next_nonce(account.address), nonce);
    EXPECT_LE(cost, owner.balance);
    const bool is_limited = owner.is_delegated || reserved_.contains(account.address);
    if (is_limited) EXPECT_LE(account.pending.size(), 1U);
    for (const PoolTransactionPointer& one : account.queued) {
      EXPECT_GE(one->transaction.nonce, nonce);
      nonce = one->transaction.nonce + 1;
      EXPECT_LE(one->cost, owner.balance);
      count(one, false, found);
    }
    // Nothing waits that need not.
    if (!account.queued.empty() && !is_limited) {
      const PoolTransactionPointer& first = account.queued.front();
      EXPECT_TRUE(first->transaction.nonce > owner.nonce + account.pending.size() ||
                  owner.balance < cost + first->cost);
    }
  }

  void count(const PoolTransactionPointer& one, bool is_pending, PoolStatus& found) {
    EXPECT_EQ(test_.pool.find(one->hash), one);
    EXPECT_EQ(test_.pool.is_pending(one->hash), is_pending);
    EXPECT_TRUE(present_.contains(one->hash));
    ++(is_pending ? found.pending : found.queued);
    found.slots += one->slots();
    found.memory_bytes += one->memory_bytes;
  }

  /// Against the slow way: look at every account's next one.
  void check_best(const std::vector<AccountContent>& content) {
    std::map<Address, std::size_t> next;
    const auto tip_at = [&](const AccountContent& account) -> std::optional<U256> {
      const std::size_t at = next[account.address];
      if (at >= account.pending.size()) return std::nullopt;
      return effective_tip(account.pending[at]->transaction, base_fee_);
    };
    BestTransactions best = test_.pool.best(base_fee_);
    for (;; best.next()) {
      std::optional<U256> highest;
      for (const AccountContent& account : content)
        highest = std::max(highest, tip_at(account));
      ASSERT_EQ(best.empty(), !highest.has_value());
      if (best.empty()) return;
      ASSERT_EQ(best.tip(), *highest);
      const AccountContent of = test_.pool.content_from(best.best()->sender);
      ASSERT_EQ(best.best(), of.pending[next[of.address]++]);
    }
  }

  Prng random_;
  PoolOptions options_;
  std::uint64_t base_fee_ = 7;
  TestPool test_;
  std::map<std::uint64_t, Owner> owners_;
  std::vector<Block> chain_;
  std::set<Hash> present_;
  std::set<Address> reserved_;
  std::map<DropReason, std::uint64_t> dropped_;
  std::uint64_t put_back_ = 0;
};

/// Runs of a few seeds, in which each of these things must have happened: a run in which nothing
/// does proves nothing.
void run(std::uint64_t seed, std::uint64_t seeds, const PoolOptions& options,
         std::vector<DropReason> wanted) {
  std::map<DropReason, std::uint64_t> dropped;
  std::uint64_t put_back = 0;
  for (const std::uint64_t end = seed + seeds; seed < end; ++seed) {
    World world(seed, options);
    for (int step = 0; step < 1'500; ++step) {
      world.step();
      if (::testing::Test::HasFailure()) FAIL() << "seed " << seed << ", step " << step;
    }
    put_back += world.put_back();
    for (const DropReason reason : wanted)
      dropped[reason] += world.dropped(reason);
  }
  EXPECT_GT(put_back, 0U);
  for (const DropReason reason : wanted)
    EXPECT_GT(dropped[reason], 0U) << name_of(reason);
}

using enum DropReason;

TEST(TxPoolModel, KeepsItsInvariantsInASmallPool) {
  PoolOptions options;
  options.account_slots = 2;
  options.global_slots = 20;
  options.account_queue = 4;
  options.global_queue = 12;
  run(0, 8, options, {included, overtaken, replaced, unpayable, priced_out, truncated, expired});
}

TEST(TxPoolModel, KeepsItsInvariantsWhereMemoryIsShort) {
  PoolOptions options;
  options.account_slots = 3;
  options.memory_max = 120'000;
  run(100, 4, options, {included, replaced, priced_out});
}

TEST(TxPoolModel, KeepsItsInvariantsWithRoomForAll) {
  run(200, 3, {}, {included, overtaken, replaced, unpayable, expired});
}

TEST(TxPoolModel, IsARunOfItsSeed) {
  PoolOptions options;
  options.global_slots = 20;
  options.global_queue = 10;
  const auto hashes = [&] {
    TestPool test(options);
    test.give_many(60);
    Prng random(5);
    std::vector<Hash> all;
    for (int i = 0; i < 400; ++i) {
      static_cast<void>(test.add({.from = random.below(60),
                                  .nonce = random.below(3),
                                  .tip = 1 + random.below(9),
                                  .mark = random.next()}));
    }
    for (const PoolEvents::Dropped& one : test.pool.take_events().dropped)
      all.push_back(one.transaction->hash);
    return all;
  };
  const auto first = hashes();
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(first, hashes());
}

TEST(TxPoolFlood, OfManySendersKeepsItsBounds) {
  TestPool test;
  constexpr std::uint64_t senders = 100'000;
  test.give_many(senders, U256(1'000'000'000'000));
  Prng random(1);
  std::uint64_t taken = 0;
  for (std::uint64_t from = 0; from < senders; ++from) {
    TestTransaction one{.from = from, .tip = 1 + random.below(100), .fee = 200};
    if (random.chance(0.3)) one.nonce = 1 + random.below(50);
    if (random.chance(0.01)) one.data = 1'000, one.gas = 200'000;
    if (test.add(one)) ++taken;
    if (from % 2'500 == 0) ASSERT_TRUE(test.new_head().has_value());
    const PoolStatus status = test.pool.status();
    ASSERT_LE(status.slots, 5120U + 1024U);
    ASSERT_LE(status.queued, 1024U);
    test.pool.take_events();
  }
  EXPECT_GT(taken, 6'000U);
  EXPECT_GT(test.pool.status().pending, 5'000U);
  // What is left pays well.
  BestTransactions best = test.pool.best(7);
  for (int i = 0; i < 3'000; ++i)
    best.next();
  EXPECT_GT(best.tip(), U256(90));
}

TEST(TxPoolFlood, OfOneSenderLeavesOthersTheirPlaces) {
  TestPool test;
  test.give_many(400, U256(1'000'000'000'000));
  for (std::uint64_t from = 1; from < 200; ++from) {
    for (std::uint64_t nonce = 0; nonce < 16; ++nonce)
      ASSERT_TRUE(test.add({.from = from, .nonce = nonce}).has_value());
  }
  for (std::uint64_t nonce = 0; nonce < 10'000; ++nonce)
    static_cast<void>(test.add({.from = 0, .nonce = nonce, .tip = 90}));
  for (std::uint64_t from = 200; from < 320; ++from) {
    for (std::uint64_t nonce = 0; nonce < 16; ++nonce)
      ASSERT_TRUE(test.add({.from = from, .nonce = nonce}).has_value());
  }
  EXPECT_EQ(test.pool.status().pending, 5'120U);
  for (std::uint64_t from = 1; from < 320; ++from)
    EXPECT_EQ(test.pool.content_from(test_address(from)).pending.size(), 16U);
}

TEST(TxPoolFlood, OfEventsThatNobodyTakesIsBounded) {
  TestPool test;
  test.give_many(1, U256(1) << 200);
  for (std::uint64_t fee = 100, i = 0; i < pool_events_max + 10; ++i) {
    // A head makes room for the next eviction; replacing needs none.
    const auto added = test.add({.tip = fee, .fee = fee, .mark = i});
    if (!added) break;
    fee += fee / 10 + 1;
    if (fee > (1ULL << 50)) {
      test.give(0, U256(1) << 200, 1);
      ASSERT_TRUE(test.new_head().has_value());
      test.give(0, U256(1) << 200, 0);
      ASSERT_TRUE(test.new_head().has_value());
      fee = 100;
    }
  }
  const PoolEvents events = test.pool.take_events();
  EXPECT_EQ(events.dropped.size(), pool_events_max);
  EXPECT_GT(events.lost, 0U);
  EXPECT_EQ(test.pool.take_events().lost, 0U);
}

}  // namespace
}  // namespace kith::ledger
