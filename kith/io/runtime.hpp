// Runtime: the machine as a port::Env: one event loop, its clock, threads for work, the network,
// files, the key-value store, randomness, the log.
//
//   KITH_TRY(io::Runtime runtime, io::Runtime::create());
//   return runtime.run(serve(runtime));        // a Task<void>; runs until it has ended
//
// The thread that calls run() is the loop's; everything in the Env that isn't said to be thread
// safe belongs to it. Structured concurrency holds at the end, too: when the Runtime dies, no task,
// timer or job of it may be left (asserted where it can be seen).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include <kith/port/env.hpp>

namespace kith::io {

struct RuntimeOptions {
  /// Threads for work; 0: one for each core.
  std::size_t workers = 0;
  /// Log levels such as "net=debug,info"; if absent, those of the environment's KITH_LOG.
  std::optional<std::string> log_levels;
  /// Name servers as "192.0.2.1:53,[2001:db8::1]:53"; empty: the system's.
  std::string name_servers;
};

/// Lets the process open as many files and sockets as the system allows it: the limit that programs
/// start with is an old one, for the sake of select(). For programs that have many peers.
void raise_descriptor_limit() noexcept;

class Runtime {
 public:
  /// Errc::invalid_argument for log levels that make no sense; errno errors if the system gives no
  /// loop or no threads.
  static Result<Runtime> create(const RuntimeOptions& options = {});
  Runtime(Runtime&&) noexcept;
  Runtime& operator=(Runtime&&) = delete;
  ~Runtime();

  port::Env& env() noexcept;

  /// Runs the loop until `task` has ended and returns what it returned. May be called again.
  Result<void> run(Task<void> task);

  /// The next SIGINT or SIGTERM, by number. From the first call on these signals don't end the
  /// process any more; none that comes between two calls is lost. One task at a time.
  Task<int> wait_signal();

 private:
  struct State;
  explicit Runtime(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace kith::io
