#include <kith/base/test_fixtures.hpp>
#include <kith/crypto/error.hpp>
#include <kith/ledger/chain/transaction.hpp>
#include <kith/ledger/wallet/detail/test_vectors.hpp>
#include <kith/ledger/wallet/keystore.hpp>
#include <kith/ledger/wallet/limits.hpp>

namespace kith::ledger {
namespace {

using crypto::ScryptCost;
using crypto::SecretArray;
using testing::secret_of;
using testing::text_of;
using testing::vectors;

constexpr ScryptCost cheap{2, 8, 1};

Keystore made(std::string_view passphrase = "open sesame") {
  return Keystore::make(SecretArray<32>(ByteView(Bytes(32, 7)).first<32>()), {as_bytes(passphrase)},
                        cheap, testing::counting_random)
      .value();
}

/// A keystore's JSON with one text in place of another.
std::string with(std::string_view old, std::string_view other) {
  std::string text = made().to_json();
  const std::size_t at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), other);
}

TEST(Keystore, OpensTheFilesOfOtherPrograms) {
  for (const auto& vector : vectors("keystores.json").as_array()) {
    const std::string json = boost::json::serialize(vector.at("json"));
    const auto keystore = Keystore::parse(json);
    ASSERT_TRUE(keystore) << text_of(vector.at("name")) << ": " << keystore.error().message();
    EXPECT_EQ(keystore->secret(as_bytes(text_of(vector.at("password")))),
              secret_of(vector.at("priv")))
        << text_of(vector.at("name"));
    EXPECT_EQ(Keystore::parse(keystore->to_json()), *keystore);
  }
}

TEST(Keystore, GivesTheKeyBackToItsPassphraseAlone) {
  const Keystore keystore = made();
  EXPECT_EQ(Keystore::parse(keystore.to_json()), keystore);
  EXPECT_EQ(address_of(keystore.secret(as_bytes("open sesame")).value()), keystore.address);
  for (const std::string_view wrong : {"", "open sesam", "Open sesame"}) {
    EXPECT_TRUE(keystore.secret(as_bytes(wrong)).error().is(WalletError::wrong_passphrase));
  }
}

TEST(Keystore, HasGethsForm) {
  const std::string text = made().to_json();
  const auto json = boost::json::parse(text);
  EXPECT_EQ(json.at("version"), 3);
  EXPECT_EQ(json.at("crypto").at("cipher"), "aes-128-ctr");
  EXPECT_EQ(json.at("crypto").at("kdf"), "scrypt");
  EXPECT_EQ(json.at("crypto").at("kdfparams").at("dklen"), 32);
  EXPECT_EQ(text_of(json.at("address")).size(), 40U);
  const std::string id = text_of(json.at("id"));
  EXPECT_EQ(id.size(), 36U);
  EXPECT_EQ(id[14], '4');
  const WallTime then{1'709'210'096s + 123'456'789ns};
  EXPECT_EQ(keystore_file_name(then, *Address::parse("0x00000000000000000000000000000000000000ff")),
            "UTC--2024-02-29T12-34-56.123456789Z--00000000000000000000000000000000000000ff");
}

TEST(Keystore, TakesAnEmptyPassphraseOnlyWhereItIsAskedFor) {
  const SecretArray<32> secret = secret_of(boost::json::string(std::string(64, '1')));
  EXPECT_TRUE(Keystore::make(secret, {}, cheap, testing::counting_random)
                  .error()
                  .is(WalletError::empty_passphrase));
  const auto open =
      Keystore::make(secret, {.bytes = {}, .may_be_empty = true}, cheap, testing::counting_random);
  EXPECT_EQ(open->secret({}), secret);
}

TEST(Keystore, IsNotMadeOfWhatIsNoKey) {
  EXPECT_TRUE(Keystore::make({}, {as_bytes("x")}, cheap, testing::counting_random)
                  .error()
                  .is(WalletError::bad_key));
}

TEST(Keystore, NoticesAnotherAccountsKey) {
  Keystore keystore = made();
  keystore.address = Address::of_number(1);
  EXPECT_TRUE(keystore.secret(as_bytes("open sesame")).error().is(Errc::corrupt));
  // The MAC doesn't cover the counter.
  keystore = made();
  keystore.sealed.counter[15] ^= 1;
  EXPECT_FALSE(keystore.secret(as_bytes("open sesame")));
}

TEST(Keystore, RefusesWhatCostsTooMuch) {
  for (const std::string_view cost :
       {R"("n":1073741824,"p":1,"r":8)", R"("n":262144,"p":1,"r":32)", R"("n":262144,"p":16,"r":8)",
        R"("n":2,"p":4294967296,"r":1)", R"("n":2,"p":1,"r":4294967297)",
        R"("n":9223372036854775807,"p":1,"r":8)", R"("n":8388608,"p":8388608,"r":8388608)"}) {
    const auto read = Keystore::parse(with(R"("n":2,"p":1,"r":8)", cost));
    ASSERT_FALSE(read) << cost;
    EXPECT_TRUE(read.error().is(WalletError::costs_too_much) ||
                read.error().is(WalletError::bad_keystore))
        << cost;
  }
  Keystore keystore = made();
  keystore.sealed.kdf = ScryptCost{1 << 30, 8, 1};
  EXPECT_TRUE(keystore.secret({}).error().is(WalletError::costs_too_much));
  const std::string slow =
      with(R"("kdf":"scrypt","kdfparams":{"dklen":32,"n":2,"p":1,"r":8)",
           R"("kdf":"pbkdf2","kdfparams":{"dklen":32,"c":100000000,"prf":"hmac-sha256")");
  EXPECT_TRUE(Keystore::parse(slow).error().is(WalletError::costs_too_much));
  EXPECT_TRUE(made().secret(Bytes(2000)).error().is(Errc::limit_exceeded));
}

TEST(Keystore, TakesTheCostsThatAreInUse) {
  for (const std::string_view cost :
       {R"("n":262144,"p":1,"r":8)", R"("n":4096,"p":6,"r":8)", R"("n":131072,"p":1,"r":8)",
        R"("n":262144,"p":8,"r":1)", R"("n":1024,"p":1,"r":8)"}) {
    EXPECT_TRUE(Keystore::parse(with(R"("n":2,"p":1,"r":8)", cost)).has_value()) << cost;
  }
}

TEST(Keystore, NamesTheFieldThatIsWrong) {
  const std::pair<std::string_view, std::string_view> changes[] = {
      {R"("version":3)", R"("version":1)"},
      {R"("version":3)", R"("edition":3)"},
      {R"("crypto":{)", R"("krypto":{)"},
      {R"("cipher":"aes-128-ctr")", R"("cipher":"aes-128-cbc")"},
      {R"("kdf":"scrypt")", R"("kdf":"argon2")"},
      {R"("dklen":32)", R"("dklen":16)"},
      {R"("n":2)", R"("n":3)"},
      {R"("n":2)", R"("n":-2)"},
      {R"("n":2)", R"("n":"2")"},
      {R"("r":8)", R"("r":0)"},
      {R"("salt":")", R"("salt":"xx)"},
      {R"("salt":")", R"("pepper":")"},
      {R"("iv":")", R"("iv":"00)"},
      {R"("mac":")", R"("mac":"00)"},
      {R"("ciphertext":")", R"("ciphertext":"00)"},
      {R"("address":")", R"("address":"0)"},
  };
  for (const auto& [old, other] : changes) {
    const auto read = Keystore::parse(with(old, other));
    ASSERT_FALSE(read) << other;
    EXPECT_TRUE(read.error().is(WalletError::bad_keystore)) << other;
    EXPECT_NE(read.error().context(), "") << other;
  }
  const std::string salt = "\"salt\":\"" + std::string(2 * keystore_salt_bytes_max, '0');
  EXPECT_TRUE(Keystore::parse(with("\"salt\":\"", salt)).error().is(WalletError::bad_keystore));
  for (const std::string_view text : {"", "[]", "{", "3", "\"x\"", "{}", "null"})
    EXPECT_FALSE(Keystore::parse(text)) << text;
  EXPECT_FALSE(Keystore::parse(std::string(1000, '[')));
  EXPECT_TRUE(
      Keystore::parse(std::string(keystore_bytes_max + 1, ' ')).error().is(Errc::limit_exceeded));
}

TEST(Sealed, KeepsSecretsOfAnyLength) {
  for (const std::size_t size : {0, 1, 31, 1000}) {
    const Bytes secret(size, 'x');
    const Sealed sealed =
        Sealed::seal(secret, {as_bytes("p")}, cheap, testing::counting_random).value();
    EXPECT_TRUE(equal(sealed.open(as_bytes("p")).value(), secret));
  }
}

}  // namespace
}  // namespace kith::ledger
