#include <algorithm>

#include <fmt/format.h>

#include <kith/api/detail/progress.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/base/duration.hpp>

namespace kith::api {
namespace {

constexpr Duration redraw_interval = 100ms;
/// Cells between the brackets; with fewer than the least there is no bar.
constexpr std::size_t bar_cells_max = 24;
constexpr std::size_t bar_cells_min = 6;

/// "[==>   ] " in so many columns, or in fewer.
std::string bar_within(std::size_t columns, double share) {
  constexpr std::size_t frame = 3;
  if (columns < bar_cells_min + frame) return "";
  const std::size_t cells = std::min(bar_cells_max, columns - frame);
  const auto full = static_cast<std::size_t>(share * static_cast<double>(cells));
  return fmt::format("[{:<{}}] ", std::string(full, '=') + (full < cells ? ">" : ""), cells);
}

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
  // The bar stands between these two, and gets what room they leave.
  std::string line = human_bytes(static_cast<double>(done_));
  std::string rest;
  double share = 0;
  const bool has_bar = total_ && *total_ > 0;
  if (has_bar) {
    share = std::min(1.0, static_cast<double>(done_) / static_cast<double>(*total_));
    std::string left =
        rate > 0 && share < 1
            ? format_duration(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(
                  std::min(1e6, static_cast<double>(*total_ - done_) / rate))))
            : "0s";
    line += fmt::format(" / {} ", human_bytes(static_cast<double>(*total_)));
    rest = fmt::format("{:.1f}% {}/s {}", share * 100, human_bytes(rate), left);
  } else {
    rest = fmt::format("  {}/s", human_bytes(rate));
  }
  if (peers_ > 0) rest += fmt::format("  {} peer{}", peers_, peers_ == 1 ? "" : "s");
  if (!what_.empty()) rest += "  " + what_;
  auto width = static_cast<std::size_t>(std::max(20, terminal_.columns() - 1));
  const std::size_t taken = columns_of(line) + columns_of(rest);
  if (has_bar && taken < width) line += bar_within(width - taken, share);
  line += rest;
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
