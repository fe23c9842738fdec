// What is wrong with a UnixFS node, a tree of them, or a wish of the user about one.
#pragma once

#include <expected>

#include <kith/base/result.hpp>

namespace kith::unixfs {

enum class UnixfsError {
  not_unixfs = 1,  ///< the block's data isn't a UnixFS message, or its codec can't carry one
  unknown_type,    ///< a type this version of the format doesn't have, or Metadata
  links_mismatch,  ///< a file's block sizes and links differ in number
  size_mismatch,   ///< a block is larger or smaller than its parent or itself claims
  named_link,      ///< a file's link has a name
  has_children,    ///< a symlink with links
  bad_mtime,       ///< nanoseconds outside of 1 to 999,999,999
  bad_shard,       ///< a HAMT shard whose parameters, bitfield or links contradict each other
  bad_name,        ///< an entry's name that no file system takes: empty, ".", "..", with "/" or NUL
  duplicate_name,  ///< two entries of one name in a directory
  too_deep,        ///< file_depth_max, path_depth_max, or a HAMT deeper than its hash has bits
  too_many,        ///< one of the limits on entries or children
  too_large,       ///< a block would be larger than block_bytes_max
  not_a_file,
  not_a_directory,
  no_such_entry,  ///< the directory has no entry of this name
  bad_path,       ///< not a path that begins with a CID, or one that leaves its root
  bad_chunker,    ///< not a chunker's description, or one with impossible sizes
  bad_options,    ///< import options that contradict each other
};
const ErrorDomain& error_domain(UnixfsError) noexcept;

template <class T>
using Decoded = std::expected<T, UnixfsError>;

}  // namespace kith::unixfs
