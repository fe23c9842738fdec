// Directories, made from all their entries at once: one block, or a HAMT once they are too large
// for it. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include <kith/ipld/block.hpp>
#include <kith/unixfs/node.hpp>
#include <kith/unixfs/options.hpp>

namespace kith::unixfs {

struct DirectoryEntry {
  std::string name;
  multiformats::Cid cid;
  std::uint64_t cumulative_size = 0;
};

struct MadeNode {
  multiformats::Cid cid;
  std::uint64_t cumulative_size = 0;
  bool sharded = false;
};

/// Makes a directory; its blocks are appended to `out`, children first. Errors: duplicate_name,
/// bad_name, too_deep (two names of one hash), BlockMaker's.
Result<MadeNode> make_directory(const ImportOptions& options, const BlockMaker& maker,
                                std::vector<DirectoryEntry> entries, const Metadata& metadata,
                                std::vector<ipld::Block>& out);

/// What the options compare with hamt_threshold_bytes. 0 if they don't.
std::uint64_t estimate_directory_size(const ImportOptions& options,
                                      const std::vector<DirectoryEntry>& entries,
                                      const Metadata& metadata);

/// A symlink. bad_name for an empty target or one above symlink_bytes_max.
Result<MadeNode> make_symlink(const BlockMaker& maker, std::string_view target,
                              const Metadata& metadata, std::vector<ipld::Block>& out);

}  // namespace kith::unixfs
