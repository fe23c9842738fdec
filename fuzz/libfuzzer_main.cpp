// libFuzzer's entry points: the target is chosen by the environment variable KITH_FUZZ.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "table.hpp"

namespace {
void (*chosen)(kith::ByteView) = nullptr;
}

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* name = std::getenv("KITH_FUZZ");
  for (const kith::fuzz::Target& target : kith::fuzz::targets) {
    if (name != nullptr && target.name == name) chosen = target.run;
  }
  if (chosen != nullptr) return 0;
  std::fputs("set KITH_FUZZ to one of:\n", stderr);
  for (const kith::fuzz::Target& target : kith::fuzz::targets) {
    std::fprintf(stderr, "  %s\n", target.name.data());
  }
  std::exit(2);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chosen({data, size});
  return 0;
}
