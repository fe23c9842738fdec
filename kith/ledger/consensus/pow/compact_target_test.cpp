#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/consensus/pow/compact_target.hpp>

namespace kith::ledger {
namespace {

U256 number(std::string_view text) {
  return U256::parse(text).value();
}

U256 any_number(Prng& prng) {
  return U256(prng.next(), prng.next(), prng.next(), prng.next()) >> prng.below(U256::bits);
}

TEST(CompactTarget, ReadsBitcoinsForms) {
  // Of Bitcoin's first block, of its regtest, and of the block 100,000.
  EXPECT_EQ(CompactTarget{0x1d00ffff}.target(), U256(0xffff) << 208);
  EXPECT_EQ(CompactTarget{0x207fffff}.target(), U256(0x7fffff) << 232);
  EXPECT_EQ(CompactTarget{0x1b04864c}.target(),
            number("0x4864c000000000000000000000000000000000000000000000000"));
  EXPECT_EQ(CompactTarget{0x05009234}.target(), U256(0x92340000));
  EXPECT_EQ(CompactTarget{0x04123456}.target(), U256(0x12345600));
  EXPECT_EQ(CompactTarget{0x02123456}.target(), U256(0x1234));
  EXPECT_EQ(CompactTarget{0x01123456}.target(), U256(0x12));
}

TEST(CompactTarget, RefusesWhatIsNoTarget) {
  for (const std::uint32_t bits :
       {0x00000000U, 0x00123456U, 0x01003456U, 0x02000056U, 0x03000000U, 0x20000000U,  // zero
        0x01fedcbaU, 0x04923456U, 0x1d80ffffU,                                         // below it
        0xff123456U, 0x23000001U, 0x22000100U, 0x21010000U}) {                         // too large
    EXPECT_EQ(CompactTarget{bits}.target(), std::nullopt) << bits;
  }
  EXPECT_EQ(CompactTarget{0x22000001}.target(), U256(1) << 248);
  EXPECT_EQ(CompactTarget{0x2100ffff}.target(), U256(0xffff) << 240);
}

TEST(CompactTarget, IsTheHighestThatIsNotAbove) {
  EXPECT_EQ(CompactTarget::at_most(U256()), CompactTarget{0});
  EXPECT_EQ(CompactTarget::at_most(0x80), CompactTarget{0x02008000});
  EXPECT_EQ(CompactTarget::at_most(U256::max()), CompactTarget{0x2100ffff});
  EXPECT_EQ(CompactTarget::at_most(U256::max() >> 1), CompactTarget{0x207fffff});
  Prng prng(1);
  for (int i = 0; i < 10'000; ++i) {
    const U256 target = any_number(prng) | 1;
    const CompactTarget compact = CompactTarget::at_most(target);
    const U256 back = compact.target().value();
    ASSERT_LE(back, target);
    // One more in the mantissa's last place would be above it.
    const unsigned exponent = compact.bits >> 24;
    const U256 step = exponent > 3 ? U256::power_of_two(8 * (exponent - 3)) : U256(1);
    ASSERT_TRUE(back + step > target || back + step < back);
    ASSERT_EQ(CompactTarget::at_most(back), compact);
  }
}

TEST(Difficulty, IsBitcoinsWork) {
  // The work of Bitcoin's first block, as its nodes tell it.
  EXPECT_EQ(difficulty_of_target(U256(0xffff) << 208), number("0x100010001"));
  EXPECT_EQ(difficulty_of_target(U256::max() >> 1), U256(2));
  EXPECT_EQ(difficulty_of_target(U256::max()), U256(1));
  EXPECT_EQ(difficulty_of_target(1), U256::power_of_two(255));
  EXPECT_EQ(difficulty_of_target(2), U256::max() / 3);
  EXPECT_EQ(difficulty_of_target(0), U256::max());
}

TEST(Difficulty, ComesBackFromItsTarget) {
  EXPECT_EQ(target_of_difficulty(0), U256::max());
  EXPECT_EQ(target_of_difficulty(1), U256::max());
  EXPECT_EQ(target_of_difficulty(2), U256::max() >> 1);
  Prng prng(2);
  for (int i = 0; i < 10'000; ++i) {
    const U256 difficulty = any_number(prng) | 1;
    const U256 target = target_of_difficulty(difficulty);
    ASSERT_GE(difficulty_of_target(target), difficulty);
    if (target != U256::max()) {
      ASSERT_LT(difficulty_of_target(target + 1), difficulty);
    }
    if (difficulty.bit_width() <= 128) {
      ASSERT_EQ(difficulty_of_target(target), difficulty);
    }
  }
}

}  // namespace
}  // namespace kith::ledger
