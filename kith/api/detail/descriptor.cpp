#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <kith/api/detail/descriptor.hpp>

namespace kith::api {
namespace {

/// The only signals that have handlers ask the program to end, so what one of them interrupts ends.
Error failed(const std::string& doing) {
  if (errno == EINTR) return Errc::cancelled;
  return Error::from_errno(errno, doing);
}

Result<void> wait_writable(int descriptor) {
  pollfd watched{descriptor, POLLOUT, 0};
  if (::poll(&watched, 1, -1) < 0) return std::unexpected(failed("write"));
  return {};
}

}  // namespace

Result<io::Descriptor> open_for_writing(const std::string& path) {
  int number = ::open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (number < 0) return std::unexpected(failed("open " + path));
  return io::Descriptor(number);
}

Result<void> write_fully(int descriptor, ByteView bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      KITH_CHECK(wait_writable(descriptor));
    } else {
      return std::unexpected(failed("write"));
    }
  }
  return {};
}

}  // namespace kith::api
