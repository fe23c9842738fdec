#include <gtest/gtest.h>

#include <kith/dht/key.hpp>

namespace kith::dht {
namespace {

Key key_of(std::string_view hex) {
  std::array<std::uint8_t, 32> digest{};
  Bytes bytes = *from_hex(hex);
  std::ranges::copy(bytes, digest.begin());
  return Key::from_digest(digest);
}

TEST(Key, IsTheHashOfWhatItIsOf) {
  // NIST's test vector of SHA-256.
  EXPECT_EQ(Key::of(as_bytes("abc")),
            key_of("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}

TEST(Key, SharesItsLeadingBits) {
  Key zero;
  EXPECT_EQ(common_prefix(zero, zero), Key::bits);
  EXPECT_EQ(common_prefix(zero, key_of("80")), 0u);
  EXPECT_EQ(common_prefix(zero, key_of("01")), 7u);
  EXPECT_EQ(common_prefix(zero, key_of("000000000000000001")), 71u);
  EXPECT_EQ(common_prefix(key_of("ff00"), key_of("ff01")), 15u);
  std::array<std::uint8_t, 32> last{};
  last[31] = 1;
  EXPECT_EQ(common_prefix(zero, Key::from_digest(last)), 255u);
}

TEST(Key, HasAPrefixAndWhatIsBehindIt) {
  const Key key = key_of("a5ff00000000000000a5");
  EXPECT_EQ(key.prefix(4), key_of("a0"));
  EXPECT_EQ(key.prefix(72), key_of("a5ff0000000000000000"));
  EXPECT_EQ(key.prefix(256), key);
  EXPECT_EQ(key.filled(256), key);
  for (std::size_t bits : {0uz, 1uz, 63uz, 64uz, 65uz, 255uz}) {
    EXPECT_GE(common_prefix(key.filled(bits), key), bits);
    EXPECT_LE(key, key.filled(bits));
    for (std::size_t bit = bits; bit < Key::bits; ++bit)
      EXPECT_LE(key.filled(bits).flipped(bit), key.filled(bits)) << "all behind are ones";
  }
}

TEST(Key, IsAsFarAsTheExclusiveOrIsLarge) {
  Key a = key_of("10");
  Key b = key_of("11");
  Key c = key_of("20");
  EXPECT_EQ(distance(a, a), Key());
  EXPECT_EQ(distance(a, b), key_of("01"));
  EXPECT_EQ(distance(a, c), distance(c, a));
  EXPECT_LT(distance(a, b), distance(a, c));
  // The leading byte decides, whatever comes after it.
  EXPECT_LT(distance(a, key_of("10ffffffffffffffffff")), distance(a, b));
}

}  // namespace
}  // namespace kith::dht
