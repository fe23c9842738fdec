// World: a simulation. One seed, one thread, one virtual clock, any number of nodes.
//
// The loop runs every ready coroutine at the present instant; when all of them wait it jumps to the
// earliest timer or delivery and fires what is due in (time, order of arming). Nothing else decides
// what happens next, so a run is its seed: trace_hash() of two runs must agree.
//
// At its end a world cancels what is left, lets it unwind, and asserts that no task lives, no timer
// is armed, no connection is open and no thread was started. Objects made from a node's Env die
// before the world.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <kith/port/task_group.hpp>
#include <kith/sim/clock.hpp>
#include <kith/sim/executor.hpp>
#include <kith/sim/net.hpp>
#include <kith/sim/node.hpp>
#include <kith/sim/trace.hpp>

namespace kith::sim {

struct WorldOptions {
  NetworkOptions network;
  /// The seed picks which ready handler runs next, instead of the one that is ready longest.
  bool shuffle_ready = false;
  bool buggify = true;
  /// As KITH_LOG, which overrides it and makes lines be printed at once.
  std::string log_levels = "info";
};

/// How long run() lets a task take, in virtual time.
inline constexpr Duration run_time_max = 1h;

class World {
 public:
  explicit World(std::uint64_t seed, WorldOptions options = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  std::uint64_t seed() const noexcept { return seed_; }
  const WorldOptions& options() const noexcept { return options_; }
  VirtualClock& clock() noexcept { return clock_; }
  Instant now() const noexcept { return clock_.now(); }
  /// Of a node, or of nobody (0).
  port::Executor executor(NodeId node = 0) { return queue_.executor(node); }
  Network& net() noexcept { return *network_; }
  /// For the test's own choices: what to do next, whom to kill.
  Prng& prng() noexcept { return prng_; }

  Node& add_node(NodeOptions options = {});
  Node& node(std::size_t index) { return *nodes_.at(index); }
  std::size_t nodes() const noexcept { return nodes_.size(); }

  /// A TCP connection between two nodes, there from now on.
  auto connect(Node& from, Node& to) { return network_->connect(from.host(), to.host()); }

  /// Runs until `done` (asked whenever every coroutine waits) or `deadline`, and then says whether
  /// it is done. With nothing left to happen and no deadline it gives up at once.
  bool run_until(const std::function<bool()>& done, Instant deadline = never);
  void run_for(Duration duration);
  /// Runs until nothing is left to happen; false if that is not before `deadline`.
  bool run_to_rest(Instant deadline = never);

  /// Runs the world until the task has ended, and returns what it returned. After `limit`, or when
  /// nothing is left to happen, the task is cancelled and the answer is Errc::timed_out with a text
  /// that says which.
  template <class T>
  Result<T> run(Task<T> task, Duration limit = run_time_max) {
    std::optional<Result<T>> outcome;
    std::optional<Error> stuck = drive(keep(std::move(task), outcome), limit);
    if (stuck) return std::unexpected(*std::move(stuck));
    if (!outcome) return std::unexpected(Errc::cancelled);
    return *std::move(outcome);
  }

  /// Puts a test's own observation into the trace.
  void trace(std::uint64_t value) noexcept { trace_.add(value); }
  std::uint64_t trace_hash() const noexcept { return trace_.hash(); }
  std::uint64_t events() const noexcept { return trace_.events(); }
  Trace& tracer() noexcept { return trace_; }

  /// Ends the world and checks that nothing is left; the destructor does it otherwise.
  void finish();

  /// Every node's last log lines.
  std::string logs();

 private:
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<Result<T>>& into) {
    into.emplace(co_await std::move(task));
    co_return Result<void>{};
  }
  std::optional<Error> drive(Task<void> task, Duration limit);
  void run_ready();
  bool jump(Instant limit);

  std::uint64_t seed_;
  WorldOptions options_;
  std::size_t threads_;
  Trace trace_;
  Prng prng_;
  VirtualClock clock_;
  RunQueue queue_;
  std::unique_ptr<Network> network_;
  std::vector<std::unique_ptr<Node>> nodes_;
  bool finished_ = false;
};

}  // namespace kith::sim
