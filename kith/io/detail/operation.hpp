// One wait for an Asio object (socket, acceptor, signal set) with our rules: a cancelled task and a
// passed deadline refuse at once, the operation completes exactly once, and errors are values.
//
// Nothing is allocated beside the coroutine's frame and Asio's recycled operation. A deadline is a
// node in port::Clock. Stopping an operation cancels all that waits on the object, which is rare
// and needs no book-keeping on the hot path; the other direction finds that nobody stopped it and
// starts again (an aborted operation has moved no byte).
#pragma once

#include <cerrno>
#include <cstddef>
#include <optional>
#include <type_traits>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <kith/io/detail/suspended.hpp>
#include <kith/port/clock.hpp>
#include <kith/port/task.hpp>

namespace kith::io::detail {
namespace asio = boost::asio;
using boost::system::error_code;

/// An Asio object that notices if it dies while somebody waits on it, which would otherwise be a
/// use of freed memory some time later.
template <class Io>
class Guarded : public Io {
 public:
  using Io::Io;
  Guarded(Guarded&&) = default;
  Guarded& operator=(Guarded&&) = delete;
  ~Guarded() { ASSERT(waiting_ == 0); }

 private:
  template <class>
  friend class Operation;
  int waiting_ = 0;
};

template <class Io>
class Operation final : public port::Timer {
 public:
  Operation(Io& io, port::Clock& clock) noexcept : io_(io), clock_(clock) {}

  /// What Asio calls when the operation is over.
  struct Completion {
    Operation* operation;
    template <class... Size>
    void operator()(error_code error, Size... size) const {
      operation->complete(error, (std::size_t{0} + ... + size));
    }
  };

  template <class Handler, class Start>
  void begin(Handler handler, Instant deadline, Start& start) {
    slot_ = asio::get_associated_cancellation_slot(handler);
    if (slot_.is_connected()) {
      slot_.assign([this](asio::cancellation_type) { stop(Errc::cancelled); });
    }
    suspended_.hold(std::move(handler));
    ++io_.waiting_;
    if (deadline != never) clock_.arm(*this, deadline);
    start(io_, Completion{this});
  }

  const error_code& error() const noexcept { return error_; }
  std::size_t size() const noexcept { return size_; }
  std::optional<Errc> stopped() const noexcept { return stopped_; }

 private:
  void on_fire() override { stop(Errc::timed_out); }

  void stop(Errc why) noexcept {
    if (stopped_) return;
    stopped_ = why;
    error_code ignored;
    io_.cancel(ignored);
  }

  void complete(error_code error, std::size_t size) {
    --io_.waiting_;
    clock_.disarm(*this);
    if (slot_.is_connected()) slot_.clear();
    error_ = error;
    size_ = size;
    suspended_.resume();
  }

  Io& io_;
  port::Clock& clock_;
  Suspended suspended_;
  asio::cancellation_slot slot_;
  error_code error_;
  std::size_t size_ = 0;
  std::optional<Errc> stopped_;
};

inline Error error_of(const error_code& error) {
  switch (error.value()) {
    case ECONNRESET:
    case EPIPE:
    case ETIMEDOUT:
      return Errc::reset;
    default:
      return Error::from_errno(error.value());
  }
}

inline bool is_open(const auto& io) {
  if constexpr (requires { io.is_open(); }) {
    return io.is_open();
  } else {
    return true;
  }
}

/// Waits until the object is ready for `event`, one of its wait types.
template <auto event>
struct WaitFor {
  template <class Io, class Completion>
  void operator()(Io& io, Completion completion) {
    io.async_wait(event, completion);
  }
  bool enough(std::size_t) noexcept { return true; }
};

/// The size as the answer of an operation that has one.
template <class T>
Result<T> answer_of(std::size_t size) {
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return size;
  }
}

/// Runs `start` on `io`, again and again until it says that it has enough, and returns the size of
/// the last round (0 at the end of a stream). `start(io, completion)` starts one asynchronous
/// operation; `start.enough(size)` hears how it went. `when_closed` is the error if `io` is or gets
/// closed.
template <class T = std::size_t, class Io, class Start>
Task<T> perform(Io& io, port::Clock& clock, Instant deadline, Errc when_closed, Start start) {
  auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    co_return std::unexpected(Errc::cancelled);
  if (deadline != never && deadline <= clock.now()) co_return std::unexpected(Errc::timed_out);
  Operation<Io> operation(io, clock);
  auto suspend = [&operation, &start, deadline](auto handler) {
    operation.begin(std::move(handler), deadline, start);
  };
  for (;;) {
    if (!is_open(io)) co_return std::unexpected(when_closed);
    co_await asio::async_initiate<const asio::use_awaitable_t<port::Executor>, void()>(
        suspend, asio::use_awaitable_t<port::Executor>());
    const error_code& error = operation.error();
    if (!error) {
      if (start.enough(operation.size())) co_return answer_of<T>(operation.size());
      if (operation.stopped()) co_return std::unexpected(*operation.stopped());
      continue;
    }
    if (error == asio::error::eof) co_return answer_of<T>(0);
    if (operation.stopped()) co_return std::unexpected(*operation.stopped());
    // Aborted, but not by us: closed, or the other direction stopped its operation.
    if (error == asio::error::operation_aborted) continue;
    co_return std::unexpected(error_of(error));
  }
}

}  // namespace kith::io::detail
