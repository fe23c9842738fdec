#include <gtest/gtest.h>

#include <kith/ledger/sync/fork_id.hpp>

namespace kith::ledger {
namespace {

const Hash main_genesis =
    *Hash::parse("0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");

/// The main chain as EIP-6122 dreams it: a netsplit at the merge, withdrawals at a time.
ForkSchedule withdrawals() {
  ForkSchedule schedule;
  schedule.change_numbers = {1'150'000,  1'920'000,  2'463'000, 2'675'000,  4'370'000,
                             7'280'000,  9'069'000,  9'200'000, 12'244'000, 12'965'000,
                             13'773'000, 15'050'000, 18'000'000};
  schedule.change_times = {1'668'000'000};
  return schedule;
}

/// As EIP-2124 found it.
ForkSchedule petersburg() {
  ForkSchedule schedule;
  schedule.change_numbers = {1'150'000, 1'920'000, 2'463'000, 2'675'000, 4'370'000, 7'280'000};
  return schedule;
}

TEST(ForkId, IsThatOfTheVectorsOfEip2124And6122) {
  struct Case {
    std::uint64_t number;
    std::uint64_t timestamp;
    ForkId wanted;
  };
  const std::vector<Case> cases{{0, 0, {0xfc64ec04, 1'150'000}},
                                {1'149'999, 0, {0xfc64ec04, 1'150'000}},
                                {1'150'000, 0, {0x97c2c34c, 1'920'000}},
                                {1'919'999, 0, {0x97c2c34c, 1'920'000}},
                                {1'920'000, 0, {0x91d1f948, 2'463'000}},
                                {2'463'000, 0, {0x7a64da13, 2'675'000}},
                                {2'675'000, 0, {0x3edd5b10, 4'370'000}},
                                {4'370'000, 0, {0xa00bc324, 7'280'000}},
                                {7'279'999, 0, {0xa00bc324, 7'280'000}},
                                {7'280'000, 0, {0x668db0af, 9'069'000}},
                                {9'069'000, 0, {0x879d6e30, 9'200'000}},
                                {9'200'000, 0, {0xe029e991, 12'244'000}},
                                {12'244'000, 0, {0x0eb440f6, 12'965'000}},
                                {12'965'000, 0, {0xb715077d, 13'773'000}},
                                {13'773'000, 0, {0x20c327fc, 15'050'000}},
                                {15'050'000, 0, {0xf0afd0e3, 18'000'000}},
                                {18'000'000, 0, {0x4fb8a872, 1'668'000'000}},
                                {20'000'000, 0, {0x4fb8a872, 1'668'000'000}},
                                {20'000'000, 1'668'000'000, {0xc1fdf181, 0}},
                                {20'000'000, 2'668'000'000, {0xc1fdf181, 0}}};
  for (const Case& one : cases)
    EXPECT_EQ(fork_id(main_genesis, withdrawals(), one.number, one.timestamp), one.wanted)
        << one.number;
  EXPECT_EQ(fork_id(main_genesis, petersburg(), 7'987'396, 0), (ForkId{0x668db0af, 0}));
}

struct Meeting {
  std::uint64_t number;
  std::uint64_t timestamp;
  ForkId remote;
  ForkMatch wanted;
};

void expect(const ForkSchedule& schedule, const std::vector<Meeting>& all) {
  for (const Meeting& one : all)
    EXPECT_EQ(match_fork_id(one.remote, main_genesis, schedule, one.number, one.timestamp),
              one.wanted)
        << one.number << " meets " << std::hex << one.remote.hash << " " << one.remote.next;
}

constexpr std::uint64_t some_day = ~0ULL;

TEST(ForkId, MatchesAsEip2124Says) {
  using enum ForkMatch;
  expect(petersburg(), {{7'987'396, 0, {0x668db0af, 0}, compatible},
                        {7'987'396, 0, {0x668db0af, some_day}, compatible},
                        {7'279'999, 0, {0xa00bc324, 0}, compatible},
                        {7'279'999, 0, {0xa00bc324, 7'280'000}, compatible},
                        {7'279'999, 0, {0xa00bc324, some_day}, compatible},
                        {7'987'396, 0, {0xa00bc324, 7'280'000}, compatible},
                        {7'987'396, 0, {0x3edd5b10, 4'370'000}, compatible},
                        {7'279'999, 0, {0x668db0af, 0}, compatible},
                        {4'369'999, 0, {0xa00bc324, 0}, compatible},
                        {7'987'396, 0, {0xa00bc324, 0}, remote_stale},
                        {7'987'396, 0, {0x5cddc0e1, 0}, incompatible_or_local_stale},
                        {7'279'999, 0, {0x5cddc0e1, 0}, incompatible_or_local_stale},
                        {7'987'396, 0, {0xafec6b27, 0}, incompatible_or_local_stale},
                        {88'888'888, 0, {0x668db0af, 88'888'888}, incompatible_or_local_stale},
                        {7'279'999, 0, {0xa00bc324, 7'279'999}, incompatible_or_local_stale}});
}

TEST(ForkId, MatchesAsEip6122Says) {
  using enum ForkMatch;
  constexpr std::uint64_t height = 20'000'000;
  constexpr std::uint64_t before = 1'667'999'999;
  constexpr std::uint64_t after = 1'668'000'001;
  expect(withdrawals(), {{height, after, {0xc1fdf181, 0}, compatible},
                         {height, after, {0xc1fdf181, some_day}, compatible},
                         {7'279'999, before, {0xa00bc324, 0}, compatible},
                         {7'279'999, before, {0xa00bc324, 7'280'000}, compatible},
                         {7'279'999, before, {0xa00bc324, some_day}, compatible},
                         {height, before + 1, {0xa00bc324, 7'280'000}, compatible},
                         {height, after, {0xa00bc324, 7'280'000}, compatible},
                         {height, after, {0x3edd5b10, 4'370'000}, compatible},
                         {7'279'999, before, {0x668db0af, 0}, compatible},
                         {4'369'999, before, {0xa00bc324, 0}, compatible},
                         {height, after, {0xa00bc324, 0}, remote_stale},
                         {height, after, {0x5cddc0e1, 0}, incompatible_or_local_stale},
                         {height, after, {0xafec6b27, 0}, incompatible_or_local_stale},
                         {88'888'888, after, {0xf0afd0e3, 88'888'888}, remote_stale},
                         {height, after, {0xa00bc324, 7'279'999}, remote_stale}});
}

TEST(ForkId, OfAChainWithoutChangesIsItsGenesis) {
  const ForkSchedule none;
  const ForkId id = fork_id(main_genesis, none, 5, 5);
  EXPECT_EQ(id, (ForkId{0xfc64ec04, 0}));
  EXPECT_EQ(match_fork_id(id, main_genesis, none, 0, 0), ForkMatch::compatible);
  EXPECT_EQ(match_fork_id(id, Hash(), none, 0, 0), ForkMatch::incompatible_or_local_stale);
}

}  // namespace
}  // namespace kith::ledger
