#include <cerrno>
#include <csignal>

#include <sys/ioctl.h>
#include <unistd.h>

#include <kith/api/terminal.hpp>

namespace kith::api {
namespace {

Result<void> write_fully(int descriptor, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(Error::from_errno(errno, "write"));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

StandardTerminal::StandardTerminal()
    : out_is_terminal_(::isatty(STDOUT_FILENO) == 1),
      err_is_terminal_(::isatty(STDERR_FILENO) == 1) {
  std::signal(SIGPIPE, SIG_IGN);
}

Result<void> StandardTerminal::out(std::string_view text) {
  return write_fully(STDOUT_FILENO, text);
}
Result<void> StandardTerminal::err(std::string_view text) {
  return write_fully(STDERR_FILENO, text);
}

int StandardTerminal::columns() const {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace kith::api
