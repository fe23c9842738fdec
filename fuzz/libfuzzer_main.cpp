// libFuzzer's entry points: the target is chosen by the environment variable KITH_FUZZ.
//
// With KITH_FUZZ_PLANT=FOLDER the target has an overflow on purpose, behind its last kind
// (kinds.hpp), for all inputs but the seeds in that folder: libFuzzer has to make one of its own
// that gets there.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "table.hpp"

namespace {

const kith::fuzz::Target* chosen = nullptr;
bool plants = false;
std::set<kith::Bytes> spared;

void spare_seeds(const char* folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    spared.emplace(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* name = std::getenv("KITH_FUZZ");
  for (const kith::fuzz::Target& target : kith::fuzz::targets) {
    if (name != nullptr && target.name == name) chosen = &target;
  }
  if (const char* folder = std::getenv("KITH_FUZZ_PLANT")) {
    plants = true;
    spare_seeds(folder);
  }
  if (chosen != nullptr) return 0;
  std::fputs("set KITH_FUZZ to one of:\n", stderr);
  for (const kith::fuzz::Target& target : kith::fuzz::targets) {
    std::fprintf(stderr, "  %s\n", target.name.data());
  }
  std::exit(2);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const kith::ByteView input(data, size);
  if (plants) kith::fuzz::plant_overflow(!spared.contains(kith::Bytes(data, data + size)));
  chosen->run(input);
  return 0;
}
