// kith: command line and daemon.
#include <cstdio>

#include <kith/api/cli.hpp>
#include <kith/api/terminal.hpp>
#include <kith/api/web_assets.hpp>
#include <kith/io/runtime.hpp>

int main(int argc, char** argv) {
  kith::io::raise_descriptor_limit();
  auto runtime = kith::io::Runtime::create(kith::api::runtime_options({argv, argv + argc}));
  if (!runtime) {
    std::fprintf(stderr, "Error: %s\n", runtime.error().message().c_str());
    return 1;
  }
  kith::api::StandardTerminal terminal;
  return kith::api::run_command_line(*runtime, terminal, {argv, argv + argc},
                                     kith::api::web_assets());
}
