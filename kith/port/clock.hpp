// Clock: monotonic time and timers. WallClock: the calendar, which may jump.
//
// A Timer is a node that its owner embeds; arming, re-arming and disarming allocate nothing. Timers
// due at the same Instant fire in the order in which they were armed. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/port/task.hpp>

namespace kith::port {

class Clock;

class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  /// Must not be armed any more: who embeds it disarms it.
  virtual ~Timer();

  bool armed() const noexcept { return heap_index_ != not_armed; }

 protected:
  /// Called once on the loop when its time has come, disarmed by then. May re-arm itself, and may
  /// end its own life.
  virtual void on_fire() = 0;

 private:
  friend class Clock;
  static constexpr std::size_t not_armed = SIZE_MAX;
  std::size_t heap_index_ = not_armed;
};

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  /// No timer may be armed any more.
  virtual ~Clock();

  virtual Instant now() const noexcept = 0;

  /// (Re-)arms: on_fire runs on the loop once now() >= at. `never` disarms.
  void arm(Timer& timer, Instant at);
  void disarm(Timer& timer) noexcept;

  std::size_t armed_timers() const noexcept { return heap_.size(); }

 protected:
  /// When the next timer is due, if one is armed.
  std::optional<Instant> earliest() const noexcept;
  /// Fires everything due at `now`, in order of (time, arming); timers armed meanwhile wait for the
  /// next call.
  void fire_due(Instant now);
  /// The answer of earliest() moved: an implementation sets its alarm anew.
  virtual void on_earliest_changed() = 0;

 private:
  struct Entry {
    Instant at;
    std::uint64_t sequence;
    Timer* timer;
    bool before(const Entry& other) const noexcept {
      return at != other.at ? at < other.at : sequence < other.sequence;
    }
  };
  void place(std::size_t index, Entry entry) noexcept;
  void sift_up(std::size_t index, Entry entry) noexcept;
  void sift_down(std::size_t index, Entry entry) noexcept;
  void remove(std::size_t index) noexcept;

  std::vector<Entry> heap_;
  std::uint64_t next_sequence_ = 0;
};

class WallClock {
 public:
  virtual ~WallClock() = default;
  virtual WallTime now() const noexcept = 0;
};

/// Errc::cancelled if the task is cancelled before.
Task<void> sleep_until(Clock& clock, Instant at);
Task<void> sleep_for(Clock& clock, Duration duration);

}  // namespace kith::port
