// StandardInput: the process's standard input, read on a worker, where a read may last for as long
// as a person thinks or a pipe is quiet. It ends when the task that waits for it is cancelled.
#pragma once

#include <kith/api/detail/descriptor.hpp>
#include <kith/base/buffer.hpp>
#include <kith/port/env.hpp>

namespace kith::api {

class StandardInput {
 public:
  /// errno errors if the system gives no descriptor to wake it by.
  static Result<StandardInput> open(port::Env& env);

  /// At most `size_max` bytes, empty at the end. Errc::cancelled, and for good; errno errors.
  Task<Buffer> read(std::size_t size_max);
  /// All that comes; Errc::limit_exceeded above `size_max`.
  Task<Bytes> read_all(std::size_t size_max);

 private:
  StandardInput(port::Env& env, Descriptor terminal, Descriptor wake)
      : env_(&env), terminal_(std::move(terminal)), wake_(std::move(wake)) {}
  Task<void> read_on_worker(std::size_t size_max, Result<Buffer>& into);

  port::Env* env_;
  Descriptor terminal_;  ///< none if the input isn't one
  Descriptor wake_;
};

}  // namespace kith::api
