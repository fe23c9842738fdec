// TaskGroup: structured concurrency. Whoever starts a task owns it in a group, and ends it before
// ending itself.
//
//   TaskGroup group(env.executor, env.clock, limit);
//   group.spawn(serve(connection_id));      // a named coroutine, arguments by value or outliving
//   the group
//   ...
//   group.cancel();                         // every child's next wait returns Errc::cancelled
//   co_await group.join_shielded();         // all children have ended
//
// Invariant: a group is empty when it is destroyed (asserted). Loop thread only.
#pragma once

#include <cstddef>
#include <memory>

#include <kith/port/clock.hpp>
#include <kith/port/task.hpp>

namespace kith::port {

class TaskGroup {
 public:
  /// At most `limit` children live at a time.
  TaskGroup(Executor executor, Clock& clock, std::size_t limit = 1'000'000);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `task` soon (never inside this call). False, and the task is dropped unstarted, if the
  /// group is full or was cancelled. What the task returns is dropped: a task tells its failures
  /// where they matter.
  bool spawn(Task<void> task);

  /// Cancels every child and refuses new ones. A child that has not started yet never does.
  /// Children that ignore it keep join_shielded waiting.
  void cancel() noexcept;

  /// Waits until no child is left, also if the calling task is cancelled.
  Task<void> join_shielded();

  /// Waits until no child is left; Errc::cancelled if the calling task is cancelled first and
  /// Errc::timed_out at `deadline` (in both cases children go on).
  Task<void> join(Instant deadline = never);

  std::size_t size() const noexcept;
  bool cancelled() const noexcept;

 private:
  struct State;
  struct Ended;
  std::unique_ptr<State> state_;
};

}  // namespace kith::port
