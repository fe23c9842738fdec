#include <gtest/gtest.h>

#include <kith/crypto/hkdf.hpp>
#include <kith/crypto/random.hpp>
#include <kith/crypto/x25519.hpp>

namespace kith::crypto {
namespace {

X25519Secret secret_from(std::string_view hex) {
  const Bytes bytes = *from_hex(hex);
  return X25519Secret(ByteView(bytes).first<x25519_bytes>());
}

X25519Public public_from(std::string_view hex) {
  X25519Public key;
  std::ranges::copy(*from_hex(hex), key.begin());
  return key;
}

// RFC 7748, 5.2.
TEST(X25519, AgreesWithTheStandardsVectors) {
  EXPECT_EQ(to_hex(*x25519(
                secret_from("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                public_from("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"))),
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  EXPECT_EQ(to_hex(*x25519(
                secret_from("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"),
                public_from("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"))),
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

// RFC 7748, 5.2: the iteration, a thousand times.
TEST(X25519, AgreesWithTheStandardsIteration) {
  X25519Public u{};
  u[0] = 9;
  X25519Secret k(u);
  for (int i = 0; i < 1000; ++i) {
    const X25519Shared next = x25519(k, u).value();
    std::ranges::copy(k.view(), u.begin());
    k = next;
    if (i == 0) {
      EXPECT_EQ(to_hex(k), "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
  }
  EXPECT_EQ(to_hex(k), "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

// RFC 7748, 6.1.
TEST(X25519, LetsTwoPartiesAgree) {
  const X25519Secret alice =
      secret_from("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const X25519Secret bob =
      secret_from("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  EXPECT_EQ(to_hex(x25519_public(alice)),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(to_hex(x25519_public(bob)),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const X25519Shared shared = x25519(alice, x25519_public(bob)).value();
  EXPECT_EQ(to_hex(shared), "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  EXPECT_EQ(shared, x25519(bob, x25519_public(alice)).value());
}

TEST(X25519, RefusesSharesThatForceAZeroSecret) {
  const X25519Secret secret =
      secret_from("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  // Points of order 1, 2, 4 and 8, and p, which is 0 in another form.
  for (const std::string_view share :
       {"0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    auto shared = x25519(secret, public_from(share));
    ASSERT_FALSE(shared.has_value()) << share;
    EXPECT_TRUE(shared.error().is(CryptoError::low_order_point));
  }
}

/// `size` bytes first, first + 1, ..
Bytes rising(std::uint8_t first, std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::uint8_t>(first + i);
  return bytes;
}

// RFC 4231, test cases 2 and 6.
TEST(Hmac, AgreesWithTheStandardsVectors) {
  const ByteView data = as_bytes("what do ya want for nothing?");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("Jefe"), data)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha512(as_bytes("Jefe"), data)),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
  EXPECT_EQ(to_hex(hmac_sha256(Bytes(131, 0xaa),
                               as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

// RFC 5869, A.1 to A.3.
TEST(Hkdf, AgreesWithTheStandardsVectors) {
  struct Case {
    Bytes input_key, salt, info;
    std::string_view extracted, expanded;
  };
  const Case cases[] = {
      {Bytes(22, 0x0b), rising(0, 13), rising(0xf0, 10),
       "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
       "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
      {rising(0, 80), rising(0x60, 80), rising(0xb0, 80),
       "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
       "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
       "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
       "cc30c58179ec3e87c14c01d5c1f3434f1d87"},
      {Bytes(22, 0x0b),
       {},
       {},
       "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
       "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(to_hex(hkdf_sha256_extract(test.salt, test.input_key)), test.extracted);
    Bytes out(test.expanded.size() / 2);
    hkdf_sha256(test.salt, test.input_key, test.info, out);
    EXPECT_EQ(to_hex(out), test.expanded);
  }
}

TEST(Hkdf, ExpandsToItsLimit) {
  Bytes longest(hkdf_sha256_bytes_max);
  hkdf_sha256_expand(Bytes(32, 1), as_bytes("info"), longest);
  Bytes shorter(100);
  hkdf_sha256_expand(Bytes(32, 1), as_bytes("info"), shorter);
  EXPECT_TRUE(equal(ByteView(longest).first(100), shorter));
  EXPECT_FALSE(equal(ByteView(longest).last(32), ByteView(longest).first(32)));
}

TEST(Secret, ComparesByContent) {
  EXPECT_TRUE(equal_constant_time(as_bytes("abc"), as_bytes("abc")));
  EXPECT_FALSE(equal_constant_time(as_bytes("abc"), as_bytes("abd")));
  EXPECT_FALSE(equal_constant_time(as_bytes("abc"), as_bytes("ab")));
  EXPECT_TRUE(equal_constant_time({}, {}));
}

TEST(Secret, IsWipedWhenItDies) {
  // Looked at in storage that outlives the object.
  alignas(SecretArray<32>) std::uint8_t storage[sizeof(SecretArray<32>)];
  auto* secret = new (storage) SecretArray<32>();
  std::ranges::fill(secret->mutable_bytes(), std::uint8_t{0xaa});
  const volatile std::uint8_t* seen = storage;
  EXPECT_EQ(seen[5], 0xaa);
  secret->~SecretArray<32>();
  for (std::size_t i = 0; i < sizeof(storage); ++i)
    EXPECT_EQ(seen[i], 0);
}

TEST(Secret, TakesBytesOverWithoutACopy) {
  Bytes bytes = to_bytes(as_bytes("secret"));
  const std::uint8_t* where = bytes.data();
  const Secret secret(std::move(bytes));
  EXPECT_EQ(secret.data(), where);
  EXPECT_EQ(as_text(secret.view()), "secret");
}

TEST(Secret, TextIsWipedInItsPlace) {
  std::string text = "a passphrase that is longer than a short string";
  const std::size_t size = text.size();
  wipe(text);
  EXPECT_EQ(text, std::string(size, '\0'));
}

TEST(Secret, IsEmptyOnceMovedFrom) {
  Secret secret(as_bytes("secret"));
  const Secret copy = secret.clone();
  Secret moved = std::move(secret);
  EXPECT_EQ(moved, copy);
  EXPECT_TRUE(secret.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(CryptoFill, FillsAllOfIt) {
  // 64 bytes in which some position never changes over 40 fills: a chance of 2^-306.
  Bytes changed(64, 0);
  Bytes first(64);
  crypto_fill(first);
  for (int i = 0; i < 40; ++i) {
    Bytes next(64);
    crypto_fill(next);
    for (std::size_t j = 0; j < next.size(); ++j)
      changed[j] |= first[j] ^ next[j];
  }
  EXPECT_EQ(std::ranges::count(changed, 0), 0);
}

}  // namespace
}  // namespace kith::crypto
