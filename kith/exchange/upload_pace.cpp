#include <algorithm>
#include <utility>

#include <kith/exchange/upload_pace.hpp>

namespace kith::exchange {
namespace {

constexpr double step_factor = 1.5;
/// A window half as large again must bring this much more, and one without that half may cost so
/// much less.
constexpr double growth_expected = 1.2;
constexpr double loss_accepted = 0.95;
/// Tries are short beside it, however badly they end.
constexpr Duration rest_min = 10s;
constexpr Duration epoch_min = 250ms;

}  // namespace

void UploadPace::sent(std::uint64_t bytes, bool idle, Instant now) noexcept {
  if (idle) {
    // What comes after a pause says nothing about the line.
    begun_.reset();
    return;
  }
  if (!begun_) {
    begun_ = now;
    drained_ = 0;
    limited_ = false;
    return;
  }
  drained_ += bytes;
  const Duration lasted = now - *begun_;
  if (lasted < epoch_min) return;
  const double seconds = std::chrono::duration<double>(lasted).count();
  const bool overdue = rate_ > 0 && seconds * rate_ > 2 * static_cast<double>(window_);
  if (drained_ < window_ && !overdue) return;
  if (limited_) end_epoch(static_cast<double>(drained_) / seconds, now);
  begun_ = now;
  drained_ = 0;
  limited_ = false;
}

void UploadPace::step(State state) noexcept {
  const auto window = static_cast<double>(window_);
  const double stepped = state == State::growing ? window * step_factor : window / step_factor;
  settling_ = true;
  window_ =
      std::clamp(static_cast<std::uint64_t>(stepped), upload_window_bytes_min, unsent_bytes_max);
}

void UploadPace::end_epoch(double rate, Instant now) noexcept {
  // What drains in the first one was handed out with the window before.
  if (std::exchange(settling_, false)) return;
  if (state_ == State::resting) {
    rate_ = rate;
    if (now - rests_since_ < rest_min) return;
    state_ = next_try_;
    next_try_ = state_ == State::growing ? State::lowering : State::growing;
    step(state_);
    return;
  }
  const double wanted = rate_ * (state_ == State::growing ? growth_expected : loss_accepted);
  const std::uint64_t before = window_;
  if (rate >= wanted) {
    rate_ = rate;
    step(state_);
    if (window_ != before) return;
  } else {
    step(state_ == State::growing ? State::lowering : State::growing);
  }
  state_ = State::resting;
  rests_since_ = now;
}

}  // namespace kith::exchange
