#include <deque>

#include <gtest/gtest.h>

#include <kith/transfer/pace.hpp>

namespace kith::transfer {
namespace {

constexpr std::uint64_t unit_bytes = 65'536;

/// A source behind a link of one rate and one latency, asked as its pace allows.
struct Link {
  double rate;
  Duration latency;
  Pace pace = {};
  Instant now = Instant(1000s);
  std::deque<std::pair<Instant, Pace::Sent>> under_way = {};
  Instant busy_until{};

  std::uint64_t in_flight() const { return under_way.size() * unit_bytes; }

  void run(Duration duration) {
    const Instant end = now + duration;
    while (now < end) {
      while (in_flight() + unit_bytes <= pace.window_bytes(unit_bytes)) {
        Pace::Sent sent = pace.sent(in_flight(), unit_bytes, now);
        auto takes =
            std::chrono::duration_cast<Duration>(std::chrono::duration<double>(unit_bytes / rate));
        busy_until = std::max(busy_until, now + latency / 2) + takes;
        under_way.emplace_back(busy_until + latency / 2, sent);
      }
      now = under_way.front().first;
      pace.received(under_way.front().second, unit_bytes, now);
      under_way.pop_front();
    }
  }
};

TEST(Pace, StartsSmall) {
  Pace pace;
  EXPECT_EQ(pace.window_bytes(unit_bytes), window_bytes_initial);
  EXPECT_EQ(pace.window_bytes(1 << 20), window_units_min << 20);
  EXPECT_EQ(pace.patience(), patience_initial);
}

TEST(Pace, ReachesTwiceTheProductWithinSeconds) {
  for (double rate : {1e6, 10e6, 100e6}) {
    Link link{.rate = rate, .latency = 50ms};
    link.run(3s);
    const double product = rate * (0.05 + unit_bytes / rate);
    EXPECT_NEAR(link.pace.bytes_per_second(), rate, rate * 0.1);
    EXPECT_NEAR(static_cast<double>(link.pace.window_bytes(unit_bytes)),
                2 * product + window_units_min * unit_bytes, 0.35 * product + unit_bytes)
        << rate;
  }
}

TEST(Pace, StaysThereForAMinute) {
  Link link{.rate = 10e6, .latency = 50ms};
  link.run(60s);
  const double product = 10e6 * (0.05 + unit_bytes / 10e6);
  EXPECT_NEAR(static_cast<double>(link.pace.window_bytes(unit_bytes)), 2 * product, 1.2 * product);
  EXPECT_NEAR(link.pace.bytes_per_second(), 10e6, 1e6);
}

TEST(Pace, ForgetsALatencyThatHasGrown) {
  Link link{.rate = 10e6, .latency = 20ms};
  link.run(3s);
  link.latency = 100ms;
  link.run(30s);
  EXPECT_GE(link.pace.latency_min(), 100ms);
  EXPECT_LE(link.pace.latency_min(), 150ms);
  EXPECT_NEAR(link.pace.bytes_per_second(), 10e6, 1.5e6);
}

TEST(Pace, NeverPassesItsLargestWindow) {
  Link link{.rate = 5e9, .latency = 200ms};
  link.run(5s);
  EXPECT_EQ(link.pace.window_bytes(unit_bytes), window_bytes_max);
}

TEST(Pace, IsMorePatientWithEachStallUntilSomethingComes) {
  Link link{.rate = 10e6, .latency = 50ms};
  link.run(1s);
  const Duration before = link.pace.patience();
  EXPECT_EQ(before, patience_min);
  link.pace.stalled();
  EXPECT_EQ(link.pace.patience(), 2 * before);
  EXPECT_EQ(link.pace.window_bytes(unit_bytes), window_units_min * unit_bytes);
  link.pace.stalled();
  EXPECT_EQ(link.pace.patience(), 4 * before);
  link.run(10ms);
  EXPECT_LE(link.pace.patience(), 2 * before);
}

}  // namespace
}  // namespace kith::transfer
