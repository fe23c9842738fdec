#include <gtest/gtest.h>

#include <kith/crypto/aes_ctr.hpp>
#include <kith/crypto/error.hpp>
#include <kith/crypto/locked_secret.hpp>
#include <kith/crypto/passphrase_kdf.hpp>
#include <kith/crypto/secp256k1.hpp>
#include <kith/crypto/secret.hpp>

namespace kith::crypto {
namespace {

std::string pbkdf2_256(std::string_view passphrase, std::string_view salt, std::uint32_t rounds) {
  Bytes key(64);
  pbkdf2_hmac_sha256(as_bytes(passphrase), as_bytes(salt), rounds, key);
  return to_hex(key);
}

std::string scrypt_of(std::string_view passphrase, std::string_view salt, ScryptCost cost) {
  Bytes key(64);
  EXPECT_TRUE(scrypt(as_bytes(passphrase), as_bytes(salt), cost, key).has_value());
  return to_hex(key);
}

// RFC 7914, 11.
TEST(Pbkdf2, AgreesWithTheStandardsVectors) {
  EXPECT_EQ(pbkdf2_256("passwd", "salt", 1),
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
            "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783");
  EXPECT_EQ(pbkdf2_256("Password", "NaCl", 80'000),
            "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
            "a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d");
}

TEST(Pbkdf2, TakesEmptyPassphrasesAndSalts) {
  Bytes key(20);
  pbkdf2_hmac_sha512({}, {}, 3, key);
  EXPECT_EQ(to_hex(key), "ba78a2c18fe1f3cfffaba0f93ccf85fc342edf2c");
}

// RFC 7914, 12.
TEST(Scrypt, AgreesWithTheStandardsVectors) {
  EXPECT_EQ(scrypt_of("", "", {16, 1, 1}),
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
            "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906");
  EXPECT_EQ(scrypt_of("password", "NaCl", {1024, 8, 16}),
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
            "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
  EXPECT_EQ(scrypt_of("pleaseletmein", "SodiumChloride", {16384, 8, 1}),
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
            "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887");
}

TEST(Scrypt, KnowsWhichCostsThereAre) {
  for (const ScryptCost cost : {ScryptCost{2, 1, 1}, {1 << 18, 1, 8}, {1ULL << 40, 8, 1}})
    EXPECT_TRUE(is_valid(cost)) << cost.n;
  for (const ScryptCost cost : {ScryptCost{0, 8, 1},
                                {1, 8, 1},
                                {1000, 8, 1},
                                {16, 0, 1},
                                {16, 8, 0},
                                {16, 1 << 15, 1 << 15},
                                {16, 1U << 31, 1U << 31}}) {
    EXPECT_FALSE(is_valid(cost)) << cost.n << " " << cost.r << " " << cost.p;
  }
}

TEST(Scrypt, SaysSoIfThereIsNoSuchMemory) {
  Bytes key(32);
  const auto made = scrypt({}, {}, {1ULL << 50, 1 << 20, 1}, key);
  ASSERT_FALSE(made);
  EXPECT_TRUE(made.error().is(CryptoError::internal));
}

// NIST SP 800-38A, F.5.1.
TEST(AesCtr, AgreesWithTheStandardsVector) {
  const Bytes key = *from_hex("2b7e151628aed2a6abf7158809cf4f3c");
  const Bytes counter = *from_hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
  Bytes text = *from_hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
  const Bytes plain = text;
  aes_128_ctr(ByteView(key).first<16>(), ByteView(counter).first<16>(), text);
  EXPECT_EQ(to_hex(text), "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff");
  aes_128_ctr(ByteView(key).first<16>(), ByteView(counter).first<16>(), text);
  EXPECT_EQ(text, plain);
  aes_128_ctr(ByteView(key).first<16>(), ByteView(counter).first<16>(), {});
}

SecretArray<32> scalar(std::string_view hex) {
  const Bytes bytes = *from_hex(hex);
  return SecretArray<32>(ByteView(bytes).first<32>());
}

const SecretArray<32> one =
    scalar("0000000000000000000000000000000000000000000000000000000000000001");
const SecretArray<32> order =
    scalar("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
const SecretArray<32> minus_one =
    scalar("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140");

TEST(Secp256k1Sums, AreTheSameOfSecretsAndOfTheirPoints) {
  const SecretArray<32> two = secp256k1_add(one, one.view()).value();
  EXPECT_EQ(secp256k1_add(*secp256k1_public_point(one), one.view()), secp256k1_public_point(two));
  EXPECT_EQ(secp256k1_add(two, minus_one.view()).value(), one);
}

TEST(Secp256k1Sums, AreNoneAtZeroAndBeyondTheOrder) {
  EXPECT_FALSE(secp256k1_add(one, minus_one.view()));
  EXPECT_FALSE(secp256k1_add(*secp256k1_public_point(one), minus_one.view()));
  EXPECT_FALSE(secp256k1_add(one, order.view()));
  EXPECT_FALSE(secp256k1_add(*secp256k1_public_point(one), order.view()));
}

TEST(Secp256k1Points, HaveOneCompressedForm) {
  for (const SecretArray<32>& secret : {one, minus_one}) {
    const Secp256k1Point point = *secp256k1_public_point(secret);
    const Secp256k1Compressed form = secp256k1_compress(point);
    EXPECT_EQ(form[0], secret == one ? 2 : 3);
    EXPECT_EQ(secp256k1_decompress(form), point);
  }
  Secp256k1Compressed form = secp256k1_compress(*secp256k1_public_point(one));
  form[0] = 4;
  EXPECT_FALSE(secp256k1_decompress(form));
  form.fill(0);
  form[0] = 2;
  form[32] = 5;  // no such x
  EXPECT_FALSE(secp256k1_decompress(form));
}

TEST(LockedSecret, KeepsACopy) {
  Bytes bytes = to_bytes("a secret");
  LockedSecret secret(bytes);
  bytes[0] = 'x';
  EXPECT_EQ(as_text(secret), "a secret");
  const LockedSecret moved = std::move(secret);
  EXPECT_EQ(as_text(moved), "a secret");
  EXPECT_EQ(LockedSecret(ByteView()).size(), 0U);
}

}  // namespace
}  // namespace kith::crypto
