#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kith/io/standard_input.hpp>
#include <kith/port/task_group.hpp>

namespace kith::io {
namespace {

/// A terminal throws away what was typed when Ctrl-C comes, so a read of what poll() has seen may
/// wait for more. The terminal is opened a second time, where reads don't wait; the descriptor that
/// we were given is shared with others, and stays as it is.
Descriptor unblocked_terminal() {
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  return Descriptor(
      terminal ? ::open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1);
}

/// Waits for input or for the waker, and reads what is there.
Result<Buffer> read_unless_woken(int from, int wake, std::size_t size_max) {
  for (;;) {
    pollfd watched[] = {{from, POLLIN, 0}, {wake, POLLIN, 0}};
    int ready = ::poll(watched, 2, -1);
    if (ready > 0 && watched[1].revents != 0) return std::unexpected(Errc::cancelled);
    if (ready > 0) {
      Buffer buffer = Buffer::allocate(size_max);
      ssize_t got = ::read(from, buffer.mutable_bytes().data(), buffer.size());
      if (got >= 0) {
        buffer.truncate(static_cast<std::size_t>(got));
        return buffer;
      }
    }
    // Somebody else may have read what was there.
    if (errno != EINTR && errno != EAGAIN) {
      return std::unexpected(Error::from_errno(errno, "standard input"));
    }
  }
}

}  // namespace

Result<StandardInput> StandardInput::with_waker(port::Env& env, Descriptor own) {
  Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake.number() < 0) return std::unexpected(Error::from_errno(errno, "standard input"));
  return StandardInput(env, std::move(own), std::move(wake));
}

Result<StandardInput> StandardInput::open(port::Env& env) {
  return with_waker(env, unblocked_terminal());
}

Result<StandardInput> StandardInput::open_pipe(port::Env& env, const std::string& path) {
  // Without waiting for a writer: that is what reading does.
  Descriptor pipe(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat info = {};
  if (pipe.number() < 0 || ::fstat(pipe.number(), &info) != 0)
    return std::unexpected(Error::from_errno(errno, path));
  if (!S_ISFIFO(info.st_mode)) {
    return std::unexpected(
        Error(Errc::unsupported, path + " is neither a file, a folder, a symlink nor a pipe"));
  }
  return with_waker(env, std::move(pipe));
}

Task<void> StandardInput::read_on_worker(std::size_t size_max, Result<Buffer>& into) {
  const int from = own_.number() >= 0 ? own_.number() : STDIN_FILENO;
  auto work = [this, from, size_max] { return read_unless_woken(from, wake_.number(), size_max); };
  into = co_await port::run_on(env_->pool, work);
  co_return Result<void>{};
}

Task<Buffer> StandardInput::read(std::size_t size_max) {
  Result<Buffer> outcome;
  port::TaskGroup reading(env_->executor, env_->clock, 1);
  reading.spawn(read_on_worker(size_max, outcome));
  auto joined = co_await reading.join();
  if (joined) co_return outcome;
  std::uint64_t one = 1;
  static_cast<void>(::write(wake_.number(), &one, sizeof one));
  co_await reading.join_shielded();
  co_return std::unexpected(joined.error());
}

Task<Bytes> StandardInput::read_all(std::size_t size_max) {
  constexpr std::size_t read_bytes = 64 * 1024;
  Bytes all;
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await read(read_bytes));
    if (part.empty()) co_return all;
    if (part.size() > size_max - all.size()) {
      co_return std::unexpected(Error(Errc::limit_exceeded, "standard input is too long"));
    }
    append(all, part);
  }
}

}  // namespace kith::io
