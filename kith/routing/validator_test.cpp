#include <gtest/gtest.h>

#include <kith/crypto/keys.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/routing/limits.hpp>
#include <kith/routing/routing.hpp>
#include <kith/routing/validator.hpp>

namespace kith::routing {
namespace {

using multiformats::PeerId;

crypto::PrivateKey key_of(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed[0] = number;
  return crypto::PrivateKey::from_ed25519_seed(seed);
}

Bytes pk_key(const PeerId& peer) {
  Bytes key = to_bytes("/pk/");
  append(key, peer.bytes());
  return key;
}

/// A P-256 key, whose id is a hash of it.
crypto::PrivateKey hashed_key() {
  auto fill = [](MutableBytes out) { std::ranges::fill(out, std::uint8_t{7}); };
  return *crypto::PrivateKey::generate(crypto::KeyType::ecdsa, fill);
}

/// Values are numbers of one digit, the larger the better.
class DigitValidator final : public Validator {
 public:
  Result<void> check_name(ByteView) const override { return {}; }
  Result<void> check(ByteView, ByteView value, WallTime) const override {
    if (value.size() != 1 || value[0] < '0' || value[0] > '9') {
      return std::unexpected(RoutingError::bad_value);
    }
    return {};
  }
  bool better(ByteView, ByteView a, ByteView b) const override { return a[0] > b[0]; }
};

template <class T>
bool fails_with(const Result<T>& result, RoutingError error) {
  return !result && result.error().is(error);
}

TEST(PublicKeyValidator, TakesThePeersOwnKey) {
  Validators validators;
  for (const crypto::PrivateKey& key : {key_of(1), hashed_key()}) {
    PeerId peer = PeerId::from_public_key(key.public_key());
    EXPECT_TRUE(validators.check(pk_key(peer), key.public_key().encoded(), {}));
    EXPECT_TRUE(validators.check_key(pk_key(peer)));
  }
}

TEST(PublicKeyValidator, RefusesAnothersKeyAndWhatIsNone) {
  Validators validators;
  PeerId peer = PeerId::from_public_key(hashed_key().public_key());
  Bytes key = pk_key(peer);
  EXPECT_TRUE(fails_with(validators.check(key, key_of(1).public_key().encoded(), {}),
                         RoutingError::bad_value));
  EXPECT_TRUE(fails_with(validators.check(key, as_bytes("no key"), {}), RoutingError::bad_value));
  EXPECT_TRUE(fails_with(validators.check(key, {}, {}), RoutingError::bad_value));
  EXPECT_TRUE(fails_with(validators.check_key(as_bytes("/pk/nobody")), RoutingError::bad_key));
}

TEST(Validators, RefuseKeysOfNoKnownKind) {
  Validators validators;
  EXPECT_TRUE(
      fails_with(validators.check_key(as_bytes("/news/today")), RoutingError::unknown_kind));
  for (std::string_view key : {"", "/", "//x", "pk/x", "/pk", "x"})
    EXPECT_TRUE(fails_with(validators.check_key(as_bytes(key)), RoutingError::bad_key)) << key;
  Bytes long_key = to_bytes("/digit/");
  long_key.resize(key_bytes_max + 1, 'x');
  EXPECT_TRUE(fails_with(validators.check_key(long_key), RoutingError::too_long));
}

TEST(Validators, AskTheOneOfTheNamespace) {
  Validators validators;
  validators.add("digit", std::make_unique<DigitValidator>());
  Bytes key = to_bytes("/digit/of/the/day");
  EXPECT_TRUE(validators.check(key, as_bytes("4"), {}));
  EXPECT_TRUE(fails_with(validators.check(key, as_bytes("x"), {}), RoutingError::bad_value));
  EXPECT_TRUE(fails_with(validators.check(key, Bytes(value_bytes_max + 1, '1'), {}),
                         RoutingError::too_long));
  EXPECT_TRUE(validators.better(key, as_bytes("5"), as_bytes("4")));
  EXPECT_FALSE(validators.better(key, as_bytes("4"), as_bytes("5")));
  EXPECT_FALSE(validators.better(key, as_bytes("4"), as_bytes("4")));
  EXPECT_FALSE(validators.better(as_bytes("/other/x"), as_bytes("5"), as_bytes("4")));
}

}  // namespace
}  // namespace kith::routing
