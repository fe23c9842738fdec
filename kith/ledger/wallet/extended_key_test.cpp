#include <kith/base/test_fixtures.hpp>
#include <kith/ledger/wallet/detail/test_vectors.hpp>
#include <kith/ledger/wallet/extended_key.hpp>

namespace kith::ledger {
namespace {

using testing::bytes_of;
using testing::text_of;
using testing::vectors;

std::string private_text(const ExtendedKey& key) {
  return std::string(as_text(key.private_text().value().view()));
}

TEST(ExtendedKey, AgreesWithTheStandardsVectors) {
  for (const auto& vector : vectors("bip32.json").at("chains").as_array()) {
    const ExtendedKey root = ExtendedKey::master(bytes_of(vector.at("seed"))).value();
    const KeyPath path = KeyPath::parse(text_of(vector.at("path"))).value();
    EXPECT_EQ(path.to_string(), text_of(vector.at("path")));
    const ExtendedKey key = root.derive(path).value();
    EXPECT_EQ(private_text(key), text_of(vector.at("prv")));
    EXPECT_EQ(key.public_text(), text_of(vector.at("pub")));
    EXPECT_EQ(private_text(ExtendedKey::parse(text_of(vector.at("prv"))).value()),
              text_of(vector.at("prv")));
    const ExtendedKey read = ExtendedKey::parse(text_of(vector.at("pub"))).value();
    EXPECT_EQ(read.public_text(), text_of(vector.at("pub")));
    EXPECT_FALSE(read.is_private());
    EXPECT_EQ(read.address(), key.address());
  }
}

TEST(ExtendedKey, RefusesWhatTheStandardSaysIsNone) {
  const auto invalid = vectors("bip32.json").at("invalid").as_array();
  EXPECT_EQ(invalid.size(), 16U);
  for (const auto& vector : invalid) {
    const auto read = ExtendedKey::parse(text_of(vector.at("text")));
    ASSERT_FALSE(read) << text_of(vector.at("why"));
    EXPECT_TRUE(read.error().is(WalletError::bad_extended_key));
  }
}

TEST(ExtendedKey, RefusesOtherTexts) {
  for (const std::string& text :
       {std::string(), std::string("xprv"), std::string(112, 'x'), std::string(113, '1'),
        std::string(1000, 'z'), std::string("0OIl")}) {
    EXPECT_TRUE(ExtendedKey::parse(text).error().is(WalletError::bad_extended_key));
  }
}

TEST(ExtendedKey, GivesThePublicChildrenWithoutTheSecret) {
  const ExtendedKey key =
      ExtendedKey::master(Bytes(32, 7)).value().derive(*KeyPath::parse("m/44'/60'/0'")).value();
  for (const std::uint32_t number : {0U, 1U, 0x7fffffffU}) {
    EXPECT_EQ(key.neutered().child(number)->public_text(), key.child(number)->public_text());
    EXPECT_EQ(key.neutered().child(number)->address(), key.child(number)->address());
  }
  EXPECT_TRUE(key.neutered().child(KeyPath::hardened).error().is(WalletError::no_such_child));
  EXPECT_FALSE(key.neutered().private_text());
}

TEST(ExtendedKey, HasNoChildrenBelowDepth255) {
  ExtendedKey key = ExtendedKey::master(Bytes(16)).value();
  for (int depth = 0; depth < 255; ++depth)
    key = key.child(0).value();
  EXPECT_TRUE(key.child(0).error().is(Errc::limit_exceeded));
}

TEST(ExtendedKey, TakesSeedsOfTheStandardsLengthsAlone) {
  for (const std::size_t size : {16, 64})
    EXPECT_TRUE(ExtendedKey::master(Bytes(size)).has_value());
  for (const std::size_t size : {0, 15, 65})
    EXPECT_TRUE(ExtendedKey::master(Bytes(size)).error().is(Errc::invalid_argument));
}

TEST(KeyPath, IsReadInTheFormsThatAreInUse) {
  EXPECT_EQ(KeyPath::parse("m/44'/60'/0'/0/5"), KeyPath::of_account(5));
  EXPECT_EQ(KeyPath::parse("m/44h/60H/0'/0/5"), KeyPath::of_account(5));
  EXPECT_EQ(KeyPath::of_account(5).to_string(), "m/44'/60'/0'/0/5");
  EXPECT_EQ(KeyPath::parse("m").value().steps.size(), 0U);
  EXPECT_EQ(KeyPath::parse("m/2147483647'").value().steps[0], 0xffffffffU);
  std::string longest = "m";
  for (std::size_t i = 0; i < KeyPath::steps_max; ++i)
    longest += "/1";
  EXPECT_TRUE(KeyPath::parse(longest).has_value());
  EXPECT_FALSE(KeyPath::parse(longest + "/1"));
}

TEST(KeyPath, RefusesOtherTexts) {
  for (const std::string_view text :
       {"", "/", "m/", "m//1", "44'/60'", "m/1/", "m/2147483648", "m/-1", "m/+1", "m/1''", "m/1'h",
        "m/x", "m/0x1", "mm/1", "m/4294967296", "m 1", "m/1 ", "M/1"}) {
    EXPECT_TRUE(!KeyPath::parse(text) && KeyPath::parse(text).error().is(WalletError::bad_path))
        << text;
  }
}

}  // namespace
}  // namespace kith::ledger
