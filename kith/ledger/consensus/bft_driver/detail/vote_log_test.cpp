#include <errno.h>

#include <kith/ledger/consensus/bft/test_validators.hpp>
#include <kith/ledger/consensus/bft_driver/detail/vote_log.hpp>
#include <kith/sim/testing.hpp>

namespace kith::ledger::detail {
namespace {

const std::string folder = "/data/bft";

bft::Snapshot beginning(bft::Epoch epoch) {
  return {epoch, bft::test_hash(1), bft::test_hash(2), {}, {}};
}
bft::Vote vote(bft::View view, bft::Epoch epoch) {
  return bft::fake_vote(bft::VoteKind::nullify, {view, 0, {}}, 1, epoch);
}

/// A log of that epoch with that many votes.
Task<void> write_log(VoteLog& log, bft::Epoch epoch, bft::View votes) {
  log.append(beginning(epoch), true);
  KITH_CO_CHECK(co_await log.sync());
  for (bft::View view = 1; view <= votes; ++view) {
    log.append(vote(view, epoch), false);
    KITH_CO_CHECK(co_await log.sync());
  }
  co_return Result<void>{};
}

Task<void> goes_on(sim::World& world) {
  port::Env& env = world.add_node().env();
  {
    VoteLog log(env, folder);
    KITH_CO_TRY(VoteLog::Begun begun, co_await log.begin(0, true));
    EXPECT_TRUE(begun.may_vote);
    EXPECT_TRUE(begun.records.empty());
    KITH_CO_CHECK(co_await write_log(log, 0, 3));
    VoteLog other(env, folder);
    KITH_CO_TRY(begun, co_await other.begin(0, true));
    EXPECT_FALSE(begun.may_vote);
    EXPECT_NE(begun.why_not.find("another process"), std::string::npos) << begun.why_not;
  }
  VoteLog log(env, folder);
  KITH_CO_TRY(VoteLog::Begun begun, co_await log.begin(0, false));
  EXPECT_TRUE(begun.may_vote) << begun.why_not;
  KITH_CO_REQUIRE(begun.records.size() == 4);
  EXPECT_EQ(begun.records[3], bft::Record(vote(3, 0)));
  // Of the next epoch nothing was logged.
  KITH_CO_TRY(begun, co_await log.begin(1, false));
  EXPECT_TRUE(begun.may_vote);
  EXPECT_TRUE(begun.records.empty());
  co_return Result<void>{};
}
TEST(VoteLog, GoesOnWhereItEnds) {
  sim::run_test(1, goes_on);
}

Task<void> of_a_later_epoch(sim::World& world) {
  port::Env& env = world.add_node().env();
  VoteLog log(env, folder);
  KITH_CO_CHECK(co_await log.begin(5, true));
  KITH_CO_CHECK(co_await write_log(log, 5, 2));
  KITH_CO_TRY(VoteLog::Begun begun, co_await log.begin(3, false));
  EXPECT_FALSE(begun.may_vote);
  EXPECT_NE(begun.why_not.find("lost blocks"), std::string::npos) << begun.why_not;
  KITH_CO_TRY(begun, co_await log.begin(5, false));
  EXPECT_TRUE(begun.may_vote);
  EXPECT_EQ(begun.records.size(), 3U);
  co_return Result<void>{};
}
TEST(VoteLog, OfALaterEpochIsKeptUntilTheChainIsThere) {
  sim::run_test(2, of_a_later_epoch);
}

Task<void> nothing_there(sim::World& world) {
  port::Env& env = world.add_node().env();
  {
    VoteLog log(env, folder);
    KITH_CO_TRY(const VoteLog::Begun begun, co_await log.begin(2, false));
    EXPECT_FALSE(begun.may_vote);
    EXPECT_NE(begun.why_not.find("missing"), std::string::npos) << begun.why_not;
  }
  {
    VoteLog log(env, folder);
    KITH_CO_TRY(VoteLog::Begun begun, co_await log.begin(2, false));
    EXPECT_FALSE(begun.may_vote);
    KITH_CO_TRY(begun, co_await log.begin(3, false));
    EXPECT_TRUE(begun.may_vote) << begun.why_not;
  }
  co_return Result<void>{};
}
TEST(VoteLog, WithoutOneNobodyVotesBeforeTheNextEpoch) {
  sim::run_test(3, nothing_there);
}

Task<void> bad_marker(sim::World& world) {
  port::Env& env = world.add_node().env();
  KITH_CO_CHECK(env.files.make_directories(folder));
  for (const std::string_view text : {"", "epoch", "epoch 3", "epoch 3x\n", "3\n"}) {
    KITH_CO_CHECK(port::replace_file(env.files, folder + "/epoch", as_bytes(text)));
    VoteLog log(env, folder);
    KITH_CO_TRY(VoteLog::Begun begun, co_await log.begin(4, true));
    EXPECT_FALSE(begun.may_vote) << text;
    KITH_CO_TRY(begun, co_await log.begin(5, false));
    EXPECT_TRUE(begun.may_vote) << begun.why_not;
  }
  co_return Result<void>{};
}
TEST(VoteLog, AMarkerThatCantBeReadMayHaveSaidAnyEpoch) {
  sim::run_test(4, bad_marker);
}

Task<void> failures(sim::World& world, int& error) {
  sim::Node& node = world.add_node();
  port::Env& env = node.env();
  sim::FaultPlan& faults = node.disk().faults();
  std::size_t failed = 0;
  for (std::uint64_t operation = 0; operation < 12; ++operation) {
    const std::string place = folder + std::to_string(operation);
    {
      VoteLog log(env, place);
      KITH_CO_CHECK(co_await log.begin(1, true));
      faults.fail_at(faults.operations() + operation, error);
      log.append(beginning(1), true);
      for (bft::View view = 1; view <= 3; ++view) {
        // As the driver does.
        for (;;) {
          auto synced = co_await log.sync();
          if (synced) break;
          ++failed;
        }
        log.append(vote(view, 1), false);
      }
      KITH_CO_CHECK(co_await log.sync());
    }
    faults.clear();
    VoteLog again(env, place);
    KITH_CO_TRY(const VoteLog::Begun begun, co_await again.begin(1, false));
    EXPECT_TRUE(begun.may_vote) << begun.why_not;
    EXPECT_EQ(begun.records.size(), 4U) << operation;
  }
  EXPECT_GE(failed, 10U);
  co_return Result<void>{};
}
TEST(VoteLog, AfterAFailureAllIsWrittenAgain) {
  for (int error : {EIO, ENOSPC})
    sim::run_test(5, failures, error);
}

}  // namespace
}  // namespace kith::ledger::detail
