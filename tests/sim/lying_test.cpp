// Peers that lie: the honest ones get the right file, and drop those who send what wasn't asked
// for.
#include <gtest/gtest.h>

#include <kith/exchange/limits.hpp>

#include "swarm.hpp"

namespace kith::scenario {
namespace {

/// Whoever was sent more than limits.hpp forgives has dropped the liar.
std::size_t expect_liars_dropped(Swarm& swarm) {
  std::size_t dropped = 0;
  for (std::size_t i = 0; i < swarm.liars(); ++i) {
    for (const auto& [peer, dealing] : swarm.liar(i).dealings()) {
      if (dealing.disconnected > 0) ++dropped;
      if (dealing.blocks_sent <= exchange::unasked_blocks_max) continue;
      EXPECT_GT(dealing.disconnected, 0U)
          << "was sent " << dealing.blocks_sent << " wrong blocks and stayed connected";
    }
  }
  return dropped;
}

std::uint64_t fetch_among_liars(std::uint64_t seed, std::size_t liars, std::vector<Lie> lies,
                                bool alone = false) {
  Swarm swarm(seed, {.peers = 16,
                     .neighbours = 6,
                     .file_bytes = 4 << 20,
                     .liars = liars,
                     .lies = std::move(lies),
                     .peer = {.chunk_bytes = 64 * 1024}});
  swarm.begins();
  // At first there are only liars to ask.
  if (alone) swarm.world().net().isolate(swarm.peer(0).machine().id());
  swarm.all_fetch();
  if (alone) swarm.run_until([] { return false; }, 3min);
  swarm.world().net().heal();
  // Nodes with connections enough look for no others: without a DHT only people bring it back.
  for (std::size_t i = 1; alone && i < swarm.size(); ++i)
    swarm.peer(i).dials_again();
  swarm.expect_all_done();
  // What the liars have sent may still be on its way.
  swarm.run_until([] { return false; }, 10s);
  const std::size_t dropped = expect_liars_dropped(swarm);
  if (alone) EXPECT_GT(dropped, 0U);
  swarm.tell();
  return swarm.world().trace_hash();
}

TEST(Lying, WrongBytesAreNeverKeptAndTheirSendersAreDropped) {
  run_seeds(1, 2, [](std::uint64_t seed) {
    return fetch_among_liars(seed, 6, {Lie::wrong_bytes}, true);
  });
}

TEST(Lying, PromisesThatAreNotKeptHoldNobodyUp) {
  run_seeds(1, 2,
            [](std::uint64_t seed) { return fetch_among_liars(seed, 6, {Lie::empty_promise}); });
}

TEST(Lying, DripsHoldNobodyUp) {
  run_seeds(1, 2, [](std::uint64_t seed) { return fetch_among_liars(seed, 6, {Lie::drip}); });
}

TEST(Lying, WhoSendsWhatNobodyAskedForIsDropped) {
  run_seeds(1, 2,
            [](std::uint64_t seed) { return fetch_among_liars(seed, 6, {Lie::unasked}, true); });
}

TEST(Lying, LiarsOfAllKindsTogetherHinderNobody) {
  run_seeds(1, 2, [](std::uint64_t seed) {
    return fetch_among_liars(seed, 7,
                             {Lie::wrong_bytes, Lie::empty_promise, Lie::drip, Lie::unasked});
  });
}

}  // namespace
}  // namespace kith::scenario
