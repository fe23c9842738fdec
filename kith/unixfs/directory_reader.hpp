// Reading directories: listing them, plain or sharded, a block at a time, and finding one name.
//
// Listing a sharded directory goes through its shards in order, and tells the source which come
// next. Of two entries of one name in a plain directory the first counts, as the specification
// says; names are given as they are (see name_is_safe). Memory: one block, and the shards not read
// yet (at most walk_entries_max). Shards that link to each other over and over could be walked for
// ever: an entry fits one place only, so there is an end to shards in a row that have none. Loop
// thread. Errors: UnixfsError (not_a_directory, no_such_entry, bad_shard, too_deep, too_many),
// those of the source.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <kith/ipld/block.hpp>
#include <kith/unixfs/hamt.hpp>
#include <kith/unixfs/limits.hpp>
#include <kith/unixfs/node.hpp>

namespace kith::unixfs {

struct ListedEntry {
  std::string name;
  multiformats::Cid cid;
  /// The size of the whole DAG below, as the directory claims it.
  std::uint64_t cumulative_size = 0;
};

class DirectoryReader {
 public:
  /// Reads the root block. The source outlives the reader.
  static Task<DirectoryReader> open(ipld::BlockSource& source, multiformats::Cid root);
  /// Of a block that is here already. `pending_max`: shards that it may know of and not have read.
  static Result<DirectoryReader> over(ipld::BlockSource& source, ipld::Block root,
                                      std::size_t pending_max = walk_entries_max);

  /// The entries of the next block that has some; empty at the end.
  Task<std::vector<ListedEntry>> next_batch();

  const Metadata& metadata() const noexcept { return metadata_; }

 private:
  struct Shard {
    multiformats::Cid cid;
    HamtPosition position;
  };

  explicit DirectoryReader(ipld::BlockSource& source) noexcept : source_(&source) {}
  Result<std::vector<ListedEntry>> read_block(const Node& node, HamtPosition position);

  ipld::BlockSource* source_;
  Metadata metadata_;
  HamtShape shape_;
  std::vector<ListedEntry> first_;
  std::size_t pending_max_ = walk_entries_max;
  /// Shards to read, the next one last.
  std::vector<Shard> pending_;
  /// Shards without an entry since the last one.
  std::size_t barren_ = 0;
};

/// What a directory's root block, or the shards below it, has under a name. `name` isn't empty.
Task<ListedEntry> find_entry(ipld::BlockSource& source, ipld::Block root, std::string name);

}  // namespace kith::unixfs
