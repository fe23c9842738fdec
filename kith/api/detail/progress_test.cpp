#include <gtest/gtest.h>

#include <kith/api/command_fixture.hpp>
#include <kith/api/detail/progress.hpp>
#include <kith/sim/testing.hpp>

namespace kith::api {
namespace {

constexpr std::uint64_t mib = 1024 * 1024;
constexpr std::string_view line_begin = "\r\x1b[K";

struct Bar {
  explicit Bar(bool shown = true) : bar(context(), shown) {}
  RenderContext context() { return {env, terminal, request, "kith"}; }

  /// The line that is on the screen now.
  std::string line() const {
    std::size_t begin = terminal.err_text.rfind(line_begin);
    return begin == std::string::npos ? "" : terminal.err_text.substr(begin + line_begin.size());
  }
  std::string after(Duration pause, std::uint64_t done, std::string_view what = {}) {
    world.run_for(pause);
    bar.set_done(done, what);
    return line();
  }

  sim::World world{1};
  port::Env& env = world.add_node().env();
  testing::TestTerminal terminal;
  Request request;
  ProgressBar bar;
};

TEST(ProgressBar, ShowsBytesRateAndTimeLeft) {
  Bar bar;
  bar.bar.set_total(100 * mib);
  EXPECT_EQ(bar.after(1s, 25 * mib),
            "25.00 MiB / 100.00 MiB [======>                 ] 25.0% 25.00 MiB/s 3s");
  EXPECT_EQ(bar.after(1s, 50 * mib),
            "50.00 MiB / 100.00 MiB [============>           ] 50.0% 25.00 MiB/s 2s");
}

TEST(ProgressBar, ShowsWhatIsKnown) {
  Bar bar;
  EXPECT_EQ(bar.after(1s, 2 * mib), "2.00 MiB  2.00 MiB/s");
  bar.bar.set_peers(1);
  EXPECT_EQ(bar.after(1s, 4 * mib), "4.00 MiB  2.00 MiB/s  1 peer");
  bar.bar.set_peers(3);
  EXPECT_EQ(bar.after(2s, 4 * mib, "name"), "4.00 MiB  1.00 MiB/s  3 peers  name");
}

TEST(ProgressBar, IsDrawnTenTimesASecondAtMost) {
  Bar bar;
  for (int i = 1; i <= 1000; ++i)
    bar.after(1ms, static_cast<std::uint64_t>(i));
  std::size_t drawn = 0;
  for (std::size_t at = 0; (at = bar.terminal.err_text.find(line_begin, at)) != std::string::npos;)
    ++drawn, ++at;
  EXPECT_EQ(drawn, 10u);
}

TEST(ProgressBar, FitsTheTerminalAndLetsNamesDoNoHarm) {
  Bar bar;
  bar.terminal.width = 41;
  EXPECT_EQ(bar.after(1s, 2 * mib, "a\x1b[2J\n\xff"), "2.00 MiB  2.00 MiB/s  a\\x1b[2J\\n\\xff");
  EXPECT_EQ(bar.after(1s, 2 * mib, "日本語日本語日本語日本語"),
            "2.00 MiB  1.00 MiB/s  日本語日本語日本語");
}

TEST(ProgressBar, GivesWayToTheTextsBesideIt) {
  Bar bar;
  bar.bar.set_total(100 * mib);
  bar.bar.set_peers(1);
  EXPECT_EQ(bar.after(1s, 50 * mib),
            "50.00 MiB / 100.00 MiB [============>           ] 50.0% 50.00 MiB/s 1s  1 peer");
  bar.terminal.width = 70;
  EXPECT_EQ(bar.after(1s, 50 * mib, "big"),
            "50.00 MiB / 100.00 MiB [=====>    ] 50.0% 25.00 MiB/s 2s  1 peer  big");
  bar.terminal.width = 66;
  EXPECT_EQ(bar.after(2s, 50 * mib, "big"),
            "50.00 MiB / 100.00 MiB [===>  ] 50.0% 12.50 MiB/s 4s  1 peer  big");
  bar.terminal.width = 65;
  EXPECT_EQ(bar.after(1s, 50 * mib, "big"),
            "50.00 MiB / 100.00 MiB 50.0% 10.00 MiB/s 5s  1 peer  big");
  bar.terminal.width = 56;
  EXPECT_EQ(bar.after(3s, 50 * mib, "big"),
            "50.00 MiB / 100.00 MiB 50.0% 6.25 MiB/s 8s  1 peer  big");
  bar.terminal.width = 55;
  EXPECT_EQ(bar.after(2s, 50 * mib, "big"),
            "50.00 MiB / 100.00 MiB 50.0% 5.00 MiB/s 10s  1 peer  b");
}

TEST(ProgressBar, MakesRoomForALine) {
  Bar bar;
  bar.after(1s, 1);
  bar.bar.clear();
  EXPECT_EQ(bar.line(), "");
  std::size_t size = bar.terminal.err_text.size();
  bar.bar.clear();
  EXPECT_EQ(bar.terminal.err_text.size(), size) << "nothing to clear";
}

TEST(ProgressBar, ItsEndStaysOnTheScreen) {
  Bar bar;
  bar.bar.set_total(mib);
  bar.after(1s, mib / 2);
  bar.bar.finish(true);
  EXPECT_EQ(bar.line(), "1.00 MiB / 1.00 MiB [========================] 100.0% 1.00 MiB/s 0s\n");
}

TEST(ProgressBar, IsNotThereUnlessItIsWanted) {
  Bar bar(false);
  bar.bar.set_total(mib);
  bar.after(1s, mib);
  bar.bar.clear();
  bar.bar.finish(true);
  EXPECT_EQ(bar.terminal.err_text, "");
}

}  // namespace
}  // namespace kith::api
