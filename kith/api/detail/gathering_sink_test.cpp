#include <cerrno>

#include <gtest/gtest.h>

#include <kith/api/detail/gathering_sink.hpp>
#include <kith/ipld/content.hpp>
#include <kith/sim/testing.hpp>

namespace kith::api {
namespace {

/// A store whose disk fails once: later puts and flushes go well.
class FailingOnce final : public ipld::BlockSink {
 public:
  explicit FailingOnce(port::Clock& clock) : clock_(clock) {}

  Task<void> put(std::vector<ipld::Block> blocks) override {
    ++puts;
    const bool fails = std::exchange(fails_next, false);
    KITH_CO_CHECK(co_await port::sleep_for(clock_, put_takes));
    if (fails) co_return std::unexpected(Error::from_errno(EIO));
    kept += blocks.size();
    co_return Result<void>{};
  }
  Task<void> flush() override {
    ++flushes;
    co_return Result<void>{};
  }

  static constexpr Duration put_takes = 10ms;
  bool fails_next = true;
  std::size_t puts = 0;
  std::size_t kept = 0;
  std::size_t flushes = 0;

 private:
  port::Clock& clock_;
};

std::vector<ipld::Block> blocks(std::size_t count, std::string_view name) {
  std::vector<ipld::Block> made;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string content = std::string(name) + std::to_string(i);
    made.push_back(ipld::make_block({}, Buffer::copy_of(as_bytes(content))).value());
  }
  return made;
}

bool failed(const Result<void>& result) {
  return !result && result.error().is_errno(EIO);
}

struct Setting {
  explicit Setting(sim::World& world)
      : env(world.add_node().env()), below(env.clock), sink(env, below) {}

  port::Env& env;
  FailingOnce below;
  GatheringSink sink;
};

TEST(GatheringSink, KeepsTogetherWhatComesTogether) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Setting at(world);
    at.below.fails_next = false;
    for (int i = 0; i < 10; ++i)
      KITH_CO_CHECK(co_await at.sink.put(blocks(3, std::to_string(i))));
    EXPECT_EQ(at.below.puts, 0U);
    KITH_CO_CHECK(co_await port::sleep_for(at.env.clock, GatheringSink::gathered_time_max + 20ms));
    EXPECT_EQ(at.below.puts, 1U);
    EXPECT_EQ(at.below.kept, 30U);
    KITH_CO_CHECK(co_await at.sink.put(blocks(GatheringSink::gathered_blocks_max, "many")));
    EXPECT_EQ(at.below.puts, 2U);
    KITH_CO_CHECK(co_await at.sink.put(blocks(1, "last")));
    KITH_CO_CHECK(co_await at.sink.flush());
    EXPECT_EQ(at.below.kept, 31U + GatheringSink::gathered_blocks_max);
    EXPECT_EQ(at.below.flushes, 1U);
    co_return co_await at.sink.close_shielded();
  });
}

/// Nobody waits for the put that fails, and those after it would go well.
TEST(GatheringSink, FailsToFlushAfterAPutFailedUnseen) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Setting at(world);
    KITH_CO_CHECK(co_await at.sink.put(blocks(1, "lost")));
    KITH_CO_CHECK(co_await port::sleep_for(at.env.clock, GatheringSink::gathered_time_max + 20ms));
    EXPECT_EQ(at.below.puts, 1U);
    EXPECT_FALSE(at.below.fails_next);
    EXPECT_TRUE(failed(co_await at.sink.flush()));
    EXPECT_TRUE(failed(co_await at.sink.put(blocks(1, "next"))));
    EXPECT_TRUE(failed(co_await at.sink.flush()));
    EXPECT_EQ(at.below.flushes, 0U);
    EXPECT_EQ(at.below.kept, 0U);
    co_return co_await at.sink.close_shielded();
  });
}

TEST(GatheringSink, FailsToFlushWhatIsOnItsWayWhenThatFails) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Setting at(world);
    KITH_CO_CHECK(co_await at.sink.put(blocks(1, "lost")));
    KITH_CO_CHECK(co_await port::sleep_for(at.env.clock, GatheringSink::gathered_time_max + 5ms));
    EXPECT_EQ(at.below.puts, 1U) << "it is under way";
    KITH_CO_CHECK(co_await at.sink.put(blocks(1, "behind it")));
    EXPECT_TRUE(failed(co_await at.sink.flush()));
    EXPECT_EQ(at.below.flushes, 0U);
    EXPECT_EQ(at.below.kept, 0U);
    co_return co_await at.sink.close_shielded();
  });
}

}  // namespace
}  // namespace kith::api
