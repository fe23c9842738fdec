// VirtualClock: the one clock of a world. It stands still while coroutines run and jumps to the
// next timer when all of them wait. Timers of every node and the network's deliveries share its
// heap, so that (time, order of arming) decides everything.
#pragma once

#include <kith/base/assert.hpp>
#include <kith/port/clock.hpp>

namespace kith::sim {

/// Where virtual time begins: not at zero, so that a forgotten Instant shows.
inline constexpr Instant world_begin = Instant(1000s);
/// What the calendar says then: 2030-01-01T00:00:00Z.
inline constexpr WallTime wall_begin = WallTime(1'893'456'000s);

class VirtualClock final : public port::Clock {
 public:
  Instant now() const noexcept override { return now_; }

  std::optional<Instant> next() const noexcept { return earliest(); }

  /// Moves to `at` and fires what is due.
  void advance(Instant at) {
    ASSERT(at >= now_);
    now_ = at;
    fire_due(at);
  }

 protected:
  void on_earliest_changed() override {}

 private:
  Instant now_ = world_begin;
};

class VirtualWallClock final : public port::WallClock {
 public:
  VirtualWallClock(const VirtualClock& clock, Duration skew) : clock_(clock), skew_(skew) {}
  WallTime now() const noexcept override {
    return wall_begin + (clock_.now() - world_begin) + skew_;
  }
  /// The calendar of this node is ahead by so much from now on; time may jump either way.
  void set_skew(Duration skew) noexcept { skew_ = skew; }

 private:
  const VirtualClock& clock_;
  Duration skew_;
};

}  // namespace kith::sim
