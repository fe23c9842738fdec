// Budget: a counted limit (bytes, streams, connections) below an optional parent, as in go-libp2p's
// resource scopes. What is reserved counts in every ancestor; a reservation that would pass any of
// their limits takes nothing. One thread; a parent outlives its children; a budget is empty when it
// dies (asserted).
#pragma once

#include <cstdint>
#include <utility>

#include <kith/base/assert.hpp>
#include <kith/base/result.hpp>

namespace kith {

class Budget {
 public:
  explicit Budget(std::uint64_t limit, Budget* parent = nullptr) noexcept
      : limit_(limit), parent_(parent) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;
  ~Budget() { ASSERT(used_ == 0); }

  /// Takes `amount` here and in every ancestor, or nothing at all and answers false.
  [[nodiscard]] bool try_reserve(std::uint64_t amount) noexcept {
    if (amount > limit_ - used_) return false;
    if (parent_ != nullptr && !parent_->try_reserve(amount)) return false;
    used_ += amount;
    return true;
  }

  /// Gives back what was reserved.
  void release(std::uint64_t amount) noexcept {
    ASSERT(amount <= used_);
    used_ -= amount;
    if (parent_ != nullptr) parent_->release(amount);
  }

  /// Counts what it uses in another parent from now on. False, and nothing is changed, if there is
  /// no room.
  [[nodiscard]] bool move_to(Budget* parent) noexcept {
    // One above both parents must not count it twice meanwhile.
    if (parent_ != nullptr) parent_->release(used_);
    if (parent != nullptr && !parent->try_reserve(used_)) {
      const bool back = parent_ == nullptr || parent_->try_reserve(used_);
      ASSERT(back);
      return false;
    }
    parent_ = parent;
    return true;
  }

  std::uint64_t used() const noexcept { return used_; }
  std::uint64_t limit() const noexcept { return limit_; }

 private:
  std::uint64_t limit_;
  std::uint64_t used_ = 0;
  Budget* parent_;
};

/// A part of a Budget, given back when this dies.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), amount_(std::exchange(other.amount_, 0)) {}
  Reservation& operator=(Reservation&& other) noexcept {
    if (this != &other) {
      release();
      budget_ = std::exchange(other.budget_, nullptr);
      amount_ = std::exchange(other.amount_, 0);
    }
    return *this;
  }
  ~Reservation() { release(); }

  /// Errc::limit_exceeded if the budget or an ancestor of it has too little left.
  static Result<Reservation> take(Budget& budget, std::uint64_t amount) noexcept {
    if (!budget.try_reserve(amount)) return std::unexpected(Errc::limit_exceeded);
    Reservation taken;
    taken.budget_ = &budget;
    taken.amount_ = amount;
    return taken;
  }

  std::uint64_t amount() const noexcept { return amount_; }

  void release() noexcept {
    if (budget_ != nullptr) budget_->release(amount_);
    budget_ = nullptr;
    amount_ = 0;
  }

 private:
  Budget* budget_ = nullptr;
  std::uint64_t amount_ = 0;
};

}  // namespace kith
