#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <kith/crypto/keys.hpp>
#include <kith/multiformats/peer_id.hpp>

namespace kith::multiformats {
namespace {

constexpr const char* sha_text = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
constexpr const char* ed25519_text = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";

// The examples of libp2p/specs peer-ids, "Decoding".
TEST(PeerId, ReadsTheSpecificationsExamples) {
  for (const char* text : {sha_text, ed25519_text}) {
    auto id = PeerId::parse(text);
    ASSERT_TRUE(id.has_value());
    EXPECT_EQ(id->to_string(), text);
  }
  auto as_cid = PeerId::parse("bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe");
  ASSERT_TRUE(as_cid.has_value());
  EXPECT_EQ(as_cid->to_cid_string(), "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe");
  EXPECT_EQ(as_cid->to_string(), sha_text);
}

TEST(PeerId, GivesTheKeyThatItContains) {
  auto inlined = PeerId::parse(ed25519_text);
  ASSERT_TRUE(inlined->inline_public_key().has_value());
  EXPECT_TRUE(to_hex(*inlined->inline_public_key()).starts_with("08011220"));
  EXPECT_FALSE(PeerId::parse(sha_text)->inline_public_key().has_value());
  EXPECT_FALSE(PeerId().inline_public_key().has_value());
}

struct KeyVector {
  std::string_view name, key, id;
};

// The public keys of libp2p/specs peer-ids; their ids were computed apart from this code.
TEST(PeerId, IsMadeOfTheSpecificationsKeys) {
  static constexpr KeyVector vectors[] = {
      {"ECDSA",
       "0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530"
       "899d83abab44abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597"
       "fb4dcec034e9f77c409e62",
       "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDk"},
      {"ED25519", "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
       "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"},
      {"secp256k1", "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99",
       "16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY"},
      {"rsa",
       "080012a60430820222300d06092a864886f70d01010105000382020f003082020a0282020100e1beab07"
       "1d08200bde24eef00d049449b07770ff9910257b2d7d5dda242ce8f0e2f12e1af4b32d9efd2c090f66b0"
       "f29986dbb645dae9880089704a94e5066d594162ae6ee8892e6ec70701db0a6c445c04778eb3de1293aa"
       "1a23c3825b85c6620a2bc3f82f9b0c309bc0ab3aeb1873282bebd3da03c33e76c21e9beb172fd44c9e43"
       "be32e2c99827033cf8d0f0c606f4579326c930eb4e854395ad941256542c793902185153c474bed109d6"
       "ff5141ebf9cd256cf58893a37f83729f97e7cb435ec679d2e33901d27bb35aa0d7e20561da08885ef0ab"
       "bf8e2fb48d6a5487047a9ecb1ad41fa7ed84f6e3e8ecd5d98b3982d2a901b4454991766da295ab78822a"
       "dd5612a2df83bcee814cf50973e80d7ef38111b1bd87da2ae92438a2c8cbcc70b31ee319939a3b9c761d"
       "bc13b5c086d6b64bf7ae7dacc14622375d92a8ff9af7eb962162bbddebf90acb32adb5e4e4029f1c9601"
       "9949ecfbfeffd7ac1e3fbcc6b6168c34be3d5a2e5999fcbb39bba7adbca78eab09b9bc39f7fa4b93411f"
       "4cc175e70c0a083e96bfaefb04a9580b4753c1738a6a760ae1afd851a1a4bdad231cf56e9284d832483d"
       "f215a46c1c21bdf0c6cfe951c18f1ee4078c79c13d63edb6e14feaeffabc90ad317e4875fe648101b086"
       "4097e998f0ca3025ef9638cd2b0caecd3770ab54a1d9c6ca959b0f5dcbc90caeefc4135baca6fd475224"
       "269bbe1b0203010001",
       "QmaeANgBs1DTSxWSrPPtobgQuxW8XTfsS4ydbK4rCHzqxG"}};
  for (const KeyVector& vector : vectors) {
    Bytes key = *from_hex(vector.key);
    PeerId id = PeerId::from_public_key(key);
    EXPECT_EQ(id.to_string(), vector.id) << vector.name;
    EXPECT_EQ(PeerId::from_bytes(id.bytes()), id);
    EXPECT_EQ(PeerId::from_public_key(crypto::PublicKey::decode(key).value()), id);
    EXPECT_EQ(id.inline_public_key().has_value(), key.size() <= inline_public_key_bytes_max);
  }
}

TEST(PeerId, HashesKeysOfMoreThan42Bytes) {
  EXPECT_EQ(PeerId::from_public_key(Bytes(42, 1)).inline_public_key()->size(), 42u);
  PeerId hashed = PeerId::from_public_key(Bytes(43, 1));
  EXPECT_FALSE(hashed.inline_public_key().has_value());
  EXPECT_EQ(hashed.bytes().size(), 34u);
}

TEST(PeerId, RefusesTextThatIsNone) {
  auto error = [](std::string_view text) { return PeerId::parse(text).error(); };
  EXPECT_EQ(error(""), MultiformatsError::empty);
  EXPECT_EQ(error("1"), MultiformatsError::truncated);
  EXPECT_EQ(error("Qm"), MultiformatsError::truncated);
  EXPECT_EQ(error("0" + std::string(sha_text)), MultiformatsError::bad_character);
  EXPECT_EQ(error("z" + std::string(sha_text)), MultiformatsError::multibase_v0);
  // The CID of a block.
  EXPECT_EQ(error("bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
            MultiformatsError::wrong_codec);
  // A sha2-256 digest of more than 32 bytes, from go-multiaddr's table of what must fail.
  EXPECT_FALSE(PeerId::parse("QmxoHT6iViN5xAjoz1VZ553cL31U9F94ht3QvWR1FrEbZY").has_value());
  EXPECT_EQ(error(std::string(2000, '1')), MultiformatsError::too_long);
}

TEST(PeerId, RefusesHashesThatNoKeyHas) {
  auto error = [](Codec function, std::size_t size) {
    return PeerId::from_multihash(*Multihash::wrap(function, Bytes(size, 1))).error();
  };
  EXPECT_EQ(error(Codec::sha1, 20), MultiformatsError::bad_peer_id_hash);
  EXPECT_EQ(error(Codec::sha2_512, 64), MultiformatsError::bad_peer_id_hash);
  EXPECT_EQ(error(Codec::sha2_256, 31), MultiformatsError::bad_peer_id_hash);
  EXPECT_EQ(error(Codec::identity, 0), MultiformatsError::bad_peer_id_hash);
  EXPECT_EQ(error(Codec::identity, 43), MultiformatsError::bad_peer_id_hash);
  EXPECT_TRUE(PeerId::from_multihash(*Multihash::wrap(Codec::identity, Bytes(42))).has_value());
}

RC_GTEST_PROP(PeerId, RoundTripsInBothTextForms, (bool hashed)) {
  auto size = hashed ? 32 : *rc::gen::inRange<std::size_t>(1, inline_public_key_bytes_max + 1);
  auto digest = *rc::gen::container<Bytes>(size, rc::gen::arbitrary<std::uint8_t>());
  auto id =
      PeerId::from_multihash(*Multihash::wrap(hashed ? Codec::sha2_256 : Codec::identity, digest));
  RC_ASSERT(id.has_value());
  RC_ASSERT((PeerId::parse(id->to_string()) == id));
  RC_ASSERT((PeerId::parse(id->to_cid_string()) == id));
  RC_ASSERT((PeerId::parse(id->to_cid_string(Base::base36)) == id));
  RC_ASSERT((PeerId::from_cid(id->to_cid()) == id));
  RC_ASSERT((PeerId::from_bytes(id->bytes()) == id));
}

}  // namespace
}  // namespace kith::multiformats
