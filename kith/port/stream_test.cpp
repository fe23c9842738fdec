#include <gtest/gtest.h>

#include <kith/base/varint.hpp>
#include <kith/port/port.hpp>
#include <kith/sim/testing.hpp>

namespace kith::port {
namespace {

using sim::Node;
using sim::World;

/// Reads come in pieces of a size that the test sets; writes are kept, in the pieces that came.
class ScriptedStream final : public Stream {
 public:
  ScriptedStream(Bytes input, std::size_t piece) : input_(std::move(input)), piece_(piece) {}

  Task<std::size_t> read_some(MutableBytes into, Instant) override {
    EXPECT_FALSE(into.empty());
    std::size_t size = std::min({into.size(), piece_, input_.size() - at_});
    std::ranges::copy(ByteView(input_).subspan(at_, size), into.begin());
    at_ += size;
    ++reads;
    co_return size;
  }
  Task<void> write(ByteView bytes, Instant) override {
    append(written, bytes);
    co_return Result<void>{};
  }
  Task<void> close_write(Instant) override { co_return Result<void>{}; }
  void reset() noexcept override {}

  Bytes written;
  int reads = 0;

 private:
  Bytes input_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

Bytes message(std::size_t size) {
  Bytes out;
  append_varint(out, size);
  for (std::size_t i = 0; i < size; ++i)
    out.push_back(static_cast<std::uint8_t>(i * 7));
  return out;
}

Bytes body(std::size_t size) {
  Bytes whole = message(size);
  return Bytes(whole.end() - static_cast<std::ptrdiff_t>(size), whole.end());
}

TEST(BufferedReader, ReadsMessagesWhateverTheSizeOfReads) {
  for (std::size_t piece : {1u, 2u, 3u, 7u, 100u, 100'000u}) {
    for (std::size_t buffer_bytes : {1u, 16u, 16'384u}) {
      World world(1);
      Bytes input;
      const std::size_t sizes[] = {0, 1, 127, 128, 300, 20'000};
      for (std::size_t size : sizes)
        append(input, message(size));
      ScriptedStream stream(input, piece);
      BufferedReader reader(stream, buffer_bytes);
      for (std::size_t size : sizes) {
        auto got = world.run(reader.read_message(20'000));
        ASSERT_TRUE(got.has_value()) << got.error().message();
        ASSERT_TRUE(equal(*got, body(size)));
      }
      EXPECT_TRUE(world.run(reader.read_message(20'000)).error().is(Errc::closed));
    }
  }
}

TEST(BufferedReader, RefusesAMessageBeyondTheLimitBeforeReadingIt) {
  World world(1);
  ScriptedStream stream(message(101), 1);
  BufferedReader reader(stream);
  EXPECT_TRUE(world.run(reader.read_message(100)).error().is(Errc::limit_exceeded));
  EXPECT_EQ(stream.reads, 1) << "the prefix alone was read";
}

TEST(BufferedReader, DoesNotBelieveAPrefixThatClaimsTheWorld) {
  World world(1);
  Bytes claim;
  append_varint(claim, std::uint64_t{1} << 62);
  ScriptedStream stream(claim, 1);
  BufferedReader reader(stream);
  // Even without a limit worth the name, memory follows what arrives.
  EXPECT_TRUE(world.run(reader.read_message(SIZE_MAX)).error().is(Errc::end_of_stream));
}

TEST(BufferedReader, TellsACleanEndFromAnEndInside) {
  World world(1);
  for (std::size_t cut = 0; cut <= 302; ++cut) {
    Bytes input = message(300);
    input.resize(cut);
    ScriptedStream stream(input, 64);
    BufferedReader reader(stream);
    auto got = world.run(reader.read_message(1000));
    if (cut == 0) {
      EXPECT_TRUE(got.error().is(Errc::closed));
    } else if (cut < 302) {
      EXPECT_TRUE(got.error().is(Errc::end_of_stream)) << cut;
    } else {
      EXPECT_TRUE(got.has_value());
    }
  }
}

TEST(BufferedReader, RefusesAPrefixThatIsNotMinimalOrTooLong) {
  World world(1);
  ScriptedStream padded({0x81, 0x00, 0x00}, 1);
  BufferedReader reader(padded);
  EXPECT_TRUE(world.run(reader.read_message(100)).error().is(VarintError::not_minimal));
  ScriptedStream endless(Bytes(20, 0xff), 1);
  BufferedReader other(endless);
  EXPECT_TRUE(world.run(other.read_message(100)).error().is(VarintError::too_long));
}

TEST(BufferedReader, HandsOnWhatItHoldsBeforeItReadsAgain) {
  World world(1);
  Bytes input = message(10);
  append(input, as_bytes("and the rest"));
  ScriptedStream stream(input, 1000);
  BufferedReader reader(stream);
  EXPECT_TRUE(world.run(reader.read_message(100)).has_value());
  Bytes three(3);
  EXPECT_TRUE(world.run(reader.read_exactly(three)).has_value());
  EXPECT_EQ(as_text(three), "and");
  EXPECT_EQ(as_text(*world.run(reader.read_buffer(5))), " the ");
  EXPECT_EQ(as_text(*world.run(reader.read_buffer(50))), "rest");
  EXPECT_EQ(stream.reads, 1);
  EXPECT_TRUE(world.run(reader.read_buffer(50))->empty());
  EXPECT_TRUE(world.run(reader.read_exactly(three)).error().is(Errc::end_of_stream));
}

TEST(Stream, ReadsExactlyOrSaysThatItEnded) {
  World world(1);
  ScriptedStream stream(to_bytes("hello world"), 4);
  Bytes five(5);
  EXPECT_TRUE(world.run(read_exactly(stream, five)).has_value());
  EXPECT_EQ(as_text(five), "hello");
  Bytes seven(7);
  EXPECT_TRUE(world.run(read_exactly(stream, seven)).error().is(Errc::end_of_stream));
}

TEST(Stream, ReadsToTheEndWithinALimit) {
  World world(1);
  ScriptedStream fits(to_bytes("hello world"), 4);
  EXPECT_EQ(as_text(*world.run(read_to_end(fits, 11))), "hello world");
  ScriptedStream longer(to_bytes("hello world!"), 4);
  EXPECT_TRUE(world.run(read_to_end(longer, 11)).error().is(Errc::limit_exceeded));
}

TEST(Stream, WritesAMessageWithItsLength) {
  World world(1);
  ScriptedStream stream({}, 1);
  Bytes content = body(300);
  EXPECT_TRUE(world.run(write_message(stream, content)).has_value());
  EXPECT_EQ(stream.written, message(300));
}

Task<void> sends_messages(Stream& stream, std::uint64_t seed, std::size_t count) {
  Prng prng(seed);
  for (std::size_t i = 0; i < count; ++i) {
    Bytes content(prng.below(5000));
    prng.fill(content);
    KITH_CO_CHECK(co_await write_message(stream, content));
  }
  co_return co_await stream.close_write();
}

Task<void> messages_arrive(World& world) {
  Node& near = world.add_node();
  auto [out, in] = world.connect(near, world.add_node());
  std::uint64_t seed = world.seed();
  near.spawn(sends_messages(*out, seed, 100));
  BufferedReader reader(*in, 1 + world.prng().below(2000));
  Prng prng(seed);
  for (std::size_t i = 0; i < 100; ++i) {
    Bytes expected(prng.below(5000));
    prng.fill(expected);
    KITH_CO_TRY(Buffer got, co_await reader.read_message(5000));
    KITH_CO_REQUIRE(equal(got, expected));
  }
  auto end = co_await reader.read_message(5000);
  EXPECT_TRUE(!end && end.error().is(Errc::closed));
  co_return Result<void>{};
}

TEST(Stream, CarriesMessagesOverSimulatedLinksOfEverySort) {
  sim::run_seeds(1, 30, messages_arrive);
}

TEST(Stream, EndsAReadAtItsDeadlineAndGoesOnAfterwards) {
  sim::run_test(1, [](World& world) -> Task<void> {
    auto [out, in] = world.connect(world.add_node(), world.add_node());
    BufferedReader reader(*in);
    Instant deadline = world.now() + 1s;
    auto late = co_await reader.read_message(100, deadline);
    EXPECT_TRUE(!late && late.error().is(Errc::timed_out));
    EXPECT_EQ(world.now(), deadline);
    KITH_CO_CHECK(co_await write_message(*out, as_bytes("still here")));
    KITH_CO_TRY(Buffer got, co_await reader.read_message(100));
    EXPECT_EQ(as_text(got), "still here");
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::port
