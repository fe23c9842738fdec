#include <gtest/gtest.h>

#include <kith/dht/test_network.hpp>
#include <kith/dht/value_records.hpp>

namespace kith::dht {
namespace {

using routing::RoutingError;
using testing::peer_id;

const Key self = Key::of(peer_id(0));
const WallTime start{1000h};

/// Values begin with a digit, the larger the better; those that begin with 'e' ended at hour 1001.
class DigitValidator final : public routing::Validator {
 public:
  Result<void> check_name(ByteView) const override { return {}; }
  Result<void> check(ByteView, ByteView value, WallTime now) const override {
    bool good = !value.empty() && (value[0] == 'e' ? now < WallTime(1001h) : value[0] <= '9');
    if (good) return {};
    return std::unexpected(RoutingError::bad_value);
  }
  bool better(ByteView, ByteView a, ByteView b) const override { return a[0] > b[0]; }
};

class ValueRecordsTest : public ::testing::Test {
 protected:
  ValueRecordsTest() { validators.add("n", std::make_unique<DigitValidator>()); }

  static Bytes key(std::uint64_t number) { return to_bytes("/n/" + std::to_string(number)); }
  static std::optional<Bytes> held(const ValueRecords& records, std::uint64_t number,
                                   WallTime now) {
    auto value = records.get(key(number), now);
    return value ? std::optional(value->value) : std::nullopt;
  }

  routing::Validators validators;
};

TEST_F(ValueRecordsTest, KeepTheBetterValue) {
  ValueRecords records(self, validators);
  EXPECT_TRUE(records.put(key(1), as_bytes("4"), start));
  EXPECT_TRUE(records.put(key(1), as_bytes("6"), start));
  auto older = records.put(key(1), as_bytes("5"), start);
  EXPECT_TRUE(!older && older.error().is(RoutingError::older_value));
  EXPECT_EQ(held(records, 1, start), to_bytes("6"));
  EXPECT_EQ(records.size(), 1u);
}

TEST_F(ValueRecordsTest, RefuseWhatIsNotValid) {
  ValueRecords records(self, validators);
  EXPECT_FALSE(records.put(key(1), as_bytes("x"), start));
  EXPECT_FALSE(records.put(as_bytes("/other/1"), as_bytes("1"), start));
  EXPECT_EQ(records.size(), 0u);
}

TEST_F(ValueRecordsTest, EndWithTheirTimeOrTheirValidity) {
  ValueRecords records(self, validators);
  EXPECT_TRUE(records.put(key(1), as_bytes("9"), start));
  EXPECT_TRUE(records.put(key(2), as_bytes("e"), start));
  EXPECT_EQ(held(records, 1, start + value_ttl - 1s), to_bytes("9"));
  EXPECT_EQ(held(records, 1, start + value_ttl), std::nullopt);
  EXPECT_EQ(held(records, 2, start + 59min), to_bytes("e"));
  EXPECT_EQ(held(records, 2, start + 1h), std::nullopt);
  // What has ended is in nobody's way.
  EXPECT_TRUE(records.put(key(2), as_bytes("1"), start + 1h));
  EXPECT_TRUE(records.put(key(1), as_bytes("1"), start + value_ttl));
  records.expire(start + 2 * value_ttl);
  EXPECT_EQ(records.size(), 0u);
  EXPECT_EQ(records.bytes(), 0u);
}

TEST_F(ValueRecordsTest, OfFarKeysMakeRoomForThoseOfNearOnes) {
  ValueLimits limits;
  limits.records = 20;
  limits.bytes = 20 * 1000;
  ValueRecords records(self, validators, limits);
  std::vector<std::uint64_t> keys;
  for (std::uint64_t i = 0; i < 100; ++i)
    keys.push_back(i);
  std::ranges::sort(keys, {}, [](std::uint64_t one) { return distance(Key::of(key(one)), self); });
  for (auto one = keys.rbegin(); one != keys.rend(); ++one)
    EXPECT_TRUE(records.put(key(*one), as_bytes("1"), start));
  EXPECT_EQ(records.size(), 20u);
  for (std::size_t i = 0; i < 20; ++i)
    EXPECT_TRUE(held(records, keys[i], start)) << i;
  auto far = records.put(key(keys[50]), as_bytes("1"), start);
  EXPECT_TRUE(!far && far.error().is(Errc::limit_exceeded));
  // Long ones are fewer.
  Bytes value(5000, '1');
  for (std::size_t i = 0; i < 10; ++i) {
    static_cast<void>(records.put(key(keys[i]), value, start));
    EXPECT_LE(records.bytes(), limits.bytes);
  }
  EXPECT_TRUE(held(records, keys[0], start));
}

}  // namespace
}  // namespace kith::dht
