#include <kith/base/test_fixtures.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/ledger/chain/transaction.hpp>
#include <kith/ledger/wallet/detail/english_words.hpp>
#include <kith/ledger/wallet/detail/test_vectors.hpp>
#include <kith/ledger/wallet/extended_key.hpp>
#include <kith/ledger/wallet/mnemonic.hpp>

namespace kith::ledger {
namespace {

using testing::bytes_of;
using testing::text_of;
using testing::vectors;

std::string words_of(const Mnemonic& mnemonic) {
  return std::string(as_text(mnemonic.words().view()));
}

TEST(EnglishWords, AreTheStandardsFile) {
  std::string file;
  for (std::size_t i = 0; i < detail::english_words; ++i) {
    file += std::string(detail::english_word(i)) + "\n";
    EXPECT_EQ(detail::english_index(detail::english_word(i)), i);
  }
  EXPECT_EQ(to_hex(crypto::sha256(as_bytes(file))),
            "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda");
  for (const std::string_view word : {"", "aaa", "abando", "abandonn", "zzz"})
    EXPECT_FALSE(detail::english_index(word)) << word;
}

TEST(Mnemonic, AgreesWithTheStandardsVectors) {
  for (const auto& vector : vectors("bip39.json").as_array()) {
    const Bytes entropy = bytes_of(vector.at(0));
    const std::string words = text_of(vector.at(1));
    const Mnemonic made = Mnemonic::from_entropy(entropy).value();
    EXPECT_EQ(words_of(made), words);
    const Mnemonic read = Mnemonic::parse(words).value();
    EXPECT_TRUE(equal(read.entropy(), entropy));
    const Mnemonic::Seed seed = read.seed(as_bytes("TREZOR")).value();
    EXPECT_TRUE(equal(seed, bytes_of(vector.at(2))));
    const ExtendedKey root = ExtendedKey::master(seed).value();
    EXPECT_EQ(as_text(root.private_text()->view()), text_of(vector.at(3)));
  }
}

TEST(Mnemonic, GivesTheKeysThatOtherWalletsDeriveOfIt) {
  for (const auto& vector : vectors("derived.json").as_array()) {
    const Mnemonic mnemonic = Mnemonic::parse(text_of(vector.at("mnemonic"))).value();
    const auto seed = mnemonic.seed(as_bytes(text_of(vector.at("password")))).value();
    const ExtendedKey root = ExtendedKey::master(seed).value();
    for (const auto& key : vector.at("keys").as_array()) {
      const KeyPath path = KeyPath::parse(text_of(key.at("path"))).value();
      const ExtendedKey derived = root.derive(path).value();
      EXPECT_TRUE(equal(derived.secret(), bytes_of(key.at("privateKey"))));
      EXPECT_EQ(derived.address().to_hex(), text_of(key.at("address")));
    }
  }
}

TEST(Mnemonic, IsMadeInEachLengthAndReadAgain) {
  for (const std::size_t words : {12, 15, 18, 21, 24}) {
    const Mnemonic made = Mnemonic::generate(words, testing::counting_random).value();
    EXPECT_EQ(made.word_count(), words);
    const Mnemonic read = Mnemonic::parse(words_of(made)).value();
    EXPECT_TRUE(equal(read.entropy(), made.entropy()));
  }
  for (const std::size_t words : {0, 3, 11, 13, 27, 48}) {
    EXPECT_TRUE(Mnemonic::generate(words, testing::counting_random)
                    .error()
                    .is(WalletError::bad_word_count));
  }
  for (const std::size_t size : {0, 12, 15, 17, 33, 36})
    EXPECT_FALSE(Mnemonic::from_entropy(Bytes(size))) << size;
}

TEST(Mnemonic, IsReadAsPeopleTypeIt) {
  const Mnemonic read =
      Mnemonic::parse(
          "\n  LEGAL winner\tthank  year wave sausage worth useful legal winner thank Yellow \r\n")
          .value();
  EXPECT_EQ(to_hex(read.entropy()), "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f");
}

TEST(Mnemonic, RefusesWhatIsNoneAndDoesNotRepeatIt) {
  const std::string good =
      "legal winner thank year wave sausage worth useful legal winner thank yellow";
  const auto refused = [](const std::string& words) { return Mnemonic::parse(words).error(); };
  EXPECT_TRUE(refused("").is(WalletError::bad_word_count));
  EXPECT_TRUE(refused(good + " yellow").is(WalletError::bad_word_count));
  EXPECT_TRUE(refused(good + " " + good + " " + good).is(WalletError::bad_word_count));
  EXPECT_TRUE(refused("yellow" + good.substr(5)).is(WalletError::bad_mnemonic));
  EXPECT_TRUE(refused(std::string(2000, ' ')).is(Errc::limit_exceeded));
  std::string wrong = good;
  wrong.replace(6, 6, "secret1");
  const Error error = refused(wrong);
  EXPECT_TRUE(error.is(WalletError::unknown_word));
  EXPECT_TRUE(error.message().starts_with("word 2: "));
  EXPECT_EQ(error.message().find("secret1"), std::string::npos);
}

TEST(Mnemonic, TakesNoPassphraseWhoseFormsCouldDiffer) {
  const Mnemonic mnemonic = Mnemonic::from_entropy(Bytes(16)).value();
  EXPECT_TRUE(mnemonic.seed(as_bytes("caf\xc3\xa9")).error().is(WalletError::not_ascii));
  EXPECT_TRUE(mnemonic.seed(Bytes(2000, 'x')).error().is(Errc::limit_exceeded));
  EXPECT_NE(mnemonic.seed(as_bytes("a")).value(), mnemonic.seed().value());
}

}  // namespace
}  // namespace kith::ledger
