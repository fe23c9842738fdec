#include <deque>

#include <gtest/gtest.h>

#include <kith/exchange/upload_pace.hpp>

namespace kith::exchange {
namespace {

/// A line that carries so much, to peers of which each takes so much; they ask for blocks without
/// end, and what the pace allows is handed out.
struct Line {
  double line_rate;
  double peer_rate;
  UploadPace pace{};
  static constexpr std::uint64_t block = 256 * 1024;

  void run(Duration duration) {
    constexpr Duration step = 10ms;
    for (Duration end = now.time_since_epoch() + duration; now.time_since_epoch() < end;) {
      while (left.size() * block < pace.window_bytes())
        left.push_back(static_cast<double>(block));
      pace.limited();
      now += step;
      const double seconds = std::chrono::duration<double>(step).count();
      const double each = std::min(peer_rate, line_rate / static_cast<double>(left.size()));
      for (double& one : left)
        one -= each * seconds;
      while (!left.empty() && left.front() <= 0) {
        left.pop_front();
        pace.sent(block, false, now);
      }
    }
  }
  std::deque<double> left{};
  Instant now{};
};

TEST(UploadPace, StaysSmallOnALineThatIsFull) {
  Line home{2'000'000, 10'000'000};
  home.run(5min);
  EXPECT_LE(home.pace.window_bytes(), 2 * upload_window_bytes_min);
}

TEST(UploadPace, GrowsWhileSlowPeersLeaveTheLineIdle) {
  // 128 peers of 100 kB/s each fill 32 MiB.
  Line server{12'500'000, 100'000};
  server.run(5min);
  EXPECT_GE(server.pace.window_bytes(), 16U * 1024 * 1024);
}

TEST(UploadPace, ComesBackWhenPeersBecomeFast) {
  Line server{12'500'000, 100'000};
  server.run(5min);
  server.peer_rate = 12'500'000;
  server.run(10min);
  EXPECT_LE(server.pace.window_bytes(), 4 * upload_window_bytes_min);
}

TEST(UploadPace, KeepsToItsBounds) {
  Line endless{1e12, 100'000};
  endless.run(5min);
  EXPECT_LE(endless.pace.window_bytes(), unsent_bytes_max);
  EXPECT_GT(endless.pace.window_bytes(), unsent_bytes_max / 2);
}

}  // namespace
}  // namespace kith::exchange
