#include <algorithm>
#include <cmath>

#include <kith/transfer/pace.hpp>

namespace kith::transfer {
namespace {

constexpr double growth_expected = 1.25;
constexpr int rounds_without_growth_max = 3;
constexpr std::uint64_t start_gain = 3;
constexpr std::uint64_t steady_gain = 2;
constexpr int backoff_max = 4;

double seconds(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::uint64_t Pace::product_bytes() const noexcept {
  double product = rate_ * seconds(latency_min_);
  return static_cast<std::uint64_t>(std::min(product, static_cast<double>(window_bytes_max)));
}

std::uint64_t Pace::window_bytes(std::uint64_t unit_bytes) const noexcept {
  // Our own least window must not stand in the queue while the latency is measured.
  const std::uint64_t least = (draining_ ? 1 : window_units_min) * unit_bytes;
  std::uint64_t window = start_window_;
  if (starting_) {
    // The rate trails the window by a round, so this bounds only what overshoots.
    if (measured()) window = std::min(window, start_gain * product_bytes() + 2 * least);
  } else if (draining_) {
    window = product_bytes();
  } else {
    window = steady_gain * product_bytes() + least;
  }
  return std::clamp(window, least, std::max(least, window_bytes_max));
}

Pace::Sent Pace::sent(std::uint64_t in_flight_bytes, std::uint64_t unit_bytes, Instant now) {
  if (in_flight_bytes == 0) delivered_at_ = now;
  Sent sent;
  sent.at = now;
  sent.delivered_at = delivered_at_;
  sent.delivered = delivered_;
  const std::uint64_t window = window_bytes(unit_bytes);
  sent.limited = in_flight_bytes + 2 * unit_bytes > window;
  sent.draining = draining_;
  return sent;
}

void Pace::received(const Sent& sent, std::uint64_t bytes, Instant now) {
  delivered_ += bytes;
  delivered_at_ = now;
  backoff_ = 0;
  beaten_latency_ = Duration(0);
  measure_latency(sent, now);
  round_limited_ = round_limited_ || sent.limited;
  if (sent.delivered >= next_round_at_) end_round();

  const double interval = seconds(now - sent.delivered_at);
  if (interval > 0) {
    // A sample from a time in which we asked for too little can only raise the estimate.
    double sample = static_cast<double>(delivered_ - sent.delivered) / interval;
    double& best = rates_[round_ % rate_rounds];
    if (sent.limited || sample > rate_) best = std::max(best, sample);
    rate_ = std::max(rate_, best);
  }
  if (starting_ && sent.limited) start_window_ = std::min(start_window_ + bytes, window_bytes_max);
}

void Pace::end_round() {
  next_round_at_ = delivered_;
  if (round_limited_) {
    // Only rounds that tried the source say anything: an idle one must not make it forget.
    ++round_;
    rates_[round_ % rate_rounds] = 0;
    rate_ = *std::ranges::max_element(rates_);
    if (starting_) {
      if (rate_ >= full_rate_ * growth_expected) {
        full_rate_ = rate_;
        rounds_without_growth_ = 0;
      } else if (++rounds_without_growth_ >= rounds_without_growth_max) {
        starting_ = false;
      }
    }
  }
  round_limited_ = false;
}

void Pace::measure_latency(const Sent& sent, Instant now) {
  const Duration latency = now - sent.at;
  if (samples_++ == 0) {
    latency_min_ = latency;
    latency_min_at_ = now;
    smoothed_ = latency;
    deviation_ = latency / 2;
    return;
  }
  deviation_ += (std::chrono::abs(latency - smoothed_) - deviation_) / 4;
  smoothed_ += (latency - smoothed_) / 8;
  if (latency <= latency_min_) {
    latency_min_ = latency;
    latency_min_at_ = now;
  }
  if (draining_) {
    if (sent.draining) drained_latency_ = std::min(drained_latency_.value_or(latency), latency);
    if (round_ >= drain_end_round_) {
      if (drained_latency_) latency_min_ = *drained_latency_;
      latency_min_at_ = now;
      draining_ = false;
    }
  } else if (!starting_ && now - latency_min_at_ > latency_min_age_max) {
    draining_ = true;
    drained_latency_.reset();
    drain_end_round_ = round_ + 2;
  }
}

void Pace::stalled() {
  backoff_ = std::min(backoff_ + 1, backoff_max);
  starting_ = true;
  start_window_ = 0;
  full_rate_ = 0;
  rounds_without_growth_ = 0;
  rates_.fill(0);
  rate_ = 0;
  draining_ = false;
}

Duration Pace::patience() const noexcept {
  if (!measured()) return patience_initial * (1 << backoff_);
  Duration own = std::clamp(2 * smoothed_ + 4 * deviation_, patience_min, patience_max);
  return std::min(own * (1 << backoff_), patience_max);
}

void Pace::beaten(const Sent& sent, Instant now) {
  beaten_latency_ = std::min(std::max(2 * beaten_latency_, now - sent.at), beaten_latency_max);
  beaten_at_ = now;
}

void Pace::relax(Instant now) {
  if (beaten_latency_ == Duration(0) || now - beaten_at_ < beaten_half_life) return;
  beaten_latency_ /= 2;
  beaten_at_ = now;
}

Duration Pace::expected(std::uint64_t bytes_ahead) const noexcept {
  if (!measured() || rate_ <= 0) {
    return std::max({latency_smoothed(), latency_guess, beaten_latency_});
  }
  double queue = std::min(static_cast<double>(bytes_ahead) / rate_, 3600.0);
  return std::max(beaten_latency_, latency_min_ + std::chrono::duration_cast<Duration>(
                                                      std::chrono::duration<double>(queue)));
}

}  // namespace kith::transfer
