#include <algorithm>
#include <map>
#include <ranges>

#include <gtest/gtest.h>

#include <kith/exchange/ready_peers.hpp>
#include <kith/exchange/test_network.hpp>

namespace kith::exchange {
namespace {

using testing::peer_id;
using Place = ReadyPeers::Place;

TEST(ReadyPeers, TheFirstIsWhoWasServedTheLeastOfThoseTheRoomSufficesFor) {
  ReadyPeers peers(1);
  EXPECT_EQ(peers.first(1000), nullptr);
  EXPECT_EQ(peers.least_needed(), ReadyPeers::nobody);
  peers.insert({10, peer_id(1)}, 500);
  peers.insert({20, peer_id(2)}, 100);
  peers.insert({30, peer_id(3)}, 50);
  EXPECT_EQ(*peers.first(500), Place(10, peer_id(1)));
  EXPECT_EQ(*peers.first(499), Place(20, peer_id(2)));
  EXPECT_EQ(*peers.first(99), Place(30, peer_id(3)));
  EXPECT_EQ(peers.first(49), nullptr);
  EXPECT_EQ(peers.least_needed(), 50U);
  peers.erase({30, peer_id(3)});
  EXPECT_EQ(peers.least_needed(), 100U);
  EXPECT_EQ(peers.size(), 2U);
}

TEST(ReadyPeers, AgreesWithASlowReference) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    ReadyPeers peers(seed);
    std::map<Place, std::uint64_t> reference;
    for (int step = 0; step < 2000; ++step) {
      const Place place(prng.below(20), peer_id(static_cast<std::uint32_t>(prng.below(20))));
      auto known = reference.find(place);
      if (known != reference.end()) {
        reference.erase(known);
        peers.erase(place);
      } else if (prng.chance(0.7)) {
        const std::uint64_t bytes_needed = 1 + prng.below(100);
        reference.emplace(place, bytes_needed);
        peers.insert(place, bytes_needed);
      }
      const std::uint64_t bytes = prng.below(100);
      auto first = std::ranges::find_if(
          reference, [bytes](const auto& entry) { return entry.second <= bytes; });
      const Place* found = peers.first(bytes);
      ASSERT_EQ(found == nullptr, first == reference.end());
      if (found != nullptr) ASSERT_EQ(*found, first->first);
      ASSERT_EQ(peers.size(), reference.size());
      ASSERT_EQ(peers.least_needed(), reference.empty()
                                          ? ReadyPeers::nobody
                                          : std::ranges::min(reference | std::views::values));
    }
  }
}

/// In the order of their coming, as a peer might choose it; a tree of that depth would overflow
/// the stack.
TEST(ReadyPeers, NoOrderOfComingMakesItDeep) {
  ReadyPeers peers(1);
  const PeerId peer = peer_id(1);
  for (std::uint64_t i = 0; i < 1'000'000; ++i)
    peers.insert({i, peer}, 1'000'000 - i);
  EXPECT_EQ(*peers.first(1), Place(999'999, peer));
  for (std::uint64_t i = 0; i < 1'000'000; ++i)
    peers.erase({i, peer});
  EXPECT_TRUE(peers.empty());
}

}  // namespace
}  // namespace kith::exchange
