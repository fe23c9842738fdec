// What routing takes, whoever implements it.
#pragma once

#include <cstddef>

namespace kith::routing {

/// A key: "/pk/" or "/ipns/" and a peer id, or a multihash.
inline constexpr std::size_t key_bytes_max = 160;
/// A value. An IPNS record has at most 10 KiB (ipfs/specs src/ipns/ipns-record.md), and a message
/// with one must stay below the 16 KiB that rust-libp2p takes.
inline constexpr std::size_t value_bytes_max = 12 * 1024;

}  // namespace kith::routing
