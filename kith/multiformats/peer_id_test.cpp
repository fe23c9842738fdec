#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

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
