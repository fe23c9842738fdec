// The varint reader of the decoders here: base's, with this module's errors.
#pragma once

#include <cstdint>

#include <kith/base/varint.hpp>
#include <kith/multiformats/error.hpp>

namespace kith::multiformats::detail {

/// Reads the number at the start of `in` and moves `in` past it; on an error `in` stays.
inline Decoded<std::uint64_t> read_varint(ByteView& in) noexcept {
  auto value = take_varint(in);
  if (value) return *value;
  bool cut = value.error() == VarintError::truncated;
  return std::unexpected(cut ? MultiformatsError::truncated : MultiformatsError::bad_varint);
}

}  // namespace kith::multiformats::detail
