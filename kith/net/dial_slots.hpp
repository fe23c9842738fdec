// DialSlots: so many connection attempts may be under way at a time. Who finds no slot free waits,
// in the order of asking. A slot gives itself back, however its holder ends. Loop thread only.
#pragma once

#include <cstddef>
#include <list>
#include <utility>

#include <kith/port/clock.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task.hpp>

namespace kith::net {

class DialSlots {
 public:
  class Slot {
   public:
    Slot(Slot&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (owner_ != nullptr) owner_->give_back();
    }

   private:
    friend class DialSlots;
    explicit Slot(DialSlots& owner) noexcept : owner_(&owner) {}
    DialSlots* owner_;
  };

  DialSlots(port::Clock& clock, std::size_t slots) noexcept : clock_(clock), slots_(slots) {}
  DialSlots(const DialSlots&) = delete;
  DialSlots& operator=(const DialSlots&) = delete;
  /// Every slot is back and nobody waits (asserted).
  ~DialSlots();

  /// Errc::timed_out, Errc::cancelled.
  Task<Slot> take(Instant deadline = never);

  std::size_t taken() const noexcept { return taken_; }

 private:
  struct Waiter;
  void give_back() noexcept;

  port::Clock& clock_;
  std::size_t slots_;
  std::size_t taken_ = 0;
  std::list<Waiter*> waiting_;
};

}  // namespace kith::net
