// Limits of names: what a record from a stranger may make us read.
#pragma once

#include <cstddef>

#include <kith/routing/limits.hpp>

namespace kith::names {

/// An IPNS record (ipfs/specs src/ipns/ipns-record.md, "Record Size Limit").
inline constexpr std::size_t ipns_record_bytes_max = 10 * 1024;
static_assert(ipns_record_bytes_max <= routing::value_bytes_max);

}  // namespace kith::names
