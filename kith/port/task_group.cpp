#include <exception>
#include <list>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/this_coro.hpp>

#include <kith/base/assert.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::port {
namespace asio = boost::asio;

struct TaskGroup::State {
  // Without blocking.never, co_spawn from a handler of an io_context starts the child at once,
  // inside spawn().
  State(Executor where, Clock& clock, std::size_t children_max)
      : executor(asio::require(where, asio::execution::blocking.never)),
        limit(children_max),
        emptied(clock) {}

  struct Child {
    asio::cancellation_signal signal;
    bool started = false;
  };

  static Task<void> run(State* state, Child* child, Task<void> task) {
    child->started = true;
    // Cancellation is a value here: waits return Errc::cancelled instead of throwing.
    co_await asio::this_coro::throw_if_cancelled(false);
    if (state->cancelled) {
      --state->running;
      co_return std::unexpected(Errc::cancelled);
    }
    auto outcome = co_await std::move(task);
    // co_spawn tells the end in a handler of its own, later than whoever this task woke with its
    // last words: a place must be free for a task that such a one spawns.
    --state->running;
    co_return outcome;
  }

  Executor executor;
  std::size_t limit;
  std::list<Child> children;
  std::size_t running = 0;  ///< of the children, those whose task has not ended
  bool cancelled = false;
  Event emptied;
};

/// What co_spawn calls when a child has ended. It names its cancellation slot itself: with
/// bind_cancellation_slot, co_spawn (of Boost 1.81) would post each cancellation instead of passing
/// it on at once, and the posted one would touch a child that may have ended and been erased
/// meanwhile.
struct TaskGroup::Ended {
  using cancellation_slot_type = asio::cancellation_slot;
  cancellation_slot_type get_cancellation_slot() const noexcept { return child->signal.slot(); }

  /// Nothing of ours throws through a task: an exception here ends the process with its message.
  void operator()(std::exception_ptr exception, Result<void>) noexcept {
    if (exception) std::rethrow_exception(exception);
    state->children.erase(child);
    if (state->children.empty()) state->emptied.notify_all();
  }

  State* state;
  std::list<State::Child>::iterator child;
};

TaskGroup::TaskGroup(Executor executor, Clock& clock, std::size_t limit)
    : state_(std::make_unique<State>(std::move(executor), clock, limit)) {}

TaskGroup::~TaskGroup() {
  ASSERT(state_->children.empty());
}

bool TaskGroup::spawn(Task<void> task) {
  if (state_->cancelled || state_->running >= state_->limit) return false;
  ++state_->running;
  auto child = state_->children.emplace(state_->children.end());
  asio::co_spawn(state_->executor, State::run(state_.get(), &*child, std::move(task)),
                 Ended{state_.get(), child});
  return true;
}

void TaskGroup::cancel() noexcept {
  state_->cancelled = true;
  // A child never ends inside emit (wake-ups are posted), so the list holds still. One that has not
  // started yet looks at `cancelled` itself: co_spawn (of Boost 1.81) doesn't survive it otherwise.
  for (State::Child& child : state_->children) {
    if (child.started) child.signal.emit(asio::cancellation_type::terminal);
  }
}

Task<void> TaskGroup::join_shielded() {
  while (!state_->children.empty())
    KITH_CO_CHECK(co_await state_->emptied.wait_shielded());
  co_return Result<void>{};
}

Task<void> TaskGroup::join(Instant deadline) {
  while (!state_->children.empty())
    KITH_CO_CHECK(co_await state_->emptied.wait(deadline));
  co_return Result<void>{};
}

std::size_t TaskGroup::size() const noexcept {
  return state_->children.size();
}
bool TaskGroup::cancelled() const noexcept {
  return state_->cancelled;
}

}  // namespace kith::port
