// Task<T>: the return type of every coroutine, a lazily started boost::asio::awaitable<Result<T>>.
// Nobody else names asio::awaitable. A Task runs when it is awaited or given to a TaskGroup, on the
// one event loop.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <kith/base/result.hpp>

namespace kith::port {

using Executor = boost::asio::any_io_executor;

template <class T = void>
using Task = boost::asio::awaitable<Result<T>, Executor>;

/// Lets everything else that is ready run first. Errc::cancelled if the task is cancelled.
Task<void> yield();

/// True once the calling task is cancelled: for long loops that don't wait.
boost::asio::awaitable<bool, Executor> is_cancelled();

}  // namespace kith::port

namespace kith {
using port::Task;
}
