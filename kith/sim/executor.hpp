// RunQueue: the execution context of the simulation, and its executors. Handlers are queued and run
// one by one on the thread that calls run_one(): first come first served, or in an order that a
// seeded generator draws. An executor knows the node whose handlers it is given, who owns the
// memory that they take (heap.hpp).
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
#include <kith/sim/heap.hpp>

namespace kith::sim {

class RunQueue final : public boost::asio::execution_context {
 public:
  /// With `shuffle`, each turn draws which of the ready handlers runs.
  explicit RunQueue(std::optional<Prng> shuffle) noexcept : shuffle_(shuffle) {}
  ~RunQueue();

  class executor_type {
   public:
    executor_type(RunQueue& queue, std::uint32_t node) noexcept : queue_(&queue), node_(node) {}
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
      queue_->ready_.push({owned(std::forward<Function>(function)), node_});
    }
    bool operator==(const executor_type&) const noexcept = default;

   private:
    template <class Function>
    std::move_only_function<void()> owned(Function&& function) const {
      const heap::Scope scope(node_);
      return std::forward<Function>(function);
    }

    RunQueue* queue_;
    std::uint32_t node_;
  };

  /// Of a node, or of nobody (0).
  executor_type executor(std::uint32_t node = 0) noexcept { return {*this, node}; }

  bool empty() const noexcept { return ready_.empty(); }
  /// Runs one handler; false if none is ready.
  bool run_one();

 private:
  struct Handler {
    std::move_only_function<void()> function;
    std::uint32_t node = 0;
  };

  std::optional<Prng> shuffle_;
  Queue<Handler> ready_;
};

}  // namespace kith::sim
