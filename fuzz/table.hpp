// The table of fuzz targets, made from table.inc.
#pragma once

#include <string_view>

#include <kith/base/bytes.hpp>

namespace kith::fuzz {

#define KITH_FUZZ(name) void fuzz_##name(ByteView input);
#include "table.inc"
#undef KITH_FUZZ

struct Target {
  std::string_view name;
  void (*run)(ByteView input);
};

inline constexpr Target targets[] = {
#define KITH_FUZZ(name) {#name, fuzz_##name},
#include "table.inc"
#undef KITH_FUZZ
};

}  // namespace kith::fuzz
