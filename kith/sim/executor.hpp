// RunQueue: the execution context of the simulation, and its executor. Handlers are queued and run
// one by one on the thread that calls run_one(): first come first served, or in an order that a
// seeded generator draws.
//
// No reactor, no thread, no timer: asio's own timers and sockets must not be made on it (a
// steady_timer would start a thread; World counts threads at its end).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>

#include <kith/base/prng.hpp>
#include <kith/sim/detail/queue.hpp>

namespace kith::sim {

class RunQueue final : public boost::asio::execution_context {
 public:
  /// With `shuffle`, each turn draws which of the ready handlers runs.
  explicit RunQueue(std::optional<Prng> shuffle) noexcept : shuffle_(shuffle) {}
  ~RunQueue();

  class executor_type {
   public:
    explicit executor_type(RunQueue& queue) noexcept : queue_(&queue) {}
    RunQueue& query(boost::asio::execution::context_t) const noexcept { return *queue_; }
    static constexpr boost::asio::execution::blocking_t query(
        boost::asio::execution::blocking_t) noexcept {
      return boost::asio::execution::blocking.never;
    }
    executor_type require(boost::asio::execution::blocking_t::never_t) const noexcept {
      return *this;
    }
    template <class Function>
    void execute(Function&& function) const {
      queue_->ready_.push(std::move_only_function<void()>(std::forward<Function>(function)));
    }
    bool operator==(const executor_type&) const noexcept = default;

   private:
    RunQueue* queue_;
  };

  executor_type executor() noexcept { return executor_type(*this); }

  bool empty() const noexcept { return ready_.empty(); }
  /// Runs one handler; false if none is ready.
  bool run_one();

 private:
  std::optional<Prng> shuffle_;
  Queue<std::move_only_function<void()>> ready_;
};

}  // namespace kith::sim
