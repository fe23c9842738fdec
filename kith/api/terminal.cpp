#include <csignal>

#include <sys/ioctl.h>
#include <unistd.h>

#include <kith/api/detail/descriptor.hpp>
#include <kith/api/terminal.hpp>

namespace kith::api {

StandardTerminal::StandardTerminal()
    : out_is_terminal_(::isatty(STDOUT_FILENO) == 1),
      err_is_terminal_(::isatty(STDERR_FILENO) == 1) {
  std::signal(SIGPIPE, SIG_IGN);
}

Result<void> StandardTerminal::out(std::string_view text) {
  return write_fully(STDOUT_FILENO, as_bytes(text));
}
Result<void> StandardTerminal::err(std::string_view text) {
  return write_fully(STDERR_FILENO, as_bytes(text));
}

int StandardTerminal::columns() const {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace kith::api
