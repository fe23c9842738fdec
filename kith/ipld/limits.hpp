// The limits of the IPLD codecs, archives and walks: what a block or a file from a stranger may
// make us read, hold or do.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/ipld/block.hpp>
#include <kith/multiformats/limits.hpp>

namespace kith::ipld {

/// A dag-pb link takes at least a tag, a length and a hash of 4 bytes with tag and length.
inline constexpr std::size_t dag_pb_link_bytes_min = 8;
/// So a block has no more links than this, and no other limit is needed.
inline constexpr std::size_t dag_pb_links_max = block_bytes_max / dag_pb_link_bytes_min;

/// Lists and maps inside each other. Each level is a call, so it is also a limit of stack.
inline constexpr std::size_t value_depth_max = 256;
/// Values in one block, keys included: 2 MiB of one-byte values would take 50 times their size.
inline constexpr std::size_t values_max = 500'000;

/// A CAR's header: a root takes about 41 bytes, so more than 20,000 roots.
inline constexpr std::size_t car_header_bytes_max = 1024 * 1024;
/// A CAR's section: a CID and a block.
inline constexpr std::size_t car_section_bytes_max = block_bytes_max + multiformats::cid_bytes_max;

/// Links from a walk's root to its deepest block. Deeper than any tree that a program builds: a
/// binary tree over 2^64 blocks has 64.
inline constexpr std::size_t walk_depth_max = 1024;
/// Links that a walk has seen and not yet followed (48 MB); a tree of 174 or 1,024 links a node
/// never has more than some thousands.
inline constexpr std::size_t walk_pending_max = 1'000'000;
/// Different blocks of a walk that visits each once (about 1 GB at the limit; 10 TiB of 1 MiB
/// blocks).
inline constexpr std::size_t walk_visited_max = 10'000'000;

}  // namespace kith::ipld
