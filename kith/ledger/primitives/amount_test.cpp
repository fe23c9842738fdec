#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/primitives/amount.hpp>

namespace kith::ledger {
namespace {

U256 wei(std::string_view decimal) {
  return U256::parse(decimal).value();
}

TEST(Amount, IsReadInEtherUnlessItSaysItsUnit) {
  EXPECT_EQ(parse_amount("1"), wei("1000000000000000000"));
  EXPECT_EQ(parse_amount("0.25"), wei("250000000000000000"));
  EXPECT_EQ(parse_amount(".5"), wei("500000000000000000"));
  EXPECT_EQ(parse_amount("2."), wei("2000000000000000000"));
  EXPECT_EQ(parse_amount("1.5ether"), wei("1500000000000000000"));
  EXPECT_EQ(parse_amount("1.5 ETH"), wei("1500000000000000000"));
  EXPECT_EQ(parse_amount("5gwei"), wei("5000000000"));
  EXPECT_EQ(parse_amount("100wei"), wei("100"));
  EXPECT_EQ(parse_amount("3finney"), wei("3000000000000000"));
  EXPECT_EQ(parse_amount("3szabo"), wei("3000000000000"));
  EXPECT_EQ(parse_amount("0"), U256());
}

TEST(Amount, CountsAPlainNumberInTheUnitThatIsAskedFor) {
  EXPECT_EQ(parse_amount("20", EtherUnit::wei), wei("20"));
  EXPECT_EQ(parse_amount("1.5", EtherUnit::gwei), wei("1500000000"));
  EXPECT_EQ(parse_amount("1.5gwei", EtherUnit::wei), wei("1500000000"));
}

TEST(Amount, OfAFractionOfAWeiIsNone) {
  EXPECT_EQ(parse_amount("0.000000000000000001"), U256(1));
  EXPECT_EQ(parse_amount("0.0000000000000000010"), U256(1));
  EXPECT_FALSE(parse_amount("0.0000000000000000001"));
  EXPECT_FALSE(parse_amount("1.5wei"));
  EXPECT_EQ(parse_amount("1.0wei"), U256(1));
}

TEST(Amount, HasTheEndOf256Bits) {
  const std::string most = U256::max().to_decimal();
  EXPECT_EQ(parse_amount(most + "wei"), U256::max());
  std::string more = most;
  ++more.back();
  EXPECT_FALSE(parse_amount(more + "wei"));
  EXPECT_FALSE(parse_amount(most));
  EXPECT_EQ(parse_amount(std::string(1'000, '0') + "1wei"), U256(1));
}

TEST(Amount, IsNothingElse) {
  for (const char* text : {"", ".", "-1", "+1", "1,5", "1e3", "0x10", "1.2.3", "1 000", "ether",
                           "1ethers", "1  ether", " 1", "1 ", "1ether ", "\x1b[31m1"})
    EXPECT_FALSE(parse_amount(text)) << text;
}

TEST(Amount, IsWrittenWhole) {
  EXPECT_EQ(format_amount(U256()), "0");
  EXPECT_EQ(format_amount(U256(1)), "0.000000000000000001");
  EXPECT_EQ(format_amount(wei("21000000000000")), "0.000021");
  EXPECT_EQ(format_amount(wei("1500000000000000000")), "1.5");
  EXPECT_EQ(format_amount(wei("10000000000000000000000")), "10000");
  EXPECT_EQ(format_amount(U256(1'500'000'000), EtherUnit::gwei), "1.5");
  EXPECT_EQ(format_amount(U256(100), EtherUnit::wei), "100");
}

TEST(Amount, IsReadAsItWasWritten) {
  Prng random(7);
  for (int i = 0; i < 2'000; ++i) {
    const U256 any =
        U256(random.next(), random.next(), random.next(), random.next()) >> (random.next() % 256);
    for (const EtherUnit unit : {EtherUnit::wei, EtherUnit::gwei, EtherUnit::ether})
      EXPECT_EQ(parse_amount(format_amount(any, unit), unit), any);
  }
}

}  // namespace
}  // namespace kith::ledger
