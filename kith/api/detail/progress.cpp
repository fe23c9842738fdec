#include <algorithm>

#include <fmt/format.h>

#include <kith/api/detail/progress.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/base/duration.hpp>

namespace kith::api {
namespace {

constexpr Duration redraw_interval = 100ms;
constexpr std::size_t bar_width = 24;

}  // namespace

void ProgressBar::set_done(std::uint64_t bytes, std::string_view what) {
  done_ = bytes;
  what_ = printable(what);
  if (shown_ && clock_.now() - drawn_ >= redraw_interval) draw();
}

void ProgressBar::draw() {
  drawn_ = clock_.now();
  double seconds = std::max(1e-3, std::chrono::duration<double>(drawn_ - begun_).count());
  double rate = static_cast<double>(done_) / seconds;
  std::string line = human_bytes(static_cast<double>(done_));
  if (total_ && *total_ > 0) {
    double share = std::min(1.0, static_cast<double>(done_) / static_cast<double>(*total_));
    auto full = static_cast<std::size_t>(share * bar_width);
    std::string bar = std::string(full, '=') + (full < bar_width ? ">" : "") +
                      std::string(bar_width - std::min(bar_width, full + 1), ' ');
    std::string left =
        rate > 0 && share < 1
            ? format_duration(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(
                  std::min(1e6, static_cast<double>(*total_ - done_) / rate))))
            : "0s";
    line += fmt::format(" / {} [{}] {:.1f}% {}/s {}", human_bytes(static_cast<double>(*total_)),
                        bar, share * 100, human_bytes(rate), left);
  } else {
    line += fmt::format("  {}/s", human_bytes(rate));
  }
  if (peers_ > 0) line += fmt::format("  {} peer{}", peers_, peers_ == 1 ? "" : "s");
  if (!what_.empty()) line += "  " + what_;
  auto width = static_cast<std::size_t>(std::max(20, terminal_.columns() - 1));
  static_cast<void>(terminal_.err("\r\x1b[K" + std::string(fitting(line, width))));
  on_screen_ = true;
}

void ProgressBar::clear() {
  if (!on_screen_) return;
  static_cast<void>(terminal_.err("\r\x1b[K"));
  on_screen_ = false;
}

void ProgressBar::finish(bool ok) {
  if (!shown_) return;
  if (ok && total_) done_ = *total_;
  draw();
  static_cast<void>(terminal_.err("\n"));
  on_screen_ = false;
}

}  // namespace kith::api
