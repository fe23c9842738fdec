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
constexpr int rest_epochs = 8;
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
  if (drained_ < window_ || lasted < epoch_min) return;
  if (limited_) {
    end_epoch(static_cast<double>(drained_) / std::chrono::duration<double>(lasted).count());
  }
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

void UploadPace::end_epoch(double rate) noexcept {
  // What drains in the first one was handed out with the window before.
  if (std::exchange(settling_, false)) return;
  if (state_ == State::resting) {
    rate_ = rate;
    if (++rested_ < rest_epochs) return;
    rested_ = 0;
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
    if (window_ == before) state_ = State::resting;
    return;
  }
  step(state_ == State::growing ? State::lowering : State::growing);
  state_ = State::resting;
}

}  // namespace kith::exchange
