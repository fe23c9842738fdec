#include <fstream>
#include <string>
#include <unordered_set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <kith/multiformats/multihash.hpp>

namespace kith::multiformats {
namespace {

TEST(Multihash, ReadsAndWritesTheSpecificationsVectors) {
  std::ifstream in(KITH_SOURCE_DIR "/tests/vectors/multiformats/multihash/test_cases.csv");
  std::string line;
  std::getline(in, line);
  int rows = 0;
  while (std::getline(in, line)) {
    std::string name = line.substr(0, line.find(','));
    std::string rest = line.substr(name.size() + 1);
    std::size_t bits = std::stoul(rest);
    Bytes bytes = *from_hex(line.substr(line.rfind(',') + 1));
    auto hash = Multihash::from_bytes(bytes);
    ASSERT_TRUE(hash.has_value()) << line;
    // The file's "sha3" is today's sha3-512.
    EXPECT_EQ(hash->function(), codec_from_name(name == "sha3" ? "sha3-512" : name));
    EXPECT_EQ(hash->digest().size() * 8, bits);
    EXPECT_EQ(Multihash::wrap(hash->function(), hash->digest()), hash);
    EXPECT_TRUE(equal(hash->bytes(), bytes));
    ++rows;
  }
  EXPECT_EQ(rows, 260);
}

TEST(Multihash, RefusesWhatIsCutPaddedOrTooLong) {
  auto error = [](std::string_view hex) { return Multihash::from_bytes(*from_hex(hex)).error(); };
  EXPECT_EQ(error(""), MultiformatsError::truncated);
  EXPECT_EQ(error("12"), MultiformatsError::truncated);
  EXPECT_EQ(error("1202aa"), MultiformatsError::truncated);
  EXPECT_EQ(error("1202aabbcc"), MultiformatsError::trailing_bytes);
  EXPECT_EQ(error("9200"
                  "02aabb"),
            MultiformatsError::bad_varint);
  EXPECT_EQ(error("128200aabb"), MultiformatsError::bad_varint);
  EXPECT_EQ(error("12ffffffffffffffff7f"), MultiformatsError::too_long);
  EXPECT_EQ(error("ffffffffffffffffff0100"), MultiformatsError::bad_varint);
}

TEST(Multihash, LimitsDigestsTo128Bytes) {
  EXPECT_TRUE(Multihash::wrap(Codec::identity, Bytes(128)).has_value());
  EXPECT_EQ(Multihash::wrap(Codec::identity, Bytes(129)).error(), MultiformatsError::too_long);
  Bytes wire = *from_hex("008101");
  wire.resize(wire.size() + 129);
  EXPECT_EQ(Multihash::from_bytes(wire).error(), MultiformatsError::too_long);
}

TEST(Multihash, TakesAPrefixAndLeavesTheRest) {
  Bytes bytes = *from_hex("1202aabb77");
  ByteView in = bytes;
  auto hash = Multihash::take(in);
  ASSERT_TRUE(hash.has_value());
  EXPECT_EQ(to_hex(hash->digest()), "aabb");
  EXPECT_EQ(to_hex(in), "77");
  EXPECT_FALSE(Multihash::take(in).has_value());
  EXPECT_EQ(to_hex(in), "77");
}

TEST(Multihash, CopiesAndMovesLongOnes) {
  Multihash longest = *Multihash::wrap(Codec::identity, Bytes(128, 7));
  Multihash copy = longest;
  Multihash moved = std::move(longest);
  EXPECT_EQ(copy, moved);
  EXPECT_EQ(copy.bytes().data(), moved.bytes().data());
  Multihash other = *Multihash::wrap(Codec::sha1, Bytes(20, 1));
  copy = other;
  EXPECT_EQ(copy, other);
  EXPECT_EQ(moved.digest().size(), 128u);
  moved = Multihash();
  EXPECT_TRUE(moved.empty());
}

RC_GTEST_PROP(Multihash, RoundTrips, (std::uint64_t code)) {
  auto size = *rc::gen::inRange<std::size_t>(0, digest_bytes_max + 1);
  auto digest = *rc::gen::container<Bytes>(size, rc::gen::arbitrary<std::uint8_t>());
  auto function = static_cast<Codec>(code >> 1);
  auto hash = Multihash::wrap(function, digest);
  RC_ASSERT(hash.has_value());
  RC_ASSERT((hash->function() == function));
  RC_ASSERT(equal(hash->digest(), digest));
  auto again = Multihash::from_bytes(hash->bytes());
  RC_ASSERT((again == hash));
  RC_ASSERT((std::hash<Multihash>{}(*again) == std::hash<Multihash>{}(*hash)));
}

RC_GTEST_PROP(Multihash, OrdersAsTheBytesDo, (Bytes a, Bytes b)) {
  a.resize(std::min<std::size_t>(a.size(), digest_bytes_max));
  b.resize(std::min<std::size_t>(b.size(), digest_bytes_max));
  auto first = *Multihash::wrap(Codec::sha2_256, a);
  auto second = *Multihash::wrap(Codec::sha2_256, b);
  RC_ASSERT((first <=> second) == (to_bytes(first.bytes()) <=> to_bytes(second.bytes())));
  RC_ASSERT((first == second) == (a == b));
}

// Short alphabets and lengths make accepted inputs common.
RC_GTEST_PROP(Multihash, EncodesWhatItAcceptedToTheSameBytes, ()) {
  auto bytes = *rc::gen::container<Bytes>(rc::gen::inRange<std::uint8_t>(0, 6));
  ByteView in = bytes;
  auto hash = Multihash::take(in);
  if (!hash) return;
  RC_ASSERT(equal(hash->bytes(), ByteView(bytes).first(bytes.size() - in.size())));
}

}  // namespace
}  // namespace kith::multiformats
