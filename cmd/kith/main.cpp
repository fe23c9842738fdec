// kith: command line and daemon.
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

#include <kith/api/cli.hpp>
#include <kith/api/terminal.hpp>
#include <kith/api/web_assets.hpp>
#include <kith/io/runtime.hpp>

namespace {

/// Who starts us without standard descriptors would have the next files and sockets take their
/// numbers, and get what is meant to be read by a person.
void occupy_standard_descriptors() {
  int number = 0;
  do {
    number = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  } while (number >= 0 && number <= STDERR_FILENO);
  if (number >= 0) ::close(number);
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_descriptors();
  auto runtime = kith::io::Runtime::create(kith::api::runtime_options({argv, argv + argc}));
  if (!runtime) {
    std::fprintf(stderr, "Error: %s\n", runtime.error().message().c_str());
    return 1;
  }
  kith::api::StandardTerminal terminal;
  return kith::api::run_command_line(*runtime, terminal, {argv, argv + argc},
                                     kith::api::web_assets());
}
