// The limits of UnixFS: what a DAG from a stranger may make us hold or do, and what an import keeps
// in memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/ipld/limits.hpp>
#include <kith/multiformats/limits.hpp>

namespace kith::unixfs {

/// Room that the wrapping of a chunk in dag-pb and UnixFS takes (boxo's ChunkOverheadBudget).
inline constexpr std::size_t chunk_overhead_bytes_max = 256;
/// The largest chunk that a chunker may make.
inline constexpr std::size_t chunk_bytes_max = ipld::block_bytes_max - chunk_overhead_bytes_max;
inline constexpr std::size_t rabin_window_bytes = 16;

/// The widest HAMT (UnixFS spec; CVE-2023-23625).
inline constexpr std::uint64_t hamt_fanout_max = 1024;
inline constexpr std::uint64_t hamt_fanout_min = 8;

/// A file's tree: links between its root and its deepest leaf. Trickle trees of 2^64 bytes have
/// less than 40.
inline constexpr std::size_t file_depth_max = 64;
/// Children of a file that its reader has seen and not yet read (about 64 MB).
inline constexpr std::size_t file_pending_max = 1'000'000;
/// Children of one file node, when we build it.
inline constexpr std::size_t file_width_max = 16 * 1024;

/// Steps of a path, and folders inside each other in a tree that is imported or exported.
inline constexpr std::size_t path_depth_max = 256;
inline constexpr std::size_t path_bytes_max = 16 * 1024;
/// A name in a directory. File systems take 255 bytes; nothing says that a DAG's names do.
inline constexpr std::size_t name_bytes_max = 4096;
/// What a symlink points to (PATH_MAX).
inline constexpr std::size_t symlink_bytes_max = 4096;
/// Entries of one tree that an import keeps in memory until it knows all of them.
inline constexpr std::size_t import_entries_max = 10'000'000;
/// Entries that a walk over a tree has seen and not yet given out.
inline constexpr std::size_t walk_entries_max = 2'000'000;
/// Entries of a tree that is walked for export, altogether.
inline constexpr std::size_t tree_entries_max = 50'000'000;

/// An import's memory for data that is read, hashed or on its way to the sink.
inline constexpr std::size_t import_bytes_in_flight_max = 32 * 1024 * 1024;
/// Chunks are hashed in groups of this many bytes, so that small chunks don't drown in hand-overs.
inline constexpr std::size_t import_group_bytes = 1024 * 1024;
/// To hash so little takes less time than to hand it over. With what each chunk costs, and room for
/// one's bookkeeping.
inline constexpr std::size_t import_hash_here_bytes_max = 16 * 1024 + 512;
/// Blocks handed to the sink at once.
inline constexpr std::size_t import_put_bytes = 4 * 1024 * 1024;

/// Leaves that a reader asks for ahead of what it reads.
inline constexpr std::size_t read_ahead_blocks = 64;
inline constexpr std::size_t read_ahead_bytes = 32 * 1024 * 1024;

static_assert(import_group_bytes <= import_bytes_in_flight_max / 4);
static_assert(chunk_bytes_max <= import_bytes_in_flight_max / 4);

}  // namespace kith::unixfs
