#include <set>

#include <gtest/gtest.h>

#include <kith/base/base.hpp>

namespace kith {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return std::unexpected(Error(Errc::invalid_argument, "7 is odd"));
  return number / 2;
}

Result<int> quarter(int number) {
  KITH_TRY(int once, half(number));
  KITH_TRY(int twice, half(once));
  return twice;
}

std::expected<int, VarintError> narrow() {
  return std::unexpected(VarintError::truncated);
}
Result<int> widen() {
  KITH_TRY(int number, narrow());
  return number;
}

TEST(Result, TryReturnsTheErrorOrTheValue) {
  EXPECT_EQ(*quarter(12), 3);
  EXPECT_TRUE(quarter(14).error().is(Errc::invalid_argument));
  EXPECT_EQ(quarter(14).error().message(), "7 is odd: invalid argument");
}

TEST(Result, AModulesEnumBecomesAnError) {
  EXPECT_TRUE(widen().error().is(VarintError::truncated));
  EXPECT_FALSE(widen().error().is(Errc::cancelled));
}

TEST(Result, KeepsErrnoAndAddsContext) {
  Error error = Error::from_errno(ENOENT, "open x").with_context("init");
  EXPECT_TRUE(error.is_errno(ENOENT));
  EXPECT_EQ(error.message(), "init: open x: no such file or directory");
}

TEST(Buffer, SlicesShareOneSlabUntilTheLastIsGone) {
  Buffer whole = Buffer::copy_of(as_bytes("hello world"));
  EXPECT_TRUE(whole.unique());
  Buffer part = whole.slice(6, 5);
  EXPECT_FALSE(whole.unique());
  EXPECT_EQ(as_text(part), "world");
  EXPECT_EQ(part.data(), whole.data() + 6);
  whole = {};
  EXPECT_TRUE(part.unique());
  EXPECT_EQ(as_text(part), "world");
}

TEST(Buffer, AdoptsAVectorInPlace) {
  Bytes bytes = to_bytes("abc");
  const std::uint8_t* place = bytes.data();
  Buffer buffer = Buffer::adopt(std::move(bytes));
  EXPECT_EQ(buffer.data(), place);
  buffer.remove_prefix(1);
  buffer.truncate(1);
  EXPECT_EQ(as_text(buffer), "b");
}

TEST(Budget, CountsInEveryAncestorAndTakesNothingWhenOneIsFull) {
  Budget global(10);
  Budget peer(8, &global);
  Budget other(8, &global);
  {
    auto first = Reservation::take(peer, 6);
    ASSERT_TRUE(first.has_value());
    EXPECT_FALSE(Reservation::take(other, 5).has_value());
    EXPECT_EQ(other.used(), 0u);
    auto second = Reservation::take(other, 4);
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(global.used(), 10u);
  }
  EXPECT_EQ(global.used(), 0u);
}

TEST(Budget, MovesWhatItUsesToAnotherParentOrNothing) {
  Budget global(10);
  Budget strangers(8, &global);
  Budget peer(8, &global);
  Budget full(5, &global);
  Budget connection(10, &strangers);
  auto held = Reservation::take(connection, 6);
  ASSERT_TRUE(held.has_value());
  EXPECT_FALSE(connection.move_to(&full));
  EXPECT_EQ(strangers.used(), 6u);
  // Both stand below one that hasn't room for it twice.
  EXPECT_TRUE(connection.move_to(&peer));
  EXPECT_EQ(strangers.used(), 0u);
  EXPECT_EQ(peer.used(), 6u);
  EXPECT_EQ(global.used(), 6u);
  EXPECT_TRUE(connection.move_to(nullptr));
  EXPECT_EQ(global.used(), 0u);
}

TEST(Prng, RepeatsFromItsSeedAndSplitsIndependently) {
  Prng a(42);
  Prng b(42);
  EXPECT_EQ(a.next(), b.next());
  Prng child = a.split(1);
  std::uint64_t after = b.next();
  EXPECT_EQ(a.next(), after);
  EXPECT_NE(child.next(), after);
}

TEST(Prng, DrawsBelowItsBound) {
  Prng prng(7);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 200; ++i)
    seen.insert(prng.below(5));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4}));
}

TEST(Bytes, ReadsAndWritesNumbersInBothOrders) {
  std::uint8_t raw[4];
  store_be<std::uint32_t>(raw, 0x01020304);
  EXPECT_EQ(to_hex(raw), "01020304");
  EXPECT_EQ(load_le<std::uint32_t>(raw), 0x04030201u);
  EXPECT_EQ(load_be<std::uint32_t>(raw), 0x01020304u);
}

TEST(Bytes, RefusesHexThatIsOddOrNoHex) {
  EXPECT_FALSE(from_hex("abc"));
  EXPECT_FALSE(from_hex("zz"));
  EXPECT_EQ(*from_hex("aBcD"), (Bytes{0xab, 0xcd}));
}

}  // namespace
}  // namespace kith
