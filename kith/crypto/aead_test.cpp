#include <gtest/gtest.h>
#include <openssl/err.h>
#include <rapidcheck/gtest.h>

#include <kith/crypto/aead.hpp>

namespace kith::crypto {
namespace {

struct Vector {
  AeadKind kind;
  std::string_view key, nonce, additional, text, cipher, tag;
};

constexpr std::string_view gcm_text =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b5"
    "25"
    "b16aedf5aa0de657ba637b39";
constexpr std::string_view gcm_additional = "feedfacedeadbeeffeedfacedeadbeefabaddad2";

const Vector vectors[] = {
    // RFC 8439, 2.8.2.
    {AeadKind::chacha20_poly1305,
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "070000004041424344454647",
     "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a2049662049"
     "20636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c20"
     "73756e73637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92"
     "728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b"
     "4831d7bc3ff4def08e4b7a9de576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
    // McGrew and Viega, The Galois/Counter Mode of Operation, test cases 1, 2, 4, 13, 14, 16.
    {AeadKind::aes_128_gcm, "00000000000000000000000000000000", "000000000000000000000000", "", "",
     "", "58e2fccefa7e3061367f1d57a4e7455a"},
    {AeadKind::aes_128_gcm, "00000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
     "ab6e47d42cec13bdf53a67b21257bddf"},
    {AeadKind::aes_128_gcm, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     gcm_additional, gcm_text,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84"
     "aa051ba30b396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {AeadKind::aes_256_gcm, "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {AeadKind::aes_256_gcm, "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    {AeadKind::aes_256_gcm, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", gcm_additional, gcm_text,
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828"
     "838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

using Tag = std::array<std::uint8_t, aead_tag_bytes>;
using Nonce = std::array<std::uint8_t, aead_nonce_bytes>;

Nonce nonce_from(std::string_view hex) {
  Nonce nonce;
  std::ranges::copy(*from_hex(hex), nonce.begin());
  return nonce;
}

TEST(Aead, AgreesWithTheStandardsVectors) {
  for (const Vector& vector : vectors) {
    const Bytes key = *from_hex(vector.key);
    const Nonce nonce = nonce_from(vector.nonce);
    const Bytes additional = *from_hex(vector.additional);
    Bytes text = *from_hex(vector.text);
    Tag tag;
    Sealer(vector.kind, key).seal(nonce, additional, text, tag);
    EXPECT_EQ(to_hex(text), vector.cipher);
    EXPECT_EQ(to_hex(tag), vector.tag);
    EXPECT_TRUE(Opener(vector.kind, key).open(nonce, additional, text, tag));
    EXPECT_EQ(to_hex(text), vector.text);
  }
}

TEST(Aead, RefusesAnythingChanged) {
  for (const Vector& vector : vectors) {
    const Bytes key = *from_hex(vector.key);
    const Nonce nonce = nonce_from(vector.nonce);
    const Bytes additional = *from_hex(vector.additional);
    const Bytes cipher = *from_hex(vector.cipher);
    Tag tag;
    std::ranges::copy(*from_hex(vector.tag), tag.begin());
    Opener opener(vector.kind, key);
    for (std::size_t i = 0; i < aead_tag_bytes; ++i) {
      Bytes text = cipher;
      Tag changed = tag;
      changed[i] ^= 0x80;
      EXPECT_FALSE(opener.open(nonce, additional, text, changed));
      EXPECT_EQ(text, Bytes(cipher.size(), 0)) << "what failed must not be seen";
    }
    for (std::size_t i = 0; i < cipher.size(); ++i) {
      Bytes text = cipher;
      text[i] ^= 1;
      EXPECT_FALSE(opener.open(nonce, additional, text, tag));
    }
    for (std::size_t i = 0; i < aead_nonce_bytes; ++i) {
      Bytes text = cipher;
      Nonce changed = nonce;
      changed[i] ^= 1;
      EXPECT_FALSE(opener.open(changed, additional, text, tag));
    }
    Bytes longer = additional;
    longer.push_back(0);
    Bytes text = cipher;
    EXPECT_FALSE(opener.open(nonce, longer, text, tag));
    // The opener is as good as new after failures, and no failure is left for others to find.
    text = cipher;
    EXPECT_TRUE(opener.open(nonce, additional, text, tag));
    EXPECT_EQ(to_hex(text), vector.text);
    EXPECT_EQ(ERR_peek_error(), 0UL);
  }
}

RC_GTEST_PROP(Aead, OpensASequenceOfWhatItSealed, (std::vector<Bytes> texts, const Bytes& extra)) {
  const AeadKind kind =
      *rc::gen::element(AeadKind::chacha20_poly1305, AeadKind::aes_128_gcm, AeadKind::aes_256_gcm);
  const Bytes key(aead_key_bytes(kind), 42);
  Sealer sealer(kind, key);
  Opener opener(kind, key);
  Nonce nonce{};
  for (Bytes& text : texts) {
    const Bytes original = text;
    Tag tag;
    sealer.seal(nonce, extra, text, tag);
    RC_ASSERT(text.size() < 8 || text != original);
    RC_ASSERT(opener.open(nonce, extra, text, tag));
    RC_ASSERT(text == original);
    ++nonce[11];
  }
}

}  // namespace
}  // namespace kith::crypto
