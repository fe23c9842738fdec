#include <gtest/gtest.h>

#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger {
namespace {

// ERC-55's own examples.
TEST(Address, HasTheStandardsChecksum) {
  for (const char* text :
       {"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77"}) {
    const auto address = Address::parse(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_EQ(address->to_checksum(), text);
  }
}

TEST(Address, OfBothCasesWithoutTheChecksumIsNone) {
  EXPECT_FALSE(Address::parse("0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed").has_value());
  EXPECT_TRUE(Address::parse("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed").has_value());
  EXPECT_TRUE(Address::parse("0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED").has_value());
}

TEST(Address, NeedsAPrefixAndFortyDigits) {
  for (const char* text :
       {"", "0x", "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaeg",
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed00"})
    EXPECT_FALSE(Address::parse(text).has_value()) << text;
}

TEST(Address, OfAWordIsItsLowBytes) {
  const U256 word = U256::max() << 8;
  const Address address = Address::from_word(word);
  EXPECT_EQ(address.bytes[0], 0xff);
  EXPECT_EQ(address.bytes[19], 0);
  EXPECT_EQ(address.to_word(), word & (U256::max() >> 96));
}

TEST(Hash, OfNothingIsThatOfAccountsWithoutCode) {
  EXPECT_EQ(keccak256({}), empty_code_hash);
  EXPECT_EQ(Hash::parse(empty_code_hash.to_hex()), empty_code_hash);
}

TEST(SeededHasher, DependsOnItsSeed) {
  const Address address = Address::of_number(7);
  EXPECT_NE(SeededHasher{1}(address), SeededHasher{2}(address));
  EXPECT_NE(SeededHasher{1}(U256(7)), SeededHasher{2}(U256(7)));
  EXPECT_NE(SeededHasher{1}(U256(7)), SeededHasher{1}(U256(8)));
}

}  // namespace
}  // namespace kith::ledger
