// Drivers among each other, in virtual time (test_bft_network.hpp): every run also checks that
// nobody contradicted itself and that no two blocks of a number were final.
#include <kith/ledger/consensus/bft_driver/test_bft_network.hpp>

namespace kith::ledger {
namespace {

using Net = TestBftNetwork;

/// Which nodes are of a set that changes: each is left out of every fourth epoch or so.
std::vector<std::size_t> taking_turns(bft::Epoch epoch, std::size_t nodes) {
  std::vector<std::size_t> members;
  for (std::size_t i = 0; i < nodes; ++i) {
    if ((epoch + i) % 4 != 3 || nodes - i < 3) members.push_back(i);
  }
  return members;
}

TEST(BftDriver, FourGoFromEpochToEpoch) {
  Net net(1, {.nodes = 4});
  net.start_all();
  ASSERT_TRUE(net.reach(23)) << net.world.logs();
  for (std::size_t i = 0; i < 4; ++i) {
    const BftStatus status = net.status(i);
    EXPECT_TRUE(status.running);
    EXPECT_TRUE(status.votes) << status.why_not;
    EXPECT_EQ(status.epoch, net.rules.epoch_after(status.final_block.number));
    EXPECT_EQ(status.trouble, "");
    EXPECT_EQ(status.final_block, net.places[i].store.final_block);
    ASSERT_EQ(status.validators.size(), 4U);
    for (const BftStatus::Voter& voter : status.validators)
      EXPECT_GE(voter.heard + 2, status.view);
    EXPECT_TRUE(std::ranges::any_of(status.validators, [&](const BftStatus::Voter& voter) {
      return voter.key == status.leader;
    }));
    EXPECT_EQ(net.places[i].broke_rules, 0U);
  }
}

TEST(BftDriver, BlocksComeAtTheirPace) {
  Net net(2, {.nodes = 4});
  net.start_all();
  ASSERT_TRUE(net.reach(10));
  const Instant begin = net.world.now();
  ASSERT_TRUE(net.reach(30));
  // A second each, and the last one of an epoch once more.
  const Duration took = net.world.now() - begin;
  EXPECT_GE(took, 19s);
  EXPECT_LE(took, 25s);
}

TEST(BftDriver, SevenGoOnWhileTheSetChangesAndMessagesGetLost) {
  for (std::uint64_t seed = 1; seed <= 4 * sim::seed_factor(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Net net(seed, {.nodes = 7,
                   .epoch_length = 4,
                   .members = [](bft::Epoch epoch) { return taking_turns(epoch, 7); },
                   .loss = 0.1,
                   .doubles = 0.1,
                   .delay_max = 150ms});
    net.start_all();
    ASSERT_TRUE(net.reach(50, 600s)) << net.world.logs();
    if (HasFailure()) return;
  }
}

TEST(BftDriver, WhoIsOfNoSetFollows) {
  Net net(3,
          {.nodes = 6, .members = [](bft::Epoch) { return std::vector<std::size_t>{0, 1, 2, 3}; }});
  net.start_all();
  ASSERT_TRUE(net.reach(17, 120s)) << net.world.logs();
  EXPECT_FALSE(net.status(5).votes);
  EXPECT_NE(net.status(5).why_not.find("none of the epoch's validators"), std::string::npos);
  EXPECT_EQ(net.places[5].votes_sent, 0U);
}

TEST(BftDriver, FollowsWithoutASyncFromWhatItIsAnswered) {
  Net net(4, {.nodes = 5,
              .members = [](bft::Epoch) { return std::vector<std::size_t>{0, 1, 2, 3}; },
              .syncs = false});
  net.start_all();
  ASSERT_TRUE(net.reach(17, 200s)) << net.world.logs();
}

TEST(BftDriver, WhoWasCutOffForEpochsComesBack) {
  for (const bool syncs : {true, false}) {
    Net net(5, {.nodes = 4, .epoch_length = 4, .syncs = syncs});
    net.start_all();
    ASSERT_TRUE(net.reach(2));
    net.places[3].cut_off = true;
    ASSERT_TRUE(
        net.world.run_until([&] { return net.final_number(0) >= 18; }, net.world.now() + 300s));
    EXPECT_LE(net.final_number(3), 4U);
    net.places[3].cut_off = false;
    const std::uint64_t goal = net.newest() + 9;
    ASSERT_TRUE(net.reach(goal, 120s)) << net.world.logs();
    EXPECT_TRUE(net.votes(3)) << net.status(3).why_not;
  }
}

/// The number of disk operations that a node does until it is killed in one of them.
struct KillRun {
  bool stopped = false;
  std::string in;
};
KillRun kill_in_operation(std::uint64_t operation, bool power) {
  Net net(100 + operation, {.nodes = 4, .epoch_length = 3});
  sim::FaultPlan& faults = net.world.node(0).disk().faults();
  if (power)
    faults.crash_at(operation);
  else
    faults.kill_at(operation);
  net.start_all();
  net.world.run_until([&] { return !net.world.node(0).up() || net.final_number(1) >= 8; },
                      net.world.now() + 60s);
  KillRun run{!net.world.node(0).up(), faults.crashed_in()};
  if (!run.stopped) return run;
  net.world.run_for(700ms);
  net.places[0].driver = nullptr;
  const std::size_t sent = net.places[0].votes_sent;
  net.start(0);
  // At once: no log is lost by stopping.
  EXPECT_TRUE(net.votes(0)) << net.status(0).why_not;
  EXPECT_TRUE(net.reach(net.newest() + 7, 60s)) << net.world.logs();
  EXPECT_TRUE(net.votes(0)) << net.status(0).why_not;
  EXPECT_GT(net.places[0].votes_sent, sent);
  return run;
}

TEST(BftDriver, KilledAtEachWriteItGoesOnAndNeverVotesTwice) {
  std::set<std::string> stopped_in;
  for (const bool power : {true, false}) {
    std::uint64_t operation = 0;
    for (;; ++operation) {
      SCOPED_TRACE(testing::Message() << "operation " << operation << (power ? ", power" : ""));
      const KillRun run = kill_in_operation(operation, power);
      if (!run.stopped || HasFailure()) break;
      stopped_in.insert(run.in);
    }
    EXPECT_GT(operation, 40U);
  }
  const auto once = [&](const std::string& what) { return stopped_in.contains(what); };
  EXPECT_TRUE(once("write /data/bft/votes.log"));
  EXPECT_TRUE(once("sync /data/bft/votes.log"));
  EXPECT_TRUE(once("rename /data/bft/votes.log"));
  EXPECT_TRUE(once("rename /data/bft/epoch"));
}

TEST(BftDriver, AllKilledAtAnyMomentGoOn) {
  for (std::uint64_t seed = 1; seed <= 4 * sim::seed_factor(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Net net(seed, {.nodes = 4, .epoch_length = 4, .loss = 0.05, .doubles = 0.05});
    net.start_all();
    for (int round = 0; round < 6; ++round) {
      const std::uint64_t before = net.newest();
      net.world.run_for(std::chrono::milliseconds(net.world.prng().between(20, 7'000)));
      for (std::size_t i = 0; i < 4; ++i)
        net.kill(i, net.world.prng().chance(0.7) ? sim::Crash::power : sim::Crash::process);
      net.world.run_for(100ms);
      net.start_all();
      ASSERT_TRUE(net.reach(before + 1, 120s)) << net.world.logs();
      if (HasFailure()) return;
    }
    for (std::size_t i = 0; i < 4; ++i)
      EXPECT_TRUE(net.votes(i)) << net.status(i).why_not;
  }
}

/// Kills node 0 in epoch 1, lets its files be changed, and starts it again.
void change_log(Net& net, const std::function<void(port::FileSystem&)>& change) {
  net.start_all();
  ASSERT_TRUE(net.reach(22));
  net.kill(0);
  net.with_files(0, change);
  net.start(0);
  ASSERT_TRUE(net.world.run_until([&] { return net.up(0) && net.status(0).running; },
                                  net.world.now() + 10s));
}
Result<void> remove_log(port::FileSystem& files) {
  return files.remove("/data/bft/votes.log");
}

TEST(BftDriver, WithoutItsLogItFollowsUntilTheNextEpoch) {
  for (const bool marker_too : {false, true}) {
    Net net(7, {.nodes = 4, .epoch_length = 20});
    ASSERT_NO_FATAL_FAILURE(change_log(net, [&](port::FileSystem& files) {
      EXPECT_TRUE(remove_log(files).has_value());
      if (marker_too) EXPECT_TRUE(files.remove("/data/bft/epoch").has_value());
    }));
    EXPECT_FALSE(net.status(0).votes);
    EXPECT_NE(net.status(0).why_not.find("missing"), std::string::npos) << net.status(0).why_not;
    const std::size_t sent = net.places[0].votes_sent;
    ASSERT_TRUE(net.reach(38, 120s));
    EXPECT_EQ(net.places[0].votes_sent, sent);
    // Also if it isn't there when the epoch begins.
    net.kill(0);
    ASSERT_TRUE(net.reach(43, 120s));
    net.start(0);
    ASSERT_TRUE(net.reach(50, 120s));
    EXPECT_TRUE(net.votes(0)) << net.status(0).why_not;
    EXPECT_GT(net.places[0].votes_sent, sent);
  }
}

TEST(BftDriver, ALogOfBeforeIsNoLog) {
  Bytes old;
  Net net(8, {.nodes = 4, .epoch_length = 20});
  net.start_all();
  ASSERT_TRUE(net.reach(3));
  net.kill(0);
  net.with_files(0, [&](port::FileSystem& files) {
    old = *port::read_file(files, "/data/bft/votes.log", 1 << 20);
  });
  net.start(0);
  ASSERT_NO_FATAL_FAILURE(change_log(net, [&](port::FileSystem& files) {
    EXPECT_TRUE(port::replace_file(files, "/data/bft/votes.log", old).has_value());
  }));
  EXPECT_FALSE(net.status(0).votes);
}

TEST(BftDriver, ADamagedLogKeepsItFromVotingUntilSomebodyLooks) {
  Net net(9, {.nodes = 4, .epoch_length = 20});
  ASSERT_NO_FATAL_FAILURE(change_log(net, [&](port::FileSystem&) {
    const Bytes other(3, 0x5a);
    EXPECT_TRUE(net.world.node(0).disk().damage("/data/bft/votes.log", 60, other).has_value());
  }));
  EXPECT_FALSE(net.status(0).votes);
  EXPECT_NE(net.status(0).why_not.find("damaged"), std::string::npos) << net.status(0).why_not;
  const std::size_t sent = net.places[0].votes_sent;
  ASSERT_TRUE(net.reach(47, 120s));
  EXPECT_FALSE(net.status(0).votes);
  EXPECT_EQ(net.places[0].votes_sent, sent);
  net.kill(0);
  net.with_files(0, [](port::FileSystem& files) { EXPECT_TRUE(remove_log(files).has_value()); });
  net.start(0);
  ASSERT_TRUE(net.reach(63, 120s));
  EXPECT_TRUE(net.votes(0)) << net.status(0).why_not;
}

TEST(BftDriver, ATornTailIsCutOff) {
  Net net(10, {.nodes = 4, .epoch_length = 20});
  ASSERT_NO_FATAL_FAILURE(change_log(net, [&](port::FileSystem& files) {
    auto file = *files.open("/data/bft/votes.log", port::OpenMode::write);
    const Bytes half{0, 0, 1, 0, 7, 7, 7, 7, 0xf8};
    EXPECT_TRUE(file->write_at(*file->size(), half).has_value());
    EXPECT_TRUE(file->sync().has_value());
  }));
  EXPECT_TRUE(net.votes(0)) << net.status(0).why_not;
  ASSERT_TRUE(net.reach(net.newest() + 5));
}

TEST(BftDriver, AFullDiskStopsItsVotesUntilThereIsRoom) {
  Net net(11, {.nodes = 4, .epoch_length = 500});
  net.start_all();
  ASSERT_TRUE(net.reach(4));
  sim::Disk& disk = net.world.node(0).disk();
  disk.set_capacity(disk.used_bytes());
  ASSERT_TRUE(
      net.world.run_until([&] { return net.status(0).trouble != ""; }, net.world.now() + 10s));
  EXPECT_NE(net.status(0).trouble.find("log of votes can't be written"), std::string::npos)
      << net.status(0).trouble;
  const std::size_t sent = net.places[0].votes_sent;
  const std::uint64_t before = net.final_number(1);
  ASSERT_TRUE(net.world.run_until([&] { return net.final_number(1) >= before + 5; },
                                  net.world.now() + 120s));
  EXPECT_EQ(net.places[0].votes_sent, sent);
  disk.set_capacity(1 << 30);
  ASSERT_TRUE(net.reach(net.newest() + 5, 120s));
  EXPECT_EQ(net.status(0).trouble, "");
  EXPECT_GT(net.places[0].votes_sent, sent);
  // What was written in that time is a log to go on with.
  net.kill(0);
  net.start(0);
  ASSERT_TRUE(net.reach(net.newest() + 5, 120s));
  EXPECT_TRUE(net.votes(0)) << net.status(0).why_not;
}

TEST(BftDriver, EachFailureOfTheDiskPasses) {
  std::uint64_t operation = 0;
  for (bool failed = true; failed && !HasFailure(); ++operation) {
    SCOPED_TRACE(testing::Message() << "operation " << operation);
    Net net(300 + operation, {.nodes = 4, .epoch_length = 3});
    sim::FaultPlan& faults = net.world.node(0).disk().faults();
    faults.fail_at(operation, EIO);
    net.start_all();
    ASSERT_TRUE(net.reach(7, 60s)) << net.world.logs();
    failed = faults.operations() > operation;
    ASSERT_TRUE(net.reach(13, 60s)) << net.world.logs();
    EXPECT_TRUE(net.votes(0)) << net.status(0).why_not;
  }
  EXPECT_GT(operation, 40U);
}

TEST(BftDriver, TwoWithOneFolderDontBothVote) {
  Net net(12, {.nodes = 4});
  net.start_all();
  ASSERT_TRUE(net.reach(2));
  auto held = net.world.node(0).env().files.lock(net.folder() + "/lock");
  EXPECT_FALSE(held.has_value());
  net.kill(0);
  net.world.node(0).restart();
  auto other = net.world.node(0).env().files.lock(net.folder() + "/lock");
  ASSERT_TRUE(other.has_value());
  net.start(0);
  ASSERT_TRUE(net.reach(net.newest() + 4, 60s));
  EXPECT_FALSE(net.status(0).votes);
  EXPECT_NE(net.status(0).why_not.find("another process"), std::string::npos);
}

TEST(BftDriver, WhileNothingWaitsNoViewIsBurnt) {
  Net net(13, {.nodes = 4, .epoch_length = 1'000, .empty_blocks = false});
  net.start_all();
  net.world.run_for(10min);
  // A block a minute, in a view each.
  EXPECT_GE(net.final_number(0), 8U);
  EXPECT_LE(net.final_number(0), 11U);
  EXPECT_LE(net.status(0).view, 12U);
  EXPECT_TRUE(net.status(0).rests);
  for (int id = 1; id <= 5; ++id) {
    net.world.run_for(7s);
    const bft::View before = net.status(0).view;
    net.send_transaction(id);
    ASSERT_TRUE(net.world.run_until(
        [&] {
          return std::ranges::all_of(std::vector<std::size_t>{0, 1, 2, 3},
                                     [&](std::size_t i) { return net.is_final(id, i); });
        },
        net.world.now() + 2s))
        << id;
    EXPECT_LE(net.status(0).view, before + 2);
  }
}

TEST(BftDriver, ATransactionWakesTheOthersIfTheLeaderIsGone) {
  Net net(14, {.nodes = 4, .epoch_length = 1'000, .empty_blocks = false});
  net.start_all();
  net.world.run_for(30s);
  ASSERT_TRUE(net.status(0).rests);
  // The leader of the view in which they rest.
  const auto leader = static_cast<std::size_t>(net.status(0).leader[0]) - 1;
  net.kill(leader);
  const std::size_t one = leader == 0 ? 1 : 0;
  const bft::View before = net.status(one).view;
  net.world.run_for(20s);
  EXPECT_EQ(net.status(one).view, before);
  net.send_transaction(1);
  ASSERT_TRUE(net.world.run_until([&] { return net.is_final(1, one); }, net.world.now() + 15s))
      << net.world.logs();
}

TEST(BftDriver, ATransactionThatOnlyTwoKnowIsFinalSoon) {
  Net net(15, {.nodes = 4, .epoch_length = 1'000, .empty_blocks = false});
  net.start_all();
  net.world.run_for(30s);
  net.send_transaction(1, 0, 2);
  ASSERT_TRUE(net.world.run_until([&] { return net.is_final(1, 3); }, net.world.now() + 15s))
      << net.world.logs();
}

TEST(BftDriver, EpochsEndWithoutTransactions) {
  Net net(16, {.nodes = 4, .epoch_length = 3, .empty_blocks = false, .loss = 0.1});
  net.start_all();
  ASSERT_TRUE(net.reach(10, 30min)) << net.world.logs();
}

/// Two votes of node 3 that contradict each other, as node 0 gets them.
void lie_to_node_0(Net& net) {
  const auto set = net.set_of(net.status(0).epoch);
  const auto index = *set->find(Net::key(3));
  const bft::View view = net.status(0).view + 1;
  for (const std::uint64_t block : {1'000'001, 1'000'002}) {
    const bft::Vote vote = bft::fake_vote(bft::VoteKind::notarize, {view, 0, bft::test_hash(block)},
                                          index, net.status(0).epoch);
    net.places[0].driver->on_message(Net::key(3), bft::encode_message(vote));
  }
  ASSERT_TRUE(net.world.run_until([&] { return !net.places[0].accusations.empty(); },
                                  net.world.now() + 5s));
}

TEST(BftDriver, EvidenceOutlivesARestart) {
  Net net(17, {.nodes = 4, .epoch_length = 500});
  net.start_all();
  ASSERT_TRUE(net.reach(3));
  net.kill(3);
  ASSERT_NO_FATAL_FAILURE(lie_to_node_0(net));
  ASSERT_EQ(net.places[0].accusations.size(), 1U);
  const BftAccusation found = net.places[0].accusations[0];
  EXPECT_EQ(found.accused, Net::key(3));
  EXPECT_TRUE(found.evidence.is_valid(*net.set_of(0), bft::FakeVerifier()));
  net.world.run_for(1s);
  net.places[0].accusations.clear();
  net.kill(0);
  net.start(0);
  ASSERT_TRUE(net.world.run_until([&] { return !net.places[0].accusations.empty(); },
                                  net.world.now() + 5s));
  EXPECT_EQ(net.places[0].accusations[0], found);
}

TEST(BftDriver, WhatIsNoMessageIsToldOf) {
  Net net(18, {.nodes = 4, .epoch_length = 500});
  net.start_all();
  ASSERT_TRUE(net.reach(2));
  BftDriver& driver = *net.places[0].driver;
  driver.on_message(Net::key(3), to_bytes("no message"));
  EXPECT_EQ(net.places[3].broke_rules, 1U);
  driver.on_message(Net::key(3), Bytes(bft::message_bytes_max + 1));
  EXPECT_EQ(net.places[3].broke_rules, 2U);
  bft::Vote forged = bft::fake_vote(bft::VoteKind::nullify, {net.status(0).view, 0, {}}, 3);
  forged.signature[0] ^= 1;
  driver.on_message(Net::key(3), bft::encode_message(forged));
  net.world.run_for(10ms);
  EXPECT_EQ(net.places[3].broke_rules, 3U);
}

TEST(BftDriver, StrangersFloodInVain) {
  Net net(19, {.nodes = 4, .epoch_length = 500, .loss = 0.02});
  net.start_all();
  ASSERT_TRUE(net.reach(2));
  Prng prng(5);
  for (int round = 0; round < 200; ++round) {
    bft::ValidatorKey stranger{};
    prng.fill(stranger);
    for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
      const bft::Message request = bft::Request{epoch, {{1, bft::Request::either}}};
      const bft::Message vote = bft::fake_vote(bft::VoteKind::nullify, {7, 0, {}}, 1, epoch);
      for (int again = 0; again < 40 && net.up(0); ++again) {
        net.places[0].driver->on_message(stranger, bft::encode_message(request));
        net.places[0].driver->on_message(stranger, bft::encode_message(vote));
      }
    }
    net.world.run_for(10ms);
  }
  ASSERT_TRUE(net.reach(net.newest() + 5));
  EXPECT_TRUE(net.places[0].accusations.empty());
}

TEST(BftDriver, ASeedIsARun) {
  const auto run = [] {
    Net net(20, {.nodes = 4, .epoch_length = 4, .loss = 0.1, .doubles = 0.1});
    net.start_all();
    EXPECT_TRUE(net.reach(9, 120s));
    return net.world.trace_hash();
  };
  EXPECT_EQ(run(), run());
}

TEST(BftKeys, AreEd25519) {
  std::array<std::uint8_t, 32> seed{9};
  const auto key = crypto::PrivateKey::from_ed25519_seed(seed);
  const Hash genesis = bft::test_hash(5);
  const auto keys = *make_bft_keys(genesis, key);
  ASSERT_TRUE(keys->self().has_value());
  const auto shown = key.public_key();
  EXPECT_TRUE(equal(*keys->self(), shown.data()));
  const auto set = *bft::ValidatorSet::make({{*keys->self(), 5}});
  const bft::Statement says{3, bft::VoteKind::notarize, {4, 2, bft::test_hash(6)}};
  const bft::Signature signature = keys->signer(0)->sign(says);
  EXPECT_TRUE(keys->verifier(set)->verify(says, 0, signature));
  bft::Statement other = says;
  other.epoch = 4;
  EXPECT_FALSE(keys->verifier(set)->verify(other, 0, signature));
  EXPECT_FALSE((*make_bft_keys(bft::test_hash(7), key))->verifier(set)->verify(says, 0, signature));
  EXPECT_FALSE((*make_bft_keys(genesis, std::nullopt))->self().has_value());
}

}  // namespace
}  // namespace kith::ledger
