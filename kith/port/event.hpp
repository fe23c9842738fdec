// Waiting for something that happens on the loop: Event, and what is made of it, OneShot<T> and
// Channel<T>.
//
// A woken coroutine never runs inside the call that wakes it: it is posted to its executor, so a
// waker's code is not re-entered and the order of wake-ups is the order of waiting. Loop thread
// only.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include <kith/base/assert.hpp>
#include <kith/port/clock.hpp>
#include <kith/port/task.hpp>

namespace kith::port {

/// A place where coroutines wait until they are notified. It keeps no state: a notification with
/// nobody waiting is lost, so a waiter tests its condition first and again after each wake-up.
class Event {
 public:
  explicit Event(Clock& clock) noexcept : clock_(clock) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  /// Nobody may be waiting any more (asserted).
  ~Event();

  /// Returns when notified; Errc::timed_out at `deadline`, Errc::cancelled if the task is or gets
  /// cancelled.
  Task<void> wait(Instant deadline = never);

  /// The same for clean-up: does not end when the task is cancelled.
  Task<void> wait_shielded(Instant deadline = never);

  void notify_all() noexcept;
  /// Wakes who has waited longest.
  void notify_one() noexcept;

  bool has_waiters() const noexcept { return first_ != nullptr; }
  Clock& clock() const noexcept { return clock_; }

 private:
  struct Waiter;
  Task<void> wait_impl(Instant deadline, bool cancellable);
  void link(Waiter& waiter) noexcept;
  void unlink(Waiter& waiter) noexcept;

  Clock& clock_;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

/// A result that comes once and that any number of tasks may wait for.
template <class T>
class OneShot {
 public:
  explicit OneShot(Clock& clock) noexcept : event_(clock) {}

  bool ready() const noexcept { return value_.has_value(); }

  /// The first value counts; later ones are dropped.
  void set(Result<T> value) {
    if (value_) return;
    value_.emplace(std::move(value));
    event_.notify_all();
  }

  /// A copy of the result; Errc::timed_out, Errc::cancelled.
  Task<T> wait(Instant deadline = never) {
    while (!value_)
      KITH_CO_CHECK(co_await event_.wait(deadline));
    co_return *value_;
  }

 private:
  Event event_;
  std::optional<Result<T>> value_;
};

/// A bounded queue between tasks. Full: push waits, try_push refuses.
template <class T>
class Channel {
 public:
  Channel(Clock& clock, std::size_t capacity)
      : capacity_(capacity), readable_(clock), writable_(clock) {
    ASSERT(capacity > 0);
  }

  bool try_push(T value) {
    if (closed_ || queue_.size() >= capacity_) return false;
    queue_.push_back(std::move(value));
    readable_.notify_one();
    return true;
  }

  /// Errc::closed after close(), Errc::timed_out, Errc::cancelled.
  Task<void> push(T value, Instant deadline = never) {
    while (!closed_ && queue_.size() >= capacity_)
      KITH_CO_CHECK(co_await writable_.wait(deadline));
    if (closed_) co_return std::unexpected(Errc::closed);
    queue_.push_back(std::move(value));
    readable_.notify_one();
    co_return Result<void>{};
  }

  /// Errc::closed once closed and empty, Errc::timed_out, Errc::cancelled.
  Task<T> pop(Instant deadline = never) {
    while (queue_.empty()) {
      if (closed_) co_return std::unexpected(Errc::closed);
      KITH_CO_CHECK(co_await readable_.wait(deadline));
    }
    co_return take();
  }

  std::optional<T> try_pop() {
    if (queue_.empty()) return std::nullopt;
    return take();
  }

  /// Nothing comes in any more; what is in can still be popped.
  void close() noexcept {
    closed_ = true;
    readable_.notify_all();
    writable_.notify_all();
  }

  std::size_t size() const noexcept { return queue_.size(); }
  bool closed() const noexcept { return closed_; }

 private:
  T take() {
    T value = std::move(queue_.front());
    queue_.pop_front();
    writable_.notify_one();
    // A wake-up given to a task that was cancelled meanwhile must not be lost for the others.
    if (!queue_.empty()) readable_.notify_one();
    return value;
  }

  std::size_t capacity_;
  std::deque<T> queue_;
  bool closed_ = false;
  Event readable_;
  Event writable_;
};

}  // namespace kith::port
