// Signatures on P-256 that our own keys make, and numbers out of range. The ledger's contract has
// Wycheproof's vectors (kith/ledger/evm/precompile_test.cpp).
#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/crypto/p256.hpp>

namespace kith::crypto {
namespace {

using Number = std::array<std::uint8_t, 32>;

Number number(std::string_view digits) {
  Number out;
  std::ranges::copy(from_hex(digits).value(), out.begin());
  return out;
}

const Number order = number("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
const Number prime = number("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");

struct Case {
  Number hash;
  Number r;
  Number s;
  Number x;
  Number y;

  bool verifies() const { return p256_verify(hash, r, s, x, y); }
};

Number last_bytes(ByteView bytes) {
  Number out{};
  const std::size_t size = std::min(out.size(), bytes.size());
  std::ranges::copy(bytes.last(size), out.end() - static_cast<std::ptrdiff_t>(size));
  return out;
}

Case signed_case(std::uint64_t seed) {
  Prng random(seed);
  const auto key =
      PrivateKey::generate(KeyType::ecdsa, [&](MutableBytes out) { random.fill(out); });
  const Bytes message(seed % 100, 7);
  const Bytes signature = key->sign(message).value();
  // SEQUENCE { INTEGER r, INTEGER s }, each with a zero in front of a high bit.
  const std::size_t r_size = signature[3];
  const ByteView r = ByteView(signature).subspan(4, r_size);
  const ByteView s = ByteView(signature).subspan(6 + r_size);
  const ByteView point = key->public_key().data().last(64);
  return {sha256(message), last_bytes(r), last_bytes(s), last_bytes(point.first(32)),
          last_bytes(point)};
}

TEST(P256, VerifiesWhatOurKeysSign) {
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    EXPECT_TRUE(signed_case(seed).verifies()) << seed;
}

TEST(P256, RefusesASignatureWithAnyBitOfItChanged) {
  const Case good = signed_case(1);
  for (Number Case::* const field : {&Case::hash, &Case::r, &Case::s, &Case::x, &Case::y}) {
    for (std::size_t bit = 0; bit < 256; ++bit) {
      Case bad = good;
      (bad.*field)[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
      ASSERT_FALSE(bad.verifies()) << bit;
    }
  }
  EXPECT_TRUE(good.verifies());
}

TEST(P256, RefusesNumbersOutOfRange) {
  const Case good = signed_case(2);
  const Number highest = number(std::string(64, 'f'));
  for (Number Case::* const field : {&Case::r, &Case::s}) {
    for (const Number& value : {Number{}, order, highest}) {
      Case bad = good;
      bad.*field = value;
      EXPECT_FALSE(bad.verifies());
    }
  }
  for (Number Case::* const field : {&Case::x, &Case::y}) {
    for (const Number& value : {Number{}, prime, highest}) {
      Case bad = good;
      bad.*field = value;
      EXPECT_FALSE(bad.verifies());
    }
  }
  Case nowhere = good;
  nowhere.x = nowhere.y = {};
  EXPECT_FALSE(nowhere.verifies());
}

Number sum(const Number& a, const Number& b) {
  Number out;
  unsigned carry = 0;
  for (std::size_t i = out.size(); i-- > 0;) {
    carry += a[i] + b[i];
    out[i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  return out;
}

Number complement(const Number& a) {
  Number out;
  std::ranges::transform(a, out.begin(),
                         [](std::uint8_t byte) { return static_cast<std::uint8_t>(~byte); });
  Number one{};
  one.back() = 1;
  return sum(out, one);
}

TEST(P256, TakesTheOtherSToo) {
  Case other = signed_case(3);
  other.s = sum(order, complement(other.s));
  EXPECT_TRUE(other.verifies());
}

TEST(P256, TakesNoCoordinateThatIsNotReduced) {
  // For a hash of zero the point that has r for its x is r / s times the key: with r = s, the key.
  const Number x = number("0000000000000000000000000000000000000000000000000000000000000005");
  const Number y = number("459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc");
  Case one{{}, x, x, x, y};
  EXPECT_TRUE(one.verifies());
  // The prime more still has 32 bytes.
  one.x = sum(x, prime);
  EXPECT_FALSE(one.verifies());
}

}  // namespace
}  // namespace kith::crypto
