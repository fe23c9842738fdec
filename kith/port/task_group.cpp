#include <exception>
#include <list>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <kith/base/assert.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::port {
namespace asio = boost::asio;

namespace {

Task<void> run_child(Task<void> task) {
  // Cancellation is a value here: waits return Errc::cancelled instead of throwing.
  co_await asio::this_coro::throw_if_cancelled(false);
  co_return co_await std::move(task);
}

/// The one exception that may leave a child is asio's own, thrown when it was cancelled before it
/// ever ran.
void check_exception(std::exception_ptr exception) noexcept {
  if (!exception) return;
  try {
    std::rethrow_exception(exception);
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted) return;
    std::terminate();
  }
}

}  // namespace

struct TaskGroup::State {
  State(Executor where, Clock& clock, std::size_t children_max)
      : executor(std::move(where)), limit(children_max), emptied(clock) {}

  Executor executor;
  std::size_t limit;
  std::list<asio::cancellation_signal> children;
  bool cancelled = false;
  Event emptied;
};

TaskGroup::TaskGroup(Executor executor, Clock& clock, std::size_t limit)
    : state_(std::make_unique<State>(std::move(executor), clock, limit)) {}

TaskGroup::~TaskGroup() {
  ASSERT(state_->children.empty());
}

bool TaskGroup::spawn(Task<void> task) {
  if (state_->cancelled || state_->children.size() >= state_->limit) return false;
  auto child = state_->children.emplace(state_->children.end());
  auto ended = [state = state_.get(), child](std::exception_ptr exception, Result<void>) {
    check_exception(exception);
    state->children.erase(child);
    if (state->children.empty()) state->emptied.notify_all();
  };
  asio::co_spawn(state_->executor, run_child(std::move(task)),
                 asio::bind_cancellation_slot(child->slot(), std::move(ended)));
  return true;
}

void TaskGroup::cancel() noexcept {
  state_->cancelled = true;
  // A child never ends inside emit (wake-ups are posted), so the list holds still.
  for (asio::cancellation_signal& child : state_->children) {
    child.emit(asio::cancellation_type::terminal);
  }
}

Task<void> TaskGroup::join_shielded() {
  while (!state_->children.empty())
    KITH_CO_CHECK(co_await state_->emptied.wait_shielded());
  co_return Result<void>{};
}

Task<void> TaskGroup::join() {
  while (!state_->children.empty())
    KITH_CO_CHECK(co_await state_->emptied.wait());
  co_return Result<void>{};
}

std::size_t TaskGroup::size() const noexcept {
  return state_->children.size();
}
bool TaskGroup::cancelled() const noexcept {
  return state_->cancelled;
}

}  // namespace kith::port
