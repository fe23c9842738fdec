#include <map>
#include <string>
#include <unordered_set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <kith/multiformats/cid.hpp>
#include <kith/multiformats/seeded_hash.hpp>

namespace kith::multiformats {
namespace {

constexpr const char* v0_text = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n";
constexpr const char* v1_text = "bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";

Multihash sha256_of_zeros() {
  return Multihash::wrap(Codec::sha2_256, std::array<std::uint8_t, 32>{});
}

// Both are the empty UnixFS directory, the pair that the IPFS documentation converts.
TEST(Cid, ConvertsBetweenVersions) {
  Cid v0 = Cid::parse(v0_text).value();
  Cid v1 = Cid::parse(v1_text).value();
  EXPECT_EQ(v0.version(), 0);
  EXPECT_EQ(v0.codec(), Codec::dag_pb);
  EXPECT_EQ(v0.bytes().size(), 34u);
  EXPECT_EQ(v1.version(), 1);
  EXPECT_EQ(v1.codec(), Codec::dag_pb);
  EXPECT_EQ(v1.hash_function(), Codec::sha2_256);
  EXPECT_EQ(v0.to_v1(), v1);
  EXPECT_EQ(v1.to_v0(), v0);
  EXPECT_EQ(v1.to_v1(), v1);
  EXPECT_EQ(v0.to_v0(), v0);
  EXPECT_NE(v0, v1);
  EXPECT_EQ(v0.hash(), v1.hash());
  EXPECT_TRUE(equal(v0.digest(), v1.digest()));
  EXPECT_EQ(v0.to_string(), v0_text);
  EXPECT_EQ(v1.to_string(), v1_text);
}

// The example of multiformats/cid's README, with its human-readable form.
TEST(Cid, ReadsTheSpecificationsExample) {
  constexpr const char* text = "zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA";
  Cid cid = Cid::parse(text).value();
  EXPECT_EQ(cid.version(), 1);
  EXPECT_EQ(cid.codec(), Codec::raw);
  EXPECT_EQ(cid.hash_function(), Codec::sha2_256);
  EXPECT_EQ(to_hex(cid.digest()),
            "6e6ff7950a36187a801613426e858dce686cd7d7e3c0fc42ee0330072d245c95");
  EXPECT_EQ(cid.to_string(Base::base58btc), text);
}

TEST(Cid, RefusesConversionsThatVersionZeroCantExpress) {
  EXPECT_EQ(Cid::v1(Codec::raw, sha256_of_zeros()).to_v0().error(), MultiformatsError::not_v0);
  Multihash sha1 = Multihash::wrap(Codec::sha1, std::array<std::uint8_t, 20>{});
  EXPECT_EQ(Cid::v1(Codec::dag_pb, sha1).to_v0().error(), MultiformatsError::not_v0);
  EXPECT_EQ(Cid::v0(sha1).error(), MultiformatsError::not_v0);
  Multihash cut = *Multihash::wrap(Codec::sha2_256, Bytes(31));
  EXPECT_EQ(Cid::v0(cut).error(), MultiformatsError::not_v0);
  EXPECT_EQ(Cid::parse(v0_text)->to_string(Base::base32).error(), MultiformatsError::not_v0);
}

TEST(Cid, RefusesTextThatIsNoCid) {
  auto error = [](std::string_view text) { return Cid::parse(text).error(); };
  EXPECT_EQ(error(""), MultiformatsError::truncated);
  EXPECT_EQ(error("b"), MultiformatsError::truncated);
  EXPECT_EQ(error("Qm"), MultiformatsError::unknown_base);
  EXPECT_EQ(error("hello"), MultiformatsError::bad_character);
  EXPECT_EQ(error(std::string(v0_text).substr(0, 45)), MultiformatsError::unknown_base);
  EXPECT_EQ(error(std::string(v1_text) + "a"), MultiformatsError::bad_text_length);
  EXPECT_EQ(error(" " + std::string(v1_text)), MultiformatsError::unknown_base);
  EXPECT_EQ(error("/ipfs/" + std::string(v1_text)), MultiformatsError::unknown_base);
  EXPECT_EQ(error(std::string(cid_text_bytes_max + 1, '0')), MultiformatsError::too_long);
}

// multiformats/cid README, "Decoding algorithm", step 1.
TEST(Cid, RefusesVersionZeroInAMultibase) {
  EXPECT_EQ(Cid::parse("z" + std::string(v0_text)).error(), MultiformatsError::multibase_v0);
  auto hex = multibase_encode(Base::base16, Cid::parse(v0_text)->bytes());
  EXPECT_EQ(Cid::parse(*hex).error(), MultiformatsError::multibase_v0);
}

TEST(Cid, RefusesBytesThatAreNoCid) {
  auto error = [](std::string_view hex) { return Cid::from_bytes(*from_hex(hex)).error(); };
  EXPECT_EQ(error(""), MultiformatsError::truncated);
  EXPECT_EQ(error("01"), MultiformatsError::truncated);
  EXPECT_EQ(error("0155"), MultiformatsError::truncated);
  EXPECT_EQ(error("015512"), MultiformatsError::truncated);
  EXPECT_EQ(error("01551202aa"), MultiformatsError::truncated);
  EXPECT_EQ(error("01551202aabbcc"), MultiformatsError::trailing_bytes);
  EXPECT_EQ(error("00551202aabb"), MultiformatsError::unsupported_version);
  EXPECT_EQ(error("02551202aabb"), MultiformatsError::unsupported_version);
  EXPECT_EQ(error("1202aabb"), MultiformatsError::unsupported_version);
  EXPECT_EQ(error("1220aabb"), MultiformatsError::truncated);
  EXPECT_EQ(error("8100551202aabb"), MultiformatsError::bad_varint);
  EXPECT_EQ(error("01d5001202aabb"), MultiformatsError::bad_varint);
  Bytes long_v0 = *from_hex("1220");
  long_v0.resize(35);
  EXPECT_EQ(Cid::from_bytes(long_v0).error(), MultiformatsError::trailing_bytes);
}

// The fixtures of IPIP-0512.
TEST(Cid, LimitsIdentityDigestsTo128Bytes) {
  auto encoded = [](std::size_t size, char letter) {
    Bytes bytes = *from_hex("015500");
    append_varint(bytes, size);
    bytes.insert(bytes.end(), size, static_cast<std::uint8_t>(letter));
    return *multibase_encode(Base::base32, bytes);
  };
  EXPECT_TRUE(encoded(128, 'B').starts_with("bafkqbaabijbeeqscijbeeqsc"));
  EXPECT_TRUE(encoded(129, 'A').starts_with("bafkqbaibifaucqkbifaucqkb"));
  auto cid = Cid::parse(encoded(128, 'B'));
  ASSERT_TRUE(cid.has_value());
  EXPECT_TRUE(cid->is_identity());
  EXPECT_EQ(as_text(cid->digest()), std::string(128, 'B'));
  EXPECT_EQ(Cid::parse(encoded(129, 'A')).error(), MultiformatsError::too_long);
}

TEST(Cid, TakesAPrefixAndLeavesTheRest) {
  for (const char* text : {v0_text, v1_text}) {
    Bytes bytes = to_bytes(Cid::parse(text)->bytes());
    bytes.push_back(0x99);
    ByteView in = bytes;
    auto cid = Cid::take(in);
    ASSERT_TRUE(cid.has_value());
    EXPECT_EQ(cid->to_string(), text);
    EXPECT_EQ(to_hex(in), "99");
    EXPECT_FALSE(Cid::take(in).has_value());
    EXPECT_EQ(to_hex(in), "99");
  }
}

TEST(Cid, IsAKeyOfOrderedAndUnorderedTables) {
  Cid v0 = Cid::parse(v0_text).value();
  Cid v1 = Cid::parse(v1_text).value();
  std::map<Cid, int> ordered{{v0, 0}, {v1, 1}};
  std::unordered_set<Cid> hashed{v0, v1, v0};
  EXPECT_EQ(ordered.at(Cid::parse(v1_text).value()), 1);
  EXPECT_EQ(hashed.size(), 2u);
  EXPECT_EQ(sizeof(Cid), 40u);
  EXPECT_FALSE(Cid());
  EXPECT_TRUE(v0);
  EXPECT_LT(Cid(), v0);
}

TEST(Cid, HashesDifferentlyWithAnotherSeed) {
  Cid v0 = Cid::parse(v0_text).value();
  Cid v1 = Cid::parse(v1_text).value();
  EXPECT_EQ(SeededHash{1}(v0), SeededHash{1}(v0));
  EXPECT_NE(SeededHash{1}(v0), SeededHash{2}(v0));
  EXPECT_NE(SeededHash{1}(v0), SeededHash{1}(v1));
  std::unordered_set<Cid, SeededHash> table(8, SeededHash{7});
  table.insert(v0);
  EXPECT_TRUE(table.contains(v0));
}

TEST(CidPrefix, GivesBackTheCidWithItsDigest) {
  for (const char* text : {v0_text, v1_text, "bafkqablimvwgy3y"}) {
    Cid cid = Cid::parse(text).value();
    CidPrefix prefix = CidPrefix::of(cid);
    EXPECT_EQ(CidPrefix::from_bytes(prefix.to_bytes()), prefix);
    EXPECT_EQ(prefix.complete(cid.digest()), cid);
  }
  EXPECT_EQ(to_hex(CidPrefix::of(Cid::parse(v1_text).value()).to_bytes()), "01701220");
  EXPECT_EQ(CidPrefix().complete(Bytes(31)).error(), MultiformatsError::truncated);
  EXPECT_EQ(CidPrefix().complete(Bytes(33))->digest().size(), 32u);
}

TEST(CidPrefix, RefusesWhatNoCidHas) {
  auto error = [](std::string_view hex) { return CidPrefix::from_bytes(*from_hex(hex)).error(); };
  EXPECT_EQ(error("017012"), MultiformatsError::truncated);
  EXPECT_EQ(error("0170122000"), MultiformatsError::trailing_bytes);
  EXPECT_EQ(error("02701220"), MultiformatsError::unsupported_version);
  EXPECT_EQ(error("0170128101"), MultiformatsError::too_long);
  EXPECT_EQ(error("00551220"), MultiformatsError::not_v0);
  EXPECT_EQ(error("00701214"), MultiformatsError::not_v0);
}

RC_GTEST_PROP(Cid, RoundTripsInEveryBase, (std::uint64_t codec, std::uint64_t function)) {
  auto size = *rc::gen::inRange<std::size_t>(0, digest_bytes_max + 1);
  auto digest = *rc::gen::container<Bytes>(size, rc::gen::arbitrary<std::uint8_t>());
  auto hash = *Multihash::wrap(static_cast<Codec>(function >> 1), digest);
  Cid cid = Cid::v1(static_cast<Codec>(codec >> 1), hash);
  RC_ASSERT((cid.version() == 1));
  RC_ASSERT((cid.hash() == hash));
  RC_ASSERT((cid.codec() == static_cast<Codec>(codec >> 1)));
  RC_ASSERT((Cid::from_bytes(cid.bytes()) == cid));
  RC_ASSERT((Cid::parse(cid.to_string()) == cid));
  for (const BaseInfo& info : all_bases()) {
    auto text = cid.to_string(info.base);
    if (!text) {
      RC_ASSERT((info.base == Base::proquint));
      continue;
    }
    RC_ASSERT((Cid::parse(*text) == cid));
  }
}

RC_GTEST_PROP(Cid, EncodesWhatItAcceptedToTheSameBytes, ()) {
  auto bytes = *rc::gen::container<Bytes>(
      rc::gen::element<std::uint8_t>(0, 1, 2, 3, 0x12, 0x20, 0x55, 0x70, 0x81));
  ByteView in = bytes;
  auto cid = Cid::take(in);
  if (!cid) return;
  RC_ASSERT(equal(cid->bytes(), ByteView(bytes).first(bytes.size() - in.size())));
  RC_ASSERT((Cid::parse(cid->to_string()) == cid));
}

}  // namespace
}  // namespace kith::multiformats
