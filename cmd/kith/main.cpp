// kith: command line and daemon.
#include <cstdio>
#include <malloc.h>

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

/// Blocks and batches come and go all the time. Given back to the system each time, as glibc does
/// with large ones, they come again as pages that must be cleared: a fifth of the time of a large
/// `add`. It costs up to kept_bytes_max a thread after much work.
void keep_freed_memory_at_hand() {
  constexpr int mapped_bytes_min = 4 * 1024 * 1024;  // above a block
  constexpr int kept_bytes_max = 8 * 1024 * 1024;    // of each thread's arena
  ::mallopt(M_MMAP_THRESHOLD, mapped_bytes_min);
  ::mallopt(M_TRIM_THRESHOLD, kept_bytes_max);
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_descriptors();
  keep_freed_memory_at_hand();
  auto runtime = kith::io::Runtime::create(kith::api::runtime_options({argv, argv + argc}));
  if (!runtime) {
    std::fprintf(stderr, "Error: %s\n", runtime.error().message().c_str());
    return 1;
  }
  kith::api::StandardTerminal terminal;
  return kith::api::run_command_line(*runtime, terminal, {argv, argv + argc},
                                     kith::api::web_assets());
}
