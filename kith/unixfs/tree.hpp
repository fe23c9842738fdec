// TreeWalk: everything below a root, as `get` writes it to a disk: directories before what is in
// them, depth first.
//
// It reads root blocks of entries, never the leaves of files, and tells the source which come next.
// Names that no disk should see (name_is_safe) end it with bad_name, so that no entry can land
// outside of the place it was meant for; a symlink's target is given as it is, and whoever makes
// links decides whether to follow them (don't). Memory: the open directories' blocks. Limits:
// path_depth_max, tree_entries_max. Loop thread. Errors: UnixfsError, those of the source.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <kith/ipld/block.hpp>
#include <kith/unixfs/directory_reader.hpp>
#include <kith/unixfs/stat.hpp>

namespace kith::unixfs {

struct TreeEntry {
  /// Names joined by "/", relative to the root; empty for the root itself.
  std::string path;
  Stat stat;
};

class TreeWalk {
 public:
  /// The source outlives the walk.
  TreeWalk(ipld::BlockSource& source, multiformats::Cid root) noexcept
      : source_(&source), root_(std::move(root)) {}

  /// The next entry; the root is the first; nothing at the end.
  Task<std::optional<TreeEntry>> next();

 private:
  struct Open {
    std::string prefix;
    DirectoryReader reader;
    std::vector<ListedEntry> batch;
    std::size_t at = 0;
  };

  Task<std::optional<TreeEntry>> enter(std::string path, multiformats::Cid cid);
  void request_ahead(const Open& directory);

  ipld::BlockSource* source_;
  multiformats::Cid root_;
  std::vector<Open> open_;
  std::size_t entries_ = 0;
  bool started_ = false;
};

}  // namespace kith::unixfs
