#include <gtest/gtest.h>

#include <kith/port/pipe.hpp>
#include <kith/port/port.hpp>
#include <kith/sim/testing.hpp>

namespace kith::port {
namespace {

using sim::World;

Bytes bytes_of(std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i)
    out[i] = static_cast<std::uint8_t>(i * 31 >> 3);
  return out;
}

Task<void> write_and_close(Stream& to, Bytes bytes) {
  KITH_CO_CHECK(co_await to.write(bytes));
  co_return co_await to.close_write();
}

Task<void> carries(World& world) {
  for (const std::size_t capacity : {1u, 7u, 1000u, 1'000'000u}) {
    auto [one, two] = pipe(world.clock(), capacity);
    TaskGroup tasks(world.executor(), world.clock());
    const Bytes there = bytes_of(5000);
    const Bytes back = bytes_of(3000);
    tasks.spawn(write_and_close(*one, there));
    tasks.spawn(write_and_close(*two, back));
    KITH_CO_TRY(const Bytes arrived, co_await read_to_end(*two, 10'000));
    KITH_CO_TRY(const Bytes returned, co_await read_to_end(*one, 10'000));
    EXPECT_EQ(arrived, there);
    EXPECT_EQ(returned, back);
    KITH_CO_CHECK(co_await tasks.join_shielded());
  }
  co_return Result<void>{};
}
TEST(Pipe, CarriesBytesBothWaysToTheirEndWhateverItsCapacity) {
  sim::run_seeds(1, 1, carries);
}

Task<void> waits(World& world) {
  auto [one, two] = pipe(world.clock(), 100);
  KITH_CO_CHECK(co_await one->write(bytes_of(100)));
  const Bytes more = bytes_of(1);
  auto full = co_await one->write(more, world.now() + 1s);
  EXPECT_TRUE(!full && full.error().is(Errc::timed_out));
  KITH_CO_CHECK(co_await two->read_buffer(1));
  KITH_CO_CHECK(co_await one->write(more, world.now() + 1s));
  co_return Result<void>{};
}
TEST(Pipe, MakesAWriterWaitForTheReader) {
  sim::run_seeds(1, 1, waits);
}

Task<void> resets(World& world) {
  auto [one, two] = pipe(world.clock());
  KITH_CO_CHECK(co_await one->write(bytes_of(10)));
  one.reset();
  auto read = co_await two->read_buffer(10);
  EXPECT_TRUE(!read && read.error().is(Errc::reset));
  const Bytes any = bytes_of(1);
  auto written = co_await two->write(any);
  EXPECT_TRUE(!written && written.error().is(Errc::reset));

  auto [three, four] = pipe(world.clock());
  KITH_CO_CHECK(co_await three->write(bytes_of(10)));
  KITH_CO_CHECK(co_await three->close_write());
  three.reset();
  KITH_CO_TRY(const Bytes rest, co_await read_to_end(*four, 100));
  EXPECT_EQ(rest, bytes_of(10));
  co_return Result<void>{};
}
TEST(Pipe, IsResetByAnEndThatGoesUnlessThatHadClosed) {
  sim::run_seeds(1, 1, resets);
}

}  // namespace
}  // namespace kith::port
