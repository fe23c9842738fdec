#include <cmath>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/base/test_fixtures.hpp>
#include <kith/ledger/consensus/pow/asert.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint64_t spacing_s = 600;
constexpr AsertParameters bitcoin_cash{spacing_s, 172'800, U256(0, 0, 0, 0xffff0000)};

TEST(Asert, MeetsTheSpecificationsVectors) {
  std::ifstream file(std::string(KITH_SOURCE_DIR) + "/tests/vectors/asert/runs.txt");
  AsertAnchor anchor;
  std::uint64_t number = 0;
  std::uint64_t time_s = 0;
  int runs = 0;
  int blocks = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream words(line);
    std::string word;
    std::uint32_t bits = 0;
    if (line.starts_with("run")) {
      words >> word >> number >> time_s >> std::hex >> bits;
      anchor = {number, time_s + spacing_s, CompactTarget{bits}.target().value()};
      ++runs;
    } else {
      std::int64_t number_step = 0;
      std::int64_t time_step = 0;
      words >> number_step >> time_step >> std::hex >> bits;
      number += static_cast<std::uint64_t>(number_step);
      time_s += static_cast<std::uint64_t>(time_step);
      ++blocks;
      ASSERT_EQ(next_asert_target(bitcoin_cash, anchor, number, time_s), CompactTarget{bits})
          << "run " << runs << ": " << line;
    }
    ASSERT_TRUE(words) << line;
  }
  EXPECT_EQ(runs, 10);
  EXPECT_EQ(blocks, 3'000);
}

TEST(Asert, TargetsAreAtTheEndsFarFromTheSchedule) {
  const AsertParameters easy{10, 2'880, U256::max()};
  for (const U256& target : {U256(1), U256::power_of_two(100), U256::max()}) {
    const AsertAnchor anchor{.number = 7, .time_s = 1'000'000, .target = target};
    EXPECT_EQ(next_asert_target(easy, anchor, 7, ~0ULL), CompactTarget{0x2100ffff});
    EXPECT_EQ(next_asert_target(easy, anchor, ~0ULL, 1'000'000), CompactTarget{0x01010000});
    EXPECT_EQ(next_asert_target(easy, anchor, 7, 1'000'000), CompactTarget::at_most(target));
    EXPECT_EQ(next_asert_target(easy, anchor, 0, 1'000'000),
              next_asert_target(easy, anchor, 7, 1'000'070));
  }
}

/// Against a number with a fraction: the cubic is off by less than 0.013 %.
TEST(Asert, IsCloseToThePowerOfTwo) {
  Prng prng(3);
  const AsertParameters parameters{10, 2'880, U256::max() >> 1};
  for (int i = 0; i < 20'000; ++i) {
    const AsertAnchor anchor{
        .number = 0, .time_s = 1'000'000'000, .target = U256(prng.next()) << prng.between(40, 180)};
    const std::uint64_t number = prng.below(10'000);
    const std::uint64_t time_s = anchor.time_s + 10 * number + prng.below(40'000) - 20'000;
    const U256 got = next_asert_target(parameters, anchor, number, time_s).target().value();
    const auto as_double = [](const U256& value) {
      return std::ldexp(static_cast<double>(value.limb(3)), 192) +
             std::ldexp(static_cast<double>(value.limb(2)), 128) +
             std::ldexp(static_cast<double>(value.limb(1)), 64) +
             static_cast<double>(value.limb(0));
    };
    const double behind_s = static_cast<double>(time_s) - static_cast<double>(anchor.time_s) -
                            10.0 * static_cast<double>(number);
    const double wanted = as_double(anchor.target) * std::exp2(behind_s / 2'880);
    // A compact target has at least 15 bits.
    ASSERT_NEAR(as_double(got) / wanted, 1, 0.00013 + 1.0 / (1 << 15));
  }
}

}  // namespace
}  // namespace kith::ledger
