#include <chrono>

#include <kith/io/detail/loop_clock.hpp>

namespace kith::io::detail {

Instant LoopClock::now() const noexcept {
  return Instant(std::chrono::steady_clock::now().time_since_epoch());
}

void LoopClock::on_earliest_changed() {
  std::optional<Instant> at = earliest();
  // An alarm that rings too early costs one look; setting it anew for each deadline that comes and
  // goes would cost a system call.
  if (!at || (rings_at_ && *rings_at_ <= *at)) return;
  rings_at_ = at;
  alarm_.expires_at(std::chrono::steady_clock::time_point(at->time_since_epoch()));
  alarm_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    rings_at_.reset();
    fire_due(now());
  });
}

WallTime SystemWallClock::now() const noexcept {
  return WallTime(std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace kith::io::detail
