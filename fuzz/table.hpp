// The table of fuzz targets, made from table.inc.
#pragma once

#include <fuzz/kinds.hpp>
#include <string_view>

#include <kith/base/bytes.hpp>

namespace kith::fuzz {

#define KITH_FUZZ(name)             \
  void fuzz_##name(ByteView input); \
  extern Kinds kinds_##name;
#include "table.inc"
#undef KITH_FUZZ

struct Target {
  std::string_view name;
  void (*run)(ByteView input);
  Kinds* kinds;
};

inline constexpr Target targets[] = {
#define KITH_FUZZ(name) {#name, fuzz_##name, &kinds_##name},
#include "table.inc"
#undef KITH_FUZZ
};

}  // namespace kith::fuzz
