// StandardInput: the process's standard input, or a named pipe in its place, read on a worker,
// where a read may last for as long as a person thinks or a pipe is quiet. It ends when the task
// that waits for it is cancelled.
#pragma once

#include <kith/base/buffer.hpp>
#include <kith/io/descriptor.hpp>
#include <kith/port/env.hpp>

namespace kith::io {

class StandardInput {
 public:
  /// errno errors if the system gives no descriptor to wake it by.
  static Result<StandardInput> open(port::Env& env);

  /// The same for a pipe that has a name (`<(...)`, mkfifo). Errc::unsupported for what is none;
  /// errno errors.
  static Result<StandardInput> open_pipe(port::Env& env, const std::string& path);

  /// At most `size_max` bytes, empty at the end. Errc::cancelled, and for good; errno errors.
  Task<Buffer> read(std::size_t size_max);
  /// All that comes; Errc::limit_exceeded above `size_max`.
  Task<Bytes> read_all(std::size_t size_max);

 private:
  static Result<StandardInput> with_waker(port::Env& env, Descriptor own);
  StandardInput(port::Env& env, Descriptor own, Descriptor wake)
      : env_(&env), own_(std::move(own)), wake_(std::move(wake)) {}
  Task<void> read_on_worker(std::size_t size_max, Result<Buffer>& into);

  port::Env* env_;
  Descriptor own_;  ///< none if descriptor 0 is read itself
  Descriptor wake_;
};

}  // namespace kith::io
