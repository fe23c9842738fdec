// Chains among simulated nodes: the whole of them but for the program around it.
#include <kith/ledger/network/test_members.hpp>

namespace kith::ledger {
namespace {

/// A line of members, each connected with the next.
Task<void> make_line(sim::World& world, std::size_t count, Members& members) {
  for (std::size_t i = 0; i < count; ++i)
    members.push_back(std::make_unique<Member>(world, static_cast<std::uint8_t>(i + 1)));
  const std::string genesis = easy_genesis(members[0]->peer.env());
  for (std::size_t i = 0; i < count; ++i) {
    KITH_CO_CHECK(co_await members[i]->open(genesis));
    if (i > 0) KITH_CO_CHECK(co_await members[i]->connect(*members[i - 1]));
  }
  co_return Result<void>{};
}

Task<void> one_mines(sim::World& world) {
  Members members;
  KITH_CO_CHECK(co_await make_line(world, 4, members));
  KITH_CO_CHECK(begin_to_mine(*members[0]));
  const auto far = [&] { return members[3]->head().number >= 20; };
  KITH_CO_CHECK(co_await wait_for(world, far, 10min));
  members[0]->chain->stop_mining();
  KITH_CO_CHECK(co_await wait_for(world, [&] { return agree(members); }, 1min));
  co_return co_await close_all(members);
}
TEST(ChainNode, BlocksReachAllWhoAreConnected) {
  sim::run_seeds(1, 3, one_mines);
}

Task<void> late_comer(sim::World& world) {
  Members members;
  KITH_CO_CHECK(co_await make_line(world, 2, members));
  KITH_CO_CHECK(begin_to_mine(*members[0]));
  const auto far = [&] { return members[1]->head().number >= 60; };
  KITH_CO_CHECK(co_await wait_for(world, far, 20min));
  // It mines on while the new one comes.
  members.push_back(std::make_unique<Member>(world, std::uint8_t{9}));
  KITH_CO_CHECK(co_await members[2]->open(members[0]->chain->genesis_text()));
  KITH_CO_CHECK(co_await members[2]->connect(*members[1]));
  const auto caught_up = [&] { return members[2]->head().number >= members[1]->head().number; };
  KITH_CO_CHECK(co_await wait_for(world, caught_up, 2min));
  members[0]->chain->stop_mining();
  KITH_CO_CHECK(co_await wait_for(world, [&] { return agree(members); }, 1min));
  // And it goes on from there after a restart.
  const BlockName before = members[2]->head();
  KITH_CO_CHECK(co_await members[2]->chain->close_shielded());
  members[2]->chain.reset();
  KITH_CO_CHECK(co_await members[2]->reopen());
  EXPECT_EQ(members[2]->head(), before);
  co_return co_await close_all(members);
}
TEST(ChainNode, WhoComesLateGetsAllBlocks) {
  sim::run_seeds(1, 3, late_comer);
}

Task<void> two_chains_meet(sim::World& world) {
  Members members;
  const std::string genesis = [&] {
    for (std::uint8_t i = 1; i <= 2; ++i)
      members.push_back(std::make_unique<Member>(world, i));
    return easy_genesis(members[0]->peer.env());
  }();
  for (auto& member : members) {
    KITH_CO_CHECK(co_await member->open(genesis));
    KITH_CO_CHECK(begin_to_mine(*member));
  }
  // Apart from each other, each with blocks of its own; the second for longer.
  KITH_CO_CHECK(co_await wait_for(world, [&] { return members[0]->head().number >= 10; }, 10min));
  members[0]->chain->stop_mining();
  const std::uint64_t first = members[0]->head().number;
  const auto further = [&] { return members[1]->head().number > first + 10; };
  KITH_CO_CHECK(co_await wait_for(world, further, 20min));
  members[1]->chain->stop_mining();
  EXPECT_NE(*members[0]->chain->chain().hash_at(1), *members[1]->chain->chain().hash_at(1));
  const BlockName better = members[1]->head();
  KITH_CO_CHECK(co_await members[0]->connect(*members[1]));
  KITH_CO_CHECK(co_await wait_for(world, [&] { return agree(members); }, 2min));
  EXPECT_EQ(members[0]->head(), better);
  co_return co_await close_all(members);
}
TEST(ChainNode, TheBranchWithMoreWorkIsTheChain) {
  sim::run_seeds(1, 3, two_chains_meet);
}

Task<void> somebody_pays(sim::World& world) {
  Members members;
  KITH_CO_CHECK(co_await make_line(world, 3, members));
  const auto meet = [&] { return members[1]->chain->peers().size() == 2; };
  KITH_CO_CHECK(co_await wait_for(world, meet, 1min));
  // At one end a transaction is sent, at the other end blocks are made.
  const Address to = Address::of_number(0xbeef);
  for (std::uint64_t nonce = 0; nonce < 3; ++nonce) {
    send(*members[2], transfer(person(0), nonce, to));
  }
  KITH_CO_CHECK(begin_to_mine(*members[0]));
  const auto paid = [&] { return balance_of(*members[2], to) == 3; };
  KITH_CO_CHECK(co_await wait_for(world, paid, 5min));
  members[0]->chain->stop_mining();
  KITH_CO_TRY(const ChainReport report, co_await members[2]->chain->status());
  EXPECT_EQ(report.pool.pending, 0U);
  co_return co_await close_all(members);
}
TEST(ChainNode, TransactionsGetIntoOthersBlocks) {
  sim::run_seeds(1, 3, somebody_pays);
}

Task<void> another_chain(sim::World& world) {
  Members members;
  for (std::uint8_t i = 1; i <= 2; ++i)
    members.push_back(std::make_unique<Member>(world, i));
  KITH_CO_CHECK(co_await members[0]->open(easy_genesis(members[0]->peer.env(), 1)));
  KITH_CO_CHECK(co_await members[1]->open(easy_genesis(members[1]->peer.env(), 2)));
  KITH_CO_CHECK(co_await members[0]->connect(*members[1]));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 30s));
  EXPECT_TRUE(members[0]->chain->peers().empty());
  EXPECT_TRUE(members[0]->peer.swarm.connected(members[1]->peer.id()));
  co_return co_await close_all(members);
}
TEST(ChainNode, WhoHoldsAnotherChainIsNoPeerOfThisOne) {
  sim::run_test(1, another_chain);
}

}  // namespace
}  // namespace kith::ledger
