// How most precompiled contracts read their input: what isn't there is zeros, what is too much is
// ignored (Yellow Paper, appendix E). Thread: any.
#pragma once

#include <algorithm>
#include <array>

#include <kith/base/bytes.hpp>

namespace kith::ledger::detail {

/// The first `size` bytes of the input with zeros after its end.
template <std::size_t size>
std::array<std::uint8_t, size> padded(ByteView input) noexcept {
  std::array<std::uint8_t, size> whole{};
  std::ranges::copy(input.first(std::min(size, input.size())), whole.begin());
  return whole;
}

}  // namespace kith::ledger::detail
