#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/ledger/chain/transaction.hpp>

namespace kith::ledger {
namespace {

using Type = Transaction::Type;

crypto::SecretArray<32> secret_of(std::uint8_t byte) {
  crypto::SecretArray<32> secret;
  std::ranges::fill(secret.mutable_bytes(), byte);
  return secret;
}

/// EIP-155's own example.
Transaction example() {
  Transaction one;
  one.chain_id = 1;
  one.nonce = 9;
  one.max_fee = one.max_priority_fee = 20'000'000'000;
  one.gas_limit = 21'000;
  one.to = Address::parse("0x3535353535353535353535353535353535353535");
  one.value = 1'000'000'000'000'000'000;
  return one;
}

Transaction of_type(Type type) {
  Transaction one = example();
  one.type = type;
  one.max_fee = type >= Type::dynamic_fee ? U256(30'000'000'000) : one.max_priority_fee;
  one.data = {1, 2, 3};
  if (type >= Type::access_list)
    one.access_list = {{Address::of_number(5), {1, U256::max()}}, {Address::of_number(6), {}}};
  if (type == Type::blob) {
    one.max_blob_fee = 7;
    one.blob_hashes = {{{1, 2}}, {{1, 3}}};
  }
  if (type == Type::set_code)
    one.authorizations = {
        {.chain_id = 1, .address = Address::of_number(9), .nonce = 4, .parity = 1, .r = 5, .s = 6}};
  return one;
}

constexpr Type all_types[] = {Type::legacy, Type::access_list, Type::dynamic_fee, Type::blob,
                              Type::set_code};

TEST(Transaction, IsSignedAsInTheExampleOfEip155) {
  Transaction one = example();
  EXPECT_EQ(one.signing_hash().to_hex(),
            "0xdaf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53");
  ASSERT_TRUE(one.sign(secret_of(0x46)));
  EXPECT_EQ(
      to_hex(one.encode()),
      "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a0"
      "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb70330"
      "4b3800ccf555c9f3dc64214b297fb1966a3b6d83");
  EXPECT_EQ(one.sender(), *address_of(secret_of(0x46)));
  EXPECT_EQ(one.sender()->to_checksum(), "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F");
}

TEST(Transaction, OfEveryTypeReadsBackAndTellsWhoSentIt) {
  for (const Type type : all_types) {
    Transaction one = of_type(type);
    ASSERT_TRUE(one.sign(secret_of(7)));
    const Bytes encoded = one.encode();
    const auto read = Transaction::decode(encoded);
    ASSERT_TRUE(read.has_value()) << static_cast<int>(type);
    EXPECT_EQ(*read, one);
    EXPECT_EQ(read->encode(), encoded);
    EXPECT_EQ(read->sender(), *address_of(secret_of(7)));
    EXPECT_EQ(read->hash(), keccak256(encoded));
    Bytes body;
    RlpWriter writer(body);
    one.write(writer);
    RlpReader reader(body);
    EXPECT_EQ(Transaction::read(reader), one);
    EXPECT_TRUE(reader.at_end());
  }
}

TEST(Transaction, CutAnywhereIsNone) {
  for (const Type type : all_types) {
    Transaction one = of_type(type);
    ASSERT_TRUE(one.sign(secret_of(7)));
    const Bytes encoded = one.encode();
    for (std::size_t size = 0; size < encoded.size(); ++size)
      EXPECT_FALSE(Transaction::decode(ByteView(encoded).first(size)).has_value()) << size;
    Bytes longer = encoded;
    longer.push_back(0);
    EXPECT_FALSE(Transaction::decode(longer).has_value());
  }
}

TEST(Transaction, ChangedAnywhereIsNoneOrAnothersOrAnother) {
  Transaction one = of_type(Type::set_code);
  ASSERT_TRUE(one.sign(secret_of(7)));
  const Bytes encoded = one.encode();
  const Address signer = *one.sender();
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    for (const std::uint8_t flip : {0x01, 0x80}) {
      Bytes changed = encoded;
      changed[i] ^= flip;
      const auto read = Transaction::decode(changed);
      if (!read) continue;
      const auto sender = read->sender();
      EXPECT_FALSE(sender.has_value() && *sender == signer) << i;
    }
  }
}

TEST(Transaction, WithAnUpperSIsFrontiersAlone) {
  Transaction one = example();
  ASSERT_TRUE(one.sign(secret_of(7)));
  // The order of the curve less s, and the other parity, sign the same.
  const U256 order =
      *U256::parse("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
  one.signature.s = order - one.signature.s;
  one.signature.is_odd = !one.signature.is_odd;
  EXPECT_EQ(one.sender().error(), TransactionError::high_signature);
  EXPECT_EQ(one.sender(true), *address_of(secret_of(7)));
}

TEST(Transaction, OfBlobsOrCodeNeedsARecipient) {
  for (const Type type : {Type::blob, Type::set_code}) {
    Transaction one = of_type(type);
    one.to.reset();
    ASSERT_TRUE(one.sign(secret_of(7)));
    EXPECT_EQ(Transaction::decode(one.encode()).error(), TransactionError::missing_recipient);
  }
}

TEST(Transaction, OfAnUnknownTypeSaysSo) {
  EXPECT_EQ(Transaction::decode(Bytes{5, 0xc0}).error(), TransactionError::unknown_type);
  EXPECT_EQ(Transaction::decode(Bytes{0x7f, 0xc0}).error(), TransactionError::unknown_type);
  EXPECT_EQ(Transaction::decode(Bytes{}).error(), TransactionError::malformed);
  EXPECT_EQ(Transaction::decode(Bytes{0x80}).error(), TransactionError::malformed);
}

TEST(Authorization, IsItsSignersAndNobodysIfChanged) {
  Authorization one;
  one.chain_id = 1;
  one.address = Address::of_number(9);
  EXPECT_FALSE(one.authority().has_value());
  one.parity = 2;
  one.r = one.s = 1;
  EXPECT_FALSE(one.authority().has_value());
}

}  // namespace
}  // namespace kith::ledger
