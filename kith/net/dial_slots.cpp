#include <kith/base/assert.hpp>
#include <kith/net/dial_slots.hpp>

namespace kith::net {

/// Stands in the queue; a slot that was given to it and that it didn't hand on goes back.
struct DialSlots::Waiter {
  explicit Waiter(DialSlots& of) : slots(of), given_event(of.clock_) {
    place = slots.waiting_.insert(slots.waiting_.end(), this);
  }
  ~Waiter() {
    if (!given) slots.waiting_.erase(place);
    if (given && !handed_on) slots.give_back();
  }

  DialSlots& slots;
  port::Event given_event;
  std::list<Waiter*>::iterator place;
  bool given = false;
  bool handed_on = false;
};

DialSlots::~DialSlots() {
  ASSERT(taken_ == 0 && waiting_.empty());
}

Task<DialSlots::Slot> DialSlots::take(Instant deadline) {
  if (taken_ < slots_) {
    ++taken_;
    co_return Slot(*this);
  }
  Waiter waiter(*this);
  auto woken = co_await waiter.given_event.wait(deadline);
  if (!waiter.given) co_return std::unexpected(woken.error());
  // Also if the time ran out or the task was cancelled in the same moment: its next wait will tell.
  waiter.handed_on = true;
  co_return Slot(*this);
}

void DialSlots::give_back() noexcept {
  if (waiting_.empty()) {
    --taken_;
    return;
  }
  Waiter& next = *waiting_.front();
  waiting_.pop_front();
  next.given = true;
  next.given_event.notify_all();
}

}  // namespace kith::net
