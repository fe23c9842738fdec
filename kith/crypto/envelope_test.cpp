#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <kith/crypto/envelope.hpp>

namespace kith::crypto {
namespace {

PrivateKey key_of(std::uint8_t seed) {
  const std::array<std::uint8_t, 32> bytes{seed};
  return PrivateKey::from_ed25519_seed(bytes);
}

// Made by go-libp2p-core's envelope_test.go; domain "libp2p-testing".
constexpr std::string_view from_go =
    "0a24080112206f1581709bb7b1ef030d210db18e3b0ba1c776fba65d8cdaad05415142d189f812102f6c6962703270"
    "2f"
    "74657374646174611a0c68656c6c6f20776f726c64212a401178673b51dfa842aad17e465e25d646ad16628916b964"
    "c3"
    "fb10c711fee87872bdd4e4646f58c277cdff09704913d8be1aec6322de8d3d0bb852120374aece08";

TEST(Envelope, OpensOneMadeByGo) {
  auto envelope = open_envelope(*from_hex(from_go), "libp2p-testing");
  ASSERT_TRUE(envelope.has_value()) << envelope.error().message();
  EXPECT_EQ(as_text(envelope->payload_type), "/libp2p/testdata");
  EXPECT_EQ(as_text(envelope->payload), "hello world!");
  EXPECT_EQ(to_hex(envelope->signer.data()),
            "6f1581709bb7b1ef030d210db18e3b0ba1c776fba65d8cdaad05415142d189f8");
}

TEST(Envelope, HoldsInItsDomainOnly) {
  auto other = open_envelope(*from_hex(from_go), "libp2p-other");
  ASSERT_FALSE(other.has_value());
  EXPECT_TRUE(other.error().is(CryptoError::bad_signature));
  EXPECT_FALSE(open_envelope(*from_hex(from_go), "").has_value());
}

TEST(Envelope, NoticesEveryChangedBit) {
  const Bytes envelope = *from_hex(from_go);
  for (std::size_t bit = 0; bit < 8 * envelope.size(); ++bit) {
    Bytes changed = envelope;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(open_envelope(changed, "libp2p-testing").has_value()) << bit;
  }
}

TEST(Envelope, NoticesEveryCut) {
  const Bytes envelope = *from_hex(from_go);
  for (std::size_t size = 0; size < envelope.size(); ++size) {
    EXPECT_FALSE(open_envelope(ByteView(envelope).first(size), "libp2p-testing").has_value());
  }
}

// Moving a byte between type and payload gives the same concatenation: the lengths must be signed.
TEST(Envelope, SignsWhereTheFieldsEnd) {
  const Bytes first = seal_envelope(key_of(1), "d", as_bytes("ab"), as_bytes("c")).value();
  const Bytes second = seal_envelope(key_of(1), "d", as_bytes("a"), as_bytes("bc")).value();
  Bytes mixed = second;
  std::ranges::copy(ByteView(first).last(64), mixed.end() - 64);
  EXPECT_TRUE(open_envelope(second, "d").has_value());
  EXPECT_FALSE(open_envelope(mixed, "d").has_value());
}

TEST(Envelope, PassesOverUnknownFieldsAndRefusesRepeatedOnes) {
  const Bytes envelope = *from_hex(from_go);
  Bytes unknown = envelope;
  append(unknown, *from_hex("3001"
                            "3a0161"));
  EXPECT_TRUE(open_envelope(unknown, "libp2p-testing").has_value());
  for (const std::string_view repeated : {"12012f", "1a0161", "2a0100"}) {
    Bytes bytes = envelope;
    append(bytes, *from_hex(repeated));
    auto opened = open_envelope(bytes, "libp2p-testing");
    ASSERT_FALSE(opened.has_value());
    EXPECT_TRUE(opened.error().is(CryptoError::bad_encoding)) << repeated;
  }
}

TEST(Envelope, NeedsAKeyAndASignature) {
  EXPECT_TRUE(open_envelope({}, "d").error().is(CryptoError::bad_encoding));
  const Bytes envelope = *from_hex(from_go);
  EXPECT_TRUE(open_envelope(ByteView(envelope).subspan(38), "libp2p-testing")
                  .error()
                  .is(CryptoError::bad_encoding));
  EXPECT_TRUE(open_envelope(ByteView(envelope).first(envelope.size() - 66), "libp2p-testing")
                  .error()
                  .is(CryptoError::bad_signature));
}

TEST(Envelope, HasLimits) {
  const Bytes big(envelope_bytes_max, 1);
  EXPECT_TRUE(seal_envelope(key_of(1), "d", {}, big).error().is(Errc::limit_exceeded));
  EXPECT_TRUE(seal_envelope(key_of(1), "d", big, big).error().is(Errc::limit_exceeded));
  EXPECT_TRUE(
      open_envelope(Bytes(envelope_bytes_max + 1, 0x0a), "d").error().is(Errc::limit_exceeded));
  EXPECT_TRUE(seal_envelope(key_of(1), "", {}, {}).error().is(Errc::invalid_argument));
  EXPECT_TRUE(seal_envelope(key_of(1), std::string(envelope_domain_bytes_max + 1, 'd'), {}, {})
                  .error()
                  .is(Errc::invalid_argument));
  const Bytes most(envelope_bytes_max - 200, 1);
  EXPECT_EQ(open_envelope(seal_envelope(key_of(1), "d", {}, most).value(), "d")->payload, most);
}

RC_GTEST_PROP(Envelope, OpensWhatItSealed, (const Bytes& type, const Bytes& payload)) {
  const Bytes sealed = seal_envelope(key_of(9), "domain", type, payload).value();
  const Envelope opened = open_envelope(sealed, "domain").value();
  RC_ASSERT(opened.payload_type == type);
  RC_ASSERT(opened.payload == payload);
  RC_ASSERT(opened.signer == key_of(9).public_key());
}

}  // namespace
}  // namespace kith::crypto
