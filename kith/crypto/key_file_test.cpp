#include <gtest/gtest.h>
#include <sodium.h>

#include <kith/base/prng.hpp>
#include <kith/crypto/key_file.hpp>

namespace kith::crypto {
namespace {

constexpr KeyFileCost cheap{1, key_file_memory_kib_min};

PrivateKey key_of(std::uint8_t seed) {
  const std::array<std::uint8_t, 32> bytes{seed};
  return PrivateKey::from_ed25519_seed(bytes);
}

RandomFill seeded(std::uint64_t seed) {
  return [prng = Prng(seed)](MutableBytes out) mutable { prng.fill(out); };
}

Bytes sealed_file(std::string_view passphrase = "open sesame") {
  return seal_key_file(key_of(1), as_bytes(passphrase), seeded(1), cheap).value();
}

TEST(KeyFile, IsTheProtobufWhenPlain) {
  const PrivateKey key = key_of(1);
  const Secret content = encode_key_file(key);
  EXPECT_TRUE(equal(content, key.encoded()));
  EXPECT_FALSE(key_file_is_sealed(content));
  EXPECT_EQ(open_key_file(content, std::nullopt).value(), key_of(1));
}

TEST(KeyFile, OpensWithItsPassphraseAlone) {
  const Bytes content = sealed_file();
  EXPECT_TRUE(key_file_is_sealed(content));
  EXPECT_EQ(open_key_file(content, as_bytes("open sesame")).value(), key_of(1));
  EXPECT_TRUE(
      open_key_file(content, as_bytes("open barley")).error().is(CryptoError::wrong_passphrase));
  EXPECT_TRUE(open_key_file(content, ByteView{}).error().is(CryptoError::wrong_passphrase));
  EXPECT_TRUE(open_key_file(content, std::nullopt).error().is(CryptoError::needs_passphrase));
}

TEST(KeyFile, HoldsAKeyOfEveryType) {
  for (const KeyType type : {KeyType::ed25519, KeyType::secp256k1, KeyType::ecdsa, KeyType::rsa}) {
    const PrivateKey key = PrivateKey::generate(type, seeded(5)).value();
    const Bytes content = seal_key_file(key, as_bytes("p"), seeded(6), cheap).value();
    EXPECT_LE(content.size(), key_file_bytes_max);
    EXPECT_TRUE(equal(open_key_file(content, as_bytes("p"))->encoded(), key.encoded()));
  }
}

TEST(KeyFile, ShowsNothingOfTheKey) {
  const Bytes content = sealed_file();
  const PrivateKey key = key_of(1);
  const ByteView seed = key.data().first(32);
  EXPECT_TRUE(std::ranges::search(content, seed).empty());
  EXPECT_NE(content, seal_key_file(key_of(1), as_bytes("open sesame"), seeded(2), cheap).value());
}

TEST(KeyFile, NoticesEveryChangedByteAndEveryCut) {
  const Bytes content = sealed_file();
  // A changed cost is at most this one, so that the test stays quick.
  const KeyFileLimits limits{4, 1024};
  for (std::size_t i = 0; i < content.size(); ++i) {
    Bytes changed = content;
    changed[i] ^= 1;
    EXPECT_FALSE(open_key_file(changed, as_bytes("open sesame"), limits).has_value()) << i;
    EXPECT_FALSE(open_key_file(ByteView(content).first(i), as_bytes("open sesame")).has_value());
  }
}

TEST(KeyFile, BoundsWhatAFileMayAskFor) {
  struct Case {
    std::uint32_t passes, memory_kib;
  };
  for (const Case& cost : {Case{0, 8}, Case{1, 7}, Case{1, 0}, Case{17, 8}, Case{1, 0x100001},
                           Case{1, 64u << 20}, Case{0xffffffff, 0xffffffff}}) {
    Bytes content = sealed_file();
    store_be(content.data() + 12, cost.passes);
    store_be(content.data() + 16, cost.memory_kib);
    EXPECT_TRUE(
        open_key_file(content, as_bytes("open sesame")).error().is(CryptoError::costs_too_much))
        << cost.passes << ' ' << cost.memory_kib;
    EXPECT_TRUE(seal_key_file(key_of(1), as_bytes("p"), seeded(1), {cost.passes, cost.memory_kib})
                    .error()
                    .is(Errc::invalid_argument));
  }
}

TEST(KeyFile, BoundsFileAndPassphrase) {
  EXPECT_TRUE(open_key_file(Bytes(key_file_bytes_max + 1, 8), std::nullopt)
                  .error()
                  .is(Errc::limit_exceeded));
  const Bytes longest(passphrase_bytes_max + 1, 'x');
  EXPECT_TRUE(open_key_file(sealed_file(), longest).error().is(Errc::limit_exceeded));
  EXPECT_TRUE(
      seal_key_file(key_of(1), longest, seeded(1), cheap).error().is(Errc::invalid_argument));
  EXPECT_TRUE(seal_key_file(key_of(1), {}, seeded(1), cheap).error().is(Errc::invalid_argument));
}

TEST(KeyFile, TellsALaterVersion) {
  Bytes content = sealed_file();
  content[8] = 2;
  EXPECT_TRUE(open_key_file(content, as_bytes("open sesame")).error().is(Errc::unsupported));
}

// The layout in the header comment, read by hand: a file written today must open in ten years.
TEST(KeyFile, HasTheDocumentedLayout) {
  const Bytes content = sealed_file();
  EXPECT_EQ(to_hex(ByteView(content).first(20)),
            "6b6974686b6579000100000000000001"
            "00000008");
  std::uint8_t key[32];
  ASSERT_EQ(crypto_pwhash_argon2id(key, sizeof(key), "open sesame", 11, content.data() + 20, 1,
                                   8192, crypto_pwhash_argon2id_ALG_ARGON2ID13),
            0);
  Bytes plain(content.size() - 76);
  ASSERT_EQ(crypto_aead_xchacha20poly1305_ietf_decrypt(
                plain.data(), nullptr, nullptr, content.data() + 60, content.size() - 60,
                content.data(), 60, content.data() + 36, key),
            0);
  const PrivateKey original = key_of(1);
  EXPECT_TRUE(equal(plain, original.encoded()));
}

TEST(KeyFile, TakesTheDefaultCost) {
  const Bytes content = seal_key_file(key_of(1), as_bytes("p"), seeded(1)).value();
  EXPECT_EQ(open_key_file(content, as_bytes("p")).value(), key_of(1));
}

}  // namespace
}  // namespace kith::crypto
