// The limits of the store, in bytes unless the name says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>
#include <kith/ipld/block.hpp>
#include <kith/multiformats/limits.hpp>
#include <kith/port/key_value.hpp>

namespace kith::store {

/// Fixed part of a record in a pack file, before key and data (format.hpp).
inline constexpr std::size_t record_header_bytes = 20;
/// A record's key: a multihash.
inline constexpr std::size_t key_bytes_max = multiformats::multihash_bytes_max;
inline constexpr std::size_t record_bytes_max =
    record_header_bytes + key_bytes_max + ipld::block_bytes_max;
/// The header of a pack file.
inline constexpr std::size_t pack_header_bytes = 32;

/// The path of one of the user's own files.
inline constexpr std::size_t file_path_bytes_max = 4096;

/// Folders of such files whose names are known to be durable.
inline constexpr std::size_t synced_folders_max = 4096;

/// What one gather write takes at most (and the block that passes it).
inline constexpr std::size_t write_step_blocks = 512;
inline constexpr std::size_t write_step_bytes = 8 * 1024 * 1024;
/// From here on one leaves nothing in the system's cache. A batch is what comes while the one
/// before it is synced: a line of 100 Mbit/s takes 170 ms for as much, an `add` or a neighbour a
/// few.
inline constexpr std::size_t bulk_bytes_min = 2 * 1024 * 1024;
static_assert(bulk_bytes_min <= write_step_bytes);
/// What scans read at a time; the largest record fits.
inline constexpr std::size_t scan_window_bytes = 4 * 1024 * 1024;
/// How much one step of a compaction moves while writers wait.
inline constexpr std::size_t compact_step_bytes = 8 * 1024 * 1024;
/// Entries that one commit of a rebuilt index holds.
inline constexpr std::size_t adopt_step_blocks = 16384;

/// Blocks that one page of a listing holds at most.
inline constexpr std::size_t list_page_blocks_max = 4096;
/// Damaged blocks that a report names; beyond that it only counts.
inline constexpr std::size_t report_names_max = 1000;
/// Blocks known to be damaged that are remembered, so that a good copy can replace them.
inline constexpr std::size_t suspects_max = 65536;
/// How often changed files are looked at, which may be again what they were.
inline constexpr Duration files_return_interval = 1min;
/// Damaged packs and changed files that are told of, each once.
inline constexpr std::size_t complaints_max = 1000;

/// A pack of which this share is dead is compacted in the background, this long after a removal
/// (what else is removed by then goes with it), and so many at a time before the next pause.
inline constexpr double compact_dead_share = 0.5;
inline constexpr Duration compact_delay = 10s;
inline constexpr std::size_t compact_packs_a_pass = 4;

static_assert(record_bytes_max <= scan_window_bytes, "a scan must hold the largest record");
static_assert(key_bytes_max <= 255, "a record keeps its key's size in one byte");
static_assert(key_bytes_max <= port::key_bytes_max, "a multihash must fit the index's keys");

}  // namespace kith::store
