#include <kith/base/test_fixtures.hpp>
#include <kith/ledger/wallet/detail/test_vectors.hpp>
#include <kith/ledger/wallet/key_ring.hpp>
#include <kith/ledger/wallet/signing.hpp>

namespace kith::ledger {
namespace {

using crypto::SecretArray;
using testing::bytes_of;
using testing::secret_of;
using testing::text_of;
using testing::vectors;

SecretArray<32> cow() {
  return SecretArray<32>(keccak256(as_bytes("cow")).bytes);
}

// What ethers and web3 write for the example of web3's documentation.
TEST(PersonalMessage, IsHashedWithItsPrefixAndLength) {
  EXPECT_EQ(personal_message_hash(as_bytes("Hello World")).to_hex(),
            "0xa1de988600a42c4b4ab089b619297c17d53cffae5d5120d82d8a92d0bb3b78f2");
  EXPECT_NE(personal_message_hash({}), personal_message_hash(as_bytes("0")));
}

TEST(Signature, IsOfWhoMadeItAndNobodyElse) {
  const Hash hash = personal_message_hash(as_bytes("Some data"));
  const Signature signature = sign(hash, cow()).value();
  EXPECT_EQ(strict_signer_of(hash, signature), address_of(cow()));
  EXPECT_EQ(sign(hash, cow()), signature) << "signing is deterministic";
  EXPECT_NE(strict_signer_of(personal_message_hash(as_bytes("Some date")), signature),
            address_of(cow()));
  EXPECT_FALSE(sign(hash, SecretArray<32>()));
}

TEST(Signature, HasNoTwin) {
  const Hash hash = personal_message_hash(as_bytes("x"));
  Signature signature = sign(hash, cow()).value();
  const U256 order{0xbfd25e8cd0364141, 0xbaaedce6af48a03b, 0xfffffffffffffffe, ~0ULL};
  signature.s = order - signature.s;
  signature.is_odd = !signature.is_odd;
  EXPECT_EQ(signer_of(hash, signature), address_of(cow()));
  EXPECT_FALSE(strict_signer_of(hash, signature));
}

TEST(Signature, IsReadInEachFormThatIsInUse) {
  for (const std::string_view message : {"a", "b", "c", "d", "e", "f"}) {
    const Signature signature = sign(personal_message_hash(as_bytes(message)), cow()).value();
    const std::string text = signature_text(signature);
    EXPECT_EQ(text.size(), 132U);
    EXPECT_EQ(text.substr(130), signature.is_odd ? "1c" : "1b");
    EXPECT_EQ(parse_signature(text), signature);
    EXPECT_EQ(parse_signature(text.substr(2)), signature);
    EXPECT_EQ(parse_signature(text.substr(0, 130) + (signature.is_odd ? "01" : "00")), signature);
    Bytes compact = from_hex(text.substr(2, 128)).value();
    if (signature.is_odd) compact[32] |= 0x80;
    EXPECT_EQ(parse_signature(to_hex(compact)), signature);
  }
}

TEST(Signature, RefusesOtherTexts) {
  const std::string zeros(128, '0');
  for (const std::string& text : {std::string(), std::string("0x"), zeros + "02", zeros + "1d",
                                  zeros + "1b00", zeros.substr(2), zeros + "1", zeros + "xx"}) {
    EXPECT_TRUE(parse_signature(text).error().is(WalletError::bad_signature_text)) << text;
  }
}

// Of EIP-712's example: the same key signs the same hash to the same bytes.
TEST(Signature, AgreesWithTheStandardsExample) {
  const Hash hash =
      Hash::parse("0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2").value();
  EXPECT_EQ(signature_text(sign(hash, cow()).value()),
            "0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"
            "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c");
}

TEST(SignedTransaction, HasTheBytesThatOtherWalletsGiveIt) {
  for (const auto& vector : vectors("signed_transactions.json").as_array()) {
    const Bytes expected = bytes_of(vector.at("signed"));
    Transaction transaction = Transaction::decode(expected).value();
    transaction.signature = {};
    ASSERT_TRUE(transaction.sign(secret_of(vector.at("key"))));
    EXPECT_EQ(transaction.encode(), expected) << text_of(vector.at("name"));
    EXPECT_EQ(transaction.sender()->to_hex(), text_of(vector.at("address")));
  }
}

TEST(SignedAuthorization, IsOfWhoSignedIt) {
  Authorization authorization;
  authorization.chain_id = 1;
  authorization.address = Address::of_number(7);
  authorization.nonce = 3;
  ASSERT_TRUE(authorization.sign(cow()));
  EXPECT_EQ(authorization.authority(), address_of(cow()));
  authorization.nonce = 4;
  EXPECT_NE(authorization.authority(), address_of(cow()));
  EXPECT_FALSE(authorization.sign(SecretArray<32>()));
}

TEST(KeyRing, GivesAKeyOutUntilItsTimeIsOver) {
  KeyRing ring;
  const Instant start{};
  const Address address = *address_of(cow());
  EXPECT_FALSE(ring.find(address, start));
  EXPECT_EQ(ring.deadline(), never);
  ring.unlock(cow(), start + 10s);
  EXPECT_EQ(ring.find(address, start + 9s), cow());
  EXPECT_EQ(ring.unlocked(start), std::vector{address});
  EXPECT_EQ(ring.deadline(), start + 10s);
  // Also if nobody was there to call expire().
  EXPECT_FALSE(ring.find(address, start + 10s));
  EXPECT_TRUE(ring.unlocked(start + 10s).empty());
  ring.expire(start + 10s);
  EXPECT_EQ(ring.deadline(), never);
}

TEST(KeyRing, LocksWhatItIsToldTo) {
  KeyRing ring;
  const Address address = *address_of(cow());
  const SecretArray<32> other = secret_of(boost::json::string(std::string(64, '1')));
  ring.unlock(cow(), never);
  ring.unlock(other, Instant() + 1s);
  ring.expire(Instant() + 1h);
  EXPECT_EQ(ring.unlocked(Instant() + 1h), std::vector{address});
  ring.lock(address);
  EXPECT_FALSE(ring.find(address, Instant()));
  ring.unlock(cow(), Instant() + 1s);
  ring.unlock(cow(), Instant() + 2s);
  EXPECT_TRUE(ring.find(address, Instant() + 1s));
  ring.lock_all();
  EXPECT_TRUE(ring.unlocked(Instant()).empty());
}

}  // namespace
}  // namespace kith::ledger
