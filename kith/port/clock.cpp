#include <kith/base/assert.hpp>
#include <kith/port/clock.hpp>
#include <kith/port/event.hpp>

namespace kith::port {

Timer::~Timer() {
  ASSERT(!armed());
}

Clock::~Clock() {
  ASSERT(heap_.empty());
}

void Clock::place(std::size_t index, Entry entry) noexcept {
  entry.timer->heap_index_ = index;
  heap_[index] = entry;
}

void Clock::sift_up(std::size_t index, Entry entry) noexcept {
  while (index > 0) {
    std::size_t parent = (index - 1) / 2;
    if (!entry.before(heap_[parent])) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, entry);
}

void Clock::sift_down(std::size_t index, Entry entry) noexcept {
  for (;;) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
    if (!heap_[child].before(entry)) break;
    place(index, heap_[child]);
    index = child;
  }
  place(index, entry);
}

void Clock::remove(std::size_t index) noexcept {
  heap_[index].timer->heap_index_ = Timer::not_armed;
  Entry last = heap_.back();
  heap_.pop_back();
  if (index == heap_.size()) return;
  if (index > 0 && last.before(heap_[(index - 1) / 2])) {
    sift_up(index, last);
  } else {
    sift_down(index, last);
  }
}

void Clock::arm(Timer& timer, Instant at) {
  std::optional<Instant> before = earliest();
  if (timer.armed()) remove(timer.heap_index_);
  if (at != never) {
    Entry entry{at, next_sequence_++, &timer};
    heap_.push_back(entry);
    sift_up(heap_.size() - 1, entry);
  }
  if (earliest() != before) on_earliest_changed();
}

void Clock::disarm(Timer& timer) noexcept {
  // The alarm may then ring once for nothing, which is cheaper than setting it anew each time.
  if (timer.armed()) remove(timer.heap_index_);
}

std::optional<Instant> Clock::earliest() const noexcept {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().at;
}

void Clock::fire_due(Instant now) {
  std::uint64_t end = next_sequence_;
  while (!heap_.empty() && heap_.front().at <= now && heap_.front().sequence < end) {
    Timer* timer = heap_.front().timer;
    remove(0);
    timer->on_fire();
  }
  if (!heap_.empty()) on_earliest_changed();
}

Task<void> sleep_until(Clock& clock, Instant at) {
  Event nothing(clock);
  auto woken = co_await nothing.wait(at);
  if (woken || woken.error().is(Errc::timed_out)) co_return Result<void>{};
  co_return std::unexpected(woken.error());
}

Task<void> sleep_for(Clock& clock, Duration duration) {
  return sleep_until(clock, clock.now() + duration);
}

}  // namespace kith::port
