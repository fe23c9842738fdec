#include <new>
#include <type_traits>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <kith/port/event.hpp>

namespace kith::port {
namespace asio = boost::asio;

namespace {

/// The suspended coroutine's completion handler, kept in place. (asio's any_completion_handler
/// would allocate, and its assignment recurses for ever in Boost 1.81.)
class Suspended {
 public:
  Suspended() = default;
  Suspended(const Suspended&) = delete;
  Suspended& operator=(const Suspended&) = delete;
  ~Suspended() { ASSERT(resume_ == nullptr); }

  template <class Handler>
  void hold(Handler handler) {
    static_assert(sizeof(Handler) <= sizeof(storage_) &&
                  alignof(Handler) <= alignof(std::max_align_t));
    new (storage_) Handler(std::move(handler));
    resume_ = [](void* place) {
      auto* held = static_cast<Handler*>(place);
      Handler moved(std::move(*held));
      held->~Handler();
      asio::post(std::move(moved));
    };
  }

  void resume() {
    auto resume = std::exchange(resume_, nullptr);
    ASSERT(resume != nullptr);
    resume(storage_);
  }

 private:
  alignas(std::max_align_t) unsigned char storage_[64];
  void (*resume_)(void*) = nullptr;
};

}  // namespace

struct Event::Waiter final : Timer {
  explicit Waiter(Event& owner) : event(owner) {}

  void wake(std::optional<Errc> why) noexcept {
    event.unlink(*this);
    event.clock_.disarm(*this);
    if (slot.is_connected()) slot.clear();
    failure = why;
    suspended.resume();
  }

  void on_fire() override { wake(Errc::timed_out); }

  Event& event;
  Suspended suspended;
  asio::cancellation_slot slot;
  std::optional<Errc> failure;
  Waiter* previous = nullptr;
  Waiter* next = nullptr;
};

Event::~Event() {
  ASSERT(first_ == nullptr);
}

void Event::link(Waiter& waiter) noexcept {
  waiter.previous = last_;
  (last_ != nullptr ? last_->next : first_) = &waiter;
  last_ = &waiter;
}

void Event::unlink(Waiter& waiter) noexcept {
  (waiter.previous != nullptr ? waiter.previous->next : first_) = waiter.next;
  (waiter.next != nullptr ? waiter.next->previous : last_) = waiter.previous;
}

void Event::notify_one() noexcept {
  if (first_ != nullptr) first_->wake(std::nullopt);
}

void Event::notify_all() noexcept {
  while (first_ != nullptr)
    first_->wake(std::nullopt);
}

Task<void> Event::wait_impl(Instant deadline, bool cancellable) {
  if (cancellable) {
    auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
      co_return std::unexpected(Errc::cancelled);
  }
  if (deadline != never && deadline <= clock_.now()) co_return std::unexpected(Errc::timed_out);

  Waiter waiter(*this);
  auto suspend = [&waiter, deadline, cancellable](auto handler) {
    Event& event = waiter.event;
    if (cancellable) {
      waiter.slot = asio::get_associated_cancellation_slot(handler);
      if (waiter.slot.is_connected()) {
        waiter.slot.assign([&waiter](asio::cancellation_type) { waiter.wake(Errc::cancelled); });
      }
    }
    waiter.suspended.hold(std::move(handler));
    event.link(waiter);
    if (deadline != never) event.clock_.arm(waiter, deadline);
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void()>(
      suspend, asio::use_awaitable_t<Executor>());
  if (waiter.failure) co_return std::unexpected(*waiter.failure);
  co_return Result<void>{};
}

Task<void> Event::wait(Instant deadline) {
  return wait_impl(deadline, true);
}
Task<void> Event::wait_shielded(Instant deadline) {
  return wait_impl(deadline, false);
}

boost::asio::awaitable<bool, Executor> is_cancelled() {
  auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

Task<void> yield() {
  bool cancelled = co_await is_cancelled();
  if (cancelled) co_return std::unexpected(Errc::cancelled);
  auto executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, asio::use_awaitable_t<Executor>());
  co_return Result<void>{};
}

}  // namespace kith::port
