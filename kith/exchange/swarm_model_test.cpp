#include <gtest/gtest.h>

#include <kith/exchange/test_swarm.hpp>

namespace kith::exchange {
namespace {

using namespace testing;

void many_leave(SwarmModel& model, std::size_t peers, Duration at) {
  for (std::size_t peer = 3; peer < peers; peer += 5)
    model.at(at, [&model, peer] { model.leave(peer); });
}

/// What a run is judged by. `ideal`: how long the first peer's line takes for one copy.
void expect_shared_work(const SwarmModel& model, std::size_t peers, Duration ideal) {
  EXPECT_LT(model.seed_copies(), 4);
  EXPECT_LT(model.finished().back(), 4 * ideal);
  EXPECT_LT(static_cast<double>(model.duplicates()),
            0.15 * static_cast<double>(model.file_bytes() * peers));
}

TEST(SwarmModel, TwoHundredPeersShareTheWorkOfTheFirst) {
  for (std::uint64_t blocks : {16, 64}) {
    SwarmModel model({.blocks = blocks, .block_bytes = 16 * 1024 * 1024 / blocks});
    many_leave(model, 200, 4s);
    EXPECT_TRUE(model.run(10min));
    expect_shared_work(model, 160, 6700ms);
  }
}

TEST(SwarmModel, FewPeersOfUnequalLinesShareTheWorkOfTheFirst) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    SwarmModel model({.seed = seed,
                      .peers = 40,
                      .blocks = 64,
                      .bytes_per_second_min = 1'000'000,
                      .bytes_per_second_max = 4'000'000});
    many_leave(model, 40, 6s);
    EXPECT_TRUE(model.run(10min));
    expect_shared_work(model, 32, 16800ms);
  }
}

TEST(SwarmModel, OnePeerFetchesAsFastAsTheLineCarries) {
  SwarmModel model({.peers = 2, .blocks = 256, .latency_max = 20ms, .starts_within = 1ms});
  EXPECT_TRUE(model.run(10min));
  EXPECT_LT(model.now(), 28s) << "64 MiB at 2.5 MB/s are 26.8 s";
  EXPECT_EQ(model.duplicates(), 0U);
}

TEST(SwarmModel, ASeedIsARun) {
  auto run = [] {
    SwarmModel model({.seed = 7, .peers = 30});
    model.run(10min);
    return std::tuple(model.now(), model.wants_sent(), model.uploaded(0));
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace kith::exchange
