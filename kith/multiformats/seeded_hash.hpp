// SeededHash: the hash for unordered tables that strangers fill.
//
// std::hash of these types is the same everywhere, and whoever sends us CIDs chooses their bytes:
// such a table takes a seed from the node's randomness, or is ordered. Thread: any.
#pragma once

#include <cstdint>

#include <kith/multiformats/detail/short_bytes.hpp>

namespace kith::multiformats {

struct SeededHash {
  std::uint64_t seed;

  /// For Cid, Multihash, PeerId and Multiaddr.
  template <class Value>
  std::size_t operator()(const Value& value) const noexcept {
    return detail::hash_bytes(value.bytes(), seed);
  }
};

}  // namespace kith::multiformats
